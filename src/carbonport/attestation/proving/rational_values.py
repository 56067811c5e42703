"""A node's value as a proof carries it: `scale * numerator / (product of denominators)`, never rounded.

`scale` is a positive public rational, the numerator and each denominator an integer form without a common divisor
(a sign is the numerator's). Denominators are a sorted list; the same form may stand in it twice. Keeping them apart
lets equal ones meet: a sum over one activity level stays one quotient, and a factor cancels what divides by it
(which is sound because every denominator is proved to be positive, cancelled or not).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from carbonport.attestation.proving.linear_forms import ZERO, LinearForm


@dataclass(frozen=True, slots=True)
class RationalValue:
    """`scale * numerator / product(denominators)`; zero has the scale 1 and no denominators."""

    scale: Fraction
    numerator: LinearForm
    denominators: tuple[LinearForm, ...] = ()

    @property
    def is_zero(self) -> bool:
        """Whether it is the number 0 for every input."""
        return self.numerator == ZERO


def rational_value(
    scale: Fraction, numerator: LinearForm, denominators: Iterable[LinearForm] = ()
) -> RationalValue:
    """The value in its normal form."""
    content = numerator.content
    if not content or not scale:
        return RationalValue(Fraction(1), ZERO)
    if scale < 0:
        scale, numerator = -scale, numerator.times(-1)
    return RationalValue(scale * content, numerator.divided(content), tuple(sorted(denominators, key=_order)))


def public_value(number: Fraction) -> RationalValue:
    """A public number."""
    return rational_value(number, LinearForm(1))


def common_scale(values: Iterable[RationalValue]) -> Fraction:
    """The largest rational that every value's scale is an integer multiple of; 1 for no values."""
    numerator, denominator = 0, 1
    for value in values:
        numerator = gcd(numerator, value.scale.numerator)
        denominator = lcm(denominator, value.scale.denominator)
    return Fraction(numerator or 1, denominator)


def common_denominators(values: Iterable[RationalValue]) -> Counter[LinearForm]:
    """The denominators that all values can be brought to."""
    common: Counter[LinearForm] = Counter()
    for value in values:
        common |= Counter(value.denominators)
    return common


def cancelled(
    numerators: Iterable[LinearForm], denominators: Iterable[LinearForm]
) -> tuple[list[LinearForm], list[LinearForm]]:
    """Both lists without what stands in both."""
    above, below = list(numerators), list(denominators)
    for form in list(below):
        if form in above:
            above.remove(form)
            below.remove(form)
    return above, below


def _order(form: LinearForm) -> tuple[tuple[tuple[int, int], ...], int]:
    return form.terms, form.constant
