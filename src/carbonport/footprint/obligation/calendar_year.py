"""An importer's calendar year: the 50 t rule, and the sum of its lines.

Goods are exempt when the net mass of an importer's year over all CN codes *does not exceed* 50 t (exactly 50 t
is exempt); exceeding it pulls in the whole year. Hydrogen and electricity neither count nor are exempted, and
goods of exempt origins are outside CBAM altogether (Regulation (EU) 2023/956 Article 2a). Certificates of
lines are added up and never netted: a line whose free allocation exceeds its emissions gives nothing away.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from fractions import Fraction

from carbonport.errors import CarbonportError
from carbonport.footprint.obligation.assess import Number, Obligation
from carbonport.footprint.obligation.line_rules import RuleFinder, counts_for_threshold

THRESHOLD_T = Decimal(50)
"""Net mass per importer and year that owes nothing as long as it is not exceeded. Regulation (EU) 2025/2083."""

MAX_IMPORTER_YEARS = 100_000
"""Importers times years of one file."""

_EXACT = Context(prec=1000, traps=[Inexact])

ImporterYear = tuple[str, int]
"""An importer (as the file names it) and a year of import."""


@dataclass
class YearMasses:
    """Net mass that counts for the threshold, by importer and year: filled in a first pass over the lines."""

    finder: RuleFinder
    tonnes: dict[ImporterYear, Decimal] = field(default_factory=dict)

    def add(self, importer: str, year: int, cn: str, origin: str, tonnes: Decimal) -> None:
        """Count a line. Lines that cannot be assessed anyway (unknown code or origin) count for nothing; their
        own error tells."""
        try:
            scope = self.finder.scope_of(cn)
            _, outside = self.finder.origin_of(origin)
        except CarbonportError:
            return
        key = (importer, year)
        if outside or not counts_for_threshold(scope) or not tonnes > 0:
            return
        if key in self.tonnes or len(self.tonnes) < MAX_IMPORTER_YEARS:
            self.tonnes[key] = self.tonnes.get(key, Decimal(0)) + tonnes

    def exempt(self, importer: str, year: int) -> bool:
        """Whether the importer's year does not exceed the threshold."""
        return self.tonnes.get((importer, year), THRESHOLD_T + 1) <= THRESHOLD_T


@dataclass
class YearTotals:
    """The sum of an importer's lines in one year: tCO2e, certificates, EUR."""

    importer: str
    year: int
    lines: int = 0
    errors: int = 0
    exempt_lines: int = 0
    default_lines: int = 0
    net_mass_t: Number = Decimal(0)
    embedded_t: Number = Decimal(0)
    free_allocation_t: Number = Decimal(0)
    certificates: Number = Decimal(0)
    cost_eur: Number = Decimal(0)
    saving_eur: Number = Decimal(0)

    def add(self, obligation: Obligation) -> None:
        """Add one answered line."""
        self.lines += 1
        self.exempt_lines += bool(obligation.prepared.shape.exempt)
        self.default_lines += obligation.default_used
        if counts_for_threshold(obligation.prepared.rules.scope):
            self.net_mass_t = _plus(self.net_mass_t, obligation.line.tonnes)
        self.embedded_t = _plus(self.embedded_t, obligation.embedded_t)
        self.free_allocation_t = _plus(self.free_allocation_t, obligation.free_allocation_t)
        self.certificates = _plus(self.certificates, obligation.certificates)
        self.cost_eur = _plus(self.cost_eur, obligation.cost_eur)
        if obligation.against_default is not None:
            self.saving_eur = _plus(self.saving_eur, obligation.against_default.saving_eur)

    def join(self, other: "YearTotals") -> None:
        """Add the totals of another portion of the same importer and year."""
        for name in ("lines", "errors", "exempt_lines", "default_lines"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in (
            "net_mass_t",
            "embedded_t",
            "free_allocation_t",
            "certificates",
            "cost_eur",
            "saving_eur",
        ):
            setattr(self, name, _plus(getattr(self, name), getattr(other, name)))


def year_totals(obligations: Iterable[tuple[str, Obligation]]) -> dict[ImporterYear, YearTotals]:
    """Totals by importer and year, from obligations each with its importer's name."""
    totals: dict[ImporterYear, YearTotals] = {}
    for importer, obligation in obligations:
        key = (importer, obligation.line.year)
        if key not in totals:
            totals[key] = YearTotals(*key)
        totals[key].add(obligation)
    return totals


def _plus(one: Number, other: Number) -> Number:
    """Exact: decimals as long as both are, else fractions."""
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return _EXACT.add(one, other)
    return Fraction(one) + Fraction(other)
