"""Sealing: round trips, binding to the place, and no byte that can be changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.ambient import system_random
from carbonport.crypto.sealing import (
    BODY_OVERHEAD_BYTES,
    HPKE_OVERHEAD_BYTES,
    HpkeKeyPair,
    decrypt_body,
    encrypt_body,
    hpke_generate,
    hpke_open,
    hpke_seal,
)
from carbonport.errors import FailedVerification, Malformed, Misuse

READER = hpke_generate(lambda count: bytes(range(count)))
KEY = bytes(range(32))


@given(st.binary(max_size=200), st.binary(max_size=40))
@settings(max_examples=40)
def test_sealed_bytes_open_for_the_reader_in_the_same_place_only(plaintext: bytes, info: bytes) -> None:
    sealed = hpke_seal(READER.public, info, plaintext)
    assert len(sealed) == len(plaintext) + HPKE_OVERHEAD_BYTES
    assert hpke_open(READER.private, info, sealed) == plaintext
    with pytest.raises(FailedVerification, match="hpke-open"):
        hpke_open(READER.private, info + b"x", sealed)
    with pytest.raises(FailedVerification, match="hpke-open"):
        hpke_open(hpke_generate().private, info, sealed)


@given(st.data())
@settings(max_examples=60)
def test_no_byte_of_a_sealed_message_can_be_changed(data: st.DataObject) -> None:
    sealed = bytearray(hpke_seal(READER.public, b"place", b"the key of a body"))
    position = data.draw(st.integers(0, len(sealed) - 1))
    # X25519 ignores the top bit of the encapsulated key, but HPKE takes the bytes into its key schedule.
    sealed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FailedVerification, match="hpke-open"):
        hpke_open(READER.private, b"place", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", bytes(31), bytes(47), bytes(48), bytes(100)])
def test_short_and_low_order_messages_fail_in_the_same_way(sealed: bytes) -> None:
    with pytest.raises(FailedVerification, match="hpke-open"):
        hpke_open(READER.private, b"", sealed)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), bytes(32), b"\x01" + bytes(31)])
def test_keys_that_seal_nothing_are_refused(public: bytes) -> None:
    with pytest.raises(Malformed, match="hpke-public-key"):
        hpke_seal(public, b"", b"secret")


@given(st.binary(max_size=300), st.binary(max_size=40))
@settings(max_examples=40)
def test_bodies_round_trip_and_are_bound_to_their_place(plaintext: bytes, aad: bytes) -> None:
    sealed = encrypt_body(KEY, aad, plaintext, system_random)
    assert len(sealed) == len(plaintext) + BODY_OVERHEAD_BYTES
    assert decrypt_body(KEY, aad, sealed) == plaintext
    for key, place in ((KEY[::-1], aad), (KEY, aad + b"x")):
        with pytest.raises(FailedVerification, match="body-open"):
            decrypt_body(key, place, sealed)


@given(st.data())
@settings(max_examples=60)
def test_no_byte_of_a_body_can_be_changed_or_cut(data: st.DataObject) -> None:
    sealed = bytearray(encrypt_body(KEY, b"place", b"a body", system_random))
    position = data.draw(st.integers(0, len(sealed) - 1))
    with pytest.raises(FailedVerification, match="body-open"):
        decrypt_body(KEY, b"place", bytes(sealed[:position]))
    sealed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FailedVerification, match="body-open"):
        decrypt_body(KEY, b"place", bytes(sealed))


def test_keys_of_another_length_are_misuse() -> None:
    with pytest.raises(Misuse, match="sealing-key-length"):
        encrypt_body(KEY[:16], b"", b"", system_random)
    with pytest.raises(Misuse, match="sealing-key-length"):
        decrypt_body(KEY + b"0", b"", bytes(40))
    with pytest.raises(Misuse, match="sealing-key-length"):
        hpke_open(KEY[:31], b"", bytes(60))


def test_the_private_half_is_not_shown() -> None:
    pair: HpkeKeyPair = hpke_generate()
    assert repr(pair.private) not in repr(pair)
    assert pair.private.hex() not in repr(pair)
