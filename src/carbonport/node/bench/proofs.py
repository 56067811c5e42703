"""`bench proofs`: what it costs to prove and to check, beside raw multiplications of the same size in the same run.

Results of a good with 20 inputs and open factors, one, two and three at once; its direct emissions from each sealed
form; one 64-bit range, alone and in a batch on
every core; the last consignment of a large lot, on every core; and, when it may take long enough, what callers of a
node notice while it proves. What is measured is taken in turns, so that whatever else the machine does meets all of it.
What one process does is given in processor time, which other programs disturb least, and what several do in time that
passes. Every proof that is timed holds.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

from carbonport.attestation.sealed_form import Sealing
from carbonport.crypto.ambient import system_random
from carbonport.crypto.group import Point, random_scalar
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.range_verifier import RangeClaim
from carbonport.crypto.proofs.ranges import prove_openings, verify_range_claims
from carbonport.node.bench.figures import Figure
from carbonport.node.bench.group_yardsticks import NATIVE, native_range_proof, raw_multiplication
from carbonport.node.bench.lot_case import Spread, lot_check
from carbonport.node.bench.proving_load import proving_load
from carbonport.node.bench.result_case import result_cases, sealed_case
from carbonport.node.range_processes import RangeProcesses

RESULTS: Mapping[str, Sequence[str]] = {
    "direct": ("see_direct",),
    "indirect": ("see_direct", "see_indirect"),
    "default-share": ("see_direct", "see_indirect", "default_share"),
}
"""Results proved together, by the name of their figures."""

RANGE_BITS = 64
RANGE_VALUE = 4_836_291_472
BATCH, SMALL_BATCH = 256, 8
"""Proofs of one batch; the small one stands in for it in a short bench."""

CONSIGNMENTS, FEW_CONSIGNMENTS = 1000, 10
"""Consignments of the lot, and of the small one."""

LONG_BENCH_S = 5.0
"""Measured time from which batch and lot have their full size: selling it takes some 20 seconds on two cores."""

MAX_ROUNDS = 15
"""Turns; the median is over them."""

PORTION = 8
"""Range proofs made at a time."""

CONTEXT = bytes(64)

PROCESSOR, PASSED = "ms of processor", "ms"
"""Units: the time one process computed, and the time that passed."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """What is done in one turn: `parts` equal parts, `yardstick` the figure it is measured against, or empty."""

    work: Callable[[], object]
    unit: str
    parts: int
    yardstick: str

    def timed(self) -> float:
        """One part, in the unit."""
        clock = time.process_time if self.unit == PROCESSOR else time.perf_counter
        began = clock()
        self.work()
        return (clock() - began) * 1000 / self.parts


def bench_proofs(seconds: float) -> Sequence[Figure]:
    """Measure for about `seconds`; setting up comes on top."""
    with RangeProcesses() as checkers:
        if seconds < LONG_BENCH_S:
            return _Bench(map, checkers, seconds, is_long=False).run()
        with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn")) as pool:
            figures = _Bench(pool.map, checkers, seconds / 2, is_long=True).run()
    _tell("running nodes under load")
    return (*figures, *proving_load(seconds / 2))


class _Bench:
    """What is measured, by the name of its figure."""

    def __init__(self, spread: Spread, checkers: RangeProcesses, seconds: float, *, is_long: bool) -> None:
        self._spread, self._checkers, self._seconds, self._is_long = spread, checkers, seconds, is_long
        self._measured: dict[str, _Measured] = {}
        self._sizes: dict[str, int] = {}
        self._add_results()
        self._add_ranges()
        self._add_lot()

    def run(self) -> Sequence[Figure]:
        """Take turns until the time is over."""
        _tell("measuring")
        for measured in self._measured.values():  # makes generators and starts processes
            measured.work()
        stop = time.monotonic() + self._seconds
        rounds: dict[str, list[float]] = {name: [] for name in self._measured}
        for _ in range(MAX_ROUNDS):
            for name, measured in self._measured.items():
                rounds[name].append(measured.timed())
            if time.monotonic() > stop:
                break
        figures: dict[str, Figure] = {}
        for name, measured in self._measured.items():  # a yardstick stands before what it measures
            against = figures[measured.yardstick] if measured.yardstick else None
            figures[name] = Figure.of(name, rounds[name], measured.unit, yardstick=against)
        sizes = [Figure.of(name, [float(size)], "bytes") for name, size in self._sizes.items()]
        return (*figures.values(), *sizes)

    def _add(
        self,
        name: str,
        work: Callable[[], object],
        *,
        unit: str = PROCESSOR,
        parts: int = 1,
        yardstick: str = "",
    ) -> None:
        self._measured[name] = _Measured(work, unit, parts, yardstick)

    def _raw(self, points: int, unit: str = PROCESSOR) -> str:
        """The raw multiplication of so many points as a figure of its own; gives its name."""
        name = f"multiplication-{points}" + ("" if unit == PROCESSOR else "-passed")
        if name not in self._measured:
            self._add(name, raw_multiplication(points), unit=unit)
        return name

    def _add_results(self) -> None:
        cases = dict(zip(RESULTS, result_cases(*RESULTS.values()), strict=True))
        cases |= {f"sealed-{sealing}": sealed_case(sealing, RESULTS["direct"]) for sealing in Sealing}
        for name, case in cases.items():
            raw = self._raw(2 * case.positions())
            proof = case.prove()
            self._add(f"{name}-prove", case.prove, yardstick=raw)
            self._add(f"{name}-verify", partial(case.verify, proof), yardstick=raw)
            self._sizes[f"{name}-size"] = len(proof)

    def _add_ranges(self) -> None:
        batch = BATCH if self._is_long else SMALL_BATCH
        _tell(f"proving {batch} ranges")
        raw = self._raw(2 * RANGE_BITS)
        opening = Opening(RANGE_VALUE, random_scalar(system_random))
        secret = system_random(32)
        proved = list(self._spread(_proved_ranges, [PORTION] * (batch // PORTION)))
        decoded: list[RangeClaim[Point]] = [
            RangeClaim((Point.decode(point),), (RANGE_BITS,), CONTEXT, proof)
            for portion in proved
            for point, proof in portion
        ]
        self._add(
            f"range-{RANGE_BITS}-prove",
            lambda: prove_openings([opening], [RANGE_BITS], CONTEXT, nonce_secret=secret),
            yardstick=raw,
        )
        self._add(f"range-{RANGE_BITS}-verify", lambda: verify_range_claims(decoded[:1]), yardstick=raw)
        self._add(
            f"range-{RANGE_BITS}-batch-1-core",
            lambda: verify_range_claims(decoded),
            yardstick=raw,
            parts=batch,
        )
        self._add(
            f"range-{RANGE_BITS}-batch",
            lambda: self._checkers.verify(decoded),
            unit=PASSED,
            parts=batch,
            yardstick=self._raw(2 * RANGE_BITS, PASSED),
        )
        self._sizes[f"range-{RANGE_BITS}-size"] = len(decoded[0].proof)
        native = native_range_proof()
        if native is None:
            _tell(f"{NATIVE} is not installed: no native range proof beside ours")
            return
        for figure, measured in zip(("prove", "verify"), native, strict=True):
            self._add(f"native-range-{RANGE_BITS}-{figure}", measured)

    def _add_lot(self) -> None:
        count = CONSIGNMENTS if self._is_long else FEW_CONSIGNMENTS
        _tell(f"selling {count} consignments of a lot")
        check = lot_check(count, self._spread, self._checkers)
        self._add(f"lot-check-{count}", check, unit=PASSED, yardstick=self._raw(count, PASSED))


def _proved_ranges(count: int) -> list[tuple[bytes, bytes]]:
    """In a process of its own where there are many: commitments with their range proofs."""
    found = []
    for _ in range(count):
        opening = Opening(RANGE_VALUE, random_scalar(system_random))
        proof = prove_openings([opening], [RANGE_BITS], CONTEXT, nonce_secret=system_random(32))
        found.append((commit(opening).encode(), proof))
    return found


def _tell(what: str) -> None:
    """Progress, for setting up takes a while; never on the output that scripts read."""
    print(f"bench proofs: {what}", file=sys.stderr, flush=True)
