"""`bench footprint`: figures beside their yardstick, on lines that are all answered."""

from pathlib import Path

import pytest

from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake import read_with_notes
from carbonport.node.bench.installation_rates import installation_rates
from carbonport.node.bench.invented_workbook import write_invented_workbook
from carbonport.node.bench.obligation_rates import obligation_rates


def test_obligations_stand_beside_opencbam_on_the_same_lines() -> None:
    pytest.importorskip("opencbam")
    figures = {figure.name: figure for figure in obligation_rates(0.1)}
    assert {"obligations", "obligations-repeated", "opencbam"} <= figures.keys()
    assert figures["obligations"].yardstick == "opencbam"
    assert all(figure.median > 0 for figure in figures.values())
    ratio = figures["obligations-repeated"].ratio
    assert ratio is not None
    assert ratio > 0


def test_installations_are_read_calculated_and_explained() -> None:
    figures = {figure.name: figure for figure in installation_rates(0.1)}
    assert figures["intake"].yardstick == "openpyxl-reads"
    assert figures["installations-calculated-and-explained"].unit == "installations/s/core"
    assert all(figure.median > 0 for figure in figures.values())


def test_the_invented_workbook_fills_every_block(tmp_path: Path) -> None:
    write_invented_workbook(tmp_path / "invented.xlsx")
    ledger = read_with_notes(tmp_path / "invented.xlsx", Catalogue.load()).ledger
    assert (len(ledger.processes), len(ledger.precursors), len(ledger.streams)) == (10, 60, 95)
    assert len(ledger.flows) == 45
    assert len(calculate(ledger).goods) == 10
