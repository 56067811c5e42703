"""A witness keeps one lot for a production, and its later statements; a second one over the same days is refused."""

import pytest
from sqlalchemy import select

from carbonport.attestation.lots.lot_identity import Lot
from carbonport.attestation.lots.lot_terms import LotTerms, StatedLot
from carbonport.errors import Refused
from carbonport.node.store import Store
from carbonport.node.store.lot_schema import witnessed_lots
from carbonport.node.witnessed_lots import accept_lot

EXPORTER, WITNESS = "CN/529900EXPORTER000010", "CN/529900REGULATOR00010"


def stated(
    period: str, *, origin: str = "one.example", process: str = "steel", version: int = 1
) -> StatedLot:
    lot = Lot.of("Steelworks", process, period)
    terms = LotTerms(process, f"process/{process}/level", lot.origin(origin), "t", 6, 58, (WITNESS,), 1, 0)
    return StatedLot(lot, terms, EXPORTER, f"{version:064x}", version, "", bytes(32), 3)


def test_one_lot_for_a_production_whoever_states_it(store_location: str) -> None:
    store = Store.open(store_location)
    year = stated("2026-01-01/2026-12-31")
    accepted = (
        year,
        year,
        stated("2026-01-01/2026-12-31", version=2),
        stated("2027-01-01/2027-12-31"),
        stated("2026-01-01/2026-12-31", process="coke"),
    )
    refused = (
        stated("2026-12-31/2027-06-30"),
        stated("2026-07-01/2026-07-31", origin="two.example"),
        stated("2026-01-01/2026-12-31", origin="two.example"),
    )
    with store.writing() as connection:
        for each in accepted:
            accept_lot(connection, each, now=7)
    for each in refused:
        with pytest.raises(Refused) as problem, store.writing() as connection:
            accept_lot(connection, each, now=8)
        assert problem.value.id == "lot-period-overlap"
    with store.reading() as connection:
        rows = connection.execute(select(witnessed_lots)).all()
    assert len(rows) == 3
    assert {row.statement for row in rows if row.origin == year.terms.origin} == {f"{2:064x}"}
    store.close()
