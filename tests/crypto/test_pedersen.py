"""Commitments: they add up, they bind, and their blindings depend on everything that may differ."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.fixed_base import FixedBase
from carbonport.crypto.group import IDENTITY, ORDER, G, H
from carbonport.crypto.pedersen import MAX_VALUE_BITS, Opening, check_opening, commit, derive_blinding
from carbonport.crypto.tuplehash import kmac256, tuple_hash
from carbonport.errors import FailedVerification, Misuse

values = st.integers(-(2**96), 2**96)
blindings = st.integers(0, ORDER - 1)
openings = st.builds(Opening, values, blindings)

KEY = bytes(range(32))
NONCE = bytes(range(32, 64))


def blinding(
    *,
    key: bytes = KEY,
    nonce: bytes = NONCE,
    path: str = "stream/coke/activity_data",
    period: str = "2026-01-01/2026-12-31",
    unit: str = "t",
    decimals: int = 3,
    value: int = 1_234_567,
) -> int:
    return derive_blinding(
        key, nonce=nonce, path=path, period=period, unit=unit, decimals=decimals, value=value
    )


@given(openings)
@settings(max_examples=30)
def test_a_commitment_is_the_sum_of_two_multiples(opening: Opening) -> None:
    assert commit(opening) == G * opening.value + H * opening.blinding


@given(openings, openings, st.integers(-1000, 1000))
@settings(max_examples=30)
def test_openings_add_up_as_their_commitments_do(a: Opening, b: Opening, factor: int) -> None:
    check_opening(commit(a) + commit(b), a + b)
    check_opening(commit(a) * factor, factor * a)


@given(openings, st.integers(1, 2**40))
@settings(max_examples=30)
def test_no_other_value_or_blinding_opens(opening: Opening, change: int) -> None:
    commitment = commit(opening)
    check_opening(commitment, opening)
    for other in (
        Opening(opening.value + change, opening.blinding),
        Opening(opening.value, (opening.blinding + change) % ORDER),
    ):
        with pytest.raises(FailedVerification, match="commitment-opening"):
            check_opening(commitment, other)


@given(st.integers(-(2**260), 2**260))
@settings(max_examples=30)
def test_the_table_of_multiples_is_right(scalar: int) -> None:
    assert TABLE.times(scalar) == H * scalar


TABLE = FixedBase(H)


def test_the_table_at_its_edges() -> None:
    for scalar in (0, 1, 255, 256, 2**248 - 1, ORDER - 1, ORDER, ORDER + 1, -1):
        assert TABLE.times(scalar) == H * scalar
    assert FixedBase(G).times(0) == IDENTITY


@pytest.mark.parametrize(
    ("value", "r"), [(2**MAX_VALUE_BITS, 0), (-(2**MAX_VALUE_BITS), 0), (0, ORDER), (0, -1)]
)
def test_values_that_could_wrap_are_refused(value: int, r: int) -> None:
    with pytest.raises(Misuse, match="commitment-range"):
        Opening(value, r)


def test_openings_show_nothing_in_text_or_errors() -> None:
    opening = Opening(7654321, 99999991)
    with pytest.raises(FailedVerification) as caught:
        check_opening(G, opening, where="stream/coke/activity_data")
    for text in (repr(opening), str(opening), str(caught.value)):
        assert "7654321" not in text
        assert "99999991" not in text
    assert caught.value.where == "stream/coke/activity_data"


def test_the_blinding_is_what_the_format_says() -> None:
    message = tuple_hash(
        "carbonport/blinding/v1",
        NONCE,
        "stream/coke/activity_data",
        "2026-01-01/2026-12-31",
        "t",
        3,
        1_234_567,
    )
    assert blinding() == int.from_bytes(kmac256(KEY, message, 64), "big") % ORDER


def test_every_part_of_the_context_changes_the_blinding() -> None:
    others = {
        blinding(),
        blinding(key=KEY[::-1]),
        blinding(nonce=KEY),
        blinding(path="stream/coal/activity_data"),
        blinding(period="2025-01-01/2025-12-31"),
        blinding(unit="MWh"),
        blinding(decimals=4),
        blinding(value=1_234_568),
    }
    assert len(others) == 8


@pytest.mark.parametrize(("key", "nonce"), [(KEY[:31], NONCE), (KEY, NONCE + b"0"), (b"", b"")])
def test_keys_and_nonces_have_one_length(key: bytes, nonce: bytes) -> None:
    with pytest.raises(Misuse, match="blinding-input"):
        blinding(key=key, nonce=nonce)
