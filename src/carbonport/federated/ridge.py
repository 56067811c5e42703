"""Ridge regression from sums: one exchange for the cells of each category, one for the Gram matrix.

With X the rows' features in fixed point and y the target, the weights follow from X'X and X'y, which are sums over
rows and so over participants: the federated sums are the pooled ones, integer for integer (A. E. Hoerl and R. W.
Kennard, Technometrics 12, 1970, for the estimator). The system is solved exactly, so equal sums give equal weights.

With a slope for each cell (a ridge per production route) the same sums tell how far rows scatter around the prediction
in each cell: the residual sum of squares needs y'y of the cell beside them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.federated.cells import PRESENCE, Cells, cell_groups, chosen_cells, presence
from carbonport.federated.exact_solve import solve_rounded
from carbonport.federated.features import (
    FRACTION_BITS,
    ONE,
    Category,
    Floats,
    Integers,
    PublicRange,
    Rows,
)
from carbonport.federated.private_shape import PrivateShape
from carbonport.federated.training import MINIMUM_COHORT, Model, Question, Task, Training

GRAM = "gram"
"""Name of the question for X'X and X'y."""

RIDGE, RIDGE_FOR_NOISE = "ridge", "ridge-for-noise"
"""Kinds in a model file: which of the two shapes of a task gives the weights their meaning."""

MAX_ROWS = 1 << 20
"""Rows of one participant; with it a value of the Gram matrix stays below 2^44."""

WEIGHT_BITS = 24
"""Fraction bits of a weight."""

WIDEST = 2 << WEIGHT_BITS
"""The whole range of a target: no rows scatter further."""


@dataclass(frozen=True, slots=True)
class RidgeTask(Task["RidgeModel"]):
    """The public definition of a ridge: ranges, categories, penalty, and the shape of the features.

    `slopes_by` names the category, then the only one, whose cells have slopes of their own (one ridge per route);
    `squares` adds the square of each number, for a task without slopes. `penalty` is in units of one row at the end of
    every range; the intercept bears none.

    A `private` task is one for noise; its `target` is the range of the ratio to the typical value.
    """

    numbers: Mapping[str, PublicRange]
    categories: Mapping[str, Category]
    target: PublicRange
    penalty: int = 1
    squares: bool = True
    slopes_by: str | None = None
    minimum_cohort: int = MINIMUM_COHORT
    private: PrivateShape | None = None

    def __post_init__(self) -> None:
        if self.slopes_by is not None and (self.squares or tuple(self.categories) != (self.slopes_by,)):
            raise Misuse(
                "task-slopes",
                found="slopes by cell together with squares or further categories",
                expected="one category, and numbers as they are",
                remedy="Leave out the squares and the other categories, or the slopes.",
            )

    @property
    def view(self) -> tuple[str, ...]:
        """Numbers, then categories."""
        return (*self.numbers, *self.categories)

    def usable(self, rows: Rows) -> NDArray[np.bool_]:
        """Rows with every number present and a target inside its public range."""
        chosen = self.target.holds(rows.target / self.typical(rows))
        for name in self.numbers:
            chosen = chosen & np.isfinite(rows.column(name))
        return chosen

    def alone(self) -> "RidgeTask":
        """Every value of a category has its cell."""
        return replace(self, minimum_cohort=1)

    def training(self) -> Training["RidgeModel"]:
        """Cells, then the Gram matrix, then the weights."""
        cells: dict[str, Cells] = {}
        for name, category in self.categories.items():
            if self.private is not None:
                own = self.private.cells if name == self.private.category else ()
                cells[name] = Cells(tuple((value,) for value in own))
            else:
                cells[name] = yield from chosen_cells(category, name, self.minimum_cohort)
        size = self._width(cells) + 1
        if self.private is None and not all(chosen.groups for chosen in cells.values()):
            # No row has a cell in every category: nothing is asked, and the model has no opinion on anything.
            return RidgeModel(self, cells, (0,) * (size - 1), 0)
        stated: dict[str, Json] = {name: chosen.groups for name, chosen in cells.items()}
        triangle = size * (size + 1) // 2
        slopes = 0 if self.slopes_by is None else len(cells[self.slopes_by].groups)
        bound, sensitivity = MAX_ROWS * ONE * ONE, None
        length = triangle + 2 * slopes
        if self.private is not None:
            sensitivity = math.ceil(self.private.product_norm * ONE * ONE)
            length = triangle + len(cells[self.private.category].groups)
        sums = yield Question(GRAM, {"cells": stated}, length, bound, sensitivity)
        gram = np.zeros((size, size), dtype=object)
        gram[np.triu_indices(size)] = sums[:triangle]
        gram = np.triu(gram) + np.triu(gram, 1).T
        matrix = gram[:-1, :-1].copy()
        for place in range(1, size - 1):
            matrix[place, place] += self.penalty * ONE * ONE
        weights = solve_rounded(matrix.tolist(), gram[:-1, -1].tolist(), WEIGHT_BITS)
        if self.private is not None:
            first = self._first_cell(cells)
            indicators = range(first, first + length - triangle)
            scatter = self.private.deviations(gram, indicators, sums[triangle - 1 : -1], self.target)
            rounded = tuple(round(one * (1 << WEIGHT_BITS)) for one in scatter)
            return RidgeModel(self, cells, weights, max(0, int(gram[0, 0])) // (ONE * ONE), rounded)
        squares, members = sums[triangle : triangle + slopes], sums[triangle + slopes :]
        deviations = tuple(
            self._cell_deviation(gram, weights, place, slopes, squares[place], members[place])
            for place in range(slopes)
        )
        means = tuple(self._cell_means(gram, place, slopes) for place in range(slopes))
        rows = max(0, int(gram[0, 0])) // (ONE * ONE)
        return RidgeModel(self, cells, weights, rows, deviations, means)

    def contribution(self, question: Question, rows: Rows) -> Integers:
        """Presence of values, or the upper triangle of [X y]'[X y]."""
        if question.name == PRESENCE:
            column = str(question.parameters["column"])
            category = self.categories[column]
            return presence(question, category, category.encode(rows.labels(column)))
        stated = question.parameters["cells"]
        assert isinstance(stated, Mapping), "made by training()"
        cells = {name: Cells(cell_groups(groups)) for name, groups in stated.items()}
        features, known = self.features(rows, cells)
        target = self.target.encode(rows.target / self.typical(rows))
        table = np.column_stack([features, target])[known]
        if self.private is not None:
            table = self.private.clipped(table)
        gram: Integers = table.T @ table
        vector = gram[np.triu_indices(len(gram))]
        if self.private is not None:
            name = self.private.category
            category = self.categories[name]
            places = cells[name].places(category, category.encode(rows.labels(name)))
            apart = self.private.squares(table[:, -1], places, len(cells[name].groups))
            return np.concatenate([vector[:-1], apart])
        if self.slopes_by is None:
            return vector
        # Beside the Gram matrix: y'y of each cell, and whether this participant has rows of it.
        category = self.categories[self.slopes_by]
        places = cells[self.slopes_by].places(category, category.encode(rows.labels(self.slopes_by)))
        inside = [places == place for place in range(len(cells[self.slopes_by].groups))]
        squares = [int((target[chosen] ** 2).sum()) for chosen in inside]
        return np.concatenate([vector, np.array([*squares, *(int(chosen.any()) for chosen in inside)])])

    def features(self, rows: Rows, cells: Mapping[str, Cells]) -> tuple[Integers, NDArray[np.bool_]]:
        """The matrix X, and which rows have a cell in every category.

        Columns: 1; each cell as 0 or 1; each number; its square; and the products of the numbers with the cells of
        `slopes_by`. All in fixed point.
        """
        count = len(rows)
        known = np.ones(count, dtype=bool)
        columns = [np.full(count, ONE, dtype=np.int64)]
        indicators: dict[str, list[Integers]] = {}
        for name, chosen in cells.items():
            category = self.categories[name]
            places = chosen.places(category, category.encode(rows.labels(name)))
            if self.private is None:
                known &= places >= 0
            indicators[name] = [(places == place).astype(np.int64) for place in range(len(chosen.groups))]
            columns.extend(ONE * indicator for indicator in indicators[name])
        scaled = [public.encode(rows.column(name)) for name, public in self.numbers.items()]
        columns.extend(scaled)
        if self.squares:
            columns.extend(column * column >> FRACTION_BITS for column in scaled)
        if self.slopes_by is not None:
            columns.extend(column * one for one in indicators[self.slopes_by] for column in scaled)
        return np.column_stack(columns), known

    def typical(self, rows: Rows) -> Floats:
        """The typical value of each row's kind; 1 in a task that is not private."""
        if self.private is None:
            return np.ones(len(rows))
        return self.private.typical_values(rows)

    def cell_columns(self, place: int, cell_count: int) -> list[int]:
        """The columns that are not 0 only for rows of a cell: its indicator, then the numbers."""
        first = 1 + cell_count + len(self.numbers) * (1 + place)
        return [1 + place, *range(first, first + len(self.numbers))]

    def _cell_means(self, gram: NDArray[np.object_], place: int, cell_count: int) -> tuple[int, ...]:
        """The mean of each number over a cell's rows, in fixed point: what is usual there.

        Kept inside the range, where sums of real rows have it: those of a poisoned bucket must stay readable.
        """
        own = self.cell_columns(place, cell_count)
        weight = int(gram[own[0], own[0]])
        found = [int(gram[own[0], column]) * ONE // weight if weight else 0 for column in own[1:]]
        return tuple(min(max(mean, -ONE), ONE) for mean in found)

    def _cell_deviation(
        self,
        gram: NDArray[np.object_],
        weights: tuple[int, ...],
        place: int,
        cell_count: int,
        square: int,
        members: int,
    ) -> int:
        """How far rows of a cell scatter around the prediction, as the target is scaled, in weight bits; 0: unknown.

        Every participant's rows resemble each other, so the participants less the weights of the cell are the degrees
        of freedom, not the rows.
        """
        own = self.cell_columns(place, cell_count)
        shared = [0, *range(1 + cell_count, 1 + cell_count + len(self.numbers))]
        slopes = [weights[mine] + weights[common] for mine, common in zip(own, shared, strict=True)]
        products = [int(gram[mine, -1]) for mine in own]
        quadratic = sum(
            slopes[row] * slopes[column] * int(gram[own[row], own[column]])
            for row in range(len(own))
            for column in range(len(own))
        )
        linear = sum(slope * product for slope, product in zip(slopes, products, strict=True))
        squared_residuals = (square << 2 * WEIGHT_BITS) - (linear << WEIGHT_BITS + 1) + quadratic
        rows, freedom = int(gram[own[0], own[0]]) // (ONE * ONE), members - len(own)
        if freedom <= 0 or rows <= 0:
            return 0
        found = isqrt(max(0, squared_residuals) * members // (rows * freedom)) // ONE
        return min(found, WIDEST)

    def _first_cell(self, cells: Mapping[str, Cells]) -> int:
        """The column of the first indicator of a private task's own category."""
        assert self.private is not None, "asked for a private task alone"
        before = list(cells)[: list(cells).index(self.private.category)]
        return 1 + sum(len(cells[name].groups) for name in before)

    def _width(self, cells: Mapping[str, Cells]) -> int:
        numbers = len(self.numbers)
        slopes = 0 if self.slopes_by is None else len(cells[self.slopes_by].groups)
        cell_count = sum(len(chosen.groups) for chosen in cells.values())
        return 1 + cell_count + numbers * (1 + self.squares + slopes)


@dataclass(frozen=True, slots=True)
class RidgeModel(Model):
    """Weights in fixed point, with the task that gives them meaning. `rows` of training stand behind it; `deviations`
    are those of the cells of `slopes_by`, `means` what is usual there of each number."""

    task: RidgeTask = field(repr=False)
    cells: Mapping[str, Cells]
    weights: tuple[int, ...]
    rows: int
    deviations: tuple[int, ...] = ()
    means: tuple[tuple[int, ...], ...] = ()

    def effects(self, row: Rows) -> dict[str, float]:
        """By which factor each number moves the prediction of the one row away from what is usual in its cell.

        Of a target on a logarithmic scale and a model with slopes; empty otherwise, and for a row without a cell.
        """
        name = self.task.slopes_by
        if name is None or self.task.target.scale != "log":
            return {}
        category = self.task.categories[name]
        (place,) = self.cells[name].places(category, category.encode(row.labels(name)))
        if place < 0:
            return {}
        cell_count, numbers = len(self.cells[name].groups), len(self.task.numbers)
        own = self.task.cell_columns(int(place), cell_count)[1:]
        shared = range(1 + cell_count, 1 + cell_count + numbers)
        effects = {}
        for number, (column, public) in enumerate(self.task.numbers.items()):
            slope = (self.weights[own[number]] + self.weights[shared[number]]) / (1 << WEIGHT_BITS)
            apart = int(public.encode(row.column(column))[0]) - self.means[place][number]
            effects[column] = math.exp(slope * apart / ONE * self.task.target.half_width)
        return effects

    def deviation(self, rows: Rows) -> Floats:
        """How far honest rows like each of these scatter around the prediction, relative to it; NaN: unknown.

        Of a target on a logarithmic scale, where distances are ratios.
        """
        private = self.task.private
        name = self.task.slopes_by if private is None else private.category
        if name is None or self.task.target.scale != "log" or not self.deviations:
            return np.full(len(rows), np.nan)
        category = self.task.categories[name]
        places = self.cells[name].places(category, category.encode(rows.labels(name)))
        half_width = self.task.target.half_width
        known = [value / (1 << WEIGHT_BITS) * half_width if value else np.nan for value in self.deviations]
        return np.array([*known, np.nan])[places]

    def predict(self, rows: Rows) -> Floats:
        """The target of each row, kept inside its public range; NaN for a row without a cell or a number."""
        complete = np.ones(len(rows), dtype=bool)
        for name in self.task.numbers:
            complete &= np.isfinite(rows.column(name))
        predicted = np.full(len(rows), np.nan)
        features, known = self.task.features(rows.take(complete), self.cells)
        weights = np.array([weight / (1 << WEIGHT_BITS) for weight in self.weights])
        inside = self.task.target.decode(features @ weights) * self.task.typical(rows.take(complete))
        predicted[complete] = np.where(known, inside, np.nan)
        return predicted

    def integers(self) -> tuple[int, ...]:
        """The weights; the deviations count participants, of which a pooled list has one, and are not among them."""
        return self.weights

    def as_json(self) -> dict[str, Json]:
        """Kind, cells, and weights as text."""
        return {
            "kind": RIDGE if self.task.private is None else RIDGE_FOR_NOISE,
            "cells": {name: chosen.groups for name, chosen in self.cells.items()},
            "rows": self.rows,
            "weight_fraction_bits": WEIGHT_BITS,
            "weights": [str(weight) for weight in self.weights],
            "deviations": [str(deviation) for deviation in self.deviations],
            "means": [list(means) for means in self.means],
        }
