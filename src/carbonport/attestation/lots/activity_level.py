"""The production of a lot as the verifier signed it: one leaf of the statement, shown with its way to the root.

The leaf's commitment `C_P` hides the activity level in units of its own decimals. Consignments may have more decimals
(kilograms of a production in tonnes), so the lot counts in `10^shift * C_P`, a public power of ten. Nothing is opened.
"""

from dataclasses import dataclass

from carbonport.attestation.commitments import ROLE_INPUT, SALT_BYTES, Leaf, LeafLabel
from carbonport.attestation.lots.lot_terms import LotTerms, StatedLot, width_of
from carbonport.attestation.statement_draft import (
    MAX_LEAVES,
    MAX_VALUE_BITS,
    read_hex,
    read_point,
)
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, b64url_encode
from carbonport.crypto.group import Point
from carbonport.crypto.merkle import HASH_BYTES, MAX_PROOF_HASHES, verify_inclusion
from carbonport.crypto.pedersen import Opening
from carbonport.errors import FailedVerification


@dataclass(frozen=True, slots=True)
class ShownLevel:
    """The leaf of an activity level without its opening; `index` and `path` lead to the statement's root."""

    decimals: int
    bits: int
    commitment: Point
    salt: bytes
    index: int
    path: tuple[bytes, ...]

    def to_json(self) -> Json:
        """As it stands in a presentation; path and unit are the lot's."""
        return {
            "decimals": self.decimals,
            "bits": self.bits,
            "commitment": b64url_encode(self.commitment.encode()),
            "salt": self.salt.hex(),
            "index": self.index,
            "proof": [node.hex() for node in self.path],
        }


def read_shown_level(fields: StrictFields) -> ShownLevel:
    """The leaf out of a presentation; the caller finishes the object."""
    return ShownLevel(
        decimals=fields.integer("decimals", maximum=MAX_VALUE_BITS),
        bits=fields.integer("bits", minimum=1, maximum=MAX_VALUE_BITS),
        commitment=read_point(fields, "commitment"),
        salt=read_hex(fields, "salt", SALT_BYTES),
        index=fields.integer("index", maximum=MAX_LEAVES),
        path=tuple(
            read_hex(StrictFields({"hash": item}, "activity level: proof"), "hash", HASH_BYTES)
            for item in fields.items("proof", max_items=MAX_PROOF_HASHES)
        ),
    )


def check_level(shown: ShownLevel, stated: StatedLot) -> Point:
    """The scaled commitment to the lot's production, once the leaf is the one that the statement signed.

    Raises `FailedVerification` (`lot-level`) for another leaf, and for decimals or bits that do not give the width of
    the lot's terms.
    """
    terms = stated.terms
    label = LeafLabel(ROLE_INPUT, terms.path, terms.unit, shown.decimals, shown.bits)
    if shown.decimals > terms.decimals or width_of(shown.bits, shown.decimals, terms.decimals) != terms.bits:
        raise _another("an activity level of another number of decimals or width than the lot's")
    leaf = Leaf(label, shown.commitment, shown.salt)
    try:
        verify_inclusion(leaf.hash(), shown.index, stated.leaf_count, shown.path, stated.root)
    except FailedVerification:
        raise _another("a commitment that the statement did not sign for this activity level") from None
    return shown.commitment * _scale(shown.decimals, terms)


def scaled_level(level: Opening, decimals: int, terms: LotTerms) -> Opening:
    """The seller's opening of the scaled commitment, from that of the leaf with `decimals`. Secret."""
    return level * _scale(decimals, terms)


def _scale(decimals: int, terms: LotTerms) -> int:
    return int(10 ** (terms.decimals - decimals))


def _another(found: str) -> FailedVerification:
    return FailedVerification(
        "lot-level",
        found=found,
        expected="the activity level that the verifier signed for this lot",
        remedy="Do not rely on the consignment; ask the seller for the lot under its current statement.",
    )
