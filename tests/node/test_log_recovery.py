"""A log that was killed, restored or tampered with: what was acknowledged is there, the rest is refused."""

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from log_world import READER, LogWorld, crossing
from sqlalchemy import text

from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.crypto.notes import NoteSigner, SignedNote
from carbonport.errors import CarbonportError, FailedVerification, Misuse
from carbonport.node.log.audit import Audit, AuditFailedError, SeenCheckpoint, audit_log
from carbonport.node.log.fsck import LogDamagedError, check_log
from carbonport.node.log.log_source import StoreSource
from carbonport.node.log.preparation import EntryMaker
from carbonport.node.log.settings import LogSettings
from carbonport.node.log.stored_log import StoredLog
from carbonport.node.store import Store
from carbonport.node.store.backup import back_up, restore, restored_at

ENTRIES = 11


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


async def fill(world: LogWorld, store: Store, start: int = 0, end: int = ENTRIES) -> None:
    log = await world.open(store)
    for number in range(start, end):
        await log.append(crossing(number))
    await log.close()


def fsck(world: LogWorld, store: Store) -> None:
    maker = EntryMaker(
        world.signer.name, own_key=world.own_key, readers={READER: world.regulator.public}, random_bytes=bytes
    )
    check_log(StoredLog(store, world.signer.name), keys=[world.signer.verifier], maker=maker)


async def audit(world: LogWorld, store: Store, seen: SeenCheckpoint | None = None) -> Audit:
    return await audit_log(
        StoreSource(StoredLog(store, world.signer.name)),
        keys=[world.signer.verifier],
        policy=world.policy,
        auditor=world.auditor,
        seen=seen,
    )


WRITE_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from log_world import LogWorld, crossing
from carbonport.crypto.notes import NoteSigner
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.node.store import Store
from carbonport.node.store.facts import write_fact

async def main(location, signer, own_key, start):
    world = LogWorld(Path(sys.argv[5]), signer=NoteSigner.from_pem("exporter.example/log", 1, signer.encode()),
                     own_key=bytes.fromhex(own_key), quorum=0)
    log = await world.open(Store.open(location), cosigners=[])
    async def client(number):
        while True:
            write = lambda connection, index, number=number: write_fact(connection, f"row-{number}", str(index))
            answer = await log.append(crossing(number, write=write))
            print(number, answer.index, flush=True)
            number += 8
    await asyncio.gather(*(client(start + n) for n in range(8)))

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
"""


async def test_kill_9_loses_nothing_acknowledged(
    world: LogWorld, store: Store, store_location: str, tmp_path: Path
) -> None:
    world.quorum = 0
    acknowledged: dict[int, int] = {}
    chance = random.Random(20260101)

    def acknowledge(line: str) -> None:
        if line.endswith("\n"):
            number, index = line.split()
            acknowledged[int(number)] = int(index)

    for round_number in range(3):
        with subprocess.Popen(
            [
                sys.executable,
                "-c",
                WRITE_UNTIL_KILLED,
                store_location,
                world.signer.to_pem().decode(),
                world.own_key.hex(),
                str(round_number * 100_000),
                str(tmp_path / f"process-{round_number}"),
            ],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parent,
            text=True,
        ) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 150)):
                acknowledge(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            for line in process.stdout:
                acknowledge(line)
        log = await world.open(store, cosigners=[])
        await log.check()
        with store.reading() as connection:
            rows = connection.execute(text("SELECT count(*) FROM store_facts")).scalar_one()
        assert rows == log.size >= len(acknowledged)
        number, index = next(reversed(acknowledged.items()))
        again = await log.append(crossing(number))
        assert (again.index, again.repeated) == (index, True)
        await log.close()
    with StoredLog(store, world.signer.name).reading() as found:
        for number, index in acknowledged.items():
            assert found.find(crossing(number).exchange) == [index]


async def test_a_reopened_log_goes_on_and_signs_the_same_head_again(world: LogWorld, store: Store) -> None:
    await fill(world, store)
    log = await world.open(store)
    assert log.size == ENTRIES
    first = SignedNote.parse(await log.checkpoint())
    assert Checkpoint.parse(first.text).size == ENTRIES
    later = await log.append(crossing(ENTRIES))
    assert world.verify(later.receipt, b"%d" % ENTRIES)
    old = await log.receipt(3, crossing(3).opened)
    assert world.verify(old.receipt, b"3")
    with pytest.raises(Misuse, match="log-index"):
        await log.receipt(ENTRIES + 1, ())
    await log.close()


async def test_a_restored_backup_behind_the_witness_refuses_to_sign(
    world: LogWorld, store: Store, tmp_path: Path, store_location: str
) -> None:
    await fill(world, store, 0, 5)
    counts = back_up(store, tmp_path / "backup.db", clock=world.clock)
    assert counts["log_entries"] == 5
    await fill(world, store, 5, 8)
    restored = Store.open(tmp_path / "restored")
    assert restore(tmp_path / "backup.db", restored, clock=world.clock)["log_bodies"] == 5
    with restored.reading() as connection:
        assert restored_at(connection) == world.clock.now
    fsck(world, restored)
    log = await world.open(restored)
    assert log.size == 5
    with pytest.raises(FailedVerification, match="log-behind-witness"):
        await log.append(crossing(9))
    assert log.size == 5
    await log.close()
    restored.close()


async def test_a_backup_that_the_witness_has_not_passed_goes_on(
    world: LogWorld, store: Store, tmp_path: Path
) -> None:
    await fill(world, store)
    back_up(store, tmp_path / "backup.db")
    restored = Store.open(tmp_path / "restored")
    restore(tmp_path / "backup.db", restored)
    log = await world.open(restored)
    again = await log.append(crossing(4))
    assert (again.index, again.repeated) == (4, True)
    assert (await log.append(crossing(ENTRIES))).index == ENTRIES
    await log.check()
    await log.close()
    restored.close()


async def test_a_backup_goes_from_one_database_to_the_other(
    world: LogWorld, store: Store, tmp_path: Path, new_postgresql_schema: Callable[[], str]
) -> None:
    await fill(world, store)
    back_up(store, tmp_path / "backup.db")
    with pytest.raises(Misuse, match="store-backup-exists"):
        back_up(store, tmp_path / "backup.db")
    for location in (str(tmp_path / "moved"), new_postgresql_schema()):
        moved = Store.open(location)
        restore(tmp_path / "backup.db", moved)
        fsck(world, moved)
        assert len((await audit(world, moved)).crossings) == ENTRIES
        with pytest.raises(Misuse, match="store-not-empty"):
            restore(tmp_path / "backup.db", moved)
        moved.close()


async def test_an_untouched_log_passes_check_and_audit(world: LogWorld, store: Store) -> None:
    await fill(world, store)
    fsck(world, store)
    found = await audit(world, store)
    assert (found.size, found.witnessed_at, found.erased) == (ENTRIES, world.clock.now, ())
    assert found.by_grade() == {"S1": ENTRIES, "S2": ENTRIES}
    first = found.crossings[0]
    assert (first.text(FieldName.PURPOSE), first.items[0].name) == ("cbam-declaration", "see_direct")
    await fill(world, store, ENTRIES, ENTRIES + 3)
    again = await audit(world, store, seen=found.seen)
    assert again.size == ENTRIES + 3


TAMPERINGS = {
    "an entry": "UPDATE log_entries SET entry = (SELECT entry FROM log_entries WHERE position = 4) WHERE position = 3",
    "an entry's exchange": "UPDATE log_entries SET exchange = 'ffffffffffffffffffffffffffffffff' WHERE position = 3",
    "an entry's type": "UPDATE log_entries SET type = 2 WHERE position = 3",
    "a request digest": "UPDATE log_entries SET request_digest = entry WHERE position = 3",
    "the last entry gone": "DELETE FROM log_entries WHERE position = 10",
    "an entry gone": "DELETE FROM log_entries WHERE position = 3",
    "a body of another": "UPDATE log_bodies SET body = (SELECT body FROM log_bodies WHERE position = 4)"
    " WHERE position = 3",
    "a body gone": "DELETE FROM log_bodies WHERE position = 3",
    "a wrapped key": "UPDATE log_bodies SET own_key = (SELECT own_key FROM log_bodies WHERE position = 4)"
    " WHERE position = 3",
    "a node": "UPDATE log_nodes SET hash = (SELECT hash FROM log_nodes WHERE level = 1 AND position = 1)"
    " WHERE level = 1 AND position = 0",
    "a node gone": "DELETE FROM log_nodes WHERE level = 1 AND position = 1",
    "a node more": "INSERT INTO log_nodes (log, level, position, hash)"
    " SELECT log, 7, 0, hash FROM log_nodes WHERE level = 3",
    "the size": "UPDATE logs SET size = 10",
    "the root": "UPDATE logs SET root = (SELECT hash FROM log_nodes WHERE level = 3)",
    "the note's size": "UPDATE logs SET note_size = 10",
    "an entry more": "INSERT INTO log_entries (log, position, entry, exchange, type, request_digest)"
    " SELECT log, 11, entry, 'ffffffffffffffffffffffffffffffff', type, request_digest"
    " FROM log_entries WHERE position = 3",
}
SEEN_BY_FSCK_ONLY = {
    "an entry's exchange",
    "an entry's type",
    "a request digest",
    "a wrapped key",
    "a node",
    "a node gone",
    "a node more",
    "the size",
    "the root",
    "the note's size",
    "an entry more",
}
"""Rows that no auditor is shown: the node's own columns and what is derived from the entries anyway."""


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_every_changed_row_is_found(world: LogWorld, store: Store, tampering: str) -> None:
    await fill(world, store)
    with store.writing() as connection:
        # As someone would who holds the database, whose foreign keys are no protection against its owner.
        assert connection.execute(text(TAMPERINGS[tampering])).rowcount >= 1
    with pytest.raises(LogDamagedError) as caught:
        fsck(world, store)
    assert caught.value.fsck.findings
    if tampering in SEEN_BY_FSCK_ONLY:
        assert (await audit(world, store)).size == ENTRIES
    else:
        with pytest.raises(AuditFailedError) as failed:
            await audit(world, store)
        assert failed.value.audit.findings


@pytest.mark.parametrize(
    "tampering", ["the size", "the root", "the last entry gone", "an entry more", "a note"]
)
async def test_a_log_that_does_not_give_its_root_is_not_opened(
    world: LogWorld, store: Store, tampering: str
) -> None:
    await fill(world, store)
    changes = TAMPERINGS | {"a note": "UPDATE logs SET note_size = 3"}
    with store.writing() as connection:
        connection.execute(text(changes[tampering]))
    with pytest.raises(FailedVerification, match=r"log-(root|note)-mismatch|log-node-missing"):
        await world.open(store)


async def test_a_rewritten_log_is_found_by_who_saw_it_before(
    world: LogWorld, store: Store, tmp_path: Path
) -> None:
    await fill(world, store)
    seen = (await audit(world, store)).seen
    world.quorum = 0
    other = Store.open(tmp_path / "other")
    log = await world.open(other, cosigners=[])
    for number in range(ENTRIES + 2):
        await log.append(crossing(number))
    await log.close()
    fsck(world, other)
    assert (await audit(world, other)).size == ENTRIES + 2
    with pytest.raises(AuditFailedError) as failed:
        await audit(world, other, seen=seen)
    assert [each.id for each in failed.value.audit.findings] == ["audit-history"]
    with pytest.raises(AuditFailedError) as failed:
        await audit(world, store, seen=SeenCheckpoint(ENTRIES + 5, bytes(32)))
    assert [each.id for each in failed.value.audit.findings] == ["audit-history"]
    other.close()


async def test_an_unwitnessed_checkpoint_and_a_strangers_key_fail_the_audit(
    world: LogWorld, store: Store
) -> None:
    world.quorum = 0
    log = await world.open(store, cosigners=[])
    await log.append(crossing(1))
    await log.close()
    world.quorum = 1
    with pytest.raises(AuditFailedError) as failed:
        await audit(world, store)
    assert [each.id for each in failed.value.audit.findings] == ["witness-quorum"]
    world.signer = NoteSigner.generate(world.signer.name)
    with pytest.raises(CarbonportError, match="note-unsigned"):
        await audit(world, store)


async def test_an_erased_body_is_gone_and_the_log_still_holds(
    world: LogWorld, store: Store, store_location: str
) -> None:
    await fill(world, store)
    before = (await audit(world, store)).seen
    log = await world.open(store)
    redacted = await log.erase(3, "request of a data subject")
    assert redacted.index == ENTRIES
    repeated = await log.erase(3, "request of a data subject")
    assert (repeated.index, repeated.repeated) == (ENTRIES, True)
    with pytest.raises(Misuse, match="log-body-erased"):
        await log.append(crossing(3))
    for index in (ENTRIES, 99):
        with pytest.raises(Misuse, match="log-not-erasable"):
            await log.erase(index, "no")
    await log.check()
    await log.close()
    store.scrub()
    found = await audit(world, store, seen=before)
    assert found.erased == ((3, ENTRIES),)
    assert len(found.crossings) == ENTRIES - 1
    assert [each.text(FieldName.REASON) for each in found.entries if each.type is EntryType.REDACTION] == [
        "request of a data subject"
    ]
    assert found.crossings[3].exchange == crossing(4).exchange


async def test_a_body_is_not_left_in_the_file(world: LogWorld, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "node")
    await fill(world, store)
    with StoredLog(store, world.signer.name).reading() as rows:
        _, body, wrapped = rows.body(3)
    log = await world.open(store)
    await log.erase(3, "test")
    await log.close()
    store.scrub()
    assert store.file is not None
    left = b"".join(each.read_bytes() for each in store.file.parent.iterdir())
    assert body[20:80] not in left
    assert wrapped[:40] not in left
    store.close()


async def test_bodies_expire_after_the_retention(world: LogWorld, store: Store) -> None:
    log = await world.open(store, settings=LogSettings(retention_s=1000))
    await log.append(crossing(0))
    await log.append(crossing(1))
    world.clock.now += 600
    await log.append(crossing(2))
    assert await log.expired() == []
    world.clock.now += 500
    assert await log.expired() == [0, 1]
    await asyncio.gather(*(log.erase(index, "end of retention") for index in await log.expired()))
    assert await log.expired() == []
    await log.close()
