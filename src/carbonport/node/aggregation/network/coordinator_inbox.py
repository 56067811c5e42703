"""What contributors, holders and a releaser bring to a coordinator: checked, logged, kept.

Everything that comes is signed, and must come from its signer. The coordinator checks contributions as holders will, so
that a bad one is refused at the door and not found by a holder.
"""

import hashlib
from collections.abc import Mapping

from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.crypto.sums.bfv_constants import MAX_PUBLIC_CONTEXT_BYTES
from carbonport.crypto.sums.contribution import check_ciphertext, decode_head
from carbonport.crypto.sums.contribution_proofs import verify_heads
from carbonport.node.aggregation.answers import ANSWER, holder_answers
from carbonport.node.aggregation.ballots import CLOSING_STATEMENT, VOTE
from carbonport.node.aggregation.consent import CONSENT, check_consent
from carbonport.node.aggregation.contribution import CONTRIBUTION, check_contribution
from carbonport.node.aggregation.findings import FINDING, check_finding
from carbonport.node.aggregation.holder_keys import HOLDER_KEYS
from carbonport.node.aggregation.network.coordinator_session import (
    CoordinatorSession,
    unknown_session,
    wrong_phase,
)
from carbonport.node.aggregation.network.statement_standing import require_standing
from carbonport.node.aggregation.trust_lookups import listed_statements
from carbonport.node.aggregation.verdict import VERDICT
from carbonport.node.sessions.records import Record, find
from carbonport.node.sessions.session_log import crossed_receipt, exchange_id, keep_logged, wrong_document
from carbonport.node.sessions.signed_document import SealKeys


class CoordinatorInbox(CoordinatorSession):
    """A session to which those bring their part whom it names."""

    async def take_holder_keys(self, holder: str, announcement: str, context: bytes) -> None:
        """A holder's announcement for this session's nonce, with its context."""
        if holder not in self.draft.holders:
            raise unknown_session()
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
        plan, record = self.planned(), Record("consent", contributor, consent.encode())
        check_consent(plan, CONSENT.open(consent, contributor, self._keys_for(record)))
        await self._arrived(contributor, record)

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
        opened = CONTRIBUTION.open(token.decode(), contributor, self.kept_keys)
        head = decode_head(parameters, contributor, opened.content.head)
        check_ciphertext(parameters, head, holder, ciphertext)
        self._require("contributing", attempt)
        self.keep(Record(f"ciphertext:{attempt}:{holder}", contributor, ciphertext))

    async def take_words(
        self, holder: str, attempt: int, *, vote: str, answer: str, closing: str, finding: str
    ) -> None:
        """A holder's words on an attempt; each is checked to be about it."""
        plan = self.planned()
        plan.content.holder_index(holder)
        about = (plan.digest, attempt)
        if vote:
            record = Record(f"vote:{attempt}", holder, vote.encode())
            cast = VOTE.open(vote, holder, self._keys_for(record)).content
            if (cast.plan, cast.attempt) != about:
                raise wrong_document("a vote about another plan or attempt")
            await self._arrived(holder, record)
        if answer:
            roster = self.roster(attempt)
            if roster is None:
                raise wrong_phase("an answer", "a roster")
            record = Record(f"answer:{attempt}", holder, answer.encode())
            holder_answers(plan, roster, ANSWER.open(answer, holder, self._keys_for(record)))
            await self._arrived(holder, record)
        if closing:
            record = Record(f"closing:{attempt}", holder, closing.encode())
            word = CLOSING_STATEMENT.open(closing, holder, self._keys_for(record)).content
            if (word.plan, word.attempt) != about:
                raise wrong_document("a closing statement about another plan or attempt")
            await self._arrived(holder, record)
        if finding:
            searched, certificate = self.roster(attempt), self.certificate(attempt)
            if searched is None or certificate is None:
                raise wrong_phase("a finding", "an attempt that is closed")
            record = Record(f"finding:{attempt}", holder, finding.encode())
            opened = FINDING.open(finding, holder, self._keys_for(record))
            check_finding(plan, searched, certificate, opened, self.kept_keys)
            await self._arrived(holder, record)

    async def take_verdict(self, releaser: str, attempt: int, verdict: str) -> None:
        """The releaser's word on an attempt that has a roster; a refusal counts whenever it comes."""
        plan, roster = self.planned(), self.roster(attempt)
        if releaser != plan.content.rule.releaser:
            raise unknown_session()
        if roster is None:
            raise wrong_phase("a verdict", "a roster")
        record = Record(f"verdict:{attempt}", releaser, verdict.encode())
        said = VERDICT.open(verdict, releaser, self._keys_for(record)).content
        if (said.plan, said.attempt, said.roster) != (plan.digest, attempt, roster.digest):
            raise wrong_document("a verdict on another plan or roster")
        await self._arrived(releaser, record)

    def _keys_for(self, record: Record) -> SealKeys:
        """Seal keys as of now; what was taken before is repeated under the key of then."""
        with self.reading() as connection:
            taken = find(connection, self.session, record.kind, record.name)
        return self.kept_keys if taken == record.content else self.keys

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
