"""The catalogue: declared values, widths, signs, texts, and a file of the user's."""

from decimal import Decimal
from pathlib import Path

import pytest

from carbonport.errors import Malformed, Misuse
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.ledger import DataQuality, Record, Source
from carbonport.footprint.tables.table_file import MAX_TABLE_BYTES

HERE = Source("plant.xlsx", "B_EmInst!F17")
HEADER = "# title: t\n# version: 1\n# source: s\nfield,class,unit,decimals,bits,label\n"


def record(field: str, value: str, unit: str, catalogue: Catalogue | None = None) -> Record:
    chosen = catalogue or Catalogue.load()
    return chosen.record(f"stream/x/{field}", field, Decimal(value), unit, HERE, DataQuality.MEASURED)


def load(tmp_path: Path, rows: str) -> Catalogue:
    path = tmp_path / "catalogue.csv"
    path.write_text(HEADER + rows)
    return Catalogue.load(path)


def test_a_record_keeps_source_and_declared_value_apart() -> None:
    content = record("carbon_content", "0.683571530119101", "tC/t")
    assert content.value == Decimal("0.683571530119101")
    assert content.declared == Decimal("0.683571530")
    assert content.declared_integer == 683571530


def test_the_unit_of_the_figure_chooses_the_row_of_the_field() -> None:
    in_kt = record("activity_data", "5", "kt")
    assert (in_kt.unit, in_kt.value) == ("t", Decimal(5000))
    assert record("activity_data", "7", "1000Nm3").unit == "1000Nm3"
    assert record("activity_data", "1.23456789", "TJ").declared == Decimal("1.234568")
    assert record("emission_factor", "94.6", "tCO2/TJ").bits > record("emission_factor", "3", "tCO2/t").bits


def test_declared_decimals_follow_the_issue() -> None:
    catalogue = Catalogue.load()
    decimals = {
        figure.unit: figure.decimals
        for field in catalogue.fields.values()
        # A supplier's secret value is a result of its own, which its verifier committed to.
        if field.field_class not in ("result", "result-total") and "committed" not in field.name
        for figure in field.figures
    }
    assert {unit: decimals[unit] for unit in ("t", "MWh", "TJ")} == {"t": 3, "MWh": 3, "TJ": 6}
    assert {count for unit, count in decimals.items() if "/" in unit or unit == "1"} == {9}


@pytest.mark.parametrize(
    ("field", "value", "unit", "error"),
    [
        ("activity_data", "-1", "t", "number-negative"),
        ("activity_data", "1e15", "t", "number-too-wide"),
        ("biomass_fraction", "101", "%", "number-above-whole"),
        ("oxidation_factor", "98", "1", "number-above-whole"),
        ("carbon_content", "88", "tC/t", "number-too-wide"),
        ("carbon_content", "0.9", "TJ/t", "unit-does-not-fit"),
        ("activity_data", "1", "bushel", "unit-unknown"),
        ("activity_data", "NaN", "t", "number-out-of-bounds"),
        ("activity_data", "1E+400", "t", "number-out-of-bounds"),
        ("cn", "1", "t", "catalogue-text-or-number"),
        ("coke_rate", "1", "t", "catalogue-field-unknown"),
    ],
)
def test_figures_that_cannot_be_meant_are_refused(field: str, value: str, unit: str, error: str) -> None:
    with pytest.raises(Malformed) as caught:
        record(field, value, unit)
    assert caught.value.id == error
    assert value not in str(caught.value) or value in ("1", "-1", "0.9"), (
        "an error never repeats a plant figure"
    )


@pytest.mark.parametrize("text", ["", "  ", "a\x00b", "a\u202eb", "x" * 501])
def test_texts_with_tricks_are_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        Catalogue.load().fact("installation/city", "city", text, HERE)
    assert caught.value.id == "text-unusable"


def test_texts_are_trimmed_and_composed() -> None:
    fact = Catalogue.load().fact("installation/city", "city", " Tangsha\u006e \u0301o", HERE)
    assert fact.text == "Tangshan \u0301o"
    assert fact.field_class == "location"


def test_a_users_catalogue_replaces_ours(tmp_path: Path) -> None:
    catalogue = load(tmp_path, "activity_data,energy,t,0,32,Amount\n")
    assert record("activity_data", "12.5", "t", catalogue).declared == Decimal(13)
    with pytest.raises(Malformed):
        catalogue.field("carbon_content")


@pytest.mark.parametrize(
    "rows",
    [
        "a,energy,t,3,48,x\na,energy,kg,3,48,x\n",
        "a,energy,t,3,48,x\na,factor,TJ,3,48,x\n",
        "a,energy,t,three,48,x\n",
        "a,energy,t,3,65,x\n",
        "a,energy,t,-1,48,x\n",
        "a,energy,,3,48,x\n",
        ",energy,t,3,48,x\n",
        "a,energy,stone,3,48,x\n",
    ],
)
def test_rows_that_cannot_be_meant_are_refused(tmp_path: Path, rows: str) -> None:
    with pytest.raises(Malformed):
        load(tmp_path, rows)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "field,class\n",
        HEADER.replace("# version: 1\n", "") + "a,b,,,,c\n",
        HEADER.replace(",bits", "") + "a,b,,,c\n",
        HEADER + "a,b\n",
        HEADER + '"a,b,,,,c\n',
    ],
)
def test_table_files_with_another_form_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(Malformed) as caught:
        Catalogue.load(path)
    assert caught.value.id == "table-malformed"


def test_table_files_are_bounded_and_have_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(Misuse):
        Catalogue.load(tmp_path / "none.csv")
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(MAX_TABLE_BYTES + 1)
    with pytest.raises(Malformed):
        Catalogue.load(huge)
    broken = tmp_path / "latin.csv"
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(Malformed):
        Catalogue.load(broken)
