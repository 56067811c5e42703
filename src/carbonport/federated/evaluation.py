"""Judging a task on a table: federated, pooled, each participant alone, and the plain default, on the same splits.

Groups of rows (the units of one plant) stay together: no row of a group is tested on that was in training. A
participant takes part in a split with at least the minimum of training rows. The federated training runs through the
sum it is given, which in `carbonport federate evaluate` is the secure one.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from carbonport.errors import Misuse
from carbonport.federated.buckets import BucketModel, drawn_buckets
from carbonport.federated.evaluation_table import EvaluationTable
from carbonport.federated.features import Floats, Rows
from carbonport.federated.judgement import Scores, everywhere
from carbonport.federated.training import (
    MINIMUM_ROWS,
    Model,
    Participants,
    Question,
    Sums,
    Task,
    require_cohort,
    train,
)

TEST_SHARE = 0.3
"""Share of the groups that a split holds out."""

MAX_SPLITS = 100
"""Splits of one evaluation."""

Adder = Callable[[Question, Mapping[str, tuple[int, ...]]], Sums]
"""Adds the participants' vectors for a question."""


class Beside(Protocol):
    """A further training that is judged on the same splits."""

    def judge(self, by_client: Mapping[str, Rows], tested: Rows, add: Adder, federated: Scores) -> None:
        """Train on the rows of a split and predict its held-out rows; `federated` is how the federated model did."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Mean scores over the splits; `local` also over the participants.

    `max_weight_difference` is the largest difference between a learned integer of the federated and of the pooled model
    (in buckets: the plainly summed one), over all splits, and `max_prediction_difference` that of the federated and
    the pooled predictions in the target's unit. `left_out` rows were not usable, and `exchanges` is how many sums a
    training took at most.
    """

    federated: Scores
    pooled: Scores
    local: Scores
    default: Scores
    rows: int
    left_out: int
    clients: int
    exchanges: int
    max_weight_difference: int
    max_prediction_difference: float


def evaluate(
    task: Task[Model],
    table: EvaluationTable,
    add: Adder,
    *,
    splits: int,
    minimum_cohort: int,
    minimum_rows: int = MINIMUM_ROWS,
    bucket_size: int = 0,
    beside: Beside | None = None,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Run `splits` splits; the same seed gives the same ones. `progress` hears of each that is done.

    With a `bucket_size` the federated model is the median of those of buckets of so many participants, and is held
    against the same buckets summed plainly. `beside` judges a further training on each split.
    """
    usable = task.usable(table.rows)
    all_rows, client_of, group_of = table.rows.take(usable), table.clients[usable], table.groups[usable]
    groups = sorted(set(group_of.tolist()))
    if not 1 <= splits <= MAX_SPLITS or len(groups) < 2:
        raise Misuse(
            "evaluation-splits",
            found=f"{splits} splits of {len(groups)} groups",
            expected=f"1 to {MAX_SPLITS} splits of 2 or more groups",
            remedy="Name a column that tells plants apart, and a sensible number of splits.",
        )
    judged: dict[str, list[Scores]] = {"federated": [], "pooled": [], "local": [], "default": []}
    taking_part: set[str] = set()
    exchanges = weight_difference = 0
    prediction_difference = 0.0
    for split in range(splits):
        shuffled = groups.copy()
        random.Random(f"{seed}/{split}").shuffle(shuffled)  # noqa: S311 - splits need no secrecy
        held_out = np.isin(group_of, shuffled[: max(1, round(TEST_SHARE * len(groups)))])
        by_client = _training_rows(all_rows, client_of, ~held_out, minimum_rows)
        require_cohort(len(by_client), minimum_cohort)
        taking_part |= by_client.keys()
        tested = all_rows.take(held_out)
        counted = _CountedAdder(add)
        parts = _parts(by_client, bucket_size, f"{seed}/{split}")
        federated = _together(
            [train(task.training(), counted.sum_of(Participants(task, part))) for part in parts]
        )
        # Cells follow from participants where there is a minimum cohort; without one the rows are pooled outright.
        outright = minimum_cohort == 1 and not task.counts_participants
        in_one = {"all": Rows.together(list(by_client.values()))} if outright else by_client
        pooled = train(task.training(), Participants(task, in_one).sum_of)
        plain = pooled
        if len(parts) > 1:
            plain = _together([train(task.training(), Participants(task, part).sum_of) for part in parts])
        exchanges = max(exchanges, counted.asked)
        weight_difference = max(weight_difference, _weight_difference(federated, plain))
        mean = float(np.mean(np.concatenate([rows.target for rows in by_client.values()])))
        predicted = {
            "federated": everywhere(federated.predict(tested), mean),
            "pooled": everywhere(pooled.predict(tested), mean),
        }
        apart = np.abs(predicted["federated"] - predicted["pooled"])
        prediction_difference = max(prediction_difference, float(apart.max(initial=0.0)))
        predicted["default"] = default_constants(by_client.values(), tested, table.plain)
        for name, values in predicted.items():
            judged[name].append(Scores.of(values, tested.target))
        if beside is not None:
            beside.judge(by_client, tested, add, judged["federated"][-1])
        judged["local"].append(
            Scores.mean(Scores.of(values, tested.target) for values in _local(task, by_client, tested))
        )
        progress(split + 1)
    scores = {name: Scores.mean(listed) for name, listed in judged.items()}
    return Evaluation(
        **scores,
        rows=len(all_rows),
        left_out=len(table.rows) - len(all_rows),
        clients=len(taking_part),
        exchanges=exchanges,
        max_weight_difference=weight_difference,
        max_prediction_difference=prediction_difference,
    )


def _training_rows(
    rows: Rows, client_of: NDArray[np.str_], chosen: NDArray[np.bool_], minimum_rows: int
) -> dict[str, Rows]:
    names, counts = np.unique(client_of[chosen], return_counts=True)
    return {
        str(name): rows.take(chosen & (client_of == name))
        for name, count in zip(names, counts, strict=True)
        if count >= minimum_rows
    }


@dataclass(slots=True)
class _CountedAdder:
    add: Adder
    asked: int = 0

    def sum_of(self, cohort: Participants) -> Callable[[Question], Sums]:
        def ask(question: Question) -> Sums:
            self.asked += 1
            return self.add(question, cohort.answers(question))

        return ask


def _parts(by_client: Mapping[str, Rows], bucket_size: int, seed: str) -> list[Mapping[str, Rows]]:
    """The participants as one cohort, or in buckets."""
    if not bucket_size:
        return [by_client]
    buckets = drawn_buckets(sorted(by_client), seed.encode(), size=bucket_size)
    return [{name: by_client[name] for name in bucket} for bucket in buckets]


def _together(models: list[Model]) -> Model:
    return models[0] if len(models) == 1 else BucketModel(tuple(models))


def default_constants(training: Iterable[Rows], tested: Rows, by: tuple[str, ...]) -> Floats:
    """The plain default beside every model: the mean target of the training rows that share the categories `by`; of
    all of them for a combination that never occurred."""
    listed = list(training)
    targets = np.concatenate([rows.target for rows in listed])
    result = np.full(len(tested), targets.mean())
    if by:
        known = _combined(np.array([np.concatenate([rows.labels(name) for rows in listed]) for name in by]))
        asked = _combined(np.array([tested.labels(name) for name in by]))
        for value in np.unique(known):
            result[asked == value] = targets[known == value].mean()
    return result


def _combined(labels: NDArray[np.str_]) -> NDArray[np.str_]:
    return np.array(["\x1f".join(column) for column in labels.T], dtype=np.str_)


def _local(task: Task[Model], by_client: Mapping[str, Rows], tested: Rows) -> Iterator[Floats]:
    """What each participant's own model predicts for all held-out rows."""
    alone = task.alone()
    for name, rows in by_client.items():
        model = train(alone.training(), Participants(alone, {name: rows}).sum_of)
        yield everywhere(model.predict(tested), float(rows.target.mean()))


def _weight_difference(one: Model, other: Model) -> int:
    pairs = zip(one.integers(), other.integers(), strict=True)
    return max((abs(first - second) for first, second in pairs), default=0)
