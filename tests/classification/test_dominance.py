"""The p% rule and the (n, k) rule over groups of undertakings."""

import pytest

from carbonport.classification.cohorts import Undertakings
from carbonport.classification.dominance import passes_dominance, passes_p_percent
from carbonport.errors import Misuse

ALONE = Undertakings({})


@pytest.mark.parametrize(
    ("rest", "passes"),
    [(10, True), (9, False)],
)
def test_the_rest_has_to_hide_the_largest_from_the_second(rest: int, passes: bool) -> None:
    assert passes_p_percent({"a": 100, "b": 70, "c": rest}, ALONE) is passes


def test_the_two_largest_may_make_up_85_percent_and_no_more() -> None:
    assert passes_dominance({"a": 45, "b": 40, "c": 15}, ALONE)
    assert not passes_dominance({"a": 46, "b": 40, "c": 14}, ALONE)


def test_plants_of_one_owner_are_one_contributor() -> None:
    values = {"a": 60, "b": 50, "c": 40, "d": 12}
    assert passes_p_percent(values, ALONE)
    owned = Undertakings({"a": "owner", "c": "owner"})
    assert passes_p_percent(values, owned), "12 hides 100 within 10 %"
    assert not passes_p_percent({**values, "d": 9}, owned)
    assert not passes_dominance(values, owned)


def test_negative_values_are_not_tested() -> None:
    with pytest.raises(Misuse, match="dominance-negative"):
        passes_p_percent({"a": -1, "b": 2}, ALONE)
