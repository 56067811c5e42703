"""Integer combinations of committed integers: `constant + sum(coefficient * variable)`.

Whatever is linear costs nothing to prove: the commitment of a form is the same combination of commitments, and
everybody can compute it. A form knows no value and no bound; variables are numbers that `lowering` hands out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from carbonport.crypto.group import ORDER, G, Point, multi_scalar_mul, short_combination

SHORT_BITS = 64
"""Coefficients of a quotient have some 40 bits: up to here additions are quicker than the native multiplication."""


@dataclass(frozen=True, slots=True)
class LinearForm:
    """`terms` are (variable, coefficient) in the order of variables, none of them with the coefficient 0."""

    constant: int
    terms: tuple[tuple[int, int], ...] = ()

    @property
    def is_constant(self) -> bool:
        """Whether the form is a public number."""
        return not self.terms

    @property
    def content(self) -> int:
        """The greatest common divisor of constant and coefficients; 0 for the form 0."""
        return gcd(self.constant, *(coefficient for _, coefficient in self.terms))

    def times(self, factor: int) -> "LinearForm":
        """Every coefficient multiplied."""
        if not factor:
            return ZERO
        return LinearForm(self.constant * factor, tuple((i, c * factor) for i, c in self.terms))

    def divided(self, divisor: int) -> "LinearForm":
        """Every coefficient divided by a divisor of the content."""
        return LinearForm(self.constant // divisor, tuple((i, c // divisor) for i, c in self.terms))

    def plus(self, other: "LinearForm", factor: int = 1) -> "LinearForm":
        """This form and `factor` times the other."""
        return add_forms([(1, self), (factor, other)])

    def value(self, values: Sequence[int]) -> int:
        """The form's value for these values of the variables."""
        return self.constant + sum(coefficient * values[i] for i, coefficient in self.terms)

    def blinding(self, blindings: Sequence[int]) -> int:
        """The blinding of the form's commitment."""
        return sum(coefficient * blindings[i] for i, coefficient in self.terms) % ORDER

    def commitment(self, commitments: Sequence[Point]) -> Point:
        """The commitment to the form's value, from those of the variables."""
        points, scalars = [commitments[i] for i, _ in self.terms], [c for _, c in self.terms]
        if self.constant:
            points, scalars = [G, *points], [self.constant, *scalars]
        longest = max(map(abs, scalars), default=0).bit_length()
        return (short_combination if longest <= SHORT_BITS else multi_scalar_mul)(points, scalars)


ZERO = LinearForm(0)
"""The form 0."""

ONE = LinearForm(1)
"""The form 1."""


def variable(index: int) -> LinearForm:
    """One variable alone."""
    return LinearForm(0, ((index, 1),))


def add_forms(parts: Sequence[tuple[int, LinearForm]]) -> LinearForm:
    """The sum of forms, each times its factor: linear in the number of terms."""
    constant = 0
    found: dict[int, int] = {}
    for factor, form in parts:
        constant += factor * form.constant
        for i, coefficient in form.terms:
            found[i] = found.get(i, 0) + factor * coefficient
    return LinearForm(constant, _sorted(found))


def form_commitments(forms: Sequence[LinearForm], commitments: Sequence[Point]) -> list[Point]:
    """The commitments of several forms. The two halves of a rounding add up to a short form: the second one costs
    two multiplications instead of one for each of its variables."""
    found: list[Point] = []
    for i, form in enumerate(forms):
        together = form.plus(forms[i - 1]) if i else form
        if i and len(together.terms) < len(form.terms) - 1:
            found.append(together.commitment(commitments) - found[-1])
        else:
            found.append(form.commitment(commitments))
    return found


def _sorted(found: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted((i, coefficient) for i, coefficient in found.items() if coefficient))
