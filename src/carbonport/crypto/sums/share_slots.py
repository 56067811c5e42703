"""How the shares of a contribution lie in the slots of a ciphertext.

Per metric twelve slots: f(j) in six limbs of 43 bits from the lowest, then g(j). Sums of limbs stay below t, so a
sum's limbs are put together as an integer first and reduced modulo the group order after that.
"""

from collections.abc import Sequence

from carbonport.crypto.group import ORDER
from carbonport.crypto.sums.bfv_constants import LIMB_BITS, LIMBS_PER_SCALAR, PLAIN_MODULUS, SLOTS_PER_METRIC
from carbonport.errors import Misuse

SharePair = tuple[int, int]
"""(f(j), g(j)): scalars. A secret of holder j for one contributor; public for a roster's sum."""

_LIMB_MASK = (1 << LIMB_BITS) - 1


def slots_of_shares(shares: Sequence[SharePair]) -> list[int]:
    """The slots of one contributor's share pairs, one pair a metric."""
    return [
        scalar >> LIMB_BITS * limb & _LIMB_MASK
        for pair in shares
        for scalar in pair
        for limb in range(LIMBS_PER_SCALAR)
    ]


def shares_of_slots(slots: Sequence[int]) -> list[SharePair]:
    """The share pairs of a sum's slots; raises `Misuse` for slots that are no residues or no whole metrics."""
    if len(slots) % SLOTS_PER_METRIC or not all(0 <= slot < PLAIN_MODULUS for slot in slots):
        raise Misuse(
            "sum-slots",
            found=f"{len(slots)} slots, or one that is no residue",
            expected=f"{SLOTS_PER_METRIC} residues modulo t for each metric",
            remedy="Decrypt with the sums' own worker; this is a defect of the calling program.",
        )
    scalars = [
        sum(limb << LIMB_BITS * i for i, limb in enumerate(slots[start : start + LIMBS_PER_SCALAR])) % ORDER
        for start in range(0, len(slots), LIMBS_PER_SCALAR)
    ]
    return list(zip(scalars[::2], scalars[1::2], strict=True))


def are_limbs_of_one(slots: Sequence[int]) -> bool:
    """Whether these can be the slots of a single honest contribution: canonical limbs of scalars.

    Larger limbs could give the right share alone and still wrap around in a sum.
    """
    return all(0 <= slot <= _LIMB_MASK for slot in slots) and slots_of_shares(shares_of_slots(slots)) == list(
        slots
    )
