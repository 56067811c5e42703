"""The appends of a log that have no receipt yet: those whose entries wait to be prepared, and those that are ready.

Entries are prepared all the time, in a thread of their own, whatever becomes of the batches before theirs (decision
0056): whatever waits is prepared at once, then whatever has come meanwhile. Whoever commits takes what is ready.
Promised: the order is kept, and every append ends in exactly one receipt or error, also when its caller has given up.
Belongs to one event loop.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from carbonport.crypto.ambient import Clock
from carbonport.node.log.draft import Draft, Logged
from carbonport.node.log.preparation import EntryMaker, PreparedEntry


@dataclass(frozen=True, slots=True)
class Append:
    """A draft on its way, and the receipt that its caller waits for."""

    draft: Draft
    done: "asyncio.Future[Logged]"


Ready: TypeAlias = tuple[Append, PreparedEntry]
"""An append whose entry is prepared and can be committed."""


class Appends:
    """What is under way; starts preparing at once."""

    def __init__(self, maker: EntryMaker, clock: Clock, max_batch: int) -> None:
        """At most `max_batch` entries are prepared, or taken, at once."""
        self._maker = maker
        self._clock = clock
        self._max_batch = max_batch
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "carbonport-log-preparing")
        self._queue: deque[Append] = deque()
        self._queued = asyncio.Event()
        self._ready: deque[Ready] = deque()
        self._some_ready = asyncio.Event()
        self._under_way = 0
        self._none_under_way = asyncio.Event()
        self._none_under_way.set()
        self._preparing = asyncio.create_task(self._prepare_what_waits())

    @property
    def under_way(self) -> int:
        """Appends without receipt or error."""
        return self._under_way

    def add(self, draft: Draft) -> "asyncio.Future[Logged]":
        """Take a draft in; the receipt will come."""
        each = Append(draft, self._loop.create_future())
        self._under_way += 1
        self._none_under_way.clear()
        self._queue.append(each)
        self._queued.set()
        return each.done

    async def take(self) -> Sequence[Ready]:
        """The next batch: all that is ready, once something is."""
        while not self._ready:
            self._some_ready.clear()
            await self._some_ready.wait()
        return [self._ready.popleft() for _ in range(min(len(self._ready), self._max_batch))]

    def finish(self, each: Append, receipt: Logged) -> None:
        """Give the receipt."""
        self._count_ended()
        if not each.done.done():
            each.done.set_result(receipt)

    def fail(self, each: Append, error: Exception) -> None:
        """Give the error instead."""
        self._count_ended()
        if not each.done.done():
            each.done.set_exception(error)

    async def wait_until_none(self) -> None:
        """Return when nothing is under way."""
        await self._none_under_way.wait()

    async def close(self) -> None:
        """End the thread; nothing may be under way."""
        self._preparing.cancel()
        await asyncio.gather(self._preparing, return_exceptions=True)
        self._thread.shutdown()

    async def _prepare_what_waits(self) -> None:
        while True:
            await self._queued.wait()
            self._queued.clear()
            while self._queue:
                await self._prepare()

    async def _prepare(self) -> None:
        """Prepare the entries of what waits; a draft out of shape has its error."""
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._max_batch))]
        drafts = [each.draft for each in batch]
        try:
            made = await self._loop.run_in_executor(
                self._thread, self._maker.prepare_all, drafts, self._clock()
            )
        except Exception as error:  # noqa: BLE001 - every waiting caller gets it; the next ones start afresh
            for each in batch:
                self.fail(each, error)
            return
        for each, entry in zip(batch, made, strict=True):
            if isinstance(entry, PreparedEntry):
                self._ready.append((each, entry))
            else:
                self.fail(each, entry)
        self._some_ready.set()

    def _count_ended(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._none_under_way.set()
