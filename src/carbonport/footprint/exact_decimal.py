"""Exact decimals: reading them from text within bounds, rounding them half up, printing fractions.

Promises: no float is ever made; a number that would need unbounded digits is refused before arithmetic
touches it.
"""

import re
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, localcontext
from fractions import Fraction
from math import isqrt

from carbonport.errors import Malformed

MAX_DIGITS = 40
"""Significant digits of one figure: far above a double's 17, far below what would slow exact arithmetic down.
"""

MAX_MAGNITUDE = 24
"""A figure is below 10^24 in whatever unit it is stated; all CO2 of a century is below 10^13 t."""

MIN_MAGNITUDE = -30
"""The last digit of a figure stands at 10^-30 or above."""

WORK_PRECISION = 200
"""Digits of the context for exact products of figures and unit factors; an inexact step raises."""

SHOWN_DIGITS = 34
"""Significant digits of a printed quotient that does not end; decimal128 has as many."""

MAX_EXACT_DECIMALS = 60
"""A fraction that ends within so many decimals is printed exactly."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,60}(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,4})?")


def exact_context() -> Context:
    """A decimal context in which anything that would lose a digit raises."""
    return Context(prec=WORK_PRECISION, traps=[Inexact, InvalidOperation])


def bounded(value: Decimal, *, where: str) -> Decimal:
    """`value` itself when it is a finite number of sane size; else `Malformed`."""
    if value.is_finite():
        digits = len(value.as_tuple().digits)
        exponent = value.as_tuple().exponent
        small = isinstance(exponent, int) and exponent >= MIN_MAGNITUDE
        if digits <= MAX_DIGITS and value.adjusted() < MAX_MAGNITUDE and small:
            return value
    raise Malformed(
        "number-out-of-bounds",
        found="a number that is not finite, too large, or has too many digits",
        expected=f"a finite number below 10^{MAX_MAGNITUDE} with at most {MAX_DIGITS} significant digits",
        remedy="Correct the figure in its source.",
        where=where,
    )


def parse_decimal(text: str, *, where: str) -> Decimal:
    """The exact decimal that `text` writes (`2186473.915`, `1e3`; no grouping, no NaN); else `Malformed`."""
    if not _NUMBER.fullmatch(text):
        raise Malformed(
            "number-unreadable",
            found="text where a number belongs" if not text.strip() else f"{text[:40]!r}",
            expected="a decimal number such as 2186473.915, without grouping signs",
            remedy="Write the figure with a point as decimal sign and no thousands separators.",
            where=where,
        )
    return bounded(Decimal(text), where=where)


def round_half_up(value: Fraction, decimals: int) -> Decimal:
    """`value` rounded half away from zero to `decimals` decimals."""
    scaled = value * 10**decimals
    magnitude = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(-magnitude if scaled < 0 else magnitude).scaleb(-decimals, context=exact_context())


def root_half_up(value: Fraction, decimals: int) -> Decimal:
    """The square root of `value` >= 0, rounded half up to `decimals` decimals; exact to the last of them."""
    # floor(2 × root × 10^decimals) decides the rounding: it is odd when the next digit is a half or more.
    doubled = isqrt(4 * value.numerator * 10 ** (2 * decimals) // value.denominator)
    return Decimal((doubled + 1) // 2).scaleb(-decimals, context=exact_context())


def is_exact(value: Fraction) -> bool:
    """Whether `decimal_text` prints `value` without losing anything."""
    return _ending(value.denominator) is not None


def decimal_text(value: Fraction | Decimal) -> str:
    """Plain decimal notation: exact when the number ends within 60 decimals, else 34 significant digits."""
    if isinstance(value, Decimal):
        value = Fraction(value)
    decimals = _ending(value.denominator)
    if decimals is not None:
        return format(
            Decimal(value.numerator * 10**decimals // value.denominator).scaleb(-decimals, exact_context()),
            "f",
        )
    with localcontext(prec=SHOWN_DIGITS, rounding=ROUND_HALF_UP):
        return format(Decimal(value.numerator) / Decimal(value.denominator), "f")


def _ending(denominator: int) -> int | None:
    """The number of decimals after which 1/denominator ends, when that is at most `MAX_EXACT_DECIMALS`."""
    twos = fives = 0
    while denominator % 2 == 0:
        denominator //= 2
        twos += 1
    while denominator % 5 == 0:
        denominator //= 5
        fives += 1
    ending = max(twos, fives)
    return ending if denominator == 1 and ending <= MAX_EXACT_DECIMALS else None
