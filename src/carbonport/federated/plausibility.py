"""Is a claim plausible for a plant of that kind? Two scores, and one flag from both.

Each score is `r = log(predicted/claimed) / deviation`: how many deviations a claim lies below what a model expects. The
first (`carbonport.federated.recalculation`) finds a claim that does not fit the plant's own inputs; a liar who changes
the inputs too passes it. The second (`carbonport.federated.ridge`, per route) knows only evidence that is not part of
the calculation of direct emissions, such as electricity bills, and is wider. The flag is `max(r1/2, r2)`: the first
score is halved because its deviation is small, and what is slightly off there needs no explanation.

A flag is a reason to ask, never a proof: nothing is blocked by it.
"""

import math
from dataclasses import dataclass

import numpy as np

from carbonport.federated.bucket_ridge import BucketRidge
from carbonport.federated.features import Floats, Rows
from carbonport.federated.recalculation import RecalculationModel
from carbonport.federated.ridge import RidgeModel

INTERVAL_DEVIATIONS = 1.645
"""Nine of ten honest claims of a normal distribution lie within so many deviations of the prediction."""

ASK_ABOVE = 2.0
"""A flag above this is worth a question: two deviations of the independent evidence, four of the recalculation."""


@dataclass(frozen=True, slots=True)
class PlausibilityScores:
    """For each row `recalculation` and `independent`, the two scores, and `flag`; NaN where a model has no opinion."""

    recalculation: Floats
    independent: Floats
    flag: Floats


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a model expects of one claim: prediction, interval and score, in the claim's unit."""

    model: str
    predicted: float
    low: float
    high: float
    score: float


def plausibility_scores(
    rows: Rows, recalculation: RecalculationModel | None, independent: RidgeModel | BucketRidge | None
) -> PlausibilityScores:
    """The scores of the claims in `rows.target`. Without a model its score is NaN, and the flag rests on the other."""
    nothing = np.full(len(rows), np.nan)
    first = (
        nothing
        if recalculation is None
        else _below(recalculation.predict(rows), rows, _wide(recalculation, rows))
    )
    second = (
        nothing
        if independent is None
        else _below(independent.predict(rows), rows, independent.deviation(rows))
    )
    return PlausibilityScores(first, second, np.fmax(first / 2, second))


def expectations(
    row: Rows, recalculation: RecalculationModel | None, independent: RidgeModel | BucketRidge | None
) -> tuple[Expectation, ...]:
    """What each model that has an opinion expects of the one claim in `row`."""
    found = []
    if recalculation is not None:
        found.append(
            _expectation("recalculation", recalculation.predict(row), _wide(recalculation, row), row)
        )
    if independent is not None:
        found.append(_expectation("independent", independent.predict(row), independent.deviation(row), row))
    return tuple(one for one in found if one is not None)


def _expectation(name: str, predicted: Floats, deviation: Floats, row: Rows) -> Expectation | None:
    middle, scatter = float(predicted[0]), float(deviation[0])
    if not (math.isfinite(middle) and math.isfinite(scatter) and scatter > 0):
        return None
    reach = math.exp(INTERVAL_DEVIATIONS * scatter)
    score = float(_below(predicted, row, deviation)[0])
    return Expectation(name, middle, middle / reach, middle * reach, score)


def _wide(model: RecalculationModel, rows: Rows) -> Floats:
    return np.full(len(rows), np.nan if model.deviation is None else model.deviation)


def _below(predicted: Floats, rows: Rows, deviation: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        scores: Floats = np.log(predicted / rows.target) / deviation
    return scores
