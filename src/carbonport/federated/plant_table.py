"""A table of rows of many participants, read from text: bytes in, columns out.

Tables come from many countries' statistics. The text may be UTF-8, UTF-16 with its mark, or an older one-byte code,
whose letters are then read byte for byte: labels stay apart, and nothing else is asked of them. Cells are separated by
commas, semicolons or tabs, whichever the header needs; where it is not commas, a comma in a number is a decimal comma.
"""

import codecs
import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from carbonport.errors import Malformed, Misuse
from carbonport.federated.features import Floats, Rows

MAX_TABLE_BYTES = 128 * 1024 * 1024
"""The largest table that is read."""

MAX_TABLE_ROWS = 1_000_000
"""Rows of a table."""

MAX_FEATURES = 40
"""Features of one task."""

SEPARATORS = (",", ";", "\t")
"""What may stand between cells, in the order in which they are tried."""

NOT_GIVEN = frozenset(
    ("", "-", "--", ".", "..", "...", "?", "*", "na", "n/a", "n.a.", "#n/a", "nan", "nd", "null", "none")
)
"""What statistics write, in whatever case, where there is no number."""

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


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
class PlantTable:
    """Every row of the table with its participant and its group; NaN where a number is not given.

    A column of features is one of numbers when every cell that says something is a number or an ISO date.
    """

    rows: Rows
    clients: NDArray[np.str_]
    groups: NDArray[np.str_]


def read_plant_table(data: bytes, columns: Columns, where: str) -> PlantTable:
    """The columns of the table in `data` (CSV with a header); Malformed with the place of what is wrong."""
    texts, separator = _texts(data, columns, where)
    decimal_comma = separator != SEPARATORS[0]
    target = _numbers(texts[columns.target], decimal_comma)
    if target is None:
        raise Malformed(
            "evaluation-target-text",
            found="a target that is not a number in some row, or in none",
            expected="numbers, or empty cells",
            remedy="Clean the column, or name another.",
            where=f"{where}, column {columns.target}",
        )
    read = {name: _numbers(texts[name], decimal_comma) for name in columns.features}
    numbers = {name: column for name, column in read.items() if column is not None}
    words = {name: np.array(texts[name], dtype=np.str_) for name, column in read.items() if column is None}
    return PlantTable(
        Rows(numbers, words, target),
        np.array(texts[columns.client], dtype=np.str_),
        np.array(texts[columns.group], dtype=np.str_),
    )


def _texts(data: bytes, columns: Columns, where: str) -> tuple[dict[str, list[str]], str]:
    """The wanted columns as stripped text, and what separates cells."""
    text = _decoded(data, where)
    wanted = tuple(dict.fromkeys((columns.client, columns.group, columns.target, *columns.features)))
    separator = _separator(text, wanted)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
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
    return result, separator


def _decoded(data: bytes, where: str) -> str:
    if len(data) > MAX_TABLE_BYTES:
        raise _malformed(where, f"more than {MAX_TABLE_BYTES} bytes", f"at most {MAX_TABLE_BYTES} bytes")
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.encoding.startswith("utf-16"):
            raise _malformed(where, f"a broken character at byte {error.start}", "UTF-16 text") from None
        return data.decode("latin-1")


def _separator(text: str, wanted: Sequence[str]) -> str:
    """The first separator with which the header has every wanted column; a comma when none has."""
    line = io.StringIO(text).readline()
    for separator in SEPARATORS:
        try:
            names = {name.strip() for name in next(csv.reader([line], delimiter=separator), [])}
        except csv.Error:
            continue
        if names.issuperset(wanted):
            return separator
    return SEPARATORS[0]


def _malformed(where: str, found: str, expected: str) -> Malformed:
    return Malformed(
        "evaluation-table",
        found=found,
        expected=expected,
        remedy="Correct the file, or the names of its columns.",
        where=where,
    )


def _numbers(texts: Sequence[str], decimal_comma: bool) -> Floats | None:
    """The column as numbers, an ISO date as its year and fraction; None when it holds something else, or nothing."""
    values = np.full(len(texts), np.nan)
    read: dict[str, float | None] = {}
    for place, text in enumerate(texts):
        if text.lower() in NOT_GIVEN:
            continue
        if text not in read:
            read[text] = _number(text, decimal_comma)
        value = read[text]
        if value is None:
            return None
        values[place] = value
    return values if read else None


def _number(text: str, decimal_comma: bool) -> float | None:
    """The number that a cell states, NaN for one that is not finite; None for other text."""
    if decimal_comma and _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        pass
    else:
        return value if math.isfinite(value) else math.nan
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day.year + (day.timetuple().tm_yday - 1) / 366
