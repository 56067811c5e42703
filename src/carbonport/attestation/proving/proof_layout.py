"""The bytes of a result proof.

    version (1 byte)
    opened leaves: one bit for each leaf that the results rest on, in the order of paths, then padding bits of 0;
        for each of them its value (as many bytes as its bits take) and its blinding (32 bytes)
    signs: their number (2 bytes), one bit for each floor whose bounds leave its sign open, padding bits of 0
    the prover's commitments (48 bytes each), the relation's proof, the range proofs

All numbers are big-endian, bits fill bytes from the highest. How many of each there are follows from the signed
graph, the opened leaves and the signs, so nothing else is written; every value has one encoding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbonport.attestation.proving.lowered_claim import SignedInteger
from carbonport.crypto.group import POINT_BYTES, SCALAR_BYTES, Point, decode_scalar, encode_scalar
from carbonport.crypto.pedersen import Opening
from carbonport.errors import Malformed

VERSION = 1
"""First byte of a proof."""

MAX_PROOF_BYTES = 4 * 1024 * 1024
"""Longest proof that is looked at."""

MAX_SIGNS = 65_535
"""Most floors of one proof."""

_COUNT_BYTES = 2


@dataclass(frozen=True, slots=True, repr=False)
class ProofParts:
    """A proof taken apart. `opened` are openings by path; `rest` is what the lowered claim tells how to read."""

    opened: Mapping[str, Opening]
    signs: tuple[bool, ...]
    rest: bytes


class ProofReader:
    """Takes bytes from the beginning; raises `Malformed` when there are too few."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        if self._at + length > len(self._data):
            raise _malformed("fewer bytes than the proof's parts take")
        self._at += length
        return self._data[self._at - length : self._at]

    def points(self, count: int) -> list[Point]:
        """The next points, strictly decoded."""
        return [Point.decode(self.take(POINT_BYTES)) for _ in range(count)]

    def bits(self, count: int) -> list[bool]:
        """The next bits, and padding that must be 0."""
        packed = int.from_bytes(self.take((count + 7) // 8), "big")
        padding = -count % 8
        if packed & ((1 << padding) - 1):
            raise _malformed("padding bits that are not 0")
        return [bool(packed >> (padding + count - 1 - i) & 1) for i in range(count)]

    def remaining(self) -> bytes:
        """What was not taken."""
        return self._data[self._at :]

    def finish(self) -> None:
        """Raise when bytes are left."""
        if self._at != len(self._data):
            raise _malformed("more bytes than the proof's parts take")


def encode_parts(leaves: Sequence[SignedInteger], parts: ProofParts) -> bytes:
    """The bytes of a proof; `leaves` are all that the results rest on."""
    encoded = [bytes([VERSION]), _packed([leaf.path in parts.opened for leaf in leaves])]
    for leaf in leaves:
        if leaf.path in parts.opened:
            opening = parts.opened[leaf.path]
            encoded += [opening.value.to_bytes(_value_bytes(leaf), "big"), encode_scalar(opening.blinding)]
    encoded += [len(parts.signs).to_bytes(_COUNT_BYTES, "big"), _packed(parts.signs), parts.rest]
    return b"".join(encoded)


def decode_parts(leaves: Sequence[SignedInteger], data: bytes) -> ProofParts:
    """The parts of a proof; raises `Malformed` for anything but the one encoding of some parts."""
    if len(data) > MAX_PROOF_BYTES:
        raise _malformed(f"{len(data)} bytes, more than {MAX_PROOF_BYTES}")
    reader = ProofReader(data)
    if reader.take(1)[0] != VERSION:
        raise _malformed("another version")
    opened: dict[str, Opening] = {}
    chosen = reader.bits(len(leaves))
    for leaf, is_open in zip(leaves, chosen, strict=True):
        if is_open:
            value = int.from_bytes(reader.take(_value_bytes(leaf)), "big")
            if value >= 1 << leaf.bits:
                raise _malformed("an opened value beyond its declared width")
            opened[leaf.path] = Opening(value, decode_scalar(reader.take(SCALAR_BYTES)))
    count = int.from_bytes(reader.take(_COUNT_BYTES), "big")
    signs = tuple(reader.bits(count))
    return ProofParts(opened, signs, reader.remaining())


def _value_bytes(leaf: SignedInteger) -> int:
    return (leaf.bits + 7) // 8


def _packed(bits: Sequence[bool]) -> bytes:
    number = 0
    for bit in bits:
        number = number << 1 | bit
    return (number << (-len(bits) % 8)).to_bytes((len(bits) + 7) // 8, "big")


def _malformed(found: str) -> Malformed:
    return Malformed(
        "proof-encoding",
        found=found,
        expected="the one encoding of a proof of these results under the signed graph",
        remedy="Ask for the proof again; it was damaged, or belongs to other results or another version.",
    )
