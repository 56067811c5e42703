"""Quantiles over the participants, found by bisection on a public grid.

A fine histogram in which every participant counts once *is* the list of their values, so it is never released.
Instead each exchange adds up how much of the cohort lies at or below a threshold, and halves the bracket that holds the
quantile. The search stops when the bracket holds less than twice the minimum cohort; the quantile is then placed in the
bracket in proportion to what lies on either side, which uses nothing but the counts that were released.

A quantile needs the minimum cohort on each side of it, and is worth little when the last bracket is most of the cohort:
a search is made among four times the minimum cohort or more.

What this does not hide: a single step can split the participants 1 to 9, and whoever reads the counts knows that one of
them lies below a threshold, though not which. Only noise removes that; the model card says so.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from carbonport.errors import FailedVerification
from carbonport.federated.features import Floats, Integers
from carbonport.federated.training import Question, Sums

GRID_BINS = 256
"""Bins of the grid, so that eight steps reach one."""

GRID_REACH = 0.8
"""The grid covers relative residuals from minus to plus this; beyond it a participant counts at the end."""

MEDIAN = Fraction(1, 2)
QUARTILES = (Fraction(1, 4), Fraction(3, 4))

NORMAL_QUARTILES = 1.349
"""Quartiles of a normal distribution lie so many standard deviations apart."""


WHOLE = 1024
"""What a participant counts when all its rows lie at or below a threshold."""

NEEDED_COHORTS = 4
"""A search needs so many times the minimum cohort."""

FINE = 1024
"""Positions of a result within a bin: far finer than a bracket can tell."""


CENTRE = FINE * GRID_BINS // 2
"""The position of a residual of 0."""


@dataclass(slots=True)
class Search:
    """The bracket of one quantile among `members` participants, in grid positions. `below_low` of them (each counting
    `WHOLE`) lie at or below its lower end, `below_high` at or below its upper one. Counts of a `noisy` search may
    contradict each other a little."""

    members: int
    fraction: Fraction
    low: int = 0
    high: int = GRID_BINS
    below_low: int = 0
    noisy: bool = False
    below_high: int = field(init=False)

    def __post_init__(self) -> None:
        self.below_high = self.members * WHOLE

    def goes_on(self, minimum: int) -> bool:
        """Whether another step is allowed and useful."""
        return self.high - self.low > 1 and self.below_high - self.below_low >= 2 * minimum * WHOLE

    @property
    def threshold(self) -> int:
        """The next position to ask for."""
        return (self.low + self.high) // 2

    def narrow(self, count: int) -> None:
        """Take how much lies at or below `threshold`."""
        if self.noisy:
            # Noise is no sign of cheating: what cannot be is moved to what can.
            count = min(max(count, self.below_low), self.below_high)
        if not self.below_low <= count <= self.below_high:
            raise FailedVerification(
                "training-counts",
                found="less below a higher threshold than below a lower one, or more than there is",
                expected=f"a count from {self.below_low} to {self.below_high}",
                remedy="End this training: a participant or a holder did not follow the rules.",
            )
        if count >= self._wanted:
            self.high, self.below_high = self.threshold, count
        else:
            self.low, self.below_low = self.threshold, count

    @property
    def position(self) -> int:
        """Where the quantile lies, in `FINE` parts of a bin above the grid's lower end."""
        held = self.below_high - self.below_low
        share = (self._wanted - self.below_low) / held if held else Fraction(1, 2)
        return round((self.low + share * (self.high - self.low)) * FINE)

    @property
    def _wanted(self) -> Fraction:
        return self.fraction * self.members * WHOLE


def search_quantiles(
    searches: Sequence[Search], question: Callable[[Sequence[int]], Question], minimum: int
) -> Generator[Question, Sums, None]:
    """Narrow all `searches`, in step; `question` asks for what lies at or below one threshold for each of them.

    A search that has ended is asked for the end of the grid, which tells nothing.
    """
    while any(open_now := [search.goes_on(minimum) for search in searches]):
        asked = [
            search.threshold if goes_on else GRID_BINS
            for search, goes_on in zip(searches, open_now, strict=True)
        ]
        counts = yield question(asked)
        for search, goes_on, count in zip(searches, open_now, counts, strict=True):
            if goes_on:
                search.narrow(count)


def relative(position: int) -> float:
    """The relative residual at a position in `FINE` parts of a bin."""
    return GRID_REACH * (2 * position / (FINE * GRID_BINS) - 1)


def at_or_below(residuals: Floats, thresholds: Sequence[int]) -> Integers:
    """For each threshold what a participant with these residuals (one or more) counts: the share of them at or below
    it, in parts of `WHOLE`. The grid's last position holds everything."""
    ends = np.array([relative(place * FINE) if place < GRID_BINS else np.inf for place in thresholds])
    shares = (residuals[:, None] <= ends[None, :]).mean(axis=0)
    counts: Integers = np.rint(shares * WHOLE).astype(np.int64)
    return counts


def robust_deviation(lower: int, upper: int) -> float:
    """The standard deviation that quartiles (in `FINE` parts) stand for, at least that of a quarter of a bin."""
    apart = max(upper - lower, FINE // 4) * 2 * GRID_REACH / (FINE * GRID_BINS)
    return apart / NORMAL_QUARTILES
