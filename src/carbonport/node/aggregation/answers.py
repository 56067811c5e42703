"""A holder's answer: for each released cohort, its share of the sums, which anyone can check against commitments.

Holders answer after the quorum, for the roster that got it, once; the answer is stored before it is sent, and a repeat
returns the same bytes. Whoever has k answers has the sums.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbonport.attestation.participants import SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode
from carbonport.crypto.sums.answers import (
    HolderAnswer,
    RosterCommitments,
    SumResult,
    check_answer,
    combine_answers,
    decode_answer,
    roster_commitments,
)
from carbonport.crypto.sums.contribution import ContributionHead
from carbonport.errors import FailedVerification
from carbonport.node.aggregation.plan import COHORT_NAME, MAX_ATTEMPTS, MAX_PLAN_COHORTS, SignedPlan
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.sessions.signed_document import DocumentKind, Signed

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""Longest answer as a token: 64 metrics of 256 cohorts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`plan` and `roster` are digests; `shares` has the encoded holder answer of each released cohort."""

    plan: str
    attempt: int
    roster: str
    shares: Mapping[str, bytes]


SignedAnswer = Signed[Answer]


def cohort_commitments(
    plan: SignedPlan, roster: SignedRoster, heads: Mapping[str, ContributionHead]
) -> Mapping[str, RosterCommitments]:
    """The summed commitments of every released cohort, from the verified heads of the roster's members."""
    parameters = plan.content.parameters(plan.digest)
    return {
        name: roster_commitments(parameters, [heads[member] for member in cohort_members(plan, roster, name)])
        for name in roster.content.released
    }


def cohort_members(plan: SignedPlan, roster: SignedRoster, cohort: str) -> list[str]:
    """The members of a cohort that are on the roster, in order."""
    members = plan.content.family.cohorts[cohort]
    return [entry.id for entry in roster.content.entries if entry.id in members]


def holder_answers(
    plan: SignedPlan, roster: SignedRoster, answer: SignedAnswer
) -> Mapping[str, HolderAnswer]:
    """The shares of an answer by cohort; raises `FailedVerification` for one of another roster or holder."""
    content = answer.content
    index = plan.content.holder_index(answer.issuer)
    parameters = plan.content.parameters(plan.digest)
    bound = (content.plan, content.attempt, content.roster)
    if bound != (plan.digest, roster.content.attempt, roster.digest) or set(content.shares) != set(
        roster.content.released
    ):
        raise FailedVerification(
            "aggregation-answer",
            found="an answer about another plan, attempt, roster or other cohorts",
            expected="a share of every released cohort of this roster",
            remedy="Ask the holder for its answer to this roster.",
            where=answer.issuer,
        )
    return {name: decode_answer(parameters, index, share) for name, share in content.shares.items()}


def liars(
    plan: SignedPlan,
    roster: SignedRoster,
    commitments: Mapping[str, RosterCommitments],
    answers: Sequence[SignedAnswer],
) -> frozenset[str]:
    """The holders whose signed answers the roster's commitments contradict; any k others are enough for the sums."""
    parameters = plan.content.parameters(plan.digest)
    found = set()
    for answer in answers:
        try:
            for cohort, shares in holder_answers(plan, roster, answer).items():
                check_answer(parameters, commitments[cohort], shares)
        except FailedVerification:
            found.add(answer.issuer)
    return frozenset(found)


def combined(
    plan: SignedPlan,
    roster: SignedRoster,
    commitments: Mapping[str, RosterCommitments],
    answers: Sequence[SignedAnswer],
) -> Mapping[str, SumResult]:
    """The sums of every released cohort from k answers or more, each answer and each sum checked against commitments.

    Raises `FailedVerification` naming the holder of a false answer, `Misuse` for fewer than k.
    """
    parameters = plan.content.parameters(plan.digest)
    shares = {answer.issuer: holder_answers(plan, roster, answer) for answer in answers}
    return {
        name: combine_answers(
            parameters,
            commitments[name],
            {share[name].holder: share[name] for share in shares.values()},
        )
        for name in roster.content.released
    }


def _write(answer: Answer) -> Mapping[str, Json]:
    return {
        "plan": answer.plan,
        "attempt": answer.attempt,
        "roster": answer.roster,
        "shares": [
            {"cohort": name, "share": b64url_encode(share)} for name, share in sorted(answer.shares.items())
        ],
    }


def _read(fields: StrictFields) -> Answer:
    return Answer(
        fields.text("plan", pattern=SHA256_HEX),
        fields.integer("attempt", maximum=MAX_ATTEMPTS - 1),
        fields.text("roster", pattern=SHA256_HEX),
        dict(fields.each("shares", _read_share, max_items=MAX_PLAN_COHORTS)),
    )


def _read_share(fields: StrictFields) -> tuple[str, bytes]:
    name = fields.text("cohort", pattern=COHORT_NAME)
    return name, b64url_decode(fields.text("share", max_chars=MAX_ANSWER_BYTES))


ANSWER = DocumentKind[Answer]("answer", MAX_ANSWER_BYTES, _write, _read)
"""An answer, signed by its holder."""
