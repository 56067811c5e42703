"""The *explain* reader of a graph: every number with its equation, its operands, and the cell or line it
stands in.

`explain` gives plain data (for `--json`): the nodes in order, each with its exact value and how it comes
about. Whoever has only that data can compute it again: `recompute` does, and a test holds every explanation
to it. `explanation_lines` draws the same as a text tree. Both show plant figures: they are for the operator
and the verifier.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import cast

from carbonport.crypto.canonical import Json
from carbonport.errors import Malformed
from carbonport.footprint.evaluate import Values, evaluate
from carbonport.footprint.exact_decimal import decimal_text, is_exact, root_half_up, round_half_up
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

SHOWN_DECIMALS = 9
"""Decimals of a number in the text tree; the data has all of them."""

INDENT = "   "


def explain(graph: Graph, ledger: Ledger, values: Values) -> Json:
    """The explanation as data: `outputs` by name, and `nodes` from inputs to results."""
    numbers = evaluate(graph, values)
    return {
        "outputs": dict(graph.outputs),
        "digest": graph.digest.hex(),
        "nodes": [_node(node, numbers, ledger) for node in graph],
    }


def recompute(explanation: Json) -> Mapping[str, Fraction]:
    """Every number of an explanation computed again from its own inputs and constants.

    Raises `Malformed` when a stated value is not what its operands give.
    """
    data = cast(Mapping[str, Sequence[Mapping[str, Json]]], explanation)
    numbers: dict[str, Fraction] = {}
    for node in data["nodes"]:
        stated = Fraction(cast(str, node["exact"]))
        number = _again(node, numbers, stated)
        if number != stated:
            raise Malformed(
                "explanation-disagrees",
                found=f"{node['id']} stated as {decimal_text(stated)}",
                expected=f"{decimal_text(number)}, as its operands give",
                remedy="Do not rely on this explanation; ask for it again.",
            )
        numbers[cast(str, node["id"])] = number
    return numbers


def explanation_lines(graph: Graph, ledger: Ledger, values: Values, result: str) -> Iterator[str]:
    """The tree below the result called `result`, one line at a time; what stands there already is not
    repeated.
    """
    numbers = evaluate(graph, values)
    shown: set[str] = set()
    # A stack, not recursion: a chain of processes may be deeper than Python's own.
    pending: list[tuple[str, int, str]] = [(graph.outputs[result], 0, "")]
    while pending:
        node_id, depth, sign = pending.pop()
        node = graph[node_id]
        indent = INDENT * depth
        yield f"{indent}{sign}{node.label}: {shown_number(numbers[node.id])} {_unit(node.unit)}".rstrip()
        place = f"{indent}{INDENT}"
        if isinstance(node, Input):
            yield f"{place}from {origin(node, ledger)}"
        elif isinstance(node, Constant):
            yield f"{place}from {node.source}"
        elif node.id in shown:
            yield f"{place}(explained above)"
        else:
            shown.add(node.id)
            yield f"{place}= {formula(node, numbers)}" + (f"   [{node.equation}]" if node.equation else "")
            operands = list(_signed_operands(node))
            pending.extend((operand, depth + 1, operand_sign) for operand_sign, operand in reversed(operands))


def _node(node: Node, numbers: Mapping[str, Fraction], ledger: Ledger) -> Json:
    number = numbers[node.id]
    data: dict[str, Json] = {
        "id": node.id,
        "kind": node.kind,
        "label": node.label,
        "unit": node.unit,
        "value": decimal_text(number),
        "exact": str(number) if not is_exact(number) else decimal_text(number),
        "equation": node.equation,
        "operands": list(node.operands()),
    }
    if isinstance(node, Input):
        record = ledger.records[node.path]
        data |= {
            "source": {"document": record.source.document, "location": record.source.location},
            "source_value": format(record.source_value, "f"),
            "source_unit": record.source_unit,
            "quality": record.quality.value,
        }
    elif isinstance(node, Constant):
        data["source"] = node.source
    elif isinstance(node, Sum):
        data["signs"] = [sign for sign, _ in node.terms]
    elif isinstance(node, Round | Root):
        data["decimals"] = node.decimals
    if node.operands():
        data["formula"] = formula(node, numbers)
    return data


def _again(node: Mapping[str, Json], numbers: Mapping[str, Fraction], stated: Fraction) -> Fraction:
    operands = [numbers[operand] for operand in cast(Sequence[str], node["operands"])]
    match node["kind"]:
        case "sum":
            signs = cast(Sequence[int], node["signs"])
            return sum((s * x for s, x in zip(signs, operands, strict=True)), Fraction(0))
        case "product":
            result = Fraction(1)
            for operand in operands:
                result *= operand
            return result
        case "quotient":
            return operands[0] / operands[1]
        case "floor":
            return max(Fraction(0), operands[0])
        case "round":
            return Fraction(round_half_up(operands[0], cast(int, node["decimals"])))
        case "root":
            return Fraction(root_half_up(max(Fraction(0), operands[0]), cast(int, node["decimals"])))
        case _:
            return stated


def _signed_operands(node: Node) -> Iterator[tuple[str, str]]:
    if isinstance(node, Sum):
        for sign, operand in node.terms:
            yield ("+ " if sign > 0 else "- "), operand
    elif isinstance(node, Quotient):
        yield "", node.numerator
        yield "/ ", node.denominator
    else:
        for number, operand in enumerate(node.operands()):
            yield ("× " if number else ""), operand


def formula(node: Node, numbers: Mapping[str, Fraction]) -> str:
    """The node's own arithmetic with the numbers put in: `2186473.915 × 0.876 × 3.664`."""
    match node:
        case Sum():
            terms = [
                f"{'+' if sign > 0 else '-'} {_operand(numbers[operand])}" for sign, operand in node.terms
            ]
            return " ".join(terms).removeprefix("+ ") if terms else "0 (nothing to add)"
        case Product():
            return " × ".join(_operand(numbers[factor]) for factor in node.factors)
        case Quotient():
            return f"{_operand(numbers[node.numerator])} / {_operand(numbers[node.denominator])}"
        case Floor():
            return f"max(0, {_operand(numbers[node.of])})"
        case Round():
            return f"{_operand(numbers[node.of])} rounded half up to {node.decimals} decimals"
        case Root():
            return f"√{_operand(numbers[node.of])} to {node.decimals} decimals"
        case _:
            return ""


def _operand(number: Fraction) -> str:
    return f"({shown_number(number)})" if number < 0 else shown_number(number)


def shown_number(number: Fraction) -> str:
    """At most `SHOWN_DECIMALS` decimals, or all of them when the number ends soon after."""
    full = decimal_text(number)
    decimals = len(full.partition(".")[2])
    if is_exact(number) and decimals <= SHOWN_DECIMALS:
        return full
    return "≈" + format(round_half_up(number, SHOWN_DECIMALS), "f")


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def origin(node: Input, ledger: Ledger) -> str:
    """Where an input stands and what stands there."""
    record = ledger.records[node.path]
    stated = f"{format(record.source_value, 'f')} {_unit(record.source_unit)}".rstrip()
    return f"{record.source.place}: {stated} ({record.quality.value})"
