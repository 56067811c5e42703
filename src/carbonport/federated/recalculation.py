"""The first plausibility score: does the claim fit what the plant's inputs amount to?

`predicted = recalculated x (1 + offset)`, where *recalculated* is the emissions that follow from the plant's amounts
with standard factors (by the calculation graph), and the offset is the median, over the participants of a cell, of the
relative residual claim/recalculated - 1. Arithmetic does most of the work; what is learned is how far standard factors
lie from a sector's own, and how far honest plants scatter. Every participant counts once: for an offset with the median
of its rows, for the scatter with the share of its rows below a threshold. Many rows, or wild claims, move a result no
further than any other participant does.
"""

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from carbonport.crypto.canonical import Json
from carbonport.federated.cells import PRESENCE, Cells, cell_groups, chosen_cells, presence
from carbonport.federated.features import OTHER, Category, Floats, Integers, PublicRange, Rows
from carbonport.federated.quantiles import (
    CENTRE,
    FINE,
    GRID_BINS,
    MEDIAN,
    NEEDED_COHORTS,
    QUARTILES,
    WHOLE,
    Search,
    at_or_below,
    relative,
    robust_deviation,
    search_quantiles,
)
from carbonport.federated.training import (
    MINIMUM_COHORT,
    MINIMUM_ROWS,
    Model,
    Question,
    Task,
    Training,
    integers_of,
    require_cohort,
)

CELL_SIZES, OFFSETS, SCATTER = "cell-sizes", "offsets", "scatter"
"""Names of the questions: participants in each cell, counts for the cells' medians, counts for the quartiles."""


@dataclass(frozen=True, slots=True)
class RecalculationTask(Task["RecalculationModel"]):
    """The public definition: columns, the listed sectors or routes, and the range of claims in tCO2e per tonne.

    With `private_members`, the size of the membership, it is one for noise: there is one cell, nobody is asked who has
    rows of what, and a participant counts with shares of its rows throughout, to which a single row adds little.
    """

    counts_participants: ClassVar[bool] = True

    recalculated: str
    cell: str
    category: Category
    target: PublicRange
    minimum_cohort: int = MINIMUM_COHORT
    private_members: int = 0

    @property
    def view(self) -> tuple[str, ...]:
        """What is recalculated from amounts, and the cell."""
        return (self.recalculated, self.cell)

    def usable(self, rows: Rows) -> NDArray[np.bool_]:
        """Rows whose claim and recalculation both lie in the range of claims."""
        return self.target.holds(rows.target) & self.target.holds(rows.column(self.recalculated))

    def alone(self) -> "RecalculationTask":
        """Every value has its cell, of one participant."""
        return replace(self, minimum_cohort=1)

    def training(self) -> Training["RecalculationModel"]:
        """Cells with enough participants for a median, an offset for each, then the scatter around all offsets."""
        if self.private_members:
            return (yield from self._private_training())
        minimum = self.minimum_cohort
        needed = NEEDED_COHORTS * minimum if minimum > 1 else 1
        cells = yield from chosen_cells(self.category, self.cell, needed, absorb=True)
        count = len(cells.groups)
        if count == 0:
            return RecalculationModel(self, cells, (), None)
        stated: dict[str, Json] = {"cells": cells.groups}
        *sizes, members = yield Question(CELL_SIZES, stated, count + 1, 1)
        medians = [Search(size, MEDIAN) for size in sizes]
        yield from search_quantiles(
            medians,
            lambda asked: Question(OFFSETS, {**stated, "thresholds": list(asked)}, count, WHOLE),
            minimum if minimum > 1 else 0,
        )
        offsets = tuple(search.position for search in medians)
        if members < needed:
            return RecalculationModel(self, cells, offsets, None)
        stated["offsets"] = list(offsets)
        quartiles = [Search(members, fraction) for fraction in QUARTILES]
        yield from search_quantiles(
            quartiles,
            lambda asked: Question(SCATTER, {**stated, "thresholds": list(asked)}, len(quartiles), WHOLE),
            minimum if minimum > 1 else 0,
        )
        return RecalculationModel(self, cells, offsets, (quartiles[0].position, quartiles[1].position))

    def _private_training(self) -> Training["RecalculationModel"]:
        require_cohort(self.private_members, NEEDED_COHORTS * self.minimum_cohort)
        cells = Cells(((*self.category.values, OTHER),))
        # A share moves by at most one part in the rows that everybody has at least, when one of them comes or goes.
        sensitivity = WHOLE // MINIMUM_ROWS + 1
        stated: dict[str, Json] = {"cells": cells.groups}
        median = Search(self.private_members, MEDIAN, noisy=True)
        yield from search_quantiles(
            [median],
            lambda asked: Question(
                SCATTER, {**stated, "offsets": [CENTRE], "thresholds": list(asked)}, 1, WHOLE, sensitivity
            ),
            self.minimum_cohort,
        )
        offsets = (median.position,)
        quartiles = [Search(self.private_members, fraction, noisy=True) for fraction in QUARTILES]
        # Two counts of one question: the sensitivity of the pair.
        both = math.isqrt(2 * sensitivity * sensitivity) + 1
        yield from search_quantiles(
            quartiles,
            lambda asked: Question(
                SCATTER, {**stated, "offsets": list(offsets), "thresholds": list(asked)}, 2, WHOLE, both
            ),
            self.minimum_cohort,
        )
        return RecalculationModel(self, cells, offsets, (quartiles[0].position, quartiles[1].position))

    def contribution(self, question: Question, rows: Rows) -> Integers:
        """Where this participant lies: 0 or 1 for each threshold."""
        places = self.category.encode(rows.labels(self.cell))
        if question.name == PRESENCE:
            return presence(question, self.category, places)
        cells = Cells(cell_groups(question.parameters["cells"]))
        cell_of = cells.places(self.category, places)
        mine = [place for place in range(len(cells.groups)) if bool((cell_of == place).any())]
        if question.name == CELL_SIZES:
            answer = np.zeros(question.length, dtype=np.int64)
            answer[mine] = 1
            answer[-1] = int(bool(mine))
            return answer
        residuals = rows.target / rows.column(self.recalculated) - 1
        thresholds = integers_of(question.parameters["thresholds"])
        if question.name == OFFSETS:
            answer = np.zeros(question.length, dtype=np.int64)
            for place in mine:
                median = np.median(residuals[cell_of == place], keepdims=True)
                answer[place] = at_or_below(median, thresholds[place : place + 1])[0]
            return answer
        if not mine:
            return np.zeros(question.length, dtype=np.int64)
        offsets = np.array([relative(value) for value in integers_of(question.parameters["offsets"])])
        known = cell_of >= 0
        return at_or_below((1 + residuals[known]) / (1 + offsets[cell_of[known]]) - 1, thresholds)


@dataclass(frozen=True, slots=True)
class RecalculationModel(Model):
    """An offset for each cell and, with enough participants, the quartiles around them, in `FINE` parts of a bin."""

    task: RecalculationTask = field(repr=False)
    cells: Cells
    offsets: tuple[int, ...]
    quartiles: tuple[int, int] | None

    def predict(self, rows: Rows) -> Floats:
        """Recalculated emissions with the cell's offset; NaN for a row without a cell or a recalculation."""
        places = self.cells.places(self.task.category, self.task.category.encode(rows.labels(self.task.cell)))
        recalculated = rows.column(self.task.recalculated)
        factors = np.array([*(1 + relative(offset) for offset in self.offsets), np.nan])
        predicted: Floats = recalculated * factors[places]
        return predicted

    @property
    def deviation(self) -> float | None:
        """How far honest plants scatter around a prediction: a robust standard deviation, relative; None: unknown."""
        return None if self.quartiles is None else robust_deviation(*self.quartiles)

    def integers(self) -> tuple[int, ...]:
        """Offsets, then quartiles."""
        return (*self.offsets, *(self.quartiles or ()))

    def as_json(self) -> dict[str, Json]:
        """Kind, cells, and positions on the grid."""
        return {
            "kind": "recalculation",
            "cells": {self.task.cell: self.cells.groups},
            "grid_parts": GRID_BINS * FINE,
            "offsets": list(self.offsets),
            "quartiles": None if self.quartiles is None else list(self.quartiles),
        }
