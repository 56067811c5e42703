"""The lots of an exporter, audited: every lot that it shows, and that it shows every one.

A lot is held against its own rules and proofs (`carbonport.attestation.lots.lot_audit`), against what the exporter's
log says was attested under it, against what this regulator saw of it before, and against the lots that it witnesses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from carbonport.attestation.check_report import Check
from carbonport.attestation.lots.activity_level import ShownLevel, read_shown_level
from carbonport.attestation.lots.lot_audit import AttestedSale, AuditedLot, LotAudit, audit_lot
from carbonport.attestation.lots.lot_leaves import MAX_LOT_ENTRIES
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.stated_lots import stated_lots
from carbonport.attestation.statement import statement_digest
from carbonport.attestation.statement_draft import HEX_DIGEST, read_hex
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, parse_canonical
from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.crypto.merkle import leaf_hash, tree_root
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.crypto.receipt import Receipt
from carbonport.errors import CarbonportError, FailedVerification
from carbonport.node.importer.lot_fetching import MAX_LEVEL_BYTES
from carbonport.node.log.audited_entry import AuditedEntry
from carbonport.node.open_node import OpenNode
from carbonport.node.regulator.lot_source import LotSource, malformed_answer
from carbonport.node.store.exchange_schema import audited_logs
from carbonport.node.store.lot_schema import witnessed_lots
from carbonport.node.verified_statement import verified_with_receipt
from carbonport.wire.v1 import lots_pb2

MAX_LOT_FIELD_BYTES = 4096
"""Longest field `lot` of a log entry."""

SALT_BYTES = 32

FORK, HIDDEN = "lot-audit-fork", "lot-audit-hidden"


@dataclass(frozen=True, slots=True)
class _Sale:
    """What a log entry says of a sale, and by whose attestation."""

    origin: str
    attestation: str
    sale: AttestedSale


async def audit_lots(
    node: OpenNode, owner: str, entries: Sequence[AuditedEntry], source: LotSource
) -> list[dict[str, Json]]:
    """Every lot of `owner`, whose log `entries` are; each with its checks and what a regulator should know beside.

    A lot that cannot be read, or is not shown at all, is a lot that does not hold: nothing raises for what it says.
    """
    sales, found = _sales(entries), list[dict[str, Json]]()
    shown = await source.listed()
    for lot in shown:
        mine = [each for each in sales if each.origin == lot.origin]
        try:
            found.append(await _audited(node, owner, lot, mine, source))
        except CarbonportError as error:
            found.append(_unreadable(lot.origin, error))
    expected = {each.origin for each in sales} | _witnessed(node, owner)
    for origin in sorted(expected - {lot.origin for lot in shown}):
        found.append(
            _unreadable(
                origin,
                FailedVerification(
                    HIDDEN,
                    found="a lot that was sold from or witnessed, and is not shown",
                    expected="every lot of the exporter",
                    remedy="Ask the exporter for the lot; keep its log as evidence.",
                ),
            )
        )
    return found


async def _audited(
    node: OpenNode, owner: str, lot: lots_pb2.ListedLot, sales: Sequence[_Sale], source: LotSource
) -> dict[str, Json]:
    participant, now = node.participant, node.participant.clock()
    statements = tuple(_statement(node, owner, lot.origin, each) for each in lot.statements)
    if not statements:
        raise malformed_answer("a lot without a statement")
    note = SignedNote.parse(lot.checkpoint)
    checkpoint = Checkpoint.parse(note.text)
    rows = await source.entries(checkpoint)
    trust = participant.trust
    listed = trust.participant(owner, now=now)
    audited = AuditedLot(
        statements=statements,
        note=note,
        entries=tuple(row.entry for row in rows),
        proofs={row.position: row.proof for row in rows if row.proof},
        remainders={row.position: row.remainder_proof for row in rows if row.remainder_proof},
        sales=tuple(each.sale for each in sales),
    )
    result = audit_lot(
        audited,
        node_keys=[VerifierKey.parse(key.text) for key in listed.keys if key.usage == "log"],
        participant=lambda name: trust.participant(name, now=now),
        verify_ranges=node.range_processes.verify,
    )
    continued = _continued(node, checkpoint, audited.entries)
    if result.report.ok and continued.ok:
        _keep_seen(node, checkpoint)
    return _json(lot.origin, statements[-1][0], checkpoint.size, result, continued)


def _statement(
    node: OpenNode, owner: str, origin: str, shown: lots_pb2.LotStatement
) -> tuple[StatedLot, ShownLevel]:
    """A statement version of the lot, verified as a witness verifies it."""
    statement = verified_with_receipt(node.participant, shown.statement, Receipt.decode(shown.receipt))
    digest = statement_digest(shown.statement)
    stated = [each for each in stated_lots(statement, digest) if each.terms.origin == origin]
    if statement.exporter != owner or not stated:
        raise malformed_answer("a statement that does not name this lot of this exporter")
    fields = StrictFields(parse_canonical(shown.level, max_bytes=MAX_LEVEL_BYTES, where="level"), "level")
    level = read_shown_level(fields)
    fields.finish()
    return stated[0], level


def _sales(entries: Sequence[AuditedEntry]) -> list[_Sale]:
    """The sales that issued attestations tell, and which of them were revoked since."""
    revoked = {each.text(FieldName.SUBJECT) for each in entries if each.type is EntryType.REVOCATION}
    found = []
    for each in entries:
        if each.type is not EntryType.ISSUE or FieldName.LOT not in each.values:
            continue
        value = parse_canonical(each.values[FieldName.LOT], max_bytes=MAX_LOT_FIELD_BYTES, where="lot")
        fields = StrictFields(value, "field lot")
        attestation = each.text(FieldName.SUBJECT)
        found.append(
            _Sale(
                fields.text("origin"),
                attestation,
                AttestedSale(
                    k=fields.integer("k", minimum=1, maximum=MAX_LOT_ENTRIES),
                    importer=each.text(FieldName.RECIPIENT),
                    consignment=fields.text("consignment"),
                    salt=read_hex(fields, "salt", SALT_BYTES),
                    statement=fields.text("statement", pattern=HEX_DIGEST),
                    revoked=attestation in revoked,
                ),
            )
        )
        fields.finish()
    return found


def _witnessed(node: OpenNode, owner: str) -> set[str]:
    """The lots of this exporter that this node accepted as a witness."""
    with node.participant.store.reading() as connection:
        rows = connection.execute(select(witnessed_lots.c.origin).where(witnessed_lots.c.exporter == owner))
        return {row.origin for row in rows}


def _continued(node: OpenNode, checkpoint: Checkpoint, entries: Sequence[bytes]) -> Check:
    """Whether the lot continues what this regulator saw of it at its last audit."""
    expected = "the entries of the last audit, and new ones behind them"
    with node.participant.store.reading() as connection:
        row = connection.execute(
            select(audited_logs).where(audited_logs.c.origin == checkpoint.origin)
        ).first()
    if row is None:
        return Check("lot-continued", True, "seen for the first time", expected)
    same = len(entries) >= row.size and tree_root(map(leaf_hash, entries[: row.size])) == bytes(row.root)
    found = f"{row.size} entries at the last audit"
    return Check("lot-continued", same, found, expected, "" if same else FORK)


def _keep_seen(node: OpenNode, checkpoint: Checkpoint) -> None:
    values = {"size": checkpoint.size, "root": checkpoint.root, "audited_at": node.participant.clock()}
    mine = audited_logs.c.origin == checkpoint.origin
    with node.participant.store.writing() as connection:
        if not connection.execute(update(audited_logs).where(mine).values(**values)).rowcount:
            connection.execute(insert(audited_logs).values(origin=checkpoint.origin, **values))


def _json(origin: str, stated: StatedLot, size: int, result: LotAudit, continued: Check) -> dict[str, Json]:
    checks = [*result.report.checks, continued]
    return {
        "origin": origin,
        "process": stated.lot.process,
        "period": f"{stated.lot.start}/{stated.lot.end}",
        "entries": size,
        "ok": all(check.ok for check in checks),
        "closed": result.closed,
        "cancelled": list[Json](result.cancelled),
        "superseded": list[Json](result.superseded),
        "unclaimed": list[Json](result.unclaimed),
        "checks": [check.as_json() for check in checks],
    }


def _unreadable(origin: str, error: CarbonportError) -> dict[str, Json]:
    check = Check("lot-shown", False, error.found, error.expected, error.id)
    return {
        "origin": origin,
        "process": "",
        "period": "",
        "entries": 0,
        "ok": False,
        "closed": False,
        "cancelled": [],
        "superseded": [],
        "unclaimed": [],
        "checks": [check.as_json()],
    }
