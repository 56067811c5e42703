"""One line of imports as an importer states it: good, origin, mass, time, and actual values when it has them.

A line is consistent or is not made. Amounts are exact decimals; mass is net mass in tonnes (MWh for
electricity). Specific emissions are tCO2e per tonne of good; for clinker and cement per tonne of clinker
contained (`clinker_share` says how much), and where `nitrogen_kg_per_t` is given per kg of nitrogen.
"""

import re
from dataclasses import dataclass, replace
from decimal import Decimal

from carbonport.errors import Misuse
from carbonport.footprint.exact_decimal import MAX_MAGNITUDE
from carbonport.footprint.obligation.carbon_price import CarbonPricePayment

CODE = re.compile(r"[0-9]{8}([0-9]{2})?")
"""CN-8, or TARIC-10 where default values differ by it."""

ROUTE = re.compile(r"[A-Z]?")
"""The letter of a production route, or nothing."""

MAX_FIGURE = Decimal(10) ** MAX_MAGNITUDE
"""Every figure is below this, as in a ledger."""

MAX_PRECURSORS = 50
"""Precursors of one good; the template has room for 20."""


@dataclass(frozen=True, slots=True)
class PrecursorShare:
    """A precursor for the free allocation: `ratio` is t per tonne of good (m_i), `column` says whether its own
    values are actual (A) or default (B). Those of the Union and Annex III countries count for nothing and are
    left out."""

    cn: str
    ratio: Decimal
    column: str = "A"
    route: str = ""


@dataclass(frozen=True, slots=True)
class ImportLine:
    """See the module. `see_direct` None means: by default value. `sefa` is the specific embedded free
    allocation the operator states; without it the benchmark of `column` and `precursors` give one.
    `production_year` is 0 when goods were made in the year of import. `below_threshold`: the importer's whole year
    does not exceed 50 t (`calendar_year` finds out)."""

    cn: str
    origin: str
    tonnes: Decimal
    year: int
    price: Decimal
    route: str = ""
    column: str = ""
    see_direct: Decimal | None = None
    see_indirect: Decimal | None = None
    sefa: Decimal | None = None
    precursors: tuple[PrecursorShare, ...] = ()
    clinker_share: Decimal | None = None
    nitrogen_kg_per_t: Decimal | None = None
    production_year: int = 0
    paid: tuple[CarbonPricePayment, ...] = ()
    below_threshold: bool = False

    def __post_init__(self) -> None:
        check_line(self)

    def exempted(self) -> "ImportLine":
        """The same line in an importer's year that does not exceed 50 t."""
        return replace(self, below_threshold=True)

    @property
    def actual(self) -> bool:
        """Whether the line states actual values."""
        return self.see_direct is not None

    @property
    def cn8(self) -> str:
        """The first eight digits of the code."""
        return self.cn[:8]


def check_line(line: ImportLine) -> None:
    """Raise `Misuse` where the line cannot be meant."""
    if not CODE.fullmatch(line.cn):
        raise _impossible(f"the code {line.cn[:40]!r}", "a CN-8 or TARIC-10 code: 8 or 10 digits", "cn")
    figures = (
        line.tonnes,
        line.price,
        line.see_direct,
        line.see_indirect,
        line.sefa,
        line.clinker_share,
        line.nitrogen_kg_per_t,
        *(precursor.ratio for precursor in line.precursors),
        *(payment.net for payment in line.paid),
    )
    for figure in figures:
        if figure is not None and not (figure.is_finite() and figure < MAX_FIGURE):
            raise _impossible(
                "a figure that is not finite, or too large", f"less than {MAX_FIGURE}", "figures"
            )
    if not line.tonnes > 0:
        raise _impossible("no mass, or a negative one", "a net mass above 0", "tonnes")
    if not line.price > 0:
        raise _impossible("a price that is not above 0", "EUR per certificate", "price")
    if not ROUTE.fullmatch(line.route):
        raise _impossible(f"the route {line.route[:20]!r}", "one letter of 2025/2620, such as C", "route")
    if line.column not in ("", "A", "B"):
        raise _impossible(f"the column {line.column[:20]!r}", "A or B", "column")
    if line.see_direct is None:
        actual_only = (line.see_indirect, line.sefa, line.nitrogen_kg_per_t)
        if any(each is not None for each in actual_only) or line.precursors or line.column == "A":
            raise _impossible(
                "actual values without direct emissions",
                "see_direct, or nothing that goes with it",
                "see_direct",
            )
    else:
        given = (line.see_direct, line.see_indirect, line.sefa)
        if any(each is not None and each < 0 for each in given):
            raise _impossible(
                "a negative figure", "zero or a positive figure", "see_direct, see_indirect, sefa"
            )
    if line.sefa is not None and (line.precursors or line.column):
        raise _impossible("an allocation and what would give one", "sefa, or column and precursors", "sefa")
    for share in (line.clinker_share, line.nitrogen_kg_per_t):
        if share is not None and not share > 0:
            raise _impossible("contents that are not above 0", "t clinker or kg N per tonne", "contents")
    if line.clinker_share is not None and line.clinker_share > 1:
        raise _impossible("more clinker than cement", "at most 1 t per tonne", "clinker_share")
    if line.nitrogen_kg_per_t is not None and line.nitrogen_kg_per_t > 1000:
        raise _impossible("more nitrogen than product", "at most 1000 kg per tonne", "nitrogen_kg_per_t")
    if len(line.precursors) > MAX_PRECURSORS:
        raise _impossible(f"{len(line.precursors)} precursors", f"at most {MAX_PRECURSORS}", "precursors")
    for precursor in line.precursors:
        if not (CODE.fullmatch(precursor.cn) and precursor.ratio >= 0 and precursor.column in ("A", "B")):
            raise _impossible(
                f"the precursor {precursor.cn[:20]!r}",
                "a code, a ratio from 0 on, column A or B",
                "precursors",
            )


def plain_code(text: str) -> str:
    """The code without the spaces and points that people write into it."""
    return text.replace(" ", "").replace(".", "")


def _impossible(found: str, expected: str, where: str) -> Misuse:
    return Misuse(
        "obligation-line",
        found=found,
        expected=expected,
        remedy="Correct the line of imports.",
        where=where,
    )
