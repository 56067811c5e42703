"""How good predictions are: error, explained variance, and whether they find a claim that is too low.

Floating point: these are figures about a model, never attested and never summed over participants.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from carbonport.federated.features import Floats

UNDERSTATED = 0.8
"""The dishonest claim of `auc_20`: 80 % of the true value."""


@dataclass(frozen=True, slots=True)
class Scores:
    """`r2` the share of variance explained, `mae` and `rmse` errors in the target's unit, `auc_20` how well
    predicted/claimed tells a claim 20 % too low from a true one (0.5 is a guess), over the rows whose true value is
    above 0: elsewhere there is no claim that is 20 % too low. NaN where there is no answer."""

    r2: float
    mae: float
    rmse: float
    auc_20: float

    @classmethod
    def of(cls, predicted: Floats, true: Floats) -> "Scores":
        """Scores of predictions on held-out rows; rows without a prediction do not count."""
        given = np.isfinite(predicted)
        predicted, true = predicted[given], true[given]
        if not len(true):
            return cls(math.nan, math.nan, math.nan, math.nan)
        errors = predicted - true
        squares = float(np.sum(errors**2))
        spread = float(np.sum((true - true.mean()) ** 2))
        positive = true > 0
        return cls(
            1 - squares / spread if spread else math.nan,
            float(np.mean(np.abs(errors))),
            math.sqrt(squares / len(true)),
            auc_understated(predicted[positive], true[positive], UNDERSTATED) if positive.any() else math.nan,
        )

    @classmethod
    def mean(cls, scores: Iterable["Scores"]) -> "Scores":
        """The mean of each figure over several judgements, those without an answer left out."""
        listed = list(scores)
        figures = ([getattr(score, name) for score in listed] for name in cls.__slots__)
        return cls(*(_mean([value for value in column if not math.isnan(value)]) for column in figures))

    def as_json(self) -> dict[str, float | None]:
        """Six significant digits, null for no answer."""
        return {
            name: None if math.isnan(value) else float(f"{value:.6g}")
            for name, value in ((name, getattr(self, name)) for name in self.__slots__)
        }


def everywhere(predicted: Floats, mean: float) -> Floats:
    """Predictions with the training rows' mean where the model has no opinion, so that all are judged on the same
    rows."""
    return np.where(np.isfinite(predicted), predicted, mean)


def auc_understated(predicted: Floats, true: Floats, factor: float) -> float:
    """AUROC of the ratio predicted/claimed with claimed = true (honest) and claimed = factor x true (not)."""
    honest = predicted / true
    return area_under_roc(honest / factor, honest)


def area_under_roc(positive: Floats, negative: Floats) -> float:
    """The chance that a positive scores above a negative, ties counting half (Mann-Whitney)."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return float(np.sum(below + not_above)) / (2 * len(positive) * len(negative))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan
