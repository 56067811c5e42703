"""A member's rows from its own ledgers: what a table of the same plants has, each once, all of it before the gate."""

from datetime import date
from functools import cache

import numpy as np
import pytest

from carbonport.classification.field_classes import GradingTable
from carbonport.errors import Misuse
from carbonport.examples.plants.ledgers import EmissionsEngine
from carbonport.examples.plants.routes import COHORT
from carbonport.examples.plants.table import PlantRow, draw_cohort, plant_rows
from carbonport.federated.plausibility_tasks import RECALCULATED, ROUTE, SEE_INDIRECT
from carbonport.footprint.ledger import Ledger
from carbonport.node.training.ledger_rows import RowKey, as_rows, ledger_rows

MONTHS = 2


@cache
def plants() -> list[tuple[PlantRow, Ledger]]:
    engine = EmissionsEngine()
    cohort = draw_cohort("rows", tuple((route, 1) for route, _ in COHORT))
    return [
        (row, engine.ledger(row.month))
        for plant in cohort
        for row in plant_rows("rows", plant, engine, months=MONTHS)
    ]


def test_a_ledger_gives_the_row_that_the_table_has() -> None:
    table = GradingTable.load()
    for row, ledger in plants():
        (listed,) = ledger_rows([ledger], table)
        rows = as_rows([listed])
        assert rows.words[ROUTE].tolist() == [row.route.name]
        assert rows.numbers[RECALCULATED][0] == pytest.approx(row.recalculated, rel=1e-12)
        assert rows.numbers[SEE_INDIRECT][0] == pytest.approx(row.see_indirect, abs=1e-5)
        # The claim is the ledger's own result; the table's has a metering and a stating error besides.
        assert rows.target[0] == pytest.approx(row.see, rel=0.1)
        assert {"see_direct", "see_indirect", "process/main/activity_level"} <= set(listed.items)


def test_rows_come_in_one_order_and_each_once() -> None:
    table = GradingTable.load()
    ledgers = [ledger for _, ledger in plants()]
    listed = ledger_rows(ledgers, table)
    assert [row.key for row in listed] == [row.key for row in ledger_rows(ledgers[::-1], table)]
    assert len(listed) == MONTHS * len(COHORT)
    assert np.array_equal(as_rows(listed).target, as_rows(ledger_rows(ledgers[::-1], table)).target)
    with pytest.raises(Misuse) as caught:
        ledger_rows([*ledgers, ledgers[0]], table)
    assert caught.value.id == "training-ledgers"


def test_days_and_goods_tell_rows_apart() -> None:
    year = RowKey("mill", "main", "72083900", date(2026, 1, 1), date(2026, 12, 31))
    assert year.overlaps(RowKey("mill", "main", "72083900", date(2026, 12, 31), date(2027, 1, 31)))
    assert not year.overlaps(RowKey("mill", "main", "72083900", date(2027, 1, 1), date(2027, 1, 31)))
    assert not year.overlaps(RowKey("mill", "main", "72142000", date(2026, 1, 1), date(2026, 12, 31)))
