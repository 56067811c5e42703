"""Broken workbooks: each gets an error that names sheet and cell, and nothing of it is used."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from filled_template import Edits, fill, part_of, rewrite

from carbonport.errors import CarbonportError, Malformed
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake import read_ledger

CATALOGUE = Catalogue.load()


def error_of(path: Path) -> CarbonportError:
    with pytest.raises(Malformed) as caught:
        read_ledger(path, CATALOGUE)
    return caught.value


@pytest.mark.parametrize(
    ("sheet", "cell", "value", "error_id"),
    [
        ("B_EmInst", "F17", "forty thousand", "intake-wrong-kind"),
        ("B_EmInst", "F17", "40,117.25", "intake-wrong-kind"),
        ("B_EmInst", "F17", " ", "intake-wrong-kind"),
        ("B_EmInst", "F17", True, "intake-wrong-kind"),
        ("B_EmInst", "F17", date(2025, 3, 1), "intake-wrong-kind"),
        ("B_EmInst", "F17", "#REF!", "intake-error-value"),
        ("B_EmInst", "F17", "=SUM(F18:F20)", "intake-formula-uncached"),
        ("B_EmInst", "F17", -40_117.25, "intake-negative"),
        ("B_EmInst", "F19", -0.001, "intake-negative"),
        ("B_EmInst", "F17", None, "intake-missing-value"),
        ("B_EmInst", "F17", 1e30, "number-out-of-bounds"),
        ("B_EmInst", "D17", "Guesswork", "intake-unknown-entry"),
        ("B_EmInst", "D17", None, "intake-missing-value"),
        ("B_EmInst", "D17", False, "intake-wrong-kind"),
        ("B_EmInst", "G17", "barrel", "intake-unknown-entry"),
        ("B_EmInst", "G17", None, "intake-unknown-entry"),
        ("B_EmInst", "H17", None, "intake-missing-value"),
        ("B_EmInst", "H17", -36.2, "intake-negative"),
        ("B_EmInst", "J17", None, "intake-missing-value"),
        ("B_EmInst", "K17", "tCO2/t", "intake-unknown-entry"),
        ("B_EmInst", "K18", "kgCO2/bag", "intake-unknown-entry"),
        ("B_EmInst", "L20", None, "intake-missing-value"),
        ("B_EmInst", "N18", 100.5, "intake-percent"),
        ("B_EmInst", "R18", -1, "intake-negative"),
        ("B_EmInst", "E17", "Gas\u202e", "text-unusable"),
        ("D_Processes", "L16", "#DIV/0!", "intake-error-value"),
        ("D_Processes", "L16", -1, "intake-negative"),
        ("D_Processes", "L16", 0, "intake-inconsistent"),
        ("D_Processes", "K16", "kg N", "intake-unknown-entry"),
        ("D_Processes", "L54", "=1+1", "intake-formula-uncached"),
        ("D_Processes", "L54", -5, "intake-negative"),
        ("D_Processes", "M61", "12 TJ", "intake-wrong-kind"),
        ("D_Processes", "L65", -1, "intake-negative"),
        ("D_Processes", "L67", True, "intake-wrong-kind"),
        ("A_InstData", "I9", None, "intake-missing-value"),
        ("A_InstData", "I9", "first of January", "intake-date"),
        ("A_InstData", "L9", date(2024, 12, 31), "intake-inconsistent"),
        ("A_InstData", "L9", 45_657.25, "intake-date"),
        ("A_InstData", "I20", None, "intake-missing-value"),
        ("A_InstData", "I26", None, "intake-missing-value"),
        ("A_InstData", "S26", "#N/A", "intake-error-value"),
        ("A_InstData", "E83", None, "intake-missing-value"),
        ("Summary_Products", "D10", "Another line", "intake-unknown-entry"),
        ("Summary_Products", "F10", "7307", "intake-unknown-entry"),
        ("Summary_Products", "F10", None, "intake-missing-value"),
    ],
)
def test_a_broken_cell_is_named(tmp_path: Path, sheet: str, cell: str, value: object, error_id: str) -> None:
    error = error_of(fill(tmp_path / "plant.xlsx", {(sheet, cell): value}))
    assert error.id == error_id
    assert f"plant.xlsx {sheet}!{cell}" in error.where


@pytest.mark.parametrize("stored", ["1e400", "-1e400", "NaN", "INF", "0x10", "1_000", "١٢"])
def test_a_number_that_is_none_is_named(tmp_path: Path, stored: str) -> None:
    path = fill(tmp_path / "plant.xlsx")
    value = f"<v>{stored}</v>".encode()
    rewrite(path, part_of("B_EmInst"), lambda data: data.replace(b"<v>6020.75</v>", value))
    error = error_of(path)
    assert (error.id, error.where) == ("intake-wrong-kind", "plant.xlsx B_EmInst!F19")


@pytest.mark.parametrize(
    "sheet",
    ["A_InstData", "B_EmInst", "C_Emissions&Energy", "D_Processes", "E_PurchPrec", "Summary_Products"],
)
def test_a_missing_sheet_is_named(tmp_path: Path, sheet: str) -> None:
    error = error_of(fill(tmp_path / "plant.xlsx", without=sheet))
    assert error.id == "intake-missing-sheet"
    assert sheet in error.where


@pytest.mark.parametrize(
    ("sheet", "cell"),
    [
        ("B_EmInst", "XFD1048576"),
        ("B_EmInst", "F6000"),
        ("D_Processes", "ZZ1"),
        ("a_Contents", "XFD1048576"),
        ("a_Contents", "B70000"),
    ],
)
def test_a_cell_far_out_is_named_in_any_sheet(tmp_path: Path, sheet: str, cell: str) -> None:
    error = error_of(fill(tmp_path / "plant.xlsx", {(sheet, cell): 1}))
    assert (error.id, error.where) == ("intake-far-cell", f"plant.xlsx {sheet}!{cell}")


def test_a_blank_cell_far_out_is_named_too(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx")
    far = b'<row r="1048576"><c r="XFD1048576"/></row></sheetData>'
    rewrite(path, part_of("B_EmInst"), lambda data: data.replace(b"</sheetData>", far))
    assert error_of(path).where == "plant.xlsx B_EmInst!XFD1048576"


def test_formatted_blank_cells_beside_the_template_do_no_harm(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx")
    blank = b'<row r="3000"><c r="EE3000" s="0"/></row></sheetData>'
    rewrite(path, part_of("B_EmInst"), lambda data: data.replace(b"</sheetData>", blank))
    assert read_ledger(path, CATALOGUE).installation == "Nordhafen Steel Foundry"


def test_another_layout_is_named_by_the_row_number_that_moved(tmp_path: Path) -> None:
    error = error_of(fill(tmp_path / "plant.xlsx", {("D_Processes", "C76"): 7}))
    assert (error.id, error.where) == ("intake-layout", "plant.xlsx D_Processes!C76")


def test_all_broken_cells_are_listed_at_once(tmp_path: Path) -> None:
    edits: Edits = {
        ("B_EmInst", "F17"): "much",
        ("B_EmInst", "F19"): -3,
        ("D_Processes", "L65"): "#REF!",
        ("B_EmInst", "F98"): 1,
    }
    error = error_of(fill(tmp_path / "plant.xlsx", edits))
    assert error.id == "intake-several-cells"
    for cell in ("B_EmInst!F17", "B_EmInst!F19", "D_Processes!L65"):
        assert cell in error.found


def test_a_negative_output_needs_the_mass_balance_method(tmp_path: Path) -> None:
    error = error_of(fill(tmp_path / "plant.xlsx", {("B_EmInst", "D21"): "Combustion"}))
    assert "B_EmInst!F21" in error.where + error.found


def test_totals_that_contradict_their_parts_are_named(tmp_path: Path) -> None:
    edits: Edits = {("D_Processes", "L17"): 10_000.5, ("D_Processes", "L24"): 184_203.512}
    error = error_of(fill(tmp_path / "plant.xlsx", edits))
    assert (error.id, error.where) == ("intake-inconsistent", "plant.xlsx D_Processes!L24")


def test_two_processes_of_one_name_are_named(tmp_path: Path) -> None:
    edits: Edits = {
        ("A_InstData", "E84"): "Crude steel",
        ("A_InstData", "L84"): "Foundry line",
        ("D_Processes", "L54"): 1,
        ("D_Processes", "L81"): 5,
        ("D_Processes", "L119"): 1,
    }
    assert "A_InstData!L84" in error_of(fill(tmp_path / "plant.xlsx", edits)).where


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: data.replace(b'r="F19"', b'r="F18"'), id="twice"),
        pytest.param(lambda data: data.replace(b'r="F19"', b'r="F20"'), id="in another row"),
        pytest.param(lambda data: data.replace(b'r="F19"', b'r="19F"'), id="no reference"),
        pytest.param(lambda data: data.replace(b'<row r="19">', b'<row r="-19">'), id="no row"),
    ],
)
def test_a_sheet_that_no_program_writes_is_refused(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    path = fill(tmp_path / "plant.xlsx")
    rewrite(path, part_of("B_EmInst"), change)
    error = error_of(path)
    assert error.id == "intake-sheet"
    assert error.where.startswith("plant.xlsx B_EmInst!")


@pytest.mark.parametrize(
    ("example", "sheet", "stored", "replacement", "place", "error_id"),
    [
        ("cement", 6, b"<v>1255000</v>", b"<v>-1255000</v>", "B_EmInst!F17", "intake-negative"),
        ("cement", 6, b"<v>88000</v>", b"<v></v>", "B_EmInst!F18", "intake-missing-value"),
        ("blast_furnace", 6, b"<v>2200000</v>", b"<v>1e999</v>", "B_EmInst!F19", "intake-wrong-kind"),
        ("blast_furnace", 8, b"<v>1658844</v>", b"<v>-1658844</v>", "D_Processes!L65", "intake-negative"),
        ("blast_furnace", 8, b"<v>12800</v>", b"<v>-12800</v>", "D_Processes!M61", "intake-negative"),
    ],
)
def test_a_broken_cell_of_the_commissions_examples_is_named(
    shared: Path,
    tmp_path: Path,
    example: str,
    sheet: int,
    stored: bytes,
    replacement: bytes,
    place: str,
    error_id: str,
) -> None:
    path = tmp_path / "copy.xlsx"
    path.write_bytes((shared / f"templates/communication_template_{example}.xlsx").read_bytes())
    rewrite(path, f"xl/worksheets/sheet{sheet}.xml", lambda data: data.replace(stored, replacement, 1))
    error = error_of(path)
    assert (error.id, error.where) == (error_id, f"copy.xlsx {place}")
