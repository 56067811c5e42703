"""TupleHash256 and KMAC256 (NIST SP 800-185): the hash of a list of fields, and the keyed function behind
blindings.

Everywhere in Carbonport's formats `a || b || c` means `tuple_hash(domain, a, b, c)`: every field carries its
length, so no two different lists of fields give the same input, and the domain string keeps different uses
apart.
"""

from typing import TypeAlias

from Crypto.Hash import KMAC256, TupleHash256

from carbonport.errors import Misuse

TUPLE_HASH_BYTES = 64
"""Length of every tuple hash: 512 bits, which can be reduced modulo a 255-bit order without bias."""

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
    hasher = TupleHash256.new(digest_bytes=TUPLE_HASH_BYTES)
    hasher.update(_field_bytes(domain), *[_field_bytes(field) for field in fields])
    return hasher.digest()


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
