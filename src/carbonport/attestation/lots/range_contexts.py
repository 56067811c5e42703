"""What the two range proofs of a sale are bound to, and the claims a verifier makes of them.

The proof that a consignment's quantity is one (0 <= q_k < 2^bits) is bound to protocol, suite, generators, lot id, k,
recipient tag, Q_k and width, and to nothing else: every importer of the lot can check it, and it outlives a correction.
The proof that something remains (0 <= R_n < 2^bits, R_n = C_P - the sum of what is sold at entry n) is separate, and
bound to the current statement's digest and to the whole entry n as well.

Together: quantities are not negative, their sum and the remainder are far below the group order, so the sum of integers
is at most P. Neither says how much.
"""

from carbonport.attestation.lots.lot_leaves import ConsignmentEntry, proof_digest
from carbonport.crypto.group import GENERATOR_DERIVATION, SUITE, Point
from carbonport.crypto.proofs.range_verifier import RangeClaim
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import FailedVerification

CONSIGNMENT_DOMAIN = "carbonport/lot-consignment-range/v1"
"""Protocol and version of the proof of a quantity."""

REMAINDER_DOMAIN = "carbonport/lot-remainder-range/v1"
"""Protocol and version of the proof of a remainder."""


def consignment_context(lot_id: bytes, k: int, tag: bytes, commitment: Point, bits: int) -> bytes:
    """The digest that the proof of consignment k absorbs."""
    return tuple_hash(
        CONSIGNMENT_DOMAIN, SUITE, GENERATOR_DERIVATION, lot_id, k, tag, commitment.encode(), bits
    )


def remainder_context(
    lot_id: bytes, position: int, entry: bytes, statement_digest: bytes, remainder: Point, bits: int
) -> bytes:
    """The digest that the proof of the remainder at `position`, where `entry` stands, absorbs."""
    return tuple_hash(
        REMAINDER_DOMAIN,
        SUITE,
        GENERATOR_DERIVATION,
        lot_id,
        position,
        entry,
        statement_digest,
        remainder.encode(),
        bits,
    )


def consignment_claim(lot_id: bytes, entry: ConsignmentEntry, bits: int, proof: bytes) -> RangeClaim[Point]:
    """The claim of one consignment; raises `FailedVerification` when `proof` is not the one its entry names."""
    if proof_digest(proof) != entry.proof_digest:
        raise FailedVerification(
            "lot-proof-digest",
            found=f"another range proof of consignment {entry.k} than its entry names",
            expected="the proof whose digest stands in the lot's log",
            remedy="Ask the seller for the lot's proofs again; until then the consignment must not be relied on.",
        )
    context = consignment_context(lot_id, entry.k, entry.tag, entry.commitment, bits)
    return RangeClaim((entry.commitment,), (bits,), context, proof)
