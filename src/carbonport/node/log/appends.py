"""The appends of a log that have no receipt yet: those whose entries are being prepared, and those that are to be.

Under load entries are prepared in parts while others still arrive, whatever becomes of the batch before theirs
(decision 0056), and a batch is all that arrives together (decision 0058): it costs one transaction, one signature and
one round of cosignatures, however many it has. Promised: the order is kept, every append ends in exactly one receipt or
error, also when its caller has given up; none waits for others for longer than `GATHERING_S`, and where appends come
one by one none waits at all. Belongs to one event loop.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from carbonport.crypto.ambient import Clock
from carbonport.node.log.draft import Draft, Logged
from carbonport.node.log.preparation import EntryMaker, MadeEntry, PreparedEntry

PART = 4
"""So many appends are prepared as soon as they wait, and so many that may come together mean load."""

QUIET_S = 0.003
"""No more are expected when for so long nobody appended or got a receipt."""

GATHERING_S = 0.03
"""No more are waited for after so long, though they keep coming."""


@dataclass(frozen=True, slots=True)
class Append:
    """A draft on its way, and the receipt that its caller waits for."""

    draft: Draft
    done: "asyncio.Future[Logged]"


Ready: TypeAlias = tuple[Append, PreparedEntry]
"""An append whose entry is prepared and can be committed."""

_Part: TypeAlias = "tuple[Sequence[Append], asyncio.Task[list[MadeEntry]]]"


class Appends:
    """What is under way."""

    def __init__(self, maker: EntryMaker, clock: Clock, max_batch: int) -> None:
        """At most `max_batch` entries are taken at once."""
        self._maker = maker
        self._clock = clock
        self._max_batch = max_batch
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Append] = deque()
        self._parts: deque[_Part] = deque()
        self._waiting = 0
        self._awaited = 1
        self._arrived = asyncio.Event()
        self._last_move = self._loop.time()
        self._last_batch = 0
        self._under_way = 0
        self._none_under_way = asyncio.Event()
        self._none_under_way.set()

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
        if len(self._queue) == PART:
            # After those that arrive in the same turn of the loop.
            self._loop.call_soon(self._begin_part)
        self._waiting += 1
        if self._waiting >= self._awaited:
            self._arrived.set()
        self._note_move()
        return each.done

    async def take(self) -> Sequence[Ready]:
        """The next batch, once there is one, prepared."""
        ready: list[Ready] = []
        while not ready:
            # Whoever was in the batch before may ask again, now that it has its receipt.
            expected = self._waiting + self._last_batch
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            await self._gather(expected)
            for part, entries in self._batch():
                ready += await self._collected(part, entries)
        return ready

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

    async def _gather(self, expected: int) -> None:
        """Under load, return when as many wait as are expected, or no more are."""
        if expected < PART:
            return
        self._awaited, end = expected, self._loop.time() + GATHERING_S
        while self._waiting < expected:
            rest = min(self._last_move + QUIET_S, end) - self._loop.time()
            if rest <= 0:
                break
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._arrived.wait()
        self._awaited = 1

    def _batch(self) -> Sequence[_Part]:
        """The parts of a batch, the last one begun now; what arrives after this is not among them."""
        self._begin_part()
        batch = list[_Part]()
        room = self._max_batch
        while self._parts and len(self._parts[0][0]) <= room:
            batch.append(self._parts.popleft())
            room -= len(batch[-1][0])
        self._last_batch = self._max_batch - room
        self._waiting -= self._last_batch
        return batch

    def _note_move(self) -> None:
        self._last_move = self._loop.time()

    def _begin_part(self) -> None:
        """Have prepared what waits for it."""
        while self._queue:
            part = [self._queue.popleft() for _ in range(min(len(self._queue), self._max_batch))]
            drafts = [each.draft for each in part]
            self._parts.append((part, self._loop.create_task(self._maker.prepare_all(drafts, self._clock()))))

    async def _collected(
        self, part: Sequence[Append], entries: "asyncio.Task[list[MadeEntry]]"
    ) -> Sequence[Ready]:
        """Those that can be committed; the others have their error."""
        try:
            made = await entries
        except Exception as error:  # noqa: BLE001 - every waiting caller gets it; the next ones start afresh
            for each in part:
                self.fail(each, error)
            return ()
        ready: list[Ready] = []
        for each, entry in zip(part, made, strict=True):
            if isinstance(entry, PreparedEntry):
                ready.append((each, entry))
            else:
                self.fail(each, entry)
        return ready

    def _count_ended(self) -> None:
        self._note_move()
        # And when its caller has gone on.
        self._loop.call_soon(self._note_move)
        self._under_way -= 1
        if not self._under_way:
            self._none_under_way.set()
