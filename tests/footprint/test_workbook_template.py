"""The communication template becomes a ledger: the Commission's two examples, and a small one of our own."""

import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import openpyxl
import pytest
from filled_template import fill, part_of, rewrite

from carbonport.errors import Refused
from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.intake import Reading, read_ledger, read_with_notes
from carbonport.footprint.intake.template_map import SHEETS
from carbonport.footprint.intake.workbook_cells import read_workbook_cells
from carbonport.footprint.intake.workbook_place import Area, column_number
from carbonport.footprint.ledger import DataQuality, Direction

CATALOGUE = Catalogue.load()

EXPECTED = {
    "cement": ("25232900", "0.7852147410358565", "0.12224275", "0.9074574910358565", "1037310"),
    "blast_furnace": (
        "72081000",
        "1.5389760645578654",
        "0.20355398249999998",
        "1.7425300470578653",
        "7866044.469877754",
    ),
}
"""CN, SEE direct, indirect and total, DirEm: recomputed independently (the templates' README)."""


def read(path: Path) -> Reading:
    return read_with_notes(path, CATALOGUE)


def close(found: Fraction, expected: str) -> bool:
    return abs(found - Fraction(expected)) <= Fraction(expected) / 10**9


def stated_emissions(**edits: object) -> dict[tuple[str, str], object]:
    return {("D_Processes", cell): value for cell, value in edits.items()}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_commissions_examples_give_their_published_values(shared: Path, name: str) -> None:
    cn, direct, indirect, total, emissions = EXPECTED[name]
    ledger = read_ledger(shared / f"templates/communication_template_{name}.xlsx", CATALOGUE)
    calculation = calculate(ledger, Scope.TRANSITIONAL)
    good = next(good for good in calculation.goods if good.cn == cn)
    expected = {"see_direct": direct, "see_indirect": indirect, "see_total": total}
    for output, value in expected.items():
        assert close(good.source[output], value)
    assert close(calculation.installation.source["direct_emissions"], emissions)


def test_the_blast_furnace_example_has_four_goods_one_process_and_no_notes(shared: Path) -> None:
    reading = read(shared / "templates/communication_template_blast_furnace.xlsx")
    assert reading.notes == ()
    assert [good.cn for good in reading.ledger.goods] == ["72081000", "72122000", "72139120", "73021028"]
    assert [process.attributed_by for process in reading.ledger.processes] == ["streams"]
    outputs = [stream.label for stream in reading.ledger.streams if stream.direction is Direction.OUTPUT]
    assert outputs == ["Steel", "Slags"]
    steel = reading.ledger.records["stream/steel/activity_data"]
    assert (steel.value, steel.source.location) == (Decimal(4800000), "B_EmInst!F26")


@pytest.mark.parametrize("name", EXPECTED)
def test_our_reader_sees_what_openpyxl_sees(shared: Path, name: str) -> None:
    path = shared / f"templates/communication_template_{name}.xlsx"
    ours = read_workbook_cells(path, SHEETS)
    theirs = openpyxl.load_workbook(path, read_only=True, data_only=True)
    compared = 0
    for request in SHEETS:
        areas = [Area.parse(area) for area in request.areas]
        seen = {}
        for row in theirs[request.name].iter_rows():
            for cell in row:
                if cell.value in (None, ""):
                    continue
                place = (cell.row, column_number(cell.column_letter))
                if any(place in area for area in areas):
                    seen[f"{cell.column_letter}{cell.row}"] = cell.value
        found = ours.sheets[request.name]
        assert set(found) == set(seen)
        for place_name, value in seen.items():
            cell_found = found[place_name]
            if cell_found.kind == "number":
                assert isinstance(value, int | float)
                assert float(cell_found.text) == value
            elif cell_found.kind == "text":
                assert cell_found.text == value
            else:
                assert cell_found.kind in {"date", "boolean"}
            compared += 1
    assert compared > 1500


def test_every_record_names_its_cell_and_keeps_the_cells_number(tmp_path: Path) -> None:
    ledger = read(fill(tmp_path / "plant.xlsx")).ledger
    level = ledger.records["process/foundry-line/activity_level"]
    assert (level.source_value, level.source_unit) == (Decimal("184203.512"), "t")
    assert (level.source.document, level.source.location) == ("plant.xlsx", "D_Processes!L16")
    gas = ledger.records["stream/natural-gas/net_calorific_value"]
    assert (gas.source_unit, gas.value) == ("GJ/1000Nm3", Decimal("0.0362"))
    assert ledger.records["stream/refuse-fuel/biomass_fraction"].value == Decimal("0.4")
    assert ledger.records["stream/limestone/conversion_factor"].value == Decimal("0.97")
    assert ledger.facts["installation/postcode"].text == "20457"
    assert ledger.facts["installation/contact_email"].field_class == "personal"
    assert (ledger.country, ledger.period.start.year) == ("CN", 2025)


def test_a_number_is_the_shortest_decimal_of_the_cells_double(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx", {("B_EmInst", "F19"): 6_020.75})
    stored = b"7866044.4698777543"
    rewrite(
        path, part_of("B_EmInst"), lambda data: data.replace(b"<v>6020.75</v>", b"<v>" + stored + b"</v>")
    )
    record = read(path).ledger.records["stream/limestone/activity_data"]
    assert record.source_value == Decimal("7866044.469877754")


def test_methods_are_read_in_any_case_and_blank_factors_stay_away(tmp_path: Path) -> None:
    ledger = read(fill(tmp_path / "plant.xlsx")).ledger
    assert [stream.method for stream in ledger.streams] == [
        "combustion",
        "combustion",
        "process",
        "mass-balance",
        "mass-balance",
    ]
    assert set(ledger.streams[0].records) == {"activity_data", "net_calorific_value", "emission_factor"}
    assert ledger.streams[4].direction is Direction.OUTPUT
    assert ledger.records["stream/castings/activity_data"].value == Decimal("184203.512")
    assert {stream.process for stream in ledger.streams} == {"foundry-line"}


def test_the_operators_general_word_decides_the_data_quality(tmp_path: Path) -> None:
    amount, factor = "stream/limestone/activity_data", "stream/limestone/emission_factor"
    records = read(fill(tmp_path / "a.xlsx")).ledger.records
    assert (records[amount].quality, records[factor].quality) == (DataQuality.MEASURED, DataQuality.STANDARD)
    records = read(fill(tmp_path / "b.xlsx", {("C_Emissions&Energy", "R40"): None})).ledger.records
    assert records[amount].quality is DataQuality.ESTIMATED


def test_products_of_one_code_are_one_good_and_codes_may_be_numbers(tmp_path: Path) -> None:
    more = {("Summary_Products", f"{column}12"): value for column, value in
            {"D": "Foundry line", "F": "7307 11 10", "H": "Cast covers, painted"}.items()}  # fmt: skip
    reading = read(fill(tmp_path / "plant.xlsx", more))
    assert [(good.cn, good.label) for good in reading.ledger.goods] == [
        ("73071110", "Cast covers"),
        ("73030010", "Cast pipes"),
    ]
    assert any("Summary_Products!H12" in note for note in reading.notes)


def test_streams_that_explain_the_stated_emissions_stand_for_them(tmp_path: Path) -> None:
    without = read(fill(tmp_path / "a.xlsx"))
    assert any("DirEm* is blank" in note for note in without.notes)
    total = calculate(without.ledger, Scope.TRANSITIONAL).installation.source["direct_emissions"]
    stated = read(fill(tmp_path / "b.xlsx", stated_emissions(L54=float(total))))
    assert stated.notes == ()
    assert stated.ledger.processes[0].attributed_by == "streams"
    assert "process/foundry-line/direct_emissions" not in stated.ledger.records


def test_stated_emissions_that_the_streams_do_not_explain_stay_the_operators_record(tmp_path: Path) -> None:
    reading = read(fill(tmp_path / "plant.xlsx", stated_emissions(L54=31_415.926)))
    process = reading.ledger.processes[0]
    assert process.attributed_by == "record"
    record = reading.ledger.records[process.records["direct_emissions"]]
    assert (record.value, record.source.location) == (Decimal("31415.926"), "D_Processes!L54")
    assert any("D_Processes!L54 states 31415.926 t" in note for note in reading.notes)


def test_direct_emissions_in_whole_tonnes_count_as_stated_for_the_template_does_so(tmp_path: Path) -> None:
    total = calculate(read(fill(tmp_path / "a.xlsx")).ledger, Scope.TRANSITIONAL).installation.source
    whole = round(float(total["direct_emissions"]))
    ledger = read(fill(tmp_path / "b.xlsx", stated_emissions(L54=whole, M61=0))).ledger
    assert ledger.processes[0].attributed_by == "record"
    found = calculate(ledger, Scope.TRANSITIONAL).good("foundry-line", "73071110").source
    assert found["see_direct"] == whole / Fraction("184203.512")


def test_what_an_operator_wrote_anywhere_is_read_or_named(tmp_path: Path) -> None:
    """Every cell that the template lets one fill in, and a note beside it."""
    edits: dict[tuple[str, str], object] = {
        (sheet, place): "a word"
        for sheet, places in {
            "A_InstData": ("I24", "I38", "E62", "K65", "G83", "H105"),
            "C_Emissions&Energy": ("H41", "H42"),
            "E_PurchPrec": ("K54", "M50"),
        }.items()
        for place in places
    }
    edits |= {("D_Processes", "L50"): True, ("B_EmInst", "AX113"): 3, ("D_Processes", "V70"): "note"}
    edits |= {("A_InstData", "AK9"): "beside the template", ("D_Processes", "K50"): False}
    reading = read(fill(tmp_path / "plant.xlsx", edits))
    for sheet, place in edits:
        if (sheet, place) in {("D_Processes", "K50"), ("D_Processes", "V70")}:
            continue  # a box that is not ticked; a cell in the template's own hidden columns
        assert any(
            line.startswith(f"{sheet}!") and place in re.split("[!,: ]+", line) for line in reading.unused
        ), (sheet, place)


def test_what_is_sold_passed_on_and_used_must_be_what_was_made(tmp_path: Path) -> None:
    sound = read(fill(tmp_path / "a.xlsx", {("D_Processes", "L27"): 184_203.512}))
    assert not any("accounted for" in note for note in sound.notes)
    short = read(fill(tmp_path / "b.xlsx", {("D_Processes", "L27"): 100_000}))
    assert any("D_Processes!L42" in note and "100000.000 are accounted for" in note for note in short.notes)


def test_electricity_without_a_stated_factor_gets_the_default_of_its_country(tmp_path: Path) -> None:
    ledger = read(fill(tmp_path / "plant.xlsx", {("D_Processes", "L66"): None})).ledger
    good = calculate(ledger, Scope.TRANSITIONAL).good("foundry-line", "73071110")
    assert good.rules.electricity.basis == "default-table"
    assert good.source["see_indirect"] == Fraction("91377.406") * Fraction("0.605") / Fraction("184203.512")


def test_several_processes_keep_their_own_statements(tmp_path: Path) -> None:
    second = {
        ("A_InstData", "E84"): "Crude steel",
        ("A_InstData", "L84"): "Melt shop",
        **stated_emissions(L54=1_000.5, L81=77_001.25, K81="t", L89=77_001.25, L119=2_000.25),
        ("Summary_Products", "D12"): "Melt shop",
        ("Summary_Products", "F12"): "72061000",
    }
    reading = read(fill(tmp_path / "plant.xlsx", second))
    assert [process.id for process in reading.ledger.processes] == ["foundry-line", "melt-shop"]
    assert {process.attributed_by for process in reading.ledger.processes} == {"record"}
    assert {stream.process for stream in reading.ledger.streams} == {""}
    assert reading.ledger.records["process/melt-shop/direct_emissions"].source.location == "D_Processes!L119"
    assert len(reading.notes) == 1


def test_flows_become_records_and_zero_flows_do_not(tmp_path: Path) -> None:
    heat = stated_emissions(L57=41.5, L58=61.2, M57=0, M58=0, L71=1_200.75, L72=0.41)
    process = read(fill(tmp_path / "plant.xlsx", heat)).ledger.processes[0]
    assert set(process.records) == {
        "activity_level",
        "heat_import",
        "heat_import_factor",
        "waste_gas_export",
        "electricity",
        "electricity_factor",
        "electricity_export",
        "electricity_export_factor",
    }
    assert process.electricity_source == "D.4.3.1"


@pytest.mark.parametrize("country", ["CN", "China"])
def test_the_country_is_found_without_the_templates_own_formula(tmp_path: Path, country: str) -> None:
    path = fill(tmp_path / "plant.xlsx", {("A_InstData", "I26"): country, ("A_InstData", "S26"): "=X1"})
    assert read(path).ledger.country == "CN"


def test_cells_without_references_stand_one_after_another(tmp_path: Path) -> None:
    path = fill(tmp_path / "plant.xlsx")

    def without_references(data: bytes) -> bytes:
        bare = data.replace(b' r="C10"', b"").replace(b' r="D10"', b"").replace(b'<row r="11">', b"<row>")
        return bare.replace(b'<row r="10">', b'<row r="10"><c/><c/>')

    rewrite(path, part_of("Summary_Products"), without_references)
    assert [good.cn for good in read(path).ledger.goods] == ["73071110", "73030010"]


@pytest.mark.parametrize(
    ("sheet", "cell", "value"),
    [
        ("B_EmInst", "T18", 12),
        ("E_PurchPrec", "L28", 5_000),
        ("D_Processes", "L81", 900),
        ("D_Processes", "L119", 900),
    ],
)
def test_what_cannot_be_calculated_is_refused_by_its_cell(
    tmp_path: Path, sheet: str, cell: str, value: object
) -> None:
    with pytest.raises(Refused) as caught:
        read(fill(tmp_path / "plant.xlsx", {(sheet, cell): value}))
    assert caught.value.id == "intake-not-supported"
    assert f"{sheet}!{cell}" in caught.value.found


@pytest.mark.parametrize(
    ("sheet", "cell", "value"),
    [
        ("C_Emissions&Energy", "H26", 1_234),
        ("C_Emissions&Energy", "I16", 77),
        ("D_Processes", "L41", 250),
        ("Summary_Products", "AR10", 50),
        ("Summary_Products", "W10", 14),
    ],
)
def test_what_no_result_depends_on_is_named_by_its_cell(
    tmp_path: Path, sheet: str, cell: str, value: object
) -> None:
    reading = read(fill(tmp_path / "plant.xlsx", {(sheet, cell): value}))
    assert any(line.startswith(f"{sheet}!") and cell in line for line in reading.unused)
