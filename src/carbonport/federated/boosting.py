"""Boosting with drawn trees: how far a model of rough cells can be corrected by sums over each cell.

Starting from the mean, each exchange asks for the sums of what is left to explain (the residuals) over the cells of
several trees at once, and each cell's value is a part of its mean residual, shrunk (J. H. Friedman, Annals of
Statistics 29, 2001, with trees that are drawn and not searched). All numbers are integers, so the federated model is
the pooled one. A training of 120 trees takes 13 exchanges: who reaches which leaf, who lies between cells, the rows of
each cell, then ten times residuals.

What is released: for each cell, of five participants or more, its rows and its sums of residuals. Within one exchange,
no difference of a cell and cells of another tree inside it has fewer participants either: the second exchange asks, and
trees that would are left out. Sums of different exchanges are of different residuals; rows of cells of different
exchanges can be subtracted, which tells how many rows lie between them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.federated.drawn_trees import DrawnTrees
from carbonport.federated.features import ONE, Category, Floats, Integers, PublicRange, Rows
from carbonport.federated.training import MINIMUM_COHORT, Model, Question, Task, Training, integers_of

REACHED, BETWEEN, ROWS, RESIDUALS = "reached", "between", "rows", "residuals"
"""Names of the questions."""

FINER_BITS = 8
"""Bits that a target and a prediction have beyond a feature's: corrections get small."""

MAX_ROWS = 1 << 20
"""Rows of one participant; with it a sum of residuals stays below 2^42."""

BINS = 16
"""Bins of a number, of equal width on the scale of its public range."""


@dataclass(frozen=True)
class BoostingTask(Task["BoostingModel"]):
    """The public definition: features, the seed and number of the trees, and how much each corrects.

    `per_exchange` trees are asked about at once and correct the same residuals; a cell needs `minimum_cell_rows` rows
    to say anything.
    """

    numbers: Mapping[str, PublicRange]
    categories: Mapping[str, Category]
    target: PublicRange
    seed: str = "1"
    trees: int = 120
    depth: int = 4
    per_exchange: int = 12
    shrinkage: Fraction = Fraction(1, 8)
    penalty: int = 3
    minimum_cell_rows: int = 5
    minimum_cohort: int = MINIMUM_COHORT
    drawn: DrawnTrees = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not (1 <= self.trees <= 1000 and 1 <= self.depth <= 6 and 1 <= self.per_exchange <= 64):
            raise Misuse(
                "task-trees",
                found=f"{self.trees} trees of depth {self.depth}, {self.per_exchange} in an exchange",
                expected="1 to 1000 trees of depth 1 to 6, 1 to 64 in an exchange",
                remedy="Correct the task's definition.",
            )
        bins = [BINS] * len(self.numbers)
        bins += [2 for category in self.categories.values() for _ in category.values]
        object.__setattr__(self, "drawn", DrawnTrees(self.seed, self.trees, self.depth, tuple(bins)))

    @property
    def view(self) -> tuple[str, ...]:
        """Numbers, then categories."""
        return (*self.numbers, *self.categories)

    def usable(self, rows: Rows) -> NDArray[np.bool_]:
        """Rows with every number present and a target inside its public range."""
        chosen = self.target.holds(rows.target)
        for name in self.numbers:
            chosen = chosen & np.isfinite(rows.column(name))
        return chosen

    def alone(self) -> "BoostingTask":
        """Every leaf of every tree is a cell."""
        return replace(self, minimum_cohort=1)

    def training(self) -> Training["BoostingModel"]:
        """Cells, rows of each, then residuals of a few trees at a time."""
        leaves = self.trees * self.drawn.leaves
        reached = yield Question(REACHED, {}, leaves, 1)
        cells = list(self.drawn.merged_cells(reached, self.minimum_cohort))
        if self.minimum_cohort > 1:
            pairs = self._pairs(cells)
            if pairs:
                between = yield Question(BETWEEN, {"cells": cells, "pairs": pairs}, len(pairs), 1)
                for (tree, *_), count in zip(pairs, between, strict=True):
                    if 0 < count < self.minimum_cohort:
                        cells[tree] = ()
        total = sum(len(of_tree) for of_tree in cells)
        counted = yield Question(ROWS, {"cells": cells}, 2 + total, MAX_ROWS * (ONE << FINER_BITS))
        base = _rounded(Fraction(counted[1], counted[0])) if counted[0] else 0
        rows = _by_tree(counted[2:], cells)
        values: list[tuple[int, ...]] = []
        for first in range(0, self.trees, self.per_exchange):
            last = min(first + self.per_exchange, self.trees)
            asked = cells[first:last]
            length = sum(len(of_tree) for of_tree in asked)
            if length == 0:
                values += [()] * len(asked)
                continue
            stated: dict[str, Json] = {
                "first": first, "last": last, "base": base, "cells": cells[:last], "values": list(values),
            }  # fmt: skip
            sums = yield Question(RESIDUALS, stated, length, 4 * MAX_ROWS * (ONE << FINER_BITS))
            for of_tree, counts in zip(_by_tree(sums, asked), rows[first:last], strict=True):
                values.append(tuple(map(self._value, of_tree, counts)))
        return BoostingModel(self, base, tuple(cells), tuple(values))

    def contribution(self, question: Question, rows: Rows) -> Integers:
        """Presence in leaves and between cells, rows of cells, or sums of residuals."""
        binned = self.binned(rows)
        if question.name == REACHED:
            answer = np.zeros((self.trees, self.drawn.leaves), dtype=np.int64)
            answer[np.arange(self.trees)[None, :], self.drawn.leaves_of(binned)] = 1
            return answer.ravel()
        cells = _cells(question.parameters["cells"])
        if question.name == BETWEEN:
            return self._between(question.parameters["pairs"], cells, binned)
        target = self.target.encode(rows.target) << FINER_BITS
        if question.name == ROWS:
            of_cell = self._sums(cells, 0, self.trees, binned, np.ones(len(rows), dtype=np.int64))
            return np.concatenate([np.array([len(rows), int(target.sum())], dtype=np.int64), of_cell])
        first, last = (int(str(question.parameters[name])) for name in ("first", "last"))
        values = _cells(question.parameters["values"])
        base = int(str(question.parameters["base"]))
        left = target - self.predicted(binned, base, cells[:first], values)
        return self._sums(cells[first:last], first, last, binned, left)

    def binned(self, rows: Rows) -> Integers:
        """The bin of each feature: sixteenths of a number's range, and 0 or 1 for each value of a category."""
        columns = [
            np.minimum((public.encode(rows.column(name)) + ONE) * BINS // (2 * ONE), BINS - 1)
            for name, public in self.numbers.items()
        ]
        for name, category in self.categories.items():
            encoded = category.encode(rows.labels(name))
            columns.extend((encoded == place).astype(np.int64) for place in range(len(category.values)))
        return np.column_stack(columns)

    def predicted(
        self, binned: Integers, base: int, cells: list[tuple[int, ...]], values: list[tuple[int, ...]]
    ) -> Integers:
        """Predictions in fixed point by the first trees."""
        if not cells:
            return np.full(len(binned), base, dtype=np.int64)
        worth = np.zeros((len(cells), self.drawn.leaves), dtype=np.int64)
        for tree, (of_tree, of_cells) in enumerate(zip(cells, values, strict=True)):
            if of_tree:
                worth[tree] = np.array([*of_cells, 0], dtype=np.int64)[self.drawn.cell_of_leaf(of_tree)]
        leaves = self.drawn.leaves_of(binned, 0, len(cells))
        total: Integers = base + worth[np.arange(len(cells))[None, :], leaves].sum(axis=1)
        return total

    def _value(self, residuals: int, count: int) -> int:
        if count < self.minimum_cell_rows:
            return 0
        return _rounded(self.shrinkage * residuals / (count + self.penalty))

    def _sums(
        self, cells: list[tuple[int, ...]], first: int, last: int, binned: Integers, amounts: Integers
    ) -> Integers:
        """The sum of `amounts` over each cell of the trees from `first` to before `last`."""
        leaves = self.drawn.leaves_of(binned, first, last)
        parts = [np.zeros(0, dtype=np.int64)]
        for tree, of_tree in enumerate(cells):
            sums = np.zeros(len(of_tree) + 1, dtype=np.int64)
            np.add.at(sums, self.drawn.cell_of_leaf(of_tree)[leaves[:, tree]], amounts)
            parts.append(sums[: len(of_tree)])
        return np.concatenate(parts)

    def _pairs(self, cells: list[tuple[int, ...]]) -> list[list[int]]:
        """Tree, other tree and cell: cells of the tree lie inside the other's cell, in one exchange."""
        boxes = [[self.drawn.box(tree, node) for node in of_tree] for tree, of_tree in enumerate(cells)]
        pairs = []
        for first in range(0, self.trees, self.per_exchange):
            batch = range(first, min(first + self.per_exchange, self.trees))
            for outer in batch:
                for place, (low, high) in enumerate(boxes[outer]):
                    for tree in batch:
                        if tree != outer and any(_inside(box, low, high) for box in boxes[tree]):
                            pairs.append([tree, outer, place])
        return pairs

    def _between(self, stated: Json, cells: list[tuple[int, ...]], binned: Integers) -> Integers:
        """For each pair 1 when this participant has a row in the outer cell and in none of the cells inside it."""
        assert isinstance(stated, list | tuple), "made by training()"
        leaves = self.drawn.leaves_of(binned)
        tables = [self.drawn.cell_of_leaf(of_tree) for of_tree in cells]
        boxes = [[self.drawn.box(tree, node) for node in of_tree] for tree, of_tree in enumerate(cells)]
        answer = np.zeros(len(stated), dtype=np.int64)
        for number, pair in enumerate(stated):
            tree, outer, place = integers_of(pair)
            low, high = boxes[outer][place]
            inner = np.array([*(_inside(box, low, high) for box in boxes[tree]), False])
            in_outer = tables[outer][leaves[:, outer]] == place
            answer[number] = int(bool((in_outer & ~inner[tables[tree][leaves[:, tree]]]).any()))
        return answer


@dataclass(frozen=True, slots=True)
class BoostingModel(Model):
    """The mean, and for each tree its cells and what each adds, in fixed point."""

    task: BoostingTask = field(repr=False)
    base: int
    cells: tuple[tuple[int, ...], ...]
    values: tuple[tuple[int, ...], ...]

    def predict(self, rows: Rows) -> Floats:
        """The target of each row, kept inside its public range; NaN where a number is missing."""
        complete = np.ones(len(rows), dtype=bool)
        for name in self.task.numbers:
            complete &= np.isfinite(rows.column(name))
        result = np.full(len(rows), np.nan)
        binned = self.task.binned(rows.take(complete))
        scaled = self.task.predicted(binned, self.base, list(self.cells), list(self.values))
        result[complete] = self.task.target.decode(scaled / (1 << FINER_BITS))
        return result

    def integers(self) -> tuple[int, ...]:
        """The mean, then the values of all cells."""
        return (self.base, *(value for of_tree in self.values for value in of_tree))

    def as_json(self) -> dict[str, Json]:
        """Kind, seed, cells and values."""
        return {
            "kind": "boosting",
            "seed": self.task.seed,
            "base": self.base,
            "cells": list(self.cells),
            "values": list(self.values),
        }


def _inside(box: tuple[Integers, Integers], low: Integers, high: Integers) -> bool:
    return bool((box[0] >= low).all() and (box[1] <= high).all() and (box[0] <= box[1]).all())


def _cells(stated: Json) -> list[tuple[int, ...]]:
    assert isinstance(stated, list | tuple), "made by training()"
    return [tuple(integers_of(of_tree)) for of_tree in stated]


def _by_tree(flat: tuple[int, ...], cells: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    parts, place = [], 0
    for of_tree in cells:
        parts.append(flat[place : place + len(of_tree)])
        place += len(of_tree)
    return parts


def _rounded(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
