"""The operator's decision after a restore that no witness vouches for.

When witnesses have seen more of the log than the backup holds, what is missing cannot be brought back: the log goes on
under a new origin and a new key, so that nothing is ever signed twice at one index. The old entries stay in the store,
provable under the last checkpoint that anyone holds. When there are no witnesses the operator says whether something
may be missing. The first entry afterwards records who decided what: an entry of type `operator`.

What stays refused: approvals from before the restore, and, when entries were lost, attestations from before it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from carbonport.crypto.canonical import Json
from carbonport.errors import FailedVerification, Misuse, Refused
from carbonport.node import control
from carbonport.node.config import LogSettings, write_config
from carbonport.node.home import NodeHome
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.log.cosigners import BEHIND
from carbonport.node.open_node import OpenNode
from carbonport.node.operator.commands import log_decision
from carbonport.node.participant import Participant
from carbonport.node.restored import COMPLETE, LOST, Restore, decide_restore, read_restore


async def accept_restore(
    home: NodeHome, reopen: Callable[[], NodeHome], *, reason: str, nothing_lost: bool
) -> Json:
    """Decide about a restored node that does not serve; `reopen` opens its home again after the configuration changed.

    Misuse `restore-nothing-to-decide`, `restore-while-serving`; Refused `restore-entries-lost` when `nothing_lost` is
    claimed against what a witness has seen; Unavailable when the witnesses do not answer.
    """
    if control.is_serving(home.path):
        raise Misuse(
            "restore-while-serving",
            found="a node that serves",
            expected="a stopped node: the decision may change its log's origin and key",
            remedy="Stop the node, decide, and start it again.",
            where=str(home.path),
        )
    restore, old_size, behind, vouched = await _ask(home)
    if behind and nothing_lost:
        raise Refused(
            "restore-entries-lost",
            found=f"a witness that has seen more than the {old_size} entries of the backup",
            expected="a backup with everything that was logged, when nothing is said to be lost",
            remedy="Restore a newer backup, or accept the loss by leaving --nothing-lost out.",
        )
    lost = behind or not (vouched or nothing_lost)
    old_origin = home.config.log_origin
    if lost:
        await _begin_new_log(home, restore)
    opened = reopen()
    participant = Participant.open(opened)
    try:
        node = await OpenNode.open(participant, deciding=True)
    except BaseException:
        participant.close()
        raise
    outcome = LOST if lost else COMPLETE

    def write(connection: Connection, _index: int) -> None:
        decide_restore(connection, outcome)

    try:
        text = (
            f"restore of {restore.at} accepted, {outcome}; "
            f"the log before: {old_origin}, {old_size} entries here; {reason}"
        )
        logged = await log_decision(node, "restore", text, write)
    finally:
        await node.close()
    return {
        "restored_at": restore.at,
        "outcome": outcome,
        "origin": opened.config.log_origin,
        "previous_origin": old_origin,
        "entry": logged.index,
        "provisional": logged.provisional,
    }


async def _ask(home: NodeHome) -> tuple[Restore, int, bool, bool]:
    """The undecided restore, the log's size, whether a witness has seen more, and whether witnesses vouch for it."""
    participant = Participant.open(home)
    try:
        with participant.store.reading() as connection:
            restore = read_restore(connection)
        if restore is None or restore.decided:
            raise Misuse(
                "restore-nothing-to-decide",
                found="a store that was never restored"
                if restore is None
                else f"a decision: {restore.decided}",
                expected="a restored store whose state nobody has vouched for",
                remedy="Start the node; `carbonport status` says what its log needs.",
                where=str(home.path),
            )
        node = await OpenNode.open(participant, deciding=True)
    except BaseException:
        participant.close()
        raise
    try:
        size, witnessed = node.log.size, node.restore.witnessed
        try:
            await node.log.confirm()
        except FailedVerification as error:
            if error.id != BEHIND:
                raise
            return restore, size, True, False
        return restore, size, False, witnessed
    finally:
        await node.close()


async def _begin_new_log(home: NodeHome, restore: Restore) -> None:
    """A new origin in the configuration and a new key; a second try after a crash makes the same origin."""
    identity, base = home.identity, home.config.log_origin
    origin = f"{base}/restored-{restore.at}"
    if base.endswith(f"/restored-{restore.at}"):
        return
    _, new = identity.rotate(KeyUse.LOG, effective_at=identity.clock())
    while identity.clock() < new.valid_from:
        await asyncio.sleep(0.05)
    write_config(home.path, replace(home.config, log=LogSettings(origin)))
