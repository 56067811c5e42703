"""Quantiles by bisection: near the truth, within the rules on what may be asked, and never a histogram."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.errors import FailedVerification
from carbonport.federated.quantiles import (
    GRID_BINS,
    GRID_REACH,
    MEDIAN,
    QUARTILES,
    WHOLE,
    Search,
    at_or_below,
    relative,
    robust_deviation,
    search_quantiles,
)
from carbonport.federated.training import Question

MINIMUM = 5


def run(values: list[float], search: Search, minimum: int = MINIMUM) -> list[tuple[int, int]]:
    """Search among participants of one residual each; what was asked and answered."""
    seen: list[tuple[int, int]] = []
    asking = search_quantiles([search], lambda asked: Question("q", {"t": list(asked)}, 1, WHOLE), minimum)
    try:
        question = next(asking)
        while True:
            thresholds = question.parameters["t"]
            assert isinstance(thresholds, list)
            count = sum(int(at_or_below(np.array([value]), thresholds)[0]) for value in values)
            seen.append((int(str(thresholds[0])), count))
            question = asking.send((count,))
    except StopIteration:
        return seen


residuals = st.lists(st.floats(-1.0, 1.0), min_size=20, max_size=60)


@given(residuals, st.sampled_from([MEDIAN, *QUARTILES]))
@settings(max_examples=60)
def test_the_quantile_lies_in_the_last_bracket(values: list[float], fraction: Fraction) -> None:
    search = Search(len(values), fraction)
    run(values, search)
    inside = np.clip(np.array(values), -GRID_REACH, GRID_REACH)
    exact = float(np.quantile(inside, float(fraction), method="inverted_cdf"))
    low, high = relative(search.low * 1024), relative(search.high * 1024)
    assert low - 1e-9 <= exact <= high + 1e-9
    assert low <= relative(search.position) <= high


@given(residuals)
@settings(max_examples=60)
def test_no_bracket_below_twice_the_minimum_is_ever_divided(values: list[float]) -> None:
    seen = run(values, Search(len(values), MEDIAN))
    assert len(seen) <= 8, "a binary search of 256 bins, not a histogram"
    counts = {0: 0, GRID_BINS: len(values) * WHOLE}
    for threshold, count in seen:
        below = max(place for place in counts if place < threshold)
        above = min(place for place in counts if place > threshold)
        assert counts[above] - counts[below] >= 2 * MINIMUM * WHOLE
        counts[threshold] = count


def test_many_normal_residuals_give_median_and_deviation() -> None:
    values = np.random.default_rng(1).normal(0.03, 0.05, 400).tolist()
    positions = []
    for fraction in (MEDIAN, *QUARTILES):
        search = Search(len(values), fraction)
        run(values, search)
        positions.append(search.position)
    assert relative(positions[0]) == pytest.approx(0.03, abs=0.01)
    assert robust_deviation(positions[1], positions[2]) == pytest.approx(0.05, rel=0.15)


def test_a_participant_counts_with_the_share_of_its_rows_and_the_grids_end_holds_all() -> None:
    rows = np.array([-0.5, 0.0, 0.1, 5.0])
    assert at_or_below(rows, [0, GRID_BINS // 2, GRID_BINS]).tolist() == [0, WHOLE // 2, WHOLE]


@pytest.mark.parametrize("count", [-1, 21 * WHOLE])
def test_counts_that_cannot_be_end_the_training(count: int) -> None:
    with pytest.raises(FailedVerification) as caught:
        Search(20, MEDIAN).narrow(count)
    assert caught.value.id == "training-counts"
