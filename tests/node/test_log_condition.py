"""Conditions of an entry: read in its own transaction, once for a batch, and nothing leaves when one does not hold."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from log_world import LogWorld, crossing
from sqlalchemy import Connection

from carbonport.errors import Refused
from carbonport.node.log.draft import Draft
from carbonport.node.store import Store
from carbonport.node.store.facts import read_fact, write_fact

LOOKS: list[str] = []


@dataclass(frozen=True)
class Absent:
    """Holds while the store has no fact of this name."""

    name: str

    def require(self, connection: Connection) -> None:
        LOOKS.append(self.name)
        if read_fact(connection, self.name) is not None:
            raise Refused("test-present", found="a fact", expected="none", remedy="None.")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LogWorld]:
    LOOKS.clear()
    made = LogWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(store_location: str) -> Iterator[Store]:
    opened = Store.open(store_location)
    yield opened
    opened.close()


def conditional(number: int, name: str) -> Draft:
    return replace(crossing(number), condition=Absent(name))


def present(store: Store, name: str) -> None:
    with store.writing() as connection:
        write_fact(connection, name, "1")


async def test_what_does_not_hold_is_not_logged_and_harms_nobody_else(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    present(store, "revoked")
    answers = await asyncio.gather(
        log.append(conditional(1, "revoked")),
        log.append(conditional(2, "valid")),
        log.append(conditional(3, "revoked")),
        log.append(crossing(4)),
        return_exceptions=True,
    )
    assert [isinstance(answer, Refused) for answer in answers] == [True, False, True, False]
    assert log.size == 2
    await log.check()
    await log.close()


async def test_one_look_serves_a_batch(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    await log.append(crossing(0))
    LOOKS.clear()
    await asyncio.gather(*(log.append(conditional(number, "valid")) for number in range(1, 101)))
    assert log.size == 101
    assert 0 < len(LOOKS) < 100
    await log.close()


async def test_an_entry_is_not_found_again_when_its_condition_no_longer_holds(
    world: LogWorld, store: Store
) -> None:
    log = await world.open(store)
    first = await log.append(conditional(1, "revoked"))
    again = await log.append(conditional(1, "revoked"))
    assert (again.index, again.repeated) == (first.index, True)
    present(store, "revoked")
    with pytest.raises(Refused, match="test-present"):
        await log.append(conditional(1, "revoked"))
    await log.close()


async def test_a_companion_of_the_same_batch_is_not_seen_by_a_condition_before_it(
    world: LogWorld, store: Store
) -> None:
    log = await world.open(store)

    def revoke(connection: Connection, _index: int) -> None:
        write_fact(connection, "revoked", "1")

    await asyncio.gather(log.append(conditional(1, "revoked")), log.append(crossing(2, write=revoke)))
    with pytest.raises(Refused):
        await log.append(conditional(3, "revoked"))
    assert log.size == 2
    await log.close()


async def test_a_condition_sees_the_companions_before_it_in_its_own_batch(
    world: LogWorld, store: Store
) -> None:
    log = await world.open(store)
    await log.append(conditional(0, "revoked"))
    published = len(world.witness.requests)

    def revoke(connection: Connection, _index: int) -> None:
        write_fact(connection, "revoked", "1")

    answers = await asyncio.gather(
        log.append(conditional(1, "revoked")),
        log.append(crossing(2, write=revoke)),
        log.append(conditional(3, "revoked")),
        log.append(conditional(0, "revoked")),
        log.append(conditional(4, "something else")),
        return_exceptions=True,
    )
    assert [isinstance(answer, Refused) for answer in answers] == [False, False, True, True, False]
    assert len(world.witness.requests) == published + 1, "all came in one batch"
    assert log.size == 4
    await log.check()
    await log.close()
