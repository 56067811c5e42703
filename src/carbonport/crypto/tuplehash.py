"""TupleHash256 and KMAC256 (NIST SP 800-185): the hash of a list of fields, and the keyed function behind
blindings.

Everywhere in Carbonport's formats `a || b || c` means `tuple_hash(domain, a, b, c)`: every field carries its
length, so no two different lists of fields give the same input, and the domain string keeps different uses
apart.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from Crypto.Hash import KMAC256
from Crypto.Hash.keccak import _raw_keccak_lib as _keccak  # type: ignore[attr-defined]
from Crypto.Util import _raw_api as raw

from carbonport.errors import Misuse

TUPLE_HASH_BYTES = 64
"""Length of every tuple hash: 512 bits, which can be reduced modulo a 255-bit order without bias."""

_RATE_BYTES = 136
_CAPACITY_BYTES = 64
_ROUNDS = 24
_CSHAKE_PADDING = 0x04
_PREFIX = (b"\x01\x88" + b"\x01\x48" + b"TupleHash" + b"\x01\x00").ljust(_RATE_BYTES, b"\x00")
"""bytepad(encode_string("TupleHash") || encode_string(""), 136): cSHAKE256's first block (SP 800-185 section
3.3)."""

_RIGHT_ENCODED_BITS = (8 * TUPLE_HASH_BYTES).to_bytes(2, "big") + b"\x02"
"""right_encode of the output's length in bits (SP 800-185 section 2.3.1)."""

REMEMBERED_LENGTHS = 512
"""Encodings of lengths that are kept; the formats' fields have few different ones."""

MIN_KEY_BYTES = 32
"""Shortest KMAC256 key: its security level of 256 bits."""

HashField: TypeAlias = bytes | str | int
"""A field: bytes as they are, text as UTF-8, integers as ASCII decimals."""


def tuple_hash(domain: str, *fields: HashField) -> bytes:
    """TupleHash256 over the domain string and the fields, 64 bytes.

    Text and integers are hashed as their bytes: `1`, `"1"` and `b"1"` are the same field, so a format fixes
    the type of each of its fields. Raises `Misuse` for other types (`bool` among them) and for text with a
    lone surrogate.
    """
    encoded: list[bytes] = []
    for field in (domain, *fields):
        data = field if type(field) is bytes else _field_bytes(field)
        encoded += (_left_encoded_bits(len(data)), data)
    encoded.append(_RIGHT_ENCODED_BITS)
    return _keccak_after_prefix(b"".join(encoded))


def kmac256(key: bytes, message: bytes, length: int, customization: bytes = b"") -> bytes:
    """KMAC256 of `message` under `key`, `length` bytes; raises `Misuse` for keys under 32 bytes."""
    if len(key) < MIN_KEY_BYTES:
        raise Misuse(
            "kmac-short-key",
            found=f"a key of {len(key)} bytes",
            expected=f"at least {MIN_KEY_BYTES} bytes",
            remedy="Use a key made by the node's key store.",
        )
    return KMAC256.new(key=key, data=message, mac_len=length, custom=customization).digest()


def _pycryptodome_keccak(data: bytes) -> bytes:
    """KECCAK[512] with cSHAKE's padding (SP 800-185 section 3.3) over prefix and `data`, 64 bytes out.

    pycryptodome's own TupleHash256 gives the same bytes in three times the time, for it absorbs field by
    field, and every log entry takes several tuple hashes; so its Keccak is called once. The tests hold this
    to its TupleHash256.
    """
    data = _PREFIX + data
    handle = raw.VoidPointer()
    failed = _keccak.keccak_init(handle.address_of(), raw.c_size_t(_CAPACITY_BYTES), _ROUNDS)
    state = raw.SmartPointer(handle.get(), _keccak.keccak_destroy)
    output = bytearray(TUPLE_HASH_BYTES)
    failed |= _keccak.keccak_absorb(state.get(), raw.c_uint8_ptr(data), raw.c_size_t(len(data)))
    failed |= _keccak.keccak_squeeze(
        state.get(), raw.c_uint8_ptr(output), raw.c_size_t(TUPLE_HASH_BYTES), _CSHAKE_PADDING
    )
    if failed:
        raise RuntimeError("Keccak failed: no memory")
    return bytes(output)


def _openssl_keccak() -> Callable[[bytes], bytes] | None:
    """The same by OpenSSL's Keccak, six times as fast; None when this Python's OpenSSL does not show it.

    OpenSSL 3 names the sponge inside its KMAC256 `KECCAK-KMAC-256`: rate 136, cSHAKE's padding, any length
    out. It takes the place of pycryptodome's only after it gave the same bytes for inputs around the length
    of a block.
    """
    try:
        after_prefix = hashlib.new("KECCAK-KMAC-256", _PREFIX)
        for length in (0, 1, _RATE_BYTES - 1, _RATE_BYTES, _RATE_BYTES + 1):
            probe, state = b"\xa5" * length, after_prefix.copy()
            state.update(probe)
            if state.digest(TUPLE_HASH_BYTES) != _pycryptodome_keccak(probe):  # type: ignore[call-arg]
                return None
    except (ValueError, TypeError):
        return None

    def keccak(data: bytes) -> bytes:
        state = after_prefix.copy()
        state.update(data)
        return state.digest(TUPLE_HASH_BYTES)  # type: ignore[call-arg]

    return keccak


_keccak_after_prefix: Callable[[bytes], bytes] = _openssl_keccak() or _pycryptodome_keccak


@lru_cache(REMEMBERED_LENGTHS)
def _left_encoded_bits(length: int) -> bytes:
    """left_encode of a length in bits (SP 800-185 section 2.3.1); with the bytes after it this is encode_string
    (section 2.3.2)."""
    bits = 8 * length
    size = (bits.bit_length() + 7) // 8 or 1
    return bytes((size,)) + bits.to_bytes(size, "big")


def _field_bytes(field: HashField) -> bytes:
    if isinstance(field, bytes):
        return field
    try:
        if isinstance(field, str):
            return field.encode("utf-8")
        if isinstance(field, int) and not isinstance(field, bool):
            return b"%d" % field
    except UnicodeEncodeError:
        pass
    raise Misuse(
        "tuple-hash-field",
        found=f"a field of the type {type(field).__name__} that has no bytes",
        expected="bytes, Unicode text or an integer",
        remedy="Encode the field first; this is a defect of the calling program.",
    )
