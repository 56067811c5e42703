"""The one shape of every training task, and how a training runs.

A task is asked *questions*: each is public and names a vector of integers that every participant makes from its own
rows. Only the sum of these vectors over the participants is ever known to anybody else, and the next question and in
the end the model follow from the sums alone. So a task has two halves that share nothing but questions and sums:

    training()             the coordinator's half: a generator that yields questions, receives sums, returns the model
    contribution(q, rows)  the participant's half: the vector for a question; it keeps no state between questions

Who adds is a parameter. The secure sum over key holders, one list of pooled rows and one participant alone run the
same two halves, which is why a federated model can be compared with a pooled one to the last bit.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from carbonport.crypto.canonical import Json
from carbonport.errors import FailedVerification, Misuse, Refused
from carbonport.federated.features import Floats, Integers, Rows

MINIMUM_COHORT = 5
"""Participants behind any sum that is released (docs/federated.md says why five)."""

MINIMUM_ROWS = 10
"""Rows a participant needs to take part: two rows behind a Gram matrix can be computed from it exactly."""

MAX_VALUES = 1 << 16
"""Values of one exchange: 65,536 are 0.5 MB to each key holder."""

MAX_EXCHANGES = 400
"""Exchanges of one training; a task that asks more is not one of ours."""

MAX_MAGNITUDE_BITS = 59
"""A sum is below 2^59 in magnitude: it is read back from a number modulo a prime of 61 bits, sign included."""


@dataclass(frozen=True, slots=True)
class Question:
    """One exchange: what participants are asked, and what a well-formed answer looks like.

    `bound` is the largest magnitude that a value of one participant can have when it follows the rules; a participant
    checks its own vector against it before it contributes. `sensitivity` bounds (in the Euclidean norm) by how much the
    answer changes when one row is added or taken away; None where nothing is promised, so that noise cannot be sized.
    """

    name: str
    parameters: Mapping[str, Json]
    length: int
    bound: int
    sensitivity: int | None = None

    def checked(self, vector: Sequence[int] | Integers) -> tuple[int, ...]:
        """`vector` as integers of this question's form; FailedVerification (`training-contribution`) otherwise."""
        values = tuple(int(value) for value in vector)
        if len(values) != self.length or any(abs(value) > self.bound for value in values):
            raise FailedVerification(
                "training-contribution",
                found=f"{len(values)} values, or one above the bound",
                expected=f"{self.length} integers of at most {self.bound} in magnitude",
                remedy="Leave the training: the question and the rows do not belong together.",
                where=self.name,
            )
        return values


def integers_of(stated: Json) -> list[int]:
    """A list of integers in a question's parameters; large ones stand there as text."""
    assert isinstance(stated, list | tuple), "made by a task of ours"
    return [value if isinstance(value, int) else int(str(value)) for value in stated]


Sums: TypeAlias = tuple[int, ...]

SumOf: TypeAlias = Callable[[Question], Sums]
"""Asks a question of a cohort and gives the sum of its answers."""


class Model(ABC):
    """What a training gives: public, and a function of the released sums alone."""

    @abstractmethod
    def predict(self, rows: Rows) -> Floats:
        """The target of each row in its own unit; NaN where the model has no opinion. `rows.target` is not read."""

    @abstractmethod
    def integers(self) -> tuple[int, ...]:
        """Every learned number, in a fixed order: equal tuples are equal models."""

    @abstractmethod
    def as_json(self) -> dict[str, Json]:
        """The model as canonical JSON can carry it: no floats."""


M = TypeVar("M", bound=Model)
M_co = TypeVar("M_co", bound=Model, covariant=True)

Training: TypeAlias = Generator[Question, Sums, M]


class Task(ABC, Generic[M_co]):
    """A training task: what it reads, what it asks, what follows. Instances are its public definition."""

    counts_participants: ClassVar[bool] = False
    """Whether each participant counts once, however many rows it has: then rows in one heap are another training."""

    @property
    @abstractmethod
    def view(self) -> tuple[str, ...]:
        """Names of the columns it reads, the target aside."""

    @abstractmethod
    def usable(self, rows: Rows) -> NDArray[np.bool_]:
        """Which rows count for the task: complete, and inside the public range of the target."""

    @abstractmethod
    def alone(self) -> "Task[M_co]":
        """The task as one participant trains it on its own rows, with nobody to keep anything from."""

    @abstractmethod
    def training(self) -> Training[M_co]:
        """The coordinator's half."""

    @abstractmethod
    def contribution(self, question: Question, rows: Rows) -> Integers:
        """The participant's half: its vector for `question`, from `usable` rows."""


@dataclass(frozen=True, slots=True)
class Participants:
    """A cohort in process: usable rows by participant. Its `sum_of` adds plainly; for pooled and local models, which
    need no secrecy because one party holds all the rows."""

    task: Task[Model] = field(repr=False)
    rows: Mapping[str, Rows] = field(repr=False)

    def answers(self, question: Question) -> dict[str, tuple[int, ...]]:
        """Every participant's checked vector."""
        return {
            name: question.checked(self.task.contribution(question, rows)) for name, rows in self.rows.items()
        }

    def sum_of(self, question: Question) -> Sums:
        """The sum of the cohort's vectors."""
        total = np.zeros(question.length, dtype=np.int64)
        for rows in self.rows.values():
            total += np.asarray(question.checked(self.task.contribution(question, rows)), dtype=np.int64)
        return tuple(total.tolist())


def train(training: Training[M], sum_of: SumOf) -> M:
    """Run a training to its end: ask, add, go on; gives the model."""
    sums: Sums | None = None
    for _ in range(MAX_EXCHANGES):
        try:
            question = next(training) if sums is None else training.send(sums)
        except StopIteration as end:
            model: M = end.value
            return model
        require_askable(question)
        sums = sum_of(question)
    raise Misuse(
        "training-exchanges",
        found=f"more than {MAX_EXCHANGES} exchanges",
        expected="a training that ends",
        remedy="Use fewer trees or levels in the task's definition.",
    )


def require_askable(question: Question) -> None:
    """Misuse (`training-question`) for a question with more or larger values than a secure sum takes."""
    if not 1 <= question.length <= MAX_VALUES or question.bound.bit_length() > MAX_MAGNITUDE_BITS:
        raise Misuse(
            "training-question",
            found=f"{question.length} values of {question.bound.bit_length()} bits",
            expected=f"1 to {MAX_VALUES} values below 2^{MAX_MAGNITUDE_BITS}",
            remedy="Use fewer features, categories or bins in the task's definition.",
            where=question.name,
        )


def require_cohort(count: int, minimum: int) -> None:
    """Refuse a sum over fewer participants than the minimum."""
    if count < minimum:
        raise Refused(
            "training-cohort",
            found=f"{count} participants with enough rows",
            expected=f"at least {minimum}",
            remedy="Invite more participants, or wait until they have more rows.",
        )
