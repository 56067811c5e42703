"""Evidence that an attested value is the one the verifier signed.

A presentation carries evidence of a *kind*.

`openings`: for each attested result the exporter opens exactly that one output leaf of the statement: blinding,
salt and the leaf's path in the tree. The value itself is not repeated: the reader takes it from the attestation,
commits to it with the opened blinding, rebuilds the leaf and follows the path to the root that the verifier
signed. A value one unit off in the last decimal, or an opening of another result, leads to another root.

`proof` (`carbonport.attestation.proof_evidence`): the result is proved in zero knowledge from the *input* leaves
and the signed graph, for one importer and consignment. What opening shows is weaker only in what it rests on:
that the verifier computed the rounded result, which the bench does.

`commitments` (`carbonport.attestation.commitment_evidence`): the results are not stated, but committed to.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from carbonport.attestation.commitment_evidence import CommitmentEvidence, read_commitment_evidence
from carbonport.attestation.commitments import (
    ROLE_OUTPUT,
    SALT_BYTES,
    LeafLabel,
    LeafOpening,
    output_path,
)
from carbonport.attestation.proof_checking import ProofBinding, ProofFinding, check_proof_evidence
from carbonport.attestation.proof_evidence import ProofEvidence, read_proof_evidence
from carbonport.attestation.statement import Statement
from carbonport.attestation.statement_draft import MAX_LEAVES, read_hex, read_label, read_scalar
from carbonport.attestation.statement_tree import StatementTree as StatementTree
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, b64url_encode
from carbonport.crypto.group import encode_scalar
from carbonport.crypto.merkle import MAX_PROOF_HASHES, verify_inclusion
from carbonport.errors import FailedVerification, Malformed, Misuse

MAX_OPENED = 64
"""Most leaves that one presentation opens: one good has a handful of results."""

_REASON = re.compile(r"[a-z0-9-]{1,64}")
_HASH = re.compile(r"[0-9a-f]{64}")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,59})(?:\.([0-9]{1,60}))?")


@dataclass(frozen=True, slots=True, repr=False)
class OpenedLeaf:
    """What opens one leaf when the value is known, and its way to the root: `index` and the path's hashes."""

    label: LeafLabel
    blinding: int
    salt: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class OpeningEvidence:
    """The evidence kind `openings`. `reason` says why there is no proof: the id of the error that kept it away."""

    kind: ClassVar[str] = "openings"
    opened: tuple[OpenedLeaf, ...]
    reason: str

    def to_json(self) -> Json:
        """As it stands in a presentation."""
        return {
            "kind": self.kind,
            "reason": self.reason,
            "opened": [
                {
                    "role": item.label.role,
                    "path": item.label.path,
                    "unit": item.label.unit,
                    "decimals": item.label.decimals,
                    "bits": item.label.bits,
                    "blinding": b64url_encode(encode_scalar(item.blinding)),
                    "salt": item.salt.hex(),
                    "index": item.index,
                    "proof": [node.hex() for node in item.path],
                }
                for item in self.opened
            ],
        }


Evidence: TypeAlias = OpeningEvidence | ProofEvidence | CommitmentEvidence
"""Evidence of a kind that this version knows."""


def read_evidence(value: Json) -> Evidence:
    """The evidence of a presentation; a kind this version does not know is malformed, never skipped."""
    fields = StrictFields(value, "evidence")
    kind = fields.text("kind")
    if kind == ProofEvidence.kind:
        return read_proof_evidence(fields)
    if kind == CommitmentEvidence.kind:
        return read_commitment_evidence(fields)
    if kind != OpeningEvidence.kind:
        raise Malformed(
            "evidence-kind",
            found="evidence of another kind",
            expected=f"{OpeningEvidence.kind}, {CommitmentEvidence.kind} or {ProofEvidence.kind}",
            remedy="Use a version of the program that knows the kind.",
        )
    reason = fields.text("reason", pattern=_REASON)
    evidence = OpeningEvidence(fields.each("opened", _read_opened, max_items=MAX_OPENED), reason)
    fields.finish()
    return evidence


def open_results(
    openings: Sequence[LeafOpening],
    *,
    process: str,
    cn: str,
    results: Sequence[str],
    reason: str,
    tree: StatementTree | None = None,
) -> OpeningEvidence:
    """Open the outputs named `results` of one good, and nothing else, for `reason` keeps them from being proved.

    `openings` are all of the statement's, in leaf order; `tree` is the tree over them when the caller keeps
    it. What is opened gives away the value: the gate decides about that, before.
    """
    tree = StatementTree(openings) if tree is None else tree
    opened = []
    for name in results:
        index = tree.position(output_path(process, cn, name))
        if index is None:
            raise Misuse(
                "evidence-result",
                found=f"no committed result {name} of {process}/{cn}",
                expected="a result that the statement commits to",
                remedy="Ask for results of the statement's goods only.",
            )
        opening = openings[index]
        opened.append(
            OpenedLeaf(opening.label, opening.blinding, opening.salt, index, tree.inclusion_proof(index))
        )
    return OpeningEvidence(tuple(opened), reason)


def check_evidence(
    evidence: Evidence,
    statement: Statement,
    *,
    process: str,
    cn: str,
    results: Mapping[str, str],
    binding: ProofBinding | None = None,
) -> ProofFinding | None:
    """Check that the verifier signed exactly the attested `results` (plain decimals by name) of the good, or
    signed what they follow from.

    `binding` is what a proof must be bound to; openings need none. Gives what a proof was made from, None for
    openings. Raises FailedVerification: for openings
    `evidence-missing` when a result has no evidence of its own or there is evidence of something else,
    `evidence-decimals` when a value is not written with the declared decimals, and `evidence-value` when the
    signed commitment hides another value; for a proof see `carbonport.attestation.proof_checking`, and
    `evidence-binding` when there is no binding to check it against.
    """
    if isinstance(evidence, CommitmentEvidence):
        raise FailedVerification(
            "evidence-committed",
            found="commitments in the place of evidence for stated results",
            expected="openings or a proof",
            remedy="Ask the exporter for a presentation with evidence for what it attests.",
        )
    if isinstance(evidence, OpeningEvidence):
        _check_openings(evidence, statement, process=process, cn=cn, results=results)
        return None
    if binding is None:
        raise FailedVerification(
            "evidence-binding",
            found="a proof, and no importer and consignment that it must be made for",
            expected="the attestation that the proof belongs to",
            remedy="Check the proof together with its attestation.",
        )
    return check_proof_evidence(evidence, statement, binding, process=process, cn=cn, results=results)


def _check_openings(
    evidence: OpeningEvidence, statement: Statement, *, process: str, cn: str, results: Mapping[str, str]
) -> None:
    expected = {output_path(process, cn, name): value for name, value in results.items()}
    found = {item.label.path: item for item in evidence.opened if item.label.role == ROLE_OUTPUT}
    if set(found) != set(expected) or len(found) != len(evidence.opened):
        raise FailedVerification(
            "evidence-missing",
            found=f"openings of {', '.join(sorted(found)) or 'nothing'}",
            expected=f"one opening for each of {', '.join(sorted(expected))}",
            remedy="Ask the exporter for a presentation with evidence for what it attests.",
        )
    for path, item in sorted(found.items()):
        value = _integer(expected[path], item.label, path)
        leaf = LeafOpening(item.label, value, item.blinding, item.salt).leaf()
        try:
            verify_inclusion(leaf.hash(), item.index, statement.leaf_count, item.path, statement.root)
        except FailedVerification:
            raise FailedVerification(
                "evidence-value",
                found=f"{expected[path]}, which the signed commitment of {path} does not hide",
                expected="the value that the verifier signed",
                remedy="Do not use the value; ask the exporter for an attestation of the verified one.",
                where=path,
            ) from None


def _integer(text: str, label: LeafLabel, path: str) -> int:
    """A plain decimal with exactly the declared decimals, in units of the last one."""
    match = _DECIMAL.fullmatch(text)
    if match is None or len(match[2] or "") != label.decimals:
        raise FailedVerification(
            "evidence-decimals",
            found=f"a value of {path} that is no plain decimal with {label.decimals} decimals",
            expected="the declared number of decimals, no sign, no exponent, no leading zero",
            remedy="Ask the exporter for an attestation at the declared decimals.",
            where=path,
        )
    value = int(match[1] + (match[2] or ""))
    if value >= 1 << label.bits:
        raise FailedVerification(
            "evidence-width",
            found=f"a value of {path} beyond its declared width",
            expected=f"less than 2^{label.bits} in units of the last decimal",
            remedy="Do not use the value.",
            where=path,
        )
    return value


def _read_opened(fields: StrictFields) -> OpenedLeaf:
    return OpenedLeaf(
        label=read_label(fields),
        blinding=read_scalar(fields, "blinding"),
        salt=read_hex(fields, "salt", SALT_BYTES),
        index=fields.integer("index", maximum=MAX_LEAVES),
        path=tuple(
            bytes.fromhex(StrictFields({"hash": item}, "evidence proof").text("hash", pattern=_HASH))
            for item in fields.items("proof", max_items=MAX_PROOF_HASHES)
        ),
    )
