"""Evidence of the kind `proof`: results follow from the committed inputs by the signed graph, shown in zero knowledge.

It carries one of the good's two canonical graphs (their digests are in the statement), the leaves of the inputs that
the results rest on (commitment and salt, with one joint path to the signed root) and the proof. The labels of the
leaves are not repeated: path, unit, decimals and width are those of the graph's inputs, and a leaf of another label has
another hash. Nothing else is taken from the exporter. This is its form; `evidence_task` makes it and `proof_checking`
checks it. What it says and what not: `docs/proofs.md`.
"""

from dataclasses import dataclass
from typing import ClassVar

from carbonport.attestation.commitments import MAX_LEAVES, SALT_BYTES
from carbonport.attestation.proving.proof_layout import MAX_PROOF_BYTES
from carbonport.attestation.strict_fields import StrictFields
from carbonport.attestation.supplier_statements import (
    MAX_SUPPLIER_STATEMENTS,
    SupplierStatement,
    read_supplier_statement,
)
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode
from carbonport.crypto.group import POINT_BYTES
from carbonport.crypto.merkle import HASH_BYTES
from carbonport.errors import Malformed

MAX_SHOWN_LEAVES = 100_000
"""Most leaves that one proof is about."""


@dataclass(frozen=True, slots=True)
class ShownLeaf:
    """A leaf without its label: its index in the statement, its salt, and its commitment as encoded: it is decoded when
    the leaf has led to the signed root."""

    index: int
    salt: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True)
class ProofEvidence:
    """The evidence. `graph` is canonical JSON as read; `leaves` are in the order of index and path alike.
    `suppliers` show the commitments that suppliers' secret values are compared with."""

    kind: ClassVar[str] = "proof"
    graph: Json
    leaves: tuple[ShownLeaf, ...]
    path: tuple[bytes, ...]
    proof: bytes
    suppliers: tuple[SupplierStatement, ...] = ()

    def to_json(self) -> Json:
        """As it stands in a presentation: hashes, salts and commitments as one text each."""
        shown = b"".join(leaf.salt + leaf.commitment for leaf in self.leaves)
        return {
            "kind": self.kind,
            "graph": self.graph,
            "indices": [leaf.index for leaf in self.leaves],
            "leaves": b64url_encode(shown),
            "path": b64url_encode(b"".join(self.path)),
            "proof": b64url_encode(self.proof),
            "suppliers": [one.to_json() for one in self.suppliers],
        }


def read_proof_evidence(fields: StrictFields) -> ProofEvidence:
    """The evidence of a presentation, after its kind was read; strict, and nothing of it is believed yet."""
    indices: list[int] = []
    for item in fields.items("indices", max_items=MAX_SHOWN_LEAVES):
        index = StrictFields({"index": item}, "evidence").integer("index", maximum=MAX_LEAVES)
        if indices and index <= indices[-1]:
            raise _malformed("indices that do not ascend")
        indices.append(index)
    step = SALT_BYTES + POINT_BYTES
    shown = _pieces(fields, "leaves", step, len(indices))
    leaves = tuple(
        ShownLeaf(index, piece[:SALT_BYTES], piece[SALT_BYTES:])
        for index, piece in zip(indices, shown, strict=True)
    )
    path = _pieces(fields, "path", HASH_BYTES, None)
    proof = b64url_decode(fields.text("proof", max_chars=2 * MAX_PROOF_BYTES))
    suppliers = fields.each("suppliers", read_supplier_statement, max_items=MAX_SUPPLIER_STATEMENTS)
    evidence = ProofEvidence(fields.value("graph"), leaves, tuple(path), proof, suppliers)
    fields.finish()
    return evidence


def _pieces(fields: StrictFields, name: str, length: int, count: int | None) -> list[bytes]:
    """A base64url text cut into pieces of `length` bytes, `count` of them where that is known."""
    most = MAX_SHOWN_LEAVES * length
    data = b64url_decode(fields.text(name, max_chars=2 * most, empty=True))
    if len(data) % length or len(data) > most or count not in (None, len(data) // length):
        raise _malformed(f"{name} of another length than its parts have")
    return [data[start : start + length] for start in range(0, len(data), length)]


def _malformed(found: str) -> Malformed:
    return Malformed(
        "evidence-proof-form",
        found=found,
        expected="the form of evidence by proof",
        remedy="Ask the exporter for the presentation again; it was damaged, or made by another version.",
    )
