"""A training that is over is told by its coordinator's node itself to who has not heard of it: when the node starts to
serve, and again ever more seldom.

Holders keep their keys and members their integers until they hear of the end or the plan expires. After that there is
nothing to tell.
"""

import asyncio
import logging

from carbonport.errors import CarbonportError
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.records import find, names_of, sessions_with
from carbonport.node.training.commands import tell_again
from carbonport.node.training.record_kinds import DELIVERED, ENDING_KEPT, MODEL_KEPT

logger = logging.getLogger("carbonport.node.training")
"""What could not be told."""

FIRST_PAUSE_S = 60.0
"""Pause after the first telling; members may still be starting too."""

LONGEST_PAUSE_S = 3600.0
"""Pauses double up to this."""


async def keep_telling(node: OpenNode) -> None:
    """Tell and look again until this is cancelled."""
    pause = FIRST_PAUSE_S
    while True:
        for session in await asyncio.to_thread(untold_sessions, node):
            try:
                await tell_again(node, session)
            except (CarbonportError, OSError) as error:
                # Nothing carries letters, or lists have expired: later.
                _could_not_tell(session, error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


def untold_sessions(node: OpenNode) -> list[str]:
    """Trainings that this node coordinated, that are over and not expired, and that somebody has not heard the end
    of. One that cannot be opened, because somebody in it was revoked or is no longer listed, does not hide others."""
    with node.participant.store.reading() as connection:
        over = {*sessions_with(connection, ENDING_KEPT), *sessions_with(connection, MODEL_KEPT)}
    untold = []
    for session in sorted(over):
        try:
            if _untold(node, session):
                untold.append(session)
        except CarbonportError as error:
            _could_not_tell(session, error)
    return untold


def _untold(node: OpenNode, session: str) -> bool:
    # Only for a node that has trainings: most load nothing for them.
    from carbonport.node.training.session import TrainingSession

    training = TrainingSession(node, session)
    plan = training.plan
    if plan.issuer != training.id or node.participant.clock() >= plan.content.expires:
        return False
    with node.participant.store.reading() as connection:
        told = names_of(connection, session, DELIVERED)
        ended = find(connection, session, ENDING_KEPT) is not None
    members = plan.content.members if ended else training.begun.membership.content.members
    return not told.issuperset((*members, *plan.content.holders))


def _could_not_tell(session: str, error: CarbonportError | OSError) -> None:
    logger.warning("the end of the training %s could not be told: %s", session, getattr(error, "id", "file"))
