"""Rows of lots. Functions take the caller's connection: an entry is written in the transaction of what it is about.

Two processes may have prepared an entry from the same state. Each write names the size that it was prepared for, and
only one of them finds it: the row's own lock decides on PostgreSQL, the one writer on SQLite.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, func, insert, select, update

from carbonport.attestation.lots.lot_identity import Lot
from carbonport.attestation.lots.seller import ConsignmentOpening
from carbonport.crypto.group import decode_scalar, encode_scalar
from carbonport.errors import Unavailable
from carbonport.node.store.lot_schema import (
    lot_attestations,
    lot_entries,
    lot_openings,
    lot_statements,
    lots,
)

MOVED = "lot-moved"
"""Error id of an entry that was prepared for another size of its lot than it has now."""


@dataclass(frozen=True, slots=True)
class StoredLot:
    """One lot: its id in hex, origin, process, period and number of entries."""

    id: str
    origin: str
    process: str
    period_start: str
    period_end: str
    size: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry with its proofs; empty bytes where there is none."""

    position: int
    entry: bytes
    proof: bytes = field(default=b"", repr=False)
    remainder: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class StatementRow:
    """From `position` on the lot goes by this statement version (its id in the store); `level` is canonical JSON."""

    position: int
    statement: str
    level: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class OpeningRow:
    """Whose consignment k is, and what opens its entry. Secret."""

    k: int
    importer: str
    consignment: str
    opening: ConsignmentOpening


def stored_lot(connection: Connection, lot_id: str) -> StoredLot | None:
    """The lot of this id (hex)."""
    row = connection.execute(select(lots).where(lots.c.lot == lot_id)).first()
    return None if row is None else _lot(row)


def lot_of_origin(connection: Connection, origin: str) -> StoredLot | None:
    """The lot whose log has this origin."""
    row = connection.execute(select(lots).where(lots.c.origin == origin)).first()
    return None if row is None else _lot(row)


def all_lots(connection: Connection) -> list[StoredLot]:
    """Every lot, by period and process."""
    order = (lots.c.period_start, lots.c.process, lots.c.lot)
    return [_lot(row) for row in connection.execute(select(lots).order_by(*order))]


def entries_of(
    connection: Connection, lot_id: str, start: int = 0, limit: int | None = None
) -> list[EntryRow]:
    """A run of entries, in order."""
    query = (
        select(lot_entries)
        .where(lot_entries.c.lot == lot_id, lot_entries.c.position >= start)
        .order_by(lot_entries.c.position)
        .limit(limit)
    )
    return [
        EntryRow(row.position, bytes(row.entry), bytes(row.proof), bytes(row.remainder))
        for row in connection.execute(query)
    ]


def entry_bytes(connection: Connection, lot_id: str, limit: int | None = None) -> list[bytes]:
    """What the tree of a lot hashes: its entries without their proofs, the first `limit` of them."""
    query = select(lot_entries.c.entry).where(lot_entries.c.lot == lot_id).order_by(lot_entries.c.position)
    return [bytes(row.entry) for row in connection.execute(query.limit(limit))]


def first_remainder(connection: Connection, lot_id: str, start: int, end: int) -> tuple[int, bytes] | None:
    """The first entry from `start` on and before `end` with a proof of what remained at it: position and proof."""
    row = connection.execute(
        select(lot_entries.c.position, lot_entries.c.remainder)
        .where(
            lot_entries.c.lot == lot_id,
            lot_entries.c.position >= start,
            lot_entries.c.position < end,
            func.length(lot_entries.c.remainder) > 0,
        )
        .order_by(lot_entries.c.position)
        .limit(1)
    ).first()
    return None if row is None else (row.position, bytes(row.remainder))


def found_lot(connection: Connection, lot: Lot, origin: str) -> None:
    """Begin a lot without entries."""
    connection.execute(
        insert(lots).values(
            lot=lot.id.hex(),
            origin=origin,
            process=lot.process,
            period_start=lot.start,
            period_end=lot.end,
            size=0,
        )
    )


def append_entries(connection: Connection, lot_id: str, rows: Sequence[EntryRow]) -> None:
    """Write entries behind one another; Unavailable (`lot-moved`) when the first is not the lot's next one now."""
    size = rows[0].position
    changed = connection.execute(
        update(lots).where(lots.c.lot == lot_id, lots.c.size == size).values(size=size + len(rows))
    )
    if changed.rowcount != 1:
        raise Unavailable(
            MOVED,
            found="another entry of the lot, written at the same time",
            expected=f"a lot of {size} entries, as when this one was prepared",
            remedy="Try again: the entry is prepared anew.",
        )
    connection.execute(
        insert(lot_entries),
        [
            {
                "lot": lot_id,
                "position": each.position,
                "entry": each.entry,
                "proof": each.proof,
                "remainder": each.remainder,
            }
            for each in rows
        ],
    )


def add_statement(connection: Connection, lot_id: str, row: StatementRow) -> None:
    """Note by which statement the lot goes from this entry on."""
    connection.execute(
        insert(lot_statements).values(
            lot=lot_id, position=row.position, statement=row.statement, level=row.level
        )
    )


def statements_of(connection: Connection, lot_id: str) -> list[StatementRow]:
    """The statement versions of a lot, oldest first."""
    query = select(lot_statements).where(lot_statements.c.lot == lot_id).order_by(lot_statements.c.position)
    return [StatementRow(row.position, row.statement, bytes(row.level)) for row in connection.execute(query)]


def add_opening(connection: Connection, lot_id: str, row: OpeningRow) -> None:
    """Keep what opens a consignment's entry, in the entry's transaction."""
    connection.execute(
        insert(lot_openings).values(
            lot=lot_id,
            k=row.k,
            importer=row.importer,
            consignment=row.consignment,
            quantity=str(row.opening.quantity),
            blinding=encode_scalar(row.opening.blinding),
            salt=row.opening.salt,
        )
    )


def openings_of(connection: Connection, lot_id: str) -> dict[int, OpeningRow]:
    """What is known of the consignments of a lot, by k."""
    rows = connection.execute(select(lot_openings).where(lot_openings.c.lot == lot_id))
    return {row.k: _opening(row) for row in rows}


def opening_of(connection: Connection, lot_id: str, k: int) -> OpeningRow | None:
    """What is known of one consignment."""
    row = connection.execute(
        select(lot_openings).where(lot_openings.c.lot == lot_id, lot_openings.c.k == k)
    ).first()
    return None if row is None else _opening(row)


def erase_openings(connection: Connection, start: str, end: str) -> None:
    """Erase the openings of every lot of a period: nothing is sold from them any more."""
    of_period = select(lots.c.lot).where(lots.c.period_start == start, lots.c.period_end == end)
    connection.execute(lot_openings.delete().where(lot_openings.c.lot.in_(of_period)))


def has_consignment(connection: Connection, lot_id: str, importer: str) -> bool:
    """Whether the importer bought from the lot."""
    query = select(lot_openings.c.k).where(lot_openings.c.lot == lot_id, lot_openings.c.importer == importer)
    return connection.execute(query.limit(1)).first() is not None


def bind_attestation(connection: Connection, attestation_id: str, lot_id: str, k: int) -> None:
    """Note which consignment an attestation is about."""
    connection.execute(insert(lot_attestations).values(attestation=attestation_id, lot=lot_id, k=k))


def consignment_of(connection: Connection, attestation_id: str) -> tuple[str, int] | None:
    """Lot (hex) and k of an attestation; None when its statement names no lot."""
    row = connection.execute(
        select(lot_attestations).where(lot_attestations.c.attestation == attestation_id)
    ).first()
    return None if row is None else (row.lot, row.k)


def attestations_of(connection: Connection, lot_id: str, k: int) -> list[str]:
    """Every attestation about a consignment."""
    query = select(lot_attestations.c.attestation).where(
        lot_attestations.c.lot == lot_id, lot_attestations.c.k == k
    )
    return [row.attestation for row in connection.execute(query)]


def _lot(row: Row[tuple[object, ...]]) -> StoredLot:
    return StoredLot(row.lot, row.origin, row.process, row.period_start, row.period_end, row.size)


def _opening(row: Row[tuple[object, ...]]) -> OpeningRow:
    opening = ConsignmentOpening(int(row.quantity), decode_scalar(bytes(row.blinding)), bytes(row.salt))
    return OpeningRow(row.k, row.importer, row.consignment, opening)
