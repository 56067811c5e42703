"""Where an auditor's entries come from: a store on this machine, or a node across the wire."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from carbonport.node.log.stored_log import StoredEntry, StoredLog


class LogSource(Protocol):
    """A log to be audited. Nothing it says is believed without being recomputed."""

    async def checkpoint(self) -> bytes:
        """The newest signed note."""

    async def entries(self, start: int, limit: int) -> Sequence[StoredEntry]:
        """Entries from `start` in log order, at most `limit`, possibly fewer, none only at the end."""


class StoreSource:
    """A log in a store that this process can open, for reading only if need be."""

    def __init__(self, log: StoredLog) -> None:
        self._log = log

    async def checkpoint(self) -> bytes:
        """The last note that was stored; the node may have signed a newer one since."""
        return await asyncio.to_thread(self._log.note)

    async def entries(self, start: int, limit: int) -> Sequence[StoredEntry]:
        """Rows of the store."""
        return await asyncio.to_thread(self._log.entries, start, limit)
