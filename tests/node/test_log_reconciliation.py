"""Both sides' logs against each other: what left and what arrived, by exchange id."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from log_world import EXPORTER, IMPORTER, LogWorld, crossing

from carbonport.crypto.canonical import canonical_bytes
from carbonport.crypto.fieldtree import fields_root, salted_fields
from carbonport.crypto.log_body import Body
from carbonport.crypto.log_entry import Entry, EntryType, Event, FieldName
from carbonport.errors import FailedVerification, Malformed
from carbonport.node.log.audit import Audit, AuditFailedError, audit_log
from carbonport.node.log.audited_entry import audited_entry
from carbonport.node.log.draft import Draft, Logged
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.log.log_source import StoreSource
from carbonport.node.log.reconciliation import Reconciliation, reconcile
from carbonport.node.log.stored_log import StoredEntry, StoredLog
from carbonport.node.store import Store


def arrival(number: int, sent: Logged) -> Draft:
    """The importer's own entry for a crossing that it received with its receipt."""
    draft = crossing(number)
    fields = {
        FieldName.PAYLOAD: draft.fields[FieldName.PAYLOAD],
        FieldName.RECIPIENT: EXPORTER.encode(),
        FieldName.PEER: sent.receipt.peer_field(),
    }
    return replace(draft, type=EntryType.ARRIVAL, fields=fields, opened=())


@asynccontextmanager
async def open_log(folder: Path) -> AsyncIterator[tuple[LogWorld, ExchangeLog, Callable[[], StoreSource]]]:
    world = LogWorld(folder)
    store = Store.open(folder / "node")
    log = await world.open(store)
    yield world, log, lambda: StoreSource(StoredLog(store, world.signer.name))
    store.close()
    world.close()


async def audited(world: LogWorld, source: StoreSource) -> Audit:
    return await audit_log(source, keys=[world.signer.verifier], policy=world.policy, auditor=world.auditor)


def match(exporter: Audit, importer: Audit) -> Reconciliation:
    return reconcile(exporter, importer, importer_id=IMPORTER, exporter_id=EXPORTER)


async def test_what_left_is_matched_with_what_arrived(tmp_path: Path) -> None:
    async with (
        open_log(tmp_path / "e") as (east, sender, sent),
        open_log(tmp_path / "w") as (
            west,
            receiver,
            received,
        ),
    ):
        crossings = [await sender.append(crossing(number)) for number in range(6)]
        for number in (0, 1):
            await receiver.append(arrival(number, crossings[number]))
        await receiver.append(arrival(2, crossings[3]))
        other_bytes = arrival(4, crossings[4])
        fields = {**other_bytes.fields, FieldName.PAYLOAD: bytes(32)}
        await receiver.append(replace(other_bytes, fields=fields))
        await receiver.append(arrival(7, crossings[0]))
        await sender.close()
        await receiver.close()
        found = match(await audited(east, sent()), await audited(west, received()))
    ids = [crossing(number).exchange for number in range(8)]
    assert found.matched == (ids[0], ids[1])
    assert found.on_the_way == (ids[3], ids[5])
    assert found.unlogged == (ids[7],)
    assert [(each.exchange, each.found) for each in found.differences] == [
        (ids[2], "a receipt for another entry"),
        (ids[4], "another payload"),
    ]
    with pytest.raises(FailedVerification, match="audit-disagreement"):
        found.require_agreement()
    replace(found, unlogged=(), differences=()).require_agreement()


class LyingSource:
    """A real log behind an operator who changes what the auditor is shown."""

    def __init__(self, inner: StoreSource, change: Callable[[StoredEntry], StoredEntry | None]) -> None:
        self._inner = inner
        self._change = change

    async def checkpoint(self) -> bytes:
        return await self._inner.checkpoint()

    async def entries(self, start: int, limit: int) -> list[StoredEntry]:
        shown = map(self._change, await self._inner.entries(start, limit))
        return [each for each in shown if each is not None]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda each: None if each.index == 2 else each, {"audit-entries", "audit-root"}),
        (lambda _: None, {"audit-root"}),
        (lambda each: replace(each, body=None) if each.index == 2 else each, {"audit-body-missing"}),
        (lambda each: replace(each, body=b"{}") if each.index == 2 else each, {"log-body-format"}),
        (lambda each: replace(each, index=9) if each.index == 2 else each, {"audit-entries", "audit-root"}),
        (
            lambda each: replace(each, entry=each.entry[:-1] + b"\x00") if each.index == 2 else each,
            {"audit-root", "hpke-open"},
        ),
        (
            lambda each: replace(each, entry=b"\x09" + each.entry[1:]) if each.index == 2 else each,
            {"audit-root", "log-entry-format"},
        ),
    ],
)
async def test_an_operator_who_shows_something_else_is_found(
    tmp_path: Path, change: Callable[[StoredEntry], StoredEntry | None], found: set[str]
) -> None:
    async with open_log(tmp_path) as (world, log, source):
        for number in range(5):
            await log.append(crossing(number))
        await log.close()
        with pytest.raises(AuditFailedError) as failed:
            await audit_log(
                LyingSource(source(), change),
                keys=[world.signer.verifier],
                policy=world.policy,
                auditor=world.auditor,
            )
    assert {each.id for each in failed.value.audit.findings} == found
    assert "audit-failed" in str(failed.value)


async def test_an_auditor_without_its_seal_sees_that_it_has_none(tmp_path: Path) -> None:
    async with open_log(tmp_path) as (world, log, source):
        await log.append(crossing(1))
        await log.close()
        with pytest.raises(AuditFailedError) as failed:
            await audit_log(
                source(),
                keys=[world.signer.verifier],
                policy=world.policy,
                auditor=replace(world.auditor, reader="eu-regulator"),
            )
    assert [each.id for each in failed.value.audit.findings] == ["log-body-reader"]
    assert world.regulator.private.hex() not in repr(world.auditor)


@pytest.mark.parametrize(
    "fields",
    [
        {FieldName.ITEMS: b"{}"},
        {FieldName.ITEMS: canonical_bytes([{"name": "see_direct"}])},
        {FieldName.ITEMS: canonical_bytes(["see_direct"])},
        {FieldName.PEER: canonical_bytes({"origin": "a", "index": 1, "leaf": "00", "receipt": "00"})},
        {FieldName.PEER: b"[]"},
    ],
)
def test_fields_out_of_form_are_a_finding(fields: dict[str, bytes]) -> None:
    leaves = salted_fields(fields, lambda count: hashlib.sha256(b"salt").digest()[:count])
    event = Event(EntryType.CROSSING, crossing(1).exchange, 5, fields_root(leaves))
    body = Body(event.encode(), bytes(32), leaves)
    with pytest.raises(Malformed, match="log-items-format"):
        audited_entry(0, Entry.of(event, bytes(32)), body)
