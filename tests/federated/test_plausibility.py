"""The two plausibility scores on invented plants: figures, intervals, lies of both kinds, dishonest members."""

import random

import numpy as np
import pytest
from plant_training import claiming, drawn
from small_tables import together

from carbonport.errors import Misuse
from carbonport.federated.features import Floats, PublicRange, Rows
from carbonport.federated.judgement import area_under_roc, auc_understated
from carbonport.federated.plausibility import INTERVAL_DEVIATIONS, expectations, plausibility_scores
from carbonport.federated.plausibility_tasks import CLAIMS, ROUTES
from carbonport.federated.plausibility_tasks import INDEPENDENT_TASK as INDEPENDENT
from carbonport.federated.plausibility_tasks import RECALCULATION_TASK as RECALCULATION
from carbonport.federated.quantiles import relative
from carbonport.federated.ridge import RidgeTask
from carbonport.federated.secure_sum import InProcessHolders
from carbonport.federated.training import Participants, train

SEEDS = ("a", "b", "c", "d")
DISHONEST_SHARE = 0.15


class Season:
    """A cohort in training and new plants: honest, and lying consistently."""

    def __init__(self, seed: str) -> None:
        self.members = drawn(seed, 18)
        self.honest = together(drawn(f"{seed} new", 6))
        self.lying = together(drawn(f"{seed} new", 6, claimed=0.8, consistent=True))
        self.recalculation = train(RECALCULATION.training(), Participants(RECALCULATION, self.members).sum_of)
        self.independent = train(INDEPENDENT.training(), Participants(INDEPENDENT, self.members).sum_of)


@pytest.fixture(scope="module")
def seasons() -> list[Season]:
    return [Season(seed) for seed in SEEDS]


def rmse(predicted: Floats, rows: Rows) -> float:
    return float(np.sqrt(np.mean((predicted - rows.target) ** 2)))


def test_recalculation_beats_the_default_factors(seasons: list[Season]) -> None:
    for season in seasons:
        rows = season.honest
        assert rmse(season.recalculation.predict(rows), rows) <= 0.7 * rmse(
            rows.numbers["recalculated"], rows
        )


def test_recalculation_finds_a_claim_ten_percent_too_low(seasons: list[Season]) -> None:
    for season in seasons:
        predicted = season.recalculation.predict(season.honest)
        assert auc_understated(predicted, season.honest.target, 0.9) >= 0.98


def test_its_interval_covers_nine_of_ten_new_claims(seasons: list[Season]) -> None:
    coverage = []
    for season in seasons:
        assert season.recalculation.deviation is not None
        apart = np.abs(np.log(season.recalculation.predict(season.honest) / season.honest.target))
        coverage.append(float(np.mean(apart <= INTERVAL_DEVIATIONS * season.recalculation.deviation)))
    assert 0.85 <= np.mean(coverage) <= 0.95


def test_dishonest_members_do_not_blind_it(seasons: list[Season]) -> None:
    for number, season in enumerate(seasons):
        names = sorted(season.members)
        liars = random.Random(number).sample(names, round(DISHONEST_SHARE * len(names)))
        members = {
            name: claiming(rows, 0.8) if name in liars else rows for name, rows in season.members.items()
        }
        model = train(RECALCULATION.training(), Participants(RECALCULATION, members).sum_of)
        assert auc_understated(model.predict(season.honest), season.honest.target, 0.8) >= 0.93


def test_the_flag_finds_lies_that_the_recalculation_agrees_with(seasons: list[Season]) -> None:
    areas, alone = [], []
    for season in seasons:
        honest = plausibility_scores(season.honest, season.recalculation, season.independent)
        lying = plausibility_scores(season.lying, season.recalculation, season.independent)
        areas.append(area_under_roc(lying.flag, honest.flag))
        alone.append(area_under_roc(lying.recalculation, honest.recalculation))
    assert np.mean(areas) >= 0.92
    assert np.mean(alone) < 0.8, "the lie is hidden from the first score"


def test_a_member_with_wild_claims_moves_an_offset_no_further_than_any_other(seasons: list[Season]) -> None:
    members = dict(seasons[0].members)
    name = next(iter(members))
    members[name] = claiming(members[name], 0.021 / float(members[name].target.min()))
    model = train(RECALCULATION.training(), Participants(RECALCULATION, members).sum_of)
    before, after = (relative(found.offsets[0]) for found in (seasons[0].recalculation, model))
    assert abs(after - before) < 0.01


def test_through_shares_the_model_is_the_same(seasons: list[Season]) -> None:
    members, holders = Participants(RECALCULATION, seasons[0].members), InProcessHolders()
    model = train(RECALCULATION.training(), lambda question: holders.add(question, members.answers(question)))
    assert model.integers() == seasons[0].recalculation.integers()
    assert holders.exchanges <= 20


def test_the_scatter_of_a_cell_follows_from_sums(seasons: list[Season]) -> None:
    season = seasons[0]
    clinker = Rows({}, {"route": np.array(["clinker"])}, np.ones(1))
    rows = [rows for name, rows in season.members.items() if name.startswith("clinker")]
    apart = np.concatenate([np.log(season.independent.predict(one) / one.target) for one in rows])
    # Eight plants, two weights: six degrees of freedom are left.
    expected = np.sqrt(np.mean(apart**2) * 8 / 6)
    assert float(season.independent.deviation(clinker)[0]) == pytest.approx(expected, rel=0.01)


def test_a_cell_with_too_few_participants_has_no_interval(seasons: list[Season]) -> None:
    few = {name: rows for name, rows in seasons[0].members.items() if name[-1] in "123"}
    assert len(few) < 20
    model = train(RECALCULATION.training(), Participants(RECALCULATION, few).sum_of)
    assert (model.offsets, model.deviation) == ((), None)
    assert np.isnan(model.predict(seasons[0].honest)).all()


def test_an_expectation_names_model_interval_and_score(seasons: list[Season]) -> None:
    season = seasons[0]
    row = season.honest.take(np.arange(len(season.honest)) == 0)
    lie = claiming(row, 0.7)
    honest, lied = (expectations(one, season.recalculation, season.independent) for one in (row, lie))
    assert [one.model for one in honest] == ["recalculation", "independent"]
    for true, low in zip(honest, lied, strict=True):
        assert true.low < true.predicted < true.high
        assert low.score > true.score
    assert lied[0].score > 4
    assert expectations(row, None, None) == ()


def test_an_unknown_route_gets_no_opinion(seasons: list[Season]) -> None:
    row = Rows(
        {name: column[:1] for name, column in seasons[0].honest.numbers.items()},
        {"route": np.array(["fusion"])},
        np.ones(1),
    )
    scores = plausibility_scores(row, seasons[0].recalculation, seasons[0].independent)
    assert np.isnan(scores.flag).all()


def test_slopes_do_not_go_with_squares() -> None:
    with pytest.raises(Misuse) as caught:
        RidgeTask({"x": PublicRange(0, 1)}, {"route": ROUTES}, CLAIMS, slopes_by="route")
    assert caught.value.id == "task-slopes"
