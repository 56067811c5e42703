"""A node whose store was filled from a backup: what it may not do before somebody has vouched for its state.

A backup is older than what the node last said. A log that goes on from it would say twice what comes at one index, and
what was counted since (approvals), or withdrawn (attestations, statements), is forgotten. Therefore a restored node
signs nothing - no checkpoint, no status token, no cosignature - until its witnesses have said that they know no more of
its log than it holds, or, when they know more or nothing, until its operator has decided
(`carbonport log accept-restore`). Approvals given before the restore stay refused in any case.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from carbonport.errors import Refused
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.participant import Participant
from carbonport.node.store.backup import restored_at
from carbonport.node.store.facts import read_fact, write_fact

RESTORE_DECIDED = "restore_decided"
"""Fact: how the question of a restore ended (one of the words below); absent until then."""

COMPLETE = "complete"
"""The witnesses, or the operator where there are none, said that nothing was lost."""

LOST = "lost"
"""The log went on under another origin: what happened between backup and restore is lost here."""


@dataclass(frozen=True, slots=True)
class Restore:
    """When a store was restored (unix seconds), and how that was decided; an empty text while it was not."""

    at: int
    decided: str


def read_restore(connection: Connection) -> Restore | None:
    """The restore of this store; None when it never was restored."""
    at = restored_at(connection)
    return None if at is None else Restore(at, read_fact(connection, RESTORE_DECIDED) or "")


def decide_restore(connection: Connection, outcome: str) -> None:
    """Write down how it was decided, in the caller's transaction."""
    write_fact(connection, RESTORE_DECIDED, outcome)


class RestoreGuard:
    """Keeps one open node from signing while its restore is undecided."""

    def __init__(self, participant: Participant, log: ExchangeLog, *, witnessed: bool) -> None:
        """`witnessed`: whether the log's rule asks for witnesses, who can then tell."""
        self._participant = participant
        self._log = log
        self.witnessed = witnessed
        with participant.store.reading() as connection:
            self._restore = read_restore(connection)

    @property
    def undecided(self) -> bool:
        """Whether nobody has vouched for the restored state yet."""
        return self._restore is not None and not self._restore.decided

    def hold_if_unwitnessed(self) -> None:
        """Stop the log at once when there is nobody who could vouch but the operator."""
        if self.undecided and not self.witnessed:
            self._log.hold(_undecided())

    async def require_decided(self) -> None:
        """Raise unless this node was never restored, or its state was vouched for; asks the witnesses if need be."""
        if self._restore is None or self._restore.decided:
            return
        if not self.witnessed:
            raise _undecided()
        await self._log.confirm()
        with self._participant.store.writing() as connection:
            decide_restore(connection, COMPLETE)
        self._restore = Restore(self._restore.at, COMPLETE)


def _undecided() -> Refused:
    return Refused(
        "restore-undecided",
        found="a store filled from a backup, and no witness of its log that could say whether it is the newest",
        expected="an operator's decision",
        remedy="Run `carbonport log accept-restore --reason ...`; nothing is signed before.",
    )
