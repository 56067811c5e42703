"""Statistics out of released sums: balances, ratios (a mean weighted by production is one) and shares of the total.

Each follows from sums that are published already, so nothing more is told. All are exact fractions; rounding is for
whoever shows them.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from carbonport.errors import Misuse

Sums = Mapping[str, Mapping[str, Decimal]]
"""Released sums by cohort and metric."""


def balances(sums: Sums, metric: str, less: str) -> Mapping[str, Decimal]:
    """One metric less another, by cohort: a surplus where it is positive, a deficit where it is negative."""
    _require(sums, metric, less)
    return {cohort: one[metric] - one[less] for cohort, one in sums.items()}


def ratios(sums: Sums, numerator: str, denominator: str) -> Mapping[str, Fraction]:
    """A ratio of two sums by cohort, such as emissions per tonne: the mean weighted by the denominator. Cohorts whose
    denominator is zero have none."""
    _require(sums, numerator, denominator)
    return {
        cohort: Fraction(one[numerator]) / Fraction(one[denominator])
        for cohort, one in sums.items()
        if one[denominator]
    }


def shares(sums: Sums, metric: str, total: str) -> Mapping[str, Fraction]:
    """Each cohort's share of the cohort `total`; none when that was not released or is zero."""
    _require(sums, metric)
    whole = sums.get(total, {}).get(metric, Decimal(0))
    if not whole:
        return {}
    return {
        cohort: Fraction(one[metric]) / Fraction(whole) for cohort, one in sums.items() if cohort != total
    }


def _require(sums: Sums, *metrics: str) -> None:
    for one in sums.values():
        for metric in metrics:
            if metric not in one:
                raise Misuse(
                    "aggregate-metric",
                    found=f"no sum of {metric!r}",
                    expected=f"metrics out of {', '.join(one)}",
                    remedy="Name metrics that are summed.",
                )
