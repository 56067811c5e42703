"""The register of contributions: quarters and years, parts and sums, attempts that failed, restored nodes."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonport.errors import Malformed, Refused
from carbonport.node.aggregation.contribute_once import Quantity, Register, interval_of

YEAR = (date(2026, 1, 1), date(2026, 12, 31))
QUARTERS = [
    (date(2026, 1, 1), date(2026, 3, 31)),
    (date(2026, 4, 1), date(2026, 6, 30)),
    (date(2026, 7, 1), date(2026, 9, 30)),
    (date(2026, 10, 1), date(2026, 12, 31)),
]


def quantity(days: tuple[date, date], path: str = "direct", installation: str = "mill") -> Quantity:
    return Quantity(installation, path, *days)


def test_three_quarters_and_then_the_year_is_refused() -> None:
    register = Register()
    for number, days in enumerate(QUARTERS[:3]):
        register = register.contribute([quantity(days)], plan=f"q{number}", attempt=0)
    with pytest.raises(Refused, match="aggregation-contributed-before"):
        register.contribute([quantity(YEAR)], plan="year", attempt=0)
    register.contribute([quantity(QUARTERS[3])], plan="q3", attempt=0)


def test_the_year_and_then_a_quarter_is_refused() -> None:
    register = Register().contribute([quantity(YEAR)], plan="year", attempt=0)
    with pytest.raises(Refused, match="aggregation-contributed-before"):
        register.contribute([quantity(QUARTERS[0])], plan="q", attempt=0)


def test_a_sum_counts_as_its_parts() -> None:
    register = Register().contribute(
        [quantity(YEAR, "direct"), quantity(YEAR, "indirect")], plan="both", attempt=0
    )
    with pytest.raises(Refused):
        register.contribute([quantity(YEAR, "indirect")], plan="other coordinator's", attempt=0)
    register.contribute([quantity(YEAR, "indirect", "another mill")], plan="p", attempt=0)


def test_a_failed_attempt_is_free_once_it_is_closed() -> None:
    register = Register().contribute([quantity(YEAR)], plan="p", attempt=0)
    with pytest.raises(Refused):
        register.contribute([quantity(YEAR)], plan="p", attempt=1)
    again = register.contribute([quantity(YEAR)], plan="p", attempt=0)
    assert again == register, "the same attempt again changes nothing: the same bytes go out"
    closed = register.close("p", 0)
    second = closed.contribute([quantity(YEAR)], plan="p", attempt=1)
    with pytest.raises(Refused):
        second.contribute([quantity(YEAR)], plan="another", attempt=0)
    second.close("p", 1).contribute([quantity(YEAR)], plan="another", attempt=0)


def test_a_restored_register_refuses_older_periods_until_it_is_rebuilt() -> None:
    lost = Register().contribute([quantity(YEAR)], plan="p", attempt=0)
    restored = Register(restored_on=date(2026, 6, 15))
    for days in (YEAR, QUARTERS[0], QUARTERS[1]):
        with pytest.raises(Refused, match="aggregation-after-restore"):
            restored.contribute([quantity(days)], plan="q", attempt=0)
    restored.contribute([quantity(QUARTERS[2])], plan="q", attempt=0)
    rebuilt = Register((*restored.entries, *restored.missing(lost.entries)))
    assert not rebuilt.missing(lost.close("p", 0).entries)
    with pytest.raises(Refused, match="aggregation-contributed-before"):
        rebuilt.contribute([quantity(QUARTERS[0])], plan="q", attempt=0)


@pytest.mark.parametrize("text", ["2026", "2026-12-31/2026-01-01", "2026-01-01/", "a/b"])
def test_periods_are_intervals(text: str) -> None:
    with pytest.raises(Malformed, match="aggregation-period"):
        interval_of(text)


DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@given(st.lists(st.tuples(DAYS, DAYS, st.sampled_from("ab"), st.booleans()), max_size=12))
def test_no_day_of_a_quantity_is_ever_in_two_sums(steps: list[tuple[date, date, str, bool]]) -> None:
    """Whatever is tried in whatever order: attempts that were not closed never share a day."""
    register = Register()
    for number, (one, other, path, fails) in enumerate(steps):
        plan, wanted = f"p{number}", quantity((min(one, other), max(one, other)), path)
        try:
            register = register.contribute([wanted], plan=plan, attempt=0)
        except Refused:
            continue
        if fails:
            register = register.close(plan, 0)
    open_entries = [entry for entry in register.entries if not entry.closed]
    assert not any(
        a.quantity.overlaps(b.quantity)
        for index, a in enumerate(open_entries)
        for b in open_entries[index + 1 :]
    )
