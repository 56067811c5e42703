"""Splitting a chemical process over its products by amount of substance (2547 Annex III Eq 43).

Em_good = Em × (m_good / M_good) / sum over products of (m / M)
"""

from carbonport.errors import Malformed
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import ProductionProcess
from carbonport.footprint.tables.rule_tables import RuleTables

ACT = "2547 Annex III Eq 43"

PREFIX = "molar_mass_"
"""Of the names of molar masses among the constants."""


def molar_share(builder: GraphBuilder, process: ProductionProcess, tables: RuleTables) -> NodeId:
    """The good's share of the amount of substance of all products."""
    base, terms, counted = f"process/{process.id}/co_product", [], []
    for item in sorted(process.co_products, key=lambda item: item.product):
        mass = tables.constants.get(PREFIX + item.product)
        path = item.records.get("co_product_amount")
        if mass is None or path is None:
            known = ", ".join(name.removeprefix(PREFIX) for name in tables.constants if PREFIX in name)
            raise _unusable(process, f"the product {item.product[:40]!r} without amount or molar mass", known)
        node = builder.quotient(
            f"{base}/{item.product}",
            "Mmol",
            builder.input(path, f"{process.label}: {item.product} produced"),
            builder.constant(
                f"constant/{PREFIX}{item.product}", mass, f"molar mass of {item.product.replace('_', ' ')}"
            ),
            label=f"{process.label}: amount of {item.product.replace('_', ' ')}",
            equation=f"{ACT}: m / M",
        )
        terms.append((1, node))
        if item.counted:
            counted.append(node)
    if len(counted) != 1:
        raise _unusable(process, f"{len(counted)} products that are the good", "exactly one")
    whole = builder.sum(
        f"{base}/sum",
        "Mmol",
        terms,
        label=f"{process.label}: amount of all products",
        equation=f"{ACT}: sum of m / M",
    )
    return builder.quotient(
        f"{base}/share",
        "1",
        counted[0],
        whole,
        label=f"{process.label}: the good's share by amount of substance",
        equation=f"{ACT}: (m / M) / sum of m / M",
    )


def _unusable(process: ProductionProcess, found: str, expected: str) -> Malformed:
    return Malformed(
        "co-products-unusable",
        found=found,
        expected=expected,
        remedy="State the amount of every product and mark the one that is the good.",
        where=f"production process {process.id}",
    )
