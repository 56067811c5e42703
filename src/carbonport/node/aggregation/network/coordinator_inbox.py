"""What contributors, holders and a releaser bring to a coordinator: checked, logged, kept; where a session stands.

Everything that comes is signed, and must come from its signer. The coordinator checks contributions as holders will, so
that a bad one is refused at the door and not found by a holder.
"""

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import Connection

from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.crypto.sums.bfv_constants import MAX_PUBLIC_CONTEXT_BYTES
from carbonport.crypto.sums.contribution import check_ciphertext, decode_head
from carbonport.crypto.sums.contribution_proofs import verify_heads
from carbonport.errors import Misuse, Refused
from carbonport.node.aggregation.answers import ANSWER, holder_answers
from carbonport.node.aggregation.ballots import CLOSING_STATEMENT, VOTE
from carbonport.node.aggregation.closing import ClosingCertificate, read_certificate
from carbonport.node.aggregation.consent import CONSENT, check_consent
from carbonport.node.aggregation.contribution import CONTRIBUTION, check_contribution
from carbonport.node.aggregation.ending import WITHOUT_RESULT, Ballot, Ending, shown_ending
from carbonport.node.aggregation.findings import FINDING, check_finding, searchers
from carbonport.node.aggregation.holder_keys import HOLDER_KEYS
from carbonport.node.aggregation.network.plan_file import PlanDraft, read_draft
from carbonport.node.aggregation.network.statement_standing import require_standing
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, PLAN, SignedPlan
from carbonport.node.aggregation.roster import ROSTER, SignedRoster
from carbonport.node.aggregation.trust_lookups import listed_statements
from carbonport.node.aggregation.verdict import VERDICT, SignedVerdict
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.parties import seal_keys
from carbonport.node.sessions.records import (
    Record,
    all_of,
    find,
    keep,
    names_of,
    sessions_with,
)
from carbonport.node.sessions.session_log import (
    crossed_receipt,
    exchange_id,
    keep_logged,
    wrong_document,
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
        """Seal keys as of now."""
        participant = self.node.participant
        return seal_keys(participant.trust, at=participant.clock(), now=participant.clock())

    def plan(self) -> SignedPlan | None:
        """The plan, once all holders made their keys."""
        with self.reading() as connection:
            token = find(connection, self.session, "plan")
        return None if token is None else PLAN.open(token.decode(), self.node.participant.id, self.keys)

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
        return None if token is None else ROSTER.open(token.decode(), self.node.participant.id, self.keys)

    def certificate(self, attempt: int) -> ClosingCertificate | None:
        """The closing certificate of an attempt, once there is one."""
        with self.reading() as connection:
            kept = find(connection, self.session, "certificate", str(attempt))
        return None if kept is None else read_certificate(kept)

    def verdict(self, attempt: int) -> SignedVerdict | None:
        """The releaser's word on an attempt, once it was given."""
        with self.reading() as connection:
            token = find(connection, self.session, f"verdict:{attempt}", self.draft.releaser)
        return None if token is None else VERDICT.open(token.decode(), self.draft.releaser, self.keys)

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
            VOTE.open(token.decode(), holder, self.keys).content.choice for holder, token in votes.items()
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
        return shown_ending(self.planned(), standing.phase, ballots, self.keys)

    def parties(self) -> frozenset[str]:
        """Whose matter the session is."""
        return frozenset((*self.draft.holders, *self.draft.invited, self.draft.releaser)) - {""}

    def names(self, participant: str) -> bool:
        """Whether the session is this participant's matter."""
        return participant in self.parties()

    def reading(self) -> AbstractContextManager[Connection]:
        """A snapshot of the store."""
        return self.node.participant.store.reading()

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction of the store."""
        return self.node.participant.store.writing()

    # ---- what is brought ----

    async def take_holder_keys(self, holder: str, announcement: str, context: bytes) -> None:
        """A holder's announcement for this session's nonce, with its context."""
        if holder not in self.draft.holders:
            raise not_yours()
        opened = HOLDER_KEYS.open(announcement, holder, self.keys)
        digest = hashlib.sha256(context).hexdigest()
        if (
            opened.content.nonce.hex() != self.session
            or opened.content.context != digest
            or len(context) > MAX_PUBLIC_CONTEXT_BYTES
        ):
            raise wrong_document("keys that were made for another session or context")
        await self._arrived(
            holder, Record("keys", holder, announcement.encode()), Record("context", holder, context)
        )

    async def take_consent(self, contributor: str, consent: str) -> None:
        """A contributor's consent."""
        plan = self.planned()
        check_consent(plan, CONSENT.open(consent, contributor, self.keys))
        await self._arrived(contributor, Record("consent", contributor, consent.encode()))

    async def take_contribution(
        self,
        contributor: str,
        attempt: int,
        contribution: str,
        statement: str,
        receipt: bytes,
        opening_receipt: bytes,
    ) -> None:
        """A contribution with its statement and the receipts of its crossing and of its opening's; its ciphertexts
        follow."""
        plan = self.planned()
        participant = self.node.participant
        crossed = crossed_receipt(
            participant,
            exchange_id(self.session, f"contribution:{attempt}", contributor),
            contributor,
            contribution.encode(),
            receipt,
            recipient=participant.id,
        )
        with self.reading() as connection:
            consented = find(connection, self.session, "consent", contributor) is not None
            repeated = find(connection, self.session, f"contribution:{attempt}", contributor)
        if not consented:
            raise wrong_phase("a contribution", "the contributor's consent first")
        if repeated is None:
            self._require("contributing", attempt)
            opened = CONTRIBUTION.open(contribution, contributor, self.keys)
            now = participant.clock()
            statement_of = listed_statements({contributor: statement}, participant.trust, at=now, now=now)
            submitted = check_contribution(
                plan, attempt, opened, statement_of(contributor, opened.content.statement)
            )
            verify_heads(plan.content.parameters(plan.digest), [submitted])
            await require_standing(self.node, {contributor: statement})
        await self._arrived(
            contributor,
            Record(f"contribution:{attempt}", contributor, contribution.encode()),
            Record(f"statement:{attempt}", contributor, statement.encode()),
            Record(f"opening-receipt:{attempt}", contributor, opening_receipt),
            entry=EntryType.ARRIVAL,
            fields={FieldName.PEER: crossed.peer_field()},
        )

    def take_ciphertext(self, contributor: str, attempt: int, holder: int, ciphertext: bytes) -> None:
        """A ciphertext whose hash the contribution's signed head names."""
        plan = self.planned()
        with self.reading() as connection:
            token = find(connection, self.session, f"contribution:{attempt}", contributor)
        if token is None:
            raise wrong_phase("a ciphertext", "its contribution first")
        parameters = plan.content.parameters(plan.digest)
        opened = CONTRIBUTION.open(token.decode(), contributor, self.keys)
        head = decode_head(parameters, contributor, opened.content.head)
        check_ciphertext(parameters, head, holder, ciphertext)
        self._require("contributing", attempt)
        self.keep(Record(f"ciphertext:{attempt}:{holder}", contributor, ciphertext))

    def share(self, holder: str, attempt: int, contributor: str) -> bytes:
        """A single ciphertext for a holder whose turn it is to search, in an attempt that is closed."""
        plan = self.planned()
        index = plan.content.holder_index(holder)
        certificate = self.certificate(attempt)
        if certificate is None or holder not in searchers(plan, attempt, certificate, self.keys):
            raise wrong_phase("a search", "a closed attempt, and a holder whose turn it is")
        with self.reading() as connection:
            found = find(connection, self.session, f"ciphertext:{attempt}:{index}", contributor)
        if found is None:
            raise wrong_phase("no such ciphertext", "a contributor on the attempt's roster")
        return found

    async def take_words(
        self, holder: str, attempt: int, *, vote: str, answer: str, closing: str, finding: str
    ) -> None:
        """A holder's words on an attempt; each is checked to be about it."""
        plan = self.planned()
        plan.content.holder_index(holder)
        about = (plan.digest, attempt)
        if vote:
            cast = VOTE.open(vote, holder, self.keys).content
            if (cast.plan, cast.attempt) != about:
                raise wrong_document("a vote about another plan or attempt")
            await self._arrived(holder, Record(f"vote:{attempt}", holder, vote.encode()))
        if answer:
            roster = self.roster(attempt)
            if roster is None:
                raise wrong_phase("an answer", "a roster")
            holder_answers(plan, roster, ANSWER.open(answer, holder, self.keys))
            await self._arrived(holder, Record(f"answer:{attempt}", holder, answer.encode()))
        if closing:
            word = CLOSING_STATEMENT.open(closing, holder, self.keys).content
            if (word.plan, word.attempt) != about:
                raise wrong_document("a closing statement about another plan or attempt")
            await self._arrived(holder, Record(f"closing:{attempt}", holder, closing.encode()))
        if finding:
            searched, certificate = self.roster(attempt), self.certificate(attempt)
            if searched is None or certificate is None:
                raise wrong_phase("a finding", "an attempt that is closed")
            opened = FINDING.open(finding, holder, self.keys)
            check_finding(plan, searched, certificate, opened, self.keys)
            await self._arrived(holder, Record(f"finding:{attempt}", holder, finding.encode()))

    async def take_verdict(self, releaser: str, attempt: int, verdict: str) -> None:
        """The releaser's word on an attempt that has a roster; a refusal counts whenever it comes."""
        plan, roster = self.planned(), self.roster(attempt)
        if releaser != plan.content.rule.releaser:
            raise not_yours()
        if roster is None:
            raise wrong_phase("a verdict", "a roster")
        said = VERDICT.open(verdict, releaser, self.keys).content
        if (said.plan, said.attempt, said.roster) != (plan.digest, attempt, roster.digest):
            raise wrong_document("a verdict on another plan or roster")
        await self._arrived(releaser, Record(f"verdict:{attempt}", releaser, verdict.encode()))

    def keep(self, *kept: Record) -> None:
        """Keep records of the coordinator's own."""
        participant = self.node.participant
        with participant.store.writing() as connection:
            for record in kept:
                keep(connection, self.session, record, now=participant.clock())

    def _require(self, phase: str, attempt: int) -> None:
        standing = self.standing()
        if (standing.phase, standing.attempt) != (phase, attempt):
            raise wrong_phase(f"{standing.phase}, attempt {standing.attempt}", f"{phase}, attempt {attempt}")

    async def _arrived(
        self,
        sender: str,
        *kept: Record,
        entry: EntryType = EntryType.SESSION,
        fields: Mapping[str, bytes] | None = None,
    ) -> None:
        await keep_logged(
            self.node, entry, self.session, kept, sender=sender, counterparty=sender, fields=fields
        )


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


def not_yours() -> Misuse:
    """The error of somebody whom a session does not name for this."""
    return unknown_session()


def wrong_phase(found: str, expected: str) -> Refused:
    """The refusal of something that comes too early or too late."""
    return Refused(
        "aggregation-phase",
        found=found,
        expected=expected,
        remedy="Look where the session stands, and go on from there.",
    )
