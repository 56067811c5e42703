"""Calls at a fixed rate, whatever becomes of them: what a node's callers are like, who do not wait for each other.

Each call has its time; its delay is counted from there, so a call that had to wait because others were slow shows it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

PERCENTILE = 99
"""Of a hundred delays in order, the one that is given."""

Call = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Delays:
    """What came of the calls of one window: seconds from the time of each call to its answer, and how long it took
    from the first call's time to the last answer."""

    each: list[float]
    lasted: float

    @property
    def rate(self) -> float:
        """Calls a second that were completed."""
        return len(self.each) / self.lasted

    @property
    def high(self) -> float:
        """The 99th of a hundred delays, in seconds."""
        ordered = sorted(self.each)
        return ordered[min(len(ordered) - 1, len(ordered) * PERCENTILE // 100)]


async def open_loop(call: Call, *, rate: float, calls: int) -> Delays:
    """Make `calls` calls, `rate` a second, on time; a call that fails fails the whole."""
    loop = asyncio.get_running_loop()
    begin = loop.time()

    async def on_time(number: int) -> float:
        due = begin + number / rate
        await asyncio.sleep(due - loop.time())
        await call()
        return loop.time() - due

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(on_time(number)) for number in range(calls)]
    return Delays([task.result() for task in tasks], max(loop.time() - begin, calls / rate))
