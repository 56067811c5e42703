"""A good's product carbon footprint in the form of PACT 3 (data model 3.0): the same graph, other scope.

Direct emissions, all electricity and all precursors count, whatever their origin and sector; electricity has
the operator's factor or the country's grid average (CBAM's default factors are not for footprints). Decimals
are JSON strings; kgCO2e per kilogram (electricity: per kilowatt hour). Primary data share and data quality
ratings follow from the qualities of the ledger's figures, weighted by what each contributes.

Not in it, and said in `boundaryProcessesDescription`: upstream of fuels and of materials that are no
precursors, packaging, transport. CO2 from biomass that is burnt counts in the figure without uptake and not in
the one with it; biomass burnt in a utility is left to the utility. The exempted share and the product's fossil
carbon are the operator's word.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache

from carbonport.crypto.canonical import Json
from carbonport.errors import Malformed
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.cbam.specific_emissions import GoodRules, good_rules
from carbonport.footprint.cbam.streams import stream_emissions
from carbonport.footprint.contributions import contributions, mean_score, part_scales, primary_share
from carbonport.footprint.evaluate import Values, evaluate, evaluate_outputs, source_values
from carbonport.footprint.exact_decimal import round_half_up
from carbonport.footprint.graph import Graph
from carbonport.footprint.graph_builder import GraphBuilder
from carbonport.footprint.ledger import DataQuality, Good, Ledger
from carbonport.footprint.tables.rule_tables import RuleTables, electricity_table

FOOTPRINT_DECIMALS = 5
"""Of kgCO2e per declared unit: as many as an SEE has."""

RATING_DECIMALS = 2

MAX_EXEMPTED_PERCENT = Decimal(5)
"""PACT methodology: at most 5 % of cradle-to-gate emissions may be left out."""

TECHNOLOGICAL: Mapping[DataQuality, int] = {
    DataQuality.MEASURED: 1,
    DataQuality.CALCULATED: 2,
    DataQuality.SUPPLIER: 1,
    DataQuality.STANDARD: 3,
    DataQuality.DEFAULT: 4,
    DataQuality.ESTIMATED: 5,
}
"""Rating of technological representativeness, 1 best to 5."""

GEOGRAPHICAL: Mapping[DataQuality, int] = {
    DataQuality.MEASURED: 1,
    DataQuality.CALCULATED: 1,
    DataQuality.SUPPLIER: 1,
    DataQuality.STANDARD: 3,
    DataQuality.DEFAULT: 3,
    DataQuality.ESTIMATED: 4,
}

TEMPORAL: Mapping[DataQuality, int] = {
    DataQuality.MEASURED: 1,
    DataQuality.CALCULATED: 1,
    DataQuality.SUPPLIER: 1,
    DataQuality.STANDARD: 3,
    DataQuality.DEFAULT: 3,
    DataQuality.ESTIMATED: 4,
}

BOUNDARY = (
    "Direct emissions of the production processes of the installation, all electricity they consume, and "
    "direct and indirect emissions embedded in precursors. Not included: upstream of fuels and of other "
    "materials, packaging, transport. Not a CBAM value: there, "
    "indirect emissions count for some goods only "
    "and at the Union's default factors."
)


@dataclass(frozen=True, slots=True)
class FootprintWord:
    """What only the operator can say: percent of emissions left out, kilograms of fossil carbon in a declared
    unit.
    """

    exempted_percent: Decimal
    fossil_carbon_content: Decimal


@dataclass(frozen=True, slots=True)
class ProductFootprint:
    """The footprint's graph and rules, its results by name, and the PACT object."""

    rules: GoodRules
    results: Mapping[str, Fraction]
    carbon_footprint: Json

    @property
    def graph(self) -> Graph:
        """The calculation, for `explain`."""
        return self.rules.graph


@cache
def footprint_tables() -> RuleTables:
    """The rule tables with grid averages in place of CBAM's default factors of electricity."""
    rules = RuleTables.load()
    electricity, version = electricity_table("grid_factors.csv", rules)
    return replace(
        rules, electricity=electricity, versions={**rules.versions, "electricity_factors": version}
    )


def product_footprint(
    ledger: Ledger, good: Good, word: FootprintWord, tables: RuleTables | None = None
) -> ProductFootprint:
    """The footprint of `good`; `Malformed` when a part of it is not known: a footprint has no gaps."""
    if not 0 <= word.exempted_percent <= MAX_EXEMPTED_PERCENT or word.fossil_carbon_content < 0:
        raise Malformed(
            "footprint-word",
            found="an exempted share or a carbon content that cannot be meant",
            expected=f"0 to {MAX_EXEMPTED_PERCENT} % of emissions left out, and carbon of 0 or more",
            remedy="Include what is left out, or correct the figure.",
        )
    rules = good_rules(ledger, good, Scope.TRANSITIONAL, tables or footprint_tables())
    if rules.problems:
        problem = rules.problems[0].error
        raise Malformed(
            "footprint-gap",
            found=problem.found,
            expected="every part of the footprint",
            remedy=problem.remedy,
            where=problem.where,
        )
    values = source_values(ledger)
    results = evaluate_outputs(rules.graph, values)
    parts = (
        *contributions(rules.graph, "see_direct", ledger, values),
        *contributions(rules.graph, "see_indirect", ledger, values),
    )
    kwh = rules.graph[rules.graph.outputs["see_direct"]].unit.endswith("MWh")
    total = results["see_direct"] + results["see_indirect"]
    stated = _decimal(total, FOOTPRINT_DECIMALS)
    biogenic = _biogenic(ledger, rules.graph, values, tables or footprint_tables())
    share = primary_share(parts) * 100
    data: dict[str, Json] = {
        # tCO2e/t is kgCO2e/kg, and tCO2e/MWh is kgCO2e/kWh.
        "declaredUnitOfMeasurement": "kilowatt hour" if kwh else "kilogram",
        "declaredUnitAmount": "1",
        "productMassPerDeclaredUnit": "0" if kwh else "1",
        "referencePeriodStart": f"{ledger.period.start.isoformat()}T00:00:00Z",
        "referencePeriodEnd": f"{(ledger.period.end + timedelta(days=1)).isoformat()}T00:00:00Z",
        "pcfExcludingBiogenicUptake": _decimal(total + biogenic, FOOTPRINT_DECIMALS),
        "pcfIncludingBiogenicUptake": stated,
        "fossilGhgEmissions": stated,
        "fossilCarbonContent": format(word.fossil_carbon_content, "f"),
        "ipccCharacterizationFactors": ["AR5"],
        "crossSectoralStandards": ["ISO14067"],
        "exemptedEmissionsPercent": format(word.exempted_percent, "f"),
        "packagingEmissionsIncluded": False,
        "ccsTechnologicalCO2CaptureIncluded": False,
        "primaryDataShare": _decimal(share, RATING_DECIMALS),
        "dqi": {
            "technologicalDQR": _decimal(mean_score(parts, TECHNOLOGICAL), RATING_DECIMALS),
            "geographicalDQR": _decimal(mean_score(parts, GEOGRAPHICAL), RATING_DECIMALS),
            "temporalDQR": _decimal(mean_score(parts, TEMPORAL), RATING_DECIMALS),
        },
        "boundaryProcessesDescription": BOUNDARY,
    }
    country = (tables or footprint_tables()).country(ledger.country)
    if country is not None:
        data["geographyCountry"] = country.code
    return ProductFootprint(rules, results, data)


def _biogenic(ledger: Ledger, graph: Graph, values: Values, tables: RuleTables) -> Fraction:
    """CO2 from biomass per declared unit; as much was taken up before, as far as the ledger tells."""
    numbers = evaluate(graph, values)
    scales = part_scales(graph, "see_direct", numbers)
    total = Fraction(0)
    for stream in ledger.streams:
        if "biomass_fraction" not in stream.records:
            continue
        builder = GraphBuilder(ledger)
        node = stream_emissions(builder, stream, ledger, tables, Scope.TRANSITIONAL).biomass
        if node is None:
            continue
        base = f"stream/{stream.id}"
        scale = scales.get(f"{base}/emissions", Fraction(0))
        for owner in stream.shares:
            part = scales.get(f"{base}/emissions_of/{owner}", Fraction(0))
            scale += part * numbers.get(f"{base}/share/of/{owner}", Fraction(0))
        total += scale * evaluate(builder.build(), values)[node]
    return total


def _decimal(value: Fraction, decimals: int) -> str:
    return format(round_half_up(value, decimals), "f")
