"""Record-level differential privacy: noise that the participants add to their own vectors, and what it buys.

Whoever sees all released sums of a training learns little about whether any one record was in it: at most `epsilon`,
but for a chance `delta` (C. Dwork and A. Roth, 2014). No party is trusted to add the noise: each participant adds a
share of a discrete Gaussian, sized so that the shares of `honest` participants alone carry all of it, whatever the
others do.

The shares are exact integers from the machine's random bytes (C. Canonne, G. Kamath and T. Steinke, NeurIPS 2020,
Algorithms 1 to 3). The sum of discrete Gaussians is one but for a distance below 10 n exp(-pi^2 deviation^2) (P.
Kairouz, Z. Liu and T. Steinke, ICML 2021), which shares of a deviation of `SMALLEST_DEVIATION` or more make smaller
than any delta; so the account is that of the Gaussian mechanism, kept with `dp-accounting`.

A noised vector is drawn once: the same question of the same training is answered with the same integers (`Noised`). A
new draw would be a new release, and is charged as one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.errors import Misuse
from carbonport.federated.features import Rows
from carbonport.federated.training import MINIMUM_COHORT, Model, Question, Sums, Task

DELTA = 1e-5
"""Chance with which the bound may fail; far below one over the records of a cohort."""

SMALLEST_DEVIATION = 16
"""A share's deviation in integers, at least: then the sum's distance from a discrete Gaussian is below 2^-3000."""

LARGEST_SHARE = 40
"""Deviations of a share that the secure sum has room for."""

MULTIPLIERS_KEPT = 64
"""Noise multipliers that are remembered; to find one takes ten milliseconds."""

MAX_DELTA = 1e-3
"""A chance above it would let one record of a thousand be told outright."""

MAX_EPSILON = 20.0
"""Beyond it the word privacy means nothing."""


@dataclass(frozen=True, slots=True)
class NoisePlan:
    """What a training's plan says: the whole `epsilon` for `releases` noised exchanges, but for the chance `delta`, and
    how many participants may be dishonest or absent (`tolerated`) without the noise falling short of `epsilon`."""

    epsilon: float
    releases: int
    minimum_cohort: int = MINIMUM_COHORT
    tolerated: int = MINIMUM_COHORT // 2
    delta: float = DELTA
    multiplier: float = field(init=False)

    def __post_init__(self) -> None:
        good = 0 < self.epsilon <= MAX_EPSILON and 0 < self.delta <= MAX_DELTA and self.releases >= 1
        if not (good and 0 <= self.tolerated < self.minimum_cohort):
            raise Misuse(
                "noise-plan",
                found=f"epsilon {self.epsilon:g}, delta {self.delta:g} for {self.releases} releases, {self.tolerated} "
                "tolerated",
                expected=f"epsilon above 0 and at most {MAX_EPSILON:g}, delta above 0 and at most {MAX_DELTA:g}, fewer "
                "tolerated than the minimum cohort",
                remedy="Correct the plan.",
            )
        object.__setattr__(self, "multiplier", _multiplier(self.epsilon, self.releases, self.delta))

    @property
    def honest(self) -> int:
        """Participants whose shares alone carry the whole noise."""
        return self.minimum_cohort - self.tolerated

    def share_deviation(self, sensitivity: int) -> int:
        """The deviation of one participant's share, in integers, for a question of this L2 sensitivity to a record."""
        return max(SMALLEST_DEVIATION, math.ceil(self.multiplier * sensitivity / math.sqrt(self.honest)))

    def widened(self, question: Question) -> Question:
        """The question as the secure sum carries it: its bound with room for a share of noise.

        A share beyond `LARGEST_SHARE` deviations does not occur (chance below exp(-800)).
        """
        if question.sensitivity is None:
            raise _too_many("a question that is not made for noise")
        room = LARGEST_SHARE * self.share_deviation(question.sensitivity)
        return replace(question, bound=question.bound + room)


def epsilon_of(multiplier: float, releases: int, delta: float = DELTA) -> float:
    """The epsilon of `releases` Gaussian releases of this noise multiplier, at `delta`."""
    # Only here: it brings scipy along, which takes a node longer to load than everything else of a training.
    import dp_accounting

    accountant = dp_accounting.rdp.RdpAccountant()
    accountant.compose(dp_accounting.GaussianDpEvent(multiplier), releases)
    return float(accountant.get_epsilon(delta))


@lru_cache(MULTIPLIERS_KEPT)
def _multiplier(epsilon: float, releases: int, delta: float) -> float:
    """The smallest noise multiplier that keeps to `epsilon`. Everybody who reads a plan asks for it again and again."""
    low, high = 0.05, 0.1
    while epsilon_of(high, releases, delta) > epsilon:
        low, high = high, 2 * high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if epsilon_of(middle, releases, delta) <= epsilon else (middle, high)
    return high


@dataclass(slots=True)
class Noised:
    """One participant's half of a training with noise. Keeps what it drew, and gives the same again."""

    task: Task[Model]
    rows: Rows = field(repr=False)
    plan: NoisePlan
    random_bytes: RandomBytes = field(default=system_random, repr=False)
    _drawn: dict[int, tuple[str, tuple[int, ...]]] = field(default_factory=dict, repr=False)

    def answer(self, exchange: int, question: Question) -> tuple[int, ...]:
        """The noised vector for the question of this exchange."""
        asked = repr((question.name, question.parameters, question.length))
        known = self._drawn.get(exchange)
        if known is None:
            if len(self._drawn) >= self.plan.releases:
                raise _too_many("more questions than the plan has releases")
            sensitivity = question.sensitivity
            if sensitivity is None:
                raise _too_many("a question that is not made for noise")
            vector = question.checked(self.task.contribution(question, self.rows))
            deviation = self.plan.share_deviation(sensitivity)
            drawn = tuple(value + discrete_gaussian(deviation, self.random_bytes) for value in vector)
            known = self._drawn.setdefault(exchange, (asked, drawn))
        if known[0] != asked:
            raise _too_many("another question under the number of one that was answered")
        return known[1]


@dataclass(slots=True)
class NoisedCohort:
    """A cohort in process whose members add noise."""

    members: Mapping[str, Noised]
    asked: int = 0

    def answers(self, question: Question) -> dict[str, tuple[int, ...]]:
        """Every participant's noised vector for the next exchange."""
        self.asked += 1
        return {name: member.answer(self.asked, question) for name, member in self.members.items()}

    def sum_of(self, question: Question) -> Sums:
        """Their plain sum."""
        return tuple(np.sum(list(self.answers(question).values()), axis=0).tolist())


def discrete_gaussian(deviation: int, random_bytes: RandomBytes) -> int:
    """An integer with probability proportional to exp(-x^2 / (2 deviation^2)), exactly (Algorithm 3)."""
    scale = deviation + 1
    while True:
        candidate = _discrete_laplace(scale, random_bytes)
        distance = Fraction(abs(candidate) * scale - deviation * deviation, scale) ** 2
        if _bernoulli_exp(distance / (2 * deviation * deviation), random_bytes):
            return candidate


def _discrete_laplace(scale: int, random_bytes: RandomBytes) -> int:
    """An integer with probability proportional to exp(-|x| / scale) (Algorithm 2)."""
    while True:
        low = _below(scale, random_bytes)
        if not _bernoulli_exp(Fraction(low, scale), random_bytes):
            continue
        high = 0
        while _bernoulli_exp(Fraction(1), random_bytes):
            high += 1
        magnitude = low + scale * high
        negative = random_bytes(1)[0] & 1
        if not (negative and magnitude == 0):
            return -magnitude if negative else magnitude


def _bernoulli_exp(exponent: Fraction, random_bytes: RandomBytes) -> bool:
    """True with probability exp(-exponent), exponent >= 0 (Algorithm 1)."""
    while exponent > 1:
        if not _bernoulli_exp(Fraction(1), random_bytes):
            return False
        exponent -= 1
    count = 1
    while _below(exponent.denominator * count, random_bytes) < exponent.numerator:
        count += 1
    return count % 2 == 1


def _below(bound: int, random_bytes: RandomBytes) -> int:
    """A uniform integer from 0 to before `bound`."""
    size = (bound.bit_length() + 7) // 8
    mask = (1 << bound.bit_length()) - 1
    while True:
        value = int.from_bytes(random_bytes(size), "big") & mask
        if value < bound:
            return value


def _too_many(found: str) -> Misuse:
    return Misuse(
        "noise-release",
        found=found,
        expected="the questions that the plan counts, each once",
        remedy="End this training. What was answered stays charged.",
    )
