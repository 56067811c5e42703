"""Published values for threshold claims: one for each table, good, country and year, and no other passes for one."""

from dataclasses import replace

import pytest

from carbonport.errors import CarbonportError, FailedVerification
from carbonport.footprint.obligation.published_values import (
    PublishedTable,
    PublishedValue,
    published_value,
    require_published,
)

COIL = "72083900"


@pytest.mark.parametrize(
    ("table", "cn", "year", "value"),
    [
        ("default-values", COIL, 2026, "3.50570"),  # 3.187 * 1.1
        ("default-values", COIL, 2028, "4.14310"),  # * 1.3
        ("default-values", COIL, 2033, "4.14310"),
        ("benchmarks", COIL, 2026, "1.37000"),  # column B, route C of the default value
        ("benchmarks", "72142000", 2026, "1.36400"),
    ],
)
def test_values_are_those_of_the_acts(table: str, cn: str, year: int, value: str) -> None:
    found = published_value(PublishedTable(table), cn, "CN", year)
    assert found.value == value
    assert found.place == f"{table}/{found.version}/{found.row}"
    require_published(found, cn, "CN", year)


def test_an_earlier_state_that_ships_is_a_published_table_too() -> None:
    earlier = published_value(PublishedTable.DEFAULT_VALUES, "25232100", "CN", 2026, state="2025-12")
    newest = published_value(PublishedTable.DEFAULT_VALUES, "25232100", "CN", 2026)
    assert earlier != newest
    require_published(earlier, "25232100", "CN", 2026)


@pytest.mark.parametrize(
    "change",
    [
        {"value": "3.50571"},
        {"value": "3.5057"},
        {"version": "2026-1741, mark-up 2026-11"},
        {"row": "row CN 7208, mark-up 2026"},
        {"table": PublishedTable.BENCHMARKS},
    ],
)
def test_anything_else_is_not_published(change: dict[str, str]) -> None:
    true = published_value(PublishedTable.DEFAULT_VALUES, COIL, "CN", 2026)
    with pytest.raises(FailedVerification, match="threshold-table"):
        require_published(replace(true, **change), COIL, "CN", 2026)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cn", "country", "year"), [("72142000", "CN", 2026), (COIL, "TR", 2026), (COIL, "CN", 2027)]
)
def test_a_value_of_another_good_country_or_year_is_refused(cn: str, country: str, year: int) -> None:
    true = published_value(PublishedTable.DEFAULT_VALUES, COIL, "CN", 2026)
    with pytest.raises(FailedVerification, match="threshold-table"):
        require_published(true, cn, country, year)


def test_a_good_outside_the_tables_has_no_value() -> None:
    with pytest.raises(CarbonportError, match="obligation-code-out-of-scope"):
        published_value(PublishedTable.BENCHMARKS, "01012100", "CN", 2026)
    with pytest.raises(FailedVerification, match="threshold-table"):
        require_published(
            PublishedValue(PublishedTable.BENCHMARKS, "", "", "1.00000"), "01012100", "CN", 2026
        )
