"""Appending: durable before the receipt, once per request, together with the caller's own rows, under bounds."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_world import FickleWitness, LogWorld, crossing
from sqlalchemy import Connection

from carbonport.crypto.log_entry import FieldName
from carbonport.crypto.merkle import Frontier, inclusion_proof, leaf_hash
from carbonport.crypto.notes import NoteSigner
from carbonport.errors import FailedVerification, Misuse, Unavailable
from carbonport.node.log.add_checkpoint import Outcome
from carbonport.node.log.appends import PART
from carbonport.node.log.batch_proofs import BatchProver
from carbonport.node.log.draft import Draft
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.log.settings import LogSettings
from carbonport.node.store import Store
from carbonport.node.store.facts import read_fact, write_fact


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LogWorld]:
    made = LogWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(store_location: str) -> Iterator[Store]:
    opened = Store.open(store_location)
    yield opened
    opened.close()


def fact(store: Store, name: str) -> str | None:
    with store.reading() as connection:
        return read_fact(connection, name)


async def test_an_entry_comes_with_a_receipt_that_its_receiver_can_check(
    world: LogWorld, store: Store
) -> None:
    log = await world.open(store)
    first = await log.append(crossing(1))
    assert (first.index, first.repeated, first.provisional) == (0, False, False)
    assert world.verify(first.receipt, b"1") == world.clock.now == first.quorum_time
    with pytest.raises(FailedVerification, match="receipt-payload"):
        world.verify(first.receipt, b"2")
    await log.close()


async def test_many_at_once_share_batches_and_all_hold(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    answers = await asyncio.gather(*(log.append(crossing(number)) for number in range(300)))
    assert sorted(each.index for each in answers) == list(range(300))
    for number, each in enumerate(answers):
        assert world.verify(each.receipt, b"%d" % number)
    assert len(world.witness.requests) < 150
    assert log.size == 300
    assert log.waiting == 0
    await log.check()
    await log.close()


async def test_a_repeated_request_gets_the_same_entry(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    runs = []

    def write(connection: Connection, index: int) -> None:
        runs.append(index)
        write_fact(connection, "answer", str(index))

    draft = crossing(1, write=write)
    together = await asyncio.gather(log.append(draft), log.append(crossing(2)), log.append(draft))
    assert (together[0].index, together[2].index) == (0, 0)
    assert sorted((together[0].repeated, together[2].repeated)) == [False, True]
    again = await log.append(draft)
    assert (again.index, again.repeated, again.receipt.event) == (0, True, together[0].receipt.event)
    await log.close()
    reopened = await world.open(store)
    later = await reopened.append(draft)
    assert (later.index, later.repeated) == (0, True)
    for each in (*together[::2], again, later):
        assert world.verify(each.receipt, b"1")
    assert runs == [0]
    assert reopened.size == 2
    other = replace(draft, request_digest=bytes(32))
    assert (await reopened.append(other)).index == 2
    await reopened.close()


async def test_the_callers_rows_come_with_the_entry_or_not_at_all(world: LogWorld, store: Store) -> None:
    log = await world.open(store)

    def write(connection: Connection, index: int) -> None:
        write_fact(connection, f"row-{index}", "kept")

    def fail(connection: Connection, index: int) -> None:
        write_fact(connection, "half", "done")
        raise ZeroDivisionError

    def clash(connection: Connection, index: int) -> None:
        connection.exec_driver_sql(
            "INSERT INTO store_facts (name, value) VALUES ('twice', '1'), ('twice', '2')"
        )

    answers = await asyncio.gather(
        log.append(crossing(1, write=write)),
        log.append(crossing(2, write=fail)),
        log.append(crossing(3, write=clash)),
        log.append(crossing(4, write=write)),
        return_exceptions=True,
    )
    good, failed, clashed, last = answers
    assert not isinstance(good, BaseException)
    assert not isinstance(last, BaseException)
    assert isinstance(failed, ZeroDivisionError)
    assert isinstance(clashed, Misuse)
    assert clashed.id == "store-constraint"
    assert {good.index, last.index} == {0, 1}
    assert (fact(store, "row-0"), fact(store, "row-1"), fact(store, "half")) == ("kept", "kept", None)
    assert log.size == 2
    await log.check()
    await log.close()


async def test_a_draft_out_of_shape_harms_nobody_else(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    good = crossing(1)
    bad: list[Draft] = [
        replace(good, request_digest=b"short"),
        replace(good, fields={**good.fields, FieldName.REQUEST: bytes(32)}),
        replace(good, fields={**good.fields, "long": bytes(300_000)}),
        replace(good, opened=("nothing",)),
        replace(good, readers={"no space allowed": bytes(32)}),
        replace(good, exchange="NOT-HEX"),
        replace(good, readers={"weak": bytes(32)}),
    ]
    answers = await asyncio.gather(*map(log.append, [*bad, good]), return_exceptions=True)
    assert all(isinstance(each, Exception) for each in answers[:-1])
    assert not isinstance(answers[-1], BaseException)
    assert log.size == 1
    await log.close()


async def test_the_next_batch_is_prepared_but_not_committed_while_a_witness_is_slow(
    world: LogWorld, store: Store
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    class Slow(FickleWitness):
        async def add_checkpoint(self, request: bytes) -> Outcome:
            asked.set()
            await go_on.wait()
            return await super().add_checkpoint(request)

    slow = Slow(world.witness, claim=0)
    log = await world.open(store, cosigners=[slow])
    first = asyncio.create_task(log.append(crossing(0)))
    await asked.wait()
    with pytest.raises(Misuse, match="log-draft"):
        await log.append(replace(crossing(1), request_digest=b"short"))
    others = [asyncio.create_task(log.append(crossing(number))) for number in range(2, 2 + PART)]
    while log.preparing_process is None:
        await asyncio.sleep(0.001)
    assert log.size == 1
    assert not any(each.done() for each in (first, *others))
    go_on.set()
    assert not any(each.provisional for each in await asyncio.gather(first, *others))
    assert log.size == 1 + PART
    await log.close()


async def keep_appending(log: ExchangeLog, numbers: Iterable[int]) -> None:
    for number in numbers:
        await log.append(crossing(number))


async def test_under_load_a_batch_is_all_that_arrive_together(
    world: LogWorld, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carbonport.node.log.appends.QUIET_S", 1.0)
    monkeypatch.setattr("carbonport.node.log.appends.GATHERING_S", 1.0)
    log = await world.open(store)
    await asyncio.gather(*(keep_appending(log, range(each, 80, 8)) for each in range(8)))
    # Ten rounds of eight, and what it took to learn that eight come together.
    assert 10 <= len(world.witness.requests) <= 13
    assert log.size == 80
    await log.close()


async def test_when_the_load_ends_nobody_waits_for_it_to_come_back(
    world: LogWorld, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await world.open(store)
    await asyncio.gather(*(log.append(crossing(number)) for number in range(20)))
    # One wait, for those who do not come back.
    await log.append(crossing(20))
    monkeypatch.setattr("carbonport.node.log.appends.QUIET_S", 60.0)
    monkeypatch.setattr("carbonport.node.log.appends.GATHERING_S", 60.0)
    async with asyncio.timeout(30):
        await keep_appending(log, range(21, 40))
    assert log.size == 40
    await log.close()


async def test_a_full_queue_refuses_with_a_delay(world: LogWorld, store: Store) -> None:
    log = await world.open(store, settings=LogSettings(max_waiting=3))
    await log.append(crossing(0))
    answers = await asyncio.gather(*(log.append(crossing(n)) for n in range(1, 9)), return_exceptions=True)
    refused = [each for each in answers if isinstance(each, Unavailable)]
    assert {each.id for each in refused} == {"log-queue-full"}
    assert len(refused) == 5
    assert log.size == 4
    await log.close()


async def test_who_gives_up_does_not_take_the_entry_back(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    await log.append(crossing(0))
    impatient = asyncio.create_task(log.append(crossing(1)))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    again = await log.append(crossing(1))
    assert (again.index, again.repeated) == (1, True)
    await log.close()


async def test_what_waits_is_finished_before_closing(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    waiting = [asyncio.create_task(log.append(crossing(n))) for n in range(50)]
    await asyncio.sleep(0)
    while not log.waiting:
        await asyncio.sleep(0)
    await log.close()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    logged = [each for each in answers if not isinstance(each, BaseException)]
    assert logged
    with pytest.raises(Unavailable, match="log-closing"):
        await log.append(crossing(99))
    reopened = await world.open(store)
    assert reopened.size == len(logged)
    assert reopened.stored.note()
    await reopened.close()


async def test_one_writer_of_a_file(world: LogWorld, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "file")
    log = await world.open(store)
    with pytest.raises(Unavailable, match="store-writer-elsewhere"):
        await world.open(store)
    await log.close()
    await (await world.open(store)).close()
    store.close()


async def test_two_logs_of_one_store_do_not_mix(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    await log.append(crossing(1))
    await log.close()
    other = await ExchangeLog.open(
        store,
        origin="exporter.example/log/2",
        signer=NoteSigner.generate("exporter.example/log/2"),
        own_key=world.own_key,
        readers={},
        policy=type(world.policy).of(0, []),
        clock=world.clock,
    )
    assert (await other.append(crossing(1))).index == 0
    await other.check()
    await other.close()
    again = await world.open(store)
    assert again.size == 1
    await again.close()


async def test_a_full_disk_loses_nothing(world: LogWorld, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "node", max_size_bytes=600_000)
    log = await world.open(store)
    kept = 0
    with contextlib.suppress(Unavailable):
        while True:
            await log.append(crossing(kept))
            kept += 1
    with pytest.raises(Unavailable, match="store-full"):
        await log.append(crossing(kept))
    assert log.size == kept > 20
    again = await log.append(crossing(0))
    assert (again.index, again.repeated) == (0, True)
    await log.close()
    store.close()
    store = Store.open(tmp_path / "node")
    log = await world.open(store)
    assert (await log.append(crossing(kept))).index == kept
    await log.check()
    await log.close()
    store.close()


async def test_only_the_right_readers_and_key_open_a_log(world: LogWorld, store: Store) -> None:
    log = await world.open(store)
    await log.append(crossing(1))
    await log.close()
    world.own_key = bytes(32)
    log = await world.open(store)
    with pytest.raises(FailedVerification, match="body-open"):
        await log.append(crossing(1))
    await log.append(crossing(2))
    await log.close()
    world.own_key = b"short"
    with pytest.raises(Misuse, match="log-own-key"):
        await world.open(store)


@given(st.integers(1, 200))
def test_batch_proofs_are_those_of_the_tree(size: int) -> None:
    frontier = Frontier()
    nodes = {
        (level, at): digest
        for n in range(size)
        for level, at, digest in frontier.append(leaf_hash(b"%d" % n))
    }

    def read(level: int, at: int) -> bytes:
        return nodes[level, at]

    prover = BatchProver(size, read)
    for index in range(size):
        assert list(prover.proof(index)) == inclusion_proof(index, size, read)
