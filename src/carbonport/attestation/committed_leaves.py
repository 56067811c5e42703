"""A leaf of a statement that is shown closed: label, commitment and the way to the signed root, and no value."""

import re
from dataclasses import dataclass

from carbonport.attestation.commitments import SALT_BYTES, LeafLabel, leaf_entry
from carbonport.attestation.statement import Statement
from carbonport.attestation.statement_draft import MAX_LEAVES, read_hex, read_label
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode
from carbonport.crypto.group import POINT_BYTES
from carbonport.crypto.merkle import MAX_PROOF_HASHES, leaf_hash, verify_inclusion
from carbonport.errors import FailedVerification, Malformed

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CommittedLeaf:
    """The leaf at `index`; `commitment` is encoded: it is decoded when the leaf has led to a signed root or graph."""

    label: LeafLabel
    salt: bytes
    commitment: bytes
    index: int
    path: tuple[bytes, ...]

    @property
    def entry(self) -> bytes:
        """The leaf as the statement's tree takes it: 64 bytes."""
        return leaf_entry(self.label, self.salt, self.commitment)

    def require_in(self, statement: Statement) -> None:
        """Raise `FailedVerification` (`committed-leaf`) unless the statement's verifier signed this leaf."""
        try:
            verify_inclusion(
                leaf_hash(self.entry), self.index, statement.leaf_count, self.path, statement.root
            )
        except FailedVerification:
            raise FailedVerification(
                "committed-leaf",
                found="a commitment that leads to another root than the verifier signed",
                expected="a leaf of the statement that is shown with it",
                remedy="Do not rely on the value; ask for the commitment under the verifier's statement.",
                where=self.label.path,
            ) from None

    def to_json(self) -> Json:
        """As it stands in evidence."""
        return {
            "role": self.label.role,
            "path": self.label.path,
            "unit": self.label.unit,
            "decimals": self.label.decimals,
            "bits": self.label.bits,
            "salt": self.salt.hex(),
            "commitment": b64url_encode(self.commitment),
            "index": self.index,
            "proof": [node.hex() for node in self.path],
        }


def read_committed_leaf(fields: StrictFields) -> CommittedLeaf:
    """A leaf out of evidence; nothing of it is believed yet."""
    leaf = CommittedLeaf(
        label=read_label(fields),
        salt=read_hex(fields, "salt", SALT_BYTES),
        commitment=b64url_decode(fields.text("commitment", max_chars=128)),
        index=fields.integer("index", maximum=MAX_LEAVES),
        path=tuple(
            bytes.fromhex(StrictFields({"hash": item}, "evidence proof").text("hash", pattern=_HASH))
            for item in fields.items("proof", max_items=MAX_PROOF_HASHES)
        ),
    )
    if len(leaf.commitment) != POINT_BYTES:
        raise Malformed(
            "committed-leaf-form",
            found=f"a commitment of {len(leaf.commitment)} bytes",
            expected=f"{POINT_BYTES} bytes",
            remedy="Ask the exporter for the presentation again; it was damaged, or made by another version.",
        )
    return leaf
