"""Lines of imports as rows of a table, and their results as rows again. No files here: rows in, rows out.

The table has a header. Needed are `cn`, `origin`, `tonnes`; `year` or `date`, and `price`, `quarter` or `date`
where the caller has no value for all lines. A column that is not known is copied to the result and reported,
so that a misspelled one is seen.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from carbonport.errors import CarbonportError, Malformed
from carbonport.footprint.exact_decimal import decimal_text, parse_decimal
from carbonport.footprint.obligation.assess import Number, Obligation
from carbonport.footprint.obligation.carbon_price import CarbonPricePayment
from carbonport.footprint.obligation.declaration import spreadsheet_safe
from carbonport.footprint.obligation.import_line import ImportLine, plain_code
from carbonport.footprint.obligation.years_and_prices import CertificatePrices

FIGURES = ("see_direct", "see_indirect", "sefa", "clinker_share", "nitrogen_kg_per_t")
"""Columns that go into an `ImportLine` under their own name."""

COLUMNS = (
    "cn",
    "origin",
    "tonnes",
    "year",
    "date",
    "price",
    "quarter",
    "route",
    "column",
    *FIGURES,
    "production_year",
    "carbon_price_paid_eur",
    "carbon_price_document",
    "carbon_price_certifier",
    "importer",
    "consignment",
)
"""Every column that is read."""

OTHER_NAMES = {
    "cn_code": "cn",
    "cn8": "cn",
    "country": "origin",
    "net_mass_t": "tonnes",
    "mwh": "tonnes",
    "price_eur": "price",
}
"""Names that people use for them."""

RESULT_COLUMNS = (
    "line",
    "importer",
    "consignment",
    "cn",
    "origin",
    "year",
    "tonnes",
    "see",
    "embedded_t",
    "free_allocation_t",
    "reduction_t",
    "certificates",
    "cost_eur",
    "default_used",
    "markup",
    "benchmark",
    "default_cost_eur",
    "saving_eur",
    "exempt",
    "notes",
    "error",
    "error_detail",
    "tables",
)
"""Columns of a result; columns copied from the imports stand behind them."""

MAX_COLUMNS = 200
"""Columns of a table of imports."""

MASS_COLUMNS = ("importer", "year", "date", "cn", "origin", "tonnes")
"""What the 50 t rule needs of a line."""

REMEMBERED_NUMBERS = 4096
"""Prices read once; a file repeats them."""

YEAR = re.compile(r"20[0-9]{2}")


@dataclass(frozen=True, slots=True)
class ForAllLines:
    """What the caller says once for lines that do not say it themselves; empty: nothing."""

    year: str = ""
    price: str = ""
    quarter: str = ""
    origin: str = ""
    route: str = ""


@dataclass(frozen=True, slots=True)
class TableLine:
    """A row: its number in the file, whose it is, and the line or the error it makes."""

    number: int
    importer: str
    consignment: str
    stated: Sequence[str]
    copied: Sequence[str]
    line: ImportLine | CarbonportError


class ImportTable:
    """Reads rows under one header."""

    def __init__(
        self, header: Sequence[str], prices: CertificatePrices, for_all: ForAllLines | None = None
    ) -> None:
        self._for_all = for_all or ForAllLines()
        self._prices = prices
        names = [OTHER_NAMES.get(_name(cell), _name(cell)) for cell in header]
        self.width = len(names)
        if len(names) > MAX_COLUMNS or len(set(names)) != len(names):
            raise _bad_header("too many columns, or one twice", f"each column once, at most {MAX_COLUMNS}")
        self._place = {name: place for place, name in enumerate(names) if name in COLUMNS}
        self._copied = [place for place, name in enumerate(names) if name not in COLUMNS]
        self._mass_columns = [name for name in MASS_COLUMNS if name in self._place]
        self._number = lru_cache(maxsize=REMEMBERED_NUMBERS)(_parsed)
        self._plain = not {*FIGURES, "carbon_price_paid_eur"} & self._place.keys()
        self.copied = tuple(header[place].strip() for place in self._copied)
        missing = [
            name
            for name in ("cn", "origin", "tonnes")
            if name not in self._place and not (name == "origin" and self._for_all.origin)
        ]
        if missing:
            raise _bad_header(
                f"no column {', '.join(missing)}", f"cn, origin, tonnes; known are {', '.join(COLUMNS)}"
            )

    @property
    def names_importers(self) -> bool:
        """Whether lines say whose they are: the 50 t rule can be applied then."""
        return "importer" in self._place

    def read(self, number: int, cells: Sequence[str]) -> TableLine:
        """The row with the line number `number`; what is wrong with it stands in its `line`."""
        if len(cells) != self.width:
            error = Malformed(
                "obligation-row",
                found=f"{len(cells)} cells",
                expected=f"{self.width} cells, as the header has",
                remedy="Correct the line; cells with commas need quotes.",
                where=f"line {number}",
            )
            return TableLine(number, "", "", ("", "", "", ""), [""] * len(self._copied), error)
        place = self._place
        row = {name: cells[at].strip() for name, at in place.items()}
        line: ImportLine | CarbonportError
        try:
            line = self._line(row, number)
        except CarbonportError as problem:
            line = problem
        year = str(line.year) if isinstance(line, ImportLine) else row.get("year", "")
        return TableLine(
            number=number,
            importer=row.get("importer", ""),
            consignment=row.get("consignment", ""),
            stated=(row["cn"], row.get("origin", "") or self._for_all.origin, year, row["tonnes"]),
            copied=[cells[at] for at in self._copied],
            line=line,
        )

    def mass_of(self, cells: Sequence[str]) -> tuple[str, int, str, str, Decimal] | None:
        """Importer, year, code, origin and mass of a row, for the 50 t rule; None when the row says no such
        thing, which `read` explains."""
        if len(cells) != self.width:
            return None
        row = {name: cells[self._place[name]].strip() for name in self._mass_columns}
        year = row.get("year", "") or row.get("date", "")[:4] or self._for_all.year
        if not YEAR.fullmatch(year):
            return None
        try:
            tonnes = parse_decimal(row["tonnes"], where="")
        except CarbonportError:
            return None
        origin = row.get("origin", "") or self._for_all.origin
        return row.get("importer", ""), int(year), plain_code(row["cn"]), origin, tonnes

    def _line(self, row: Mapping[str, str], number: int) -> ImportLine:
        where = f"line {number}"
        day = _day(row.get("date", ""), where)
        year = row.get("year", "") or (str(day.year) if day else "") or self._for_all.year
        if not YEAR.fullmatch(year):
            raise _bad_cell("no year of import, or not one", "a year such as 2026, or a date", where)
        production = row.get("production_year", "")
        if production and not YEAR.fullmatch(production):
            raise _bad_cell("a year of production that is not one", "a year such as 2026", where)
        common = (
            plain_code(row["cn"]),
            row.get("origin", "") or self._for_all.origin,
            parse_decimal(row["tonnes"], where=where),
            int(year),
            self._price(row, year, day),
            row.get("route", "") or self._for_all.route,
            row.get("column", ""),
        )
        if self._plain:
            return ImportLine(*common, production_year=int(production or 0))
        paid: tuple[CarbonPricePayment, ...] = ()
        if row.get("carbon_price_paid_eur", ""):
            payment = CarbonPricePayment(
                paid=parse_decimal(row["carbon_price_paid_eur"], where=where),
                document=row.get("carbon_price_document", ""),
                certifier=row.get("carbon_price_certifier", ""),
            )
            paid = (payment,)
        return ImportLine(
            *common,
            production_year=int(production or 0),
            paid=paid,
            see_direct=_figure(row, "see_direct", where),
            see_indirect=_figure(row, "see_indirect", where),
            sefa=_figure(row, "sefa", where),
            clinker_share=_figure(row, "clinker_share", where),
            nitrogen_kg_per_t=_figure(row, "nitrogen_kg_per_t", where),
        )

    def _price(self, row: Mapping[str, str], year: str, day: date | None) -> Decimal:
        """The line's own price or quarter, else its date's quarter, else what is said for all lines."""
        if row.get("price", ""):
            return self._number(row["price"])
        if row.get("quarter", ""):
            return self._prices.of(period_of(row["quarter"], year))
        if self._for_all.price:
            return self._number(self._for_all.price)
        if self._for_all.quarter:
            return self._prices.of(period_of(self._for_all.quarter, year))
        return self._prices.of(f"{day.year}-Q{(day.month + 2) // 3}" if day else "")


def period_of(text: str, year: str) -> str:
    """`2026-Q1` from `2026-Q1`, `Q1` or `1`; weeks as they stand."""
    text = text.strip().upper()
    if re.fullmatch(r"Q?[1-4]", text):
        return f"{year}-Q{text[-1]}"
    return text


def plain_number(number: Number) -> str:
    """Plain decimal notation without trailing zeros."""
    if isinstance(number, Fraction):
        return decimal_text(number)
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def euros(number: Number) -> str:
    """EUR with two decimals; the number has no more."""
    return (
        format(number, ".2f") if isinstance(number, Decimal) else format(Decimal(decimal_text(number)), ".2f")
    )


def result_row(row: TableLine, outcome: Obligation | CarbonportError, versions: str) -> list[str]:
    """The cells of `RESULT_COLUMNS`, and those copied."""
    cn, origin, year, tonnes = row.stated
    head = [
        str(row.number),
        *map(spreadsheet_safe, (row.importer, row.consignment, cn, origin)),
        year,
        tonnes,
    ]
    copied = [spreadsheet_safe(cell) for cell in row.copied]
    if isinstance(outcome, CarbonportError):
        blank = [""] * (len(RESULT_COLUMNS) - len(head) - 3)
        detail = f"found {outcome.found}; expected {outcome.expected}. {outcome.remedy}"
        return [*head, *blank, outcome.id, detail, versions, *copied]
    rules = outcome.prepared.rules
    against = outcome.against_default
    return [
        *head,
        plain_number(outcome.see),
        plain_number(outcome.embedded_t),
        plain_number(outcome.free_allocation_t),
        plain_number(outcome.reduction_t),
        plain_number(outcome.certificates),
        euros(outcome.cost_eur),
        "yes" if outcome.default_used else "no",
        "" if rules.markup is None else plain_number(rules.markup),
        ""
        if rules.benchmark is None or outcome.line.sefa is not None
        else plain_number(rules.benchmark.value),
        "" if against is None else euros(against.cost_eur),
        "" if against is None else euros(against.saving_eur),
        outcome.prepared.shape.exempt,
        "; ".join(outcome.prepared.notes),
        "",
        "",
        versions,
        *copied,
    ]


def versions_text(versions: Mapping[str, str]) -> str:
    """The table versions in one cell."""
    return "; ".join(versions.values())


def _parsed(text: str) -> Decimal:
    return parse_decimal(text, where="price")


def _figure(row: Mapping[str, str], name: str, where: str) -> Decimal | None:
    text = row.get(name, "")
    return parse_decimal(text, where=where) if text else None


def _name(cell: str) -> str:
    return cell.strip().lower().replace(" ", "_").replace("-", "_")


def _day(text: str, where: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _bad_cell("a date that is not one", "a date such as 2026-03-31", where) from None


def _bad_cell(found: str, expected: str, where: str) -> Malformed:
    return Malformed(
        "obligation-row", found=found, expected=expected, remedy="Correct the line of imports.", where=where
    )


def _bad_header(found: str, expected: str) -> Malformed:
    return Malformed(
        "obligation-header",
        found=found,
        expected=expected,
        remedy="Correct the first line of the file.",
    )
