"""A holder's keys go when their plan expires, though no model and no ending ever came.

Nobody asks for them after that, and what was sealed to them must not be opened any more. It is looked from time to time
while a node serves, and when it starts.
"""

import asyncio
import logging

from carbonport.errors import CarbonportError
from carbonport.node.participant import Participant
from carbonport.node.sessions.holder_secret import HolderSecret, sessions_with_secrets
from carbonport.node.sessions.records import find

logger = logging.getLogger("carbonport.node.training")
"""Keys that were erased, by their session."""

LOOK_EVERY_S = 60.0
"""How long after its plan's end a key may be there while the node serves."""


def erase_expired_keys(participant: Participant) -> list[str]:
    """Erase the keys of every training whose plan has expired; gives their sessions."""
    erased = []
    for session in sessions_with_secrets(participant.home):
        expires = _expiry(participant, session)
        if expires is not None and participant.clock() >= expires:
            HolderSecret(participant, session).destroy()
            logger.info("keys of the training %s were erased: its plan has expired", session)
            erased.append(session)
    return erased


async def keep_erasing(participant: Participant) -> None:
    """Look until this is cancelled."""
    while True:
        try:
            await asyncio.to_thread(erase_expired_keys, participant)
        except (CarbonportError, OSError) as error:
            logger.warning("expired keys were not erased: %s", type(error).__name__)
        await asyncio.sleep(LOOK_EVERY_S)


def _expiry(participant: Participant, session: str) -> int | None:
    """When a training's plan expires; None for a session that is no training."""
    # Only for a node that has keys of one: most load nothing for trainings.
    from carbonport.node.training.correspondence import digest_of
    from carbonport.node.training.plan import PLAN
    from carbonport.node.training.session import PLAN_KEPT

    with participant.store.reading() as connection:
        token = find(connection, session, PLAN_KEPT)
    return None if token is None else PLAN.known(token.decode(), digest_of(token.decode())).content.expires
