"""A session at its coordinator: its documents out of the records, whom it names, where it stands, how it ended."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import Connection

from carbonport.errors import Misuse, Refused
from carbonport.node.aggregation.ballots import VOTE
from carbonport.node.aggregation.closing import ClosingCertificate, read_certificate
from carbonport.node.aggregation.ending import WITHOUT_RESULT, Ballot, Ending, shown_ending
from carbonport.node.aggregation.findings import searchers
from carbonport.node.aggregation.network.plan_file import PlanDraft, read_draft
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, PLAN, SignedPlan
from carbonport.node.aggregation.roster import ROSTER, SignedRoster
from carbonport.node.aggregation.verdict import VERDICT, SignedVerdict
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.parties import current_keys, lasting_keys
from carbonport.node.sessions.records import (
    Record,
    all_of,
    find,
    keep,
    names_of,
    sessions_with,
)
from carbonport.node.sessions.signed_document import SealKeys


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a session stands: `phase` is one of keys, contributing, releasing, voting, answering, closing, done,
    refused, failed, expired."""

    phase: str
    attempt: int = 0


class CoordinatorSession:
    """A coordinator's view of one session: its documents out of the records, opened with the keys valid now."""

    def __init__(self, node: OpenNode, session: str) -> None:
        """Raises `Misuse` (`aggregation-session-unknown`) for a session that this node does not coordinate."""
        self.node, self.session = node, session
        with self.reading() as connection:
            draft = find(connection, session, "draft")
        if draft is None:
            raise unknown_session()
        self.draft: PlanDraft = read_draft(draft)

    @property
    def keys(self) -> SealKeys:
        """Seal keys as of now, for what is brought."""
        return current_keys(self.node)

    @property
    def kept_keys(self) -> SealKeys:
        """Seal keys for what was taken: some may have been succeeded since."""
        return lasting_keys(self.node)

    def plan(self) -> SignedPlan | None:
        """The plan, once all holders made their keys."""
        with self.reading() as connection:
            token = find(connection, self.session, "plan")
        return None if token is None else PLAN.open(token.decode(), self.node.participant.id, self.kept_keys)

    def planned(self) -> SignedPlan:
        """The plan, which must exist by now."""
        plan = self.plan()
        if plan is None:
            raise wrong_phase("keys", "a plan")
        return plan

    def roster(self, attempt: int) -> SignedRoster | None:
        """The roster of an attempt, once it was proposed."""
        with self.reading() as connection:
            token = find(connection, self.session, f"roster:{attempt}")
        return (
            None if token is None else ROSTER.open(token.decode(), self.node.participant.id, self.kept_keys)
        )

    def certificate(self, attempt: int) -> ClosingCertificate | None:
        """The closing certificate of an attempt, once there is one."""
        with self.reading() as connection:
            kept = find(connection, self.session, "certificate", str(attempt))
        return None if kept is None else read_certificate(kept)

    def verdict(self, attempt: int) -> SignedVerdict | None:
        """The releaser's word on an attempt, once it was given."""
        with self.reading() as connection:
            token = find(connection, self.session, f"verdict:{attempt}", self.draft.releaser)
        return None if token is None else VERDICT.open(token.decode(), self.draft.releaser, self.kept_keys)

    def standing(self) -> Standing:
        """Where the session stands by what was said in it."""
        plan = self.plan()
        with self.reading() as connection:
            attempt = len(names_of(connection, self.session, "certificate"))
            done = find(connection, self.session, "result") is not None
            votes = all_of(connection, self.session, f"vote:{attempt}")
        if plan is None:
            return Standing("keys")
        if done:
            return Standing("done", max(0, attempt))
        for number in range(MAX_ATTEMPTS):
            verdict = self.verdict(number)
            if verdict is not None and not verdict.content.passes:
                return Standing("refused", number)
        if self.node.participant.clock() >= plan.content.expires:
            return Standing("expired", min(attempt, MAX_ATTEMPTS - 1))
        if attempt >= MAX_ATTEMPTS:
            return Standing("failed", MAX_ATTEMPTS - 1)
        roster = self.roster(attempt)
        if roster is None:
            return Standing("contributing", attempt)
        with self.reading() as connection:
            given_up = find(connection, self.session, f"given-up:{attempt}") is not None
        if given_up:
            return Standing("closing", attempt)
        if plan.content.rule.releaser and self.verdict(attempt) is None:
            return Standing("releasing", attempt)
        choices = [
            VOTE.open(token.decode(), holder, self.kept_keys).content.choice
            for holder, token in votes.items()
        ]
        needed = plan.content.holder_threshold.votes_needed
        if choices.count(roster.digest) >= needed:
            return Standing("answering", attempt)
        lost = sum(choice != roster.digest for choice in choices)
        if len(plan.content.holders) - lost < needed:
            return Standing("closing", attempt)
        return Standing("voting", attempt)

    def ballot(self, attempt: int) -> Ballot:
        """What was said in an attempt, as everyone in the plan is shown it."""
        with self.reading() as connection:
            votes = tokens(all_of(connection, self.session, f"vote:{attempt}"))
        verdict = self.verdict(attempt)
        return Ballot(votes, self.certificate(attempt), "" if verdict is None else verdict.token)

    def ending(self) -> Ending | None:
        """How the session ended without a result, if it did."""
        standing = self.standing()
        if standing.phase not in WITHOUT_RESULT:
            return None
        ballots = [self.ballot(attempt) for attempt in range(standing.attempt + 1)]
        return shown_ending(self.planned(), standing.phase, ballots, self.kept_keys)

    def share(self, holder: str, attempt: int, contributor: str) -> bytes:
        """A single ciphertext for a holder whose turn it is to search, in an attempt that is closed."""
        plan = self.planned()
        index = plan.content.holder_index(holder)
        certificate = self.certificate(attempt)
        if certificate is None or holder not in searchers(plan, attempt, certificate, self.kept_keys):
            raise wrong_phase("a search", "a closed attempt, and a holder whose turn it is")
        with self.reading() as connection:
            found = find(connection, self.session, f"ciphertext:{attempt}:{index}", contributor)
        if found is None:
            raise wrong_phase("no such ciphertext", "a contributor on the attempt's roster")
        return found

    def parties(self) -> frozenset[str]:
        """Whose matter the session is."""
        return frozenset((*self.draft.holders, *self.draft.invited, self.draft.releaser)) - {""}

    def reading(self) -> AbstractContextManager[Connection]:
        """A snapshot of the store."""
        return self.node.participant.store.reading()

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction of the store."""
        return self.node.participant.store.writing()

    def keep(self, *kept: Record) -> None:
        """Keep records of the coordinator's own."""
        participant = self.node.participant
        with participant.store.writing() as connection:
            for record in kept:
                keep(connection, self.session, record, now=participant.clock())


def coordinated(connection: Connection) -> list[str]:
    """Sessions that this node coordinates, the oldest first."""
    return sessions_with(connection, "draft")


def tokens(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Records that are tokens, as text."""
    return {name: content.decode() for name, content in contents.items()}


def unknown_session() -> Misuse:
    """The error of a session that is not there, or not the caller's."""
    return Misuse(
        "aggregation-session-unknown",
        found="no session of this name here",
        expected="a session that this coordinator planned and that names the caller",
        remedy="List the sessions at the coordinator; the name is the nonce of its plan.",
    )


def wrong_phase(found: str, expected: str) -> Refused:
    """The refusal of something that comes too early or too late."""
    return Refused(
        "aggregation-phase",
        found=found,
        expected=expected,
        remedy="Look where the session stands, and go on from there.",
    )
