"""Issued attestations as the store keeps them, and the status list that says which of them still hold."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from carbonport.classification.egress import CrossedItem, Disclosure, EgressRequest
from carbonport.classification.field_classes import FieldClass
from carbonport.classification.forms import Form
from carbonport.classification.grades import Grade
from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.errors import Misuse, Refused
from carbonport.node.exporter.inbox import AttestationRequest, read_request
from carbonport.node.participant import Participant
from carbonport.node.store.exchange_schema import attestations, requests

STATUS_LIST_ENTRIES = 2**17
"""Entries of a node's status list: so many attestations can be told apart before a second list is needed."""

STATUS_LIST_NAME = "attestations"
"""Last part of the list's URI."""

MAX_DRAWS = 256
"""Draws for an unused index before the list counts as full; at half full one draw in two succeeds."""

MAX_CROSSED_BYTES = 256 * 1024
"""Largest stored list of crossed items: 64 items with their reasons stay far below."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an attestation holds: `revoked_at` is 0 while it does."""

    importer: str
    revoked_at: int

    def require_valid(self) -> None:
        """Refuse a revoked one."""
        if self.revoked_at:
            raise Refused(
                "attestation-revoked",
                found="an attestation that the exporter has revoked",
                expected="one that still holds",
                remedy="Ask the exporter for a new attestation.",
            )


@dataclass(frozen=True, slots=True)
class StoredAttestation:
    """One attestation. `payload` are the bytes that cross; `crossed` is what stands in them."""

    id: str
    importer: str
    request_id: str
    statement_id: str
    status_index: int
    payload: bytes
    crossed: bytes
    issued_at: int
    revoked_at: int
    revocation_reason: str
    superseded_by: str

    @property
    def approval(self) -> str:
        """The reference of the approval it was issued under; empty when policy alone decided."""
        content = parse_canonical(self.crossed, max_bytes=MAX_CROSSED_BYTES)
        assert isinstance(content, dict), "this module wrote the row"
        return str(content["approval"])

    def disclosure(self, egress: EgressRequest) -> Disclosure:
        """The gate's disclosure as it was, for the request it was made for."""
        content = parse_canonical(self.crossed, max_bytes=MAX_CROSSED_BYTES)
        assert isinstance(content, dict), "this module wrote the row"
        items = content["items"]
        assert isinstance(items, list), "this module wrote the row"
        return Disclosure(
            payload=self.payload,
            items=tuple(_item(item) for item in items),
            policy_hash=str(content["policy"]),
            decision_id=str(content["decision"]),
            recipient=self.importer,
            purpose=egress.purpose,
            form=egress.form,
            subject=egress.subject,
            approval=str(content["approval"]),
        )


def status_uri(participant: Participant) -> str:
    """The URI of this node's status list of attestations, as its credentials name it."""
    return f"carbonport:status/{participant.id}/{STATUS_LIST_NAME}"


def free_status_index(connection: Connection, random_bytes: RandomBytes) -> int:
    """A random unused index: an index tells nothing about how many attestations there are."""
    for _ in range(MAX_DRAWS):
        index = int.from_bytes(random_bytes(4), "big") % STATUS_LIST_ENTRIES
        taken = connection.execute(
            select(attestations.c.attestation).where(attestations.c.status_index == index)
        ).first()
        if taken is None:
            return index
    raise Refused(
        "status-list-full",
        found="a status list without a free entry",
        expected=f"fewer than {STATUS_LIST_ENTRIES} attestations",
        remedy="Start a new node for further attestations.",
    )


def add_attestation(
    connection: Connection,
    attestation_id: str,
    disclosure: Disclosure,
    *,
    request_id: str,
    statement_id: str,
    status_index: int,
    now: int,
) -> None:
    """Store what was composed, exactly as it may cross."""
    connection.execute(
        insert(attestations).values(
            attestation=attestation_id,
            importer=disclosure.recipient,
            request=request_id,
            statement=statement_id,
            status_index=status_index,
            payload=disclosure.payload,
            crossed=_crossed(disclosure),
            issued_at=now,
            revoked_at=0,
            revocation_reason="",
            superseded_by="",
        )
    )


def replace_payload(connection: Connection, attestation_id: str, disclosure: Disclosure) -> None:
    """Keep an attestation that was sealed anew in the place of what was sealed before."""
    connection.execute(
        update(attestations)
        .where(attestations.c.attestation == attestation_id)
        .values(payload=disclosure.payload, crossed=_crossed(disclosure))
    )


def rest_on_approval(connection: Connection, importer: str, request_id: str, reference: str) -> None:
    """Let what was issued under an approval of this request rest on a newer one: same attestation, same bytes."""
    of_request = (attestations.c.importer == importer) & (attestations.c.request == request_id)
    for row in connection.execute(select(attestations).where(of_request)).all():
        content = parse_canonical(bytes(row.crossed), max_bytes=MAX_CROSSED_BYTES)
        assert isinstance(content, dict), "this module wrote the row"
        if content["approval"]:
            crossed = canonical_bytes({**content, "approval": reference})
            connection.execute(
                update(attestations)
                .where(attestations.c.attestation == row.attestation)
                .values(crossed=crossed)
            )


def attestation_of(connection: Connection, attestation_id: str) -> StoredAttestation:
    """The attestation of this id; Misuse (`attestation-unknown-here`) when this node issued none."""
    row = connection.execute(select(attestations).where(attestations.c.attestation == attestation_id)).first()
    if row is None:
        raise Misuse(
            "attestation-unknown-here",
            found="no attestation of this id in the store",
            expected="an attestation that this node issued",
            remedy="List them with `carbonport requests --all`.",
            where=attestation_id[:40],
        )
    return StoredAttestation(
        row.attestation,
        row.importer,
        row.request,
        row.statement,
        row.status_index,
        bytes(row.payload),
        bytes(row.crossed),
        row.issued_at,
        row.revoked_at,
        row.revocation_reason,
        row.superseded_by,
    )


_STANDING = select(attestations.c.importer, attestations.c.revoked_at).where(
    attestations.c.attestation == bindparam("attestation_id")
)


def standing_of(connection: Connection, attestation_id: str) -> Standing | None:
    """Whether an attestation holds; None when there is none of this id."""
    row = connection.execute(_STANDING, {"attestation_id": attestation_id}).first()
    return None if row is None else Standing(row.importer, row.revoked_at)


def mark_revoked(
    connection: Connection, attestation_id: str, *, reason: str, superseded_by: str, now: int
) -> None:
    """Withdraw an attestation; withdrawing it twice is an error, for the first reason stands."""
    changed = connection.execute(
        update(attestations)
        .where(attestations.c.attestation == attestation_id, attestations.c.revoked_at == 0)
        .values(revoked_at=now, revocation_reason=reason, superseded_by=superseded_by)
    )
    if changed.rowcount != 1:
        raise not_revocable(attestation_id)


def not_revocable(attestation_id: str) -> Misuse:
    """The error of revoking what does not hold any more."""
    return Misuse(
        "attestation-not-revocable",
        found="no attestation of this id that still holds",
        expected="a valid attestation of this node",
        remedy="List them with `carbonport requests --all`; an attestation is revoked once.",
        where=attestation_id[:40],
    )


def revoked_predecessor(connection: Connection, request: AttestationRequest) -> str:
    """The last revoked attestation that was issued for the same good and consignment, and that nothing supersedes
    yet; empty when there is none."""
    rows = connection.execute(
        select(attestations.c.attestation, requests.c.content)
        .join(
            requests,
            (requests.c.request == attestations.c.request) & (requests.c.importer == attestations.c.importer),
        )
        .where(
            attestations.c.importer == request.importer,
            attestations.c.revoked_at != 0,
            attestations.c.superseded_by == "",
        )
        .order_by(attestations.c.revoked_at.desc())
    )
    for row in rows:
        if read_request(bytes(row.content)).subject == request.subject:
            return str(row.attestation)
    return ""


def mark_superseded(connection: Connection, attestation_id: str, *, superseded_by: str) -> None:
    """Note which attestation takes the place of a revoked one."""
    connection.execute(
        update(attestations)
        .where(attestations.c.attestation == attestation_id)
        .values(superseded_by=superseded_by)
    )


def revoked_indices(connection: Connection) -> list[int]:
    """The status list entries that are set."""
    rows = connection.execute(select(attestations.c.status_index).where(attestations.c.revoked_at != 0))
    return [row.status_index for row in rows]


def _item(value: Json) -> CrossedItem:
    assert isinstance(value, dict), "this module wrote the row"
    return CrossedItem(
        str(value["name"]),
        FieldClass(str(value["class"])),
        Grade(str(value["grade"])),
        Form(str(value["form"])),
        str(value["reason"]),
        "",
    )


def _crossed(disclosure: Disclosure) -> bytes:
    content: Json = {
        "policy": disclosure.policy_hash,
        "decision": disclosure.decision_id,
        "approval": disclosure.approval,
        "items": [
            {
                "name": item.name,
                "class": str(item.field_class),
                "grade": str(item.grade),
                "form": str(item.form),
                "reason": item.reason,
            }
            for item in disclosure.items
        ],
    }
    return canonical_bytes(content)
