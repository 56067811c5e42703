"""The exporter's inbox: what importers asked for, and what became of it.

A request is keyed by importer and request id. Asking again with the same id and the same content finds the first
answer; the same id with other content is refused. What a person approves of it is in `approvals`.
"""

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, Row, func, insert, select, update

from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.errors import Misuse, Refused
from carbonport.node.store.exchange_schema import requests

MAX_REQUEST_BYTES = 64 * 1024
"""Largest stored request; the door lets less in."""


MAX_PENDING = 1000
"""Most requests of one importer that may wait for a person at once."""


class RequestState(StrEnum):
    """What became of a request."""

    PENDING = "pending"
    ISSUED = "issued"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AttestationRequest:
    """What an importer asked for. `net_mass_t` is a plain decimal in tonnes; `items` go beyond the minimal set;
    `consignment_key` is the public key (hex) that the importer made for this one consignment.

    With `threshold` (the name of a published table) it asks for a claim that the good's emissions do not exceed that
    table's value: a claim is about no consignment, and the fields of one are empty. `form` is empty for values, and
    `commitment` for an attestation that commits to the results and seals what opens them to the importer.
    `installation` says which of the exporter's installations is meant, where several make the good.
    """

    id: str
    importer: str
    purpose: str
    cn: str
    period_start: str
    period_end: str
    consignment: str
    net_mass_t: str
    items: tuple[str, ...]
    consignment_key: str = ""
    threshold: str = ""
    form: str = ""
    installation: str = ""

    def to_json(self) -> Json:
        """The request as the store keeps it."""
        content: dict[str, Json] = {
            "id": self.id,
            "importer": self.importer,
            "purpose": self.purpose,
            "cn": self.cn,
            "period_start": self.period_start,
            "period_end": self.period_end,
            "consignment": self.consignment,
            "net_mass_t": self.net_mass_t,
            "items": list(self.items),
            "consignment_key": self.consignment_key,
        }
        # Requests from before these could be asked keep the digest they had.
        later = {"threshold": self.threshold, "form": self.form, "installation": self.installation}
        return {**content, **{name: text for name, text in later.items() if text}}

    @property
    def subject(self) -> tuple[str, ...]:
        """What it is about: good, installation, period and consignment."""
        return (self.cn, self.installation, self.period_start, self.period_end, self.consignment)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the request: two requests under one id must have the same."""
        return hashlib.sha256(canonical_bytes(self.to_json())).digest()


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """A request and what became of it. `attestation`, `decision` and `reason` are empty until there is one."""

    request: AttestationRequest
    state: RequestState
    attestation: str
    decision: str
    reason: str
    asked_at: int


def entry_of(connection: Connection, importer: str, request_id: str) -> InboxEntry | None:
    """The entry of this importer's request, if it asked."""
    row = connection.execute(
        select(requests).where(requests.c.importer == importer, requests.c.request == request_id)
    ).first()
    return None if row is None else _entry(row)


def entries(connection: Connection, state: RequestState | None = None) -> list[InboxEntry]:
    """Every entry (of one state), oldest first."""
    query = select(requests).order_by(requests.c.asked_at)
    if state is not None:
        query = query.where(requests.c.state == state)
    return [_entry(row) for row in connection.execute(query)]


def receive(connection: Connection, request: AttestationRequest, *, now: int) -> InboxEntry:
    """The entry of a request: the one there is, or a new pending one."""
    known = entry_of(connection, request.importer, request.id)
    if known is None:
        _require_room(connection, request.importer)
        connection.execute(
            insert(requests).values(
                request=request.id,
                importer=request.importer,
                digest=request.digest,
                content=canonical_bytes(request.to_json()),
                state=RequestState.PENDING,
                attestation="",
                decision="",
                reason="",
                asked_at=now,
                changed_at=now,
            )
        )
        return InboxEntry(request, RequestState.PENDING, "", "", "", now)
    if known.request.digest != request.digest:
        raise Misuse(
            "request-id-reused",
            found="another request under an id that was used before",
            expected="a fresh request id for every request, the same one only to repeat it",
            remedy="Draw a new request id.",
        )
    return known


def _require_room(connection: Connection, importer: str) -> None:
    waiting = connection.execute(
        select(func.count())
        .select_from(requests)
        .where(requests.c.importer == importer, requests.c.state == RequestState.PENDING)
    ).scalar_one()
    if waiting >= MAX_PENDING:
        raise Refused(
            "inbox-full",
            found=f"{waiting} requests of this importer that wait for a person",
            expected=f"fewer than {MAX_PENDING}",
            remedy="Wait until the exporter has looked at earlier requests.",
        )


def settle(
    connection: Connection,
    entry: InboxEntry,
    state: RequestState,
    *,
    now: int,
    attestation: str = "",
    decision: str = "",
    reason: str = "",
) -> InboxEntry:
    """Write down what became of a pending request."""
    changed = connection.execute(
        update(requests)
        .where(
            requests.c.importer == entry.request.importer,
            requests.c.request == entry.request.id,
            requests.c.state == RequestState.PENDING,
        )
        .values(state=state, attestation=attestation, decision=decision, reason=reason, changed_at=now)
    )
    if changed.rowcount != 1:
        raise Misuse(
            "request-settled",
            found=f"a request that is no longer pending ({entry.request.id})",
            expected="a pending request",
            remedy="List the requests again.",
        )
    return replace(entry, state=state, attestation=attestation, decision=decision, reason=reason)


def entries_of_id(connection: Connection, request_id: str) -> list[InboxEntry]:
    """The entries of this request id: one for each importer that used it."""
    return [
        _entry(row) for row in connection.execute(select(requests).where(requests.c.request == request_id))
    ]


def pending_request(connection: Connection, request_id: str) -> InboxEntry:
    """The one pending request of this id, for a person who decides about it."""
    found = [entry for entry in entries_of_id(connection, request_id) if entry.state is RequestState.PENDING]
    if len(found) != 1:
        raise not_pending(request_id, f"{len(found)} pending requests with this id")
    return found[0]


def not_pending(request_id: str, found: str) -> Misuse:
    """The error of deciding about a request that is not open."""
    return Misuse(
        "request-not-pending",
        found=found,
        expected="one that waits for a person",
        remedy="Look at `carbonport requests`; a request is decided once, and approved again when its approval lapsed.",
        where=request_id[:40],
    )


def read_request(content: bytes) -> AttestationRequest:
    """A request as `AttestationRequest.to_json` wrote it."""
    value = parse_canonical(content, max_bytes=MAX_REQUEST_BYTES)
    assert isinstance(value, dict), "this module wrote the row"
    items = value.pop("items")
    assert isinstance(items, list), "this module wrote the row"
    texts = {name: str(text) for name, text in value.items()}
    return AttestationRequest(**texts, items=tuple(str(item) for item in items))


def _entry(row: Row[tuple[object, ...]]) -> InboxEntry:
    request = read_request(bytes(row.content))
    return InboxEntry(
        request, RequestState(row.state), row.attestation, row.decision, row.reason, row.asked_at
    )
