"""The *evaluate* reader for many lines at once: one graph, a column of values per input.

Gives for every line exactly the number that `carbonport.footprint.evaluate` gives. Each node is computed for
all lines before the next, with exact decimals; a graph that divides is computed with fractions throughout,
because quotients need not end. Bounded by the graph's nodes times the lines given.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, localcontext
from fractions import Fraction
from operator import add, mul, sub

from carbonport.errors import Malformed, Misuse
from carbonport.footprint.exact_decimal import WORK_PRECISION, round_half_up
from carbonport.footprint.graph import Constant, Floor, Graph, Input, Node, Product, Quotient, Round, Sum

COLUMN_PRECISION = 10 * WORK_PRECISION
"""Digits of the context: a product of fifty figures at the bound of digits is still exact, and what is not
raises."""

_ROUNDING = Context(prec=COLUMN_PRECISION, rounding=ROUND_HALF_UP)


def evaluate_columns(
    graph: Graph, columns: Mapping[str, Sequence[Decimal]], lines: int
) -> Mapping[str, Sequence[Decimal] | Sequence[Fraction]]:
    """The numbers of every node by its id, a column of `lines` numbers each.

    `columns` are the values of inputs by ledger path. `Malformed` when one is missing, `Misuse` when its
    length is another. Where a line divides by zero: `Malformed`; evaluate the lines one by one to find it.
    """
    for path, column in columns.items():
        if len(column) != lines:
            raise Misuse(
                "evaluate-columns",
                found=f"{len(column)} values of {path}",
                expected=f"one value per line: {lines}",
                remedy="Give every input a value for every line.",
            )
    if any(isinstance(node, Quotient) for node in graph):
        return _fractions(graph, columns, lines)
    try:
        return _decimals(graph, columns, lines)
    except Inexact:
        raise Malformed(
            "number-out-of-bounds",
            found="figures with more digits than exact arithmetic is done with",
            expected=f"figures whose products have at most {COLUMN_PRECISION} digits",
            remedy="Correct the figures in their source.",
        ) from None


def _decimals(
    graph: Graph, columns: Mapping[str, Sequence[Decimal]], lines: int
) -> Mapping[str, Sequence[Decimal]]:
    numbers: dict[str, Sequence[Decimal]] = {}
    zero = Decimal(0)
    with localcontext(Context(prec=COLUMN_PRECISION, traps=[Inexact, InvalidOperation])):
        for node in graph:
            match node:
                case Input():
                    numbers[node.id] = _input(node, columns)
                case Constant():
                    numbers[node.id] = [node.value] * lines
                case Sum():
                    total: Sequence[Decimal] = [zero] * lines
                    for number, (sign, term) in enumerate(node.terms):
                        if number == 0 and sign > 0:
                            total = numbers[term]
                        else:
                            total = list(map(add if sign > 0 else sub, total, numbers[term]))
                    numbers[node.id] = total
                case Product():
                    product: Sequence[Decimal] = [Decimal(1)] * lines
                    for number, factor in enumerate(node.factors):
                        product = numbers[factor] if number == 0 else list(map(mul, product, numbers[factor]))
                    numbers[node.id] = product
                case Floor():
                    numbers[node.id] = [x if x > zero else zero for x in numbers[node.of]]
                case Round():
                    last = Decimal(1).scaleb(-node.decimals)
                    numbers[node.id] = [x.quantize(last, context=_ROUNDING) for x in numbers[node.of]]
                case _:
                    raise _unknown(node)
    return numbers


def _fractions(
    graph: Graph, columns: Mapping[str, Sequence[Decimal]], lines: int
) -> Mapping[str, Sequence[Fraction]]:
    numbers: dict[str, Sequence[Fraction]] = {}
    zero = Fraction(0)
    for node in graph:
        match node:
            case Input():
                numbers[node.id] = [Fraction(value) for value in _input(node, columns)]
            case Constant():
                numbers[node.id] = [Fraction(node.value)] * lines
            case Sum():
                total: Sequence[Fraction] = [zero] * lines
                for sign, term in node.terms:
                    total = list(map(add if sign > 0 else sub, total, numbers[term]))
                numbers[node.id] = total
            case Product():
                product: Sequence[Fraction] = [Fraction(1)] * lines
                for factor in node.factors:
                    product = list(map(mul, product, numbers[factor]))
                numbers[node.id] = product
            case Quotient():
                numbers[node.id] = _quotients(node, numbers)
            case Floor():
                numbers[node.id] = [max(zero, x) for x in numbers[node.of]]
            case Round():
                numbers[node.id] = [Fraction(round_half_up(x, node.decimals)) for x in numbers[node.of]]
            case _:
                raise _unknown(node)
    return numbers


def _input(node: Input, columns: Mapping[str, Sequence[Decimal]]) -> Sequence[Decimal]:
    column = columns.get(node.path)
    if column is None or not all(map(Decimal.is_finite, column)):
        raise Malformed(
            "evaluate-missing-value",
            found="no value, or one that is not finite",
            expected=f"a value for {node.path} in every line",
            remedy="Use the lines that the graph was built from.",
            where=node.id,
        )
    return column


def _quotients(node: Quotient, numbers: Mapping[str, Sequence[Fraction]]) -> list[Fraction]:
    if not all(numbers[node.denominator]):
        raise Malformed(
            "evaluate-division-by-zero",
            found=f"{node.denominator} is 0 in a line",
            expected=f"a positive figure: {node.label} divides by it",
            remedy="Correct the figure.",
            where=node.id,
        )
    return [a / b for a, b in zip(numbers[node.numerator], numbers[node.denominator], strict=True)]


def _unknown(node: Node) -> Misuse:
    return Misuse(
        "evaluate-node-kind",
        found=f"a node of the kind {node.kind}",
        expected="a kind that this version evaluates in columns",
        remedy="Evaluate the graph line by line, or with a newer version.",
        where=node.id,
    )
