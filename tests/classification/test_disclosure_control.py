"""Disclosure control: its rules in their order, and by linear algebra that nothing refused follows."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.classification.cohorts import CohortFamily, Undertakings
from carbonport.classification.disclosure_control import LEAST_COHORT, Release, decide_release
from carbonport.errors import Misuse

ALONE = Undertakings({})


def members(prefix: str, count: int) -> frozenset[str]:
    return frozenset(f"{prefix}{index:02}" for index in range(count))


def decide(
    cohorts: Mapping[str, frozenset[str]],
    *,
    consents: Mapping[str, frozenset[str]] | None = None,
    undertakings: Undertakings = ALONE,
    minimum: int = 5,
    present: frozenset[str] | None = None,
) -> Release:
    family = CohortFamily(cohorts)
    return decide_release(
        family,
        family.members if present is None else present,
        undertakings=undertakings,
        consents=consents,
        minimum=minimum,
    )


def codes(release: Release) -> dict[str, str]:
    return {name: refusal.code for name, refusal in release.refused.items()}


SIZES = {"I": 2, "II": 5, "III": 4, "IV": 9, "V": 4, "VI": 6}
"""The six groups of the provincial table."""
GROUPS = {name: members(f"{name}-", count) for name, count in SIZES.items()}
PROVINCES = {**GROUPS, "total": frozenset[str]().union(*GROUPS.values())}


def test_without_consent_the_three_small_groups_and_nothing_else_are_missing() -> None:
    release = decide(PROVINCES)
    assert release.released == ("II", "IV", "VI", "total")
    assert codes(release) == {"I": "too-small", "III": "no-consent", "V": "no-consent"}


def test_with_consent_the_smallest_group_that_hides_the_rest_is_withheld() -> None:
    release = decide(PROVINCES, consents={"III": GROUPS["III"], "V": GROUPS["V"]})
    assert release.released == ("II", "IV", "V", "VI", "total")
    assert codes(release) == {"I": "too-small", "III": "withheld"}
    assert "2 independent contributors would follow from total" in release.refused["III"].reason


def test_one_member_that_does_not_consent_is_enough() -> None:
    consents = {"III": GROUPS["III"] - {"III-00"}, "V": GROUPS["V"]}
    assert codes(decide(PROVINCES, consents=consents)) == {"I": "too-small", "III": "no-consent"}


def test_without_a_total_nothing_is_withheld() -> None:
    release = decide(GROUPS, consents={"III": GROUPS["III"], "V": GROUPS["V"]})
    assert codes(release) == {"I": "too-small"}


def test_consent_never_opens_a_cohort_of_two() -> None:
    assert "I" in decide(GROUPS, consents={"I": GROUPS["I"]}).refused


def test_the_withheld_group_is_chosen_by_size_then_name_and_has_to_hide_the_rest() -> None:
    rest, small, large = members("r", 1), members("s", 3), members("l", 6)
    cohorts = {"small": small, "large": large, "total": rest | small | large}
    release = decide(cohorts, consents={"small": small})
    assert codes(release) == {"large": "withheld"}, "1 + 3 would be below the minimum"
    twins = {"b": members("b", 6), "a": members("a", 6)}
    release = decide({**twins, "total": rest | twins["a"] | twins["b"]})
    assert codes(release) == {"a": "withheld"}


def test_when_no_single_group_hides_the_rest_the_surrounding_sum_is_withheld() -> None:
    a, b, rest = members("a", 3), members("b", 3), members("r", 1)
    release = decide({"a": a, "b": b, "total": a | b | rest}, consents={"a": a, "b": b})
    assert release.released == ("a", "b")
    assert codes(release) == {"total": "withheld"}


def test_plants_of_one_owner_count_once_and_those_of_holders_not_at_all() -> None:
    five = members("p", 5)
    assert decide({"all": five}).released == ("all",)
    shared = Undertakings({"p00": "owner", "p01": "owner"})
    assert codes(decide({"all": five}, undertakings=shared)) == {"all": "no-consent"}
    holders = Undertakings({"p00": "holder"}, frozenset({"holder"}))
    assert codes(decide({"all": five}, undertakings=holders)) == {"all": "no-consent"}


def test_only_who_contributed_counts() -> None:
    five = members("p", 5)
    assert codes(decide({"all": five, "none": members("q", 6)}, present=five - {"p00"})) == {
        "all": "no-consent",
        "none": "empty",
    }


def test_two_names_of_one_roster_stand_or_fall_together() -> None:
    four = members("p", 4)
    cohorts = {"inner": four, "outer": four | {"absent"}}
    assert codes(decide(cohorts, present=four, consents={"inner": four})) == {
        "inner": "no-consent",
        "outer": "no-consent",
    }
    assert decide(cohorts, present=four, consents={"inner": four, "outer": four}).refused == {}


def test_a_cohort_made_up_of_released_ones_is_released() -> None:
    a, b = members("a", 3), members("b", 3)
    release = decide({"a": a, "b": b, "both": a | b}, consents={"a": a, "b": b}, minimum=7)
    assert release.refused == {}


def test_crossing_cohorts_are_not_announced() -> None:
    with pytest.raises(Misuse, match="cohorts-not-nested"):
        CohortFamily({"a": {"1", "2", "3"}, "b": {"3", "4"}, "all": {"1", "2", "3", "4", "5"}})
    with pytest.raises(Misuse, match="cohorts-not-nested"):
        CohortFamily({"a": {"1", "2"}, "b": {"2", "3"}})
    CohortFamily({"all": {"1", "2", "3", "4"}, "a": {"1", "2"}, "b": {"3"}, "inside": {"1"}})


@pytest.mark.parametrize("cohorts", [{}, {"a": set()}, {str(index): {"x"} for index in range(1025)}])
def test_families_have_bounds(cohorts: dict[str, set[str]]) -> None:
    with pytest.raises(Misuse, match="cohorts-bounds"):
        CohortFamily(cohorts)


def test_a_minimum_below_three_is_no_minimum() -> None:
    with pytest.raises(Misuse, match="cohort-minimum"):
        decide(PROVINCES, minimum=2)


def test_a_thousand_nested_cohorts_are_decided() -> None:
    chain = {f"c{size:04}": members("m", size) for size in range(1, 1001)}
    assert decide(chain).released == ("c1000",), "each next one would tell its one more member"


# ---- the law ----


def rank(rows: list[list[int]]) -> int:
    """The rank of a matrix over the rationals."""
    matrix = [[Fraction(cell) for cell in row] for row in rows]
    found = 0
    for column in range(len(matrix[0]) if matrix else 0):
        pivot = next((index for index in range(found, len(matrix)) if matrix[index][column]), None)
        if pivot is None:
            continue
        matrix[found], matrix[pivot] = matrix[pivot], matrix[found]
        for index in range(found + 1, len(matrix)):
            factor = matrix[index][column] / matrix[found][column]
            if factor:
                matrix[index] = [a - factor * b for a, b in zip(matrix[index], matrix[found], strict=True)]
        found += 1
    return found


@st.composite
def families(draw: st.DrawFn) -> dict[str, frozenset[str]]:
    """Nested or disjoint cohorts over at most 24 members: splits of intervals into intervals, with gaps."""
    cohorts: dict[str, frozenset[str]] = {}

    def split(start: int, end: int, depth: int) -> None:
        if draw(st.booleans()) or depth == 0:
            cohorts[f"c{draw(st.integers(0, 999)):03}-{start}-{end}"] = frozenset(
                f"m{index:02}" for index in range(start, end)
            )
        if depth < 3 and end - start > 1:
            cuts = sorted(draw(st.sets(st.integers(start + 1, end - 1), min_size=1, max_size=4)))
            for left, right in zip([start, *cuts], [*cuts, end], strict=True):
                split(left, right, depth + 1)

    split(0, draw(st.integers(3, 24)), 0)
    return cohorts


@settings(max_examples=150, deadline=None)
@given(families(), st.data())
def test_no_refused_cohort_and_no_small_group_follows_from_what_is_released(
    cohorts: dict[str, frozenset[str]], data: st.DataObject
) -> None:
    everyone = sorted(frozenset[str]().union(*cohorts.values()))
    minimum = data.draw(st.integers(3, 8))
    owners = data.draw(st.lists(st.integers(0, 30), min_size=len(everyone), max_size=len(everyone)))
    undertakings = Undertakings(
        {member: f"u{owner}" for member, owner in zip(everyone, owners, strict=True)}
        if data.draw(st.booleans())
        else {},
        frozenset({"u0"}),
    )
    consents = {name: cohorts[name] for name in cohorts if data.draw(st.booleans())}
    absent = data.draw(st.sets(st.sampled_from(everyone), max_size=3))
    present = [member for member in everyone if member not in absent]
    release = decide(
        cohorts,
        consents=consents,
        undertakings=undertakings,
        minimum=minimum,
        present=frozenset(present),
    )
    assert sorted([*release.released, *release.refused]) == sorted(cohorts)

    rows = [[int(member in cohorts[name]) for member in present] for name in release.released]
    span = rank(rows)
    for name, refusal in release.refused.items():
        indicator = [int(member in cohorts[name]) for member in present]
        if refusal.code != "empty":
            assert rank([*rows, indicator]) == span + 1, f"{name} follows"
    # No combination of released sums is about fewer than three independent groups: leaving their columns out would
    # otherwise lose rank.
    groups = sorted(
        {undertakings.groups.get(member, member) for member in present} - undertakings.not_counted
    )
    for few in combinations(groups, LEAST_COHORT - 1):
        hidden = {*few, *undertakings.not_counted}
        others = [
            [
                cell
                for cell, member in zip(row, present, strict=True)
                if undertakings.groups.get(member, member) not in hidden
            ]
            for row in rows
        ]
        assert rank(others) == span


def in_the_stated_order(sizes: Mapping[str, int], consenting: set[str], minimum: int) -> set[str]:
    """The groups of one grouping that are missing beside the total, by the order in which it is promised: groups below
    the minimum or without consent; then, if the hidden rest is too small, the releasable group with the fewest members
    whose union with the hidden ones reaches the minimum, ties by name; without such a group the total itself."""
    missing = {
        name
        for name, size in sizes.items()
        if size < LEAST_COHORT or (size < minimum and name not in consenting)
    }
    hidden = sum(sizes[name] for name in missing)
    if 0 < hidden < minimum:
        enough = [
            (size, name) for name, size in sizes.items() if name not in missing and size + hidden >= minimum
        ]
        missing.add(min(enough)[1] if enough else "total")
    return missing


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([f"g{index}" for index in range(12)]), st.integers(1, 12), min_size=1, max_size=8
    ),
    st.integers(3, 7),
    st.data(),
)
def test_the_groups_of_a_table_are_refused_in_the_stated_order(
    sizes: dict[str, int], minimum: int, data: st.DataObject
) -> None:
    """And no union of refused groups below the minimum is a combination of what is released."""
    groups = {name: members(name, size) for name, size in sizes.items()}
    everyone = frozenset[str]().union(*groups.values())
    consenting = {name for name in groups if data.draw(st.booleans(), label=name)}
    if len(everyone) < minimum:
        return
    release = decide(
        {**groups, "total": everyone}, consents={name: groups[name] for name in consenting}, minimum=minimum
    )
    missing = in_the_stated_order(sizes, consenting, minimum)
    assert set(release.refused) == (
        missing if len(groups) > 1 else missing | ({"total"} if missing else set())
    )

    rows = [[int(name == cohort or cohort == "total") for name in groups] for cohort in release.released]
    span, unreleased = rank(rows), [name for name in groups if name in release.refused]
    for count in range(1, len(unreleased) + 1):
        for union in combinations(unreleased, count):
            if sum(sizes[name] for name in union) < minimum:
                assert rank([*rows, [int(name in union) for name in groups]]) == span + 1, f"{union} follows"
