"""Votes: each holder's one word on an attempt, and how many equal ones it takes before anybody answers.

A holder votes for a roster only after it checked everything, its own decryption included; else it votes `abort` and
then never for a roster. With Q > (n + k - 1)/2 equal votes, two rosters of one attempt cannot both pass while fewer
than k holders are corrupt, so nobody gets two sums and their difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbonport.attestation.participants import SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.errors import FailedVerification, Refused
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, SignedPlan
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.sessions.signed_document import DocumentKind, Signed

MAX_VOTE_BYTES = 8 * 1024
"""Longest vote or closing statement as a token."""

ABORT = "abort"
"""The vote that is none for a roster."""


@dataclass(frozen=True, slots=True)
class Vote:
    """`choice` is a roster's digest, or `abort`; `plan` is the plan's."""

    plan: str
    attempt: int
    choice: str


@dataclass(frozen=True, slots=True)
class ClosingStatement:
    """A holder's last word on an attempt: how it voted (empty: it did not, and never will), whether it answered.

    After signing with `answered` false it never votes otherwise nor answers in this attempt.
    """

    plan: str
    attempt: int
    choice: str
    answered: bool


SignedVote = Signed[Vote]


def votes_by_holder(plan: SignedPlan, attempt: int, votes: Sequence[SignedVote]) -> Mapping[str, SignedVote]:
    """Votes of this plan's holders in this attempt, one of each; raises `FailedVerification` otherwise."""
    holders = {holder.id for holder in plan.content.holders}
    found: dict[str, SignedVote] = {}
    for vote in votes:
        if (vote.content.plan, vote.content.attempt) != (plan.digest, attempt) or vote.issuer not in holders:
            raise _refused("a vote of another plan, attempt or holder")
        if vote.issuer in found:
            raise _refused(f"two votes of {vote.issuer}")
        found[vote.issuer] = vote
    return found


def require_quorum(plan: SignedPlan, roster: SignedRoster, votes: Sequence[SignedVote]) -> None:
    """Raise `Refused` (`aggregation-quorum`) unless Q holders voted for exactly this roster."""
    cast = votes_by_holder(plan, roster.content.attempt, votes)
    count = sum(vote.content.choice == roster.digest for vote in cast.values())
    needed = plan.content.holder_threshold.votes_needed
    if count < needed:
        raise Refused(
            "aggregation-quorum",
            found=f"{count} votes for the roster",
            expected=f"{needed} of {len(plan.content.holders)}",
            remedy="Wait for more votes; if holders voted abort, close the attempt and look for the cause.",
        )


def _refused(found: str) -> FailedVerification:
    return FailedVerification(
        "aggregation-votes",
        found=found,
        expected="one vote of each holder, for this plan and attempt",
        remedy="Keep both: a holder that signs two votes is not to be trusted with keys.",
    )


def _choice(fields: StrictFields, *, empty: bool = False) -> str:
    text = fields.text("choice", empty=empty)
    if text not in ("", ABORT) and not SHA256_HEX.fullmatch(text):
        raise _refused("a vote for neither a roster nor abort")
    return text


def _write_vote(vote: Vote) -> Mapping[str, Json]:
    return {"plan": vote.plan, "attempt": vote.attempt, "choice": vote.choice}


def _read_vote(fields: StrictFields) -> Vote:
    return Vote(
        fields.text("plan", pattern=SHA256_HEX),
        fields.integer("attempt", maximum=MAX_ATTEMPTS - 1),
        _choice(fields),
    )


def _write_closing(statement: ClosingStatement) -> Mapping[str, Json]:
    return {
        "plan": statement.plan,
        "attempt": statement.attempt,
        "choice": statement.choice,
        "answered": int(statement.answered),
    }


def _read_closing(fields: StrictFields) -> ClosingStatement:
    return ClosingStatement(
        fields.text("plan", pattern=SHA256_HEX),
        fields.integer("attempt", maximum=MAX_ATTEMPTS - 1),
        _choice(fields, empty=True),
        bool(fields.integer("answered", maximum=1)),
    )


VOTE = DocumentKind[Vote]("vote", MAX_VOTE_BYTES, _write_vote, _read_vote)
"""A vote, signed by its holder."""

CLOSING_STATEMENT = DocumentKind[ClosingStatement](
    "closing-statement", MAX_VOTE_BYTES, _write_closing, _read_closing
)
"""A closing statement, signed by its holder."""
