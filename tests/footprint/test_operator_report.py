"""The Commission's own examples as an operator's report: what the workbook's formulas gave, and what we compute."""

from pathlib import Path

import pytest

from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.intake import read_ledger
from carbonport.footprint.intake.operator_report import read_operator_report


@pytest.mark.parametrize(("name", "figures"), [("cement", 3), ("blast_furnace", 9)])
def test_every_result_the_workbook_calculated_is_ours(shared: Path, name: str, figures: int) -> None:
    path = shared / f"templates/communication_template_{name}.xlsx"
    report = read_operator_report(path)
    assert len(report) == figures
    ledger = read_ledger(path, Catalogue.load())
    calculation = calculate(ledger, Scope.TRANSITIONAL)
    names = {process.label: process.id for process in ledger.processes}
    for item in report:
        if item.cn:
            ours = calculation.good(names[item.process], item.cn).source[item.result]
        else:
            ours = calculation.installation.source[item.result]
        assert abs(float(ours) / float(item.value) - 1) < 1e-9, item.place
