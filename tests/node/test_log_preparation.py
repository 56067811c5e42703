"""Preparing entries in a process of its own: the same entries, nothing left behind, nothing lost when it dies."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_world import ORIGIN, READER, LogWorld, crossing

from carbonport.crypto.ambient import system_random
from carbonport.crypto.log_body import SealedBody, open_body
from carbonport.crypto.log_entry import Entry, EntryType, FieldName
from carbonport.crypto.sealing import hpke_generate
from carbonport.errors import Malformed, Unavailable
from carbonport.node.log.draft import Logged
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.log.preparation import EntryMaker, MadeEntry, PreparedEntry
from carbonport.node.log.preparation_messages import (
    LENGTH_BYTES,
    MAX_MESSAGE_BYTES,
    answers_message,
    message_length,
    orders_message,
    read_answers,
    read_orders,
)
from carbonport.node.log.preparation_worker import PreparationWorker
from carbonport.node.log.sealed_entry import EntryOrder, seal_entry
from carbonport.node.log.settings import LogSettings
from carbonport.node.store import Store

REGULATOR = hpke_generate()
NOW = 1_790_000_000
PATIENCE_S = 60.0


def until(condition: Callable[[], bool]) -> None:
    """Wait without a turn of the event loop."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


async def until_turned(condition: Callable[[], bool]) -> None:
    """Wait while the event loop turns."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@asynccontextmanager
async def entry_maker() -> AsyncIterator[EntryMaker]:
    made = EntryMaker(
        ORIGIN,
        own_key=bytes(32),
        readers={READER: REGULATOR.public},
        random_bytes=system_random,
        worker_from=1,
    )
    try:
        yield made
    finally:
        made.close()


async def prepared_elsewhere(maker: EntryMaker) -> None:
    """Return once a process of its own prepares."""
    await maker.prepare_all([crossing(0)], NOW)
    await until_turned(lambda: maker.prepares_elsewhere)


def opened(made: MadeEntry) -> dict[str, bytes]:
    """The fields of an entry, as its regulator reads them and checks them against the leaf."""
    assert isinstance(made, PreparedEntry)
    entry = Entry.parse(made.entry)
    body = open_body(
        SealedBody.parse(made.body), origin=ORIGIN, entry=entry, reader=READER, private=REGULATOR.private
    )
    return body.values()


async def test_entries_from_the_process_are_those_of_the_node() -> None:
    async with entry_maker() as maker:
        await prepared_elsewhere(maker)
        drafts = [crossing(number) for number in range(100)]
        for draft, made in zip(drafts, await maker.prepare_all(drafts, NOW), strict=True):
            assert opened(made) == {**draft.fields, FieldName.REQUEST: draft.request_digest}
            assert isinstance(made, PreparedEntry)
            assert maker.reopen(made.entry, made.body, made.own_key).event == made.event
        assert maker.prepares_elsewhere


async def test_a_draft_that_cannot_be_sealed_harms_nobody_else() -> None:
    async with entry_maker() as maker:
        await prepared_elsewhere(maker)
        bad = crossing(2)
        bad = type(bad)(bad.type, bad.exchange, bad.request_digest, bad.fields, readers={"nobody": bytes(32)})
        first, second, third = await maker.prepare_all([crossing(1), bad, crossing(3)], NOW)
        assert isinstance(second, Malformed)
        assert second.id == "hpke-public-key"
        assert opened(first)[FieldName.RECIPIENT] == opened(third)[FieldName.RECIPIENT]
        assert maker.prepares_elsewhere


async def test_a_killed_process_is_unavailable_once_and_started_again() -> None:
    async with entry_maker() as maker:
        await prepared_elsewhere(maker)
        killed = maker.process
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        until(lambda: not alive(killed))
        (lost,) = await maker.prepare_all([crossing(1)], NOW)
        assert isinstance(lost, Unavailable)
        assert lost.id == "log-preparation-lost"
        assert opened((await maker.prepare_all([crossing(1)], NOW))[0])
        await prepared_elsewhere(maker)
        assert maker.process not in (None, killed)


def test_the_process_ends_with_a_killed_node() -> None:
    program = (
        "import asyncio\n"
        "from carbonport.node.log.preparation_worker import PreparationWorker\n"
        "async def run():\n"
        "    worker = PreparationWorker()\n"
        "    while not worker.ready(): await asyncio.sleep(0.01)\n"
        "    print(worker.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(run())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        worker = int(node.stdout.readline())
        assert alive(worker)
        # What a terminal or a supervisor sends to all is the node's to follow.
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(worker, number)
        time.sleep(0.05)
        assert alive(worker)
        node.kill()
    until(lambda: not alive(worker))


async def test_where_no_process_can_be_started_the_node_prepares_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with entry_maker() as maker:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        for number in range(10):
            assert opened((await maker.prepare_all([crossing(number)], NOW))[0])
        assert maker.process is None


async def test_a_log_prepared_elsewhere_holds_and_leaves_no_process(tmp_path: Path) -> None:
    world, store = LogWorld(tmp_path), Store.open(tmp_path / "exporter")
    log = await world.open(store, settings=LogSettings(witness_timeout_s=60, worker_from=4))
    await log.append(crossing(0))
    assert log.preparing_process is None, "one at a time needs no process"
    await asyncio.gather(*(log.append(crossing(each)) for each in range(1, 20)))
    await until_turned(lambda: log.prepares_elsewhere)
    lost = await appends_of_a_lost_process(log, signal.SIGKILL, range(20, 40))
    assert all(isinstance(each, Unavailable) and each.id == "log-preparation-lost" for each in lost)
    number = 40
    again = await asyncio.gather(*(log.append(crossing(each)) for each in range(number)))
    assert sorted(each.index for each in again) == list(range(number))
    for each, answer in enumerate(again):
        assert world.verify(answer.receipt, b"%d" % each)
    await log.check()
    left: list[int] = [process] if (process := log.preparing_process) is not None else []
    await log.close()
    assert not any(map(alive, left))
    store.close()
    world.close()


async def appends_of_a_lost_process(
    log: ExchangeLog, end: signal.Signals | None, numbers: Iterable[int]
) -> list[Logged | BaseException]:
    """What becomes of appends whose preparing process is stopped with them before it, and then gets the signal."""
    process = log.preparing_process
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    appends = asyncio.gather(*(log.append(crossing(each)) for each in numbers), return_exceptions=True)
    await asyncio.sleep(0.1)
    assert not appends.done()
    if end is not None:
        os.kill(process, end)
    lost = await appends
    assert not alive(process)
    return lost


async def test_a_process_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbonport.node.log.preparation_worker.ANSWER_TIMEOUT_S", 0.2)
    world, store = LogWorld(tmp_path), Store.open(tmp_path / "exporter")
    log = await world.open(store)
    await asyncio.gather(*(log.append(crossing(each)) for each in range(8)))
    await until_turned(lambda: log.prepares_elsewhere)
    lost = await appends_of_a_lost_process(log, None, range(8, 16))
    assert all(isinstance(each, Unavailable) and each.id == "log-preparation-lost" for each in lost)
    again = await asyncio.gather(*(log.append(crossing(each)) for each in range(16)))
    assert sorted(each.index for each in again) == list(range(16))
    await log.close()
    store.close()
    world.close()


TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=20)
ORDERS = st.builds(
    EntryOrder,
    st.sampled_from(EntryType),
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    st.integers(0, 2**40),
    st.dictionaries(TEXTS, st.binary(max_size=200), min_size=1, max_size=5),
    st.just(()),
    st.dictionaries(
        st.from_regex(r"[!-~]{1,20}", fullmatch=True), st.binary(min_size=32, max_size=32), max_size=2
    ),
)


@settings(max_examples=25)
@given(st.lists(ORDERS, max_size=4), st.data())
def test_messages_come_through_whole_or_not_at_all(orders: list[EntryOrder], data: st.DataObject) -> None:
    orders = [
        EntryOrder(each.type, each.exchange, each.time, each.fields, list(each.fields)[:1], each.readers)
        for each in orders
    ]
    content = orders_message(ORIGIN, orders)[LENGTH_BYTES:]
    assert read_orders(content) == (ORIGIN, orders)
    cut = data.draw(st.integers(0, len(content) - 1))
    for broken in (content[:cut], content[:cut] + b"\xff" + content[cut + 1 :], content + b"\x00"):
        try:
            read_orders(broken)
        except Malformed as error:
            assert error.id == "log-preparation-format"  # noqa: PT017 - most changed bytes of values pass


def test_answers_are_counted_and_bounded() -> None:
    order = EntryOrder(EntryType.CROSSING, "0" * 32, NOW, {"a": b"1", "b": b"2"}, ("a",), {})
    sealed = seal_entry(ORIGIN, order, system_random)
    content = answers_message([sealed, None])[LENGTH_BYTES:]
    assert read_answers(content, 2) == [sealed, None]
    for count in (1, 3):
        with pytest.raises(Malformed, match="log-preparation-format"):
            read_answers(content, count)
    with pytest.raises(Malformed, match="log-preparation-format"):
        read_answers(content[:-1], 2)
    with pytest.raises(Malformed, match="log-preparation-format"):
        message_length((MAX_MESSAGE_BYTES + 1).to_bytes(LENGTH_BYTES, "big"))


async def test_a_process_of_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbonport.node.log.preparation_worker.__version__", "another")
    worker = PreparationWorker()
    started = 0
    try:
        for _ in range(3):
            assert not worker.ready()
            started += worker.pid is not None
            await until_turned(lambda: worker.answers or worker.pid is None)
        assert started == 3
        assert not worker.ready()
        assert worker.pid is None, "three failures in a row are enough"
    finally:
        worker.close()
