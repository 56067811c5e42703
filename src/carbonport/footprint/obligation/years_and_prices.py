"""What changes by year or quarter: the free share that remains, the correction factor, mark-ups, prices.

Data, never constants: each table can be replaced by a file of the user's. The last year of the table stands
for all after it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from carbonport.errors import Malformed, Misuse
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.tables.table_file import Table, packaged_table, user_table

YEAR_COLUMNS = ("year", "free_share", "cscf", "cscf_status", "markup_general", "markup_fertilisers")
PRICE_COLUMNS = ("period", "price", "published")

LAST_YEAR = 2100
"""A bound on years: later ones are typing errors."""

PERIOD = re.compile(r"20[0-9]{2}-(Q[1-4]|W[0-5][0-9])")
"""A quarter (2026-Q1) or a week (2027-W05) of import."""


@dataclass(frozen=True, slots=True)
class YearRules:
    """The numbers of one year of import. `cscf_published` is False while the correction factor is assumed;
    `place` is table and row."""

    year: int
    free_share: Decimal
    cscf: Decimal
    cscf_published: bool
    markup_general: Decimal
    markup_fertilisers: Decimal
    place: tuple[str, str]


@dataclass(frozen=True)
class ObligationYears:
    """The rules by year."""

    by_year: Mapping[int, YearRules]
    version: str

    @classmethod
    def load(cls, file: Path | None = None) -> "ObligationYears":
        """The packaged table, or the user's `file` in its place."""
        return _packaged_years() if file is None else _years(user_table(file, YEAR_COLUMNS))

    def of(self, year: int) -> YearRules:
        """The rules of `year`; `Misuse` for years without an obligation."""
        first, last = min(self.by_year), max(self.by_year)
        if not first <= year <= LAST_YEAR:
            raise Misuse(
                "obligation-year",
                found=f"the year {year}",
                expected=f"a year of import from {first} on: before, goods were reported without certificates",
                remedy="Correct the year of import.",
            )
        found = self.by_year.get(min(year, last))
        if found is None:
            raise Misuse(
                "obligation-year",
                found=f"the year {year}",
                expected=f"a year that {self.version} has a row for",
                remedy="Add the year to your table.",
            )
        return found


@dataclass(frozen=True)
class CertificatePrices:
    """Published prices by period of import, EUR per certificate."""

    by_period: Mapping[str, Decimal]
    version: str

    @classmethod
    def load(cls, file: Path | None = None) -> "CertificatePrices":
        """The packaged table, or the user's `file` in its place."""
        return _packaged_prices() if file is None else _prices(user_table(file, PRICE_COLUMNS))

    def of(self, period: str) -> Decimal:
        """The price of `period` (2026-Q1, 2027-W05)."""
        price = self.by_period.get(period)
        if price is None:
            raise Misuse(
                "obligation-price-missing",
                found=f"no price for {period[:20] or 'this import: neither a price nor a period is given'}",
                expected=f"a price, or one of the published periods: {', '.join(self.by_period)}",
                remedy="State the price, or give a table of prices of your own.",
            )
        return price


@cache
def _packaged_years() -> ObligationYears:
    return _years(packaged_table("obligation_years.csv", YEAR_COLUMNS))


@cache
def _packaged_prices() -> CertificatePrices:
    return _prices(packaged_table("certificate_prices.csv", PRICE_COLUMNS))


def _years(table: Table) -> ObligationYears:
    by_year: dict[int, YearRules] = {}
    for row in table.rows:
        text = row["year"]
        if not re.fullmatch(r"20[0-9]{2}", text) or int(text) in by_year:
            raise _bad(table, f"the year {text[:20]!r}", "each year once, in four digits")
        where = f"{table.name}, {text}"
        share, cscf, general, fertilisers = (
            parse_decimal(row[name], where=where)
            for name in ("free_share", "cscf", "markup_general", "markup_fertilisers")
        )
        if not (0 <= share <= 1 and 0 <= cscf <= 1 and 0 <= general <= 1 and 0 <= fertilisers <= 1):
            raise _bad(table, f"a share outside 0 to 1 in {text}", "shares from 0 to 1")
        by_year[int(text)] = YearRules(
            year=int(text),
            free_share=share,
            cscf=cscf,
            cscf_published=row["cscf_status"] == "published",
            markup_general=general,
            markup_fertilisers=fertilisers,
            place=(table.version, text),
        )
    if not by_year:
        raise _bad(table, "no year", "at least one year")
    return ObligationYears(by_year, table.version)


def _prices(table: Table) -> CertificatePrices:
    prices: dict[str, Decimal] = {}
    for row in table.rows:
        period = row["period"]
        if not PERIOD.fullmatch(period) or period in prices:
            raise _bad(table, f"the period {period[:20]!r}", "each quarter (2026-Q1) or week (2027-W05) once")
        prices[period] = parse_decimal(row["price"], where=f"{table.name}, {period}")
        if prices[period] <= 0:
            raise _bad(table, f"the price of {period}", "a price above 0")
    return CertificatePrices(prices, table.version)


def _bad(table: Table, found: str, expected: str) -> Malformed:
    return Malformed(
        "table-malformed",
        found=found,
        expected=expected,
        remedy="Correct the row; compare the file with the packaged table.",
        where=table.name,
    )
