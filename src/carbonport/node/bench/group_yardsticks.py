"""What proofs are measured against: the group library's own multiplication, and another library's range proof.

The raw multi-scalar multiplication is the library's, with everything decoded beforehand: no proof over this group can
be checked in less. The native range proof is `wallycore`'s (secp256k1, 64 bits; another protocol in C), where that
package is installed; it is no dependency of this one.
"""

import secrets
from collections.abc import Callable

from py_arkworks_bls12381 import G1Point, Scalar

NATIVE = "wallycore"
"""The package of the native range proof."""

SCALAR_BYTES = 32
BASE_POINTS = 64
"""Different points in a raw multiplication; beyond them they repeat, which costs the same."""

NATIVE_VALUE, NATIVE_BITS, NATIVE_CONTEXT = 4_836_291_472, 64, b"carbonport bench"
"""What the native proof is about."""


def raw_multiplication(points: int) -> Callable[[], None]:
    """One multi-scalar multiplication over so many points, with full scalars."""
    few = [G1Point() * _scalar() for _ in range(min(points, BASE_POINTS))]
    elements = [few[i % len(few)] for i in range(points)]
    scalars = [_scalar() for _ in range(points)]

    def multiply() -> None:
        G1Point.multiexp_unchecked(elements, scalars)

    return multiply


def native_range_proof() -> tuple[Callable[[], object], Callable[[], object]] | None:
    """Prove and check one 64-bit range natively; None when the package is not installed."""
    try:
        import wallycore
    except ImportError:
        return None
    nonce, asset, asset_blinding, blinding = (secrets.token_bytes(SCALAR_BYTES) for _ in range(4))
    generator = wallycore.asset_generator_from_bytes(asset, asset_blinding)
    commitment = wallycore.asset_value_commitment(NATIVE_VALUE, blinding, generator)

    def prove() -> bytes:
        proof: bytes = wallycore.asset_rangeproof_with_nonce(
            NATIVE_VALUE,
            nonce,
            asset,
            asset_blinding,
            blinding,
            commitment,
            NATIVE_CONTEXT,
            generator,
            0,
            0,
            NATIVE_BITS,
        )
        return proof

    made = prove()

    def check() -> None:
        wallycore.asset_unblind_with_nonce(nonce, made, commitment, NATIVE_CONTEXT, generator)

    return prove, check


def _scalar() -> Scalar:
    return Scalar.from_le_bytes(secrets.token_bytes(SCALAR_BYTES - 1) + b"\0")
