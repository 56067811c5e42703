"""How a key holder takes its sessions further: keys, examination, vote, answer, last word, and the keys' end.

What it says is kept and logged before it is sent; what was said once is sent again as it is. Nothing is said on the
coordinator's word about a phase alone: votes rest on what the holder checked, answers on the votes it was shown.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import replace

from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.contribution import check_ciphertext
from carbonport.crypto.sums.share_search import check_single_share
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Refused, Unavailable
from carbonport.node.aggregation.answers import ANSWER
from carbonport.node.aggregation.ballots import ABORT, CLOSING_STATEMENT, VOTE
from carbonport.node.aggregation.ending import OVER, WITHOUT_RESULT
from carbonport.node.aggregation.examination import Examined, Proposal, decrypt_totals, examine
from carbonport.node.aggregation.findings import FINDING, Finding, searchers
from carbonport.node.aggregation.holder import Holder, HolderAttempt, HolderState, require_not_restored
from carbonport.node.aggregation.holder_keys import HOLDER_KEYS, HolderKeys
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient, SessionState
from carbonport.node.aggregation.network.every_session import step_every_session
from carbonport.node.aggregation.network.forgetting import forget_secrets
from carbonport.node.aggregation.network.opened_plan import OpenedPlan, opened_plan
from carbonport.node.aggregation.network.statement_standing import require_standing
from carbonport.node.aggregation.network.told_ending import told_ending
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, PLAN, SignedPlan
from carbonport.node.aggregation.roster import ROSTER
from carbonport.node.aggregation.totals import TOTALS, check_totals
from carbonport.node.aggregation.trust_lookups import listed_statements
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.open_node import OpenNode
from carbonport.node.restored import read_restore
from carbonport.node.sessions.holder_secret import HolderSecret
from carbonport.node.sessions.parties import current_keys, lasting_keys
from carbonport.node.sessions.records import Record, all_of, find, kept_at
from carbonport.node.sessions.session_log import keep_logged


async def holder_step(node: OpenNode, coordinator: str) -> list[dict[str, Json]]:
    """One step in every session that this coordinator has for this holder; a problem in one does not stop the
    others."""
    client = CoordinatorClient(node.peers, coordinator)
    return await step_every_session(
        client, lambda state: HolderSteps(node, client, state.session).step(state)
    )


class HolderSteps:
    """One holder in one session."""

    def __init__(self, node: OpenNode, client: CoordinatorClient, session: str) -> None:
        self._node, self._client, self._session = node, client, session
        self._participant = node.participant
        self._holder = Holder(self._participant.id, self._participant.signing_key(KeyUse.SEAL))
        self._secret = HolderSecret(self._participant, session)

    async def step(self, state: SessionState) -> dict[str, Json]:
        """What can be done now; says what was."""
        if state.phase == "keys":
            await self._announce()
            return {"said": "keys"}
        kept = self._kept_plan()
        expired = kept is not None and self._participant.clock() >= kept.content.expires
        if expired or state.phase in OVER:
            return await self._end(kept, state)
        opened = await opened_plan(self._node, self._client, self._session)
        if state.phase == "voting":
            return await self._vote(opened, state.attempt)
        if state.phase == "answering":
            return await self._answer(opened, state.attempt)
        if state.phase == "closing":
            return await self._close(opened.plan, state.attempt)
        if state.phase == "contributing" and state.attempt > 0:
            return await self._search(opened, state.attempt - 1)
        return {}

    async def _end(self, plan: SignedPlan | None, state: SessionState) -> dict[str, Json]:
        """The keys' end; if there was no result, first the last words, with which contributors are free again, and then
        why there is none.

        What was said is kept before the keys go, and brought as often as it takes.
        """
        said = ""
        try:
            if state.phase != "done":
                # One that slept through the plan has a last word to say, too.
                plan = plan or (await opened_plan(self._node, self._client, self._session)).plan
                for attempt in range(min(state.attempt, MAX_ATTEMPTS - 1) + 1):
                    await self._close(plan, attempt)
                said = "last word"
        finally:
            with self._participant.store.writing() as connection:
                forget_secrets(connection, self._session)
            destroyed = self._secret.destroy()
        ended: dict[str, Json] = {}
        if plan is not None and state.phase in WITHOUT_RESULT:
            ended = (await told_ending(self._node, self._client, state, plan)).as_json()
        return {"said": "keys destroyed" if destroyed else said, **ended}

    def _kept_plan(self) -> SignedPlan | None:
        """The plan that this holder accepted, if it did; its coordinator's seal was checked then and is again."""
        with self._participant.store.reading() as connection:
            token = find(connection, self._session, "plan")
        if token is None:
            return None
        return PLAN.open(token.decode(), self._client.coordinator, lasting_keys(self._node))

    async def _announce(self) -> None:
        """Fresh keys for this session, made once; a holder killed before it announced them makes others."""
        with self._participant.store.reading() as connection:
            announced = find(connection, self._session, "keys", self._participant.id)
            context = find(connection, self._session, "own-context")
        if announced is None or context is None:
            made = await asyncio.to_thread(_fresh_context)
            self._secret.write(*made)
            content = HolderKeys(bytes.fromhex(self._session), hashlib.sha256(made[0]).hexdigest())
            announcement = HOLDER_KEYS.sign(content, self._holder.id, self._holder.key)
            announced, context = announcement.token.encode(), made[0]
            await self._said(Record("keys", self._holder.id, announced), Record("own-context", "", context))
        await self._client.submit_holder_keys(self._session, announced.decode(), context)

    async def _vote(self, opened: OpenedPlan, attempt: int) -> dict[str, Json]:
        """Check everything, decrypt, vote; or vote abort and say why."""
        state, why = self._state(opened.plan), ""
        if state.attempt(attempt).vote is None:
            parcel = await self._client.proposal(self._session, attempt)
            proposal, statements = parcel.proposal, parcel.statements
            roster = ROSTER.open(proposal.roster, opened.plan.issuer, current_keys(self._node))
            totals, note = {}, ""
            for cohort in roster.content.released:
                note, totals[cohort] = await self._client.total(self._session, attempt, cohort)
            try:
                await require_standing(self._node, statements)
                shares, failure = await asyncio.to_thread(
                    self._examine, opened, proposal, statements, note, totals
                )
                if failure is None:
                    choice = roster.digest
                    kept = [Record(f"share:{attempt}", cohort, share) for cohort, share in shares.items()]
                    kept.append(Record(f"roster:{attempt}", "", roster.token.encode()))
                else:
                    choice, why = ABORT, f"{failure.id} {failure.where}".strip()
                    kept = [Record(f"failed:{attempt}", "", roster.token.encode())]
            except Unavailable:
                raise
            except CarbonportError as problem:
                choice, kept, why = ABORT, [], f"{problem.id} {problem.where}".strip()
            closed = frozenset(range(len(proposal.closed))) if choice != ABORT else state.closed
            state = HolderState(
                state.plan, state.accepted_at, state.attempts, closed | state.closed, state.ended
            )
            state, vote = self._holder.vote(state, attempt, choice, now=self._participant.clock())
            await self._said(Record(f"vote:{attempt}", self._holder.id, vote.token.encode()), *kept)
        said = state.attempt(attempt).vote
        assert said is not None, "it was just said"
        await self._client.submit_words(self._session, attempt, vote=said.token)
        return {"said": "abort" if said.content.choice == ABORT else "vote", "why": why}

    def _examine(
        self,
        opened: OpenedPlan,
        proposal: Proposal,
        statements: Mapping[str, str],
        note: str,
        totals: Mapping[str, bytes],
    ) -> tuple[Mapping[str, bytes], CarbonportError | None]:
        """The shares of a proposal that holds, or why its sums, and nothing before them, failed."""
        plan, keys = opened.plan, current_keys(self._node)
        examined = self._examined(opened, proposal, statements)
        check_totals(plan, examined.roster, TOTALS.open(note, plan.issuer, keys), self._holder.id, totals)
        with BfvWorker() as worker:
            index = plan.content.holder_index(self._holder.id)
            worker.unlock(self._secret.read(opened.contexts[index]))
            try:
                return decrypt_totals(plan, index, examined, totals, worker), None
            except Unavailable:
                raise
            except CarbonportError as failure:
                return {}, failure

    def _examined(self, opened: OpenedPlan, proposal: Proposal, statements: Mapping[str, str]) -> Examined:
        now = self._participant.clock()
        return examine(
            opened.plan,
            proposal,
            undertakings=opened.undertakings,
            keys=current_keys(self._node),
            statement_of=listed_statements(statements, self._participant.trust, at=now, now=now),
            random_bytes=self._participant.random_bytes,
        )

    async def _search(self, opened: OpenedPlan, attempt: int) -> dict[str, Json]:
        """After an attempt that this holder voted to abort: what it found in the single shares, said once, if it is its
        turn. Only shares of the very roster whose sum failed here are decrypted."""
        plan, keys = opened.plan, current_keys(self._node)
        vote = self._state(plan).attempt(attempt).vote
        if vote is None or vote.content.choice != ABORT:
            return {}
        with self._participant.store.reading() as connection:
            said = find(connection, self._session, f"finding:{attempt}", self._holder.id)
            failed = find(connection, self._session, f"failed:{attempt}")
        if said is None:
            certificate = (await self._client.ballot(self._session, attempt)).certificate
            if certificate is None or self._holder.id not in searchers(plan, attempt, certificate, keys):
                return {}
            finding = Finding(plan.digest, attempt, "", ())
            if failed is not None:
                parcel = await self._client.proposal(self._session, attempt)
                proposal = replace(parcel.proposal, roster=failed.decode())
                examined = await asyncio.to_thread(self._examined, opened, proposal, parcel.statements)
                failing = await self._failing(opened, attempt, examined)
                finding = replace(finding, roster=examined.roster.digest, failing=failing)
            said = FINDING.sign(finding, self._holder.id, self._holder.key).token.encode()
            await self._said(Record(f"finding:{attempt}", self._holder.id, said))
        await self._client.submit_words(self._session, attempt, finding=said.decode())
        named = FINDING.open(said.decode(), self._holder.id, keys).content.failing
        return {"said": "finding", "why": ", ".join(named)}

    async def _failing(self, opened: OpenedPlan, attempt: int, examined: Examined) -> tuple[str, ...]:
        """The contributors whose single share for this holder is false; one ciphertext in memory at a time."""
        parameters = opened.plan.content.parameters(opened.plan.digest)
        index = opened.plan.content.holder_index(self._holder.id)
        failing = []
        with await asyncio.to_thread(BfvWorker) as worker:
            await asyncio.to_thread(worker.unlock, self._secret.read(opened.contexts[index]))
            for name, head in examined.heads.items():
                data = await self._client.share(self._session, attempt, name)
                check_ciphertext(parameters, head, index, data)
                try:
                    decrypted = await asyncio.to_thread(worker.decrypt, data, slots=parameters.slots)
                    check_single_share(parameters, head, index, decrypted)
                except FailedVerification:
                    failing.append(name)
                except Malformed:
                    failing.append(name)
                    break  # the worker may have died of it; the coordinator parses all of them before it proposes
        return tuple(failing)

    async def _answer(self, opened: OpenedPlan, attempt: int) -> dict[str, Json]:
        """Answer for the roster that was voted for, once the votes are shown."""
        state = self._state(opened.plan)
        keys = current_keys(self._node)
        with self._participant.store.reading() as connection:
            token = find(connection, self._session, f"roster:{attempt}")
            shares = all_of(connection, self._session, f"share:{attempt}")
        if token is None:
            return {"said": ""}
        answer = state.attempt(attempt).answer
        if answer is None:
            votes = (await self._client.ballot(self._session, attempt)).votes
            state = HolderState(state.plan, state.accepted_at, state.attempts, frozenset(range(attempt)))
            _, answer = self._holder.answer(
                state,
                ROSTER.open(token.decode(), opened.plan.issuer, keys),
                [VOTE.open(vote, holder, keys) for holder, vote in votes.items()],
                shares,
                now=self._participant.clock(),
            )
            await self._said(Record(f"answer:{attempt}", self._holder.id, answer.token.encode()))
        await self._client.submit_words(self._session, attempt, answer=answer.token)
        return {"said": "answer"}

    async def _close(self, plan: SignedPlan, attempt: int) -> dict[str, Json]:
        """The last word on an attempt."""
        _, closing = self._holder.close(self._state(plan), attempt)
        await self._said(Record(f"closing:{attempt}", self._holder.id, closing.token.encode()))
        await self._client.submit_words(self._session, attempt, closing=closing.token)
        return {"said": "last word"}

    def _state(self, plan: SignedPlan) -> HolderState:
        """The durable state, out of this node's own words."""
        keys, own = lasting_keys(self._node), self._holder.id
        attempts: dict[int, HolderAttempt] = {}
        with self._participant.store.reading() as connection:
            accepted = kept_at(connection, self._session, "plan")
            restore = read_restore(connection)
            for attempt in range(MAX_ATTEMPTS):
                words = {
                    kind: find(connection, self._session, f"{kind}:{attempt}", own)
                    for kind in ("vote", "answer", "closing")
                }
                vote, answer, closing = (None if word is None else word.decode() for word in words.values())
                attempts[attempt] = HolderAttempt(
                    None if vote is None else VOTE.open(vote, own, keys),
                    None if answer is None else ANSWER.open(answer, own, keys),
                    None if closing is None else CLOSING_STATEMENT.open(closing, own, keys),
                )
        if accepted is None:
            raise Refused(
                "aggregation-plan-not-kept",
                found="a session whose plan this holder does not hold",
                expected="a plan that was accepted here",
                remedy="Step again; the plan is fetched first.",
            )
        state = HolderState(plan, accepted, attempts)
        require_not_restored(state, None if restore is None else restore.at)
        return state

    async def _said(self, *records: Record) -> None:
        """Keep and log this holder's own word, before it leaves."""
        await keep_logged(
            self._node,
            EntryType.SESSION,
            self._session,
            records,
            sender=self._holder.id,
            counterparty=self._client.coordinator,
        )


def _fresh_context() -> tuple[bytes, bytes]:
    with BfvWorker() as worker:
        made = worker.generate()
        return made.public, made.secret
