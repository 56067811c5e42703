"""The course of a training between nodes: what is asked next, of whom, as a function of the sums so far.

Every party runs it: the coordinator to ask, each member to answer only what the task itself would ask next, each key
holder to add only that. Parts of a task follow one another; a part with buckets asks all buckets in step, each by its
own sums. At the end, where neither buckets nor noise forbid it, one exchange sums up how far models and plain default
lie from the rows they were learned from: a training has no members to hold out, for the sums with and without them
would differ by their statistics.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.canonical import Json, canonical_bytes
from carbonport.errors import FailedVerification, Misuse
from carbonport.federated.buckets import BucketModel
from carbonport.federated.features import ONE, Floats, Integers, Rows
from carbonport.federated.noise import NoisePlan, discrete_gaussian
from carbonport.federated.packaged_tasks import PackagedTask
from carbonport.federated.recalculation import RecalculationModel
from carbonport.federated.ridge import MAX_ROWS, RidgeModel
from carbonport.federated.training import (
    MAX_EXCHANGES,
    Model,
    Question,
    Sums,
    Training,
    require_askable,
)

ERRORS = "errors"
"""Name of the last exchange: rows, and squared errors of the plain default and of each part's model."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one group of members is asked in an exchange. `question` is as the secure sum carries it: with noise its
    bound has room for a share."""

    part: str
    group: int
    members: tuple[str, ...]
    question: Question = field(repr=False)

    @property
    def name(self) -> str:
        """What distinguishes it from the others of its exchange, and tells a person what it is."""
        return f"{self.part} {self.group} {self.question.name}"

    def as_json(self) -> dict[str, Json]:
        """Everything about it."""
        question = self.question
        return {
            "part": self.part,
            "group": self.group,
            "members": self.members,
            "name": question.name,
            "parameters": question.parameters,
            "length": question.length,
            "bound": str(question.bound),
            "sensitivity": None if question.sensitivity is None else str(question.sensitivity),
        }


def asked_digest(asked: Sequence[Asked]) -> str:
    """SHA-256 (hex) of an exchange's questions."""
    return hashlib.sha256(canonical_bytes([one.as_json() for one in asked])).hexdigest()


class Course:
    """One training from its first question to its models. `noise` has a plan for each part, or is empty."""

    def __init__(
        self,
        task: PackagedTask,
        members: Sequence[str],
        buckets: Sequence[tuple[str, ...]] = (),
        noise: Mapping[str, NoisePlan] | None = None,
    ) -> None:
        self.task, self.members, self._buckets = task, tuple(members), tuple(buckets)
        self._noise = noise or {}
        self._waiting = list(task.parts)
        self._part = ""
        self._groups: tuple[tuple[str, ...], ...] = ()
        self._open: dict[int, tuple[Training[Model], Question]] = {}
        self._done: dict[int, Model] = {}
        self._asked_of_part = 0
        self.taken = 0
        """Exchanges whose sums are known."""
        self.models: dict[str, Model] = {}
        """The model of every part that has ended."""
        self.scores: dict[str, str] = {}
        """Root mean square errors on the rows that were learned from, on the public scale of the claims."""
        self.rows = 0
        """Rows behind the scores."""
        self._begin_part()

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What is asked now, one for each group that is not done; empty once the training is over."""
        if self._part == ERRORS:
            return (Asked(ERRORS, 0, self.members, self._errors_question()),)
        return tuple(
            Asked(self._part, group, self._groups[group], question)
            for group, (_, question) in sorted(self._open.items())
        )

    def asked_of(self, member: str) -> Asked | None:
        """What is asked of a member now; None when its group is done."""
        return next((one for one in self.asked if member in one.members), None)

    def vector(self, asked: Asked, rows: Rows, random_bytes: RandomBytes) -> tuple[int, ...]:
        """A member's integers for what it is asked, with its share of noise where the plan has noise. Noise is drawn
        anew by each call: the caller calls once, and keeps what it got."""
        if asked.part == ERRORS:
            return asked.question.checked(self._errors(rows))
        task = self.task.among(len(asked.members))[asked.part]
        vector = asked.question.checked(task.contribution(asked.question, rows))
        noise = self._noise.get(asked.part)
        if noise is None:
            return vector
        assert asked.question.sensitivity is not None, "required when the question was widened"
        deviation = noise.share_deviation(asked.question.sensitivity)
        return asked.question.checked(
            [value + discrete_gaussian(deviation, random_bytes) for value in vector]
        )

    def take(self, sums: Sequence[Sums]) -> None:
        """Go on with the sums of an exchange, in the order of `asked`. FailedVerification (`training-counts`) for sums
        that members who follow the rules do not have together; of buckets a spoiled one is survived."""
        asked = self.asked
        if len(sums) != len(asked) or any(
            len(one) != each.question.length for one, each in zip(sums, asked, strict=True)
        ):
            raise Misuse(
                "training-question",
                found="sums of other questions",
                expected="as many sums as were asked for",
                remedy="Go on with the sums of the exchange that was asked last.",
            )
        self.taken += 1
        if len(asked) == 1:
            _require_possible(asked[0], sums[0])
        if self._part == ERRORS:
            self._score(sums[0])
            self._part = ""
            return
        for one, given in zip(asked, sums, strict=True):
            self._advance(one.group, self._open.pop(one.group)[0], given)
        self._asked_of_part += 1
        if not self._open:
            self._end_part()

    def _begin_part(self) -> None:
        if not self._waiting:
            judged = not self._buckets and not self._noise and bool(self._speaking)
            self._part = ERRORS if judged else ""
            return
        self._part = self._waiting.pop(0)
        bucketed = bool(self._buckets) and self._part in self.task.bucketed
        self._groups = self._buckets if bucketed else (self.members,)
        self._done, self._asked_of_part = {}, 0
        for group, members in enumerate(self._groups):
            self._advance(group, self.task.among(len(members))[self._part].training(), None)
        if not self._open:
            self._end_part()

    def _end_part(self) -> None:
        models = tuple(self._done[group] for group in range(len(self._groups)))
        self.models[self._part] = models[0] if len(models) == 1 else BucketModel(models)
        self._begin_part()

    def _advance(self, group: int, training: Training[Model], sums: Sums | None) -> None:
        try:
            question = next(training) if sums is None else training.send(sums)
        except StopIteration as end:
            self._done[group] = end.value
            return
        require_askable(question)
        noise = self._noise.get(self._part)
        if noise is not None:
            question = noise.widened(question)
            if self._asked_of_part + (sums is not None) >= noise.releases:
                raise _too_many(f"more than {noise.releases} exchanges with noise")
        if self.taken >= MAX_EXCHANGES:
            raise _too_many(f"more than {MAX_EXCHANGES} exchanges")
        self._open[group] = (training, question)

    @property
    def _speaking(self) -> list[str]:
        """Parts whose models have an opinion on anything, which follows from released sums."""
        return [part for part, model in self.models.items() if _speaks(model)]

    def _errors_question(self) -> Question:
        speaking = self._speaking
        return Question(ERRORS, {"parts": speaking}, 2 + len(speaking), MAX_ROWS * (2 * ONE) ** 2)

    def _errors(self, rows: Rows) -> Integers:
        """Rows on which all speaking models have an opinion, and the squared errors of default and models there."""
        predicted = [self.models[part].predict(rows) for part in self._speaking]
        known = np.all([np.isfinite(one) for one in predicted], axis=0)
        true = self.task.scale.encode(rows.target[known])
        default = self._default(rows)[known]
        squared = [
            int(((self.task.scale.encode(one) - true) ** 2).sum())
            for one in (default, *(each[known] for each in predicted))
        ]
        return np.array([int(known.sum()), *squared], dtype=np.int64)

    def _default(self, rows: Rows) -> Floats:
        name = self.task.default_column
        return rows.column(name) if name else np.zeros(len(rows))

    def _score(self, sums: Sums) -> None:
        self.rows, *squared = sums
        if self.rows <= 0 or min(squared) < 0:
            raise _impossible("errors of no rows, or a sum of squares below 0", "rows, and sums of squares")
        for name, total in zip(("default", *self._speaking), squared, strict=True):
            error = math.sqrt(total / self.rows) / ONE * self.task.scale.half_width
            self.scores[f"{name}_error_in_sample"] = f"{error:.4f}"


def _require_possible(asked: Asked, sums: Sums) -> None:
    """What a single member may answer bounds what all of them may sum up to."""
    most = len(asked.members) * asked.question.bound
    if any(abs(value) > most for value in sums):
        raise _impossible(
            f"a sum beyond what {len(asked.members)} members may have together", f"at most {most}"
        )


def _impossible(found: str, expected: str) -> FailedVerification:
    return FailedVerification(
        "training-counts",
        found=found,
        expected=expected,
        remedy="End this training: a participant or a holder did not follow the rules.",
    )


def _speaks(model: Model) -> bool:
    if isinstance(model, RecalculationModel):
        return bool(model.cells.groups)
    if isinstance(model, RidgeModel):
        return all(cells.groups for cells in model.cells.values())
    return True


def _too_many(found: str) -> Misuse:
    return Misuse(
        "training-exchanges",
        found=found,
        expected="a training that ends",
        remedy="Use fewer trees or levels in the task's definition.",
    )
