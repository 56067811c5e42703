"""Reading the table of a local aggregation: a CSV with a row a contributor, exact decimals, and nothing guessed.

Lines that begin with `#` are remarks. The first other line names the columns; the first column that is neither the
grouping nor summed, and whose cells begin with letters, names the contributors. Names are public, they stand in the
result file: a column of figures that is not summed is not to get there as one of names. Each name stands once, for two
rows of one contributor would count as two. Without such a column rows have numbers.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from carbonport.crypto.sums.parameters import MAX_DECIMALS
from carbonport.errors import Malformed, Misuse
from carbonport.footprint.exact_decimal import exact_context, parse_decimal
from carbonport.node.aggregation.plan import COHORT_NAME, MAX_INVITED, METRIC_NAME
from carbonport.node.bounded_file import read_bounded

MAX_TABLE_BYTES = 16 * 1024 * 1024
"""Longest table read."""

MAX_COLUMNS = 256
"""Most columns of a table."""

MAX_NAME_CHARACTERS = 128
"""Longest name of a contributor."""

BIT_BOUNDS = (32, 64)
"""Bit bounds of a column: the first that holds all its integers."""


@dataclass(frozen=True, slots=True)
class Column:
    """A summed column: its values are integers in units of the last of `decimals`, each below 2^`bits`."""

    name: str
    decimals: int
    bits: int


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One contributor with its integers, one a column. Not shown in text."""

    name: str
    group: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RowTable:
    """A table as it is summed; `groups` in the order in which they first stand."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups, each once."""
        return tuple(dict.fromkeys(row.group for row in self.rows))


def read_table(path: Path, *, by: str, sums: Sequence[str]) -> RowTable:
    """The rows of a table, grouped by the column `by` (empty: not grouped), with the columns `sums` as integers.

    Raises `Malformed` naming row and column for anything that is no non-negative decimal, `Misuse` for a column that is
    not there.
    """
    try:
        text = read_bounded(path, MAX_TABLE_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _malformed(path, "bytes that are not UTF-8", "a CSV in UTF-8") from None
    header, rows = _cells(path, text)
    _require_columns(path, header, by, sums)
    names = _names(path, header, rows, {by, *sums})
    named: list[tuple[str, str, list[Decimal]]] = []
    for number, (name, cells) in enumerate(zip(names, rows, strict=True), start=1):
        row = dict(zip(header, cells, strict=True))
        figures = [_figure(row[column], f"{path.name}: {name}, {column}") for column in sums]
        group = row[by] if by else ""
        if by and not COHORT_NAME.fullmatch(group):
            raise _malformed(path, f"a group in row {number} without a usable name", "letters and digits")
        named.append((name, group, figures))
    decimals = [max(_decimals(row[2][i]) for row in named) for i in range(len(sums))]
    if max(decimals) > MAX_DECIMALS:
        raise _malformed(path, f"a figure with {max(decimals)} decimals", f"at most {MAX_DECIMALS} decimals")
    scaled = [
        Row(
            name,
            group,
            tuple(int(v.scaleb(d, exact_context())) for v, d in zip(figures, decimals, strict=True)),
        )
        for name, group, figures in named
    ]
    columns = tuple(
        Column(name, decimals[i], _bits(path, name, max(row.values[i] for row in scaled)))
        for i, name in enumerate(sums)
    )
    return RowTable(columns, tuple(scaled))


def _cells(path: Path, text: str) -> tuple[list[str], list[list[str]]]:
    """The column names, and the cells of every row, without blanks around them."""
    try:
        read = [[cell.strip() for cell in cells] for cells in csv.reader(_records(text), strict=True)]
    except csv.Error as problem:
        raise _malformed(path, f"no CSV: {problem}", "cells between commas, quotes in pairs") from None
    header, rows = (read[0], read[1:]) if read else ([], [])
    if not 1 <= len(rows) <= MAX_INVITED:
        raise _malformed(path, f"{len(rows)} rows", f"a line of column names and 1 to {MAX_INVITED} rows")
    if len(header) > MAX_COLUMNS:
        raise _malformed(path, f"{len(header)} columns", f"at most {MAX_COLUMNS}")
    for number, cells in enumerate(rows, start=1):
        if len(cells) != len(header):
            raise _malformed(path, f"{len(cells)} cells in row {number}", f"{len(header)} cells")
    return header, rows


def _records(text: str) -> Iterator[str]:
    """The lines that are neither empty nor remarks; inside a quoted cell there are none such."""
    quoted = False
    for line in io.StringIO(text, newline=""):
        if quoted or (line.strip() and not line.startswith("#")):
            quoted ^= line.count('"') % 2 == 1
            yield line


def _names(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], taken: set[str]) -> list[str]:
    """Who each row is."""
    for column, title in enumerate(header):
        names = [cells[column] for cells in rows]
        words = [name for name in names if name]
        if title in taken or not words or not all(name[0].isalpha() for name in words):
            continue
        first: dict[str, int] = {}
        for number, name in enumerate(names, start=1):
            if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
                raise _malformed(
                    path,
                    f"no usable name in row {number}, column {title[:64]!r}",
                    f"1 to {MAX_NAME_CHARACTERS} printable characters in the first column of names",
                )
            if first.setdefault(name, number) != number:
                raise _malformed(
                    path,
                    f"{name!r} in the rows {first[name]} and {number}, column {title[:64]!r}",
                    "one row a contributor, named by the first column of names",
                )
        return names
    return [f"row {number}" for number in range(1, len(rows) + 1)]


def _require_columns(path: Path, header: Sequence[str], by: str, sums: Sequence[str]) -> None:
    missing = [name for name in (*sums, *([by] if by else [])) if header.count(name) != 1]
    if missing or not sums or len(set(sums)) != len(sums) or by in sums:
        raise Misuse(
            "aggregate-columns",
            found=f"no one column {missing[0]!r}"
            if missing
            else "columns to sum that are none, or one twice",
            expected=f"columns out of {', '.join(header)[:200]}",
            remedy="Name the columns as the table's first line does: --by COLUMN --sum COLUMN --sum COLUMN.",
            where=str(path),
        )
    for name in sums:
        if not METRIC_NAME.fullmatch(name):
            raise Misuse(
                "aggregate-column-name",
                found=f"a column {name[:64]!r}",
                expected="letters, digits and underscores, beginning with a letter",
                remedy="Rename the column; the name becomes the metric's.",
                where=str(path),
            )


def _figure(text: str, where: str) -> Decimal:
    value = parse_decimal(text, where=where)
    if value.is_signed() and value:
        raise Malformed(
            "aggregate-negative",
            found="a negative figure",
            expected="figures of which none is negative",
            remedy="Sum positive and negative parts in two columns.",
            where=where,
        )
    return value


def _decimals(value: Decimal) -> int:
    """Decimals as written: `20.10` has two."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "a finite number"
    return max(0, -exponent)


def _bits(path: Path, name: str, largest: int) -> int:
    for bits in BIT_BOUNDS:
        if largest < 1 << bits:
            return bits
    raise _malformed(
        path, f"a figure in {name} of more than {BIT_BOUNDS[-1]} bits", "smaller figures, or fewer decimals"
    )


def _malformed(path: Path, found: str, expected: str) -> Malformed:
    return Malformed(
        "aggregate-table",
        found=found,
        expected=expected,
        remedy="Correct the table; nothing was summed.",
        where=str(path),
    )
