"""A key holder as a state machine: one plan a key, one vote an attempt, one answer, and a last word.

Pure: each step gives the state that has to be durable, and the document that may leave after it is. Whoever drives it
stores first and sends then, so that a holder that was killed anywhere repeats itself and never contradicts itself.
What a holder checks before it votes is `carbonport.node.aggregation.examination`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from carbonport.crypto.jws import SigningKey
from carbonport.errors import Refused
from carbonport.node.aggregation.answers import ANSWER, Answer, SignedAnswer
from carbonport.node.aggregation.ballots import (
    ABORT,
    CLOSING_STATEMENT,
    VOTE,
    ClosingStatement,
    SignedVote,
    Vote,
    require_quorum,
)
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, SignedPlan
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.sessions.plan_dates import is_from_before
from carbonport.node.sessions.signed_document import Signed


@dataclass(frozen=True, slots=True)
class HolderAttempt:
    """What this holder said in one attempt; each is said once."""

    vote: SignedVote | None = None
    answer: SignedAnswer | None = None
    closing: Signed[ClosingStatement] | None = None


@dataclass(frozen=True, slots=True)
class HolderState:
    """Everything durable about one plan. `closed` are attempts whose closing certificates were checked; `accepted_at`
    is when the plan was accepted (unix seconds); `ended` says that the keys were destroyed."""

    plan: SignedPlan
    accepted_at: int
    attempts: Mapping[int, HolderAttempt] = field(default_factory=dict)
    closed: frozenset[int] = frozenset()
    ended: bool = False

    def attempt(self, number: int) -> HolderAttempt:
        """What was said in this attempt so far."""
        return self.attempts.get(number, HolderAttempt())


@dataclass(frozen=True, slots=True)
class Holder:
    """One holder, with the seal that signs for it."""

    id: str
    key: SigningKey = field(repr=False)

    def vote(
        self, state: HolderState, attempt: int, choice: str, *, now: int
    ) -> tuple[HolderState, SignedVote]:
        """Vote for a roster's digest, or `abort`; the first word stands, whatever is asked for later.

        `abort` needs no proof that earlier attempts are over: a holder whose check failed must be able to say so, or
        a coordinator could go on asking with other ciphertexts and learn from every failure.
        """
        said = state.attempt(attempt)
        if said.vote is not None:
            return state, said.vote
        self._require_current(state, attempt, now)
        if choice != ABORT:
            self._require_open(state, attempt)
        if said.closing is not None:
            raise _refused("an attempt for which this holder said that it never votes")
        vote = VOTE.sign(Vote(state.plan.digest, attempt, choice), self.id, self.key)
        return _said(state, attempt, replace(said, vote=vote)), vote

    def answer(
        self,
        state: HolderState,
        roster: SignedRoster,
        votes: Sequence[SignedVote],
        shares: Mapping[str, bytes],
        *,
        now: int,
    ) -> tuple[HolderState, SignedAnswer]:
        """Answer for a roster that this holder voted for and that has the quorum; a repeat gives the same bytes.

        `shares` are its encoded answers by cohort, decrypted and checked before it voted.
        """
        attempt = roster.content.attempt
        said = state.attempt(attempt)
        if said.answer is not None and said.answer.content.roster == roster.digest:
            return state, said.answer
        self._require_current(state, attempt, now)
        self._require_open(state, attempt)
        if (
            said.vote is None
            or said.vote.content.choice in (ABORT, "")
            or said.vote.content.choice != roster.digest
        ):
            raise _refused("a roster that this holder did not vote for")
        if said.closing is not None:
            raise _refused("an attempt for which this holder said that it never answers")
        require_quorum(state.plan, roster, votes)
        content = Answer(state.plan.digest, attempt, roster.digest, shares)
        answer = ANSWER.sign(content, self.id, self.key)
        return _said(state, attempt, replace(said, answer=answer)), answer

    def close(self, state: HolderState, attempt: int) -> tuple[HolderState, Signed[ClosingStatement]]:
        """This holder's last word on an attempt. If it has not answered by now, it never will."""
        said = state.attempt(attempt)
        if said.closing is not None:
            return state, said.closing
        choice = "" if said.vote is None else said.vote.content.choice
        content = ClosingStatement(state.plan.digest, attempt, choice, said.answer is not None)
        closing = CLOSING_STATEMENT.sign(content, self.id, self.key)
        return _said(state, attempt, replace(said, closing=closing)), closing

    def end(self, state: HolderState, *, now: int) -> HolderState:
        """The state after the plan's expiry: last words on every attempt that was begun; the caller destroys the
        keys."""
        if now < state.plan.content.expires:
            raise _refused("a plan that has not expired")
        for attempt in range(max(state.attempts, default=0) + 1):
            state, _ = self.close(state, attempt)
        return replace(state, ended=True)

    def _require_current(self, state: HolderState, attempt: int, now: int) -> None:
        if state.ended or now >= state.plan.content.expires:
            raise _refused("a plan that has expired")
        if not 0 <= attempt < MAX_ATTEMPTS:
            raise _refused(f"attempt {attempt}")

    def _require_open(self, state: HolderState, attempt: int) -> None:
        if not set(range(attempt)) <= state.closed:
            raise _refused("an attempt before which others were not closed")
        if attempt in state.closed:
            raise _refused("an attempt that was closed")


def _said(state: HolderState, attempt: int, said: HolderAttempt) -> HolderState:
    return replace(state, attempts={**state.attempts, attempt: said})


def require_not_restored(state: HolderState, restored_at: int | None) -> None:
    """A holder that was restored from a backup may have said more than it remembers: it says nothing in older plans,
    fetched anew though they may be because the backup did not have them."""
    if is_from_before(restored_at, issued_at=state.plan.content.issued_at, taken_at=state.accepted_at):
        raise _refused("a plan from before this holder was restored from a backup")


def _refused(found: str) -> Refused:
    return Refused(
        "aggregation-holder",
        found=found,
        expected="one vote and one answer in an open attempt of a current plan",
        remedy="Use another attempt or plan; this holder says nothing more here.",
    )
