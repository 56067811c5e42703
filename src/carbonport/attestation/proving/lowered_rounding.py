"""Rounding half up as ranges: that a figure rounds to a number, or to no more than a number.

Let v = scale * N / P with P >= 1, and R its rounding to d decimals. With `A / B = 2 * 10^d * scale` in lowest terms,

    D = A*N - (2R - 1)*B*P,        0 <= D        and        0 <= 2*B*P - 1 - D

say that R - 1/2 <= v * 10^d < R + 1/2. (For SEE, B = 1 and N, P in the same units this is the D of the emissions
statement, 2*10^5*E - 2*S*P + P, divided by what its coefficients have in common.) Both halves have the width of
2*B*P - 1. Added up they give 2*B*P >= 1: the rounding shows P >= 1 itself.

That R is at most T, without R, is one range, for any sign of v:

    0 <= (2T + 1)*B*P - A*N - 1        says that v * 10^d < T + 1/2.

It shows P >= 1 only where N >= 0 is known, which may itself rest on P >= 1; so here P is shown by itself.
"""

from fractions import Fraction

from carbonport.attestation.proving.linear_forms import ONE, LinearForm
from carbonport.attestation.proving.lowered_claim import RoundedQuotientOf
from carbonport.attestation.proving.obligations import Obligations
from carbonport.attestation.proving.rational_values import RationalValue, rational_value
from carbonport.errors import Refused
from carbonport.footprint.exact_decimal import round_half_up


def demand_rounded(
    obligations: Obligations, value: RationalValue, decimals: int, result: int, name: str, *, rounds: bool
) -> None:
    """Demand that `value` rounds to result * 10^-decimals; when not `rounds`, that it is exactly this."""
    if value.numerator.is_constant and not value.denominators:
        number = value.scale * value.numerator.constant
        stated = Fraction(result, 10**decimals)
        if (Fraction(round_half_up(number, decimals)) if rounds else number) != stated:
            obligations.contradict(name)
        return
    if result == 0 and not obligations.is_nonnegative(value.numerator):
        # Half up and "away from zero at a tie" differ at -1/2 only: a result of 0 is proved of v >= 0.
        obligations.in_range(value.numerator, _width(obligations, value.numerator), name)
    a, b, p = _cleared(obligations, value, decimals)
    _imply_positive(obligations, value)
    _demand_halves(obligations, a, p.times((2 * result - 1) * b), p.times(2 * b), name)


def demand_at_most(
    obligations: Obligations, value: RationalValue, decimals: int, bound: int, name: str
) -> None:
    """Demand that the rounding of `value` to `decimals` is at most bound * 10^-decimals (bound >= 0)."""
    if value.numerator.is_constant and not value.denominators:
        rounded = round_half_up(value.scale * value.numerator.constant, decimals)
        if Fraction(rounded) > Fraction(bound, 10**decimals):
            obligations.contradict(name)
        return
    a, b, p = _cleared(obligations, value, decimals)
    slack = p.times((2 * bound + 1) * b).plus(a, -1).plus(LinearForm(-1))
    obligations.in_range(slack, _width(obligations, slack), name)


def rounded_variable(
    obligations: Obligations, value: RationalValue, decimals: int, where: str
) -> RationalValue:
    """The rounding of a value that is >= 0, as a committed integer."""
    if value.numerator.is_constant and not value.denominators:
        return rational_value(Fraction(round_half_up(value.scale * value.numerator.constant, decimals)), ONE)
    if not obligations.is_nonnegative(value.numerator):
        raise Refused(
            "proof-negative-rounding",
            found="a rounding of a figure that may be negative",
            expected="a figure that its inputs keep at 0 or above",
            remedy="Attest this result by an opening, or have the verifier sign the node as a figure of its own.",
            where=where,
        )
    a, b, p = _cleared(obligations, value, decimals)
    _imply_positive(obligations, value)
    least = max(1, obligations.bounds(p)[0])
    greatest = _half_up(Fraction(obligations.bounds(a)[1], 2 * b * least))
    width = max(1, greatest.bit_length())
    rounded = obligations.add(RoundedQuotientOf(a, p.times(b)), 0, (1 << width) - 1)
    obligations.in_range(rounded, width)
    part = obligations.product(rounded, p).times(2 * b).plus(p, -b)
    _demand_halves(obligations, a, part, p.times(2 * b), where)
    return rational_value(Fraction(1, 10**decimals), rounded)


def _cleared(
    obligations: Obligations, value: RationalValue, decimals: int
) -> tuple[LinearForm, int, LinearForm]:
    """A*N, B and P."""
    scale = 2 * 10**decimals * value.scale
    p = ONE
    for form in value.denominators:
        p = obligations.product(p, form)
    return value.numerator.times(scale.numerator), scale.denominator, p


def _imply_positive(obligations: Obligations, value: RationalValue) -> None:
    if len(value.denominators) == 1:
        obligations.implied_positive(value.denominators[0])


def _demand_halves(
    obligations: Obligations, a: LinearForm, part: LinearForm, whole: LinearForm, name: str
) -> None:
    """0 <= a - part and 0 <= whole - 1 - (a - part), in the width of whole - 1."""
    width = max(1, (obligations.bounds(whole)[1] - 1).bit_length())
    difference = a.plus(part, -1)
    obligations.in_range(difference, width, name)
    obligations.in_range(whole.plus(LinearForm(-1)).plus(difference, -1), width, name)


def _width(obligations: Obligations, form: LinearForm) -> int:
    return max(1, obligations.bounds(form)[1].bit_length())


def _half_up(number: Fraction) -> int:
    """For numbers >= 0."""
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)
