"""How a releaser takes its sessions further: it opens what contributors sealed to it, tests the plan's rule, and says
one signed bit about a roster.

The word is kept and logged before it is sent; the first one stands. An opening is taken only with the receipt of its
crossing in the contributor's log, and forgotten, still sealed, when the word is said. Values are never written down.
"""

import asyncio
from collections.abc import Mapping

from carbonport.crypto.canonical import Json, b64url_decode
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.errors import Refused
from carbonport.node.aggregation.contribution import CONTRIBUTION, SignedContribution
from carbonport.node.aggregation.ending import OVER, WITHOUT_RESULT
from carbonport.node.aggregation.examination import Examined, examine
from carbonport.node.aggregation.network.coordinator_client import (
    CoordinatorClient,
    ProposalParcel,
    SessionState,
)
from carbonport.node.aggregation.network.every_session import step_every_session
from carbonport.node.aggregation.network.opened_plan import OpenedPlan, known_plan, opened_plan
from carbonport.node.aggregation.network.told_ending import told_ending
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, SignedPlan
from carbonport.node.aggregation.releaser import Releaser, ReleaserState
from carbonport.node.aggregation.trust_lookups import listed_statements
from carbonport.node.aggregation.verdict import VERDICT, SignedVerdict
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.open_node import OpenNode
from carbonport.node.restored import read_restore
from carbonport.node.sessions.parties import current_keys, lasting_keys
from carbonport.node.sessions.records import Record, drop, find
from carbonport.node.sessions.session_log import crossed_receipt, exchange_id, keep_logged


async def releaser_step(node: OpenNode, coordinator: str) -> list[dict[str, Json]]:
    """One step in every session that this coordinator has for this releaser; a problem in one does not stop the
    others."""
    client = CoordinatorClient(node.peers, coordinator)
    return await step_every_session(client, lambda state: _Steps(node, client, state.session).step(state))


class _Steps:
    def __init__(self, node: OpenNode, client: CoordinatorClient, session: str) -> None:
        self._node, self._client, self._session = node, client, session
        self._participant = node.participant

    async def step(self, state: SessionState) -> dict[str, Json]:
        """What can be done now; says what was."""
        if state.phase == "releasing":
            opened = await opened_plan(self._node, self._client, self._session)
            return await self._release(opened, state.attempt)
        if state.phase in OVER:
            self._forget()
        if state.phase in WITHOUT_RESULT:
            plan = await known_plan(self._node, self._client, self._session)
            return (await told_ending(self._node, self._client, state, plan)).as_json()
        return {}

    async def _release(self, opened: OpenedPlan, attempt: int) -> dict[str, Json]:
        state = self._state(opened.plan)
        refused = [verdict for verdict in state.verdicts.values() if not verdict.content.passes]
        verdict = refused[0] if refused else state.verdicts.get(attempt)
        if verdict is None:
            verdict = await self._judged(opened, state, attempt)
            record = Record(f"verdict:{attempt}", self._participant.id, verdict.token.encode())
            await keep_logged(
                self._node,
                EntryType.SESSION,
                self._session,
                [record],
                sender=self._participant.id,
                counterparty=self._client.coordinator,
            )
        self._forget()
        await self._client.submit_verdict(self._session, verdict.content.attempt, verdict.token)
        return {"said": "release" if verdict.content.passes else "refusal"}

    async def _judged(self, opened: OpenedPlan, state: ReleaserState, attempt: int) -> SignedVerdict:
        """Check everything that holders will, take the openings in, and test the rule on what they open."""
        releaser = self._releaser(opened.plan)
        keys = current_keys(self._node)
        parcel = await self._client.proposal(self._session, attempt)
        examined = await asyncio.to_thread(self._examined, opened, parcel)
        contributions = {
            name: CONTRIBUTION.open(token, name, keys)
            for name, token in parcel.proposal.contributions.items()
        }
        await self._take(attempt, contributions, parcel.opening_receipts)
        _, verdict = await asyncio.to_thread(
            releaser.judge,
            state,
            examined,
            contributions,
            opened.undertakings,
            now=self._participant.clock(),
        )
        return verdict

    def _examined(self, opened: OpenedPlan, parcel: ProposalParcel) -> Examined:
        now = self._participant.clock()
        return examine(
            opened.plan,
            parcel.proposal,
            undertakings=opened.undertakings,
            keys=current_keys(self._node),
            statement_of=listed_statements(parcel.statements, self._participant.trust, at=now, now=now),
            random_bytes=self._participant.random_bytes,
            as_releaser=True,
        )

    async def _take(
        self,
        attempt: int,
        contributions: Mapping[str, SignedContribution],
        receipts: Mapping[str, bytes],
    ) -> None:
        """Log the arrival of each sealed opening under the receipt of its crossing."""
        own = self._participant.id
        for name, contribution in contributions.items():
            record = Record(f"opening:{attempt}", name, contribution.content.opening)
            exchange = exchange_id(self._session, record.kind, name)
            crossed = crossed_receipt(
                self._participant, exchange, name, record.content, receipts[name], recipient=own
            )
            await keep_logged(
                self._node,
                EntryType.ARRIVAL,
                self._session,
                [record],
                sender=name,
                counterparty=name,
                fields={FieldName.PEER: crossed.peer_field()},
            )

    def _state(self, plan: SignedPlan) -> ReleaserState:
        """The durable state, out of this node's own words; after a restore it may have said more than it remembers."""
        own, keys = self._participant.id, lasting_keys(self._node)
        with self._participant.store.reading() as connection:
            restore = read_restore(connection)
            words = {
                attempt: find(connection, self._session, f"verdict:{attempt}", own)
                for attempt in range(MAX_ATTEMPTS)
            }
        if restore is not None and plan.content.issued_at <= restore.at:
            raise _not_here("a plan from before this releaser was restored from a backup")
        return ReleaserState(
            plan,
            {
                attempt: VERDICT.open(token.decode(), own, keys)
                for attempt, token in words.items()
                if token is not None
            },
        )

    def _releaser(self, plan: SignedPlan) -> Releaser:
        """This node with the private half of the key that the plan names, which may have been succeeded since."""
        identity = self._participant.identity
        for record in identity.ring.records(KeyUse.HPKE):
            private = identity.x25519(record)
            if private.public_key().public_bytes_raw() == b64url_decode(plan.content.rule.key):
                seal = self._participant.signing_key(KeyUse.SEAL)
                return Releaser(self._participant.id, seal, private.private_bytes_raw())
        raise _not_here("a plan whose key for openings is none of this node's")

    def _forget(self) -> None:
        with self._participant.store.writing() as connection:
            drop(connection, self._session, "opening")


def _not_here(found: str) -> Refused:
    return Refused(
        "aggregation-releaser",
        found=found,
        expected="an open plan of this releaser",
        remedy="Tell the coordinator that this plan gets no word; it may plan another one.",
    )
