"""`bench federate`: each training through shares beside the same one with plain sums. No figure is judged."""

import asyncio
from collections.abc import Mapping

from carbonport.federated.relay import Desk, InProcessRelay, Relay, Reply
from carbonport.federated.training import train
from carbonport.node.bench.carried_ridge import carried_ridge
from carbonport.node.bench.federated_training import in_process_figures


def test_trainings_through_shares_stand_beside_plain_ones() -> None:
    figures = {figure.name: figure for figure in in_process_figures(0.0)}
    for task in ("ridge", "recalculation", "boosting"):
        secure = figures[f"{task}-secure-sums"]
        assert secure.yardstick == f"{task}-plain-sums"
        assert secure.ratio is not None
        assert secure.ratio > 0
        assert secure.unit == figures[f"{task}-plain-sums"].unit == "s"
    assert figures["memory-peak"].unit == "MB"


class Counting:
    """A relay in process that notes the letters of every exchange and the bytes of their answers."""

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        self._relay: Relay = InProcessRelay(desks)
        self.exchanges: list[tuple[int, int]] = []

    async def exchange(
        self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
    ) -> Mapping[str, Reply]:
        replies = await self._relay.exchange(kind, letters, timeout_seconds=timeout_seconds)
        answered = sum(len(reply.opened(name)) for name, reply in replies.items())
        self.exchanges.append((len(letters), answered))
        return replies


def test_the_yardstick_is_the_same_training_over_the_same_exchanges() -> None:
    relays: list[Counting] = []

    def relay_of(desks: Mapping[str, Desk]) -> Relay:
        relays.append(Counting(desks))
        return relays[-1]

    ridge = carried_ridge(relay_of)
    (relay,) = relays
    pooled = train(ridge.task.training(), ridge.cohort.sum_of)
    taken = {}
    for way in ridge.ways:
        relay.exchanges.clear()
        assert asyncio.run(ridge.trained(way)).integers() == pooled.integers()
        taken[way] = list(relay.exchanges)
    assert [len(taken[way]) for way in ("direct", "plain", "secure")] == [2, 4, 4]
    assert (
        [letters for letters, _ in taken["plain"]] == [letters for letters, _ in taken["secure"]] == [3] * 4
    )
    # A share is as long as the value that stands in its place, but for what its seal takes.
    for (_, plain), (_, secure) in zip(taken["plain"], taken["secure"], strict=True):
        assert plain <= secure <= plain + 1024
