"""The *evaluate* reader of a graph: exact numbers for every node.

Everything is rational arithmetic (`fractions.Fraction`); a number is rounded where the graph has a rounding
node and nowhere else. Bounded by the graph's own bound on nodes and the ledger's bound on digits.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from carbonport.errors import Malformed, Misuse
from carbonport.footprint.exact_decimal import root_half_up, round_half_up
from carbonport.footprint.graph import (
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
)
from carbonport.footprint.ledger import Ledger

Values = Mapping[str, Decimal]
"""Values of inputs by ledger path, in the units of the graph's input nodes."""


def source_values(ledger: Ledger) -> Values:
    """What the documents say: the operator's own calculation uses these."""
    return {path: record.value for path, record in ledger.records.items()}


def declared_values(ledger: Ledger) -> Values:
    """The values at the catalogue's decimals: commitments and attestations use these."""
    return {path: record.declared for path, record in ledger.records.items()}


def evaluate(graph: Graph, values: Values) -> Mapping[str, Fraction]:
    """The number of every node by its id. A division by zero raises `Malformed` and names the node."""
    numbers: dict[str, Fraction] = {}
    for node in graph:
        numbers[node.id] = _number(node, values, numbers)
    return numbers


def evaluate_outputs(graph: Graph, values: Values) -> Mapping[str, Fraction]:
    """The graph's results by name."""
    numbers = evaluate(graph, values)
    return {name: numbers[node_id] for name, node_id in graph.outputs.items()}


def _number(node: Node, values: Values, numbers: Mapping[str, Fraction]) -> Fraction:
    match node:
        case Input():
            return _input(node, values)
        case Constant():
            return Fraction(node.value)
        case Sum():
            return sum((sign * numbers[term] for sign, term in node.terms), Fraction(0))
        case Product():
            result = Fraction(1)
            for factor in node.factors:
                result *= numbers[factor]
            return result
        case Quotient():
            if numbers[node.denominator] == 0:
                raise Malformed(
                    "evaluate-division-by-zero",
                    found=f"{node.denominator} is 0",
                    expected=f"a positive figure: {node.label} divides by it",
                    remedy="Correct the figure; a process that produced nothing has no specific emissions.",
                    where=node.id,
                )
            return numbers[node.numerator] / numbers[node.denominator]
        case Floor():
            return max(Fraction(0), numbers[node.of])
        case Round():
            return Fraction(round_half_up(numbers[node.of], node.decimals))
        case Root():
            return Fraction(root_half_up(max(Fraction(0), numbers[node.of]), node.decimals))
        case _:
            raise Misuse(
                "evaluate-node-kind",
                found=f"a node of the kind {node.kind}",
                expected="a kind that this version evaluates",
                remedy="Evaluate the graph with the version that built it, or a newer one.",
                where=node.id,
            )


def _input(node: Input, values: Values) -> Fraction:
    value = values.get(node.path)
    if value is None or not value.is_finite():
        raise Malformed(
            "evaluate-missing-value",
            found="no finite value" if value is not None else "no value",
            expected=f"a value for {node.path}",
            remedy="Use the ledger that the graph was built from.",
            where=node.id,
        )
    return Fraction(value)
