"""The one-call TupleHash256 gives what pycryptodome's own, field by field, gives."""

from collections.abc import Callable

import pytest
from Crypto.Hash import TupleHash256
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto import tuplehash
from carbonport.crypto.tuplehash import tuple_hash

SIZES = [0, 1, 31, 32, 134, 135, 136, 137, 271, 272, 273, 8191, 8192, 40_000]


def reference(domain: str, *fields: bytes) -> bytes:
    hasher = TupleHash256.new(digest_bytes=64)
    hasher.update(domain.encode(), *fields)
    return hasher.digest()


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=40), st.lists(st.binary(max_size=400), max_size=6))
def test_any_fields(domain: str, fields: list[bytes]) -> None:
    domain = domain.encode("utf-8", "ignore").decode()
    assert tuple_hash(domain, *fields) == reference(domain, *fields)


def test_lengths_around_every_block_and_length_encoding() -> None:
    for size in SIZES:
        assert tuple_hash("carbonport/test/v1", bytes(size)) == reference("carbonport/test/v1", bytes(size))


@pytest.mark.parametrize("keccak", [tuplehash._pycryptodome_keccak, tuplehash._keccak_after_prefix])
def test_every_keccak_gives_the_same(
    keccak: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuplehash, "_keccak_after_prefix", keccak)
    for size in SIZES:
        assert tuple_hash("carbonport/test/v1", bytes(size)) == reference("carbonport/test/v1", bytes(size))
