"""The sealed form of a calculation: figures on the way that a statement signs, in the place of what they rest on.

How much is sealed is chosen when a statement is drawn up (`Sealing`). The finest form, `factors`, shows of each source
stream its amount times an *effective factor*: everything else that its emissions are a product of, as one figure.
Neither the fuel nor the method shows in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from carbonport.footprint.graph import Graph, Input, Node, Product

SEALED_PREFIX = "sealed/"
"""Paths of sealed figures begin so; a ledger's record must not."""

ATTRIBUTED_ENDINGS = ("/attributed_direct", "/attributed_indirect")
"""Nodes of the emissions attributed to a process (`process/<id>/...`)."""

STREAM, EMISSIONS, EFFECTIVE_FACTOR = "stream", "emissions", "effective_factor"
"""A stream's sealed figures are `stream/<place>/emissions` or `stream/<place>/effective_factor`."""

ACTIVITY = "activity_data"
"""The amount that an effective factor multiplies: `stream/<place>/activity_data`."""

EMISSIONS_DECIMALS = 6
"""Decimals of sealed emissions in tonnes: grams."""

EMISSIONS_BITS = 64
"""Width of sealed emissions: 1.8e13 t."""

FACTOR_DECIMALS = 9
"""Decimals of an effective factor, those of a carbon content: over a stream of 2e6 t its rounding is a kilogram."""

FACTOR_BITS = 48
"""Width of an effective factor: 2.8e5 t of CO2e for one unit of the amount."""


class Sealing(StrEnum):
    """Below which figures a sealed form shows nothing."""

    ATTRIBUTED = "attributed"
    """The emissions attributed to each process."""

    STREAMS = "streams"
    """The emissions of each source stream; the indirect ones of each process."""

    FACTORS = "factors"
    """As `streams`, but emissions that are an amount times something are shown as that amount times one factor."""


@dataclass(frozen=True)
class SealedForm:
    """A graph that computes the same, and which figure stands for which of its nodes, by id."""

    graph: Graph
    figures: Mapping[str, Input]


def sealed_form(graph: Graph, places: Mapping[str, str], sealing: Sealing) -> SealedForm:
    """What is sealed of `graph`; `places` maps the paths of its inputs to their places."""
    if sealing is Sealing.ATTRIBUTED:
        return SealedForm(graph, {node.id: _emissions(node, node.id) for node in graph if _attributed(node)})
    if sealing is Sealing.FACTORS:
        graph = _with_effective_factors(graph)
    numbered = {path.rpartition("/")[0]: place.rpartition("/")[0] for path, place in places.items()}
    figures: dict[str, Input] = {}
    for node in graph:
        stream, _, quantity = node.id.rpartition("/")
        if _attributed(node) and node.id.endswith("/attributed_indirect"):
            figures[node.id] = _emissions(node, node.id)
        elif _is_stream(stream) and quantity == EFFECTIVE_FACTOR:
            path = f"{SEALED_PREFIX}{numbered[stream]}/{quantity}"
            figures[node.id] = Input(path, node.unit, "", "", path, FACTOR_DECIMALS, FACTOR_BITS)
        elif _is_stream(stream) and quantity == EMISSIONS and not _is_split(node):
            figures[node.id] = _emissions(node, f"{numbered[stream]}/{quantity}")
    return SealedForm(graph, figures)


def _attributed(node: Node) -> bool:
    return node.id.startswith("process/") and node.id.endswith(ATTRIBUTED_ENDINGS)


def _is_stream(base: str) -> bool:
    return base.startswith(f"{STREAM}/")


def _is_split(node: Node) -> bool:
    """Whether emissions are an amount times an effective factor already."""
    return any(operand.endswith(f"/{EFFECTIVE_FACTOR}") for operand in node.operands())


def _emissions(node: Node, place: str) -> Input:
    path = SEALED_PREFIX + place
    return Input(path, node.unit, "", "", path, EMISSIONS_DECIMALS, EMISSIONS_BITS)


def _with_effective_factors(graph: Graph) -> Graph:
    """Emissions of a stream that are a product with its amount become that amount times the product of the rest."""
    nodes: list[Node] = []
    for node in graph:
        stream, _, quantity = node.id.rpartition("/")
        amount = f"{stream}/{ACTIVITY}"
        if (
            isinstance(node, Product)
            and _is_stream(stream)
            and quantity == EMISSIONS
            and node.factors.count(amount) == 1
        ):
            rest = tuple(factor for factor in node.factors if factor != amount)
            factor = f"{stream}/{EFFECTIVE_FACTOR}"
            unit = f"{node.unit}/{graph[amount].unit}"
            nodes.append(Product(factor, unit, "", "", rest))
            nodes.append(replace(node, equation="", factors=(amount, factor)))
        else:
            nodes.append(node)
    return Graph(tuple(nodes), graph.outputs)
