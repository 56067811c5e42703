"""The goods of a calculation with the graphs of their results, and which outputs of them are declared."""

from dataclasses import dataclass

from carbonport.footprint.calculation import Calculation
from carbonport.footprint.graph import Graph, Node, Round

ROUNDED_SUFFIX = "_rounded"
"""Outputs of a graph that are declared: the rest of the name is the result's."""

OUTPUT_DECIMALS = 5
"""Decimals of a declared result that its graph does not round: IR (EU) 2025/2547 asks for at most five."""


@dataclass(frozen=True, slots=True)
class GoodGraph:
    """A good with the graph of its results. `activity_group` is its aggregated goods category."""

    process: str
    cn: str
    activity_group: str
    graph: Graph


def good_graphs(calculation: Calculation) -> tuple[GoodGraph, ...]:
    """The goods of a calculation; the category is the one that the table of goods gives for the CN code."""
    return tuple(
        GoodGraph(result.process, result.cn, result.rules.entry.category, result.graph)
        for result in calculation.goods
    )


def declared_outputs(graph: Graph) -> list[tuple[str, Node, int]]:
    """Name, node and decimals of every output that is declared; a constant (no default share) has the usual
    number of decimals."""
    return [
        (
            name.removesuffix(ROUNDED_SUFFIX),
            node,
            node.decimals if isinstance(node, Round) else OUTPUT_DECIMALS,
        )
        for name, node in ((name, graph[node_id]) for name, node_id in sorted(graph.outputs.items()))
        if name.endswith(ROUNDED_SUFFIX)
    ]
