"""Audit and export of logs, as operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert, select, update

from carbonport.attestation.witness_rules import witness_requirement
from carbonport.crypto.canonical import Json
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.errors import Malformed, Misuse
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import ParticipantName, Role
from carbonport.node.log.audit import Audit, AuditFailedError, Auditor, SeenCheckpoint, audit_log
from carbonport.node.log.audited_entry import AuditedEntry
from carbonport.node.log.folder import FolderSource, write_log_folder
from carbonport.node.log.fsck import Finding
from carbonport.node.log.log_source import LogSource
from carbonport.node.log.stored_log import StoredEntry
from carbonport.node.open_node import OpenNode
from carbonport.node.participant import Participant
from carbonport.node.regulator.lot_audits import audit_lots
from carbonport.node.regulator.lot_source import FolderLots, PeerLots, write_lots
from carbonport.node.regulator.several_logs import HeldLog, compared_logs
from carbonport.node.regulator.training_audits import training_logs, trainings_json
from carbonport.node.store.exchange_schema import audited_logs
from carbonport.node.transport.peers import Peers
from carbonport.wire.v1 import log_pb2

GET_CHECKPOINT = "/carbonport.wire.v1.LogService/GetCheckpoint"
LIST_ENTRIES = "/carbonport.wire.v1.LogService/ListEntries"

MAX_LISTED = 10_000
"""Most entries that one answer lists; the audit itself covers all."""

Arguments = Mapping[str, Json]


class PeerSource:
    """The log of another node, read over the wire; a `LogSource`."""

    def __init__(self, peers: Peers, peer: str) -> None:
        self._peers = peers
        self._peer = peer

    async def checkpoint(self) -> bytes:
        """The newest signed note."""
        request, answer = log_pb2.GetCheckpointRequest(), log_pb2.GetCheckpointResponse
        return (await self._peers.ask(self._peer, GET_CHECKPOINT, request, answer)).checkpoint

    async def entries(self, start: int, limit: int) -> Sequence[StoredEntry]:
        """A run of entries with their sealed bodies."""
        request = log_pb2.ListEntriesRequest(start=start, limit=limit)
        answer = await self._peers.ask(self._peer, LIST_ENTRIES, request, log_pb2.ListEntriesResponse)
        return [StoredEntry(each.index, each.entry, each.body or None) for each in answer.entries]


async def audit(node: OpenNode, arguments: Arguments) -> Json:
    """Audit a participant's log: recompute, open, list what crossed; fails loudly on any change. With further targets,
    each log is audited and all are held against each other."""
    targets = [str(arguments["target"]), *(str(each) for each in _listed(arguments.get("others")))]
    logs = [await _audited(node, target) for target in targets]
    if len(logs) == 1:
        return logs[0].shown
    held = [log.found for log in logs if log.found is not None]
    compared = compared_logs(held)
    return {
        "ok": all(log.shown["ok"] for log in logs) and not compared.findings,
        "logs": [log.shown for log in logs],
        "compared": [each.owner for each in held],
        "reconciled": list[Json](compared.reconciled),
        "findings": [_finding_json(each) for each in compared.findings],
    }


@dataclass(frozen=True)
class _AuditedLog:
    """What is shown of an audited log, and what the comparison with others reads of one that held."""

    shown: dict[str, Json]
    found: HeldLog | None = None


async def _audited(node: OpenNode, target: str) -> _AuditedLog:
    participant = node.participant
    source = _source(node, target)
    origin = SignedNote.parse(await source.checkpoint()).text.partition("\n")[0]
    owner, keys = _log_owner(participant, origin)
    requirement = witness_requirement(
        participant.trust, log_owner=owner, reader=participant.id, now=participant.clock()
    )
    seen = _last_seen(participant, origin)
    try:
        found = await audit_log(
            source,
            keys=keys,
            policy=requirement.policies()[0],
            auditor=_auditor(participant),
            seen=seen,
        )
    except AuditFailedError as failure:
        return _AuditedLog(
            {"ok": False, "owner": owner, **_audit_json(failure.audit), "lots": [], "trainings": []}
        )
    _keep_seen(participant, origin, found)
    lots = await _lots(node, target, owner, found)
    trainings = training_logs(owner, found.entries)
    shown: dict[str, Json] = {
        "ok": all(lot["ok"] for lot in lots) and not trainings.findings,
        "owner": owner,
        "seen_before": seen.size if seen else 0,
        **_audit_json(found),
        "lots": list[Json](lots),
        "trainings": trainings_json(trainings),
        "findings": [_finding_json(each) for each in trainings.findings],
    }
    return _AuditedLog(shown, HeldLog(owner, found, trainings))


def _source(node: OpenNode, target: str) -> LogSource:
    if Path(target).is_dir():
        return FolderSource(Path(target))
    try:
        ParticipantName.parse(target)
    except Malformed:
        raise Misuse(
            "audit-target",
            found=f"{target[:80]!r}, which is neither a folder here nor a participant",
            expected="the folder of an exported log, or a participant such as CN/<LEI>",
            remedy="Check the path, or name the participant as its trust list does.",
        ) from None
    return PeerSource(node.peers, target)


async def _lots(node: OpenNode, target: str, owner: str, found: Audit) -> list[dict[str, Json]]:
    """The lots of an exporter, from where its log comes."""
    exporter = node.participant.trust.participant(owner, now=node.participant.clock())
    if Role.EXPORTER not in exporter.roles:
        return []
    folder = Path(target)
    source = FolderLots(folder) if folder.is_dir() else PeerLots(node.peers, owner)
    return await audit_lots(node, owner, found.entries, source)


async def export_log(node: OpenNode, arguments: Arguments) -> Json:
    """Write this node's log, and its lots, as a folder that others can check and audit."""
    folder = Path(str(arguments["out"]))
    note = await node.log.checkpoint()
    stored = node.log.stored
    entries: list[StoredEntry] = []
    while run := stored.entries(len(entries), 500):
        entries += run
    write_log_folder(folder, note, entries)
    lots = await write_lots(folder, node.lots, node.participant.id)
    return {"origin": node.log.origin, "entries": len(entries), "lots": lots, "out": str(folder)}


def _auditor(participant: Participant) -> Auditor:
    """The reader of bodies, with the retired keys that older bodies are sealed to."""
    identity = participant.identity
    current = identity.record(KeyUse.HPKE)
    private = {
        item.kid: identity.x25519(item).private_bytes_raw() for item in identity.ring.records(KeyUse.HPKE)
    }
    return Auditor(current.kid, private.pop(current.kid), private)


def _log_owner(participant: Participant, origin: str) -> tuple[str, list[VerifierKey]]:
    """Whose log it is by the trust lists, and the keys it may be signed with, newest first."""
    for held in participant.trust.held_lists():
        for listed in held.trust_list.participants:
            keys = [key for key in listed.keys if key.usage == "log"]
            named = [VerifierKey.parse(key.text) for key in sorted(keys, key=lambda key: -key.valid_from)]
            if matching := [key for key in named if key.name == origin]:
                return listed.id, matching
    raise Misuse(
        "audit-unknown-log",
        found=f"a log of the origin {origin[:100]!r}",
        expected="the log of a participant of a trust list",
        remedy="Add the newest trust lists, or check what the folder is.",
    )


def _last_seen(participant: Participant, origin: str) -> SeenCheckpoint | None:
    with participant.store.reading() as connection:
        row = connection.execute(select(audited_logs).where(audited_logs.c.origin == origin)).first()
    return None if row is None else SeenCheckpoint(row.size, bytes(row.root))


def _keep_seen(participant: Participant, origin: str, found: Audit) -> None:
    """Remember the newest state that was audited; an older folder does not move it back."""
    values = {"size": found.size, "root": found.root, "audited_at": participant.clock()}
    with participant.store.writing() as connection:
        row = connection.execute(select(audited_logs.c.size).where(audited_logs.c.origin == origin)).first()
        if row is None:
            connection.execute(insert(audited_logs).values(origin=origin, **values))
        elif row.size <= found.size:
            connection.execute(update(audited_logs).where(audited_logs.c.origin == origin).values(**values))


def _audit_json(found: Audit) -> dict[str, Json]:
    return {
        "origin": found.origin,
        "size": found.size,
        "root": found.root.hex(),
        "witnessed_at": found.witnessed_at,
        "by_grade": dict(found.by_grade()),
        "entries": [_entry_json(each) for each in found.entries[:MAX_LISTED]],
        "erased": [{"entry": entry, "redaction": redaction} for entry, redaction in found.erased],
        "findings": [_finding_json(each) for each in found.findings],
    }


def _finding_json(finding: Finding) -> Json:
    return {"id": finding.id, "where": finding.where, "found": finding.found}


def _listed(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list | tuple) else []


def _entry_json(each: AuditedEntry) -> Json:
    return {
        "index": each.index,
        "type": each.type.word,
        "time": each.time,
        "exchange": each.exchange,
        "recipient": each.text("recipient"),
        "purpose": each.text("purpose"),
        "reason": each.text("reason"),
        "policy": each.text("policy"),
        "decision": each.text("decision"),
        "items": [
            {
                "field": item.name,
                "class": item.field_class,
                "grade": item.grade,
                "form": item.form,
                "reason": item.reason,
            }
            for item in each.items
        ],
    }
