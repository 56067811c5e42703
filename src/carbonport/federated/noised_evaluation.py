"""What record-level noise costs, judged on one table: the training with noise beside the same without.

Two things cost something, and are told apart: the *shape* that a task for noise needs (a ratio to public typical values
within a narrow range, shortened rows, cells by definition), and the *noise* itself. Each split is a training of its own
with a draw of its own; whoever released the models of several splits would have to charge each.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.federated.evaluation import Adder
from carbonport.federated.features import Rows
from carbonport.federated.judgement import Scores, everywhere
from carbonport.federated.noise import Noised, NoisedCohort, NoisePlan, epsilon_of
from carbonport.federated.private_plausibility import PrivacyTerms
from carbonport.federated.training import (
    MINIMUM_ROWS,
    Model,
    Participants,
    Task,
    require_cohort,
    train,
)

UNIT = "one row of one participant, added or taken away"
"""What epsilon is about."""

ACCOUNTANT = "Gaussian releases composed by their Renyi divergences (dp-accounting)"
"""How epsilon is accounted for."""


@dataclass(frozen=True, slots=True)
class NoisedTask:
    """A task for noise: `task_of` gives it for a number of participants, `releases` is how many noised exchanges its
    training has at most, `terms` what is promised for all of them together."""

    task_of: Callable[[int], Task[Model]] = field(repr=False)
    releases: int
    terms: PrivacyTerms
    random_bytes: RandomBytes = field(default=system_random, repr=False)

    def plan(self, participants: int) -> NoisePlan:
        """How the noise is sized among so many participants."""
        return self.terms.plan(participants, self.releases)


@dataclass(slots=True)
class NoiseJudgement:
    """Judges a task for noise on the splits of an evaluation (`carbonport.federated.evaluation.Beside`), and keeps what
    it found: `scores` with noise, and for each split the root mean square error with noise over that of the
    unprotected federated model (`whole`) and over that of the same shape without noise (`alone`)."""

    noised: NoisedTask
    scores: list[Scores] = field(default_factory=list)
    plans: list[NoisePlan] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)

    def judge(self, by_client: Mapping[str, Rows], tested: Rows, add: Adder, federated: Scores) -> None:
        """Train with noise and without on the rows of one split that the task for noise can use.

        A participant takes part with `MINIMUM_ROWS` of them or more, on which sensitivities rest.
        """
        usable = self.noised.task_of(len(by_client)).usable
        taken = {name: rows.take(usable(rows)) for name, rows in by_client.items()}
        cohort = {name: rows for name, rows in taken.items() if len(rows) >= MINIMUM_ROWS}
        require_cohort(len(cohort), 1)
        task, plan = self.noised.task_of(len(cohort)), self.noised.plan(len(cohort))
        drawn = NoisedCohort(
            {name: Noised(task, rows, plan, self.noised.random_bytes) for name, rows in cohort.items()}
        )
        models = (
            train(task.training(), lambda question: add(plan.widened(question), drawn.answers(question))),
            train(task.training(), Participants(task, cohort).sum_of),
        )
        mean = float(np.mean(np.concatenate([rows.target for rows in by_client.values()])))
        with_noise, without = (
            Scores.of(everywhere(model.predict(tested), mean), tested.target) for model in models
        )
        self.scores.append(with_noise)
        self.plans.append(plan)
        self.whole.append(_ratio(with_noise.rmse, federated.rmse))
        self.alone.append(_ratio(with_noise.rmse, without.rmse))

    def as_json(self) -> dict[str, object]:
        """Promise, account and cost, as `--json` prints them."""
        fewest = min(self.plans, key=lambda plan: plan.minimum_cohort)
        accounted = max(epsilon_of(plan.multiplier, plan.releases, plan.delta) for plan in self.plans)
        return {
            "epsilon": fewest.epsilon,
            "delta": fewest.delta,
            "unit": UNIT,
            "accountant": ACCOUNTANT,
            "epsilon_accounted": float(f"{accounted:.6g}"),
            "releases": fewest.releases,
            "noise_multiplier": float(f"{fewest.multiplier:.6g}"),
            "participants": fewest.minimum_cohort,
            "tolerated": fewest.tolerated,
            "rmse_ratio": _ratios(self.whole),
            "rmse_ratio_of_noise_alone": _ratios(self.alone),
        }


def _ratio(error: float, other: float) -> float:
    """NaN beside a model without error, which needs none of this."""
    return error / other if other else math.nan


def _ratios(found: Sequence[float]) -> dict[str, float | None]:
    known = [value for value in found if math.isfinite(value)]
    figures = (median(known), min(known), max(known)) if known else (None, None, None)
    return {
        name: None if value is None else float(f"{value:.6g}")
        for name, value in zip(("median", "least", "most"), figures, strict=True)
    }
