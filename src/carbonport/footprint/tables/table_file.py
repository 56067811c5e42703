"""The form of a table file, and its reader.

A table is UTF-8 CSV after a header of `# key: value` lines; `title`, `version` and `source` are required
there. The first line after the header names the columns. What is read is bounded and strict: a missing
column, a short row or an unknown byte raises, nothing is skipped.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from carbonport.errors import CarbonportError, Malformed, Misuse

MAX_TABLE_BYTES = 16 * 1024 * 1024
"""The largest packaged act has 11,000 rows and 1 MB; a user's table may be larger, not endless."""

MAX_TABLE_ROWS = 200_000
"""Rows of one table."""

HEADER_KEYS = ("title", "version", "source")
"""What the header of every table has to state."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by column name, with the table's identity: `name` is the file's name, `header` its own lines."""

    name: str
    header: Mapping[str, str]
    rows: tuple[Mapping[str, str], ...]

    @property
    def version(self) -> str:
        """`name version`, as results state it."""
        return f"{self.name} {self.header['version']}"

    @property
    def source(self) -> str:
        """The act or publication behind the rows."""
        return self.header["source"]


def packaged_table(file_name: str, columns: Sequence[str]) -> Table:
    """The table `file_name` that ships with the package; `columns` must all be there."""
    data = files("carbonport.footprint.tables").joinpath(file_name).read_bytes()
    return parse_table(data, file_name, columns)


def user_table(path: Path, columns: Sequence[str]) -> Table:
    """A table that the user supplies, in the form of the packaged one."""
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise _broken(path.name, "a file above the size limit", f"at most {MAX_TABLE_BYTES} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise Misuse(
            "table-file-unreadable",
            found=f"{type(error).__name__}",
            expected="a readable CSV file",
            remedy="Check the path and its permissions.",
            where=str(path),
        ) from None
    return parse_table(data, path.name, columns)


def parse_table(data: bytes, name: str, columns: Sequence[str]) -> Table:
    """Read a table from `data`; `Malformed` says which line is wrong."""
    if len(data) > MAX_TABLE_BYTES:
        raise _broken(name, "a file above the size limit", f"at most {MAX_TABLE_BYTES} bytes")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise _broken(name, f"a byte that is not UTF-8 at offset {error.start}", "UTF-8 text") from None
    header: dict[str, str] = {}
    start = 0
    for start, line in enumerate(lines):  # noqa: B007 - the loop variable is where the rows begin
        if not line.startswith("#"):
            break
        key, colon, value = line[1:].partition(":")
        if colon:
            header[key.strip()] = value.strip()
    missing = [key for key in HEADER_KEYS if not header.get(key)]
    if missing:
        raise _broken(
            name, f"a header without {', '.join(missing)}", "header lines # title:, # version:, # source:"
        )
    return Table(name, header, _rows(lines[start:], start, name, columns))


def _rows(lines: list[str], offset: int, name: str, columns: Sequence[str]) -> tuple[Mapping[str, str], ...]:
    reader = csv.reader(io.StringIO("\n".join(lines)), strict=True)
    rows: list[Mapping[str, str]] = []
    try:
        names = next(reader, [])
        absent = [column for column in columns if column not in names]
        if absent:
            raise _broken(name, f"no column {', '.join(absent)}", f"columns {', '.join(columns)}")
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(names) or len(rows) >= MAX_TABLE_ROWS:
                where = f"{len(cells)} cells in line {offset + reader.line_num}"
                raise _broken(name, where, f"{len(names)} cells, and at most {MAX_TABLE_ROWS} rows")
            rows.append(dict(zip(names, cells, strict=True)))
    except csv.Error as error:
        raise _broken(name, f"{error} in line {offset + reader.line_num}", "well-formed CSV") from None
    return tuple(rows)


def _broken(name: str, found: str, expected: str) -> CarbonportError:
    return Malformed(
        "table-malformed",
        found=found,
        expected=expected,
        remedy="Compare the file with the packaged table of the same name; its form is described in docs.",
        where=name,
    )
