"""How a session that gave no result ended, for those whom its plan names: asked of its coordinator, checked, kept."""

from carbonport.crypto.log_entry import EntryType
from carbonport.node.aggregation.ending import Ending, shown_ending
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient, SessionState
from carbonport.node.aggregation.plan import SignedPlan
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.parties import lasting_keys
from carbonport.node.sessions.records import Record, find, keep
from carbonport.node.sessions.session_log import keep_logged

ENDING_KEPT = "ending"
"""Kind of the record."""


async def told_ending(
    node: OpenNode, client: CoordinatorClient, state: SessionState, plan: SignedPlan
) -> Ending:
    """The ending of a session that is over without a result; the first that was shown stands.

    The releaser's refusal is logged. Raises what `shown_ending` raises for an ending that nobody signed.
    """
    participant, session = node.participant, state.session
    with participant.store.reading() as connection:
        kept = find(connection, session, ENDING_KEPT)
    if kept is not None:
        return Ending.decode(kept)
    ballots = [await client.ballot(session, attempt) for attempt in range(state.attempt + 1)]
    ending = shown_ending(plan, state.phase, ballots, lasting_keys(node))
    if ending.phase == "refused":
        (releaser,), word = ending.by, ballots[-1].verdict
        await keep_logged(
            node,
            EntryType.SESSION,
            session,
            [Record(f"verdict:{state.attempt}", releaser, word.encode())],
            sender=releaser,
            counterparty=client.coordinator,
        )
    with participant.store.writing() as connection:
        keep(connection, session, Record(ENDING_KEPT, "", ending.encode()), now=participant.clock())
    return ending
