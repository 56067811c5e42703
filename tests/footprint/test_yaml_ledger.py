"""Carbonport's own ledger file: exact figures, places, strictness, and the JSON form of what was read."""

from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest
from small_ledgers import COKE, ledger_text, read

from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.errors import CarbonportError, Malformed, Misuse
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake.yaml_document import MAX_YAML_BYTES
from carbonport.footprint.intake.yaml_ledger import parse_yaml_ledger, read_yaml_ledger
from carbonport.footprint.ledger import DataQuality, Direction, Ledger
from carbonport.footprint.ledger_json import ledger_from_json, ledger_to_json

EXAMPLE = Path(str(files("carbonport") / "examples" / "steelworks.yaml"))


def example() -> Ledger:
    return read_yaml_ledger(EXAMPLE, Catalogue.load())


def test_the_example_is_read_exactly_with_its_places() -> None:
    ledger = example()
    coke = ledger.records["stream/coke/activity_data"]
    assert coke.source_value == Decimal("2186473.915")
    assert coke.source.location == "steelworks.yaml, line 62"
    assert coke.quality is DataQuality.MEASURED
    assert next(stream for stream in ledger.streams if stream.id == "slag").direction is Direction.OUTPUT
    assert [good.cn for good in ledger.goods] == ["72083900", "72142000"]
    assert ledger.facts["installation/latitude"].field_class == "location"


def test_protected_figures_of_the_example_have_seven_digits() -> None:
    ledger = example()
    short = [
        record.path
        for record in ledger.records.values()
        if record.quality is not DataQuality.DEFAULT
        and record.field not in ("precursor_see_direct", "precursor_see_indirect")
        and record.field_class in ("energy", "production", "precursor")
        and len(record.declared.as_tuple().digits) < 7
    ]
    assert short == []


def test_a_ledger_survives_json() -> None:
    ledger = example()
    data = canonical_bytes(ledger_to_json(ledger))
    again = ledger_from_json(parse_canonical(data, max_bytes=1_000_000))
    assert again == ledger
    assert canonical_bytes(ledger_to_json(again)) == data


def spoiled(path: list[str | int], value: object) -> Any:
    data = cast(Any, parse_canonical(canonical_bytes(ledger_to_json(example())), max_bytes=1_000_000))
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["format"], "carbonport/ledger/v2"),
        (["extra"], "x"),
        (["records", 0, "value"], "1"),
        (["records", 0, "value"], 1),
        (["records", 0, "source_value"], "NaN"),
        (["records", 0, "bits"], 65),
        (["records", 0, "bits"], True),
        (["records", 0, "bits"], 1),
        (["records", 0, "quality"], "excellent"),
        (["records", 0, "path"], "stream/coke/activity_data"),
        (["streams", 0, "direction"], "sideways"),
        (["streams", 0, "records"], {"activity_data": "stream/slag/carbon_content"}),
        (["streams", 0, "process"], "nowhere"),
        (["period", "end"], "2026-02-30"),
        (["period", "end"], "2025-12-31"),
        (["goods"], {}),
        (["goods", 1, "cn"], "72083900"),
        (["processes", 0, "id"], "a/b"),
    ],
)
def test_a_spoiled_ledger_is_refused(path: list[str | int], value: object) -> None:
    with pytest.raises(Malformed):
        ledger_from_json(spoiled(path, value))


def test_a_figure_without_quality_counts_as_estimated() -> None:
    assert read(ledger_text()).records["stream/coke/activity_data"].quality is DataQuality.ESTIMATED


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("1000 t", "NaN t", "number-unreadable"),
        ("1000 t", "1e400 t", "number-out-of-bounds"),
        ("1000 t", "-1000 t", "number-negative"),
        ("1000 t", "1000 barrels", "unit-unknown"),
        ("1000 t", "1000", "unit-does-not-fit"),
        ("1000 t", "[1000]", "ledger-file"),
        ("1000 t", "", "ledger-file"),
        ("mass-balance", "guesswork", "ledger-file"),
        ("id: coke,", "id: coke, id: coke,", "yaml-malformed"),
        ("id: coke,", "id: coke, colour: black,", "ledger-file"),
        ("id: coke,", "", "ledger-file"),
        ("id: coke", "id: 'co ke'", "ledger-id"),
        ("process: p1, activity", "process: p2, activity", "ledger-inconsistent"),
        ("ledger/v1", "ledger/v9", "ledger-file"),
        ('"72083900"', '"7208"', "ledger-file"),
        ("-12-31", "-13-31", "ledger-file"),
        ("end: 2026", "end: 2025", "ledger-inconsistent"),
        ("streams:", "streams: &a", "yaml-malformed"),
        ("streams:", "streams: !!seq", "yaml-malformed"),
        ("Test Works", "*works", "yaml-malformed"),
        ("Test Works", "'Test\\\n  \\x00Works", "yaml-malformed"),
        ("Test Works", "[" * 40, "yaml-malformed"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(old: str, new: str, error: str) -> None:
    text = ledger_text()
    assert old in text
    with pytest.raises(CarbonportError) as caught:
        read(text.replace(old, new))
    assert caught.value.id == error


def test_the_error_names_the_line() -> None:
    with pytest.raises(Malformed) as caught:
        read(ledger_text().replace("1000 t", "1000 barrels"))
    assert caught.value.where == "test.yaml, line 7"


def test_two_streams_of_one_id_are_refused() -> None:
    with pytest.raises(Malformed) as caught:
        read(ledger_text(streams=(COKE, COKE)))
    assert caught.value.id == "ledger-duplicate-id"


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"--- a\n--- b\n", b"carbonport: [", b"- 1\n", b" " * (MAX_YAML_BYTES + 1)]
)
def test_other_documents_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_yaml_ledger(data, "x.yaml", Catalogue.load())


def test_a_file_that_is_not_there_is_a_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misuse):
        read_yaml_ledger(tmp_path / "none.yaml", Catalogue.load())
