"""The parameters of a verifiable sum, derived and checked in one place.

A plan fixes metrics, holders and the largest roster; everything that could overflow is checked here before anything is
computed, and no other module checks it again:

    roster * 2^43 < t        sums of limbs do not wrap around in a slot
    roster * 2^b  < 2^250    sums of values do not wrap around in the group, b the largest bit bound
    b <= 128                 the widest range proof
    12 slots a metric        shares of all metrics lie in one ciphertext a holder
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from carbonport.crypto.pedersen import MAX_VALUE_BITS
from carbonport.crypto.proofs.range_layout import MAX_WIDTH_BITS
from carbonport.crypto.sums.bfv_constants import LIMB_BITS, MAX_METRICS, PLAIN_MODULUS, SLOTS_PER_METRIC
from carbonport.crypto.sums.plan_hash import check_plan_hash
from carbonport.crypto.sums.threshold import Threshold
from carbonport.errors import Misuse

ItemT = TypeVar("ItemT")

MAX_METRIC_ID_BYTES = 128
"""Longest id of a metric, in UTF-8."""

MAX_DECIMALS = 18
"""Most decimals of a metric, and so the largest public power of ten an attested commitment is scaled by."""

MAX_POSITIONS_PER_RANGE_PROOF = 512
"""Bits in one range proof: 16 values of 32. Longer proofs would be shorter in sum, but every process would first have
to make twice as many generators (0.3 ms each)."""


@dataclass(frozen=True, slots=True)
class SumMetric:
    """One quantity that is summed: values are integers v in units of the last of `decimals`, 0 <= v < 2^`bits`.

    `metric_id` names it within the plan, which says its unit and meaning.
    """

    metric_id: str
    decimals: int
    bits: int


@dataclass(frozen=True, slots=True)
class SumParameters:
    """What all parties of one verifiable sum agree on; `roster_limit` is the number of invited contributors.

    Raises `Misuse` when one of this module's bounds does not hold.
    """

    plan_hash: bytes
    threshold: Threshold
    metrics: tuple[SumMetric, ...]
    roster_limit: int

    def __post_init__(self) -> None:
        check_plan_hash(self.plan_hash)
        ids = [metric.metric_id for metric in self.metrics]
        if not 1 <= len(ids) <= MAX_METRICS or len(set(ids)) != len(ids):
            raise _misuse(f"{len(ids)} metrics, or one twice", f"1 to {MAX_METRICS} different metrics")
        for metric in self.metrics:
            if not 1 <= len(metric.metric_id.encode("utf-8")) <= MAX_METRIC_ID_BYTES:
                raise _misuse("a metric without a usable id", f"an id of 1 to {MAX_METRIC_ID_BYTES} bytes")
            if not 0 <= metric.decimals <= MAX_DECIMALS:
                raise _misuse(f"{metric.decimals} decimals", f"0 to {MAX_DECIMALS} decimals")
            if not 1 <= metric.bits <= MAX_WIDTH_BITS:
                raise _misuse(f"a bit bound of {metric.bits}", f"a bit bound of 1 to {MAX_WIDTH_BITS}")
        if self.roster_limit < 1 or self.roster_limit << LIMB_BITS >= PLAIN_MODULUS:
            raise _misuse(
                f"a roster of {self.roster_limit}", f"1 to {(PLAIN_MODULUS - 1) >> LIMB_BITS} contributors"
            )
        if self.roster_limit << max(metric.bits for metric in self.metrics) >= 1 << MAX_VALUE_BITS:
            raise _misuse(
                "a roster and bit bounds whose sum may be too large", f"sums below 2^{MAX_VALUE_BITS}"
            )

    @property
    def slots(self) -> int:
        """Slots of a ciphertext that hold something."""
        return SLOTS_PER_METRIC * len(self.metrics)

    @property
    def range_widths(self) -> list[tuple[int, ...]]:
        """The bit bounds of the metrics, cut into the runs that share a range proof."""
        runs: list[tuple[int, ...]] = []
        run: list[int] = []
        for metric in self.metrics:
            if sum(run) + metric.bits > MAX_POSITIONS_PER_RANGE_PROOF:
                runs.append(tuple(run))
                run = []
            run.append(metric.bits)
        return [*runs, tuple(run)]

    def check_count(self, items: Sequence[object], what: str) -> None:
        """Raise `Misuse` unless there is one item for each metric."""
        if len(items) != len(self.metrics):
            raise _misuse(f"{len(items)} {what}", f"{len(self.metrics)}, one for each metric")

    def per_range_proof(self, items: Sequence[ItemT]) -> list[tuple[ItemT, ...]]:
        """Items of the metrics in the runs of `range_widths`."""
        source = iter(items)
        return [tuple(islice(source, len(run))) for run in self.range_widths]


def _misuse(found: str, expected: str) -> Misuse:
    return Misuse(
        "sum-parameters",
        found=found,
        expected=expected,
        remedy="Correct the plan: fewer contributors or metrics, or smaller bit bounds.",
    )
