"""Units convert exactly, within their kind, and unknown ones are refused."""

from decimal import Decimal

import pytest

from carbonport.errors import Malformed
from carbonport.footprint.units import UNITS, base_unit, convert, unit_named


@pytest.mark.parametrize(
    ("value", "source", "target", "result"),
    [
        ("47.918364", "GJ/t", "TJ/t", "0.047918364"),
        ("1234567.891", "kg", "t", "1234.567891"),
        ("16", "%", "1", "0.16"),
        ("250", "kWh", "MWh", "0.25"),
        ("1000", "MWh", "TJ", "3.6"),
        ("0.605", "tCO2e/MWh", "tCO2/MWh", "0.605"),
        ("581", "gCO2/kWh", "tCO2/MWh", "0.581"),
        ("95", "kgCO2/GJ", "tCO2/TJ", "95"),
        ("3", "1000 Nm³", "1000Nm3", "3"),
    ],
)
def test_conversion_is_exact(value: str, source: str, target: str, result: str) -> None:
    assert convert(Decimal(value), unit_named(source), unit_named(target)) == Decimal(result)


@pytest.mark.parametrize(
    ("source", "target"), [("t", "1000Nm3"), ("TJ", "MWh"), ("tCO2/TJ", "tCO2/t"), ("%", "t")]
)
def test_units_of_different_kinds_do_not_fit(source: str, target: str) -> None:
    with pytest.raises(Malformed) as caught:
        convert(Decimal(1), unit_named(source), unit_named(target), where="B_EmInst!G17")
    assert caught.value.id == "unit-does-not-fit"
    assert caught.value.where == "B_EmInst!G17"


@pytest.mark.parametrize("name", ["barrel", "T", "tco2/tj", "t t", "ŧ"])
def test_unknown_units_are_refused(name: str) -> None:
    with pytest.raises(Malformed) as caught:
        unit_named(name)
    assert caught.value.id == "unit-unknown"


def test_every_kind_has_one_unit_of_its_own_size() -> None:
    for unit in UNITS.values():
        assert base_unit(unit.kind).kind == unit.kind
        assert base_unit(unit.kind).factor == 1
