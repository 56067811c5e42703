"""Building a calculation graph: rules name what they add and get back the node's id.

The same input or constant may be asked for by many rules and stands in the graph once; the same id with
another content is a defect of the rule and raises.
"""

from collections.abc import Sequence
from decimal import Decimal

from carbonport.errors import Misuse
from carbonport.footprint.graph import (
    MAX_NODES,
    Attested,
    Committed,
    Constant,
    Floor,
    Graph,
    Input,
    Node,
    Product,
    Quotient,
    Root,
    Round,
    Sum,
    graph_too_large,
)
from carbonport.footprint.ledger import Ledger, SupplierCommitment
from carbonport.footprint.tables.rule_tables import PublishedNumber

NodeId = str


class GraphBuilder:
    """Collects nodes in topological order for one graph over one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._nodes: dict[NodeId, Node] = {}
        self._outputs: dict[str, NodeId] = {}

    def input(self, path: str, label: str) -> NodeId:
        """The ledger record at `path`; the node's id is the path, its label that of the rule that asked first."""
        if path in self._nodes:
            return path
        record = self._ledger.records[path]
        return self._add(Input(path, record.unit, label, "", path, record.decimals, record.bits))

    def attested(self, path: str, label: str, attestations: Sequence[str]) -> NodeId:
        """The ledger record at `path`, which the attestations of these digests state."""
        record = self._ledger.records[path]
        digests = tuple(sorted(attestations))
        return self._add(Attested(path, record.unit, label, "", path, record.decimals, record.bits, digests))

    def committed(
        self, path: str, label: str, attestations: Sequence[str], commitment: SupplierCommitment
    ) -> NodeId:
        """The ledger record at `path`, which these attestations commit to and do not show."""
        record = self._ledger.records[path]
        signed = (tuple(sorted(attestations)), commitment.statement, commitment.leaf)
        return self._add(Committed(path, record.unit, label, "", path, record.decimals, record.bits, *signed))

    def constant(self, node_id: NodeId, number: PublishedNumber, label: str) -> NodeId:
        """A published number, with its source."""
        return self._add(Constant(node_id, number.unit, label, "", number.value, number.source))

    def one(self) -> NodeId:
        """The number 1, as in `1 - BF`."""
        return self._add(Constant("constant/one", "1", "the whole", "", Decimal(1), "arithmetic"))

    def sum(
        self, node_id: NodeId, unit: str, terms: list[tuple[int, NodeId]], *, label: str, equation: str
    ) -> NodeId:
        """The sum of signed terms; signs are +1 or -1."""
        return self._add(Sum(node_id, unit, label, equation, tuple(terms)))

    def product(
        self, node_id: NodeId, unit: str, factors: list[NodeId], *, label: str, equation: str
    ) -> NodeId:
        """The product of factors."""
        return self._add(Product(node_id, unit, label, equation, tuple(factors)))

    def quotient(
        self, node_id: NodeId, unit: str, numerator: NodeId, denominator: NodeId, *, label: str, equation: str
    ) -> NodeId:
        """numerator / denominator."""
        return self._add(Quotient(node_id, unit, label, equation, numerator, denominator))

    def floor(self, node_id: NodeId, unit: str, of: NodeId, *, label: str, equation: str) -> NodeId:
        """max(0, x)."""
        return self._add(Floor(node_id, unit, label, equation, of))

    def round(self, node_id: NodeId, of: NodeId, decimals: int, *, label: str, equation: str) -> NodeId:
        """x rounded half up to `decimals` decimals."""
        return self._add(Round(node_id, self._nodes[of].unit, label, equation, of, decimals))

    def root(
        self, node_id: NodeId, unit: str, of: NodeId, decimals: int, *, label: str, equation: str
    ) -> NodeId:
        """The square root of x, rounded half up to `decimals` decimals."""
        return self._add(Root(node_id, unit, label, equation, of, decimals))

    def output(self, name: str, node_id: NodeId) -> None:
        """Name `node_id` as the result called `name`."""
        if self._outputs.setdefault(name, node_id) != node_id:
            raise _conflict(f"two results called {name}")

    def build(self) -> Graph:
        """The graph of the named results: what none of them depends on is left out. Without results: all
        nodes.
        """
        if not self._outputs:
            return Graph(tuple(self._nodes.values()), {})
        wanted = set(self._outputs.values())
        kept: list[Node] = []
        for node in reversed(self._nodes.values()):
            if node.id in wanted:
                wanted.update(node.operands())
                kept.append(node)
        return Graph(tuple(reversed(kept)), dict(self._outputs))

    def _add(self, node: Node) -> NodeId:
        known = self._nodes.setdefault(node.id, node)
        if len(self._nodes) > MAX_NODES:
            # Here already: a hostile ledger must not fill the memory before the graph is looked at.
            raise graph_too_large(len(self._nodes))
        if known != node:
            raise _conflict(f"two different nodes with the id {node.id}")
        return node.id


def _conflict(found: str) -> Misuse:
    return Misuse(
        "graph-duplicate-node",
        found=found,
        expected="one node per id, one node per result name",
        remedy="Give each stream, process and precursor an id of its own.",
    )
