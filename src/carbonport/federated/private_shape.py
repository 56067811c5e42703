"""What makes a ridge fit for noise: a public typical value, rows of bounded length, cells by definition."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from carbonport.errors import Misuse
from carbonport.federated.features import ONE, OTHER, Floats, Integers, PublicRange, Rows

SCATTER_ROWS = 300
"""Rows that the public typical scatter counts for: at epsilon 4 the noise then moves a cell's by a tenth."""


@dataclass(frozen=True, slots=True)
class PrivateShape:
    """Little to learn beside what is public, and rows whose length is bounded.

    `typical` is the public default of the target by value of `category` (with one for `OTHER`): only the ratio to it is
    learned. Of the `added_kinds` the number in `added_column` is added to it, being part of the target. `cells` are the
    values with an indicator of their own; nobody is asked who has which, and other values have none. `scatter` is a
    public typical deviation of honest rows, relative to what is predicted. A row whose products are together longer
    than `product_norm` is shortened, so that no row changes the triangle of X'X, X'y and y'y by more than that.
    """

    category: str
    typical: Mapping[str, float]
    cells: tuple[str, ...] = ()
    product_norm: Fraction = Fraction(3, 2)
    added_column: str = ""
    added_kinds: frozenset[str] = frozenset()
    scatter: float = 0.1

    def __post_init__(self) -> None:
        if OTHER not in self.typical or not all(value > 0 for value in self.typical.values()):
            raise Misuse(
                "task-typical",
                found="no typical value for others, or one that is not above 0",
                expected=f"a positive typical value for every kind and for {OTHER!r}",
                remedy="Complete the task's definition.",
            )

    def typical_values(self, rows: Rows) -> Floats:
        """The typical value of each row, from what is public and its own numbers."""
        kinds = [str(value) for value in rows.labels(self.category)]
        values = np.array([self.typical.get(kind, self.typical[OTHER]) for kind in kinds])
        if self.added_column:
            values += np.where(
                np.isin(kinds, sorted(self.added_kinds)), np.nan_to_num(rows.column(self.added_column)), 0.0
            )
        return values

    def clipped(self, table: Integers) -> Integers:
        """Rows whose products have at most that length, in fixed point; rounding goes towards 0, so that none has more.

        A row z = [x y] adds each product of two of its values once to the triangle, which changes by the square root of
        (|z|^4 + sum of z_i^4) / 2: by less than |z|^2, for which the noise would be sized otherwise.
        """
        squared = (table.astype(np.float64) / ONE) ** 2
        lengths = np.sqrt((squared.sum(axis=1) ** 2 + (squared**2).sum(axis=1)) / 2)
        shares = np.sqrt(float(self.product_norm) / np.maximum(lengths, 1e-12))
        shortened: Integers = np.trunc(table * np.minimum(shares, 1.0)[:, None]).astype(np.int64)
        return shortened

    def squares(self, target: Integers, places: Integers, cell_count: int) -> Integers:
        """y'y of the rows of each cell, then of the rows without one; `places` as `Cells` gives them.

        They stand in the place of y'y of all rows. A row adds to one of them only, so it changes the whole vector by no
        more than it changes the triangle.
        """
        inside = [places == place for place in (*range(cell_count), -1)]
        return np.array([int((target[chosen] ** 2).sum()) for chosen in inside], dtype=np.int64)

    def deviations(
        self, gram: NDArray[np.object_], own: Sequence[int], squares: Sequence[int], target: PublicRange
    ) -> tuple[float, ...]:
        """How far rows of each cell scatter around the cell's mean, on the scale of `target`; `own` are the columns of
        the cells' indicators, `squares` y'y of each.

        From noised sums a small cell's scatter can be anything. So each is drawn towards what is typical, as if the
        cell had `SCATTER_ROWS` more rows that scatter like that.
        """
        typical = (self.scatter / target.half_width) ** 2
        found = []
        for square, column in zip(squares, own, strict=True):
            rows = max(1, int(gram[column, column]))
            apart = max(0.0, (square - int(gram[column, -1]) ** 2 / rows) / (ONE * ONE))
            found.append(math.sqrt((apart + SCATTER_ROWS * typical) / (rows / (ONE * ONE) + SCATTER_ROWS)))
        return tuple(found)
