"""Whether opened figures, with the results that leave, would tell a figure that stays closed.

Results per tonne are equations in the figures behind them. Amounts that are only known relative to the activity level
have one degree of freedom more than figures have, so a set of results tells some of their ratios as soon as it has as
many members as there are ratios left. `tells_closed` counts: it is true when any set of the stated results rests on
fewer than two closed figures more than it has members. A single fuel with an opened factor is such a case: the specific
fuel use follows.

Refuses closed, and is crude on purpose: it counts equations and does not solve them. Not covered: what several
attestations tell together, and what a recipient knows from elsewhere.
"""

from collections.abc import Collection, Iterable
from itertools import combinations

from carbonport.footprint.graph import Constant, Graph, Input, Round

MAX_COUNTED_RESULTS = 8
"""Results whose every combination is counted; more of them count as telling."""

SPARE_FIGURES = 2
"""Closed figures that any set of results must rest on beyond its own number."""


def tells_closed(graph: Graph, results: Collection[str], opened: Collection[str]) -> bool:
    """Whether `results` (names of rounded outputs), with the inputs at the paths of `opened` known, tell another."""
    equations = {
        node: closed for node in _exact(graph, results) if (closed := _inputs(graph, node) - set(opened))
    }
    if len(equations) > MAX_COUNTED_RESULTS:
        return True
    return any(
        len(frozenset().union(*chosen)) < count + SPARE_FIGURES
        for count in range(1, len(equations) + 1)
        for chosen in combinations(equations.values(), count)
    )


def _exact(graph: Graph, results: Iterable[str]) -> set[str]:
    """The nodes that the results are roundings of; equal ones are one equation."""
    found: set[str] = set()
    for name in results:
        node = graph[graph.outputs[f"{name}_rounded"]]
        if not isinstance(node, Constant):
            found.add(node.of if isinstance(node, Round) else node.id)
    return found


def _inputs(graph: Graph, node_id: str) -> frozenset[str]:
    """The paths of the figures that a node rests on."""
    wanted, paths = {node_id}, set()
    for node in reversed(graph.nodes):
        if node.id in wanted:
            wanted.update(node.operands())
            if isinstance(node, Input):
                paths.add(node.path)
    return frozenset(paths)
