"""What this node gave to trainings, and what it cost, on both kinds of store."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from carbonport.errors import Refused
from carbonport.federated.privacy_budget import Charge
from carbonport.node.store import Store
from carbonport.node.store.backup import RESTORED_AT
from carbonport.node.store.facts import write_fact
from carbonport.node.training.privacy_charges import budget_json, read_charges, write_charge

NOW = 1_790_000_000
YEAR = 2026
YEARLY = Decimal(8)


@pytest.fixture
def store(store_location: str) -> Iterator[Store]:
    opened = Store.open(store_location, clock=lambda: NOW)
    yield opened
    opened.close()


def charge(store: Store, training: str, epsilon: str, *, task: str = "scores", year: int = YEAR) -> None:
    with store.writing() as connection:
        write_charge(connection, Charge(task, year, training, Decimal(epsilon)), YEARLY, now=NOW)


def test_a_charge_stays_and_the_same_training_is_charged_once(store: Store, store_location: str) -> None:
    charge(store, "one", "4.5")
    charge(store, "one", "4.5")
    charge(store, "two", "8", task="another")
    charge(store, "two", "8", year=YEAR + 1)
    with pytest.raises(Refused, match="privacy-budget"):
        charge(store, "three", "3.6")
    store.close()
    again = Store.open(store_location)
    charge(again, "three", "3.5")
    with again.reading() as connection:
        shown: Any = budget_json(read_charges(connection), YEARLY, YEAR)
    again.close()
    told = [(one["year"], one["task"], one["spent"], one["left"]) for one in shown["tasks"]]
    assert told == [(2027, "scores", "8", "0"), (2026, "another", "8", "0"), (2026, "scores", "8", "0")]
    assert shown["tasks"][2]["trainings"] == [
        {"training": "one", "epsilon": "4.5"},
        {"training": "three", "epsilon": "3.5"},
    ]


def test_a_restored_store_spends_nothing_more_in_that_year(store: Store) -> None:
    charge(store, "one", "1")
    with store.writing() as connection:
        write_fact(connection, RESTORED_AT, str(NOW))
    charge(store, "one", "1")
    with pytest.raises(Refused, match="restored from a backup in 2026"):
        charge(store, "two", "1")
    charge(store, "two", "1", year=YEAR + 1)
