"""What this node gave to trainings, and what it cost, on both kinds of store."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from carbonport.errors import Refused
from carbonport.federated.privacy_budget import Charge
from carbonport.node.exporter.approvals import StoredApproval, add_approval, approval_for
from carbonport.node.store import Store
from carbonport.node.store.backup import RESTORED_AT
from carbonport.node.store.facts import write_fact
from carbonport.node.training.ledger_rows import RowKey
from carbonport.node.training.privacy_charges import budget_json, read_charges, write_charge
from carbonport.node.training.row_register import GivenTraining, TrainingClaim, given_trainings

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


MEMBERS = tuple(f"CN/MEMBER{number}" for number in range(8))
MAY, JUNE = (
    RowKey("mill", "main", "72083900", date(2026, month, 1), date(2026, month, 30)) for month in (5, 6)
)


def claim(
    plan: str, members: tuple[str, ...] = MEMBERS, statistics: str = "s", keys: tuple[RowKey, ...] = (MAY,)
) -> TrainingClaim:
    given = GivenTraining(plan, "scores", members, statistics, False, keys)
    return TrainingClaim(given, approval=plan, minimum=5, yearly=YEARLY, now=NOW)


def enter(store: Store, one: TrainingClaim) -> None:
    approval = StoredApproval(
        one.approval, "CN/COORDINATOR", one.given.plan, "training", "officer", NOW + 60, 1, 0
    )
    with store.writing() as connection:
        if approval_for(connection, "CN/COORDINATOR", one.given.plan) is None:
            add_approval(connection, approval, now=NOW)
        one.require(connection)
        one.enter(connection, 0)


def test_a_cohort_or_rows_that_differ_by_a_few_are_refused(store: Store) -> None:
    enter(store, claim("first"))
    enter(store, claim("first"))
    enter(store, claim("the same once more"))
    enter(store, claim("next month", MEMBERS[1:], "t", (JUNE,)))
    few = (*MEMBERS[4:], "CN/MEMBER9")
    for wrong, refusal in (
        (claim("first", MEMBERS[1:]), "training-differencing"),
        (claim("one less", MEMBERS[1:]), "training-differencing"),
        (claim("one more", (*MEMBERS, "CN/MEMBER9")), "training-differencing"),
        (claim("other rows", statistics="t", keys=(MAY, JUNE)), "training-differencing"),
        (claim("other members", few, "t"), "training-contributed-before"),
    ):
        with pytest.raises(Refused, match=refusal):
            enter(store, wrong)
    with store.reading() as connection:
        known = given_trainings(connection, "scores")
    assert {one.plan for one in known} == {"first", "the same once more", "next month"}
    assert [one.keys for one in known if one.plan == "first"] == [(MAY,)]


def test_an_approval_is_used_up_and_a_restored_store_refuses_older_rows(store: Store) -> None:
    enter(store, claim("first"))
    spent = claim("second", MEMBERS[:5], "u", (JUNE,))
    with store.writing() as connection, pytest.raises(Refused, match="approval-spent"):
        TrainingClaim(spent.given, "first", 5, YEARLY, NOW).require(connection)
    with store.writing() as connection:
        write_fact(connection, RESTORED_AT, str(NOW - 1))
    with pytest.raises(Refused, match="training-after-restore"):
        enter(store, spent)
    enter(store, claim("first"))
