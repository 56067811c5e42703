"""CBAM benchmarks by good, column, route and production year (2025/2620 Annex).

Column A goes with actual values: the route is that of the process, and has to be said where benchmarks of
routes differ. Column B goes with default values: the route letters of the country's default row choose, and
of several that are left the highest stands. Where a default row of a heading names a route of carbon steel
and the good is of low alloy (or the other way round), the same way of making steel is meant: C with F, D with
G, E with H (2026/1740 corrects a heading of exactly this kind to `C/F`). Years after the last published one
take the last benchmark, and the result says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from carbonport.errors import Malformed, Misuse
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.tables.table_file import Table, packaged_table, user_table

COLUMNS = ("cn", "column", "route", "first_year", "last_year", "benchmark")

SAME_PROCESS = {"C": "F", "F": "C", "D": "G", "G": "D", "E": "H", "H": "E"}
"""Carbon steel and low alloy steel made the same way."""

ACTUAL_COLUMN, DEFAULT_COLUMN = "A", "B"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark, tCO2e per functional unit. `estimated` when its production years are over; `highest`
    when it was the highest of several; `place` is table and row."""

    value: Decimal
    column: str
    route: str
    estimated: bool
    highest: bool
    place: tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Row:
    route: str
    first_year: int
    last_year: int
    value: Decimal
    place: tuple[str, str]


@dataclass(frozen=True)
class Benchmarks:
    """All rows by CN-8 code and column."""

    rows: Mapping[tuple[str, str], tuple[_Row, ...]]
    version: str

    @classmethod
    def load(cls, file: Path | None = None) -> "Benchmarks":
        """The packaged table, or the user's `file` in its place."""
        return _packaged() if file is None else _from_table(user_table(file, COLUMNS))

    def lists(self, cn: str) -> bool:
        """Whether `cn` (8 digits) has benchmarks."""
        return (cn, ACTUAL_COLUMN) in self.rows or (cn, DEFAULT_COLUMN) in self.rows

    def for_process(self, cn: str, column: str, route: str, year: int) -> Benchmark:
        """The benchmark of `column` for actual values: of the process's own `route` (a letter or empty)."""
        rows, estimated = self._of_year(cn, column, year)
        routed = [row for row in rows if row.route]
        if not routed:
            return _benchmark(rows[0], column, estimated=estimated, highest=False)
        own = [row for row in routed if row.route == route]
        if own:
            return _benchmark(own[0], column, estimated=estimated, highest=False)
        if not route and len({row.value for row in routed}) == 1:
            return _benchmark(routed[0], column, estimated=estimated, highest=False)
        raise Misuse(
            "obligation-benchmark-route",
            found=f"the route {route!r} for {cn}" if route else f"no route for {cn}",
            expected=f"one of {', '.join(row.route for row in routed)}: their benchmarks differ",
            remedy="Say the production route that the actual values are of.",
        )

    def for_default(self, cn: str, routes: Sequence[str], route: str, year: int) -> Benchmark:
        """The column B benchmark beside a default value whose row names `routes`.

        `route` narrows only what the row leaves open.
        """
        rows, estimated = self._of_year(cn, DEFAULT_COLUMN, year)
        left = _left(rows, routes)
        narrowed = [row for row in left if row.route and row.route == route]
        left = narrowed or left
        chosen = max(left, key=lambda row: row.value)
        return _benchmark(chosen, DEFAULT_COLUMN, estimated=estimated, highest=len(left) > 1)

    def _of_year(self, cn: str, column: str, year: int) -> tuple[list[_Row], bool]:
        rows = self.rows.get((cn, column), ())
        if not rows:
            raise Malformed(
                "obligation-benchmark-missing",
                found=f"no benchmark of column {column} for {cn}",
                expected="a CN-8 code that the table of benchmarks lists",
                remedy="Use the code as the act subdivides it, or a table of your own.",
            )
        valid = [row for row in rows if row.first_year <= year <= row.last_year]
        if valid:
            return valid, False
        last = max(row.last_year for row in rows)
        if year < last:
            first = min(row.first_year for row in rows)
            raise Malformed(
                "obligation-benchmark-missing",
                found=f"production in {year}",
                expected=f"a year of production from {first} on, as the table of benchmarks covers",
                remedy="Correct the year, or use a table of your own that covers it.",
            )
        return [row for row in rows if row.last_year == last], True


def _left(rows: list[_Row], routes: Sequence[str]) -> list[_Row]:
    for wanted in (set(routes), {SAME_PROCESS.get(route, route) for route in routes}):
        found = [row for row in rows if row.route in wanted]
        if found:
            return found
    return rows


def _benchmark(row: _Row, column: str, *, estimated: bool, highest: bool) -> Benchmark:
    return Benchmark(row.value, column, row.route, estimated, highest, row.place)


@cache
def _packaged() -> Benchmarks:
    return _from_table(packaged_table("benchmarks.csv", COLUMNS))


def _from_table(table: Table) -> Benchmarks:
    rows: dict[tuple[str, str], list[_Row]] = {}
    for row in table.rows:
        where = f"{table.name}, {row['cn']}"
        years = (row["first_year"], row["last_year"])
        if row["column"] not in (ACTUAL_COLUMN, DEFAULT_COLUMN) or not all(
            len(year) == len("2026") and year.isascii() and year.isdigit() for year in years
        ):
            raise Malformed(
                "table-malformed",
                found="a column or year that cannot be read",
                expected="column A or B and years of four digits",
                remedy="Correct the row; compare the file with the packaged table.",
                where=where,
            )
        route = f", route {row['route']}" if row["route"] else ""
        rows.setdefault((row["cn"], row["column"]), []).append(
            _Row(
                route=row["route"],
                first_year=int(years[0]),
                last_year=int(years[1]),
                value=parse_decimal(row["benchmark"], where=where),
                place=(table.version, f"{row['cn']} column {row['column']}{route}, {years[0]}-{years[1]}"),
            )
        )
    return Benchmarks({key: tuple(values) for key, values in rows.items()}, table.version)
