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
    """A relay in process that notes of every exchange the different letters, the different answers and their bytes."""

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        self._relay: Relay = InProcessRelay(desks)
        self.exchanges: list[tuple[int, int, int]] = []

    async def exchange(
        self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
    ) -> Mapping[str, Reply]:
        replies = await self._relay.exchange(kind, letters, timeout_seconds=timeout_seconds)
        answers = [reply.opened(name) for name, reply in replies.items()]
        self.exchanges.append((len(set(letters.values())), len(set(answers)), sum(map(len, answers))))
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
    # One question to all, then three letters; always three answers: what is the same, Flower would carry once.
    different = [(1, 3), (3, 3)] * 2
    assert [one[:2] for one in taken["plain"]] == [one[:2] for one in taken["secure"]] == different
    # A share is as long as the value that stands in its place, but for what its seal takes.
    for (*_, plain), (*_, secure) in zip(taken["plain"], taken["secure"], strict=True):
        assert abs(secure - plain) < 1024
