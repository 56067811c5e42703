"""What a task on a table would fix in public: ranges, categories, and what stands where a number is not given.

In a real training the ranges, categories and bins come from the task's definition; here, where there is none yet, they
are drawn from the table unless the caller states them, and the result says which it was. They are drawn so that a few
senseless rows move nothing: ends are rows within, never the outermost ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbonport.errors import Misuse
from carbonport.federated.features import Category, Floats, PublicRange, Rows
from carbonport.federated.plant_table import PlantTable

MAX_LISTED = 24
"""Values of a category that are learned apart; rarer ones are put together."""

FEWEST_GROUPS = 2
"""Groups of rows that a listed value needs: what one plant alone has is its name, and a split has it on one side."""

MAX_CODES = 12
"""Whole numbers that take at most so many values are codes (of a fuel, a technology), and each value a category's."""

ROWS_OF_A_CODE = 10
"""Rows that stand behind a code on average; in a smaller table whole numbers are amounts."""

TARGET_SHARE = 0.02
"""A target is judged between its 2nd and 98th percentile, widened. A claim outside needs no model to be doubted, and
one such row would outweigh hundreds in any mean. Where most targets are above 0 the scale is logarithmic and zeros are
left out: in plants' statistics they are those that did not run."""

TARGET_MARGIN = 1.25
"""Factor by which that range is widened at both ends on a logarithmic scale."""

LINEAR_MARGIN = 0.25
"""Share of its width by which that range is widened at both ends on a linear scale."""

FAR = 100.0
"""A target a hundred times above the upper quartile, or below the lower one, is in another unit (kilograms for tonnes
are a thousandfold), however many such rows there are."""

RANGE_SHARE = 0.005
"""A feature's range leaves out half a percent of the rows at each end, one row at least; they count as the end."""

LOG_RATIO = 20.0
"""A positive feature whose range spans more than this factor gets a logarithmic scale."""

FEW_GAPS = 0.2
"""A row that lacks a number is left out, unless more than this share of the rows lack it: then it is filled in. Not
where the range is stated: what the column means is somebody else's definition then."""

GIVEN, NOT_GIVEN = "given", "not given"
"""The two values of the category that tells where a number had to be filled in."""


@dataclass(frozen=True, slots=True)
class EvaluationTable:
    """Every row of the table with its participant and its group, and the public ranges and categories.

    `plain` are the categories of the plain default: the first in words, or else the first in codes. `filled` names
    the numbers that many rows lack and how many: the middle of the range stands there, and a category says so.
    `without_use` are features that say nothing, for they have one value, or none that two groups share.
    """

    rows: Rows
    clients: NDArray[np.str_]
    groups: NDArray[np.str_]
    numbers: Mapping[str, PublicRange]
    categories: Mapping[str, Category]
    target: PublicRange
    plain: tuple[str, ...]
    filled: Mapping[str, int]
    without_use: tuple[str, ...]


def evaluation_table(table: PlantTable, target: str, stated: Mapping[str, PublicRange]) -> EvaluationTable:
    """`table` with everything a task fixes; `stated` are ranges of columns of numbers, or of the target `target`."""
    rows = table.rows
    unknown = [name for name in stated if name not in (*rows.numbers, *rows.words, target)]
    if unknown:
        raise Misuse(
            "evaluation-range",
            found=f"a range for {unknown[0][:40]!r}",
            expected="ranges for features and the target",
            remedy="Name one of the columns that the command lists.",
        )
    columns = dict(rows.numbers)
    words = dict(rows.words)
    for name, column in rows.numbers.items():
        if name not in stated and _are_codes(column):
            words[name] = np.array(["" if np.isnan(one) else str(int(one)) for one in columns.pop(name)])
    categories = {
        name: category for name, labels in words.items() if (category := _category(labels, table.groups))
    }
    plain = tuple(categories)[:1]
    ranges = {
        name: public for name, column in columns.items() if (public := stated.get(name) or _range(column))
    }
    without_use = tuple(name for name in (*words, *columns) if name not in categories and name not in ranges)
    if not categories and not ranges:
        raise Misuse(
            "evaluation-constant",
            found="features with the same value in every row, or values that no two groups share",
            expected="a feature that differs between rows",
            remedy="Name other columns.",
            where=", ".join(without_use),
        )
    filled: dict[str, int] = {}
    for name, public in ranges.items():
        absent = np.isnan(columns[name])
        if name not in stated and absent.mean() > FEW_GAPS:
            filled[name] = int(absent.sum())
            columns[name] = np.where(absent, public.decode(np.zeros(1))[0], columns[name])
            words[f"{name} {GIVEN}"] = np.where(absent, NOT_GIVEN, GIVEN)
            categories[f"{name} {GIVEN}"] = Category((GIVEN, NOT_GIVEN))
    return EvaluationTable(
        Rows(columns, words, rows.target),
        table.clients,
        table.groups,
        ranges,
        categories,
        stated.get(target) or _target_range(rows.target),
        plain,
        filled,
        without_use,
    )


def _are_codes(column: Floats) -> bool:
    values = np.unique(column[np.isfinite(column)])
    whole = bool(np.all(values == np.rint(values)))
    return whole and 1 < len(values) <= min(MAX_CODES, len(column) // ROWS_OF_A_CODE)


def _category(labels: NDArray[np.str_], groups: NDArray[np.str_]) -> Category | None:
    """The commonest values that two groups share; None when they do not tell rows apart."""
    pairs = np.unique(np.array([labels, groups]), axis=1)[0]
    values, held_by = np.unique(pairs, return_counts=True)
    shared = set(values[held_by >= FEWEST_GROUPS].tolist())
    counted = zip(*np.unique(labels, return_counts=True), strict=True)
    common = sorted((-int(count), str(value)) for value, count in counted if str(value) in shared)
    if not common or len(values) == 1:
        return None
    return Category(tuple(sorted(value for _, value in common[:MAX_LISTED])))


def _ends(values: Floats, share: float) -> tuple[float, float]:
    """The smallest and the largest value when `share` of the rows at each end, and at least one, is left out; of all
    rows when those within do not differ."""
    low = float(np.quantile(values, share, method="higher"))
    high = float(np.quantile(values, 1 - share, method="lower"))
    return (low, high) if low < high else (float(values.min()), float(values.max()))


def _range(column: Floats) -> PublicRange | None:
    """The range of a feature; None when it has one value."""
    finite = column[np.isfinite(column)]
    low, high = _ends(finite, RANGE_SHARE)
    if low >= high:
        return None
    return PublicRange(low, high, "log" if low > 0 and high / low > LOG_RATIO else "linear")


def _target_range(column: Floats) -> PublicRange:
    finite = column[np.isfinite(column)]
    positive = finite[finite > 0]
    if 2 * len(positive) > len(finite):
        quarter, three_quarters = np.quantile(positive, [0.25, 0.75])
        sane = positive[(positive >= quarter / FAR) & (positive <= three_quarters * FAR)]
        low, high = _ends(sane, TARGET_SHARE)
        return PublicRange(low / TARGET_MARGIN, high * TARGET_MARGIN, "log")
    quarter, three_quarters = np.quantile(finite, [0.25, 0.75])
    reach = FAR * max(abs(quarter), abs(three_quarters))
    sane = finite[np.abs(finite) <= reach] if reach > 0 else finite
    low, high = _ends(sane, TARGET_SHARE)
    margin = LINEAR_MARGIN * (high - low) or 1.0
    least = low - margin
    return PublicRange(max(least, 0.0) if low >= 0 else least, high + margin)
