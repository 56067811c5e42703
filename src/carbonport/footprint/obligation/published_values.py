"""Published values that a good's specific emissions are held against: nobody chooses them.

Two tables: the default value of direct emissions of the good's country and code with the mark-up of the year
(2025/2621 Annex I), and the benchmark of column B beside that default value (2025/2620 Annex), which covers the good
with its precursors. For a good, a country and a year each gives one value, and there are no others to ask for. A value
is stated with the five decimals of specific emissions, cut off: a rounded figure is at most the one exactly when it is
at most the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from carbonport.errors import CarbonportError, FailedVerification
from carbonport.footprint.obligation.default_values import NEWEST_STATE, STATES
from carbonport.footprint.obligation.line_rules import FERTILISERS, RuleFinder
from carbonport.footprint.obligation.obligation_tables import ObligationTables, TableChoice

VALUE_DECIMALS = 5
"""Decimals of specific emissions, tCO2e per tonne."""

_UNIT = Decimal(1).scaleb(-VALUE_DECIMALS)


class PublishedTable(StrEnum):
    """The tables there are."""

    DEFAULT_VALUES = "default-values"
    BENCHMARKS = "benchmarks"


@dataclass(frozen=True, slots=True)
class PublishedValue:
    """A value with where it stands: table, version of the tables it comes from, and row. `value` is in tCO2e per
    functional unit of the good, a plain decimal with five decimals."""

    table: PublishedTable
    version: str
    row: str
    value: str

    @property
    def place(self) -> str:
        """Table, version and row in one text, as a proof absorbs it."""
        return f"{self.table}/{self.version}/{self.row}"


def published_value(
    table: PublishedTable, cn: str, country: str, year: int, *, state: str = NEWEST_STATE
) -> PublishedValue:
    """The value of `table` for goods of `cn` (CN-8) from `country` (two letters) made in `year`.

    Errors of the tables say what is missing, or that a code has to be told more closely.
    """
    tables = ObligationTables.load(TableChoice(state=state))
    scope = RuleFinder(tables).scope_of(cn)
    default = tables.defaults.find(cn, country).value
    if table is PublishedTable.BENCHMARKS:
        benchmark = tables.benchmarks.for_default(cn, default.routes, "", year)
        version = f"{_edition(tables.benchmarks.version)}, route {state}"
        return PublishedValue(table, version, benchmark.place[1], _text(benchmark.value))
    assert default.direct is not None, "every row that ships has direct emissions"
    rules = tables.years.of(year)
    markup = rules.markup_fertilisers if scope.sector == FERTILISERS else rules.markup_general
    version = f"{state}, mark-up {_edition(tables.years.version)}"
    return PublishedValue(
        table, version, f"{default.place[1]}, mark-up {year}", _text(default.direct * (1 + markup))
    )


def require_published(stated: PublishedValue, cn: str, country: str, year: int) -> None:
    """Raise `FailedVerification` (`threshold-table`) unless `stated` stands so in one of the table states that ship."""
    known = list(_states(stated.table, cn, country, year))
    if stated not in known:
        newest = known[0] if known else None
        raise FailedVerification(
            "threshold-table",
            found=f"{stated.value} from {stated.place}",
            expected=f"{newest.value} from {newest.place}" if newest else "a value of a published table",
            remedy="Do not rely on the claim, or check it with a version of the program that has the table it names.",
        )


def _states(table: PublishedTable, cn: str, country: str, year: int) -> Iterator[PublishedValue]:
    """The value in each state that ships and has one, the newest first."""
    for state in reversed(list(STATES)):
        try:
            yield published_value(table, cn, country, year, state=state)
        except CarbonportError:
            continue


def _text(value: Decimal) -> str:
    return format(value.quantize(_UNIT, ROUND_FLOOR), "f")


def _edition(version: str) -> str:
    """The edition alone of a table's version, which begins with the name of its file."""
    return version.rpartition(" ")[2]
