"""The exporter's ledgers as the store keeps them: every version, canonical JSON, never changed.

A corrected workbook makes a new version; statements name the version they are about. Functions take the caller's
connection, so that a ledger is stored in the same transaction as what depends on it. The verifier reads the same rows
on site, with a read-only connection.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, insert, select, update

from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.errors import Misuse
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.ledger_json import ledger_from_json, ledger_to_json
from carbonport.node.store.exchange_schema import ledgers

MAX_LEDGER_BYTES = 512 * 2**20
"""Largest ledger read back: a site with 10^5 source streams stays far below."""


@dataclass(frozen=True, slots=True)
class StoredLedger:
    """One version of a ledger. `id` is 16 random bytes in hex."""

    id: str
    version: int
    scope: Scope
    ledger: Ledger


def add_ledger(
    connection: Connection, ledger: Ledger, scope: Scope, *, ledger_id: str, now: int
) -> StoredLedger:
    """Store the next version of this installation's ledger for this period."""
    start, end = ledger.period.start.isoformat(), ledger.period.end.isoformat()
    last = connection.execute(
        select(func.coalesce(func.max(ledgers.c.version), 0)).where(
            ledgers.c.installation == ledger.installation,
            ledgers.c.period_start == start,
            ledgers.c.period_end == end,
        )
    ).scalar_one()
    connection.execute(
        insert(ledgers).values(
            ledger=ledger_id,
            installation=ledger.installation,
            period_start=start,
            period_end=end,
            version=last + 1,
            scope=scope.value,
            content=canonical_bytes(ledger_to_json(ledger)),
            taken_in_at=now,
        )
    )
    return StoredLedger(ledger_id, last + 1, scope, ledger)


def newest_ledger(
    connection: Connection, installation: str | None = None, period: str | None = None
) -> StoredLedger:
    """The ledger that was taken in last; of this installation and period (first day/last day) where they are given."""
    found = select(ledgers).where(func.length(ledgers.c.content) > 0)
    if installation is not None:
        found = found.where(ledgers.c.installation == installation)
    if period is not None:
        start, _, end = period.partition("/")
        found = found.where(ledgers.c.period_start == start, ledgers.c.period_end == end)
    row = connection.execute(found.order_by(ledgers.c.taken_in_at.desc(), ledgers.c.version.desc())).first()
    if row is None:
        raise Misuse(
            "ledger-missing",
            found="no ledger in the store"
            if installation is None
            else "no ledger of this installation and period",
            expected="plant data that were taken in",
            remedy="Run `carbonport intake WORKBOOK` first.",
        )
    return _stored(row)


def newest_ledgers(connection: Connection, *, limit: int) -> list[StoredLedger]:
    """The newest version of every installation and period that was not erased, by period; at most `limit`, the last."""
    newest: dict[tuple[str, str, str], str] = {}
    for row in connection.execute(
        select(ledgers.c.ledger, ledgers.c.installation, ledgers.c.period_start, ledgers.c.period_end)
        .where(func.length(ledgers.c.content) > 0)
        .order_by(ledgers.c.period_start, ledgers.c.period_end, ledgers.c.installation, ledgers.c.version)
    ):
        newest[row.installation, row.period_start, row.period_end] = row.ledger
    return [ledger_of(connection, ledger) for ledger in list(newest.values())[-limit:]]


def ledger_of(connection: Connection, ledger_id: str) -> StoredLedger:
    """The ledger version of this id."""
    row = connection.execute(select(ledgers).where(ledgers.c.ledger == ledger_id)).first()
    if row is None:
        raise Misuse(
            "ledger-unknown",
            found="no ledger of this id in the store",
            expected="a ledger version that the store holds",
            remedy="Name the store that the openings were made from.",
            where=ledger_id[:40],
        )
    return _stored(row)


def erase_ledgers(connection: Connection, start: str, end: str) -> int:
    """Erase the figures of every ledger version of a period; the rows stay, for statements name them."""
    changed = connection.execute(
        update(ledgers)
        .where(ledgers.c.period_start == start, ledgers.c.period_end == end)
        .values(content=b"")
    )
    return changed.rowcount


def _stored(row: Row[tuple[object, ...]]) -> StoredLedger:
    if not row.content:
        raise Misuse(
            "ledger-erased",
            found="a ledger whose figures were erased",
            expected="a ledger that is still there",
            remedy="Its period was destroyed by the operator; take in the data and have them verified anew.",
            where=row.ledger,
        )
    content = parse_canonical(bytes(row.content), max_bytes=MAX_LEDGER_BYTES)
    return StoredLedger(row.ledger, row.version, Scope(row.scope), ledger_from_json(content))
