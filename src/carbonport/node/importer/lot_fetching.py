"""Fetching what a lot shows of an own consignment: its head, then all entries in pages, put together as one part."""

from carbonport.attestation.lots.activity_level import read_shown_level
from carbonport.attestation.lots.lot_leaves import MAX_LOT_ENTRIES
from carbonport.attestation.lots.lot_presentation import LotPresentation
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import parse_canonical
from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.group import decode_scalar
from carbonport.crypto.notes import SignedNote
from carbonport.errors import FailedVerification
from carbonport.node.transport.peers import Peers
from carbonport.wire.v1 import lots_pb2

GET_CONSIGNMENT = "/carbonport.wire.v1.LotService/GetConsignment"
LIST_LOT_ENTRIES = "/carbonport.wire.v1.LotService/ListLotEntries"
GIVE_BACK = "/carbonport.wire.v1.LotService/GiveBackConsignment"

PAGE_ENTRIES = 1000
"""Entries asked for at a time."""

MAX_LEVEL_BYTES = 16 * 1024
"""Longest leaf of an activity level with its path."""


async def fetch_lot(peers: Peers, exporter: str, attestation_id: str) -> LotPresentation:
    """Everything that the exporter shows of the consignment behind an attestation; nothing of it is checked yet.

    Raises `Malformed` or `FailedVerification` for answers that are not of the form or do not add up.
    """
    head = await peers.ask(
        exporter,
        GET_CONSIGNMENT,
        lots_pb2.GetConsignmentRequest(attestation_id=attestation_id),
        lots_pb2.GetConsignmentResponse,
    )
    note = SignedNote.parse(head.checkpoint)
    checkpoint = Checkpoint.parse(note.text)
    entries = await _entries(peers, exporter, checkpoint)
    level = StrictFields(parse_canonical(head.level, max_bytes=MAX_LEVEL_BYTES, where="level"), "level")
    shown = read_shown_level(level)
    level.finish()
    return LotPresentation(
        k=head.k,
        position=head.position,
        note=note,
        entries=tuple(each.entry for each in entries),
        proofs={
            each.position: each.proof for each in entries if each.proof and each.position <= head.position
        },
        remainder_proof=head.remainder_proof,
        level=shown,
        blinding=decode_scalar(head.blinding),
        salt=head.salt,
    )


async def _entries(peers: Peers, exporter: str, checkpoint: Checkpoint) -> list[lots_pb2.LotEntry]:
    """All entries under the checkpoint, page by page."""
    if not 1 <= checkpoint.size <= MAX_LOT_ENTRIES:
        raise _incomplete(f"a checkpoint over {checkpoint.size} entries", f"1 to {MAX_LOT_ENTRIES} entries")
    found: list[lots_pb2.LotEntry] = []
    while len(found) < checkpoint.size:
        limit = min(PAGE_ENTRIES, checkpoint.size - len(found))
        request = lots_pb2.ListLotEntriesRequest(origin=checkpoint.origin, start=len(found), limit=limit)
        answer = await peers.ask(exporter, LIST_LOT_ENTRIES, request, lots_pb2.ListLotEntriesResponse)
        positions = [each.position for each in answer.entries]
        if not positions or positions != list(range(len(found), len(found) + len(positions))[:limit]):
            raise _incomplete(
                "a run of entries with gaps, or none", "the entries that were asked for, in order"
            )
        found += answer.entries
    return found


def _incomplete(found: str, expected: str) -> FailedVerification:
    return FailedVerification(
        "answer-lot",
        found=found,
        expected=expected,
        remedy="Nothing was kept. Fetch again; if it stays so, tell the exporter.",
    )
