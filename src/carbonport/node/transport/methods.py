"""Every method a node may serve: who may call it, whether it may be repeated, and the rules of its request.

A method that is not in this table is served to nobody and called by nobody. `idempotent` means that a
repeated call has the effect of one; only such calls are retried, and only when the peer was unavailable.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.message import Message

from carbonport.attestation.lots.consignment_key import GIVE_BACK_BYTES, KEY_BYTES
from carbonport.attestation.lots.lot_leaves import MAX_LOT_ENTRIES
from carbonport.attestation.statement_draft import MAX_GOODS
from carbonport.crypto.receipt import MAX_RECEIPT_BYTES
from carbonport.crypto.sums.bfv_constants import (
    MAX_CIPHERTEXT_BYTES,
    MAX_PUBLIC_CONTEXT_BYTES,
    MIN_CIPHERTEXT_BYTES,
)
from carbonport.crypto.sums.threshold import MAX_HOLDERS
from carbonport.federated.flower.members import MAX_KEY_BYTES
from carbonport.footprint.obligation.published_values import PublishedTable
from carbonport.node.identity.names import Role
from carbonport.node.transport.door import (
    Check,
    Door,
    data,
    iso_date,
    matching,
    number,
    one_of,
    plain_decimal,
    repeated,
    request_id,
    text,
)
from carbonport.wire.v1 import (
    aggregation_pb2,
    echo_pb2,
    exchange_pb2,
    federation_pb2,
    log_pb2,
    lots_pb2,
    status_pb2,
)

EVERYONE = frozenset(Role)
"""Any participant that a current trust list names, whatever its role."""

SMALL_REQUEST_BYTES = 16 * 1024
"""Largest request of a method that takes names and numbers only."""

ECHO_BYTES = 4 * 2**20
"""Largest payload of the yardstick."""

ADD_CHECKPOINT_BYTES = 96 * 1024
"""An add-checkpoint body: 63 proof lines and a note of at most 64 KiB."""

MAX_INSTALLATION_CHARACTERS = 256
"""Longest name of an installation in a request."""

MAX_ITEMS = 200
"""Most items one request may name."""

MAX_SHOWN_BYTES = 6 * 2**20
"""Longest statement that a witness is shown; with its receipt it fits a message of the default size."""
MAX_DOCUMENT_CHARACTERS = 3 * 2**20
"""Longest signed document of an aggregation session in a request."""

DOCUMENT_REQUEST_BYTES = 7 * 2**20
"""Largest request that brings documents, contexts or ciphertexts of a session."""

MAX_ENTRIES = 10_000
"""Most log entries one answer is asked for."""


@dataclass(frozen=True, slots=True)
class MethodRule:
    """What holds for one unary method. `door` checks the request; `max_request_bytes` before it is parsed."""

    roles: frozenset[Role]
    idempotent: bool
    request: type[Message]
    door: Door
    max_request_bytes: int = SMALL_REQUEST_BYTES


_purpose = matching(r"[a-z][a-z0-9-]{0,63}", "a purpose in small letters")
_cn = matching(r"[0-9]{8}", "a CN code of eight digits")
_item = matching(r"[a-z0-9][a-z0-9_./-]{0,127}", "the name of an item")
_attestation_id = matching(r"[A-Za-z0-9][A-Za-z0-9:/._-]{0,199}", "an attestation id")
_uri = matching(r"[!-~]{1,512}", "a URI of at most 512 visible characters")
_lot_origin = matching(r"[!-*,-~]{1,255}", "the origin of a log or of a lot")
_session = matching(r"[0-9a-f]{64}", "the name of a session: 32 bytes in lowercase hex")
_participant = matching(r"[A-Z]{2}/[A-Z0-9]{4,35}", "a participant id")
_attempt = number(0, 2)
_token = text(max_characters=MAX_DOCUMENT_CHARACTERS)
_optional_token = text(max_characters=MAX_DOCUMENT_CHARACTERS, min_characters=0)


def _rule(
    roles: frozenset[Role],
    door: Door,
    request: type[Message],
    *,
    max_request_bytes: int = SMALL_REQUEST_BYTES,
) -> MethodRule:
    return MethodRule(roles, True, request, door, max_request_bytes)


def _aggregation_rules() -> Mapping[str, MethodRule]:
    """A coordinator's methods: what contributors, holders and releasers may bring and ask for."""
    exporter, holder = frozenset({Role.EXPORTER}), frozenset({Role.KEY_HOLDER})
    releaser = frozenset({Role.REGULATOR})
    pb, named = aggregation_pb2, exporter | holder | releaser
    of_attempt: dict[str, Check] = {"session": _session, "attempt": _attempt}
    context = data(min_bytes=1, max_bytes=MAX_PUBLIC_CONTEXT_BYTES)
    ciphertext = data(min_bytes=MIN_CIPHERTEXT_BYTES, max_bytes=MAX_CIPHERTEXT_BYTES)
    contribution: dict[str, Check] = {
        "contribution": _token,
        "statement": _token,
        "receipt": data(min_bytes=1, max_bytes=MAX_RECEIPT_BYTES),
        "opening_receipt": data(max_bytes=MAX_RECEIPT_BYTES),
    }
    words: dict[str, Check] = dict.fromkeys(("vote", "answer", "closing", "finding"), _optional_token)
    rules: tuple[tuple[str, frozenset[Role], type[Message], dict[str, Check]], ...] = (
        ("ListSessions", named, pb.ListSessionsRequest, {}),
        (
            "SubmitHolderKeys",
            holder,
            pb.SubmitHolderKeysRequest,
            {"session": _session, "announcement": _token, "context": context},
        ),
        ("GetPlan", named, pb.GetPlanRequest, {"session": _session}),
        (
            "GetHolderContext",
            named,
            pb.GetHolderContextRequest,
            {"session": _session, "holder": _participant},
        ),
        ("SubmitConsent", exporter, pb.SubmitConsentRequest, {"session": _session, "consent": _token}),
        ("SubmitContribution", exporter, pb.SubmitContributionRequest, {**of_attempt, **contribution}),
        (
            "SubmitCiphertext",
            exporter,
            pb.SubmitCiphertextRequest,
            {**of_attempt, "holder": number(1, MAX_HOLDERS), "ciphertext": ciphertext},
        ),
        ("GetProposal", holder | releaser, pb.GetProposalRequest, {**of_attempt, "start": number(0, 2**20)}),
        ("GetTotal", holder, pb.GetTotalRequest, {**of_attempt, "cohort": text(max_characters=64)}),
        ("GetShare", holder, pb.GetShareRequest, {**of_attempt, "contributor": _participant}),
        ("SubmitWords", holder, pb.SubmitWordsRequest, {**of_attempt, **words}),
        ("SubmitVerdict", releaser, pb.SubmitVerdictRequest, {**of_attempt, "verdict": _token}),
        ("GetBallot", named, pb.GetBallotRequest, of_attempt),
        ("GetContribution", exporter, pb.GetContributionRequest, of_attempt),
        (
            "GetResult",
            EVERYONE,
            pb.GetResultRequest,
            {"session": _session, "offset": number(0, 2**40)},
        ),
    )
    return {
        f"/carbonport.wire.v1.AggregationService/{name}": _rule(
            roles,
            Door(request, checks),
            request,
            max_request_bytes=DOCUMENT_REQUEST_BYTES if name.startswith("Submit") else SMALL_REQUEST_BYTES,
        )
        for name, roles, request, checks in rules
    }


METHODS: Mapping[str, MethodRule] = {
    "/carbonport.wire.v1.EchoService/Echo": _rule(
        EVERYONE,
        Door(echo_pb2.EchoRequest, {"payload": data(max_bytes=ECHO_BYTES)}),
        echo_pb2.EchoRequest,
        max_request_bytes=ECHO_BYTES + 64,
    ),
    "/carbonport.wire.v1.ExchangeService/RequestAttestation": _rule(
        frozenset({Role.IMPORTER}),
        Door(
            exchange_pb2.RequestAttestationRequest,
            {
                "request_id": request_id,
                "purpose": _purpose,
                "cn": _cn,
                "period_start": iso_date,
                "period_end": iso_date,
                "consignment": text(max_characters=128),
                "net_mass_t": plain_decimal,
                "items": repeated(_item, max_items=MAX_ITEMS),
                "consignment_key": data(min_bytes=KEY_BYTES, max_bytes=KEY_BYTES),
                "form": one_of("", "commitment"),
                "installation": text(max_characters=MAX_INSTALLATION_CHARACTERS, min_characters=0),
            },
        ),
        exchange_pb2.RequestAttestationRequest,
        max_request_bytes=32 * 1024,
    ),
    "/carbonport.wire.v1.ExchangeService/RequestThreshold": _rule(
        frozenset({Role.IMPORTER}),
        Door(
            exchange_pb2.RequestThresholdRequest,
            {
                "request_id": request_id,
                "purpose": _purpose,
                "cn": _cn,
                "period_start": iso_date,
                "period_end": iso_date,
                "table": one_of(*PublishedTable),
            },
        ),
        exchange_pb2.RequestThresholdRequest,
    ),
    "/carbonport.wire.v1.ExchangeService/GetRequest": _rule(
        frozenset({Role.IMPORTER}),
        Door(exchange_pb2.GetRequestRequest, {"request_id": request_id}),
        exchange_pb2.GetRequestRequest,
    ),
    "/carbonport.wire.v1.ExchangeService/FetchAttestation": _rule(
        frozenset({Role.IMPORTER}),
        Door(
            exchange_pb2.FetchAttestationRequest,
            {"request_id": request_id, "attestation_id": _attestation_id},
        ),
        exchange_pb2.FetchAttestationRequest,
    ),
    "/carbonport.wire.v1.LotService/GetConsignment": _rule(
        frozenset({Role.IMPORTER}),
        Door(lots_pb2.GetConsignmentRequest, {"attestation_id": _attestation_id}),
        lots_pb2.GetConsignmentRequest,
    ),
    "/carbonport.wire.v1.LotService/ListLotEntries": _rule(
        frozenset({Role.IMPORTER, Role.REGULATOR}),
        Door(
            lots_pb2.ListLotEntriesRequest,
            {
                "origin": _lot_origin,
                "start": number(0, MAX_LOT_ENTRIES),
                "limit": number(1, MAX_LOT_ENTRIES),
            },
        ),
        lots_pb2.ListLotEntriesRequest,
    ),
    "/carbonport.wire.v1.LotService/GiveBackConsignment": _rule(
        frozenset({Role.IMPORTER}),
        Door(
            lots_pb2.GiveBackConsignmentRequest,
            {
                "attestation_id": _attestation_id,
                "signature": data(min_bytes=GIVE_BACK_BYTES, max_bytes=GIVE_BACK_BYTES),
            },
        ),
        lots_pb2.GiveBackConsignmentRequest,
    ),
    "/carbonport.wire.v1.LotService/ListLots": _rule(
        frozenset({Role.REGULATOR}),
        Door(lots_pb2.ListLotsRequest, {"start": number(0, MAX_GOODS)}),
        lots_pb2.ListLotsRequest,
    ),
    "/carbonport.wire.v1.LogService/GetCheckpoint": _rule(
        EVERYONE, Door(log_pb2.GetCheckpointRequest, {}), log_pb2.GetCheckpointRequest
    ),
    "/carbonport.wire.v1.LogService/ListEntries": _rule(
        frozenset({Role.REGULATOR}),
        Door(
            log_pb2.ListEntriesRequest,
            {"start": number(0, 2**53), "limit": number(1, MAX_ENTRIES)},
        ),
        log_pb2.ListEntriesRequest,
    ),
    "/carbonport.wire.v1.WitnessService/AddCheckpoint": _rule(
        EVERYONE,
        Door(
            log_pb2.AddCheckpointRequest,
            {"request": data(min_bytes=1, max_bytes=ADD_CHECKPOINT_BYTES)},
        ),
        log_pb2.AddCheckpointRequest,
        max_request_bytes=ADD_CHECKPOINT_BYTES + 64,
    ),
    "/carbonport.wire.v1.WitnessService/GetWitnessedSize": _rule(
        EVERYONE,
        Door(log_pb2.GetWitnessedSizeRequest, {"origin": _lot_origin}),
        log_pb2.GetWitnessedSizeRequest,
    ),
    "/carbonport.wire.v1.WitnessService/ShowStatement": _rule(
        EVERYONE,
        Door(
            log_pb2.ShowStatementRequest,
            {
                "statement": text(max_characters=MAX_SHOWN_BYTES),
                "receipt": data(min_bytes=1, max_bytes=MAX_RECEIPT_BYTES),
            },
        ),
        log_pb2.ShowStatementRequest,
        max_request_bytes=MAX_SHOWN_BYTES + MAX_RECEIPT_BYTES,
    ),
    "/carbonport.wire.v1.StatusService/GetStatusList": _rule(
        EVERYONE,
        Door(status_pb2.GetStatusListRequest, {"uri": _uri}),
        status_pb2.GetStatusListRequest,
    ),
    "/carbonport.wire.v1.FederationService/Enrol": _rule(
        frozenset({Role.EXPORTER, Role.KEY_HOLDER}),
        Door(federation_pb2.EnrolRequest, {"key": data(min_bytes=1, max_bytes=MAX_KEY_BYTES)}),
        federation_pb2.EnrolRequest,
    ),
    **_aggregation_rules(),
}
"""The whole table. All are idempotent: what has an effect carries a request id."""

STANDARD_METHODS = frozenset(
    {
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/List",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    }
)
"""gRPC's own services: any listed participant may call them; they tell service names and whether they
serve.
"""


def retry_policy() -> dict[str, object]:
    """gRPC's service config: idempotent methods are retried when the peer was unavailable, nothing else
    ever is.
    """
    names = [
        {"service": path.split("/")[1], "method": path.split("/")[2]}
        for path, rule in METHODS.items()
        if rule.idempotent
    ]
    policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return {"methodConfig": [{"name": names, "retryPolicy": policy}]}
