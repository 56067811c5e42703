"""Exact decimals: bounds on reading, rounding half up, printing without loss."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonport.errors import Malformed
from carbonport.footprint.exact_decimal import bounded, decimal_text, is_exact, parse_decimal, round_half_up


@pytest.mark.parametrize(
    ("text", "value"),
    [("2186473.915", "2186473.915"), ("1e3", "1000"), ("-0.5", "-0.5"), ("+7", "7"), ("0", "0")],
)
def test_numbers_are_read_exactly(text: str, value: str) -> None:
    assert parse_decimal(text, where="test") == Decimal(value)


@pytest.mark.parametrize(
    "text",
    ["", " ", "NaN", "Infinity", "1,000", "1_000", "0x10", ".5", "5.", "1e", "--1", "１２", "1 000", "a"],
)
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_decimal(text, where="cell A1")
    assert caught.value.id == "number-unreadable"
    assert caught.value.where == "cell A1"


@pytest.mark.parametrize("text", ["1e400", "1e24", "1e-400", "1e-31", "1" * 41, "0." + "1" * 41, "9e9999"])
def test_numbers_without_sane_bounds_are_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_decimal(text, where="cell A1")
    assert caught.value.id == "number-out-of-bounds"


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), Decimal("1E+400")])
def test_decimals_that_are_not_finite_are_refused(value: Decimal) -> None:
    with pytest.raises(Malformed):
        bounded(value, where="")


@pytest.mark.parametrize(
    ("value", "decimals", "rounded"),
    [
        (Fraction(1, 2), 0, "1"),
        (Fraction(-1, 2), 0, "-1"),
        (Fraction("0.123455"), 5, "0.12346"),
        (Fraction("0.1234549999999999999999999999999999"), 5, "0.12345"),
        (Fraction(2, 3), 5, "0.66667"),
        (Fraction(0), 5, "0.00000"),
    ],
)
def test_rounding_is_half_away_from_zero(value: Fraction, decimals: int, rounded: str) -> None:
    assert format(round_half_up(value, decimals), "f") == rounded


def test_a_number_that_ends_is_printed_exactly_and_another_with_34_digits() -> None:
    assert decimal_text(Fraction(1, 8)) == "0.125"
    assert decimal_text(Fraction(12, 1)) == "12"
    assert decimal_text(Fraction(1, 3)) == "0." + "3" * 34
    assert not is_exact(Fraction(1, 3))
    assert decimal_text(Decimal("1E+3")) == "1000"


@given(st.integers(-(10**40), 10**40), st.integers(0, 40))
def test_every_decimal_survives_printing_and_reading(number: int, decimals: int) -> None:
    value = Fraction(number, 10**decimals)
    assert Fraction(decimal_text(value)) == value


@given(st.fractions(), st.integers(0, 12))
def test_rounding_moves_a_number_by_half_a_unit_at_most(value: Fraction, decimals: int) -> None:
    assert abs(Fraction(round_half_up(value, decimals)) - value) * 10**decimals <= Fraction(1, 2)
