"""Sheets of the template beyond source streams: gases, precursors, internal flows, tools, other languages.

Expected values follow the template's own formulas, written out by hand.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from filled_template import fill

from carbonport.errors import Malformed
from carbonport.footprint.calculation import Calculation, calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.intake import Reading, read_with_notes

CATALOGUE = Catalogue.load()

MELT_SHOP = {
    ("A_InstData", "E84"): "Crude steel",
    ("A_InstData", "L84"): "Melt shop",
    ("D_Processes", "K81"): "t",
    ("D_Processes", "L81"): 200_000,
    ("D_Processes", "L89"): 200_000,
    ("D_Processes", "L119"): 90_000,
    ("D_Processes", "L130"): 50_000,
    ("D_Processes", "L131"): 0.5,
    ("D_Processes", "L132"): "Mix",
    ("D_Processes", "L54"): 30_000,
    ("D_Processes", "L97"): 150_000,
    ("Summary_Products", "D12"): "Melt shop",
    ("Summary_Products", "F12"): "72061000",
}
"""A second process that passes 150,000 t on to the first one."""

FERRO = {
    ("A_InstData", "E102"): "Alloys (FeMn, FeCr, FeNi)",
    ("A_InstData", "F102"): "ZA",
    ("A_InstData", "L102"): "Ferro-chrome",
    ("E_PurchPrec", "L17"): 2_000,
    ("E_PurchPrec", "L28"): 300,
    ("E_PurchPrec", "L29"): 1_700,
    ("E_PurchPrec", "L49"): 2.5,
    ("E_PurchPrec", "M49"): "Default",
    ("E_PurchPrec", "L50"): 4,
    ("E_PurchPrec", "L51"): 0.9,
    ("E_PurchPrec", "L52"): 3.6,
}


def read(path: Path) -> Reading:
    return read_with_notes(path, CATALOGUE)


def whole(path: Path) -> Calculation:
    return calculate(read(path).ledger, Scope.TRANSITIONAL)


def test_perfluorocarbons_follow_the_templates_formulas(tmp_path: Path) -> None:
    cells = {"D98": "slope method", "E98": "Centre Worked Pre-Bake (CWPB)", "F98": 500_000, "AG98": 2.17,
             "AH98": 1.23, "AI98": 0.146, "AM98": 0.122, "AT98": 0.98,
             "D99": "Overvoltage Method", "F99": 1_000, "AJ99": 30, "AK99": 95, "AL99": 1.16,
             "AM99": 0.121}  # fmt: skip
    base = whole(fill(tmp_path / "a.xlsx")).installation.source["direct_emissions"]
    path = fill(tmp_path / "b.xlsx", {("B_EmInst", cell): value for cell, value in cells.items()})
    found = whole(path).installation.source["direct_emissions"] - base
    cf4 = Fraction("1000") * 30 / 95 * Fraction("1.16") / 1000
    overvoltage = cf4 * 6630 + cf4 * Fraction("0.121") * 11100
    assert abs(found - overvoltage - Fraction("1587424.3469999998")) < Fraction(1, 10**6)


def test_measured_gases_follow_the_templates_formulas(tmp_path: Path) -> None:
    cells = {"D113": "Tail gas", "E113": "N2O", "R113": 0, "V113": 64.2925, "X113": 4, "Z113": 265,
             "D114": "Stack", "E114": "CO2", "R114": 15, "V114": 1820, "X114": 5000,
             "Z114": 50}  # fmt: skip
    base = whole(fill(tmp_path / "a.xlsx")).installation.source
    path = fill(tmp_path / "b.xlsx", {("B_EmInst", cell): value for cell, value in cells.items()})
    source = whole(path).installation.source
    assert source["direct_emissions"] - base["direct_emissions"] == Fraction("18059.76325") + 386750
    assert source["biomass_emissions"] - base["biomass_emissions"] == 68250


@pytest.mark.parametrize("missing", ["F98", "AM98", "D98"])
def test_a_gas_row_that_lacks_a_figure_is_named(tmp_path: Path, missing: str) -> None:
    cells: dict[str, Any] = {"D98": "Slope method", "F98": 1, "AG98": 1, "AH98": 1, "AI98": 1, "AM98": 0.1}
    del cells[missing]
    with pytest.raises(Malformed) as caught:
        read(fill(tmp_path / "plant.xlsx", {("B_EmInst", cell): value for cell, value in cells.items()}))
    assert caught.value.id == "intake-missing-value"
    assert caught.value.where.endswith(f"B_EmInst!{missing}")


def test_what_a_process_passes_on_enters_the_other_one(tmp_path: Path) -> None:
    calculation = whole(fill(tmp_path / "plant.xlsx", MELT_SHOP))
    steel = calculation.good("melt-shop", "72061000").source
    assert steel["see_direct"] == Fraction(90_000, 200_000)
    cast = calculation.good("foundry-line", "73071110").source
    exported = Fraction("12.375125") * Fraction("56.1") * Fraction("0.667")
    level = Fraction("184203.512")
    assert cast["see_direct"] == (30_000 - exported + 150_000 * Fraction(9, 20)) / level
    assert (
        cast["see_indirect"]
        == (Fraction("91377.406") * Fraction("0.5703") + 150_000 * Fraction(1, 8)) / level
    )


def test_purchased_precursors_are_known_by_category_and_shared_by_processes(tmp_path: Path) -> None:
    reading = read(fill(tmp_path / "plant.xlsx", MELT_SHOP | FERRO))
    assert [(item.id, item.process, item.basis) for item in reading.ledger.precursors] == [
        ("ferro-chrome", "foundry-line", "default"),
        ("ferro-chrome-to-melt-shop", "melt-shop", "default"),
    ]
    assert any("E_PurchPrec!L17" in line for line in reading.unused)
    calculation = calculate(reading.ledger, Scope.TRANSITIONAL)
    steel = calculation.good("melt-shop", "72061000").source
    direct = (90_000 + 1_700 * Fraction("2.5")) / 200_000
    assert steel["see_direct"] == direct
    assert steel["see_indirect"] == (25_000 + 1_700 * Fraction("3.6")) / 200_000
    assert steel["default_share"] == (1_700 * Fraction("2.5") / 200_000) / direct
    cast = calculation.good("foundry-line", "73071110").source
    defaults = 300 * Fraction("2.5") + 150_000 * 1_700 * Fraction("2.5") / 200_000
    assert cast["default_share"] == defaults / (cast["see_direct"] * Fraction("184203.512"))


def test_the_definitive_scope_knows_a_category_without_cn(tmp_path: Path) -> None:
    reading = read(fill(tmp_path / "plant.xlsx", MELT_SHOP | FERRO))
    good = calculate(reading.ledger, Scope.DEFINITIVE).good("melt-shop", "72061000")
    assert good.source["see_total"] == good.source["see_direct"]


@pytest.mark.parametrize(
    ("edits", "error", "cell"),
    [
        ({("E_PurchPrec", "L49"): None}, "intake-missing-value", "E_PurchPrec!L49"),
        ({("E_PurchPrec", "M49"): "Guessed"}, "intake-unknown-entry", "E_PurchPrec!M49"),
        ({("E_PurchPrec", "L33"): 7}, "intake-inconsistent", "E_PurchPrec!L33"),
        ({("A_InstData", "E102"): "Cheese"}, "intake-unknown-entry", "A_InstData!E102"),
        ({("A_InstData", "E102"): None}, "intake-missing-value", "A_InstData!E102"),
        ({("D_Processes", "L99"): 7}, "intake-inconsistent", "D_Processes!L99"),
    ],
)
def test_a_precursor_that_cannot_be_meant_is_named(
    tmp_path: Path, edits: dict[tuple[str, str], object], error: str, cell: str
) -> None:
    with pytest.raises(Malformed) as caught:
        read(fill(tmp_path / "plant.xlsx", MELT_SHOP | FERRO | edits))
    assert caught.value.id == error
    assert caught.value.where.endswith(cell)


def test_processes_in_a_circle_are_named(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx", MELT_SHOP | {("D_Processes", "L32"): 10})
    with pytest.raises(Malformed) as caught:
        whole(path)
    assert caught.value.id == "precursor-cycle"
    assert "melt-shop" in caught.value.found
    assert "foundry-line" in caught.value.found


def test_words_are_read_in_the_workbooks_own_language(tmp_path: Path) -> None:
    path = fill(
        tmp_path / "plant.xlsx", {("B_EmInst", "D17"): "Verbrennung", ("B_EmInst", "D20"): "Massenbilanz"}
    )
    workbook = openpyxl.load_workbook(path)
    lists = workbook.create_sheet("Parameters_Constants")
    lists["B56"] = "Verbrennung"
    # A word that was chosen before the language was changed stands in another column of the translations.
    words = workbook.create_sheet("Translations")
    words["F194"] = "Massenbilanz"
    workbook.save(path)
    assert [stream.method for stream in read(path).ledger.streams[::3]] == ["combustion", "mass-balance"]


def test_the_cogeneration_tool_becomes_a_utility(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx")
    workbook = openpyxl.load_workbook(path)
    tools = workbook.create_sheet("F_Tools")
    for cell, value in {"J21": 100, "K21": 50, "L21": 5_000, "J26": 5_610, "J41": 0.88, "K41": 0.53}.items():
        tools[cell] = value
    tools["H101"] = 0.5
    workbook.save(path)
    reading = read(path)
    (unit,) = reading.ledger.utilities
    assert (unit.kind, set(unit.records)) == ("chp", {
        "fuel_input", "heat_produced", "electricity_produced", "direct_emissions",
        "heat_reference_efficiency", "electric_reference_efficiency",
    })  # fmt: skip
    assert any(line.startswith("F_Tools!H101") for line in reading.unused)


def test_parameters_of_a_good_are_kept(tmp_path: Path) -> None:
    cells = {"P10": "Coal or coke", "Q10": 623108, "R10": 0.1395, "AB10": 0.95, "AC10": True}
    ledger = read(
        fill(tmp_path / "plant.xlsx", {("Summary_Products", cell): value for cell, value in cells.items()})
    ).ledger
    base = "good/foundry-line/73071110"
    assert ledger.facts[f"{base}/reducing_agent"].text == "Coal or coke"
    assert ledger.facts[f"{base}/steel_mill"].text == "623108"
    assert ledger.records[f"{base}/mn/alloy_content"].value == Fraction("0.1395")
    assert ledger.goods[0].records == {"clinker_content": f"{base}/clinker_content"}
