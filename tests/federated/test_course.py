"""The course of a training: the models of the tasks alone, bucket by bucket, and how they are judged."""

import numpy as np
import pytest
from plant_training import drawn

from carbonport.crypto.ambient import system_random
from carbonport.errors import Misuse
from carbonport.federated.buckets import BucketModel, drawn_buckets
from carbonport.federated.course import ERRORS, Course, asked_digest
from carbonport.federated.features import Rows
from carbonport.federated.noise import NoisePlan
from carbonport.federated.packaged_tasks import (
    INDEPENDENT,
    PLAUSIBILITY,
    PLAUSIBILITY_FOR_NOISE,
    RECALCULATION,
)
from carbonport.federated.plausibility_tasks import INDEPENDENT_TASK
from carbonport.federated.plausibility_training import train_both
from carbonport.federated.training import Participants, Question, Sums, train


@pytest.fixture(scope="module")
def members() -> dict[str, Rows]:
    return {name: rows.take(PLAUSIBILITY.usable(rows)) for name, rows in drawn("course", 10).items()}


def run(course: Course, members: dict[str, Rows]) -> list[str]:
    """Plain sums of what each group is asked, to the end; what was asked."""
    seen = []
    while asked := course.asked:
        seen.append(" + ".join(one.name for one in asked))
        vectors = [
            [course.vector(one, members[name], system_random) for name in one.members] for one in asked
        ]
        course.take([tuple(sum(column) for column in zip(*group, strict=True)) for group in vectors])
    return seen


def test_models_of_a_course_are_those_of_its_parts(members: dict[str, Rows]) -> None:
    def plainly(question: Question, vectors: dict[str, tuple[int, ...]]) -> Sums:
        return tuple(np.sum(list(vectors.values()), axis=0).tolist())

    course = Course(PLAUSIBILITY, list(members))
    first = asked_digest(course.asked)
    seen = run(course, members)
    recalculation, independent = train_both(members, plainly)  # type: ignore[arg-type]
    assert course.models[RECALCULATION].integers() == recalculation.integers()
    assert course.models[INDEPENDENT].integers() == independent.integers()
    assert seen[0].startswith("recalculation 0 presence")
    assert seen[-1] == "errors 0 errors"
    assert course.taken == len(seen)
    assert course.rows == sum(len(rows) for rows in members.values())
    errors = {name: float(value) for name, value in course.scores.items()}
    assert set(errors) == {f"{name}_error_in_sample" for name in ("default", "recalculation", "independent")}
    assert errors["recalculation_error_in_sample"] < errors["default_error_in_sample"] < 0.2
    assert asked_digest(Course(PLAUSIBILITY, list(members)[1:]).asked) != first, "the members are part of it"


def test_buckets_are_asked_in_step_and_each_follows_its_own_sums(members: dict[str, Rows]) -> None:
    buckets = drawn_buckets(list(members), bytes(32), size=10)
    course = Course(PLAUSIBILITY, list(members), buckets)
    seen = run(course, members)
    assert seen[-1].count("+") < seen[-1].count("gram") <= len(buckets)
    assert not any(ERRORS in name for name in seen), "sums over everyone beside sums of buckets"
    together = course.models[INDEPENDENT]
    assert isinstance(together, BucketModel)
    for bucket, model in zip(buckets, together.models, strict=True):
        own = Participants(INDEPENDENT_TASK, {name: members[name] for name in bucket})
        assert model.integers() == train(INDEPENDENT_TASK.training(), own.sum_of).integers()


def test_noise_is_counted_and_makes_another_vector_each_time(members: dict[str, Rows]) -> None:
    releases = PLAUSIBILITY_FOR_NOISE.releases
    noise = {part: NoisePlan(4.0, count, 20, 10) for part, count in releases.items()}
    usable = {name: rows.take(PLAUSIBILITY_FOR_NOISE.usable(rows)) for name, rows in members.items()}
    course = Course(PLAUSIBILITY_FOR_NOISE, list(usable), noise=noise)
    (asked,) = course.asked
    rows = next(iter(usable.values()))
    one, other = (course.vector(asked, rows, system_random) for _ in range(2))
    assert one != other
    seen = run(course, usable)
    assert seen[-1] == "independent 0 gram"
    assert len(seen) <= sum(releases.values())
    few = {part: NoisePlan(4.0, 1, 20, 10) for part in releases}
    with pytest.raises(Misuse, match="training-exchanges"):
        run(Course(PLAUSIBILITY_FOR_NOISE, list(usable), noise=few), usable)


def test_sums_of_another_question_are_refused(members: dict[str, Rows]) -> None:
    course = Course(PLAUSIBILITY, list(members))
    with pytest.raises(Misuse, match="training-question"):
        course.take([(1, 2, 3)])
