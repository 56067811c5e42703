"""Shamir's secret sharing: polynomials over a prime field, their values, and what follows from enough of them.

Source: Shamir, "How to Share a Secret" (CACM 1979). A secret is f(0) of a polynomial of degree k - 1 whose other
coefficients are uniform; holder j gets f(j). Any k - 1 values are consistent with every secret, any k give it. Shares
add up: the sum of shares is a share of the sum.
"""

from collections.abc import Sequence

from carbonport.errors import Misuse


def evaluate(coefficients: Sequence[int], x: int, modulus: int) -> int:
    """f(x) for coefficients from the constant on (Horner)."""
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * x + coefficient) % modulus
    return value


def lagrange_weights(indices: Sequence[int], x: int, modulus: int) -> list[int]:
    """Weights w with f(x) = sum(w[i] * f(indices[i])) for every f of degree below the number of indices.

    Raises `Misuse` unless the indices are distinct modulo the prime.
    """
    if len({index % modulus for index in indices}) != len(indices):
        raise Misuse(
            "sum-index-twice",
            found="the same holder twice",
            expected="answers of different holders",
            remedy="Use each holder's answer once.",
        )
    weights = []
    for i in indices:
        numerator = denominator = 1
        for j in indices:
            if j != i:
                numerator = numerator * (x - j) % modulus
                denominator = denominator * (i - j) % modulus
        weights.append(numerator * pow(denominator, -1, modulus) % modulus)
    return weights


def interpolate(indices: Sequence[int], values: Sequence[int], x: int, modulus: int) -> int:
    """f(x) of the one polynomial of degree below `len(indices)` through these values."""
    weights = lagrange_weights(indices, x, modulus)
    return sum(weight * value for weight, value in zip(weights, values, strict=True)) % modulus
