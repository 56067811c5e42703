"""How long work takes, by three clocks."""

import time
from collections.abc import Callable

from carbonport.crypto.sums.bfv_worker import BfvWorker


def own_seconds(work: Callable[[], object]) -> float:
    """Processor time of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def seconds_with(worker: BfvWorker, work: Callable[[], object]) -> float:
    """Processor time of this process and of the worker."""
    before = worker.usage().processor_us
    own = own_seconds(work)
    return own + (worker.usage().processor_us - before) / 1_000_000


def passed_seconds(work: Callable[[], object]) -> float:
    """Time that passes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def turns(timed: Callable[[], float], stop: float, most: int) -> list[float]:
    """The same again and again until the monotonic clock says `stop`: at least once, at most so often."""
    rounds = [timed()]
    while len(rounds) < most and time.monotonic() < stop:
        rounds.append(timed())
    return rounds
