"""Which sessions a coordinator tells a caller of, and where each stands, cheap enough for parties that poll.

Where a session stands follows from records that are only ever added, from its plan's expiry and from nothing else that
changes while nobody speaks. So a standing is kept as long as no record that could move it has come and its time has not
run out; what it was worked out from is not opened again. What parties bring is still judged by a session opened anew.
"""

import logging
from dataclasses import dataclass

from carbonport.errors import CarbonportError
from carbonport.node.aggregation.network.coordinator_session import CoordinatorSession, Standing, coordinated
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.records import labels_of

logger = logging.getLogger("carbonport.node.aggregation")
"""Sessions that are left out."""

MOVING_KINDS = ("plan", "certificate", "result", "verdict", "roster", "given-up", "vote")
"""Kinds of records, with their attempts, that `CoordinatorSession.standing` looks at."""

MAX_KEPT = 4096
"""Sessions whose standing is kept; the rest is worked out at every poll."""

ENDED = frozenset({"done", "refused"})
"""Phases that an expiry does not change."""


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session as it is told."""

    session: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class _Kept:
    """A standing and what it rests on: the records there were, and until when (unix seconds) it holds by itself."""

    labels: frozenset[tuple[str, str]]
    until: int | None
    standing: Standing


class ListedSessions:
    """The sessions of one coordinator, by whom they name. What it keeps is for one process and can be lost."""

    def __init__(self, node: OpenNode) -> None:
        self._node = node
        self._named: dict[str, frozenset[str]] = {}
        self._kept: dict[str, _Kept] = {}

    def of(self, participant: str) -> list[ListedSession]:
        """The sessions that are this participant's matter, the oldest first. One that cannot be opened, because
        somebody in it was revoked or is no longer listed, is left out and does not hide the others."""
        with self._node.participant.store.reading() as connection:
            names = coordinated(connection)
            mine = [name for name in names if participant in self._names(name)]
            labels = {name: labels_of(connection, name, MOVING_KINDS) for name in mine}
        listed = []
        for name in mine:
            try:
                listed.append(ListedSession(name, self._standing(name, labels[name])))
            except CarbonportError as problem:
                logger.warning("the session %s is not listed: %s", name, problem.id)
        return listed

    def _names(self, session: str) -> frozenset[str]:
        """Whom its draft names, which never changes."""
        if session not in self._named:
            if len(self._named) >= MAX_KEPT:
                self._named.clear()
            self._named[session] = CoordinatorSession(self._node, session).parties()
        return self._named[session]

    def _standing(self, session: str, labels: frozenset[tuple[str, str]]) -> Standing:
        kept = self._kept.get(session)
        now = self._node.participant.clock()
        if kept is not None and kept.labels == labels and (kept.until is None or now < kept.until):
            return kept.standing
        opened = CoordinatorSession(self._node, session)
        standing, plan = opened.standing(), opened.plan()
        until = (
            None
            if plan is None or standing.phase in ENDED or now >= plan.content.expires
            else plan.content.expires
        )
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        # The records were read before: what came since makes the next poll look again.
        self._kept[session] = _Kept(labels, until, standing)
        return standing
