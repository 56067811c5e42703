"""Bringing back what a restored store forgot of a lot: entries, proofs and openings, from files of its importers.

A store that was filled from a backup may be behind the lot's witnesses. The lot sells nothing then, and goes on where
its witnesses are once every entry and the opening of every counting consignment is back. What a file brings is held
against a checkpoint that this node's own key signed, and against what the store has.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection, update

from carbonport.attestation.lots.consignment_check import range_claims, read_view
from carbonport.attestation.lots.consignment_key import recipient_tag
from carbonport.attestation.lots.lot_leaves import is_statement
from carbonport.attestation.lots.lot_memory import MAX_MEMORY_BYTES, LotMemory, read_lot_memory
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.seller import ConsignmentOpening
from carbonport.attestation.lots.stated_lots import stated_lots
from carbonport.crypto.canonical import Json
from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.pedersen import check_opening
from carbonport.errors import FailedVerification
from carbonport.node.bounded_file import read_bounded
from carbonport.node.exporter.lots import lot_rows
from carbonport.node.exporter.lots.lot_listing import listed_lots
from carbonport.node.exporter.lots.lot_rows import EntryRow, OpeningRow, StoredLot
from carbonport.node.exporter.prepared_statement import verified_statement
from carbonport.node.exporter.statement_versions import version_of
from carbonport.node.identity.names import Role
from carbonport.node.open_node import OpenNode
from carbonport.node.operator.commands import log_decision
from carbonport.node.store.lot_schema import lot_entries


async def restore_lot(node: OpenNode, arguments: Mapping[str, Json]) -> Json:
    """Take an importer's file in; says what the lot still lacks.

    Raises FailedVerification (`lot-restore`) for entries that this node did not sign, that contradict the store, or
    that go by a statement it does not hold.
    """
    participant = node.participant
    participant.require_role(Role.EXPORTER)
    memory = read_lot_memory(read_bounded(Path(str(arguments["path"])), MAX_MEMORY_BYTES))
    shown = memory.presentation
    checkpoint = Checkpoint.parse(shown.note.text)
    with participant.store.reading() as connection:
        lot = lot_rows.lot_of_origin(connection, checkpoint.origin)
        if lot is None:
            raise _contradiction("a lot that no statement in this store names")
        stated = _stated(node, connection, lot, shown.position)
        known = lot_rows.entries_of(connection, lot.id)
    view = read_view(shown.note, shown.entries, stated, node.lot_witnesses.node_keys())
    common = min(len(known), len(shown.entries))
    if [row.entry for row in known[:common]] != list(shown.entries[:common]):
        raise _contradiction("entries that contradict those of this store")
    if any(is_statement(data) for data in shown.entries[common:]):
        raise _contradiction("entries of a statement version that this store does not hold")
    node.range_processes.verify(range_claims(view.history, shown, stated))
    opening = _opening(memory, view.history.consignment(shown.k).tag)
    check_opening(
        view.history.consignment(shown.k).commitment, opening.of_commitment, where=f"entry {shown.k}"
    )
    added = [
        EntryRow(
            at,
            data,
            shown.proofs.get(at, b""),
            shown.remainder_proof if at == shown.position else b"",
        )
        for at, data in enumerate(shown.entries)
        if at >= len(known)
    ]

    def write(connection: Connection, _index: int) -> None:
        if added:
            lot_rows.append_entries(connection, lot.id, added)
        _fill(connection, lot.id, known, memory)
        if shown.k not in lot_rows.openings_of(connection, lot.id):
            row = OpeningRow(shown.k, memory.importer, memory.consignment, opening)
            lot_rows.add_opening(connection, lot.id, row)

    await log_decision(
        node, "lot", f"{checkpoint.origin}: {len(added)} entries and consignment {shown.k} restored", write
    )
    node.lot_desk.forget()
    node.lot_witnesses.forget()
    with participant.store.reading() as connection:
        listed = next(each for each in listed_lots(connection) if each.lot.id == lot.id)
    return {**listed.as_json(), "added": len(added), "restored": shown.k}


def _stated(node: OpenNode, connection: Connection, lot: StoredLot, position: int) -> StatedLot:
    """The lot under the statement in force where the file proves the remainder."""
    rows = [row for row in lot_rows.statements_of(connection, lot.id) if row.position <= position]
    version = version_of(connection, rows[-1].statement)
    statement = verified_statement(node.participant, version)
    return next(each for each in stated_lots(statement, version.digest) if each.lot.id.hex() == lot.id)


def _opening(memory: LotMemory, tag: bytes) -> ConsignmentOpening:
    shown = memory.presentation
    if recipient_tag(shown.salt, memory.importer, memory.consignment) != tag:
        raise _contradiction("an importer and consignment that the entry was not made for")
    return ConsignmentOpening(memory.quantity, shown.blinding, shown.salt)


def _fill(connection: Connection, lot_id: str, known: Sequence[EntryRow], memory: LotMemory) -> None:
    """Proofs of entries that came back without them."""
    shown = memory.presentation
    for row in known:
        here = (lot_entries.c.lot == lot_id) & (lot_entries.c.position == row.position)
        if not row.proof and row.position in shown.proofs:
            connection.execute(update(lot_entries).where(here).values(proof=shown.proofs[row.position]))
        if not row.remainder and row.position == shown.position:
            connection.execute(update(lot_entries).where(here).values(remainder=shown.remainder_proof))


def _contradiction(found: str) -> FailedVerification:
    return FailedVerification(
        "lot-restore",
        found=found,
        expected="entries of a lot of this node, up to a checkpoint that its key signed",
        remedy="Ask the importer of the last consignment, or the regulator, for the lot's entries.",
    )
