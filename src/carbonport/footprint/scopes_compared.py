"""How a good's CBAM value and its product carbon footprint differ: what each counts, with the good's own figures.

Both come from the same ledger, and people compare them. CBAM counts direct emissions of the processes and of
listed precursors, indirect emissions of some goods only, and mostly at the Union's default factors. A footprint
(ISO 14067, PACT) counts all electricity and all precursors whatever their origin. Every explanation says so.
"""

from dataclasses import dataclass
from decimal import Decimal

from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError
from carbonport.footprint.calculation import Calculation, GoodResult
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.exact_decimal import decimal_text
from carbonport.footprint.product_footprint import FootprintWord, product_footprint

NOTHING_LEFT_OUT = FootprintWord(Decimal(0), Decimal(0))
"""For a comparison the operator's word about exempted emissions does not matter."""


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """One subject, and how each of the two treats it."""

    subject: str
    cbam: str
    footprint: str


@dataclass(frozen=True, slots=True)
class ScopesCompared:
    """The lines, and both values of the good in tCO2e per unit of production (None: it cannot be given, and
    `problem` says why for the footprint)."""

    lines: tuple[ScopeLine, ...]
    cbam_value: str | None
    footprint_value: str | None
    unit: str
    problem: str

    def to_json(self) -> Json:
        """As it stands in the JSON of an explanation."""
        return {
            "cbam": {"see_total": self.cbam_value, "unit": self.unit},
            "product_footprint": {
                "total": self.footprint_value,
                "unit": self.unit,
                "problem": self.problem or None,
            },
            "differences": [
                {"subject": line.subject, "cbam": line.cbam, "product_footprint": line.footprint}
                for line in self.lines
            ],
        }

    def texts(self) -> tuple[str, ...]:
        """The same as sentences."""
        footprint = self.footprint_value or f"not known ({self.problem})"
        return (
            f"CBAM value in scope {self.cbam_value or 'not known'} {self.unit}, "
            f"product footprint {footprint} {self.unit if self.footprint_value else ''}".rstrip(),
            *(f"{line.subject}: CBAM {line.cbam}; a footprint {line.footprint}" for line in self.lines),
        )


def scopes_compared(calculation: Calculation, good: GoodResult) -> ScopesCompared:
    """The comparison for one good of a calculation."""
    definitive = calculation.scope is Scope.DEFINITIVE
    indirect = "does not count them for this good"
    if good.rules.indirect_in_scope:
        indirect = f"counts them; factor: {good.rules.electricity.reason}"
    precursors = "counts goods of its own list only"
    if definitive:
        precursors += ", those of Union or exempt origin with 0, and of their indirect emissions what counts"
    lines = (
        ScopeLine("direct emissions of the processes", "counts them", "counts them"),
        ScopeLine(
            "indirect emissions (electricity consumed)",
            indirect,
            "counts all of them, at the operator's own factor or the average of the country's grid",
        ),
        ScopeLine(
            "precursors", precursors, "counts all of the ledger, direct and indirect, whatever their origin"
        ),
        ScopeLine(
            "CO2 from biomass",
            "counts sustainable biomass as 0",
            "states the figure with and without the uptake of biomass",
        ),
        ScopeLine(
            "upstream of fuels and other materials, packaging, transport",
            "does not count them",
            "counts them where they matter; this one says that it leaves them out",
        ),
    )
    found = good.source.get("see_total")
    value, problem = None, ""
    try:
        footprint = product_footprint(calculation.ledger, good.rules.good, NOTHING_LEFT_OUT)
        value = decimal_text(footprint.results["see_direct"] + footprint.results["see_indirect"])
    except CarbonportError as error:
        problem = error.found
    unit = good.graph[good.graph.outputs["see_direct"]].unit
    return ScopesCompared(lines, decimal_text(found) if found is not None else None, value, unit, problem)
