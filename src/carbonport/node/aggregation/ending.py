"""How a session ended that gave no result, by the signed words of those who ended it.

Three such endings there are: the releaser refused; no attempt could be answered, as often as a plan allows; the plan
expired. What a coordinator says of one alone is not believed: a refusal is the releaser's word, a failure the closing
certificates of all attempts, and when a plan expires it says itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.errors import FailedVerification, Refused
from carbonport.node.aggregation.ballots import ABORT, VOTE, votes_by_holder
from carbonport.node.aggregation.closing import ClosingCertificate, check_closed
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, SignedPlan
from carbonport.node.aggregation.verdict import check_refusal, dominant
from carbonport.node.sessions.signed_document import SealKeys

WITHOUT_RESULT = frozenset({"refused", "failed", "expired"})
"""Phases in which a session is over and has no result."""

OVER = WITHOUT_RESULT | {"done"}
"""Phases after which nothing follows."""

MAX_ENDING_BYTES = 64 * 1024
"""Longest ending as it is kept: three attempts of 15 holders take a few thousand bytes."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What was said in an attempt, as everyone in the plan is shown it: votes (tokens) by holder, the closing
    certificate if there is one, and the releaser's word, empty without one."""

    votes: Mapping[str, str]
    certificate: ClosingCertificate | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Ending:
    """`phase` is one of `WITHOUT_RESULT`; `by` are those whose word ended it: the releaser that refused, or the holders
    that voted abort; `why` is for a person, `rule` the plan's rule of disclosure."""

    phase: str
    by: tuple[str, ...]
    why: str
    rule: str

    def as_json(self) -> dict[str, Json]:
        """What a command says of it."""
        if self.phase == "refused":
            return {"why": self.why, "refused_by": self.by[0], "rule": self.rule}
        return {"why": self.why, "aborted_by": list(self.by)}

    def error(self) -> Refused:
        """Why there is no result, for whoever asks for one."""
        if self.phase == "refused":
            return dominant(self.by[0], self.rule)
        return Refused(
            "aggregation-failed" if self.phase == "failed" else "aggregation-expired",
            found=self.why,
            expected="a session that ended with a result",
            remedy="Contributors run `carbonport aggregate join` once more: with the closing certificates what they "
            "gave is free again. Another sum takes another plan.",
        )

    def encode(self) -> bytes:
        """As it is kept: canonical JSON."""
        return canonical_bytes({"phase": self.phase, "by": list(self.by), "why": self.why, "rule": self.rule})

    @classmethod
    def decode(cls, content: bytes) -> "Ending":
        """What `encode` wrote."""
        value = parse_canonical(content, max_bytes=MAX_ENDING_BYTES)
        assert isinstance(value, dict), "this module wrote it"
        by = value["by"]
        assert isinstance(by, list), "this module wrote it"
        return cls(str(value["phase"]), tuple(map(str, by)), str(value["why"]), str(value["rule"]))


def shown_ending(plan: SignedPlan, phase: str, ballots: Sequence[Ballot], keys: SealKeys) -> Ending:
    """The ending that a coordinator says a session had, by what was said in its attempts, the last one included.

    Raises `FailedVerification`: `aggregation-verdict` for a refusal that the releaser did not sign,
    `aggregation-not-closed` for a failure without the closing certificates of all attempts.
    """
    rule = plan.content.rule.kind
    if phase == "refused":
        releaser = check_refusal(plan, ballots[-1].verdict, keys).issuer
        return Ending(phase, (releaser,), dominant(releaser, rule).found, rule)
    if phase == "failed":
        _require_failed(plan, ballots, keys)
        said = f"none of {MAX_ATTEMPTS} attempts could be answered"
    else:
        until = datetime.fromtimestamp(plan.content.expires, UTC)
        said = f"the plan ran until {until:%Y-%m-%d %H:%M} UTC"
    attempts, aborted = [], dict[str, None]()
    for attempt, ballot in enumerate(ballots):
        votes = votes_by_holder(
            plan, attempt, [VOTE.open(token, holder, keys) for holder, token in ballot.votes.items()]
        )
        against = [holder for holder, vote in votes.items() if vote.content.choice == ABORT]
        aborted.update(dict.fromkeys(against))
        words = [f"abort by {', '.join(against)}"] if against else []
        if voted := [holder for holder in votes if holder not in against]:
            words.append(f"votes of {', '.join(voted)}")
        if words:
            attempts.append(f"attempt {attempt + 1}: {' and '.join(words)}")
    return Ending(phase, tuple(aborted), "; ".join((said, *(attempts or ["no votes"]))), rule)


def _require_failed(plan: SignedPlan, ballots: Sequence[Ballot], keys: SealKeys) -> None:
    for attempt in range(MAX_ATTEMPTS):
        certificate = ballots[attempt].certificate if attempt < len(ballots) else None
        if certificate is None:
            raise FailedVerification(
                "aggregation-not-closed",
                found=f"a session that is said to have failed, and no closing certificate of attempt {attempt + 1}",
                expected="the closing certificates of all attempts",
                remedy="Do not believe it; ask the holders.",
                where=plan.issuer,
            )
        check_closed(plan, attempt, certificate, keys)
