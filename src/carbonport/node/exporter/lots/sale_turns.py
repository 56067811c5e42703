"""Turns at a lot: within one process one consignment at a time is prepared, proved and written.

The proof of a consignment's results names its place in the lot and is most of the work; two that were prepared for one
place would make one of them in vain. Proofs are made one after the other anyway, so nobody waits longer. Other
processes on the same store are kept apart by the database alone (`lot_desk`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.errors import Unavailable

MAX_WAITING = 64
"""Most consignments that wait for their turns, at all lots together: half a minute's work and more."""


class SaleTurns:
    """The turns of one process."""

    def __init__(self, *, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._waiting = 0
        self._turns: dict[bytes, asyncio.Lock] = {}

    @asynccontextmanager
    async def turn(self, stated: StatedLot | None) -> AsyncIterator[None]:
        """Held from preparing a sale until it is written; what is sold from no lot waits for nobody.

        `Unavailable` (`lot-busy`) when too many wait.
        """
        if stated is None:
            yield
            return
        if self._waiting >= self._max_waiting:
            raise Unavailable(
                "lot-busy",
                found=f"{self._waiting} consignments waiting to be sold",
                expected=f"fewer than {self._max_waiting}",
                remedy="Send the same request again in a minute; nothing was answered and nothing is lost.",
            )
        turn = self._turns.setdefault(stated.lot.id, asyncio.Lock())
        self._waiting += 1
        try:
            await turn.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            turn.release()
