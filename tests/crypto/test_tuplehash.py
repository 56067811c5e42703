"""TupleHash256 and KMAC256 against NIST's samples, and the laws the formats lean on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.tuplehash import HashField, kmac256, tuple_hash
from carbonport.errors import Misuse

KMAC_KEY = bytes(range(0x40, 0x60))
KMAC_SAMPLES = [  # csrc.nist.gov, KMAC_samples.pdf, samples 4, 5 and 6
    (
        bytes(range(4)),
        b"My Tagged Application",
        "20C570C31346F703C9AC36C61C03CB64C3970D0CFC787E9B79599D273A68D2F7"
        "F69D4CC3DE9D104A351689F27CF6F5951F0103F33F4F24871024D9C27773A8DD",
    ),
    (
        bytes(range(0xC8)),
        b"",
        "75358CF39E41494E949707927CEE0AF20A3FF553904C86B08F21CC414BCFD691"
        "589D27CF5E15369CBBFF8B9A4C2EB17800855D0235FF635DA82533EC6B759B69",
    ),
    (
        bytes(range(0xC8)),
        b"My Tagged Application",
        "B58618F71F92E1D56C1B8C55DDD7CD188B97B4CA4D99831EB2699A837DA2E4D9"
        "70FBACFDE50033AEA585F1A2708510C32D07880801BD182898FE476876FC8965",
    ),
]


def test_tuple_hash_sample_4() -> None:
    """csrc.nist.gov, TupleHash_samples.pdf, sample 4; its first element is our domain string."""
    expected = (
        "CFB7058CACA5E668F81A12A20A2195CE97A925F1DBA3E7449A56F82201EC6073"
        "11AC2696B1AB5EA2352DF1423BDE7BD4BB78C9AED1A853C78672F9EB23BBE194"
    )
    assert tuple_hash("\x00\x01\x02", bytes(range(0x10, 0x16))).hex().upper() == expected


@pytest.mark.parametrize(("message", "customization", "expected"), KMAC_SAMPLES)
def test_kmac_samples(message: bytes, customization: bytes, expected: str) -> None:
    assert kmac256(KMAC_KEY, message, 64, customization).hex().upper() == expected


def test_fields_are_bytes_utf8_and_ascii_decimals() -> None:
    assert tuple_hash("d", "Köln", 2026, -5, b"x") == tuple_hash("d", "Köln".encode(), b"2026", b"-5", b"x")


fields = st.lists(st.binary(max_size=6), max_size=4)


@given(fields, fields)
@settings(max_examples=100)
def test_other_fields_give_another_hash(first: list[HashField], second: list[HashField]) -> None:
    assert (tuple_hash("d", *first) == tuple_hash("d", *second)) == (first == second)


@given(st.lists(st.binary(min_size=1, max_size=6), min_size=2, max_size=4))
@settings(max_examples=50)
def test_boundaries_of_fields_count(parts: list[bytes]) -> None:
    assert tuple_hash("d", *parts) != tuple_hash("d", b"".join(parts))


def test_the_domain_is_a_field_of_its_own() -> None:
    assert tuple_hash("ab", "c") != tuple_hash("a", "bc")
    assert tuple_hash("d") != tuple_hash("d", "")


@pytest.mark.parametrize("field", [True, None, 1.5, "\ud800", [b"x"]])
def test_refuses_fields_without_bytes(field: HashField) -> None:
    with pytest.raises(Misuse, match="tuple-hash-field"):
        tuple_hash("d", field)


def test_refuses_short_keys_without_showing_them() -> None:
    with pytest.raises(Misuse, match="kmac-short-key") as caught:
        kmac256(b"hunter2", b"", 64)
    assert "hunter2" not in str(caught.value)
