"""Evidence of the kind `commitments`: the verifier signed a commitment to each result, and only the customer sees it.

A supplier that keeps its specific emissions secret attests them in the form of a commitment: the attestation says so in
the place of the value, and the evidence shows the leaf of each such result, closed, with its way to the signed root.
What opens the leaves (value and blinding) stands beside them, sealed (HPKE) to the customer and bound to customer, key
and statement. So the bundle can be shown on without the value, and the customer can prove what it makes of it.

As with openings, that the result is right rests on the verifier's bench, which computed it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from carbonport.attestation.commitments import ROLE_OUTPUT, LeafOpening, output_path
from carbonport.attestation.committed_leaves import CommittedLeaf, read_committed_leaf
from carbonport.attestation.statement import Statement
from carbonport.attestation.statement_draft import DIGITS, read_scalar
from carbonport.attestation.statement_tree import StatementTree
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, canonical_bytes, parse_canonical
from carbonport.crypto.group import Point, encode_scalar
from carbonport.crypto.pedersen import Opening, check_opening
from carbonport.crypto.sealing import hpke_seal
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import FailedVerification, Misuse

OPENINGS_DOMAIN = "carbonport/result-openings/v1"
"""Domain string of the HPKE `info` of sealed openings."""

MAX_COMMITTED_RESULTS = 8
"""Most results of one attestation."""

MAX_SEALED_OPENINGS = 4096
"""Longest sealed openings."""

Unseal = Callable[[str, bytes, bytes], bytes]
"""Opens what was sealed to the reader's key of a key id: kid, info, sealed bytes."""


@dataclass(frozen=True, slots=True)
class CommitmentEvidence:
    """The evidence. `leaves` are in the order of their paths; `sealed` opens them for who holds the key `kid`."""

    kind: ClassVar[str] = "commitments"
    leaves: tuple[CommittedLeaf, ...]
    kid: str
    sealed: bytes

    def to_json(self) -> Json:
        """As it stands in a presentation."""
        return {
            "kind": self.kind,
            "leaves": [leaf.to_json() for leaf in self.leaves],
            "kid": self.kid,
            "sealed": b64url_encode(self.sealed),
        }


def read_commitment_evidence(fields: StrictFields) -> CommitmentEvidence:
    """The evidence of a presentation, after its kind was read; strict, and nothing of it is believed yet."""
    evidence = CommitmentEvidence(
        leaves=fields.each("leaves", read_committed_leaf, max_items=MAX_COMMITTED_RESULTS),
        kid=fields.text("kid"),
        sealed=b64url_decode(fields.text("sealed", max_chars=2 * MAX_SEALED_OPENINGS)),
    )
    fields.finish()
    return evidence


def commit_results(
    openings: Sequence[LeafOpening],
    *,
    process: str,
    cn: str,
    results: Collection[str],
    customer: str,
    hpke_kid: str,
    hpke_public: bytes,
    statement: str,
    tree: StatementTree | None = None,
) -> CommitmentEvidence:
    """Show the leaves of the outputs named `results` of one good closed, and seal what opens them to the customer.

    `openings` are all of the statement's, in leaf order, `statement` is its digest (hex), `tree` the tree over them
    when the caller keeps it. The gate decides about the form, and that the customer may see the values, before.
    """
    tree = StatementTree(openings) if tree is None else tree
    leaves, secrets = [], list[Json]()
    for path in sorted(output_path(process, cn, name) for name in results):
        index = tree.position(path)
        if index is None:
            raise Misuse(
                "evidence-result",
                found=f"no committed result at {path}",
                expected="a result that the statement commits to",
                remedy="Ask for results of the statement's goods only.",
            )
        opening = openings[index]
        leaf = opening.leaf()
        proof = tree.inclusion_proof(index)
        leaves.append(CommittedLeaf(leaf.label, leaf.salt, leaf.commitment.encode(), index, proof))
        secrets.append(
            {
                "path": path,
                "value": str(opening.value),
                "blinding": b64url_encode(encode_scalar(opening.blinding)),
            }
        )
    info = _info(customer, hpke_kid, statement)
    sealed = hpke_seal(hpke_public, info, canonical_bytes({"openings": secrets}))
    return CommitmentEvidence(tuple(leaves), hpke_kid, sealed)


def check_commitments(
    evidence: CommitmentEvidence, statement: Statement, *, process: str, cn: str, results: Collection[str]
) -> None:
    """Raise `FailedVerification` unless the verifier signed exactly one commitment to each of the `results`."""
    expected = sorted(output_path(process, cn, name) for name in results)
    found = [leaf.label.path for leaf in evidence.leaves]
    if found != expected or any(leaf.label.role != ROLE_OUTPUT for leaf in evidence.leaves):
        raise FailedVerification(
            "evidence-missing",
            found=f"commitments to {', '.join(found) or 'nothing'}",
            expected=f"one commitment to each of {', '.join(expected)}",
            remedy="Ask the exporter for a presentation with evidence for what it attests.",
        )
    for leaf in evidence.leaves:
        leaf.require_in(statement)


def open_commitments(
    evidence: CommitmentEvidence, *, customer: str, statement: str, unseal: Unseal
) -> Mapping[str, Opening]:
    """What opens each leaf, by path: for the customer alone. Raises what `unseal` raises for another addressee,
    `FailedVerification` when something else was sealed than opens the leaves."""
    plain = unseal(evidence.kid, _info(customer, evidence.kid, statement), evidence.sealed)
    fields = StrictFields(parse_canonical(plain, max_bytes=MAX_SEALED_OPENINGS), "sealed openings of results")
    openings = dict(fields.each("openings", _read_opening, max_items=MAX_COMMITTED_RESULTS))
    fields.finish()
    if openings.keys() != {leaf.label.path for leaf in evidence.leaves}:
        raise FailedVerification(
            "evidence-openings",
            found="openings of other results than are committed to",
            expected="one opening for each leaf",
            remedy="Ask the supplier for the attestation again.",
        )
    for leaf in evidence.leaves:
        check_opening(Point.decode(leaf.commitment), openings[leaf.label.path], where=leaf.label.path)
    return openings


def _read_opening(fields: StrictFields) -> tuple[str, Opening]:
    path = fields.text("path")
    value = int(fields.text("value", pattern=DIGITS))
    return path, Opening(value, read_scalar(fields, "blinding"))


def _info(customer: str, kid: str, statement: str) -> bytes:
    return tuple_hash(OPENINGS_DOMAIN, customer, kid, statement)
