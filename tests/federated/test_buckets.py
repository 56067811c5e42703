"""Bucket sums: one spoiled bucket does not spoil the model, and nobody chooses who is with whom."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tables import cohort, plants, ridge_task

from carbonport.errors import FailedVerification, Refused
from carbonport.federated.buckets import BucketModel, drawn_buckets, opened_seed, value_commitment
from carbonport.federated.features import Floats, Rows
from carbonport.federated.ridge import RidgeTask
from carbonport.federated.training import Model, Participants, Question, Sums, train

MEMBERS = [f"exporter-{number}" for number in range(20)]


def values() -> dict[str, bytes]:
    return {f"holder-{number}": bytes([number]) * 32 for number in range(3)}


def commitments(opened: Mapping[str, bytes]) -> dict[str, bytes]:
    return {holder: value_commitment(holder, value) for holder, value in opened.items()}


@given(st.integers(15, 80), st.binary(min_size=8, max_size=8), st.integers(5, 9))
def test_buckets_partition_the_members_and_none_is_small(count: int, seed: bytes, size: int) -> None:
    members = [f"member {number}" for number in range(count)]
    if count // size < 3:
        with pytest.raises(Refused):
            drawn_buckets(members, seed, size=size)
        return
    buckets = drawn_buckets(members, seed, size=size)
    assert sorted(member for bucket in buckets for member in bucket) == sorted(members)
    assert min(map(len, buckets)) >= size
    assert drawn_buckets(list(reversed(members)), seed, size=size) == buckets


def test_buckets_below_the_minimum_cohort_are_refused() -> None:
    for members, size in ((MEMBERS, 4), (MEMBERS[:14], 5)):
        with pytest.raises(Refused) as caught:
            drawn_buckets(members, b"seed", size=size)
        assert caught.value.id == "bucket-members"


def test_the_seed_follows_from_every_holders_committed_value() -> None:
    opened = values()
    seed = opened_seed(b"membership", commitments(opened), opened)
    assert seed != opened_seed(b"another", commitments(opened), opened)
    other = {**opened, "holder-2": bytes(32)}
    assert seed != opened_seed(b"membership", commitments(other), other)
    for wrong in (other, {name: value for name, value in opened.items() if name != "holder-0"}):
        with pytest.raises(FailedVerification) as caught:
            opened_seed(b"membership", commitments(opened), wrong)
        assert caught.value.id == "bucket-opening"


class Poisoners:
    """Participants of whom some send a hundred times the statistics of invented rows, within the question's bound."""

    def __init__(self, task: RidgeTask, rows: Mapping[str, Rows], poisoners: frozenset[str]) -> None:
        self.members, self.poisoners = Participants(task, rows), poisoners

    def sum_of(self, question: Question) -> Sums:
        answers = self.members.answers(question)
        for name in self.poisoners & answers.keys():
            true = self.members.rows[name]
            lie = Rows(true.numbers, true.words, np.full(len(true), 0.2))
            wrong = (
                100 * self.members.task.contribution(question, lie)
                if question.name == "gram"
                else answers[name]
            )
            answers[name] = question.checked(wrong)
        return tuple(np.sum(list(answers.values()), axis=0).tolist())


def rmse(predicted: Floats, rows: Rows) -> float:
    return float(np.sqrt(np.mean((predicted - rows.target) ** 2)))


@pytest.mark.parametrize(("members", "poisoners"), [(15, 1), (30, 2)])
def test_poisoned_members_cost_little_with_buckets_and_much_without(members: int, poisoners: int) -> None:
    task, rows, unseen = ridge_task(minimum_cohort=1), cohort(members, 80), plants(777, 400)
    bad = frozenset(f"exporter-{number}" for number in range(poisoners))
    clean = train(task.training(), Participants(task, rows).sum_of)
    spoiled = train(task.training(), Poisoners(task, rows, bad).sum_of)
    error = rmse(clean.predict(unseen), unseen)
    assert rmse(spoiled.predict(unseen), unseen) > 5 * error
    for seed in (b"1", b"2", b"3"):
        models: list[Model] = []
        for bucket in drawn_buckets(sorted(rows), seed):
            inside = Poisoners(task, {name: rows[name] for name in bucket}, bad)
            models.append(train(task.training(), inside.sum_of))
        assert rmse(BucketModel(tuple(models)).predict(unseen), unseen) <= 1.05 * error


def test_rows_without_an_opinion_of_most_buckets_get_none() -> None:
    task = ridge_task(minimum_cohort=1)
    models = [train(task.training(), Participants(task, cohort(3, 20)).sum_of) for _ in range(2)]
    other = train(task.training(), Participants(task, cohort(3, 20, ("lignite",))).sum_of)
    mixed = BucketModel((*models, other))
    assert np.isnan(mixed.predict(plants(1, 3, ("lignite",)))).all()
    assert not np.isnan(mixed.predict(plants(1, 3, ("coal",)))).any()
