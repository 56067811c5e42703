"""Which task the options of `carbonport federate evaluate` mean, and its counterpart for noise.

Loaded by the command alone: it takes the training extra.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from carbonport.errors import Misuse
from carbonport.federated.boosting import BoostingTask
from carbonport.federated.evaluation_table import EvaluationTable
from carbonport.federated.features import OTHER, PublicRange
from carbonport.federated.plausibility_tasks import (
    CLAIMS,
    INDEPENDENT_TASK,
    PRIVATE_INDEPENDENT_TASK,
    PRIVATE_PENALTY,
    RECALCULATED,
    RECALCULATION_TASK,
    ROUTE,
)
from carbonport.federated.private_shape import PrivateShape
from carbonport.federated.ridge import RidgeTask
from carbonport.federated.training import MINIMUM_ROWS, Model, Task

if TYPE_CHECKING:
    # The accountant takes a second to load.
    from carbonport.federated.noised_evaluation import NoisedTask, NoiseJudgement

RATIO = PRIVATE_INDEPENDENT_TASK.target
"""With noise, a target is learned as its ratio to a typical value in this range, unless the caller states another."""


BOOSTING, RECALCULATION, INDEPENDENT = "boosting", "recalculation", "independent"
"""Kinds of models besides the ridge."""

_SCORES: Mapping[str, Task[Model]] = MappingProxyType(
    {RECALCULATION: RECALCULATION_TASK, INDEPENDENT: INDEPENDENT_TASK}
)


@dataclass(frozen=True, slots=True)
class NoiseOptions:
    """What the command says of noise; `epsilon` None: none is asked for. `typical` maps values of the first category to
    public typical targets; `ratio` is the range of a target's ratio to them, None for the usual one."""

    epsilon: float | None
    delta: float | None
    tolerated: int | None
    typical: Mapping[str, float]
    ratio: PublicRange | None

    def require_sense(self, *, minimum_rows: int, bucket_size: int) -> None:
        """Misuse (`evaluation-noise`) for options that do not go together."""
        further = self.delta is not None or self.tolerated is not None or self.typical or self.ratio
        if self.epsilon is None and further:
            raise _misuse("an option about noise without --epsilon", "--epsilon with it")
        if self.epsilon is not None and bucket_size:
            raise _misuse("noise in buckets", "either --epsilon or --bucket-size")
        if self.epsilon is not None and minimum_rows < MINIMUM_ROWS:
            raise _misuse(f"noise among participants with {minimum_rows} rows", f"{MINIMUM_ROWS} or more")

    def judgement(self, kind: str, table: EvaluationTable) -> "NoiseJudgement | None":
        """What judges the counterpart for noise beside a task; None where no noise is asked for."""
        if self.epsilon is None:
            return None
        from carbonport.federated.noised_evaluation import NoiseJudgement

        return NoiseJudgement(noised_task(kind, table, self))


def public_ranges(
    kind: str, features: tuple[str, ...], target: str, stated: Mapping[str, PublicRange]
) -> Mapping[str, PublicRange]:
    """The public ranges that are known before the table: those `stated`, or of a score its task's own."""
    task = _SCORES.get(kind)
    if task is None:
        return stated
    if set(features) != set(task.view) or stated:
        raise Misuse(
            "evaluation-columns",
            found=f"{', '.join(features)[:80]} for the model {kind}" + (", with --range" if stated else ""),
            expected=f"{', '.join(task.view)}, in the public ranges of the score's own task",
            remedy="Name the columns that the score reads and no range, or learn a ridge.",
        )
    numbers = INDEPENDENT_TASK.numbers if kind == INDEPENDENT else {RECALCULATED: CLAIMS}
    return {**numbers, target: CLAIMS}


def evaluated_task(kind: str, table: EvaluationTable, minimum_cohort: int) -> Task[Model]:
    """The task without noise; Misuse (`evaluation-columns`) when a column of a score is of the other kind."""
    if kind == BOOSTING:
        return BoostingTask(table.numbers, table.categories, table.target, minimum_cohort=minimum_cohort)
    if kind not in _SCORES:
        return RidgeTask(table.numbers, table.categories, table.target, minimum_cohort=minimum_cohort)
    numbers = [RECALCULATED] if kind == RECALCULATION else [*INDEPENDENT_TASK.numbers]
    if set(table.rows.numbers) != set(numbers) or set(table.rows.words) != {ROUTE}:
        raise Misuse(
            "evaluation-columns",
            found="a number that is text, or a route that is a number",
            expected=f"{ROUTE} in words, {', '.join(numbers)} as numbers",
            remedy="Correct the columns.",
        )
    if kind == RECALCULATION:
        return replace(RECALCULATION_TASK, minimum_cohort=minimum_cohort)
    return replace(INDEPENDENT_TASK, minimum_cohort=minimum_cohort)


def noised_task(kind: str, table: EvaluationTable, options: NoiseOptions) -> "NoisedTask":
    """The counterpart for noise."""
    from carbonport.federated.noise import DELTA
    from carbonport.federated.noised_evaluation import NoisedTask
    from carbonport.federated.private_plausibility import (
        INDEPENDENT_RELEASES,
        RECALCULATION_RELEASES,
        PrivacyTerms,
    )

    assert options.epsilon is not None, "asked for"
    terms = PrivacyTerms(
        options.epsilon, DELTA if options.delta is None else options.delta, options.tolerated
    )
    if kind == RECALCULATION:
        return NoisedTask(
            lambda members: replace(RECALCULATION_TASK, private_members=members),
            RECALCULATION_RELEASES,
            terms,
        )
    task = PRIVATE_INDEPENDENT_TASK if kind == INDEPENDENT else _noised_ridge(kind, table, options)
    return NoisedTask(lambda _: task, INDEPENDENT_RELEASES, terms)


def _noised_ridge(kind: str, table: EvaluationTable, options: NoiseOptions) -> RidgeTask:
    first = next(iter(table.categories), None)
    if kind == BOOSTING or first is None:
        found = "boosting with noise" if kind == BOOSTING else "noise without any category"
        raise _misuse(found, "a ridge with a category among its features")
    values = table.categories[first].values
    known = {*table.rows.labels(first).tolist(), OTHER}
    unknown = [name for name in options.typical if name not in known]
    if unknown:
        raise _misuse(f"a typical target of {unknown[0][:40]!r}", f"values of {first}, or {OTHER}")
    typical = dict(options.typical) or {OTHER: 1.0}
    target = options.ratio or (RATIO if options.typical else table.target)
    return RidgeTask(
        table.numbers,
        table.categories,
        target,
        penalty=PRIVATE_PENALTY,
        squares=False,
        private=PrivateShape(first, typical, cells=values),
    )


def _misuse(found: str, expected: str) -> Misuse:
    return Misuse(
        "evaluation-noise",
        found=found,
        expected=expected,
        remedy="Correct the options; docs/federated.md says what a training with noise needs.",
    )
