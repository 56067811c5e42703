"""How transcripts encode byte strings and integers, and make integers of squeezed bytes.

Source: draft-irtf-cfrg-fiat-shamir, its codecs (state of 2026-08-16). Serialising is for canonical inputs;
deserialising is its strict inverse and raises `Malformed` on everything else; decoding turns squeezed bytes into a
uniform residue and cannot fail. Groups whose standards fix the byte order (BLS12-381: big-endian) encode their own
scalars, see `Group.encode_scalar`; decoding is little-endian for every modulus.
"""

from collections.abc import Sequence

from carbonport.errors import Malformed, Misuse

LENGTH_BYTES = 4
"""Length prefix of a byte string, and width of counts and indices: little-endian."""

OVERSAMPLING_BYTES = 16
"""Squeezed beyond the modulus' own length, so that reducing leaves a bias below 2^-128."""


def field_bytes(modulus: int) -> int:
    """Length of an encoded residue."""
    return ((modulus - 1).bit_length() + 7) // 8


def serialize_count(count: int) -> bytes:
    """A count or index in 4 bytes."""
    return count.to_bytes(LENGTH_BYTES, "little")


def serialize_string(data: bytes) -> bytes:
    """A byte string after its length."""
    return serialize_count(len(data)) + data


def deserialize_string(data: bytes) -> bytes:
    """The byte string at the beginning of `data`."""
    length = int.from_bytes(data[:LENGTH_BYTES], "little")
    if len(data) < LENGTH_BYTES or len(data) - LENGTH_BYTES < length:
        raise _malformed("fewer bytes than the length prefix says")
    return data[LENGTH_BYTES : LENGTH_BYTES + length]


def serialize_field(coordinates: Sequence[int], modulus: int) -> bytes:
    """Residues one after the other, each little-endian in the modulus' length; `Misuse` outside [0, modulus)."""
    if any(not 0 <= coordinate < modulus for coordinate in coordinates):
        raise Misuse(
            "codec-range",
            found="an integer outside the field",
            expected="residues from 0 to the modulus, without it",
            remedy="Reduce them first; this is a defect of the calling program.",
        )
    return b"".join(coordinate.to_bytes(field_bytes(modulus), "little") for coordinate in coordinates)


def deserialize_field(data: bytes, modulus: int, degree: int = 1) -> tuple[int, ...]:
    """The `degree` residues at the beginning of `data`."""
    width = field_bytes(modulus)
    if len(data) < width * degree:
        raise _malformed("fewer bytes than the residues take")
    residues = tuple(int.from_bytes(data[i * width : (i + 1) * width], "little") for i in range(degree))
    if any(residue >= modulus for residue in residues):
        raise _malformed("an integer that is not below the modulus")
    return residues


def decode_residue(squeezed: bytes, modulus: int) -> int:
    """Squeezed bytes reduced; uniform when there are `field_bytes(modulus) + OVERSAMPLING_BYTES` of them."""
    return int.from_bytes(squeezed, "little") % modulus


def _malformed(found: str) -> Malformed:
    return Malformed(
        "codec-encoding",
        found=found,
        expected="the canonical encoding of the draft's codecs",
        remedy="Ask for the message again; it was damaged, or its maker does not follow the format.",
    )
