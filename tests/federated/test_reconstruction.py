"""What a server sees of a contribution, and what it could compute from statistics that are not protected."""

import numpy as np
import pytest
from small_tables import cohort, plants, ridge_task

from carbonport.crypto.sealing import hpke_generate
from carbonport.crypto.sums.fast_sum import MODULUS, FastExchange, open_share, seal_shares
from carbonport.crypto.sums.threshold import Threshold
from carbonport.errors import FailedVerification, Refused
from carbonport.federated.cells import Cells
from carbonport.federated.features import ONE, Integers, Rows
from carbonport.federated.plausibility_training import train_plausibility
from carbonport.federated.ridge import RidgeTask
from carbonport.federated.training import MINIMUM_ROWS, Participants, Question, train

CELLS = {"fuel": Cells((("coal",), ("gas",)))}


def gram_question(task: RidgeTask) -> Question:
    seen: list[Question] = []

    def watched(question: Question) -> tuple[int, ...]:
        seen.append(question)
        return Participants(task, cohort(6)).sum_of(question)

    train(task.training(), watched)
    return seen[-1]


def first_row_of(vector: Integers, size: int) -> list[int]:
    """The row [x y] behind the Gram matrix of a single row: its products with the intercept, which is 1."""
    return [int(value) // ONE for value in vector[:size]]


def test_without_protection_one_row_is_its_statistics_and_two_releases_one_row_apart_are_the_row() -> None:
    task = ridge_task()
    question, rows = gram_question(task), plants(5, 12)
    features, _ = task.features(rows, CELLS)
    row = [*features[0].tolist(), int(task.target.encode(rows.target)[0])]
    alone = task.contribution(question, rows.take(np.arange(12) == 0))
    assert first_row_of(alone, len(row)) == row
    difference = task.contribution(question, rows) - task.contribution(
        question, rows.take(np.arange(12) != 0)
    )
    assert first_row_of(difference, len(row)) == row


def exchange(length: int) -> FastExchange:
    return FastExchange(bytes(32), "1 gram", 0, Threshold(3, 2), length, 46, 10)


def test_with_protection_the_server_holds_bytes_that_no_key_of_its_own_opens() -> None:
    task = ridge_task()
    question = gram_question(task)
    vector = task.contribution(question, plants(5, 12))
    asked = exchange(question.length)
    keys = {holder: hpke_generate() for holder in (1, 2, 3)}
    public = {holder: pair.public for holder, pair in keys.items()}
    sealed = seal_shares(asked, "exporter-0", vector.tolist(), public)
    zeros = seal_shares(asked, "exporter-0", [0] * question.length, public)
    assert [len(sealed[holder]) for holder in (1, 2, 3)] == [len(zeros[holder]) for holder in (1, 2, 3)]
    for holder in (1, 2, 3):
        with pytest.raises(FailedVerification):
            open_share(asked, "exporter-0", holder, hpke_generate().private, sealed[holder])
        with pytest.raises(FailedVerification):
            open_share(asked, "exporter-1", holder, keys[holder].private, sealed[holder])


def test_one_holders_shares_are_consistent_with_every_contribution() -> None:
    task = ridge_task()
    question = gram_question(task)
    asked = exchange(question.length)
    keys = {holder: hpke_generate() for holder in (1, 2, 3)}
    true = task.contribution(question, plants(5, 12)).tolist()
    sealed = seal_shares(asked, "exporter-0", true, {holder: pair.public for holder, pair in keys.items()})
    share = open_share(asked, "exporter-0", 2, keys[2].private, sealed[2])
    for other in (plants(6, 12), plants(7, 300)):
        guessed = task.contribution(question, other).tolist()
        # The line through the guess at 0 and the share at 2: a polynomial of degree 1, as good as the true one.
        slopes = [
            (value - guess) * pow(2, -1, MODULUS) % MODULUS
            for value, guess in zip(share, guessed, strict=True)
        ]
        again = [(guess + 2 * slope) % MODULUS for guess, slope in zip(guessed, slopes, strict=True)]
        assert again == share


def test_participants_with_too_few_rows_are_left_out_and_too_few_participants_refused() -> None:
    def rows(count: int) -> Rows:
        return Rows(
            {"recalculated": np.linspace(0.8, 0.9, count), "see_indirect": np.full(count, 0.05)},
            {"route": np.array(["clinker"] * count)},
            np.linspace(0.82, 0.93, count),
        )

    members = {f"m{number}": rows(MINIMUM_ROWS) for number in range(4)}
    members["small"] = rows(MINIMUM_ROWS - 1)
    with pytest.raises(Refused) as caught:
        train_plausibility(members, lambda _, __: ())
    assert caught.value.id == "training-cohort"
