"""Where an auditor gets an exporter's lots from: the exporter itself, or the folder that its log was exported to.

    lots/<lot id>.json    the wire messages of one lot in their JSON form: {"listed": ListedLot, "run": its entries}

A folder promises nothing: the auditor holds it against signatures, proofs and the exchange log, which names every lot
that was sold from.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from carbonport.attestation.lots.lot_leaves import MAX_LOT_ENTRIES
from carbonport.crypto.checkpoint import Checkpoint
from carbonport.errors import FailedVerification, Malformed
from carbonport.node.bounded_file import read_bounded
from carbonport.node.exporter.lots.lot_showing import LotShowing
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import write_public
from carbonport.node.importer.lot_fetching import LIST_LOT_ENTRIES, PAGE_ENTRIES
from carbonport.node.transport.peers import Peers
from carbonport.wire.v1 import lots_pb2

LIST_LOTS = "/carbonport.wire.v1.LotService/ListLots"

LOTS_FOLDER = "lots"
"""Inside the folder of an exported log."""

MAX_LOTS = 4096
"""Most lots read from a folder: as many years and processes as nobody has."""

MAX_LOT_FILE_BYTES = 2**27
"""Largest file of one lot: the most entries that a lot can have, with their proofs in base64, take some 60 MB."""

AS_REGULATOR = frozenset({Role.REGULATOR})
"""An exported lot has what a regulator is shown of it: every remainder's proof, and no opening."""


class LotSource(Protocol):
    """The lots of one exporter."""

    async def listed(self) -> Sequence[lots_pb2.ListedLot]:
        """Every lot that it shows, with checkpoint and statements."""

    async def entries(self, checkpoint: Checkpoint) -> Sequence[lots_pb2.LotEntry]:
        """The entries of one lot up to a checkpoint; FailedVerification (`lot-audit-answer`) for a run with gaps."""


class PeerLots:
    """The lots of another node, asked over the wire."""

    def __init__(self, peers: Peers, owner: str) -> None:
        self._peers = peers
        self._owner = owner

    async def listed(self) -> Sequence[lots_pb2.ListedLot]:
        """Page after page."""
        found: list[lots_pb2.ListedLot] = []
        while True:
            request = lots_pb2.ListLotsRequest(start=len(found))
            answer = await self._peers.ask(self._owner, LIST_LOTS, request, lots_pb2.ListLotsResponse)
            if not answer.lots:
                return found
            found += answer.lots

    async def entries(self, checkpoint: Checkpoint) -> Sequence[lots_pb2.LotEntry]:
        """Page after page."""
        found: list[lots_pb2.LotEntry] = []
        while len(found) < min(checkpoint.size, MAX_LOT_ENTRIES):
            limit = min(PAGE_ENTRIES, checkpoint.size - len(found))
            request = lots_pb2.ListLotEntriesRequest(origin=checkpoint.origin, start=len(found), limit=limit)
            answer = await self._peers.ask(
                self._owner, LIST_LOT_ENTRIES, request, lots_pb2.ListLotEntriesResponse
            )
            if not answer.entries:
                raise malformed_answer("no entries below the checkpoint's size")
            require_run(answer.entries, len(found))
            found += answer.entries
        return found


class FolderLots:
    """The lots in the folder of an exported log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / LOTS_FOLDER
        self._entries: dict[str, Sequence[lots_pb2.LotEntry]] = {}

    async def listed(self) -> Sequence[lots_pb2.ListedLot]:
        """All at once; Malformed (`lot-folder-format`) for a file of another form."""
        return await asyncio.to_thread(self._read)

    async def entries(self, checkpoint: Checkpoint) -> Sequence[lots_pb2.LotEntry]:
        """As they stand in the file of the lot."""
        found = self._entries.get(checkpoint.origin, ())[: checkpoint.size]
        require_run(found, 0)
        return found

    def _read(self) -> list[lots_pb2.ListedLot]:
        found = []
        for path in sorted(self._folder.glob("*.json"))[:MAX_LOTS]:
            try:
                content = json.loads(read_bounded(path, MAX_LOT_FILE_BYTES))
                listed = ParseDict(content["listed"], lots_pb2.ListedLot())
                run = ParseDict(content["run"], lots_pb2.ListLotEntriesResponse())
            except (ValueError, KeyError, TypeError, ParseError, RecursionError):
                raise Malformed(
                    "lot-folder-format",
                    found="a file that is not of the format",
                    expected="a lot as `carbonport log export` writes it",
                    remedy="Export the log again; if the file was changed by somebody, keep it as evidence.",
                    where=str(path),
                ) from None
            found.append(listed)
            self._entries[listed.origin] = run.entries
        return found


async def write_lots(folder: Path, lots: LotShowing, owner: str) -> int:
    """Write every lot of a node into the folder of its exported log; gives their number."""
    count = 0
    while shown := await lots.lots(count):
        for lot in shown:
            listed = lots_pb2.ListedLot(origin=lot.origin, checkpoint=lot.note.encode())
            for version, level in lot.statements:
                listed.statements.add(statement=version.token, receipt=version.receipt, level=level)
            run = lots_pb2.ListLotEntriesResponse()
            size = Checkpoint.parse(lot.note.text).size
            while len(run.entries) < size:
                rows = lots.entries(
                    lot.origin, len(run.entries), PAGE_ENTRIES, caller=owner, roles=AS_REGULATOR
                )
                for row in rows[: size - len(run.entries)]:
                    run.entries.add(
                        position=row.position, entry=row.entry, proof=row.proof, remainder_proof=row.remainder
                    )
            content = json.dumps({"listed": MessageToDict(listed), "run": MessageToDict(run)}).encode()
            path = folder / LOTS_FOLDER / f"{lot.origin.rpartition('/')[2]}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(write_public, path, content)
        count += len(shown)
    return count


def require_run(entries: Sequence[lots_pb2.LotEntry], start: int) -> None:
    """Raise unless the positions go on from `start` without a gap."""
    if [each.position for each in entries] != list(range(start, start + len(entries))):
        raise malformed_answer("a run of entries with gaps")


def malformed_answer(found: str) -> FailedVerification:
    """The error of a lot that is shown in another form than it must be."""
    return FailedVerification(
        "lot-audit-answer",
        found=found,
        expected="the lot with all its statements and entries",
        remedy="Ask the exporter again; if it stays so, keep what was answered as evidence.",
    )
