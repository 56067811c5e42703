"""What lowering gives: the integers of a proof and what is to be shown of them. All of it is public.

Variables are committed integers: first the leaves of the statement that are not opened, then those that the prover
commits to. Each has bounds that hold because the verifier signed the width, or because an obligation says so.
"""

from dataclasses import dataclass

from carbonport.attestation.proving.linear_forms import LinearForm
from carbonport.crypto.proofs.range_layout import MAX_POSITIONS

PROOF_WORK = 64
"""What one more range proof costs (about 1 KB and some points), in bit positions."""


@dataclass(frozen=True, slots=True)
class SignedInteger:
    """A leaf of the statement: an integer of `bits` bits in units of 10^-`decimals` `unit`."""

    path: str
    unit: str
    decimals: int
    bits: int


@dataclass(frozen=True, slots=True)
class ProductOf:
    """The integer left * right."""

    left: LinearForm
    right: LinearForm


@dataclass(frozen=True, slots=True)
class HighPartOf:
    """floor(form / 2^shift)."""

    form: LinearForm
    shift: int


@dataclass(frozen=True, slots=True)
class RoundedQuotientOf:
    """numerator / (2 * half) rounded half up: floor((numerator + half) / (2 * half))."""

    numerator: LinearForm
    half: LinearForm


Origin = SignedInteger | ProductOf | HighPartOf | RoundedQuotientOf
"""Where the value of a variable is from; only the prover computes it."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A committed integer with low <= value <= high."""

    origin: Origin
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class RangeObligation:
    """The form's value lies in [0, 2^width)."""

    form: LinearForm
    width: int


@dataclass(frozen=True, slots=True)
class SupplierLink:
    """The variable hides what a supplier's commitment hides: the one in the leaf (hex) of the supplier's statement."""

    variable: int
    leaf: str


@dataclass(frozen=True, slots=True)
class LoweredClaim:
    """Variables and obligations. `products` are indices of variables whose origin is a `ProductOf`; `nonzero` are
    forms known to be >= 0 that must not be 0; `contradicted` names results that public numbers disprove."""

    signed: tuple[SignedInteger, ...]
    opened: tuple[SignedInteger, ...]
    variables: tuple[Variable, ...]
    products: tuple[int, ...]
    nonzero: tuple[LinearForm, ...]
    ranges: tuple[RangeObligation, ...]
    signs: tuple[bool, ...]
    contradicted: tuple[str, ...]
    links: tuple[SupplierLink, ...] = ()

    @property
    def committed_by_prover(self) -> int:
        """Number of variables whose commitments a proof holds."""
        return len(self.variables) - len(self.signed)

    def range_proofs(self) -> list[tuple[int, ...]]:
        """Which ranges (by index) go into which range proof.

        A proof's work grows with its bits padded to a power of two, so ranges are packed, widest first, into proofs
        of one capacity: the one with the least work.
        """
        packings = [self._packed(1 << power) for power in range(7, MAX_POSITIONS.bit_length())]
        return min(packings, key=self._work)

    def _packed(self, capacity: int) -> list[tuple[int, ...]]:
        room: list[int] = []
        packed: list[list[int]] = []
        for index in sorted(range(len(self.ranges)), key=lambda index: -self.ranges[index].width):
            width = self.ranges[index].width
            place = next((i for i, free in enumerate(room) if free >= width), None)
            if place is None:
                place = len(room)
                room.append(capacity)
                packed.append([])
            room[place] -= width
            packed[place].append(index)
        return [tuple(sorted(indices)) for indices in packed]

    def _work(self, packing: list[tuple[int, ...]]) -> int:
        sums = [sum(self.ranges[index].width for index in indices) for indices in packing]
        return sum((1 << (bits - 1).bit_length()) + PROOF_WORK for bits in sums)
