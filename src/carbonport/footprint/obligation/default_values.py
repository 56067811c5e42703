"""Default values by country and good (2025/2621 Annex I), and for precursors of unknown origin (Annex IV).

The state in force is December 2025 with the corrections of 2026/1740 laid over it; an earlier state can be
asked for, and a file of the user's takes the place of both. A country without a row for a good takes that of
"other countries and territories". Where grey and white clinker or cement of one CN-8 code differ, the
TARIC-10 code or the route letter decides.

The tables state base values to the decimals of the act; the act's own columns with mark-up were computed from
values with more decimals and differ from ours by 0.001 in places. A table with `markup_<year>` columns is
taken at its word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property, lru_cache
from pathlib import Path

from carbonport.errors import Malformed, Misuse
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.tables.rule_tables import RuleTables
from carbonport.footprint.tables.table_file import Table, packaged_table, user_table

COLUMNS = ("country", "code", "direct", "indirect", "total", "routes")
UNKNOWN_ORIGIN_COLUMNS = ("code", "total", "routes")

OTHER = "other"
"""The table's name for "other countries and territories"."""

STATES: Mapping[str, tuple[str, ...]] = {
    "2025-12": ("default_values.csv",),
    "2026-1740": ("default_values.csv", "default_values_2026_1740.csv"),
}
"""Known states of the act, oldest first: a table, and the corrections laid over it."""

NEWEST_STATE = "2026-1740"
"""The state in force."""

MARKUP_YEARS = ("2026", "2027", "2028")
"""Years for which a table may publish values with mark-up; the last stands for all after it."""

WHITE_OR_GREY = {"10": "B", "90": "A"}
"""Statistical suffixes of TARIC-10 codes of clinker and cement, with the route letter each stands for."""

MAX_REMEMBERED_NUMBERS = 8192
"""Different numbers of a table remembered while it is read."""

CODE_LENGTHS = (10, 8, 6, 4)
"""Digits of a code in the tables, the most specific first."""


@dataclass(frozen=True, slots=True)
class DefaultValue:
    """One row. `direct` and `indirect` are None where the act gives none; `routes` choose the benchmark;
    `marked_up` are published values with mark-up by year, when the table has them; `place` is table and row."""

    country: str
    code: str
    direct: Decimal | None
    indirect: Decimal | None
    total: Decimal
    routes: tuple[str, ...]
    marked_up: Mapping[str, Decimal]
    place: tuple[str, str]

    def published_with_markup(self, year: int) -> Decimal | None:
        """The value with mark-up that the table publishes for `year`, or None."""
        return self.marked_up.get(min(str(year), MARKUP_YEARS[-1])) if self.marked_up else None


@dataclass(frozen=True, slots=True)
class FoundDefault:
    """A row and how it was found: `fallback` when the country has none of its own, `assumed_grade` when grey
    or white was not said and the country has only one."""

    value: DefaultValue
    fallback: bool
    assumed_grade: bool = False


@dataclass(frozen=True)
class DefaultValues:
    """All rows of one state of the act. `versions` are those of the tables it is made of."""

    rows: Mapping[tuple[str, str], DefaultValue]
    unknown_origin: Mapping[str, DefaultValue]
    splits: Mapping[str, tuple[str, ...]]
    versions: tuple[str, ...]

    @classmethod
    def load(cls, state: str = NEWEST_STATE, file: Path | None = None) -> "DefaultValues":
        """The packaged tables of `state`, or the user's `file` in place of Annex I."""
        if state not in STATES:
            raise Misuse(
                "obligation-tables-state",
                found=f"the state {state[:40]!r}",
                expected=f"one of {', '.join(STATES)}",
                remedy="Name a state that ships, or give your own table of default values.",
            )
        return _packaged(state) if file is None else _from_tables((user_table(file, COLUMNS),))

    def find(self, code: str, country: str, route: str = "") -> FoundDefault:
        """The row for a CN-8 or TARIC-10 `code` from `country` (two letters).

        `route` is a letter; it matters where grey (A) and white (B) goods of one code differ. `Malformed`
        when there is no row, `Misuse` when there are several and nothing chooses.
        """
        split = self.splits.get(code[:8])
        if split is not None:
            return self._find_grade(code, country, route, split)
        for origin in (country, OTHER):
            found = self._most_specific(code, origin)
            if found is not None:
                return FoundDefault(found, fallback=origin != country)
        raise self._missing(code, country)

    def find_unknown_origin(self, code: str, route: str = "") -> DefaultValue:
        """The Annex IV row for a precursor whose country of origin is not known."""
        split = self.splits.get(code[:8])
        if split is not None:
            wanted = self._chosen(code, route, split)
            if wanted is None:
                raise _ambiguous(code, "unknown origin", split)
            code = wanted
        for length in CODE_LENGTHS:
            found = self.unknown_origin.get(code[:length])
            if found is not None:
                return found
        raise self._missing(code, "unknown origin")

    def _most_specific(self, code: str, country: str) -> DefaultValue | None:
        for length in CODE_LENGTHS:
            found = self.rows.get((country, code[:length]))
            if found is not None:
                return found
        return None

    def _find_grade(self, code: str, country: str, route: str, split: tuple[str, ...]) -> FoundDefault:
        wanted = self._chosen(code, route, split)
        if wanted is None:
            own = [self.rows[country, each] for each in split if (country, each) in self.rows]
            if len(own) != 1:
                raise _ambiguous(code, country, split)
            return FoundDefault(own[0], fallback=False, assumed_grade=True)
        for origin in (country, OTHER):
            found = self.rows.get((origin, wanted))
            if found is not None:
                return FoundDefault(found, fallback=origin != country)
        raise self._missing(code, country)

    @staticmethod
    def _chosen(code: str, route: str, split: tuple[str, ...]) -> str | None:
        if code in split:
            return code
        return next((each for each in split if WHITE_OR_GREY.get(each[8:]) == route), None)

    @cached_property
    def _subdivisions(self) -> Mapping[str, tuple[str, ...]]:
        """The codes of 8 digits and more under each of 6: every faulty line of a long table asks for them."""
        found: dict[str, set[str]] = {}
        for _, code in self.rows:
            if len(code) >= len("72071111"):
                found.setdefault(code[:6], set()).add(code)
        return {code: tuple(sorted(finer)) for code, finer in found.items()}

    def _missing(self, code: str, country: str) -> Malformed:
        finer = self._subdivisions.get(code[:6], ())
        hint = f"; the act lists {', '.join(finer)}" if finer else ""
        return Malformed(
            "obligation-default-missing",
            found=f"no default value for {code} from {country}",
            expected=f"a code that the table of default values lists{hint}",
            remedy="Use the code as the act subdivides it, or give actual values.",
        )


def _ambiguous(code: str, country: str, split: tuple[str, ...]) -> Misuse:
    return Misuse(
        "obligation-default-ambiguous",
        found=f"{code} from {country}: grey and white goods have values of their own",
        expected=f"a TARIC-10 code ({', '.join(split)}), or the route A (grey) or B (white)",
        remedy="Say which it is.",
    )


@cache
def _packaged(state: str) -> DefaultValues:
    return _from_tables(tuple(packaged_table(name, COLUMNS) for name in STATES[state]))


def _from_tables(tables: tuple[Table, ...]) -> DefaultValues:
    names = RuleTables.load()
    countries: dict[str, str] = {OTHER: OTHER}
    rows: dict[tuple[str, str], DefaultValue] = {}
    for number, table in enumerate(tables):
        seen: set[tuple[str, str]] = set()
        for row in table.rows:
            name = row["country"]
            if name not in countries:
                country = names.country(name)
                if country is None:
                    raise _bad_row(table, f"the country {name[:40]!r}", "a two-letter code, a name, or other")
                countries[name] = country.code
            key = (countries[name], _code(row["code"], table))
            if key in seen:
                raise _bad_row(table, f"{key[1]} from {key[0]} twice", "one row per country and code")
            seen.add(key)
            rows[key] = _row(key[0], key[1], row, table, corrected=number > 0)
    unknown = packaged_table("default_values_unknown_origin.csv", UNKNOWN_ORIGIN_COLUMNS)
    splits: dict[str, set[str]] = {}
    for _, code in rows:
        if len(code) == CODE_LENGTHS[0]:
            splits.setdefault(code[:8], set()).add(code)
    return DefaultValues(
        rows=rows,
        unknown_origin={
            row["code"]: _row("", row["code"], row, unknown, corrected=False) for row in unknown.rows
        },
        splits={cn: tuple(sorted(codes)) for cn, codes in splits.items()},
        versions=tuple(table.version for table in tables),
    )


def _row(country: str, code: str, row: Mapping[str, str], table: Table, *, corrected: bool) -> DefaultValue:
    where = f"{table.name}, {country} {code}"
    total = _number(row["total"], where)
    direct, indirect = row.get("direct", ""), row.get("indirect", "")
    if total < 0:
        raise _bad_row(table, f"a negative value for {code}", "zero or a positive value")
    return DefaultValue(
        country=country,
        code=code,
        direct=_number(direct, where) if direct else None,
        indirect=_number(indirect, where) if indirect else None,
        total=total,
        routes=tuple(letter for letter in row["routes"].split("/") if letter),
        marked_up={
            year: _number(text, where) for year in MARKUP_YEARS if (text := row.get(f"markup_{year}", ""))
        },
        place=(
            table.version,
            f"{'corrected row' if corrected else 'row'} {country or 'unknown origin'} {code}",
        ),
    )


@lru_cache(maxsize=MAX_REMEMBERED_NUMBERS)
def _read(text: str) -> Decimal | None:
    try:
        return parse_decimal(text, where="")
    except Malformed:
        return None


def _number(text: str, where: str) -> Decimal:
    """The few hundred different numbers of the act are read once each; errors name their row."""
    number = _read(text)
    return parse_decimal(text, where=where) if number is None else number


def _code(text: str, table: Table) -> str:
    code = text.replace(" ", "")
    if not (code.isascii() and code.isdigit() and len(code) in CODE_LENGTHS):
        raise _bad_row(table, f"the code {text[:40]!r}", "a heading, CN-8 or TARIC-10 code")
    return code


def _bad_row(table: Table, found: str, expected: str) -> Malformed:
    return Malformed(
        "table-malformed",
        found=found,
        expected=expected,
        remedy="Correct the row; compare the file with the packaged table.",
        where=table.name,
    )
