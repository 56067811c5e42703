"""What precursors bring into a process: `M_i × SEE_i`, direct and indirect (2547 Annex III, Eq 57-63).

A value on the basis `attested` stands in the graph with the digests of the supplier's attestations.

M_i is the whole input, scrap and cut-offs included. A precursor is purchased, with the supplier's verified or
attested value or a default, or it comes from another process of the installation, whose own SEE is built
first. In the definitive scope precursors of the Union and of countries in Annex III of Regulation (EU)
2023/956 carry no emissions; their quantity is still reported. Indirect emissions of a precursor count where
the precursor itself is a good whose indirect emissions count.

A precursor with the basis `default` that states no value takes the one of 2025/2621 for its CN code and
country (`precursor_defaults`).
"""

from dataclasses import dataclass
from decimal import Decimal

from carbonport.errors import Malformed
from carbonport.footprint.cbam.categories import category_entry
from carbonport.footprint.cbam.precursor_defaults import table_value
from carbonport.footprint.cbam.scope import Scope, indirect_counts, scope_entry
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Precursor
from carbonport.footprint.tables.rule_tables import Country, PublishedNumber, RuleTables, ScopeEntry

ACTUAL = frozenset({"verified", "attested", "measured", "actual"})
"""Bases that are actual values."""

DEFAULT, UNKNOWN, ATTESTED = "default", "unknown", "attested"

SUPPLIER_STATEMENT = "precursor_statement"
"""The field that names the supplier's verification statement, where the supplier keeps its value secret."""

UNKNOWN_ORIGIN = frozenset({"", "unknown", "Unknown", "XX"})
"""What stands for a country of origin that is not known."""

EQUATION = "2547 Annex III Eq 57-63: M × SEE"

EXEMPT = PublishedNumber(
    Decimal(0),
    "tCO2e/t",
    "Regulation (EU) 2023/956 Annex III point 1: goods of this origin carry no emissions",
)


@dataclass(frozen=True, slots=True)
class PrecursorEmissions:
    """The nodes of one precursor, all in tCO2e.

    `indirect` is None when it is not known. `counted` is what counts of it where a good takes only what
    counts (None: nothing, unless `indirect_counts` says that it should be there). `default` is the part of
    `direct` that default values stand for (None: none).
    """

    id: str
    direct: NodeId
    indirect: NodeId | None
    counted: NodeId | None
    indirect_counts: bool
    default: NodeId | None


def is_default(basis: str, scope: Scope) -> bool:
    """Whether a value on this `basis` goes into the default share. The transitional template asks for
    defaults that were chosen; from 2026 on everything that is not actual is one.
    """
    return basis == DEFAULT if scope is Scope.TRANSITIONAL else basis not in ACTUAL


def precursor_emissions(
    builder: GraphBuilder, precursor: Precursor, scope: Scope, tables: RuleTables, year: int
) -> PrecursorEmissions:
    """Add the embedded emissions of the purchased `precursor` in the reporting period that ends in `year`."""
    entry = _entry(precursor, tables)
    country = _country(precursor, tables, scope)
    amount_path = precursor.records.get("precursor_amount")
    if amount_path is None:
        raise _missing(precursor, "amount consumed (precursor_amount)")
    name = precursor.label
    amount = builder.input(amount_path, f"{name}: amount consumed")
    direct: NodeId
    indirect: NodeId | None
    default = is_default(precursor.basis, scope)
    if scope is Scope.DEFINITIVE and country is not None and country.exempt:
        direct = builder.constant(
            f"precursor/{precursor.id}/exempt", EXEMPT, f"{name}: origin {country.name}"
        )
        indirect, default = direct, False
    elif (stated := _stated(builder, precursor, "direct")) is not None:
        direct = stated
        indirect = _specific_indirect(builder, precursor)
    elif precursor.basis in (DEFAULT, UNKNOWN) and precursor.cn:
        direct, indirect = table_value(builder, precursor, country, entry, scope, year)
        default = True
    else:
        raise _missing(precursor, "specific direct embedded emissions (precursor_see_direct)")
    embedded_direct = _embedded(builder, precursor, "direct", amount, direct)
    embedded_indirect = (
        None if indirect is None else _embedded(builder, precursor, "indirect", amount, indirect)
    )
    counts = scope is Scope.TRANSITIONAL or (entry is not None and indirect_counts(entry, scope))
    return PrecursorEmissions(
        id=precursor.id,
        direct=embedded_direct,
        indirect=embedded_indirect,
        counted=embedded_indirect if counts else None,
        indirect_counts=counts,
        default=embedded_direct if default else None,
    )


def _entry(precursor: Precursor, tables: RuleTables) -> ScopeEntry | None:
    """The good that the precursor is, by CN code or else by its category."""
    if precursor.cn:
        return scope_entry(precursor.cn, tables)
    if not precursor.category:
        raise _missing(precursor, "CN code or aggregated goods category")
    entry = category_entry(precursor.category, tables)
    if entry is None:
        raise Malformed(
            "category-unknown",
            found=f"the goods category {precursor.category[:60]!r}",
            expected="an aggregated goods category of 2547 Annex I, in English",
            remedy="Correct the category, or state the CN code.",
            where=f"precursor {precursor.id}",
        )
    return entry


def _country(precursor: Precursor, tables: RuleTables, scope: Scope) -> Country | None:
    """The origin; only the definitive scope depends on it, and refuses one it does not know."""
    country = tables.country(precursor.country)
    if country is None and scope is Scope.DEFINITIVE and precursor.country not in UNKNOWN_ORIGIN:
        raise Malformed(
            "precursor-country",
            found=f"the country {precursor.country[:40]!r}",
            expected="a country by its two-letter code or its name",
            remedy="Correct the precursor's country of origin.",
            where=f"precursor {precursor.id}",
        )
    return country


def _embedded(
    builder: GraphBuilder, precursor: Precursor, kind: str, amount: NodeId, specific: NodeId
) -> NodeId:
    return builder.product(
        f"precursor/{precursor.id}/embedded_{kind}",
        "tCO2e",
        [amount, specific],
        label=f"{precursor.label}: {kind} emissions embedded",
        equation=EQUATION,
    )


def _specific_indirect(builder: GraphBuilder, precursor: Precursor) -> NodeId | None:
    """MWh/t × EF when both are stated (exact, where a workbook's SEE is a rounded product), else the stated
    SEE.
    """
    electricity = precursor.records.get("precursor_electricity")
    factor = precursor.records.get("precursor_electricity_factor")
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
    return _stated(builder, precursor, "indirect")


def _stated(builder: GraphBuilder, precursor: Precursor, kind: str) -> NodeId | None:
    """What the supplier states of `kind`, direct or indirect: with the digests of its attestations where it attests it,
    and with its commitment where it keeps the value secret."""
    label = f"{precursor.label}: specific {kind} embedded emissions"
    path, secret = (precursor.records.get(f"precursor_{form}_{kind}") for form in ("see", "committed"))
    if secret is not None:
        commitment = precursor.commitments.get(f"precursor_committed_{kind}")
        if commitment is None:
            raise _missing(precursor, f"commitment of its supplier to the {kind} emissions")
        return builder.committed(secret, label, precursor.attestations, commitment)
    if path is None:
        return None
    if precursor.basis == ATTESTED:
        return builder.attested(path, label, precursor.attestations)
    return builder.input(path, label)


def _missing(precursor: Precursor, what: str) -> Malformed:
    return Malformed(
        "precursor-missing-figure",
        found=f"no {what}",
        expected=f"the {what} of the precursor",
        remedy="State the supplier's verified value, or the default of 2025/2621 for country and CN code.",
        where=f"precursor {precursor.id}",
    )
