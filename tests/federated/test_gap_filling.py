"""Filling gaps: better than a straight line and than a plant alone, marked as estimates, refused where it cannot be."""

import random
from pathlib import Path

import numpy as np
import pytest

from carbonport.crypto.jws import SigningKey
from carbonport.errors import CarbonportError, Malformed
from carbonport.examples.plants.load_curves import draw_habits, draw_load_curve
from carbonport.federated.boosting import BoostingModel
from carbonport.federated.features import Floats, Rows
from carbonport.federated.gap_filling import GAP_TASK, fill_gaps, straight_line, training_rows
from carbonport.federated.gap_model import GapModel, sign_gap_model, verify_gap_model
from carbonport.federated.gap_training import TrainedGapFilling, train_gap_filling
from carbonport.federated.training import Participants, train
from carbonport.node.cli.federate_gaps import _histories

DAYS = 28


def history(name: str) -> Floats:
    drawn = random.Random(f"gap test {name}")
    return np.array([reading.kwh for reading in draw_load_curve(draw_habits(drawn), DAYS, drawn)])


@pytest.fixture(scope="module")
def members() -> dict[str, Rows]:
    return {f"exporter-{number}": training_rows(history(str(number))) for number in range(12)}


@pytest.fixture(scope="module")
def trained(members: dict[str, Rows]) -> TrainedGapFilling:
    # The plain sum gives the same integers as the secure one, which the commands' test goes through, and sooner.
    return train_gap_filling(
        members, lambda _, vectors: tuple(int(value) for value in np.sum(list(vectors.values()), axis=0))
    )


def errors(model: BoostingModel, rows: Rows) -> float:
    return float(np.sqrt(np.mean((rows.target - model.predict(rows)) ** 2) / np.mean(rows.target**2)))


def test_on_new_plants_it_beats_the_straight_line_and_a_plant_alone(
    trained: TrainedGapFilling, members: dict[str, Rows]
) -> None:
    alone_task = GAP_TASK.alone()
    alone = train(alone_task.training(), Participants(alone_task, {"one": members["exporter-0"]}).sum_of)
    new = [training_rows(history(f"new {number}")) for number in range(5)]
    federated = float(np.mean([errors(trained.model, rows) for rows in new]))
    assert federated <= 0.65
    assert federated < float(np.mean([errors(alone, rows) for rows in new]))


def test_the_card_shows_the_default_beside_it(trained: TrainedGapFilling) -> None:
    scores = trained.card.scores
    assert float(scores["model_rmse_of_mean_load"]) < float(scores["default_rmse_of_mean_load"])
    assert (trained.card.participants, trained.card.minimum_cohort) == (12, 5)


def test_a_gap_is_filled_and_every_estimate_marked(trained: TrainedGapFilling) -> None:
    whole = history("other")
    torn = whole.copy()
    torn[1000:1016] = np.nan
    torn[1500] = np.nan
    filled = fill_gaps(torn, trained.model)
    assert [reading.slot for reading in filled if reading.estimated] == [*range(1000, 1016), 1500]
    kept = [(reading.kwh, whole[reading.slot]) for reading in filled if not reading.estimated]
    assert all(given == true for given, true in kept)
    estimates = np.array([filled[slot].kwh for slot in range(1000, 1016)])
    line = straight_line(whole[999], whole[1016], 16)
    assert np.mean((estimates - whole[1000:1016]) ** 2) < np.mean((line - whole[1000:1016]) ** 2)


@pytest.mark.parametrize(
    ("missing", "error"),
    [
        (slice(1000, 1017), "gap-too-long"),
        (slice(100, 104), "gap-surroundings"),
        (slice(DAYS * 96 - 2, DAYS * 96), "gap-surroundings"),
    ],
)
def test_what_cannot_be_filled_is_refused(trained: TrainedGapFilling, missing: slice, error: str) -> None:
    torn = history("other")
    torn[missing] = np.nan
    with pytest.raises(Malformed) as caught:
        fill_gaps(torn, trained.model)
    assert caught.value.id == error


def test_a_gap_whose_yesterday_is_missing_is_filled_from_what_was_filled_before(
    trained: TrainedGapFilling,
) -> None:
    torn = history("other")
    torn[1000:1004] = np.nan
    torn[1096:1100] = np.nan
    assert sum(reading.estimated for reading in fill_gaps(torn, trained.model)) == 8


@pytest.mark.parametrize("readings", [np.zeros(2000), np.ones(100)])
def test_a_history_that_teaches_nothing_is_refused(readings: Floats) -> None:
    with pytest.raises(Malformed):
        training_rows(readings)


def test_the_model_file_is_what_was_signed(trained: TrainedGapFilling) -> None:
    key = SigningKey.generate()
    model = GapModel("CN/HOLDER", 1, 1_800_000_000, trained.model, trained.card)
    token = sign_gap_model(model, key)
    read = verify_gap_model(token, key.public_jwk)
    rows = training_rows(history("other"))
    assert (read.model.predict(rows) == trained.model.predict(rows)).all()
    with pytest.raises(CarbonportError):
        verify_gap_model(token, SigningKey.generate().public_jwk)
    with pytest.raises(CarbonportError):
        verify_gap_model(token[:-9] + "A" * 9, key.public_jwk)


def test_readings_are_read_or_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    path.write_text("day,slot,kwh\n0,0,1.5\n0,1,\n0,3,2\n")
    (found,) = _histories(path, single=True).values()
    assert np.isnan(found).tolist() == [False, True, True, False]
    for text in (
        "day,slot\n0,0\n",
        "day,slot,kwh\n0,96,1\n",
        "day,slot,kwh\n0,0,-1\n",
        "day,slot,kwh\n",
        "x\n",
    ):
        path.write_text(text)
        with pytest.raises(Malformed) as caught:
            _histories(path, single=True)
        assert caught.value.id == "readings-malformed"
