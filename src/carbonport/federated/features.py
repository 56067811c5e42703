"""Features of a training task: public ranges, fixed point, bins.

Everything here is fixed by the task's definition and never taken from a participant's data, for a range that follows
the data tells its largest and smallest value. A number becomes an integer of `FRACTION_BITS` fraction bits on the
scale -1 ... 1 of its public range; from then on sums are sums of integers, the same in whatever order and by
whomever they are added.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carbonport.errors import Malformed, Misuse

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

FRACTION_BITS = 12
"""Fraction bits of a scaled number: a 4096th of half the range, far below what a meter resolves. Products of two
and their sum over 2^37 rows stay inside 61 bits."""

ONE = 1 << FRACTION_BITS
"""The integer that stands for 1."""

MAX_CATEGORIES = 64
"""Values that a category may take; more would be names, not categories."""

OTHER = "other"
"""What a category's value is called that the task does not list."""

Scale = Literal["linear", "log"]


@dataclass(frozen=True, slots=True)
class PublicRange:
    """`low` ... `high` in the feature's own unit, on a linear or a logarithmic scale; both ends belong to it."""

    low: float
    high: float
    scale: Scale = "linear"

    def __post_init__(self) -> None:
        positive = self.scale == "linear" or self.low > 0
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high and positive):
            raise Misuse(
                "task-range",
                found=f"the range {self.low:g} to {self.high:g} on a {self.scale} scale",
                expected="two finite numbers, the lower one first, both above 0 on a logarithmic scale",
                remedy="Correct the range in the task's definition.",
            )

    def holds(self, values: Floats) -> NDArray[np.bool_]:
        """Which of `values` lie inside; NaN does not."""
        return (values >= self.low) & (values <= self.high)

    def encode(self, values: Floats) -> Integers:
        """Integers in -ONE ... ONE. A value outside counts as the nearer end; NaN is the caller's to leave out."""
        inside = np.clip(values, self.low, self.high)
        place = (self._on_scale(inside) - self._start) / self._width
        return np.rint((2.0 * place - 1.0) * ONE).astype(np.int64)

    def decode(self, integers: Floats) -> Floats:
        """The value in the feature's unit that an integer (or a mean of integers) stands for, kept inside the range."""
        place = np.clip(np.asarray(integers, dtype=np.float64) / ONE, -1.0, 1.0)
        on_scale = self._start + (place + 1.0) / 2.0 * self._width
        return np.exp(on_scale) if self.scale == "log" else on_scale

    @property
    def half_width(self) -> float:
        """What `ONE` stands for, on the range's own scale."""
        return self._width / 2

    def as_json(self) -> dict[str, str]:
        """Numbers as text: canonical JSON has no floats."""
        return {"low": repr(self.low), "high": repr(self.high), "scale": self.scale}

    def _on_scale(self, values: Floats) -> Floats:
        return np.log(values) if self.scale == "log" else values

    @property
    def _start(self) -> float:
        return math.log(self.low) if self.scale == "log" else self.low

    @property
    def _width(self) -> float:
        return (math.log(self.high) if self.scale == "log" else self.high) - self._start


@dataclass(frozen=True, slots=True)
class Category:
    """A feature with few values that the task lists; every other value is `OTHER`."""

    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.values) <= MAX_CATEGORIES or len(set(self.values)) != len(self.values):
            raise Misuse(
                "task-category",
                found=f"{len(self.values)} values, {len(set(self.values))} of them different",
                expected=f"1 to {MAX_CATEGORIES} different values",
                remedy="List each value once in the task's definition; leave out a column of names.",
            )

    def encode(self, words: NDArray[np.str_]) -> Integers:
        """The place of each word in the list; `len(values)` for a word that is not in it."""
        places = {value: place for place, value in enumerate(self.values)}
        return np.array([places.get(str(word), len(self.values)) for word in words], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a task may read of a participant: columns of equal length, by name. They never leave the participant.

    `target` is the quantity to be predicted, in its own unit; empty columns of numbers hold NaN.
    """

    numbers: Mapping[str, Floats]
    words: Mapping[str, NDArray[np.str_]]
    target: Floats

    def __len__(self) -> int:
        return len(self.target)

    def take(self, chosen: NDArray[np.bool_]) -> "Rows":
        """The rows that `chosen` marks, in their order."""
        numbers = {name: column[chosen] for name, column in self.numbers.items()}
        words = {name: column[chosen] for name, column in self.words.items()}
        return Rows(numbers, words, self.target[chosen])

    @classmethod
    def together(cls, parts: Sequence["Rows"]) -> "Rows":
        """The rows of several parts, at least one, in one."""
        return cls(
            {name: np.concatenate([rows.numbers[name] for rows in parts]) for name in parts[0].numbers},
            {name: np.concatenate([rows.words[name] for rows in parts]) for name in parts[0].words},
            np.concatenate([rows.target for rows in parts]),
        )

    def column(self, name: str) -> Floats:
        """A column of numbers; Malformed (`training-column`) when there is none of that name."""
        try:
            return self.numbers[name]
        except KeyError:
            raise missing_column(name) from None

    def labels(self, name: str) -> NDArray[np.str_]:
        """A column of words; Malformed (`training-column`) when there is none of that name."""
        try:
            return self.words[name]
        except KeyError:
            raise missing_column(name) from None


def missing_column(name: str) -> Malformed:
    """The rows lack a column that the task reads."""
    return Malformed(
        "training-column",
        found="rows without that column",
        expected="every column that the task's view names",
        remedy="Add the column, or leave this training.",
        where=name,
    )
