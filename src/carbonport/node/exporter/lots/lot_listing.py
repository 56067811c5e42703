"""The lots of a node as its operator sees them: how many consignments, never how much."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from carbonport.attestation.lots.lot_leaves import is_consignment, returned_by
from carbonport.crypto.canonical import Json
from carbonport.node.exporter.lots import lot_rows
from carbonport.node.exporter.lots.lot_rows import StoredLot
from carbonport.node.open_node import OpenNode


@dataclass(frozen=True, slots=True)
class ListedLot:
    """One lot: counts of its entries; `missing` are consignments whose opening is not here; `closed` says that nothing
    shows that what is sold fits the production in force."""

    lot: StoredLot
    versions: int
    sold: int
    returned: int
    missing: tuple[int, ...]
    closed: bool

    def as_json(self) -> dict[str, Json]:
        """As `--json` prints it."""
        return {
            "origin": self.lot.origin,
            "process": self.lot.process,
            "period": f"{self.lot.period_start}/{self.lot.period_end}",
            "entries": self.lot.size,
            "versions": self.versions,
            "consignments": self.sold,
            "returned": self.returned,
            "missing_openings": list[Json](self.missing),
            "closed": self.closed,
        }


def listed_lots(connection: Connection) -> list[ListedLot]:
    """Every lot of the store."""
    return [_listed(connection, lot) for lot in lot_rows.all_lots(connection)]


async def list_lots(node: OpenNode, _arguments: Mapping[str, Json]) -> Json:
    """The operation behind `carbonport lot list`."""
    with node.participant.store.reading() as connection:
        found = listed_lots(connection)
    return {"lots": [each.as_json() for each in found]}


def _listed(connection: Connection, lot: StoredLot) -> ListedLot:
    rows = lot_rows.entries_of(connection, lot.id)
    statements = lot_rows.statements_of(connection, lot.id)
    openings = lot_rows.openings_of(connection, lot.id)
    returned = {k for row in rows if (k := returned_by(row.entry)) is not None}
    sold = [row.position for row in rows if is_consignment(row.entry)]
    begin = statements[-1].position
    proved = any(row.remainder for row in rows[begin:])
    counting = set(sold) - returned
    return ListedLot(
        lot=lot,
        versions=len(statements),
        sold=len(sold),
        returned=len(returned),
        missing=tuple(k for k in sold if k in counting and k not in openings),
        closed=bool(counting) and not proved,
    )
