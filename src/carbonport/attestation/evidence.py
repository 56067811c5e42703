"""Evidence that an attested value is the one the verifier signed.

A presentation carries evidence of a *kind*. This version knows one: `openings`. For each attested result the
exporter opens exactly that one output leaf of the statement: blinding, salt and the leaf's path in the tree.
The value itself is not repeated: the reader takes it from the attestation, commits to it with the opened
blinding, rebuilds the leaf and follows the path to the root that the verifier signed. A value one unit off in
the last decimal, or an opening of another result, leads to another root.

The seam for zero-knowledge proofs is here: a proof kind will take the place of the openings, prove the result
from the *input* leaves and the signed graph, and fill the same function, `check_evidence`. What opening shows
is weaker only in what it rests on: that the verifier computed the rounded result, which the bench does.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from carbonport.attestation.commitments import (
    ROLE_OUTPUT,
    SALT_BYTES,
    LeafLabel,
    LeafOpening,
    output_path,
)
from carbonport.attestation.statement import Statement
from carbonport.attestation.statement_draft import MAX_LEAVES, read_hex, read_label, read_scalar
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, b64url_encode
from carbonport.crypto.group import encode_scalar
from carbonport.crypto.merkle import (
    MAX_PROOF_HASHES,
    inclusion_proof,
    node_hash,
    verify_inclusion,
)
from carbonport.errors import FailedVerification, Malformed, Misuse

MAX_OPENED = 64
"""Most leaves that one presentation opens: one good has a handful of results."""

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
    """The evidence kind of this version."""

    kind: ClassVar[str] = "openings"
    opened: tuple[OpenedLeaf, ...]

    def to_json(self) -> Json:
        """As it stands in a presentation."""
        return {
            "kind": self.kind,
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


def read_evidence(value: Json) -> OpeningEvidence:
    """The evidence of a presentation; a kind this version does not know is malformed, never skipped."""
    fields = StrictFields(value, "evidence")
    if fields.text("kind") != OpeningEvidence.kind:
        raise Malformed(
            "evidence-kind",
            found="evidence of another kind",
            expected=OpeningEvidence.kind,
            remedy="Use a version of the program that knows the kind.",
        )
    evidence = OpeningEvidence(fields.each("opened", _read_opened, max_items=MAX_OPENED))
    fields.finish()
    return evidence


def open_results(
    openings: Sequence[LeafOpening],
    *,
    process: str,
    cn: str,
    results: Sequence[str],
    tree: "StatementTree | None" = None,
) -> OpeningEvidence:
    """Open the outputs named `results` of one good, and nothing else.

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
    return OpeningEvidence(tuple(opened))


def check_evidence(
    evidence: OpeningEvidence, statement: Statement, *, process: str, cn: str, results: Mapping[str, str]
) -> None:
    """Check that the verifier signed exactly the attested `results` (plain decimals by name) of the good.

    Raises FailedVerification: `evidence-missing` when a result has no evidence of its own or there is
    evidence of something else, `evidence-decimals` when a value is not written with the declared decimals,
    and `evidence-value` when the signed commitment hides another value.
    """
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


class StatementTree:
    """The RFC 6962 tree over a statement's leaves, with every full subtree kept: 2n hashes, no secret.

    Building it commits to every opening again, so a node that answers many requests under one statement
    builds it once.
    """

    def __init__(self, openings: Sequence[LeafOpening]) -> None:
        """`openings` are all of the statement's, in leaf order."""
        self._positions = {opening.label.path: index for index, opening in enumerate(openings)}
        self._levels = [[opening.leaf().hash() for opening in openings]]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            pairs = zip(below[0::2], below[1::2], strict=False)
            self._levels.append([node_hash(left, right) for left, right in pairs])

    def position(self, path: str) -> int | None:
        """The index of the leaf of this path, if there is one."""
        return self._positions.get(path)

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """The path of leaf `index`, from the leaf upwards."""
        return tuple(inclusion_proof(index, len(self._levels[0]), lambda level, at: self._levels[level][at]))


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
