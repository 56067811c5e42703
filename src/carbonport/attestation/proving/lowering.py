"""From a calculation graph and results to what a proof has to show: the *prove* reader.

Everything here is a function of public data: the signed graph, which leaves are opened and with which values, the
stated results, and the signs of floors (which are proved). Prover and
verifier run it alike; nothing else decides what is proved. Inputs are integers at their declared decimals, constants
exact rationals; `node_lowering` says what each kind of node costs, `lowered_rounding` how a result is tied to them.

What cannot be proved is `Refused`, saying why: a square root, a rounding of a figure that may be negative, an
intermediate integer beyond 250 bits.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from carbonport.attestation.proving.linear_forms import LinearForm
from carbonport.attestation.proving.lowered_claim import LoweredClaim, SignedInteger
from carbonport.attestation.proving.lowered_rounding import demand_at_most, demand_rounded
from carbonport.attestation.proving.node_lowering import node_value
from carbonport.attestation.proving.obligations import Obligations, SignOf
from carbonport.attestation.proving.rational_values import RationalValue, rational_value
from carbonport.attestation.proving.result_claim import MAX_RESULTS
from carbonport.errors import Refused
from carbonport.footprint.graph import Committed, Constant, Graph, Input, Node, Round

ROUNDED_SUFFIX = "_rounded"
"""Outputs of a graph that can be proved: the rest of the name is the result's."""

PUBLIC_RESULT_DECIMALS = 5
"""Decimals of a result that is a constant of the graph (no default share), as statements declare it."""


@dataclass(frozen=True)
class ProvableGraph:
    """The part of a signed graph that some results rest on, and the leaves it takes.

    Raises `Refused` for results that cannot be proved.
    """

    graph: Graph
    results: Collection[str]

    def __post_init__(self) -> None:
        if not 1 <= len(self.results) <= MAX_RESULTS:
            raise _refused_result(f"{len(self.results)} results", f"1 to {MAX_RESULTS} results")
        for name in self.results:
            if not isinstance(self._target(name), Round | Constant):
                raise _refused_result(
                    f"the result {name}, which its graph does not round", "a rounded result"
                )

    def decimals(self, name: str) -> int:
        """The decimals that the result called `name` is stated with."""
        target = self._target(name)
        return target.decimals if isinstance(target, Round) else PUBLIC_RESULT_DECIMALS

    def leaves(self) -> tuple[SignedInteger, ...]:
        """The leaves that the results rest on, in the order of their paths."""
        return self._leaves

    @cached_property
    def _leaves(self) -> tuple[SignedInteger, ...]:
        found: dict[str, SignedInteger] = {}
        for node in self.nodes():
            leaf = _leaf(node)
            if leaf is not None and found.setdefault(leaf.path, leaf) != leaf:
                raise Refused(
                    "proof-label",
                    found="a figure that the graph uses under two units, decimals or widths",
                    expected="one label for each leaf",
                    remedy="Calculate the goods again from the ledger and have the statement signed anew.",
                    where=leaf.path,
                )
        return tuple(found[path] for path in sorted(found))

    def committed(self) -> tuple[Committed, ...]:
        """The figures that suppliers commit to and do not show, in the order of their paths."""
        found = {node.path: node for node in self.nodes() if isinstance(node, Committed)}
        return tuple(found[path] for path in sorted(found))

    def nodes(self) -> list[Node]:
        """The nodes that the results rest on, in topological order."""
        return self._nodes

    @cached_property
    def _nodes(self) -> list[Node]:
        wanted = {self._source(name) for name in self.results}
        kept: list[Node] = []
        for node in reversed(self.graph.nodes):
            if node.id in wanted:
                kept.append(node)
                wanted.update(node.operands())
        return kept[::-1]

    def lower(
        self,
        results: Mapping[str, int],
        opened: Mapping[str, int],
        sign_of: SignOf,
        *,
        at_most: bool = False,
    ) -> LoweredClaim:
        """What a proof of `results` (integers in units of the last decimal) has to show, when the leaves at the
        paths of `opened` are public with these values. With `at_most` they are upper bounds of the rounded results,
        which stay secret."""
        secret = {node.path: node.leaf for node in self.committed()}
        for figure in self.committed():
            if figure.path in opened or figure.decimals != PUBLIC_RESULT_DECIMALS:
                raise _refused_committed(figure)
        obligations = Obligations(sign_of)
        leaves = self.leaves()
        forms = {
            leaf.path: LinearForm(opened[leaf.path]) if leaf.path in opened else obligations.signed(leaf)
            for leaf in leaves
        }
        values: dict[str, RationalValue] = {}
        for node in self.nodes():
            leaf = _leaf(node)
            if leaf is not None:
                values[node.id] = rational_value(Fraction(1, 10**leaf.decimals), forms[leaf.path])
            else:
                values[node.id] = node_value(node, values, obligations)
        for name in sorted(self.results):
            value, decimals = values[self._source(name)], self.decimals(name)
            if at_most:
                demand_at_most(obligations, value, decimals, results[name], name)
            else:
                rounds = isinstance(self._target(name), Round)
                demand_rounded(obligations, value, decimals, results[name], name, rounds=rounds)
        return obligations.claim(tuple(leaf for leaf in leaves if leaf.path in opened), secret)

    def _target(self, name: str) -> Node:
        target = self.graph.outputs.get(name + ROUNDED_SUFFIX)
        if target is None:
            raise _refused_result(
                f"a result {name} that the signed graph does not have", "a result of the graph"
            )
        return self.graph[target]

    def _source(self, name: str) -> str:
        target = self._target(name)
        return target.of if isinstance(target, Round) else target.id


def _leaf(node: Node) -> SignedInteger | None:
    if isinstance(node, Input):
        return SignedInteger(node.path, node.unit, node.decimals, node.bits)
    return None


def _refused_committed(node: Committed) -> Refused:
    return Refused(
        "proof-committed",
        found="a figure that its supplier keeps secret, opened or not with the decimals of a result",
        expected=f"a closed figure of {PUBLIC_RESULT_DECIMALS} decimals, as the supplier committed to it",
        remedy="Leave it closed; the packaged catalogue declares it with the decimals of a result.",
        where=node.path,
    )


def _refused_result(found: str, expected: str) -> Refused:
    return Refused(
        "proof-result",
        found=found,
        expected=expected,
        remedy="Ask for results that the signed graph states, such as see_direct.",
    )
