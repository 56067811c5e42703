"""Linear systems of integers, solved exactly.

The weights of a linear model follow from sums that everybody may know. Solved in floating point they would differ in
the last bits from machine to machine; solved exactly and rounded once, whoever has the sums has the same model and the
same hash of it.
"""

from collections.abc import Sequence

from carbonport.errors import FailedVerification


def solve_rounded(
    matrix: Sequence[Sequence[int]], right: Sequence[int], fraction_bits: int
) -> tuple[int, ...]:
    """`x * 2^fraction_bits` rounded to the nearest integer, where `matrix x = right`.

    The matrix is square. Fraction-free elimination (E. H. Bareiss, Mathematics of Computation 22, 1968): every
    intermediate value is a minor of the matrix, so it stays an integer and as small as can be. Raises
    FailedVerification (`training-singular`) when the system has no single solution.
    """
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
