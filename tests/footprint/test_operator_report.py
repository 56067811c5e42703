"""The Commission's own examples as an operator's report: what the workbook's formulas gave, and what we compute."""

import math
from pathlib import Path

import pytest

from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.evaluate import evaluate, source_values
from carbonport.footprint.intake import read_ledger
from carbonport.footprint.intake.operator_report import read_operator_report
from carbonport.footprint.intake.workbook_cells import SheetRequest, read_workbook_cells


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


@pytest.mark.parametrize(("name", "emissions"), [("cement", 6), ("blast_furnace", 15)])
def test_every_row_and_process_the_workbook_calculated_is_ours(
    shared: Path, name: str, emissions: int
) -> None:
    """The results beside each source stream (B_EmInst AU, AV) and each process (Summary_Processes K, L, N)."""
    path = shared / f"templates/communication_template_{name}.xlsx"
    requests = (
        SheetRequest("B_EmInst", "A1:BW124", ("E17:E91", "AU17:AV91")),
        SheetRequest("Summary_Processes", "A1:AO522", ("E71:N80",)),
    )
    cells = read_workbook_cells(path, requests).sheets
    ledger = read_ledger(path, Catalogue.load())
    calculation = calculate(ledger, Scope.TRANSITIONAL)
    numbers = evaluate(calculation.installation.graph, source_values(ledger))
    rows = {
        ledger.records[stream.records["activity_data"]].source.location: stream for stream in ledger.streams
    }
    compared = 0
    for row in range(17, 92):
        stream = rows.get(f"B_EmInst!F{row}")
        if stream is None:
            continue
        sign = -1 if stream.direction == "output" else 1
        stated = float(cells["B_EmInst"][f"AU{row}"].text)
        assert math.isclose(sign * float(numbers[f"stream/{stream.id}/emissions"]), stated, rel_tol=1e-9), row
        compared += 1
    assert compared == len(ledger.streams) > 3
    summary = cells["Summary_Processes"]
    for place in range(71, 81):
        if f"E{place}" not in summary or not summary[f"E{place}"].text:
            continue
        process = next(item for item in ledger.processes if item.label == summary[f"E{place}"].text)
        good = calculation.good(process.id, ledger.goods_of(process.id)[0].cn).source
        assert math.isclose(float(good["attributed_direct"]), float(summary[f"K{place}"].text), rel_tol=1e-9)
        assert math.isclose(
            float(good["attributed_indirect"]), float(summary[f"L{place}"].text), rel_tol=1e-9
        )
        level = ledger.records[process.records["activity_level"]].value
        assert math.isclose(float(level), float(summary[f"N{place}"].text), rel_tol=1e-9)
