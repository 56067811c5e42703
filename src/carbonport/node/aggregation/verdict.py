"""A releaser's word on a roster: its sums pass the plan's rule of dominance on the true values, or they do not.

It is all or nothing. To withhold one cohort and not another by their values would itself tell something of the values,
and so would a second roster tried after a first one failed: after one refusal a releaser releases nothing of a plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.participants import SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.errors import FailedVerification, Refused
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, SignedPlan
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.sessions.signed_document import DocumentKind, SealKeys, Signed

MAX_VERDICT_BYTES = 8 * 1024
"""Longest verdict as a token."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`plan` and `roster` are digests; `passes` says whether its sums may be released."""

    plan: str
    attempt: int
    roster: str
    passes: bool


SignedVerdict = Signed[Verdict]


def check_verdict(plan: SignedPlan, roster: SignedRoster, token: str, keys: SealKeys) -> None:
    """Raise `FailedVerification` unless the plan's releaser lets exactly this roster pass; without one, unless there is
    no verdict."""
    releaser = plan.content.rule.releaser
    if not releaser:
        if token:
            raise _refused("a verdict on a plan without a releaser")
        return
    if not token:
        raise _refused("no word of the plan's releaser")
    content = VERDICT.open(token, releaser, keys).content
    if content != Verdict(plan.digest, roster.content.attempt, roster.digest, passes=True):
        raise _refused("a verdict on another roster, or one that refuses")


def check_refusal(plan: SignedPlan, token: str, keys: SealKeys) -> SignedVerdict:
    """The refusal of a roster of this plan by its releaser; raises `FailedVerification` for anything else."""
    refusal = VERDICT.open(token, plan.content.rule.releaser, keys) if token else None
    if refusal is None or refusal.content.plan != plan.digest or refusal.content.passes:
        raise FailedVerification(
            "aggregation-verdict",
            found="no refusal of this plan by its releaser",
            expected="the releaser's own signed word, when a session is said to have been refused",
            remedy="Ask the releaser; the coordinator's word for it does not count.",
            where=plan.issuer,
        )
    return refusal


def require_pass(plan: SignedPlan, verdict: SignedVerdict) -> None:
    """Raise `Refused` (`aggregation-dominant`) when the releaser refuses."""
    if not verdict.content.passes:
        raise dominant(verdict.issuer, plan.content.rule.kind)


def dominant(releaser: str, rule: str) -> Refused:
    """What a releaser's refusal by a rule means; nothing is said about whose value, or why."""
    return Refused(
        "aggregation-dominant",
        found="a roster in which one sum, or the rest of one, is too much that of one or two contributors",
        expected=f"sums that pass the plan's rule {rule} on the true values",
        remedy="The plan ends here, and the contributions are used up. Plan wider cohorts for another period.",
        where=releaser,
    )


def _refused(found: str) -> FailedVerification:
    return FailedVerification(
        "aggregation-verdict",
        found=found,
        expected="the releaser's word that this roster's sums pass the plan's rule",
        remedy="Vote abort; the coordinator has to ask the plan's releaser first.",
    )


def _write(verdict: Verdict) -> Mapping[str, Json]:
    return {
        "plan": verdict.plan,
        "attempt": verdict.attempt,
        "roster": verdict.roster,
        "passes": int(verdict.passes),
    }


def _read(fields: StrictFields) -> Verdict:
    return Verdict(
        fields.text("plan", pattern=SHA256_HEX),
        fields.integer("attempt", maximum=MAX_ATTEMPTS - 1),
        fields.text("roster", pattern=SHA256_HEX),
        bool(fields.integer("passes", maximum=1)),
    )


VERDICT = DocumentKind[Verdict]("verdict", MAX_VERDICT_BYTES, _write, _read)
"""A verdict, signed by its releaser."""
