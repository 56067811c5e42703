"""What must not outlive a plan goes when it expires, though no model and no ending ever came.

A holder's keys: what was sealed to them must not be opened any more. A member's integers and what it sealed of them:
nobody asks for them after that. It is looked from time to time while a node serves, and when it starts.
"""

import asyncio
import logging

from carbonport.errors import CarbonportError
from carbonport.node.participant import Participant
from carbonport.node.sessions.holder_secret import HolderSecret, sessions_with_secrets
from carbonport.node.sessions.records import drop, find, sessions_with
from carbonport.node.training.record_kinds import CONTRIBUTED, PLAN_KEPT, VECTOR

logger = logging.getLogger("carbonport.node.training")
"""What was erased, by session."""

LOOK_EVERY_S = 60.0
"""How long after its plan's end a secret may be there while the node serves."""


def erase_expired_secrets(participant: Participant) -> list[str]:
    """Erase what is secret in every training whose plan has expired; gives their sessions."""
    with participant.store.reading() as connection:
        contributed = {*sessions_with(connection, VECTOR), *sessions_with(connection, CONTRIBUTED)}
    erased = []
    for session in sorted({*contributed, *sessions_with_secrets(participant.home)}):
        expires = _expiry(participant, session)
        if expires is None or participant.clock() < expires:
            continue
        with participant.store.writing() as connection:
            for kind in (VECTOR, CONTRIBUTED):
                drop(connection, session, kind)
        HolderSecret(participant, session).destroy()
        logger.info("secrets of the training %s were erased: its plan has expired", session)
        erased.append(session)
    if erased:
        participant.store.scrub()
    return erased


async def keep_erasing(participant: Participant) -> None:
    """Look until this is cancelled."""
    while True:
        try:
            await asyncio.to_thread(erase_expired_secrets, participant)
        except (CarbonportError, OSError) as error:
            logger.warning("expired secrets were not erased: %s", type(error).__name__)
        await asyncio.sleep(LOOK_EVERY_S)


def _expiry(participant: Participant, session: str) -> int | None:
    """When a training's plan expires; None for a session that is no training."""
    # Only for a node that has secrets of one: most load nothing for trainings.
    from carbonport.node.training.correspondence import digest_of
    from carbonport.node.training.plan import PLAN

    with participant.store.reading() as connection:
        token = find(connection, session, PLAN_KEPT)
    return None if token is None else PLAN.known(token.decode(), digest_of(token.decode())).content.expires
