"""`bench aggregate`: verifiable sums beside plain Shamir and Paillier on the same values in the same run.

Processor time is that of every party and of the workers, without the starts of processes; what the whole check of a
large roster takes on every core is given in time that passes. All values have a bit bound of 32; every sum that is
timed is compared with the sum of its values, digit by digit.
"""

import secrets
import sys
import time
from collections.abc import Sequence
from functools import partial

from carbonport.crypto.sums.attested import AttestedValue
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.node.bench.figures import Figure
from carbonport.node.bench.large_sum import large_sum
from carbonport.node.bench.sum_case import BITS, THRESHOLD, FullSum, case_parameters, contribute, drawn_values
from carbonport.node.bench.sum_network import carried_seconds, shamir_messages, sum_messages
from carbonport.node.bench.sum_yardsticks import (
    PAILLIER,
    PAILLIER_KEY_BITS,
    paillier_seconds,
    shamir_seconds,
)
from carbonport.node.bench.timing import seconds_with, turns

MEMBERS, METRICS = 30, 2
"""The sum that is run from end to end, and beside it by other means."""

FEW_MEMBERS = 2
"""Members in a short bench."""

WIDE = (16, 64)
"""Metrics of the contributions that are measured alone."""

ROSTER, SMALL_ROSTER = 1000, 4
"""Contributors that are streamed and checked; the small number stands in for it in a short bench."""

LONG_BENCH_S = 5.0
"""Measured time from which everything has its full size: making 1,000 contributions takes some 20 seconds on two
cores."""

CARRIED_ROUNDS = 3
"""Turns of carrying all messages."""

STATISTICS_MEMBERS, STATISTICS = 40, 4096
"""A fast sum as training makes them."""

MAX_ROUNDS = 7
"""Turns; the median is over them."""

PROCESSOR = "s of processor"


def bench_aggregate(seconds: float) -> Sequence[Figure]:
    """Measure for about `seconds`; setting up comes on top."""
    is_long = seconds >= LONG_BENCH_S
    stop = time.monotonic() + seconds
    with BfvWorker() as worker:
        figures = _end_to_end(worker, MEMBERS if is_long else FEW_MEMBERS, stop)
        figures += [_wide_contribution(worker, metrics, stop) for metrics in WIDE]
        figures.append(_statistics(stop))
        figures += large_sum(worker, ROSTER if is_long else SMALL_ROSTER, _tell)
    return tuple(figures)


def _end_to_end(worker: BfvWorker, members: int, stop: float) -> list[Figure]:
    _tell(f"{members} contributors, {METRICS} metrics, {THRESHOLD.holders} holders")
    rows = [drawn_values(METRICS) for _ in range(members)]
    values = [[value.opening.value for value in row] for row in rows]
    parameters = case_parameters(METRICS)
    FullSum(parameters, rows[:1], worker).run()  # makes tables and generators
    sums = turns(lambda: seconds_with(worker, FullSum(parameters, rows, worker).run), stop, MAX_ROUNDS)
    size = f"{members}x{METRICS}"
    shamir = Figure.of(f"shamir-{size}", [shamir_seconds(values) for _ in range(MAX_ROUNDS)], PROCESSOR)
    figures = [shamir, Figure.of(f"sum-{size}", sums, PROCESSOR, yardstick=shamir)]
    figures += _carried(worker, rows, size)
    _tell(f"the same by Paillier with keys of {PAILLIER_KEY_BITS} bits")
    paillier = paillier_seconds(values)
    if paillier is None:
        _tell(f"{PAILLIER} is not installed: no Paillier beside ours")
    else:
        figures.append(Figure.of(f"paillier-{size}", [paillier], PROCESSOR, yardstick=shamir))
    return figures


def _carried(worker: BfvWorker, rows: Sequence[Sequence[AttestedValue]], size: str) -> list[Figure]:
    """The messages of both over the same network path."""
    _tell("carrying the messages of both")
    ours, theirs = sum_messages(worker, rows), shamir_messages(len(rows), METRICS)
    rounds = carried_seconds(*[theirs, ours] * CARRIED_ROUNDS)
    shamir = Figure.of(f"shamir-{size}-carried", rounds[::2], "s")
    return [
        shamir,
        Figure.of(f"sum-{size}-carried", rounds[1::2], "s", yardstick=shamir),
        Figure.of(f"shamir-{size}-bytes", [float(sum(map(len, theirs)))], "bytes"),
        Figure.of(f"sum-{size}-bytes", [float(sum(map(len, ours)))], "bytes"),
    ]


def _wide_contribution(worker: BfvWorker, metrics: int, stop: float) -> Figure:
    _tell(f"a contribution of {metrics} metrics")
    contexts = {holder: worker.generate().public for holder in THRESHOLD.indices}
    make = partial(contribute, case_parameters(metrics), 0, drawn_values(metrics), contexts, worker)
    rounds = turns(lambda: seconds_with(worker, make), stop, MAX_ROUNDS)
    return Figure.of(f"contribution-{metrics}", rounds, PROCESSOR)


def _statistics(stop: float) -> Figure:
    _tell(f"{STATISTICS_MEMBERS} contributors, {STATISTICS} statistics")
    rows = [[secrets.randbelow(1 << BITS) for _ in range(STATISTICS)] for _ in range(STATISTICS_MEMBERS)]
    rounds = turns(lambda: shamir_seconds(rows), stop, MAX_ROUNDS)
    return Figure.of(f"shamir-{STATISTICS_MEMBERS}x{STATISTICS}", rounds, PROCESSOR)


def _tell(what: str) -> None:
    """Progress, for setting up takes a while; never on the output that scripts read."""
    print(f"bench aggregate: {what}", file=sys.stderr, flush=True)
