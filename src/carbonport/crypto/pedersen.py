"""Pedersen commitments `C = v*G + r*H` to integers, and the blindings they are derived with.

A commitment hides its value perfectly as long as the blinding is unknown and uniform, and binds the committer
to it as long as nobody knows the logarithm of H to G. It adds up: the sum of commitments is a commitment to
the sum. It says nothing about the size of the value (that takes a range proof or a trusted signer) nor about
its truth. Values are limited to 250 bits, far below the order, so that sums of integers do not wrap unseen.
"""

from dataclasses import dataclass, field

from carbonport.crypto.fixed_base import FixedBase
from carbonport.crypto.group import ORDER, G, H, Point, scalar_from_wide, sum_points
from carbonport.crypto.tuplehash import kmac256, tuple_hash
from carbonport.errors import FailedVerification, Misuse

BLINDING_DOMAIN = "carbonport/blinding/v1"
"""Domain string of derived blindings."""

PERIOD_KEY_BYTES = 32
"""Length of the key of one period and installation, fresh random, erased with the period's data."""

STATEMENT_NONCE_BYTES = 32
"""Length of the nonce of one statement version: the same blinding for a corrected value would reveal the
difference."""

BLINDING_KMAC_BYTES = 64
"""KMAC output reduced to one blinding."""

MAX_VALUE_BITS = 250
"""Largest magnitude of a committed integer: the bound the compiler of proofs keeps too."""

_G = FixedBase(G)
_H = FixedBase(H)


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a commitment: a secret. Its text form shows nothing.

    `value` is an integer in units of the field's last decimal, `blinding` a scalar in [0, q). Openings add up
    as their commitments do. Raises `Misuse` outside these bounds.
    """

    value: int = field(repr=False)
    blinding: int = field(repr=False)

    def __post_init__(self) -> None:
        if abs(self.value).bit_length() > MAX_VALUE_BITS or not 0 <= self.blinding < ORDER:
            raise Misuse(
                "commitment-range",
                found="a value or blinding outside the bounds of a commitment",
                expected=f"a value below 2^{MAX_VALUE_BITS} and a blinding below the group order",
                remedy="Check the field's unit and decimals; no figure of a plant is this large.",
            )

    def __add__(self, other: "Opening") -> "Opening":
        return Opening(self.value + other.value, (self.blinding + other.blinding) % ORDER)

    def __mul__(self, factor: int) -> "Opening":
        return Opening(self.value * factor, self.blinding * factor % ORDER)

    __rmul__ = __mul__


def commit(opening: Opening) -> Point:
    """`value*G + blinding*H`."""
    return commit_scalars(opening.value, opening.blinding)


def commit_scalars(value: int, blinding: int) -> Point:
    """`value*G + blinding*H` for any scalars: coefficients and shares of a sharing are no values of a plant."""
    return sum_points(_G.terms(value) + _H.terms(blinding))


def check_opening(commitment: Point, opening: Opening, *, where: str = "") -> None:
    """Raise `FailedVerification` unless `opening` opens `commitment`; `where` names the field (its path)."""
    if commit(opening) != commitment:
        raise FailedVerification(
            "commitment-opening",
            found="an opening of another commitment",
            expected="the value and blinding that were committed",
            remedy="Do not use the value; ask its owner for the openings of this statement version.",
            where=where,
        )


def derive_blinding(
    period_key: bytes, *, nonce: bytes, path: str, period: str, unit: str, decimals: int, value: int
) -> int:
    """The blinding of one field in one statement version.

    `KMAC256(K_period, TupleHash("carbonport/blinding/v1", nonce, path, period, unit, decimals, value), 64
    bytes) mod q`. Everything that may differ between two commitments goes in, the value too: two different
    values under the same name do not share a blinding. Hiding rests on the period key; who holds it can open
    every commitment of the period. Raises `Misuse` when key or nonce is not 32 bytes.
    """
    if len(period_key) != PERIOD_KEY_BYTES or len(nonce) != STATEMENT_NONCE_BYTES:
        raise Misuse(
            "blinding-input",
            found=f"a period key of {len(period_key)} bytes and a nonce of {len(nonce)} bytes",
            expected=f"{PERIOD_KEY_BYTES} and {STATEMENT_NONCE_BYTES} random bytes",
            remedy="Take the period key from the key store and a fresh nonce for each statement version.",
        )
    message = tuple_hash(BLINDING_DOMAIN, nonce, path, period, unit, decimals, value)
    return scalar_from_wide(kmac256(period_key, message, BLINDING_KMAC_BYTES))
