"""A log as a folder of files that anybody's tools can read: C2SP tlog-tiles, and our sealed bodies beside them.

    checkpoint                       the signed note, with its cosignatures
    tile/<L>/<N>[.p/<W>]             hashes: 256 to a full tile, W to a partial one
    tile/entries/<N>[.p/<W>]         entries: u16be length, then the entry
    bodies.jsonl                     one line per body that was not erased: {"body", "index"}

Writing promises a complete copy of the log as of the checkpoint. Reading promises that the hashes beside entries are
theirs, for other tools prove with them, and nothing else: an auditor recomputes the tree.
"""

import asyncio
import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from carbonport.crypto.canonical import b64_decode, b64_encode, canonical_bytes
from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.merkle import HASH_BYTES, leaf_hash, node_hash
from carbonport.crypto.notes import MAX_NOTE_BYTES, SignedNote
from carbonport.errors import FailedVerification, Malformed, Misuse
from carbonport.node.bounded_file import read_bounded
from carbonport.node.identity.private_files import write_public
from carbonport.node.log.stored_log import StoredEntry

TILE_WIDTH = 256
"""Hashes or entries of a full tile."""

TILE_HEIGHT = 8
"""Levels of the tree that one level of tiles spans."""

MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + 0xFFFF)
"""Largest entry bundle."""

MAX_BODIES_BYTES = 2**31
"""Largest file of bodies read."""

CHECKPOINT = "checkpoint"
BODIES = "bodies.jsonl"


def write_log_folder(folder: Path, note: bytes, entries: Sequence[StoredEntry]) -> None:
    """Write a log as of the checkpoint `note`; `entries` are all of its entries, in order."""
    size = Checkpoint.parse(SignedNote.parse(note).text).size
    if len(entries) < size:
        raise Misuse(
            "log-folder-entries",
            found=f"{len(entries)} entries for a checkpoint of {size}",
            expected="every entry up to the checkpoint",
            remedy="Export the log again.",
        )
    covered = entries[:size]
    for number, run in _tiles([each.entry for each in covered]):
        bundle = b"".join(struct.pack(">H", len(entry)) + entry for entry in run)
        _write(folder / "tile" / "entries" / tile_path(number, len(run)), bundle)
    level, hashes = 0, [leaf_hash(each.entry) for each in covered]
    while hashes:
        for number, run in _tiles(hashes):
            _write(folder / "tile" / str(level) / tile_path(number, len(run)), b"".join(run))
        hashes = _full_subtrees(hashes)
        level += 1
    lines = [
        canonical_bytes({"index": each.index, "body": b64_encode(each.body)}) + b"\n"
        for each in covered
        if each.body is not None
    ]
    _write(folder / BODIES, b"".join(lines))
    _write(folder / CHECKPOINT, note)


def tile_path(number: int, width: int) -> str:
    """`<N>` in groups of three digits, all but the last prefixed with x, and `.p/<W>` when the tile is partial."""
    digits = f"{number:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([f"x{group}" for group in groups[:-1]] + [groups[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


class FolderSource:
    """A folder that `write_log_folder` or another tool wrote, as a `LogSource`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bodies: dict[int, bytes] | None = None

    async def checkpoint(self) -> bytes:
        """The signed note."""
        return await asyncio.to_thread(read_bounded, self._folder / CHECKPOINT, MAX_NOTE_BYTES)

    async def entries(self, start: int, limit: int) -> Sequence[StoredEntry]:
        """The entries of the bundle that holds `start`, from there on."""
        return await asyncio.to_thread(self._entries, start, limit)

    def _entries(self, start: int, limit: int) -> list[StoredEntry]:
        number, offset = divmod(start, TILE_WIDTH)
        path = self._tile("entries", number)
        if path is None:
            return []
        bodies = self._all_bodies()
        bundle = list(_unpack(read_bounded(path, MAX_BUNDLE_BYTES), path))
        self._require_hashes(0, number, [leaf_hash(entry) for entry in bundle])
        found = bundle[offset : offset + limit]
        return [StoredEntry(start + at, entry, bodies.get(start + at)) for at, entry in enumerate(found)]

    def _require_hashes(self, level: int, number: int, hashes: list[bytes]) -> None:
        """The tile holds `hashes`; the root of a full one stands in the tile above it, and so on up."""
        if self._hashes(level, number) != hashes:
            raise self._other_hashes(level, number)
        if len(hashes) < TILE_WIDTH:
            return
        (root,) = _full_subtrees(hashes)
        above, place = divmod(number, TILE_WIDTH)
        held = self._hashes(level + 1, above)
        if held[place : place + 1] != [root]:
            raise self._other_hashes(level + 1, above)
        if place == TILE_WIDTH - 1:
            self._require_hashes(level + 1, above, held)

    def _hashes(self, level: int, number: int) -> list[bytes]:
        path = self._tile(str(level), number)
        if path is None:
            return []
        data = read_bounded(path, TILE_WIDTH * HASH_BYTES)
        width = int(path.name) if path.parent.suffix == ".p" else TILE_WIDTH
        if len(data) != width * HASH_BYTES:
            raise self._other_hashes(level, number)
        return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]

    def _other_hashes(self, level: int, number: int) -> FailedVerification:
        return FailedVerification(
            "log-folder-hashes",
            found=f"hashes in the tile {number} of level {level} that are not those of the entries",
            expected="the hashes of the tree over the entries beside them",
            remedy="Export the log again; if the file was changed by somebody, keep it as evidence.",
            where=str(self._folder),
        )

    def _tile(self, kind: str, number: int) -> Path | None:
        base = self._folder / "tile" / kind
        full = base / tile_path(number, TILE_WIDTH)
        if full.is_file():
            return full
        partial = full.with_name(full.name + ".p")
        widths = [int(path.name) for path in partial.glob("*") if path.name.isdecimal()]
        return partial / str(max(widths)) if widths else None

    def _all_bodies(self) -> dict[int, bytes]:
        if self._bodies is None:
            path = self._folder / BODIES
            try:
                lines = [json.loads(line) for line in read_bounded(path, MAX_BODIES_BYTES).splitlines()]
                self._bodies = {int(line["index"]): b64_decode(line["body"]) for line in lines}
            except (ValueError, KeyError, TypeError):
                raise _malformed(path) from None
        return self._bodies


def _tiles(items: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    for number, at in enumerate(range(0, len(items), TILE_WIDTH)):
        yield number, items[at : at + TILE_WIDTH]


def _full_subtrees(hashes: list[bytes]) -> list[bytes]:
    """The hashes one level of tiles up: of the full subtrees of 256."""
    for _ in range(TILE_HEIGHT):
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes) - 1, 2)]
    return hashes


def _unpack(data: bytes, path: Path) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise _malformed(path)
        (length,) = struct.unpack_from(">H", data, at)
        entry = data[at + 2 : at + 2 + length]
        if len(entry) != length:
            raise _malformed(path)
        yield entry
        at += 2 + length


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_public(path, content)


def _malformed(path: Path) -> Malformed:
    return Malformed(
        "log-folder-format",
        found="a file that is not of the format",
        expected="tlog-tiles and a file of bodies, as `carbonport log export` writes them",
        remedy="Export the log again; if the file was changed by somebody, keep it as evidence.",
        where=str(path),
    )
