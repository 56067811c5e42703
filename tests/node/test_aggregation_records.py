"""What was said in a session stands, and what was contributed is known, on both kinds of store."""

from collections.abc import Iterator
from datetime import date

import pytest

from carbonport.errors import Refused
from carbonport.node.aggregation.contribute_once import Quantity
from carbonport.node.aggregation.network.register_rows import MayContribute, close_attempt, read_register
from carbonport.node.sessions.records import (
    Record,
    all_of,
    find,
    keep,
    kept_at,
    names_of,
    sessions_with,
)
from carbonport.node.store import Store
from carbonport.node.store.backup import RESTORED_AT
from carbonport.node.store.facts import write_fact

SESSION, OTHER = "aa" * 32, "bb" * 32
YEAR = Quantity("mill", "process/steel/activity_level", date(2026, 1, 1), date(2026, 12, 31))


@pytest.fixture
def store(store_location: str) -> Iterator[Store]:
    opened = Store.open(store_location)
    yield opened
    opened.close()


def test_the_first_word_stands(store: Store, store_location: str) -> None:
    with store.writing() as connection:
        keep(connection, SESSION, Record("vote:0", "EU/HOLDER1", b"first"), now=1)
        keep(connection, OTHER, Record("vote:0", "EU/HOLDER1", b"elsewhere"), now=2)
        keep(connection, SESSION, Record("vote:1", "EU/HOLDER1", b"later"), now=3)
        keep(connection, SESSION, Record("vote:0", "EU/HOLDER1", b"first"), now=4)

    def second() -> None:
        with store.writing() as connection:
            keep(connection, SESSION, Record("vote:0", "EU/HOLDER0", b"with it"), now=5)
            keep(connection, SESSION, Record("vote:0", "EU/HOLDER1", b"second"), now=5)

    with pytest.raises(Refused, match="session-said-before"):
        second()
    store.close()
    again = Store.open(store_location)
    with again.reading() as connection:
        assert find(connection, SESSION, "vote:0", "EU/HOLDER1") == b"first"
        assert all_of(connection, SESSION, "vote:0") == {"EU/HOLDER1": b"first"}, "all or nothing"
        assert names_of(connection, SESSION, "vote:1") == {"EU/HOLDER1"}
        assert sessions_with(connection, "vote:0") == [SESSION, OTHER]
        assert kept_at(connection, SESSION, "vote:0") == 1
        assert find(connection, SESSION, "answer:0") is None
    again.close()


def test_the_register_is_kept_with_what_leaves(store: Store) -> None:
    first = MayContribute((YEAR,), "plan", 0)
    with store.writing() as connection:
        first.require(connection)
        first.enter(connection, 0)
    with store.reading() as connection:
        first.require(connection)
        for other in (MayContribute((YEAR,), "plan", 1), MayContribute((YEAR,), "other", 0)):
            with pytest.raises(Refused, match="aggregation-contributed-before"):
                other.require(connection)
    with store.writing() as connection:
        close_attempt(connection, "plan", 0)
    with store.reading() as connection:
        MayContribute((YEAR,), "plan", 1).require(connection)
        (entry,) = read_register(connection).entries
        assert (entry.quantity, entry.plan, entry.attempt, entry.closed) == (YEAR, "plan", 0, True)


def test_a_restored_store_refuses_older_periods(store: Store) -> None:
    with store.writing() as connection:
        write_fact(connection, RESTORED_AT, "1780000000")
    with store.reading() as connection, pytest.raises(Refused, match="aggregation-after-restore"):
        MayContribute((YEAR,), "plan", 0).require(connection)
