"""Range proofs over the group of our commitments: the door for other rooms.

`prove_openings` shows that committed integers lie in [0, 2^width), `verify_range_claims` checks any number of such
proofs at once. Both are bound to the 64-byte digest of their context, the widths, the commitments, their number, the
suite and the recipe of the generators (see `range_transcript`); halving stops at length 4, which makes one 64-bit
value 928 bytes.

A proof says nothing about what the numbers mean. A value below 0 is the same as one near the group order, far outside
every range: that is why a proof of C_P - C_Q stops selling more than there is.
"""

from collections.abc import Sequence
from functools import cache

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.group import BLS12_381_G1, GENERATOR_DERIVATION, Point, hash_to_group
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.range_layout import range_proof_bytes
from carbonport.crypto.proofs.range_prover import prove_range
from carbonport.crypto.proofs.range_system import RangeSystem
from carbonport.crypto.proofs.range_transcript import SpongeRangeTranscript
from carbonport.crypto.proofs.range_verifier import OpenedCommitment, RangeClaim, verify_ranges
from carbonport.crypto.proofs.relation_proofs import CONTEXT_BYTES
from carbonport.errors import Misuse

STOP_LENGTH = 4
"""Length at which halving stops: with 48-byte points as short as going on, and two rounds quicker."""


@cache
def _generator(name: str, i: int) -> Point:
    return hash_to_group(GENERATOR_DERIVATION, name, i)


def range_generators(size: int) -> tuple[Sequence[Point], Sequence[Point]]:
    """The first `size` generators of both vectors: `hash_to_group(GENERATOR_DERIVATION, "range-G" or "range-H", i)`.

    Made at their first use, about 0.3 ms each, and kept.
    """
    return [_generator("range-G", i) for i in range(size)], [_generator("range-H", i) for i in range(size)]


def _begin(
    context: bytes, widths: Sequence[int], commitments: Sequence[Point]
) -> SpongeRangeTranscript[Point]:
    if len(context) != CONTEXT_BYTES:
        raise Misuse(
            "proof-context",
            found=f"a context digest of {len(context)} bytes",
            expected=f"a tuple hash of {CONTEXT_BYTES} bytes",
            remedy="Hash the whole context; this is a defect of the calling program.",
        )
    return SpongeRangeTranscript(BLS12_381_G1, GENERATOR_DERIVATION, context, widths, commitments)


CARBONPORT_RANGES: RangeSystem[Point] = RangeSystem(BLS12_381_G1, range_generators, _begin, STOP_LENGTH)
"""Range proofs as the product makes them."""


def prove_openings(
    openings: Sequence[Opening],
    widths: Sequence[int],
    context: bytes,
    *,
    nonce_secret: bytes,
    random_bytes: RandomBytes = system_random,
) -> bytes:
    """One proof that each opening's value lies in [0, 2^width) of its width (1 to 128 bits, mixed as needed).

    `context` is the tuple hash of everything the claim is about. Raises `Misuse` for a value outside its range.
    """
    return prove_range(
        CARBONPORT_RANGES,
        [opening.value for opening in openings],
        [opening.blinding for opening in openings],
        [commit(opening) for opening in openings],
        widths,
        context,
        nonce_secret=nonce_secret,
        random_bytes=random_bytes,
    )


def verify_range_claims(
    claims: Sequence[RangeClaim[Point]],
    opened: Sequence[OpenedCommitment[Point]] = (),
    *,
    random_bytes: RandomBytes = system_random,
) -> None:
    """Raise `Malformed` or `FailedVerification` unless every claim and every opening holds."""
    verify_ranges(CARBONPORT_RANGES, claims, opened, random_bytes=random_bytes)


def openings_proof_bytes(widths: tuple[int, ...]) -> int:
    """Length of a proof for values of these widths."""
    return range_proof_bytes(BLS12_381_G1, CARBONPORT_RANGES.layout(widths))
