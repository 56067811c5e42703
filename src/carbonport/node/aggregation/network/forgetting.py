"""What a node forgets of its aggregation sessions, and when.

* When a session is over, at the latest when its plan expires: what would tell a value. These are ciphertexts and their
  sums, decrypted shares, openings, contributions as they were made, and a holder's keys.
* `[retention] sessions_days` after the plan's expiry: what was of use only while the session ran, above all the
  holders' public contexts. A session that never came to a plan is forgotten whole, that long after it was begun.
* Never: the register of contributions, and what was signed. Plan, consents, contributions, statements, rosters, votes,
  answers, last words, certificates and the result stay for audits, and for a contributor that was restored and gets
  back from its coordinators what it gave.
"""

import asyncio
import logging

from sqlalchemy import Connection

from carbonport.errors import CarbonportError
from carbonport.node.aggregation.plan import PLAN
from carbonport.node.participant import Participant
from carbonport.node.sessions.holder_secret import HolderSecret
from carbonport.node.sessions.records import drop, drop_all, find, kept_at, sessions_holding, sessions_with
from carbonport.node.sessions.signed_document import document_digest

SECRET_KINDS = ("ciphertext", "total", "share", "prepared", "opening")
"""Kinds of records that tell a value to somebody with the right keys."""

WORKING_KINDS = ("context", "own-context", "note", "opening-receipt", "failed", "given-up")
"""Kinds of records that nobody asks for once everyone knows that a session is over."""

LOOK_EVERY_S = 60.0
"""How long after its time something may still be there while the node serves."""

SECONDS_PER_DAY = 86_400

logger = logging.getLogger("carbonport.node.aggregation")
"""Sessions that could not be looked at."""


def forget_secrets(connection: Connection, session: str) -> None:
    """Forget what would tell a value, in the caller's transaction: the session is over."""
    for kind in SECRET_KINDS:
        drop(connection, session, kind)


def forget_due(participant: Participant, *, now: int) -> None:
    """Forget everything whose time has come at `now` (unix seconds)."""
    with participant.store.reading() as connection:
        planned = set(sessions_with(connection, "plan"))
        begun = set(sessions_with(connection, "draft")) | sessions_holding(connection, ("own-context",))
        held = sessions_holding(connection, (*SECRET_KINDS, *WORKING_KINDS))
    for session in held & planned:
        try:
            _forget_planned(participant, session, now)
        except CarbonportError as problem:
            logger.warning("the session %s was not looked at: %s", session, problem.id)
    for session in begun - planned:
        _forget_unplanned(participant, session, now)


async def keep_forgetting(participant: Participant) -> None:
    """Look until this is cancelled."""
    while True:
        try:
            await asyncio.to_thread(forget_due, participant, now=participant.clock())
        except (CarbonportError, OSError) as error:
            logger.warning("ended sessions were not looked at: %s", type(error).__name__)
        await asyncio.sleep(LOOK_EVERY_S)


def _forget_planned(participant: Participant, session: str, now: int) -> None:
    with participant.store.reading() as connection:
        token = (find(connection, session, "plan") or b"").decode()
    expires = PLAN.known(token, document_digest(token)).content.expires
    if now < expires:
        return
    HolderSecret(participant, session).destroy()
    with participant.store.writing() as connection:
        forget_secrets(connection, session)
        if now >= expires + _retention_s(participant):
            for kind in WORKING_KINDS:
                drop(connection, session, kind)


def _forget_unplanned(participant: Participant, session: str, now: int) -> None:
    with participant.store.reading() as connection:
        since = kept_at(connection, session, "draft") or kept_at(connection, session, "own-context") or now
    if now >= since + _retention_s(participant):
        HolderSecret(participant, session).destroy()
        with participant.store.writing() as connection:
            drop_all(connection, session)


def _retention_s(participant: Participant) -> int:
    return participant.config.retention.sessions_days * SECONDS_PER_DAY
