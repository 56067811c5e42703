"""Linear systems of integers, solved exactly.

The weights of a linear model follow from sums that everybody may know. Solved in floating point they would differ in
the last bits from machine to machine; solved exactly and rounded once, whoever has the sums has the same model and the
same hash of it.

Exactly does not mean slowly. Floating point proposes a solution, integers say how far from the right side it leads, and
a bound on the inverse (S. M. Rump, Acta Numerica 19, 2010, section 10) says how far from the solution that is at most:
when every weight is then certain after rounding, it is the exact one, whatever machine proposed it. Elimination decides
what stays open.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from carbonport.errors import FailedVerification

GUARD_BITS: Final = 64
"""Bits that a proposed solution has beyond those that are asked for."""

REFINEMENTS: Final = 24
"""Corrections of a proposed solution; each adds the digits that the matrix's condition leaves of a float's 53 bits."""

ROUNDING: Final = 2.0**-52
"""Twice the largest relative error of one operation in floating point."""


def solve_rounded(
    matrix: Sequence[Sequence[int]], right: Sequence[int], fraction_bits: int
) -> tuple[int, ...]:
    """`x * 2^fraction_bits` rounded to the nearest integer, where `matrix x = right`.

    The matrix is square. Raises FailedVerification (`training-singular`) when the system has no single solution.
    """
    proposed = _certain(matrix, right, fraction_bits)
    return _eliminated(matrix, right, fraction_bits) if proposed is None else proposed


def _certain(
    matrix: Sequence[Sequence[int]], right: Sequence[int], fraction_bits: int
) -> tuple[int, ...] | None:
    """The rounded solution when floating point and exact residuals settle it; None when they do not."""
    exact: NDArray[Any] = np.array(matrix, dtype=object)
    try:
        rough = exact.astype(np.float64)
        inverse = np.linalg.inv(rough)
    except (np.linalg.LinAlgError, OverflowError):
        return None
    size = len(right)
    # |I - R A|, with what the floating product may be off: below 1/2, |A^-1| is at most 2 |R|.
    off = np.abs(np.eye(size) - inverse @ rough).sum(axis=1)
    off += (size + 4) * ROUNDING * (np.abs(inverse) @ np.abs(rough)).sum(axis=1)
    if not np.all(off < 1 / 2):
        return None
    inverse_bound = 2 * float(np.abs(inverse).sum(axis=1).max()) * (1 + size * ROUNDING)
    target = np.array([int(value) << fraction_bits + GUARD_BITS for value in right], dtype=object)
    solution = np.array([0] * size, dtype=object)
    half, unit = 1 << GUARD_BITS - 1, 1 << GUARD_BITS
    for _ in range(REFINEMENTS):
        residual = target - exact @ solution
        error = inverse_bound * float(max(map(abs, residual.tolist())))
        rounded = [(value + half) // unit for value in solution.tolist()]
        # Halves lie at odd multiples of `half`; a weight that is farther from them than the error cannot tip over.
        if all(
            error < half - abs(value - whole * unit)
            for value, whole in zip(solution.tolist(), rounded, strict=True)
        ):
            return tuple(rounded)
        solution = solution + np.array([int(value) for value in inverse @ residual.astype(np.float64)])
    return None


def _eliminated(matrix: Sequence[Sequence[int]], right: Sequence[int], fraction_bits: int) -> tuple[int, ...]:
    """Fraction-free elimination (E. H. Bareiss, Mathematics of Computation 22, 1968): every intermediate value is a
    minor of the matrix, so it stays an integer and as small as can be."""
    size = len(right)
    rows = [[int(value) for value in row] + [int(right[place])] for place, row in enumerate(matrix)]
    previous = 1
    for step in range(size):
        pivot = next((place for place in range(step, size) if rows[place][step]), None)
        if pivot is None:
            raise FailedVerification(
                "training-singular",
                found="sums from which no single model follows",
                expected="a penalty above 0, and sums of real rows",
                remedy="Set the task's penalty above 0; if it is, a contribution was not made from rows.",
            )
        rows[step], rows[pivot] = rows[pivot], rows[step]
        top = rows[step]
        lead = top[step]
        for place in range(step + 1, size):
            row = rows[place]
            factor = row[step]
            rows[place] = [0] * (step + 1) + [
                (lead * row[column] - factor * top[column]) // previous
                for column in range(step + 1, size + 1)
            ]
        previous = lead
    determinant = rows[-1][size - 1]
    # Back substitution by Cramer's rule on the triangle: determinant * x is a vector of integers.
    scaled = [0] * size
    for place in reversed(range(size)):
        row = rows[place]
        known = sum(row[column] * scaled[column] for column in range(place + 1, size))
        scaled[place] = (row[size] * determinant - known) // row[place]
    return tuple(_rounded_ratio(value << fraction_bits, determinant) for value in scaled)


def _rounded_ratio(numerator: int, denominator: int) -> int:
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    return (2 * numerator + denominator) // (2 * denominator)
