"""Training both plausibility models over one cohort, and judging them on participants that were held out."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbonport.federated.features import Floats, Rows
from carbonport.federated.judgement import auc_understated
from carbonport.federated.model_card import ModelCard
from carbonport.federated.plausibility import INTERVAL_DEVIATIONS
from carbonport.federated.plausibility_tasks import (
    CLAIM,
    INDEPENDENT_TASK,
    RECALCULATED,
    RECALCULATION_TASK,
    ROUTE,
    SEE_INDIRECT,
)
from carbonport.federated.recalculation import RecalculationModel
from carbonport.federated.ridge import RidgeModel
from carbonport.federated.training import (
    MINIMUM_COHORT,
    MINIMUM_ROWS,
    Participants,
    Question,
    Sums,
    require_cohort,
    train,
)

HELD_OUT_SHARE = 0.2
"""Share of the participants on which the models are judged; the models that are issued learn from all."""

LIMITS = (
    "A flag is a reason to ask; it proves nothing.",
    "A claim 10 % too low is not reliably found from independent evidence; the recalculation finds it only where the "
    "plant's amounts are known.",
    "A route with fewer than five participants has no independent score.",
    "A step of a bisection can split the participants 1 to 9; only noise would hide that.",
    "Contributions are not bound to verified values: public ranges bound what one member can do, not whether it lies.",
)
"""What every card says."""

VIEW = (ROUTE, RECALCULATED, SEE_INDIRECT, CLAIM)
"""Columns that participants let the tasks read."""

Adder = Callable[[Question, Mapping[str, tuple[int, ...]]], Sums]


@dataclass(frozen=True, slots=True)
class TrainedScores:
    """Both models and the card that goes with them."""

    recalculation: RecalculationModel
    independent: RidgeModel
    card: ModelCard


@dataclass(frozen=True, slots=True)
class JudgedCohort:
    """Members with enough usable rows, some of whom are held out to judge what the others' rows teach."""

    learning: Mapping[str, Rows]
    held_out: Mapping[str, Rows]

    @property
    def everybody(self) -> Mapping[str, Rows]:
        """All of them, by name."""
        return dict(sorted({**self.learning, **self.held_out}.items()))


def train_plausibility(members: Mapping[str, Rows], add: Adder, *, seed: int = 0) -> TrainedScores:
    """Train on all `members` with enough usable rows, after judging the same training on a part of them."""
    split = judged_cohort(members, both_usable, seed=seed)
    judged = train_both(split.learning, add)
    cohort = split.everybody
    recalculation, independent = train_both(cohort, add)
    card = ModelCard(
        view=VIEW,
        participants=len(cohort),
        rows=sum(len(rows) for rows in cohort.values()),
        minimum_cohort=MINIMUM_COHORT,
        privacy="sums over key holders; no noise was added",
        scores=held_out_scores(*judged, list(split.held_out.values())),
        limits=LIMITS,
    )
    return TrainedScores(recalculation, independent, card)


def judged_cohort(
    members: Mapping[str, Rows], usable: Callable[[Rows], NDArray[np.bool_]], *, seed: int
) -> JudgedCohort:
    """The members with `MINIMUM_ROWS` usable rows or more, divided; Refused when they are fewer than the minimum
    cohort."""
    taken = {name: rows.take(usable(rows)) for name, rows in sorted(members.items())}
    cohort = {name: rows for name, rows in taken.items() if len(rows) >= MINIMUM_ROWS}
    require_cohort(len(cohort), MINIMUM_COHORT)
    names = list(cohort)
    random.Random(seed).shuffle(names)  # noqa: S311 - which members are held out needs no secrecy
    held_out = names[: max(1, round(HELD_OUT_SHARE * len(names)))]
    return JudgedCohort(
        {name: rows for name, rows in cohort.items() if name not in held_out},
        {name: cohort[name] for name in held_out},
    )


def both_usable(rows: Rows) -> NDArray[np.bool_]:
    """Rows that count for both tasks."""
    return RECALCULATION_TASK.usable(rows) & INDEPENDENT_TASK.usable(rows)


def train_both(cohort: Mapping[str, Rows], add: Adder) -> tuple[RecalculationModel, RidgeModel]:
    """Both models over a cohort, without noise."""
    first, second = Participants(RECALCULATION_TASK, cohort), Participants(INDEPENDENT_TASK, cohort)
    return (
        train(RECALCULATION_TASK.training(), lambda question: add(question, first.answers(question))),
        train(INDEPENDENT_TASK.training(), lambda question: add(question, second.answers(question))),
    )


def held_out_scores(
    recalculation: RecalculationModel, independent: RidgeModel, held_out: list[Rows]
) -> dict[str, str]:
    """Figures on held-out members; those that cannot be had are absent."""
    true = np.concatenate([rows.target for rows in held_out])
    figures = {
        "default_rmse": _rmse(np.concatenate([rows.column(RECALCULATED) for rows in held_out]), true),
    }
    for name, model in (("recalculation", recalculation), ("independent", independent)):
        predicted = np.concatenate([model.predict(rows) for rows in held_out])
        given = np.isfinite(predicted)
        if not given.any():
            continue
        figures[f"{name}_rmse"] = _rmse(predicted[given], true[given])
        figures[f"{name}_auc_10"] = auc_understated(predicted[given], true[given], 0.9)
        figures[f"{name}_auc_20"] = auc_understated(predicted[given], true[given], 0.8)
        if isinstance(model, RecalculationModel) and model.deviation is not None:
            apart = np.abs(np.log(predicted[given] / true[given]))
            figures["recalculation_coverage_90"] = float(
                np.mean(apart <= INTERVAL_DEVIATIONS * model.deviation)
            )
    return {name: f"{value:.4f}" for name, value in figures.items() if math.isfinite(value)}


def _rmse(predicted: Floats, true: Floats) -> float:
    return float(np.sqrt(np.mean((predicted - true) ** 2)))
