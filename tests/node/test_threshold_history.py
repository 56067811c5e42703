"""The memory of threshold claims, on SQLite and PostgreSQL: one value for a buyer, good and period."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from carbonport.footprint.obligation.published_values import PublishedTable, PublishedValue
from carbonport.node.exporter.threshold_history import (
    ClaimedGood,
    admitted_places,
    count_admitted,
    times_asked,
)
from carbonport.node.store import Store

GOOD = ClaimedGood("EU/529900000000BUYERA00", "72083900", "2026-01-01", "2026-12-31")
DEFAULT = PublishedValue(PublishedTable.DEFAULT_VALUES, "2026-1740", "row CN 7208", "3.50570")
BENCHMARK = PublishedValue(PublishedTable.BENCHMARKS, "2025-2620", "72083900 column B", "1.37000")


@pytest.fixture
def store(store_location: str) -> Iterator[Store]:
    opened = Store.open(store_location, clock=lambda: 1_790_000_000)
    yield opened
    opened.close()


def count(store: Store, value: PublishedValue, good: ClaimedGood = GOOD) -> bool:
    with store.writing() as connection:
        return count_admitted(connection, good, value, now=5)


def known(store: Store, good: ClaimedGood = GOOD) -> tuple[tuple[str, ...], int]:
    with store.reading() as connection:
        return admitted_places(connection, good), times_asked(connection, good)


def test_the_first_value_is_the_only_one_and_every_admission_counts(store: Store) -> None:
    assert known(store) == ((), 0)
    assert count(store, DEFAULT)
    assert not count(store, BENCHMARK)
    assert count(store, DEFAULT)
    assert known(store) == ((DEFAULT.place,), 2)


def test_buyers_goods_and_periods_are_apart(store: Store) -> None:
    others = (
        ClaimedGood("EU/529900000000BUYERB00", GOOD.cn, GOOD.period_start, GOOD.period_end),
        ClaimedGood(GOOD.importer, "72142000", GOOD.period_start, GOOD.period_end),
        ClaimedGood(GOOD.importer, GOOD.cn, "2027-01-01", "2027-12-31"),
    )
    assert count(store, DEFAULT)
    for other in others:
        assert count(store, BENCHMARK, other)
    assert known(store) == ((DEFAULT.place,), 1)


def test_of_many_at_once_all_agree_on_one(store: Store) -> None:
    values = [DEFAULT, BENCHMARK] * 4
    together = Barrier(len(values))

    def ask(value: PublishedValue) -> bool:
        together.wait()
        return count(store, value)

    with ThreadPoolExecutor(len(values)) as pool:
        admitted = list(pool.map(ask, values))
    places, asked = known(store)
    assert len(places) == 1
    assert asked == sum(admitted) == 4
    assert {value.place for value, yes in zip(values, admitted, strict=True) if yes} == set(places)
