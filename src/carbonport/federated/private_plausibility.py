"""Both plausibility models with record-level noise, and what the noise costs beside the same training without it.

Whoever reads the models learns of any single row at most `epsilon` per model, but for the chance `delta`. Every member
takes part in *one* noised training of each task, so nothing has to be added up: the models that are judged on held-out
members are the ones that are issued. In exchange they learn from four members of five.

The figures of the card are taken on rows that were held out, in four digits and without noise; they are no part of the
promise, and the card says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.federated.features import Rows
from carbonport.federated.model_card import ModelCard
from carbonport.federated.noise import DELTA, Noised, NoisedCohort, NoisePlan
from carbonport.federated.plausibility_tasks import PRIVATE_INDEPENDENT_TASK, RECALCULATION_TASK
from carbonport.federated.plausibility_training import (
    LIMITS,
    VIEW,
    Adder,
    TrainedScores,
    both_usable,
    held_out_scores,
    judged_cohort,
    train_both,
)
from carbonport.federated.quantiles import GRID_BINS, NEEDED_COHORTS
from carbonport.federated.recalculation import RecalculationModel
from carbonport.federated.ridge import RidgeModel
from carbonport.federated.training import (
    MINIMUM_COHORT,
    MINIMUM_ROWS,
    Model,
    SumOf,
    Task,
    require_cohort,
    train,
)

INDEPENDENT_RELEASES = 1
"""Noised exchanges of the independent score: one Gram matrix."""

RECALCULATION_RELEASES = 2 * (GRID_BINS.bit_length() - 1)
"""Noised exchanges of the recalculation at most: a bisection of the grid for the median, one for both quartiles."""

PRIVATE_LIMITS = (
    *LIMITS[:2],
    "Noise hides months, not plants: whether a plant took part can still show.",
    "The scatter of a route with few rows is drawn towards that of all routes.",
    LIMITS[-1],
)
"""What the card of a noised model says."""


@dataclass(frozen=True, slots=True)
class PrivacyTerms:
    """What is promised: `epsilon` for each of the two models, but for the chance `delta`. `tolerated` members may be
    dishonest or absent before the noise falls short of it; None: half of them."""

    epsilon: float
    delta: float = DELTA
    tolerated: int | None = None

    def plan(self, members: int, releases: int) -> NoisePlan:
        """The plan for noise among so many members."""
        tolerated = members // 2 if self.tolerated is None else self.tolerated
        return NoisePlan(self.epsilon, releases, members, tolerated, self.delta)


def train_private_plausibility(
    members: Mapping[str, Rows],
    add: Adder,
    terms: PrivacyTerms,
    charge: Callable[[], object],
    *,
    seed: int = 0,
    random_bytes: RandomBytes = system_random,
) -> TrainedScores:
    """Train with noise on the part of the members that learns, and judge on the others beside the same training
    without. `charge` is called when nothing else can refuse the training, before any noise is drawn; it may raise."""
    split = judged_cohort(members, _usable, seed=seed)
    learning, held_out = split.learning, list(split.held_out.values())
    count = len(learning)
    require_cohort(count, NEEDED_COHORTS * MINIMUM_COHORT)
    tolerated = terms.plan(count, INDEPENDENT_RELEASES).tolerated
    charge()
    noised = _train_both(learning, add, terms, random_bytes)
    scores = held_out_scores(*noised, held_out)
    plain = held_out_scores(*train_both(learning, add), held_out)
    for name in ("recalculation_rmse", "independent_rmse"):
        if name in scores and name in plain:
            scores[f"{name}_without_noise"] = plain[name]
    card = ModelCard(
        view=VIEW,
        participants=count,
        rows=count * MINIMUM_ROWS,
        minimum_cohort=MINIMUM_COHORT,
        privacy=f"record-level noise by the members: epsilon {terms.epsilon:g}, delta {terms.delta:g} for each model, "
        f"if {tolerated} of them at most are dishonest or absent; rows: at least so many; scores: on held-out rows, "
        "without noise",
        scores=scores,
        limits=PRIVATE_LIMITS,
    )
    return TrainedScores(*noised, card)


def _usable(rows: Rows) -> NDArray[np.bool_]:
    return both_usable(rows) & PRIVATE_INDEPENDENT_TASK.usable(rows)


def _train_both(
    cohort: Mapping[str, Rows], add: Adder, terms: PrivacyTerms, random_bytes: RandomBytes
) -> tuple[RecalculationModel, RidgeModel]:
    count = len(cohort)
    first, second = replace(RECALCULATION_TASK, private_members=count), PRIVATE_INDEPENDENT_TASK
    once = terms.plan(count, RECALCULATION_RELEASES), terms.plan(count, INDEPENDENT_RELEASES)
    return (
        train(first.training(), _noised_sums(first, cohort, once[0], add, random_bytes)),
        train(second.training(), _noised_sums(second, cohort, once[1], add, random_bytes)),
    )


def _noised_sums(
    task: Task[Model], cohort: Mapping[str, Rows], plan: NoisePlan, add: Adder, random_bytes: RandomBytes
) -> SumOf:
    noised = NoisedCohort({name: Noised(task, rows, plan, random_bytes) for name, rows in cohort.items()})
    return lambda question: add(plan.widened(question), noised.answers(question))
