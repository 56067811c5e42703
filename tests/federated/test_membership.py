"""Whether a record was in a training: what the strongest attacker finds with noise and without, and a usual one.

The strongest attacker knows every row but one and sees all released sums; without noise nothing is left to guess, which
is why rows enter a task once and cohorts never differ by a few. The usual one has a candidate row and the model.
"""

import dataclasses
import math

import numpy as np
from small_tables import cohort, plants, ridge_task, together

from carbonport.federated.features import OTHER, Floats, PublicRange, Rows
from carbonport.federated.judgement import area_under_roc
from carbonport.federated.noise import DELTA, Noised, NoisedCohort, NoisePlan
from carbonport.federated.private_shape import PrivateShape
from carbonport.federated.training import Model, Participants, Question, train

TASK = dataclasses.replace(
    ridge_task(),
    private=PrivateShape("fuel", {"coal": 1.0, "gas": 0.45, OTHER: 1.0}, cells=("coal", "gas")),
    target=PublicRange(0.5, 2.0, "log"),
)
EPSILON = 1.0
TRAININGS = 60
"""With the row, and as many without."""

EVERYBODY = cohort(5)
WHOSE = "exporter-0"
WITHOUT = {**EVERYBODY, WHOSE: EVERYBODY[WHOSE].take(np.arange(15) > 0)}


def asked() -> Question:
    return next(TASK.training())


def summed(members: dict[str, Rows]) -> Floats:
    return np.array(Participants(TASK, members).sum_of(asked()), dtype=float)


def noised(members: dict[str, Rows]) -> Floats:
    plan = NoisePlan(EPSILON, 1)
    drawn = NoisedCohort({name: Noised(TASK, rows, plan) for name, rows in members.items()})
    return np.array(drawn.sum_of(asked()), dtype=float)


def says_it_was_in(seen: Floats) -> bool:
    """The likelihood ratio test of who knows all other rows: is the sum nearer to the one with the row?"""
    without, row = summed(WITHOUT), summed(EVERYBODY) - summed(WITHOUT)
    return float((seen - without) @ row) > float(row @ row) / 2


def test_without_noise_who_knows_all_other_rows_knows_of_each_whether_it_was_in() -> None:
    assert says_it_was_in(summed(EVERYBODY))
    assert not says_it_was_in(summed(WITHOUT))


def test_with_noise_the_strongest_attacker_gains_no_more_than_epsilon_allows() -> None:
    right = np.mean([says_it_was_in(noised(EVERYBODY)) for _ in range(TRAININGS)])
    wrong = np.mean([says_it_was_in(noised(WITHOUT)) for _ in range(TRAININGS)])
    # P. Kairouz, S. Oh and P. Viswanath, ICML 2015: what (epsilon, delta) leaves of true less false alarms.
    allowed = (math.exp(EPSILON) - 1 + 2 * DELTA) / (math.exp(EPSILON) + 1)
    four_deviations = 4 * math.sqrt(0.5 / TRAININGS)
    assert right - wrong <= allowed
    assert abs(right - wrong) <= four_deviations, "and far less than that"


def test_a_model_of_many_tells_less_of_whose_rows_it_saw_than_a_model_of_one() -> None:
    task, outside = ridge_task(minimum_cohort=1), plants(1000, 400)
    members = {f"exporter-{number}": plants(100 + number, 12) for number in range(20)}

    def told(model: Model, inside: Rows) -> float:
        """How well small errors tell rows of the training from others (0.5: not at all)."""
        errors = [np.abs(np.log(model.predict(rows) / rows.target)) for rows in (inside, outside)]
        return area_under_roc(-errors[0], -errors[1])

    def trained(cohort: dict[str, Rows]) -> Model:
        return train(task.training(), Participants(task, cohort).sum_of)

    alone = np.mean([told(trained({name: rows}), rows) for name, rows in members.items()])
    assert told(trained(members), together(members)) < 0.55 < alone
