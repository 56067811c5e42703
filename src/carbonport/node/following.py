"""A serving node follows its key ring and its trust lists: rotations and new lists take effect without a restart.

Seals, status tokens and TLS read their key at every use; the log's signer, readers, witnesses and rule are part of the
open log, and are exchanged here when they changed. The configuration file is not followed: restart for that.
"""

import asyncio
from collections.abc import Sequence

from carbonport.node.log.log_parties import LogParties
from carbonport.node.open_node import OpenNode
from carbonport.node.own_log import log_parties

FOLLOW_EVERY_S = 1.0
"""How often a serving node looks; a key or list counts at most this long after it was due."""


class Following:
    """Keeps one open node up to date."""

    def __init__(self, node: OpenNode) -> None:
        self._node = node
        self._one_at_a_time = asyncio.Lock()
        self._known = _appearance(log_parties(node.participant, node.peers))

    async def look(self) -> bool:
        """Exchange what changed; says whether anything did."""
        async with self._one_at_a_time:
            parties = log_parties(self._node.participant, self._node.peers)
            appearance = _appearance(parties)
            if appearance == self._known:
                return False
            await self._node.log.follow(parties)
            self._known = appearance
            return True


def _appearance(parties: LogParties) -> Sequence[object]:
    """What can be compared: two cosigners of the same key are the same witness."""
    return (
        str(parties.signer.verifier),
        dict(parties.readers),
        parties.policy,
        [str(each.key) for each in parties.cosigners],
    )
