"""How the bits of several values lie in one range proof, and how the proof is written.

The bits of value 0 come first, then those of value 1, each from the lowest; what is missing to a power of two is
padding. Position i weighs `2^k` for its value; padding weighs nothing and belongs to no value (the padded value is 0
with blinding 0, inside prover and verifier only), so widths need not be equal nor powers of two. For equal widths that
are powers of two this is the layout of the paper and of dalek's implementation.

A proof is the points A, S, T1, T2, the scalars t, its blinding and the blinding of l and r, then L, R for each halving,
then what is left of l and r. Everything has a fixed length given the layout, which the verifier knows from elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic

from carbonport.crypto.group_interface import ElementT, Group
from carbonport.errors import Malformed, Misuse

MAX_WIDTH_BITS = 128
"""Widest range: far below the order, with room for every sum that the graphs build."""

MAX_POSITIONS = 4096
"""Longest proof: 32 values of the widest range. More values take several proofs, checked as a batch."""


@dataclass(frozen=True)
class RangeLayout:
    """Widths in bits of the values in one proof, in order, and the length at which halving stops.

    Raises `Misuse` for no values, widths outside 1..128 or more than 4096 positions.
    """

    widths: tuple[int, ...]
    stop_length: int

    def __post_init__(self) -> None:
        if not self.widths or not all(1 <= width <= MAX_WIDTH_BITS for width in self.widths):
            raise Misuse(
                "range-width",
                found=f"{len(self.widths)} values, or a width that no range has",
                expected=f"one value or more, each of 1 to {MAX_WIDTH_BITS} bits",
                remedy="Take the widths from the verifier's statement.",
            )
        if sum(self.widths) > MAX_POSITIONS:
            raise Misuse(
                "range-too-many",
                found=f"{sum(self.widths)} bits in one range proof",
                expected=f"at most {MAX_POSITIONS}",
                remedy="Make several proofs and verify them as a batch.",
            )

    @cached_property
    def size(self) -> int:
        """Number of positions: a power of two."""
        return max(self.stop_length, 1 << (sum(self.widths) - 1).bit_length())

    @cached_property
    def rounds(self) -> int:
        """Number of halvings."""
        return (self.size // self.stop_length).bit_length() - 1

    def bits(self, values: Sequence[int]) -> list[int]:
        """The bit at each position."""
        found = [
            value >> k & 1 for value, width in zip(values, self.widths, strict=True) for k in range(width)
        ]
        return found + [0] * (self.size - len(found))

    def weights(self, z: int, order: int) -> list[int]:
        """`z^(2 + j) * 2^k` at the position of bit k of value j, 0 at padding."""
        found = []
        power = z * z % order
        for width in self.widths:
            weight = power
            for _ in range(width):
                found.append(weight)
                weight = 2 * weight % order
            power = power * z % order
        return found + [0] * (self.size - len(found))

    def value_powers(self, z: int, order: int) -> list[int]:
        """`z^(2 + j)` for each value j."""
        return powers(z, len(self.widths), order, first=z * z % order)


def powers(base: int, count: int, order: int, *, first: int = 1) -> list[int]:
    """`first * base^i` for i from 0 to `count`, without it."""
    found = []
    power = first
    for _ in range(count):
        found.append(power)
        power = power * base % order
    return found


@dataclass(frozen=True)
class RangeProof(Generic[ElementT]):
    """A decoded proof; the letters are the paper's (dalek's `e_blinding` is its mu)."""

    A: ElementT
    S: ElementT
    T1: ElementT
    T2: ElementT
    t: int
    tau: int
    mu: int
    L: tuple[ElementT, ...]
    R: tuple[ElementT, ...]
    l: tuple[int, ...]  # noqa: E741 - the paper's letter
    r: tuple[int, ...]

    def encode(self, group: Group[ElementT]) -> bytes:
        """The proof's bytes, in the order of this module's first lines."""
        halvings = [point for pair in zip(self.L, self.R, strict=True) for point in pair]
        return b"".join(
            [
                *(point.encode() for point in (self.A, self.S, self.T1, self.T2)),
                *(group.encode_scalar(scalar) for scalar in (self.t, self.tau, self.mu)),
                *(point.encode() for point in halvings),
                *(group.encode_scalar(scalar) for scalar in self.l + self.r),
            ]
        )


def range_proof_bytes(group: Group[ElementT], layout: RangeLayout) -> int:
    """Length of a proof of this layout."""
    return group.element_bytes * (4 + 2 * layout.rounds) + group.scalar_bytes * (3 + 2 * layout.stop_length)


def decode_range_proof(group: Group[ElementT], layout: RangeLayout, data: bytes) -> RangeProof[ElementT]:
    """The proof of these bytes; raises `Malformed` for another length, and for points or scalars that are not the
    group's canonical encodings."""
    expected = range_proof_bytes(group, layout)
    if len(data) != expected:
        raise Malformed(
            "range-proof-length",
            found=f"{len(data)} bytes",
            expected=f"{expected} bytes for values of these widths",
            remedy="Ask for the proof again; it was cut, extended, or belongs to other values.",
        )
    at = 0

    def take(length: int) -> bytes:
        nonlocal at
        at += length
        return data[at - length : at]

    def points(count: int) -> list[ElementT]:
        return [group.decode_element(take(group.element_bytes)) for _ in range(count)]

    def scalars(count: int) -> tuple[int, ...]:
        return tuple(group.decode_scalar(take(group.scalar_bytes)) for _ in range(count))

    a, s, t1, t2 = points(4)
    t, tau, mu = scalars(3)
    halvings = points(2 * layout.rounds)
    left, right = scalars(layout.stop_length), scalars(layout.stop_length)
    return RangeProof(a, s, t1, t2, t, tau, mu, tuple(halvings[::2]), tuple(halvings[1::2]), left, right)
