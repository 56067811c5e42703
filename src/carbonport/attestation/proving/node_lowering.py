"""The number of one node from those of its operands, as a value that a proof can carry.

Sums and public factors are linear and free; a product of two closed figures costs one product obligation; a quotient
is carried as numerator and denominators, each denominator shown to be positive; a floor becomes a public, proved
sign; a rounding in the middle of a graph a committed integer of its own (`lowered_rounding`).
"""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

from carbonport.attestation.proving.linear_forms import ONE, LinearForm, add_forms
from carbonport.attestation.proving.lowered_rounding import rounded_variable
from carbonport.attestation.proving.obligations import Obligations
from carbonport.attestation.proving.rational_values import (
    RationalValue,
    cancelled,
    common_denominators,
    common_scale,
    public_value,
    rational_value,
)
from carbonport.errors import Refused
from carbonport.footprint.graph import Constant, Floor, Node, Product, Quotient, Round, Sum

Values = Mapping[str, RationalValue]
"""The values of nodes by id."""


def node_value(node: Node, values: Values, obligations: Obligations) -> RationalValue:
    """The value of `node`, which is no leaf; `Refused` for a kind that cannot be proved."""
    match node:
        case Constant():
            return public_value(Fraction(node.value))
        case Sum():
            return _sum([(sign, values[operand]) for sign, operand in node.terms], obligations)
        case Product():
            return _product([values[factor] for factor in node.factors], obligations)
        case Quotient():
            return _quotient(values[node.numerator], values[node.denominator], node, obligations)
        case Floor():
            value = values[node.of]
            return value if obligations.sign(value.numerator) else public_value(Fraction(0))
        case Round():
            return rounded_variable(obligations, values[node.of], node.decimals, node.id)
        case _:
            raise Refused(
                "proof-node-kind",
                found=f"a node of the kind {node.kind}",
                expected="inputs, constants, sums, products, quotients, floors and roundings",
                remedy="Attest this result by an opening, or have the verifier sign the node as a figure of its own.",
                where=node.id,
            )


def _sum(signed: list[tuple[int, RationalValue]], obligations: Obligations) -> RationalValue:
    """Terms brought to one scale and one set of denominators, which costs products only where those differ."""
    terms = [(sign, value) for sign, value in signed if not value.is_zero]
    scale = common_scale(value for _, value in terms)
    denominators = common_denominators(value for _, value in terms)
    parts: list[tuple[int, LinearForm]] = []
    for sign, value in terms:
        numerator = value.numerator
        for missing in (denominators - Counter(value.denominators)).elements():
            numerator = obligations.product(numerator, missing)
        parts.append((sign * int(value.scale / scale), numerator))
    total = rational_value(scale, add_forms(parts), denominators.elements())
    if all(
        obligations.is_nonnegative(value.numerator if sign > 0 else value.numerator.times(-1))
        for sign, value in terms
    ):
        obligations.know_nonnegative(total.numerator)
    return total


def _product(factors: list[RationalValue], obligations: Obligations) -> RationalValue:
    """What divides by a factor cancels it before products are made."""
    if any(value.is_zero for value in factors):
        return public_value(Fraction(0))
    scale = Fraction(1)
    for value in factors:
        scale *= value.scale
    numerators, denominators = cancelled(
        (value.numerator for value in factors), (form for value in factors for form in value.denominators)
    )
    numerator = ONE
    for form in numerators:
        numerator = obligations.product(numerator, form)
    return rational_value(scale, numerator, denominators)


def _quotient(
    dividend: RationalValue, divisor: RationalValue, node: Quotient, obligations: Obligations
) -> RationalValue:
    if divisor.is_zero:
        raise Refused(
            "proof-denominator",
            found=f"{node.denominator} is 0",
            expected="a divisor of at least one unit of its last decimal",
            remedy="Correct the figure; nothing can be stated per unit of nothing.",
            where=node.id,
        )
    if divisor.numerator.is_constant:
        inverse = rational_value(1 / (divisor.scale * divisor.numerator.constant), ONE)
    else:
        obligations.denominator(divisor.numerator)
        inverse = rational_value(1 / divisor.scale, ONE, [divisor.numerator])
    turned = [rational_value(Fraction(1), form) for form in divisor.denominators]
    return _product([dividend, inverse, *turned], obligations)
