"""What purchased precursors bring into a process: `M_i × SEE_i`, direct and indirect (2547 Annex III, Eq
57-63).

M_i is the whole input, scrap and cut-offs included. In the definitive scope precursors of the Union and of
countries in Annex III of Regulation (EU) 2023/956 carry no emissions; their quantity is still reported.
Indirect emissions of a precursor count where the precursor itself is a good whose indirect emissions count.

Not here yet: default values looked up by country and CN (the ledger states them), precursors made by another
process.
"""

from dataclasses import dataclass
from decimal import Decimal

from carbonport.errors import Malformed
from carbonport.footprint.cbam.scope import Scope, indirect_counts, scope_entry
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Precursor
from carbonport.footprint.tables.rule_tables import PublishedNumber, RuleTables

ACTUAL = frozenset({"verified", "measured", "actual"})
"""Bases that are actual values; any other basis counts as a default value in the default share."""

EXEMPT = PublishedNumber(
    Decimal(0),
    "tCO2e/t",
    "Regulation (EU) 2023/956 Annex III point 1: goods of this origin carry no emissions",
)


@dataclass(frozen=True, slots=True)
class PrecursorEmissions:
    """The nodes of one precursor; `indirect` is None when its indirect emissions are not known."""

    precursor: Precursor
    direct: NodeId
    indirect: NodeId | None
    indirect_counts: bool
    default: bool


def precursor_emissions(
    builder: GraphBuilder, precursor: Precursor, scope: Scope, tables: RuleTables
) -> PrecursorEmissions:
    """Add the embedded emissions of `precursor`."""
    entry = scope_entry(precursor.cn, tables)
    country = tables.country(precursor.country)
    if country is None:
        raise Malformed(
            "precursor-country",
            found=f"the country {precursor.country[:40]!r}",
            expected="a country by its two-letter code or its name",
            remedy="Correct the precursor's country of origin.",
            where=f"precursor {precursor.id}",
        )
    amount_path = precursor.records.get("precursor_amount")
    if amount_path is None:
        raise _missing(precursor, "amount consumed (precursor_amount)")
    name = precursor.label
    amount = builder.input(amount_path, f"{name}: amount consumed")
    exempt = scope is Scope.DEFINITIVE and country.exempt
    direct: NodeId
    indirect: NodeId | None
    if exempt:
        direct = builder.constant(
            f"precursor/{precursor.id}/exempt", EXEMPT, f"{name}: origin {country.name}"
        )
        indirect = direct
    else:
        path = precursor.records.get("precursor_see_direct")
        if path is None:
            raise _missing(precursor, "specific direct embedded emissions (precursor_see_direct)")
        direct = builder.input(path, f"{name}: specific direct embedded emissions")
        indirect = _specific_indirect(builder, precursor)
    return PrecursorEmissions(
        precursor=precursor,
        direct=_embedded(builder, precursor, "direct", amount, direct),
        indirect=None if indirect is None else _embedded(builder, precursor, "indirect", amount, indirect),
        indirect_counts=indirect_counts(entry, scope),
        default=precursor.basis not in ACTUAL and not exempt,
    )


def _embedded(
    builder: GraphBuilder, precursor: Precursor, kind: str, amount: NodeId, specific: NodeId
) -> NodeId:
    return builder.product(
        f"precursor/{precursor.id}/embedded_{kind}",
        "tCO2e",
        [amount, specific],
        label=f"{precursor.label}: {kind} emissions embedded",
        equation="2547 Annex III Eq 57-63: M × SEE",
    )


def _specific_indirect(builder: GraphBuilder, precursor: Precursor) -> NodeId | None:
    """MWh/t × EF when both are stated (exact, where a workbook's SEE is a rounded product), else the stated
    SEE.
    """
    electricity = precursor.records.get("precursor_electricity")
    factor = precursor.records.get("precursor_electricity_factor")
    stated = precursor.records.get("precursor_see_indirect")
    if electricity is not None and factor is not None:
        return builder.product(
            f"precursor/{precursor.id}/specific_indirect",
            "tCO2e/t",
            [
                builder.input(electricity, f"{precursor.label}: specific electricity consumption"),
                builder.input(factor, f"{precursor.label}: emission factor of its electricity"),
            ],
            label=f"{precursor.label}: specific indirect embedded emissions",
            equation="2547 Annex III Eq 56, per tonne: MWh/t × EF_el",
        )
    if stated is not None:
        return builder.input(stated, f"{precursor.label}: specific indirect embedded emissions")
    return None


def _missing(precursor: Precursor, what: str) -> Malformed:
    return Malformed(
        "precursor-missing-figure",
        found=f"no {what}",
        expected=f"the {what} of the precursor",
        remedy="State the supplier's verified value, or the default of 2025/2621 for country and CN code.",
        where=f"precursor {precursor.id}",
    )
