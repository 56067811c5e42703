"""`bench federate`: trainings through the secure sum, each beside the same training with plain sums in the same run.

First all parties in one process: contributors that share and seal, holders that open and add, and the coordinator that
combines and solves; that is what cryptography takes of a processor. Then a training whose letters Flower carries
between processes (`flower_figures`): that is what it takes of a training.
"""

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from carbonport.examples.plants.ledgers import EmissionsEngine
from carbonport.examples.plants.table import draw_cohort
from carbonport.node.bench.figures import Figure
from carbonport.node.training_extra import require_extra

if TYPE_CHECKING:
    from carbonport.federated.features import Rows
    from carbonport.federated.training import Model, Task

KILOBYTES_PER_MEGABYTE = 1024
"""`ru_maxrss` is in kilobytes on Linux."""


def bench_federate(seconds: float) -> Sequence[Figure]:
    """Measure for about `seconds`, half of them in one process; starting the processes comes on top."""
    require_extra()
    from carbonport.node.bench.flower_figures import flower_figures

    return [*in_process_figures(seconds / 2), *flower_figures(seconds / 2)]


def in_process_figures(seconds: float) -> Sequence[Figure]:
    """Seconds of processor time of a training of each task, through shares and plainly, in turns."""
    # Only here: the other benches need none of this.
    from carbonport.federated.boosting import BoostingTask
    from carbonport.federated.plausibility_tasks import (
        CLAIMS,
        INDEPENDENT_TASK,
        RECALCULATED,
        RECALCULATION_TASK,
        ROUTE,
        ROUTES,
        SEE_INDIRECT,
    )

    numbers = {RECALCULATED: CLAIMS, SEE_INDIRECT: INDEPENDENT_TASK.numbers[SEE_INDIRECT]}
    tasks: dict[str, Task[Model]] = {
        "ridge": INDEPENDENT_TASK,
        "recalculation": RECALCULATION_TASK,
        "boosting": BoostingTask(numbers, {ROUTE: ROUTES}, CLAIMS),
    }
    members = _members()
    figures = []
    for name, task in tasks.items():
        plainly, securely = _in_turns(*_both_ways(task, members), seconds / len(tasks))
        yardstick = Figure.of(f"{name}-plain-sums", plainly, "s")
        figures += [yardstick, Figure.of(f"{name}-secure-sums", securely, "s", yardstick=yardstick)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILOBYTES_PER_MEGABYTE
    return [*figures, Figure.of("memory-peak", [peak], "MB")]


def _both_ways(
    task: "Task[Model]", members: Mapping[str, "Rows"]
) -> tuple[Callable[[], None], Callable[[], None]]:
    from carbonport.federated.secure_sum import InProcessHolders
    from carbonport.federated.training import Participants, train

    cohort = Participants(task, members)

    def plainly() -> None:
        train(task.training(), cohort.sum_of)

    def through_shares() -> None:
        holders = InProcessHolders()
        train(task.training(), lambda question: holders.add(question, cohort.answers(question)))

    return plainly, through_shares


def _in_turns(
    first: Callable[[], None], second: Callable[[], None], seconds: float
) -> tuple[list[float], list[float]]:
    taken: tuple[list[float], list[float]] = ([], [])
    end = time.process_time() + seconds
    while not taken[0] or time.process_time() < end:
        for times, action in zip(taken, (first, second), strict=True):
            start = time.process_time()
            action()
            times.append(time.process_time() - start)
    return taken


def _members() -> Mapping[str, "Rows"]:
    from carbonport.node.bench.plant_members import SEED, member_rows

    engine = EmissionsEngine()
    return {plant.name: member_rows(plant, engine) for plant in draw_cohort(SEED)}
