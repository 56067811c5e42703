"""A table of rows of many participants, for judging a task where one party has them all.

Bytes in, columns out. In a real training the ranges, categories and bins come from the task's definition; here, where
there is none yet, they are drawn from the table unless the caller states them, and the result says which it was.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from carbonport.errors import Malformed, Misuse
from carbonport.federated.features import Category, Floats, PublicRange, Rows

MAX_TABLE_BYTES = 128 * 1024 * 1024
"""The largest table that is read."""

MAX_TABLE_ROWS = 1_000_000
"""Rows of a table."""

MAX_FEATURES = 40
"""Features of one task."""

MAX_LISTED = 24
"""Values of a category that are learned apart; rarer ones are put together."""

TARGET_QUANTILE = 0.02
"""A positive target is judged between the 2nd and the 98th percentile of the table's positive targets, widened by
`TARGET_MARGIN`. A claim outside needs no model to be doubted, and one such row would outweigh hundreds in any mean."""

TARGET_MARGIN = 1.25
"""Factor by which that range is widened at both ends."""

RANGE_QUANTILE = 0.005
"""A feature's range leaves out half a percent of the rows at each end; they count as the end."""

LOG_RATIO = 20.0
"""A positive feature whose range spans more than this factor gets a logarithmic scale."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table are what."""

    client: str
    group: str
    target: str
    features: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.features) <= MAX_FEATURES or len(set(self.features)) != len(self.features):
            raise Misuse(
                "evaluation-features",
                found=f"{len(self.features)} features, {len(set(self.features))} of them different",
                expected=f"1 to {MAX_FEATURES} different columns",
                remedy="Name the columns to predict from, each once.",
            )
        if self.target in self.features:
            raise Misuse(
                "evaluation-target",
                found="the target among the features",
                expected="features that are known when the target is not",
                remedy="Leave the target out of the features.",
                where=self.target,
            )


@dataclass(frozen=True, slots=True)
class EvaluationTable:
    """Every row of the table with its participant and its group, and the public ranges and categories."""

    rows: Rows
    clients: NDArray[np.str_]
    groups: NDArray[np.str_]
    numbers: Mapping[str, PublicRange]
    categories: Mapping[str, Category]
    target: PublicRange


def read_evaluation_table(
    data: bytes, columns: Columns, stated: Mapping[str, PublicRange], where: str
) -> EvaluationTable:
    """The table in `data` (CSV, UTF-8, with a header); `stated` are ranges of features or of the target."""
    texts = _texts(data, columns, where)
    unknown = [name for name in stated if name not in (*columns.features, columns.target)]
    if unknown:
        raise Misuse(
            "evaluation-range",
            found=f"a range for {unknown[0][:40]!r}",
            expected="ranges for features and the target",
            remedy="Name one of the columns that the command lists.",
        )
    target = _numbers(texts[columns.target])
    if target is None:
        raise Malformed(
            "evaluation-target-text",
            found="a target that is not a number in some row",
            expected="numbers, or empty cells",
            remedy="Clean the column, or name another.",
            where=f"{where}, column {columns.target}",
        )
    numbers: dict[str, Floats] = {}
    ranges: dict[str, PublicRange] = {}
    categories: dict[str, Category] = {}
    for name in columns.features:
        column = _numbers(texts[name])
        if column is None:
            categories[name] = _category(texts[name])
        else:
            numbers[name] = column
            ranges[name] = stated.get(name) or _feature_range(column, f"{where}, column {name}")
    target_range = stated.get(columns.target) or _target_range(target, f"{where}, column {columns.target}")
    words = {name: np.array(texts[name], dtype=np.str_) for name in categories}
    return EvaluationTable(
        Rows(numbers, words, target),
        np.array(texts[columns.client], dtype=np.str_),
        np.array(texts[columns.group], dtype=np.str_),
        ranges,
        categories,
        target_range,
    )


def _texts(data: bytes, columns: Columns, where: str) -> dict[str, list[str]]:
    if len(data) > MAX_TABLE_BYTES:
        raise _malformed(where, f"more than {MAX_TABLE_BYTES} bytes", f"at most {MAX_TABLE_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _malformed(where, f"a byte that is not UTF-8 at offset {error.start}", "UTF-8 text") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    wanted = dict.fromkeys((columns.client, columns.group, columns.target, *columns.features))
    try:
        header = [name.strip() for name in next(reader, [])]
        absent = [name for name in wanted if name not in header]
        if absent:
            shown = ", ".join(header[:20])
            raise _malformed(where, f"no column {', '.join(absent)}", f"columns as named; there are {shown}")
        places = {name: header.index(name) for name in wanted}
        result: dict[str, list[str]] = {name: [] for name in wanted}
        for count, cells in enumerate(filter(None, reader)):
            if len(cells) != len(header) or count >= MAX_TABLE_ROWS:
                found = f"{len(cells)} cells in line {reader.line_num}"
                raise _malformed(where, found, f"{len(header)} cells, and at most {MAX_TABLE_ROWS} rows")
            for name, place in places.items():
                result[name].append(cells[place].strip())
    except csv.Error as error:
        raise _malformed(where, f"{error} in line {reader.line_num}", "well-formed CSV") from None
    return result


def _malformed(where: str, found: str, expected: str) -> Malformed:
    return Malformed(
        "evaluation-table",
        found=found,
        expected=expected,
        remedy="Correct the file, or the names of its columns.",
        where=where,
    )


def _numbers(texts: Sequence[str]) -> Floats | None:
    """The column as numbers, an ISO date as its year and fraction; None when it holds something else."""
    values = np.full(len(texts), np.nan)
    read: dict[str, float] = {}
    for place, text in enumerate(texts):
        if not text:
            continue
        value = read.get(text)
        if value is None:
            value = _number(text)
            if value is None:
                return None
            read[text] = value
        values[place] = value
    return values if read else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        pass
    else:
        return value if math.isfinite(value) else None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day.year + (day.timetuple().tm_yday - 1) / 366


def _category(texts: Sequence[str]) -> Category:
    common = sorted(Counter(texts).items(), key=lambda counted: (-counted[1], counted[0]))[:MAX_LISTED]
    return Category(tuple(sorted(value for value, _ in common)))


def _feature_range(column: Floats, where: str) -> PublicRange:
    finite = column[np.isfinite(column)]
    low, high = (float(end) for end in np.quantile(finite, [RANGE_QUANTILE, 1 - RANGE_QUANTILE]))
    if low >= high:
        low, high = float(finite.min()), float(finite.max())
    if low >= high:
        raise Misuse(
            "evaluation-constant",
            found="a feature with the same value in every row",
            expected="a feature that differs between rows",
            remedy="Leave the column out.",
            where=where,
        )
    return PublicRange(low, high, "log" if low > 0 and high / low > LOG_RATIO else "linear")


def _target_range(column: Floats, where: str) -> PublicRange:
    finite = column[np.isfinite(column)]
    if len(finite) and np.median(finite) > 0:
        positive = finite[finite > 0]
        low, high = (float(end) for end in np.quantile(positive, [TARGET_QUANTILE, 1 - TARGET_QUANTILE]))
        return PublicRange(low / TARGET_MARGIN, high * TARGET_MARGIN, "log")
    return _feature_range(column, where)
