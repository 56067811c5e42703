"""Training the gap-filling model over one cohort, and judging it on plants that were held out."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from carbonport.federated.boosting import BoostingModel
from carbonport.federated.features import Rows
from carbonport.federated.gap_filling import GAP_TASK
from carbonport.federated.model_card import ModelCard
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
"""Share of the participants on which the model is judged; the one that is issued learns from all."""

LIMITS = (
    "An estimate is no reading: it is marked wherever it goes, and a verifier decides what it is good for.",
    "Gaps of at most four hours, with a week of readings before them.",
    "A plant that does today what it did neither yesterday nor last week is not foreseen.",
)
"""What every card says."""

Adder = Callable[[Question, Mapping[str, tuple[int, ...]]], Sums]


@dataclass(frozen=True, slots=True)
class TrainedGapFilling:
    """The model and its card."""

    model: BoostingModel
    card: ModelCard


def train_gap_filling(members: Mapping[str, Rows], add: Adder, *, seed: int = 0) -> TrainedGapFilling:
    """Train on all members' rows (`gap_filling.training_rows`), after judging the same on a part of them."""
    usable = {name: rows.take(GAP_TASK.usable(rows)) for name, rows in sorted(members.items())}
    cohort = {name: rows for name, rows in usable.items() if len(rows) >= MINIMUM_ROWS}
    require_cohort(len(cohort), MINIMUM_COHORT)
    names = list(cohort)
    random.Random(seed).shuffle(names)  # noqa: S311 - which members are held out needs no secrecy
    held_out = names[: max(1, round(HELD_OUT_SHARE * len(names)))]
    scores: dict[str, str] = {}
    if len(cohort) - len(held_out) >= MINIMUM_COHORT:
        judged = _train({name: rows for name, rows in cohort.items() if name not in held_out}, add)
        errors = [
            (float(np.mean((rows.target - judged.predict(rows)) ** 2)), float(np.mean(rows.target**2)))
            for rows in (cohort[name] for name in held_out)
        ]
        model_error, line_error = (
            math.sqrt(sum(column) / len(errors)) for column in zip(*errors, strict=True)
        )
        scores = {
            "model_rmse_of_mean_load": f"{model_error:.4f}",
            "default_rmse_of_mean_load": f"{line_error:.4f}",
        }
    card = ModelCard(
        view=GAP_TASK.view,
        participants=len(cohort),
        rows=sum(len(rows) for rows in cohort.values()),
        minimum_cohort=MINIMUM_COHORT,
        privacy="sums over key holders; no noise was added",
        scores=scores,
        limits=LIMITS,
    )
    return TrainedGapFilling(_train(cohort, add), card)


def _train(cohort: Mapping[str, Rows], add: Adder) -> BoostingModel:
    members = Participants(GAP_TASK, cohort)
    return train(GAP_TASK.training(), lambda question: add(question, members.answers(question)))
