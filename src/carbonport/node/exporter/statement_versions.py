"""Statement versions of the exporter: drawn up as a draft, handed to the verifier, kept once signed.

A draft row holds the nonce and what it is about, never an opening: blindings and salts follow from the period key and
the nonce, so that destroying the period key destroys them. A signed version that corrects an earlier one supersedes it
in the same transaction.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, insert, select, update

from carbonport.attestation.sealed_form import Sealing
from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.crypto.receipt import Receipt
from carbonport.errors import Misuse
from carbonport.node.store.exchange_schema import ledgers, statements

MAX_DRAFT_BYTES = 4096
"""A draft row's JSON is a few hundred bytes."""


class StatementState(StrEnum):
    """What a statement version is."""

    DRAFT = "draft"
    CURRENT = "current"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class StatementVersion:
    """One version. `id` names it in this store; `digest` (SHA-256 of the token, hex) is empty for a draft."""

    id: str
    ledger_id: str
    version: int
    verifier: str
    state: StatementState
    nonce: bytes
    supersedes: str
    digest: str
    token: str
    receipt: bytes
    sealing: Sealing

    def statement_receipt(self) -> Receipt:
        """The verifier's log receipt over the statement."""
        return Receipt.decode(self.receipt)


def add_draft(
    connection: Connection,
    *,
    statement_id: str,
    ledger_id: str,
    version: int,
    supersedes: str,
    verifier: str,
    nonce: bytes,
    sealing: Sealing,
    now: int,
) -> None:
    """Keep a draft; earlier drafts about the same installation and period are dropped, for only one can be signed."""
    same_period = _same_installation_and_period(connection, ledger_id)
    connection.execute(
        statements.delete().where(
            statements.c.state == StatementState.DRAFT, statements.c.ledger.in_(same_period)
        )
    )
    draft = _content(nonce, supersedes, sealing, digest="")
    connection.execute(
        insert(statements).values(
            statement=statement_id,
            ledger=ledger_id,
            version=version,
            verifier=verifier,
            state=StatementState.DRAFT,
            draft=draft,
            token="",
            receipt=b"",
            changed_at=now,
        )
    )


def accept_signed(
    connection: Connection, draft: StatementVersion, *, digest: str, token: str, receipt: bytes, now: int
) -> None:
    """Turn a draft into the current version of its installation and period; the one before is superseded."""
    same_period = _same_installation_and_period(connection, draft.ledger_id)
    connection.execute(
        update(statements)
        .where(statements.c.state == StatementState.CURRENT, statements.c.ledger.in_(same_period))
        .values(state=StatementState.SUPERSEDED, changed_at=now)
    )
    content = _content(draft.nonce, draft.supersedes, draft.sealing, digest=digest)
    connection.execute(
        update(statements)
        .where(statements.c.statement == draft.id)
        .values(
            state=StatementState.CURRENT,
            draft=content,
            token=token,
            receipt=receipt,
            changed_at=now,
        )
    )


def all_versions(connection: Connection) -> list[StatementVersion]:
    """Every version, oldest first."""
    rows = connection.execute(select(statements).order_by(statements.c.changed_at, statements.c.version))
    return [_version(row) for row in rows]


def last_signed(connection: Connection, ledger_id: str) -> StatementVersion | None:
    """The newest signed version about the installation and period of this ledger, current or not."""
    same_period = _same_installation_and_period(connection, ledger_id)
    row = connection.execute(
        select(statements)
        .where(statements.c.state != StatementState.DRAFT, statements.c.ledger.in_(same_period))
        .order_by(statements.c.version.desc())
    ).first()
    return None if row is None else _version(row)


def has_signed(connection: Connection, ledger_id: str) -> bool:
    """Whether a signed version is about the period of this ledger, whatever installation it is of."""
    one = select(ledgers).where(ledgers.c.ledger == ledger_id).subquery()
    found = connection.execute(
        select(statements.c.statement)
        .join(ledgers, ledgers.c.ledger == statements.c.ledger)
        .join(
            one, (ledgers.c.period_start == one.c.period_start) & (ledgers.c.period_end == one.c.period_end)
        )
        .where(statements.c.state != StatementState.DRAFT)
    )
    return found.first() is not None


def draft_with_nonce(connection: Connection, nonce: bytes) -> StatementVersion:
    """The draft that a signed statement belongs to; Misuse (`statement-without-draft`) when there is none."""
    for version in all_versions(connection):
        if version.nonce == nonce and version.state is StatementState.DRAFT:
            return version
    raise Misuse(
        "statement-without-draft",
        found="a statement whose nonce is of no draft of this node",
        expected="a statement about the openings that this node drew up last",
        remedy="Run `carbonport commit`, hand the openings to the verifier, and add the statement it signs.",
    )


def signed_version(connection: Connection, digest: str) -> StatementVersion:
    """The signed version of this digest, which must exist."""
    return next(version for version in all_versions(connection) if version.digest == digest)


def version_of(connection: Connection, statement_id: str) -> StatementVersion:
    """The version of this id, which must exist."""
    row = connection.execute(select(statements).where(statements.c.statement == statement_id)).one()
    return _version(row)


def current_versions(connection: Connection, period_start: str, period_end: str) -> list[StatementVersion]:
    """The versions that attestations about this period rest on now: one for each installation."""
    rows = connection.execute(
        select(statements)
        .join(ledgers, ledgers.c.ledger == statements.c.ledger)
        .where(
            statements.c.state == StatementState.CURRENT,
            ledgers.c.period_start == period_start,
            ledgers.c.period_end == period_end,
        )
        .order_by(ledgers.c.installation)
    )
    return [_version(row) for row in rows]


def _same_installation_and_period(connection: Connection, ledger_id: str) -> list[str]:
    """Ids of all versions of the ledger that this one is a version of."""
    one = connection.execute(select(ledgers).where(ledgers.c.ledger == ledger_id)).one()
    found = connection.execute(
        select(ledgers.c.ledger).where(
            ledgers.c.installation == one.installation,
            ledgers.c.period_start == one.period_start,
            ledgers.c.period_end == one.period_end,
        )
    )
    return [row.ledger for row in found]


def _content(nonce: bytes, supersedes: str, sealing: Sealing, *, digest: str) -> bytes:
    return canonical_bytes(
        {"nonce": nonce.hex(), "supersedes": supersedes, "digest": digest, "sealing": sealing}
    )


def _version(row: Row[tuple[object, ...]]) -> StatementVersion:
    content = parse_canonical(bytes(row.draft), max_bytes=MAX_DRAFT_BYTES)
    assert isinstance(content, dict), "this module wrote the row"
    return StatementVersion(
        id=row.statement,
        ledger_id=row.ledger,
        version=row.version,
        verifier=row.verifier,
        state=StatementState(row.state),
        nonce=bytes.fromhex(str(content["nonce"])),
        supersedes=str(content["supersedes"]),
        digest=str(content["digest"]),
        token=row.token,
        receipt=bytes(row.receipt),
        # Rows from before there was a choice say nothing.
        sealing=Sealing(str(content.get("sealing", Sealing.ATTRIBUTED))),
    )
