"""A training that Flower carries between processes: how long it takes, what cryptography adds, what memory it takes."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

from carbonport.errors import FailedVerification
from carbonport.federated.relay import Desk, Relay
from carbonport.federated.training import train
from carbonport.node.bench.carried_ridge import CarriedRidge, carried_ridge
from carbonport.node.bench.figures import Figure
from carbonport.node.bench.flower_stage import FlowerStage, flower_stage
from carbonport.node.bench.processor_time import processor_seconds
from carbonport.node.demo.resident_memory import resident_memory

FEWEST_ROUNDS: Final = 4
"""Turns of the three ways, even when the time is over; every other one backwards, so that none is always the last."""

WAYS: Final = ("direct", "plain", "secure")
"""In the order in which they take turns; each one's yardstick stands before it."""


def flower_figures(seconds: float) -> Sequence[Figure]:
    """Start a SuperLink and three SuperNodes, and train in turns for about `seconds`."""
    tell("starting a SuperLink and three SuperNodes")
    with flower_stage() as stage:
        return asyncio.run(_measured(stage, seconds))


async def _measured(stage: FlowerStage, seconds: float) -> list[Figure]:
    def relay_of(desks: Mapping[str, Desk]) -> Relay:
        stage.desks.update(desks)
        return stage

    ridge = carried_ridge(relay_of)
    async with stage.answering():
        tell("one training from its beginning")
        began = time.monotonic()
        async with stage.run_of_flower():
            await _trained(ridge, "secure")
            whole = time.monotonic() - began
            tell("the same with plain sums and with the secure sum, in turns")
            passed, processor = await _in_turns(ridge, seconds)
        memory = resident_memory()
    figures = [
        Figure.of("ridge-3-nodes-tls", [whole], "s"),
        Figure.of("ridge-3-nodes-tls-with-starts", [whole + stage.started_s], "s"),
        *_beside_one_another("ridge-over-flower", passed, "s"),
        *_beside_one_another("ridge-over-flower-processor", processor, "s of processor"),
    ]
    figures += [
        Figure.of(f"memory-{kind.replace(' ', '-')}", [one.peak_mb], "MB") for kind, one in memory.items()
    ]
    return figures


async def _in_turns(
    ridge: CarriedRidge, seconds: float
) -> tuple[Mapping[str, list[float]], Mapping[str, list[float]]]:
    """Time that passes, and processor time of all processes together, of each way."""
    passed: dict[str, list[float]] = {way: [] for way in WAYS}
    processor: dict[str, list[float]] = {way: [] for way in WAYS}
    end = time.monotonic() + seconds
    while len(passed[WAYS[0]]) < FEWEST_ROUNDS or time.monotonic() < end:
        for way in WAYS if len(passed[WAYS[0]]) % 2 == 0 else WAYS[::-1]:
            began, before = time.monotonic(), _of_all_processes()
            await _trained(ridge, way)
            passed[way].append(time.monotonic() - began)
            processor[way].append(_of_all_processes() - before)
    return passed, processor


def _of_all_processes() -> float:
    return sum(processor_seconds({"all": os.getpid()}).values())


async def _trained(ridge: CarriedRidge, way: str) -> None:
    """Train, and see that it is the model of the pooled rows."""
    model = await ridge.trained(way)
    pooled = train(ridge.task.training(), ridge.cohort.sum_of)
    if model.integers() != pooled.integers():
        raise FailedVerification(
            "bench-training",
            found=f"another model by {way} sums",
            expected="the same integers whatever adds them",
            remedy="Do not use the figures of this run, and report it.",
        )


def _beside_one_another(name: str, rounds: Mapping[str, list[float]], unit: str) -> list[Figure]:
    figures: list[Figure] = []
    for way in WAYS:
        figures.append(
            Figure.of(f"{name}-{way}", rounds[way], unit, yardstick=figures[-1] if figures else None)
        )
    return figures


def tell(what: str) -> None:
    """Progress, for starting takes a while; never on the output that scripts read."""
    print(f"bench federate: {what}", file=sys.stderr, flush=True)
