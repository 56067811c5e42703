"""Our errors as google.rpc.Status and back (AIP-193: ErrorInfo, BadRequest, RetryInfo).

A peer gets the error's id, its family, what was expected and what to do; never `found` and never `where`,
which may name files, values or other participants of ours. What comes from a peer is bounded and stripped
of control characters before anybody sees it, and is always told as the peer's word.
"""

import re
from dataclasses import dataclass

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from carbonport.errors import (
    CarbonportError,
    FailedVerification,
    Malformed,
    Misuse,
    Refused,
    Unavailable,
)

STATUS_KEY = "grpc-status-details-bin"
"""Trailing metadata that carries the status (gRPC's own convention)."""

DOMAIN = "carbonport"
"""ErrorInfo domain of our ids."""

MAX_STATUS_BYTES = 8192
"""Longest status read from a peer; also what gRPC allows as metadata by default."""

MAX_SENTENCE_CHARACTERS = 500
"""Longest `expected` or `remedy` sent, or taken from a peer."""

MAX_VIOLATIONS = 50
"""Most field violations sent or taken."""

ID_PATTERN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""An error id."""

_CODES = {
    Malformed: grpc.StatusCode.INVALID_ARGUMENT,
    FailedVerification: grpc.StatusCode.FAILED_PRECONDITION,
    Misuse: grpc.StatusCode.INVALID_ARGUMENT,
    Refused: grpc.StatusCode.PERMISSION_DENIED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
}
_FAMILIES: dict[str, type[CarbonportError]] = {family.family: family for family in _CODES}


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request and what is wrong with it; says the rule, never the value."""

    field: str
    description: str


class RequestMalformed(Malformed):
    """A request broke the rules of its message; `violations` says where."""

    def __init__(
        self,
        error_id: str,
        violations: tuple[FieldViolation, ...],
        *,
        found: str,
        expected: str,
        remedy: str,
        where: str = "",
    ) -> None:
        super().__init__(error_id, found=found, expected=expected, remedy=remedy, where=where)
        self.violations = violations


class Overloaded(Unavailable):
    """Too much is waiting; the same call may succeed after `retry_after_s` seconds. Not retried by itself."""

    def __init__(
        self,
        error_id: str,
        *,
        found: str,
        expected: str,
        remedy: str,
        where: str = "",
        retry_after_s: int = 1,
    ) -> None:
        super().__init__(error_id, found=found, expected=expected, remedy=remedy, where=where)
        self.retry_after_s = retry_after_s


def to_status(error: CarbonportError) -> status_pb2.Status:
    """What a peer is told about an error."""
    info = error_details_pb2.ErrorInfo(
        reason=error.id.upper().replace("-", "_")[:63],
        domain=DOMAIN,
        metadata={
            "id": error.id,
            "family": error.family,
            "expected": error.expected[:MAX_SENTENCE_CHARACTERS],
            "remedy": error.remedy[:MAX_SENTENCE_CHARACTERS],
        },
    )
    code = next(
        (code for family, code in _CODES.items() if isinstance(error, family)), grpc.StatusCode.UNKNOWN
    )
    details = [_any(info)]
    if isinstance(error, RequestMalformed):
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=item.field, description=item.description)
            for item in error.violations[:MAX_VIOLATIONS]
        ]
        details.append(_any(error_details_pb2.BadRequest(field_violations=violations)))
    if isinstance(error, Overloaded):
        code = grpc.StatusCode.RESOURCE_EXHAUSTED
        delay = duration_pb2.Duration(seconds=error.retry_after_s)
        details.append(_any(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(code=code.value[0], message=error.id, details=details)


def status_code(status: status_pb2.Status) -> grpc.StatusCode:
    """The gRPC code of a status."""
    return next((code for code in grpc.StatusCode if code.value[0] == status.code), grpc.StatusCode.UNKNOWN)


def from_rpc_error(error: grpc.aio.AioRpcError, peer: str) -> CarbonportError:
    """The error that a failed call to `peer` means: the peer's own one when it sent one, else one of the
    transport.
    """
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_KEY and isinstance(value, bytes) and len(value) <= MAX_STATUS_BYTES:
            told = _read_status(value, peer)
            if told is not None:
                return told
    return _transport_error(error, peer)


def _read_status(content: bytes, peer: str) -> CarbonportError | None:
    try:
        status = status_pb2.Status.FromString(content)
    except DecodeError:
        return None
    info, request, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    for detail in status.details[:8]:
        for message in (info, request, retry):
            if detail.Is(message.DESCRIPTOR):
                try:
                    detail.Unpack(message)
                except DecodeError:
                    return None
    family = _FAMILIES.get(info.metadata.get("family", ""))
    error_id = info.metadata.get("id", "")
    if info.domain != DOMAIN or family is None or len(error_id) > 64 or not ID_PATTERN.fullmatch(error_id):
        return None
    found = f"so says {peer}"
    expected, remedy = (_bounded(info.metadata.get(name, "")) for name in ("expected", "remedy"))
    if request.field_violations and family is Malformed:
        violations = tuple(
            FieldViolation(_bounded(item.field), _bounded(item.description))
            for item in request.field_violations[:MAX_VIOLATIONS]
        )
        return RequestMalformed(
            error_id, violations, found=found, expected=expected, remedy=remedy, where=peer
        )
    if retry.HasField("retry_delay") and family is Unavailable:
        delay = min(max(retry.retry_delay.seconds, 1), 3600)
        return Overloaded(
            error_id, found=found, expected=expected, remedy=remedy, where=peer, retry_after_s=delay
        )
    return family(error_id, found=found, expected=expected, remedy=remedy, where=peer)


def _transport_error(error: grpc.aio.AioRpcError, peer: str) -> CarbonportError:
    code = error.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unavailable(
            "transport-deadline",
            found="no answer within the deadline",
            expected="an answer in time",
            remedy="Try again; with the same request id nothing happens twice.",
            where=peer,
        )
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in (error.details() or ""):
        return Misuse(
            "transport-message-size",
            found="a message larger than the limit",
            expected="messages within the limits of both nodes ([limits] max_message_bytes)",
            remedy="Ask for less at once, or raise the limit on both sides.",
            where=peer,
        )
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return Misuse(
            "transport-method-unknown",
            found="a node without this service",
            expected="a peer whose role offers the method",
            remedy="Check that the peer is the one meant, and its version.",
            where=peer,
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unavailable(
            "transport-peer-unreachable",
            found=_bounded(error.details() or "no connection"),
            expected=(
                "a node that listens at its listed endpoint and shows a certificate its trust list "
                "vouches for"
            ),
            remedy=(
                "Check the endpoint, that the peer is running, and that both sides have the newest trust "
                "lists."
            ),
            where=peer,
        )
    return Unavailable(
        "transport-call-failed",
        found=f"gRPC status {code.name}",
        expected="an answer or an error of Carbonport",
        remedy="Try again; if it stays, the peer's operator finds the cause in its log.",
        where=peer,
    )


def _bounded(text: str) -> str:
    return re.sub(r"[^\x20-\x7e\xa0-\u1fff\u2010-\u2027\u2030-\uffff]", " ", text[:MAX_SENTENCE_CHARACTERS])


def _any(
    message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
