"""One log that two processes append to, on one PostgreSQL: each goes on where the other ended; both sign one tree."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from log_world import FickleWitness, LogWorld, crossing
from sqlalchemy import delete, select

from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.errors import FailedVerification
from carbonport.node.log.add_checkpoint import Cosigner, Outcome
from carbonport.node.log.exchange_log import NOTE_STORING_DELAY_S, ExchangeLog
from carbonport.node.store import Store
from carbonport.node.store.schema import log_bodies, log_entries, log_nodes, logs

EACH = 40


@dataclass
class SlowLine:
    """A way to a witness that can be held up."""

    inner: Cosigner
    free: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def key(self) -> VerifierKey:
        return self.inner.key

    async def add_checkpoint(self, request: bytes) -> Outcome:
        await self.free.wait()
        return await self.inner.add_checkpoint(request)

    async def witnessed_size(self, origin: str) -> int:
        return await self.inner.witnessed_size(origin)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LogWorld]:
    made = LogWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture
def stores(new_postgresql_schema: Callable[[], str]) -> Iterator[tuple[Store, Store]]:
    location = new_postgresql_schema()
    opened = Store.open(location), Store.open(location)
    yield opened
    for store in opened:
        store.close()


def size_of(note: bytes) -> int:
    return Checkpoint.parse(SignedNote.parse(note).text).size


async def test_two_processes_append_at_once_and_every_receipt_holds(
    world: LogWorld, stores: tuple[Store, Store]
) -> None:
    first, second = [await world.open(store) for store in stores]
    answers = await asyncio.gather(
        *(log.append(crossing(number)) for number in range(EACH) for log in (first, second))
    )
    # Both were asked for the same: it was logged once, whoever was quicker.
    assert sorted(answer.index for answer in answers) == sorted([*range(EACH)] * 2)
    assert sum(answer.repeated for answer in answers) == EACH
    for number, pair in enumerate(zip(answers[::2], answers[1::2], strict=True)):
        assert len({answer.index for answer in pair}) == 1
        for answer in pair:
            assert not answer.provisional
            world.verify(answer.receipt, str(number).encode())
    # A checkpoint of either covers what the other appended, and a later process goes on from both.
    assert (await second.append(crossing(EACH))).index == EACH
    assert size_of(await first.checkpoint()) == size_of(await second.checkpoint()) == EACH + 1
    await first.check()
    for log in (first, second):
        assert log.halted is None
        await log.close()
    third = await world.open(stores[0])
    assert third.size == EACH + 1
    await third.close()


async def test_a_witness_that_has_seen_the_others_entries_is_not_ahead(
    world: LogWorld, stores: tuple[Store, Store]
) -> None:
    line = SlowLine(world.witness)
    slow: ExchangeLog = await world.open(stores[0], cosigners=[line])
    quick = await world.open(stores[1])
    waiting = asyncio.create_task(slow.append(crossing(1)))
    while stores_size(stores[0]) < 1:
        await asyncio.sleep(0.01)
    assert (await quick.append(crossing(2))).index == 1
    line.free.set()
    logged = await waiting
    # Its own head is older than what the witness has cosigned: it signed the later one.
    assert (logged.index, logged.provisional, slow.halted) == (0, False, None)
    assert size_of(logged.receipt.checkpoint.encode()) == 2
    world.verify(logged.receipt, b"1")
    # One that opened before asks its witnesses for the first time after another has appended.
    await slow.close()
    late = await world.open(stores[0])
    await quick.append(crossing(3))
    assert (await late.append(crossing(4))).index == 3
    await late.close()
    await quick.close()


async def test_a_witness_that_is_ahead_of_the_store_still_stops_both(
    world: LogWorld, stores: tuple[Store, Store]
) -> None:
    ahead = FickleWitness(world.witness, claim=100)
    for store in stores:
        log = await world.open(store, cosigners=[ahead])
        with pytest.raises(FailedVerification, match="log-behind-witness"):
            await log.append(crossing(1))
        assert log.halted is not None
        await log.close()


@pytest.mark.parametrize("kept", [1, 3])
async def test_a_store_set_back_under_a_process_is_noticed(
    world: LogWorld, stores: tuple[Store, Store], kept: int
) -> None:
    """Entries that this process knew are gone, whether or not others took their places."""
    log = await world.open(stores[0])
    for number in range(3):
        await log.append(crossing(number))
    with stores[1].writing() as connection:
        for table in (log_bodies, log_entries, log_nodes, logs):
            connection.execute(delete(table))
    world.witness.cut = True
    other = await world.open(stores[1], policy=type(world.policy).of(0, []), cosigners=[])
    for number in range(kept):
        await other.append(crossing(10 + number))
    # Its last note is stored meanwhile, in vain; a failure is no reason to forget what was there.
    await asyncio.sleep(2 * NOTE_STORING_DELAY_S)
    for _ in range(2):
        with pytest.raises(FailedVerification, match="log-root-mismatch"):
            await log.append(crossing(9))
    await other.close()
    await log.close()


def stores_size(store: Store) -> int:
    with store.reading() as connection:
        return int(connection.execute(select(logs.c.size)).scalar_one())
