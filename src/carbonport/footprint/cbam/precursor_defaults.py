"""The default value of a purchased precursor (2025/2621): the row of its code and country, with the year's mark-up.

The mark-up belongs to every default value from 2026 on, a precursor's too: Annex IV of the act, which is about
precursors and nothing else, states its values with it. It is taken from the table of years, by the reporting
period; direct and indirect emissions carry it apart, each rounded to the act's decimals. Of unknown origin, the
highest value (Annex IV) counts, all of it as direct emissions. Before 2026 there is no mark-up.
"""

from carbonport.errors import CarbonportError, Malformed
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Precursor
from carbonport.footprint.obligation.default_values import DefaultValue, DefaultValues
from carbonport.footprint.obligation.years_and_prices import ObligationYears
from carbonport.footprint.tables.rule_tables import Country, PublishedNumber, ScopeEntry

ACT = "Implementing Regulation (EU) 2025/2621"

VALUE_DECIMALS = 3
"""The act states default values with mark-up at so many decimals."""

FERTILISERS = "Fertilizers"
"""The sector with a mark-up of its own, as the table of goods calls it."""


def table_value(
    builder: GraphBuilder,
    precursor: Precursor,
    country: Country | None,
    entry: ScopeEntry | None,
    scope: Scope,
    year: int,
) -> tuple[NodeId, NodeId | None]:
    """Specific direct and indirect emissions of `precursor` by the act; `Malformed` when it has no row.

    `country` None: of unknown origin. The second is None where the act gives no indirect emissions.
    """
    found = _row(precursor, country)
    direct = found.total if country is None or found.direct is None else found.direct
    nodes: list[NodeId | None] = []
    for kind, value in (("direct", direct), ("indirect", found.indirect)):
        if value is None:
            nodes.append(None)
            continue
        node = builder.constant(
            f"precursor/{precursor.id}/default_{kind}",
            PublishedNumber(value, "tCO2e/t", f"{ACT}, {found.place}"),
            f"{precursor.label}: default value, {kind}",
        )
        nodes.append(
            node if scope is Scope.TRANSITIONAL else _marked_up(builder, node, precursor, entry, year)
        )
    assert nodes[0] is not None
    return nodes[0], nodes[1]


def _row(precursor: Precursor, country: Country | None) -> DefaultValue:
    values = DefaultValues.load()
    try:
        if country is not None:
            return values.find(precursor.cn, country.code).value
        return values.find_unknown_origin(precursor.cn)
    except CarbonportError as error:
        raise Malformed(
            "precursor-default-missing",
            found=error.found,
            expected="a default value of 2025/2621 for this code and origin",
            remedy="State the supplier's value, or the code as the act subdivides it.",
            where=f"precursor {precursor.id}",
        ) from None


def _marked_up(
    builder: GraphBuilder, node: NodeId, precursor: Precursor, entry: ScopeEntry | None, year: int
) -> NodeId:
    years = ObligationYears.load()
    rules = years.of(max(year, min(years.by_year)))
    special = entry is not None and entry.sector == FERTILISERS
    markup = rules.markup_fertilisers if special else rules.markup_general
    place, row = rules.place
    name = "fertilisers" if special else "general"
    factor = builder.constant(
        f"constant/default_markup/{name}",
        PublishedNumber(1 + markup, "1", f"{ACT} Annex I, {place}, {row}"),
        f"1 and the mark-up of {rules.year}",
    )
    product = builder.product(
        f"{node}_with_markup",
        "tCO2e/t",
        [node, factor],
        label=f"{precursor.label}: default value with mark-up",
        equation=f"{ACT}: value × (1 + mark-up)",
    )
    return builder.round(
        f"{node}_as_stated",
        product,
        VALUE_DECIMALS,
        label=f"{precursor.label}: default value with mark-up, as the act states it",
        equation=f"{VALUE_DECIMALS} decimals, half up",
    )
