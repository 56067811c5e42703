"""Dominance: whether one contributor is so large that the sum all but tells its value.

Both tests need the true values, so only a plan's *releaser* can make them. They are made over independent groups of
undertakings: two plants of one owner are one contributor. Both are exact in integers.

Source: Hundepool et al., Statistical Disclosure Control (2012), sections 4.2.1 and 4.2.2.
"""

from collections.abc import Mapping

from carbonport.classification.cohorts import Undertakings
from carbonport.errors import Misuse

P_PERCENT = 10
"""The p of the p% rule unless a plan says otherwise: the second largest must not know the largest within 10 %."""

DOMINANCE_COUNT, DOMINANCE_PERCENT = 2, 85
"""The (n, k) rule unless a plan says otherwise: the two largest must not make up more than 85 % of the sum."""


def passes_p_percent(
    values: Mapping[str, int], undertakings: Undertakings, *, percent: int = P_PERCENT
) -> bool:
    """Whether the rest besides the two largest is at least `percent` % of the largest.

    Otherwise the second largest, which knows its own value, could tell the largest's to within that much. `values` are
    the contributors' integers, none negative, all in one unit. A sum of zero passes: it tells everyone's value, zero,
    only where every value is known not to be negative, and a plan over such values has nothing to protect by this rule.
    """
    sizes = _sizes(values, undertakings)
    largest, second = ([*sizes, 0, 0])[:2]
    return 100 * (sum(sizes) - largest - second) >= percent * largest


def passes_dominance(
    values: Mapping[str, int],
    undertakings: Undertakings,
    *,
    count: int = DOMINANCE_COUNT,
    percent: int = DOMINANCE_PERCENT,
) -> bool:
    """Whether the `count` largest together make up at most `percent` % of the sum."""
    sizes = _sizes(values, undertakings)
    return 100 * sum(sizes[:count]) <= percent * sum(sizes)


def _sizes(values: Mapping[str, int], undertakings: Undertakings) -> list[int]:
    """The sums over groups of undertakings, the largest first."""
    if any(value < 0 for value in values.values()):
        raise Misuse(
            "dominance-negative",
            found="a negative value among those to be tested",
            expected="values of which none is negative",
            remedy="Test the positive and the negative part as two metrics.",
        )
    sizes: dict[str, int] = {}
    for contributor, value in values.items():
        group = undertakings.groups.get(contributor, contributor)
        sizes[group] = sizes.get(group, 0) + value
    return sorted(sizes.values(), reverse=True)
