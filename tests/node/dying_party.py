"""Kills a `carbonport` process (SIGKILL, as a power cut would) at a point that is named: when it is about to call a
coordinator, or with an exporter's answer in hand."""

import os
import signal

from carbonport.crypto.log_entry import EntryType
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient
from carbonport.node.log.draft import Draft, Logged
from carbonport.node.log.exchange_log import ExchangeLog

BEFORE_ARRIVAL, AFTER_ARRIVAL = "before-arrival", "after-arrival"
"""The importer has checked what it fetched and is about to log it; it has logged it, and has told nobody."""


async def die(*_arguments: object, **_named: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def install(point: str) -> None:
    """Arm this process with one of the points above, or with a method of `CoordinatorClient`, such as `submit_words`:
    what would be sent is kept and logged by then."""
    if point in (BEFORE_ARRIVAL, AFTER_ARRIVAL):
        _install_at_arrival(logged=point == AFTER_ARRIVAL)
        return
    assert callable(getattr(CoordinatorClient, point))
    setattr(CoordinatorClient, point, die)


def _install_at_arrival(*, logged: bool) -> None:
    append = ExchangeLog.append

    async def dying(self: ExchangeLog, draft: Draft) -> Logged:
        if draft.type is not EntryType.ARRIVAL:
            return await append(self, draft)
        if logged:
            await append(self, draft)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("it was killed")

    setattr(ExchangeLog, "append", dying)  # noqa: B010 - mypy knows better than to assign to a method
