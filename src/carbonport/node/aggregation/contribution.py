"""A contribution as its contributor signs it: the leaves of its statement that it gives, and the mathematics' head.

The head holds commitments, proofs and the hashes of the ciphertexts, so one signature covers everything. A contributor
cannot choose what it gives: each metric is a leaf of the statement that its verifier signed, of the path, unit and
period that the plan asks for, shown with its way to the statement's root, and the head proves that the committed value
is the leaf's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.commitments import SALT_BYTES, Leaf
from carbonport.attestation.participants import SHA256_HEX
from carbonport.attestation.statement import Statement
from carbonport.attestation.statement_draft import MAX_LEAVES, read_hex, read_label, read_point
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode
from carbonport.crypto.group import SCALAR_BYTES, sum_points
from carbonport.crypto.merkle import MAX_PROOF_HASHES, verify_inclusion
from carbonport.crypto.sealing import HPKE_OVERHEAD_BYTES
from carbonport.crypto.sums.attested import AttestedCommitment
from carbonport.crypto.sums.contribution_proofs import SubmittedHead
from carbonport.errors import CarbonportError, FailedVerification
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, MAX_METRICS, METRIC_NAME, Metric, SignedPlan
from carbonport.node.sessions.signed_document import DocumentKind, Signed

MAX_CONTRIBUTION_BYTES = 1024 * 1024
"""Longest contribution as a token; its ciphertexts travel beside it."""

OPENING_BYTES = 2 * SCALAR_BYTES
"""Value and blinding of one metric's A_0."""

MAX_LEAVES_PER_METRIC = 16
"""Leaves whose sum one metric may be: the same quantity of several processes."""


@dataclass(frozen=True, slots=True)
class ShownLeaf:
    """A leaf of the statement with its way to the root: `index`, and the hashes from the leaf upwards."""

    leaf: Leaf
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class GivenMetric:
    """The leaves that a contributor gives for one metric; its value is their sum."""

    name: str
    leaves: tuple[ShownLeaf, ...]


@dataclass(frozen=True, slots=True)
class ContributionEnvelope:
    """`plan` and `statement` are digests; `metrics` stand in the plan's order. `opening` is sealed to the plan's
    releaser, empty where there is none."""

    plan: str
    attempt: int
    statement: str
    metrics: tuple[GivenMetric, ...]
    head: bytes
    opening: bytes = b""


SignedContribution = Signed[ContributionEnvelope]


def check_contribution(
    plan: SignedPlan, attempt: int, contribution: SignedContribution, statement: Statement
) -> SubmittedHead:
    """Hold everything but the proofs; the result goes to `carbonport.crypto.sums.contribution_proofs.verify_heads`.

    `statement` is the contributor's current one, of the digest that the contribution names, its signature checked.
    Raises `FailedVerification` (`aggregation-contribution`) naming the contributor.
    """
    content, who = contribution.content, contribution.issuer
    problems = {
        "a contribution to another plan or attempt": (content.plan, content.attempt)
        != (plan.digest, attempt),
        "a contributor that is not invited": who not in plan.content.invited,
        "another's statement": statement.exporter != who,
        "a statement about another period": statement.period != plan.content.period,
        "a statement whose opinion is not satisfactory": statement.opinion == "not-satisfactory",
        "other metrics than the plan's": [given.name for given in content.metrics]
        != [metric.name for metric in plan.content.metrics],
        "an opening of another size than the plan's releaser needs": len(content.opening)
        != sealed_opening_bytes(plan),
    }
    for found, present in problems.items():
        if present:
            raise _refused(who, found)
    attested = tuple(
        _attested(metric, given, statement, who)
        for metric, given in zip(plan.content.metrics, content.metrics, strict=True)
    )
    return SubmittedHead(who, attested, content.head)


def sealed_opening_bytes(plan: SignedPlan) -> int:
    """Length of an opening sealed to the plan's releaser; 0 without one."""
    if not plan.content.rule.releaser:
        return 0
    return HPKE_OVERHEAD_BYTES + OPENING_BYTES * len(plan.content.metrics)


def _attested(metric: Metric, given: GivenMetric, statement: Statement, who: str) -> AttestedCommitment:
    labels = [shown.leaf.label for shown in given.leaves]
    if not labels or len({label.path for label in labels}) != len(labels):
        raise _refused(who, f"no leaf for {metric.name}, or one twice")
    for label in labels:
        if not metric.takes(label.path) or label.unit != metric.unit:
            raise _refused(who, f"a leaf for {metric.name} that is another quantity or in another unit")
        if label.decimals != labels[0].decimals or label.decimals > metric.decimals:
            raise _refused(
                who, f"leaves for {metric.name} with more decimals than the plan's, or different ones"
            )
    for shown in given.leaves:
        try:
            verify_inclusion(shown.leaf.hash(), shown.index, statement.leaf_count, shown.path, statement.root)
        except CarbonportError:
            raise _refused(who, f"a leaf for {metric.name} that is not its statement's") from None
    return AttestedCommitment(
        sum_points([shown.leaf.commitment for shown in given.leaves]), labels[0].decimals
    )


def _refused(who: str, found: str) -> FailedVerification:
    return FailedVerification(
        "aggregation-contribution",
        found=found,
        expected="what the plan asks for, out of the contributor's own current statement",
        remedy="Leave the contribution out of the roster and tell its contributor.",
        where=who,
    )


def _write(content: ContributionEnvelope) -> Mapping[str, Json]:
    return {
        "plan": content.plan,
        "attempt": content.attempt,
        "statement": content.statement,
        "metrics": [
            {"name": given.name, "leaves": [_leaf_to_json(shown) for shown in given.leaves]}
            for given in content.metrics
        ],
        "head": b64url_encode(content.head),
        "opening": b64url_encode(content.opening),
    }


def _leaf_to_json(shown: ShownLeaf) -> Json:
    label = shown.leaf.label
    return {
        "role": label.role,
        "path": label.path,
        "unit": label.unit,
        "decimals": label.decimals,
        "bits": label.bits,
        "salt": shown.leaf.salt.hex(),
        "commitment": b64url_encode(shown.leaf.commitment.encode()),
        "index": shown.index,
        "proof": [node.hex() for node in shown.path],
    }


def _read(fields: StrictFields) -> ContributionEnvelope:
    return ContributionEnvelope(
        plan=fields.text("plan", pattern=SHA256_HEX),
        attempt=fields.integer("attempt", maximum=MAX_ATTEMPTS - 1),
        statement=fields.text("statement", pattern=SHA256_HEX),
        metrics=fields.each("metrics", _read_given, max_items=MAX_METRICS),
        head=b64url_decode(fields.text("head", max_chars=MAX_CONTRIBUTION_BYTES)),
        opening=b64url_decode(fields.text("opening", max_chars=MAX_CONTRIBUTION_BYTES, empty=True)),
    )


def _read_given(fields: StrictFields) -> GivenMetric:
    return GivenMetric(
        fields.text("name", pattern=METRIC_NAME),
        fields.each("leaves", _read_leaf, max_items=MAX_LEAVES_PER_METRIC),
    )


def _read_leaf(fields: StrictFields) -> ShownLeaf:
    leaf = Leaf(read_label(fields), read_point(fields, "commitment"), read_hex(fields, "salt", SALT_BYTES))
    index = fields.integer("index", maximum=MAX_LEAVES)
    path = fields.texts("proof", pattern=SHA256_HEX, max_items=MAX_PROOF_HASHES)
    return ShownLeaf(leaf, index, tuple(bytes.fromhex(node) for node in path))


CONTRIBUTION = DocumentKind[ContributionEnvelope]("contribution", MAX_CONTRIBUTION_BYTES, _write, _read)
"""A contribution, signed by its contributor."""
