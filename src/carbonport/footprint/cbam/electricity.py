"""Which emission factor electricity gets, and why.

Transitional: the factor that the operator states, else the default table. Definitive (2547 Annex III, Article
on indirect emissions): the default of Implementing Regulation (EU) 2025/2621 Annex II, unless the electricity
comes by a direct technical link or a physical power purchase agreement with hourly metering. National grid
factors do not count.
"""

from dataclasses import dataclass
from decimal import Decimal

from carbonport.errors import Malformed
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.cbam.utilities import utility_factors
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Ledger, ProductionProcess
from carbonport.footprint.tables.rule_tables import PublishedNumber, RuleTables

EVIDENCE = frozenset({"direct-line", "ppa", "D.4.3.1", "D.4.3.2"})
"""Sources of a stated factor that the definitive scope accepts: direct line and physical PPA, in words or as
the template's codes (2023/1773 Annex III D.4.3.1 and D.4.3.2)."""

FROM_LEDGER, FROM_TABLE, FROM_UTILITY, ABSENT = "ledger", "default-table", "utility", "absent"


NOTHING_CONSUMED = PublishedNumber(Decimal(0), "tCO2e/MWh", "the process consumes no electricity")


@dataclass(frozen=True, slots=True)
class ElectricityFactor:
    """The choice: a node (None when there is no factor), where it is from, the reason for a person."""

    node: NodeId | None
    basis: str
    reason: str
    problem: Malformed | None


def electricity_factor(
    builder: GraphBuilder, process: ProductionProcess, ledger: Ledger, scope: Scope, tables: RuleTables
) -> ElectricityFactor:
    """Add the factor of the electricity that `process` consumes, and say which one it is."""
    if process.electricity_from:
        own = utility_factors(builder, process.electricity_from, ledger, tables, scope).electricity
        if own is not None:
            return ElectricityFactor(own, FROM_UTILITY, f"own cogeneration {process.electricity_from}", None)
    path = process.records.get("electricity_factor")
    evidence = process.electricity_source.strip() in EVIDENCE
    if path is not None and (scope is Scope.TRANSITIONAL or evidence):
        node = builder.input(path, f"{process.label}: emission factor of the electricity")
        why = "stated by the operator" + (" with evidence of a direct line or PPA" if evidence else "")
        return ElectricityFactor(node, FROM_LEDGER, why, None)
    ignored = "" if path is None else "; the stated factor has no evidence of a direct line or PPA"
    country = tables.country(ledger.country)
    number = None if country is None else tables.electricity.get(country.code)
    if country is None or number is None:
        name = ledger.country if country is None else country.name
        return ElectricityFactor(None, ABSENT, f"no default factor for {name}{ignored}", _missing(name))
    node = builder.constant(
        f"constant/electricity_factor/{country.code}",
        number,
        f"default factor of electricity, {country.name}",
    )
    return ElectricityFactor(node, FROM_TABLE, f"default of {country.name}, {number.source}{ignored}", None)


def no_electricity(builder: GraphBuilder) -> NodeId:
    """The factor of a process that consumes no electricity: there is nothing to multiply."""
    return builder.constant("constant/no_electricity", NOTHING_CONSUMED, "no electricity consumed")


def _missing(country: str) -> Malformed:
    return Malformed(
        "electricity-factor-missing",
        found=f"no default emission factor of electricity for {country}",
        expected="a factor in the table of defaults, or evidence of a direct line or PPA",
        remedy="Supply the default of 2025/2621 Annex II: --electricity-factors FILE (country,factor,unit).",
    )
