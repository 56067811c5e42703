"""Fetching a plan and looking at it, as everyone whom it names does; the first plan of a session stands."""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.classification.cohorts import Undertakings
from carbonport.crypto.log_entry import EntryType
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient
from carbonport.node.aggregation.parties import check_parties
from carbonport.node.aggregation.plan import PLAN, SignedPlan, plan_malformed
from carbonport.node.aggregation.plan_opening import open_plan
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.parties import current_keys, directory, lasting_keys
from carbonport.node.sessions.plan_dates import is_of_the_future
from carbonport.node.sessions.records import Record, all_of, find, keep
from carbonport.node.sessions.session_log import keep_logged


@dataclass(frozen=True, slots=True)
class OpenedPlan:
    """A plan that may be taken part in, with the holders' public contexts by index."""

    plan: SignedPlan
    undertakings: Undertakings
    contexts: Mapping[int, bytes]


async def opened_plan(node: OpenNode, client: CoordinatorClient, session: str) -> OpenedPlan:
    """The plan of a session, out of this node's records or fetched, checked and kept.

    Trust lists are asked anew each time: a holder that was removed since is not independent any more.
    """
    participant = node.participant
    keys, parties = current_keys(node), directory(participant.trust, now=participant.clock())
    with participant.store.reading() as connection:
        kept = find(connection, session, "plan")
        contexts = all_of(connection, session, "context")
    if kept is not None:
        plan = PLAN.open(kept.decode(), client.coordinator, lasting_keys(node))
        undertakings = check_parties(plan, parties)
        return OpenedPlan(plan, undertakings, _by_index(plan, contexts))
    parcel = await client.plan(session)
    fetched = {
        name: (token, await client.holder_context(session, name))
        for name, token in parcel.announcements.items()
    }
    plan, undertakings = open_plan(
        parcel.plan, client.coordinator, contexts=fetched, keys=keys, directory=parties
    )
    _require_of(plan, session)
    if is_of_the_future(plan.content.issued_at, now=participant.clock()):
        raise plan_malformed("a plan of the future")
    now = participant.clock()
    with participant.store.writing() as connection:
        for name, (_, context) in fetched.items():
            keep(connection, session, Record("context", name, context), now=now)
        keep(connection, session, Record("coordinator", "", client.coordinator.encode()), now=now)
    await keep_logged(
        node,
        EntryType.SESSION,
        session,
        [Record("plan", "", parcel.plan.encode())],
        sender=client.coordinator,
        counterparty=client.coordinator,
    )
    return OpenedPlan(plan, undertakings, _by_index(plan, {name: one[1] for name, one in fetched.items()}))


async def known_plan(node: OpenNode, client: CoordinatorClient, session: str) -> SignedPlan:
    """The plan of a session that is over, of which nothing more is needed than what it said: out of this node's
    records, or as its coordinator has it. Nothing is kept, and whether its parties may still play their parts is not
    asked."""
    with node.participant.store.reading() as connection:
        kept = find(connection, session, "plan")
    token = (await client.plan(session)).plan if kept is None else kept.decode()
    plan = PLAN.open(token, client.coordinator, lasting_keys(node))
    _require_of(plan, session)
    return plan


def _require_of(plan: SignedPlan, session: str) -> None:
    if plan.content.nonce.hex() != session:
        raise plan_malformed("the plan of another session")


def _by_index(plan: SignedPlan, contexts: Mapping[str, bytes]) -> dict[int, bytes]:
    return {index: contexts[holder.id] for index, holder in enumerate(plan.content.holders, start=1)}
