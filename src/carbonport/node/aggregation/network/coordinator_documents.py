"""What a coordinator signs in a session: the plan, a roster with every holder's totals, the result."""

from collections.abc import Collection, Mapping

from carbonport.classification.cohorts import Undertakings
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.node.aggregation.answers import ANSWER, liars
from carbonport.node.aggregation.ballots import VOTE
from carbonport.node.aggregation.closing import ClosingCertificate, read_certificate
from carbonport.node.aggregation.consent import CONSENT
from carbonport.node.aggregation.contribution import CONTRIBUTION
from carbonport.node.aggregation.coordinator import Coordinator
from carbonport.node.aggregation.examination import Examined, Proposal, examine
from carbonport.node.aggregation.network.coordinator_session import CoordinatorSession, tokens
from carbonport.node.aggregation.parties import check_parties
from carbonport.node.aggregation.plan import SignedPlan
from carbonport.node.aggregation.result_file import ResultFile
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.aggregation.totals import add_up
from carbonport.node.aggregation.trust_lookups import listed_statements
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.sessions.parties import directory
from carbonport.node.sessions.records import Record, all_of, find
from carbonport.node.sessions.signed_document import document_digest


class CoordinatorDocuments:
    """The documents of one session. What it makes is checked as holders will check it, and neither kept nor sent."""

    def __init__(self, session: CoordinatorSession) -> None:
        self.session = session
        participant = session.node.participant
        self._coordinator = Coordinator(participant.id, participant.signing_key(KeyUse.SEAL))

    def plan(self, announcements: Mapping[str, str]) -> SignedPlan:
        """The plan over the draft, with its holders' announcements (tokens)."""
        digests = [document_digest(announcements[name]) for name in self.session.draft.holders]
        now = self.session.node.participant.clock()
        content = self.session.draft.plan(
            bytes.fromhex(self.session.session), digests, now=now, releaser_key=self._releaser_key(now)
        )
        plan = self._coordinator.plan(content)
        self._undertakings(plan)
        return plan

    def proposal(
        self, plan: SignedPlan, attempt: int, members: Collection[str]
    ) -> tuple[SignedRoster, list[Record]]:
        """The signed roster with every holder's totals, checked as holders will."""
        keys, documents = self.session.keys, self._documents(attempt, members)
        roster = self._coordinator.propose(
            plan,
            attempt,
            {who: CONSENT.open(token, who, keys) for who, token in documents["consent"].items()},
            {who: CONTRIBUTION.open(token, who, keys) for who, token in documents["contribution"].items()},
            self._undertakings(plan),
            self._closed(),
        )
        examined = self._examined(plan, roster, documents, before_verdict=True)
        records = []
        with BfvWorker() as worker:
            for index, holder in enumerate(plan.content.holders, start=1):
                with self.session.reading() as connection:
                    context = all_of(connection, self.session.session, "context")[holder.id]
                worker.open_context(index, context)
                totals = add_up(
                    plan,
                    roster,
                    examined.heads,
                    index,
                    lambda who, j: self._ciphertext(attempt, who, j),
                    worker,
                )
                note = self._coordinator.note(plan, roster, holder.id, totals)
                records.append(Record(f"note:{attempt}", holder.id, note.token.encode()))
                records += [
                    Record(f"total:{attempt}:{holder.id}", cohort, data) for cohort, data in totals.items()
                ]
        return roster, records

    def result_file(
        self, plan: SignedPlan, attempt: int, votes: dict[str, str], answers: dict[str, str]
    ) -> tuple[bytes | None, frozenset[str]]:
        """The result over an attempt's votes and answers (tokens by holder), in a file with everything to check it, or
        None when fewer than k answers are true; and the holders of false ones, which are left out."""
        keys, participant = self.session.keys, self.session.node.participant
        roster = self.session.roster(attempt)
        assert roster is not None, "there were votes for it"
        members = [entry.id for entry in roster.content.entries]
        documents = self._documents(attempt, members)
        examined = self._examined(plan, roster, documents)
        given = [ANSWER.open(token, holder, keys) for holder, token in answers.items()]
        lied = liars(plan, roster, examined.commitments, given)
        true = [answer for answer in given if answer.issuer not in lied]
        if len(true) < plan.content.threshold:
            return None, lied
        result = self._coordinator.publish(
            plan,
            examined,
            [VOTE.open(token, holder, keys) for holder, token in votes.items()],
            true,
            now=participant.clock(),
        )
        store = participant.trust
        file = ResultFile(
            coordinator=participant.id,
            issued_at=result.content.issued_at,
            plan=plan.token,
            consents=documents["consent"],
            contributions=documents["contribution"],
            statements=documents["statement"],
            roster=roster.token,
            closed=tuple(self._closed()),
            votes=votes,
            answers={answer.issuer: answer.token for answer in true},
            result=result.token,
            anchors={name: tuple(jwks) for name, jwks in store.anchors.items()},
            trust_lists=tuple(held.token for held in store.held_lists()),
            verdict=self._verdict(attempt),
        )
        return file.encode(), lied

    def _documents(self, attempt: int, members: Collection[str]) -> dict[str, dict[str, str]]:
        with self.session.reading() as connection:
            found = {
                kind: tokens(all_of(connection, self.session.session, stored))
                for kind, stored in (
                    ("consent", "consent"),
                    ("contribution", f"contribution:{attempt}"),
                    ("statement", f"statement:{attempt}"),
                )
            }
        return {
            kind: {who: token for who, token in documents.items() if who in members}
            for kind, documents in found.items()
        }

    def _examined(
        self,
        plan: SignedPlan,
        roster: SignedRoster,
        documents: dict[str, dict[str, str]],
        *,
        before_verdict: bool = False,
    ) -> Examined:
        participant = self.session.node.participant
        now = participant.clock()
        return examine(
            plan,
            Proposal(
                roster.token,
                documents["consent"],
                documents["contribution"],
                self._closed(),
                self._verdict(roster.content.attempt),
            ),
            undertakings=self._undertakings(plan),
            keys=self.session.keys,
            statement_of=listed_statements(documents["statement"], participant.trust, at=now, now=now),
            random_bytes=participant.random_bytes,
            as_releaser=before_verdict,
        )

    def _closed(self) -> list[ClosingCertificate]:
        with self.session.reading() as connection:
            kept = all_of(connection, self.session.session, "certificate")
        return [read_certificate(kept[number]) for number in sorted(kept, key=int)]

    def _verdict(self, attempt: int) -> str:
        verdict = self.session.verdict(attempt)
        return "" if verdict is None else verdict.token

    def _ciphertext(self, attempt: int, contributor: str, holder: int) -> bytes:
        with self.session.reading() as connection:
            found = find(connection, self.session.session, f"ciphertext:{attempt}:{holder}", contributor)
        assert found is not None, "only those whose ciphertexts are complete are on the roster"
        return found

    def _undertakings(self, plan: SignedPlan) -> Undertakings:
        participant = self.session.node.participant
        return check_parties(plan, directory(participant.trust, now=participant.clock()))

    def _releaser_key(self, now: int) -> str:
        """The newest key of the releaser's that the trust list has, for the openings."""
        name = self.session.draft.releaser
        if not name:
            return ""
        listed = self.session.node.participant.trust.participant(name, now=now).keys
        keys = [key for key in listed if key.usage == "hpke" and key.valid_at(now)]
        # Without one the plan cannot be made: it names what is missing.
        return max(keys, key=lambda key: key.valid_from).text if keys else ""
