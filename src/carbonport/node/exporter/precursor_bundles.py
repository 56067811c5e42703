"""Suppliers' bundles as the store keeps them: with the ledger version that takes values from them, and erased with it.

The verifier reads them on site, with a read-only connection.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select

from carbonport.attestation.supplier_reading import BundleFile
from carbonport.node.store.exchange_schema import ledgers, precursor_bundles


def keep_bundles(connection: Connection, ledger_id: str, precursor: str, files: Sequence[BundleFile]) -> None:
    """Keep what a precursor's value was taken from, in the transaction that stores the ledger."""
    for position, file in enumerate(files):
        connection.execute(
            insert(precursor_bundles).values(
                ledger=ledger_id,
                precursor=precursor,
                position=position,
                document=file.document,
                bundle=file.data,
            )
        )


def bundles_of(connection: Connection, ledger_id: str) -> Mapping[str, Sequence[BundleFile]]:
    """The bundles of a ledger version, by precursor."""
    rows = connection.execute(
        select(precursor_bundles)
        .where(precursor_bundles.c.ledger == ledger_id)
        .order_by(precursor_bundles.c.precursor, precursor_bundles.c.position)
    )
    found: dict[str, list[BundleFile]] = {}
    for row in rows:
        found.setdefault(row.precursor, []).append(BundleFile(row.document, bytes(row.bundle)))
    return found


def erase_bundles(connection: Connection, start: str, end: str) -> None:
    """Erase the bundles of every ledger version of a period."""
    of_period = select(ledgers.c.ledger).where(ledgers.c.period_start == start, ledgers.c.period_end == end)
    connection.execute(delete(precursor_bundles).where(precursor_bundles.c.ledger.in_(of_period)))
