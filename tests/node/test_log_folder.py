"""A log as a folder: what was written is read, and no file of the tree can be changed unnoticed."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from carbonport.crypto.checkpoint import Checkpoint, sign_checkpoint
from carbonport.crypto.merkle import leaf_hash, tree_root
from carbonport.crypto.notes import NoteSigner
from carbonport.errors import CarbonportError
from carbonport.node.log.folder import TILE_WIDTH, FolderSource, write_log_folder
from carbonport.node.log.stored_log import StoredEntry

ORIGIN = "example.test/log"
SIZE = 2 * TILE_WIDTH + 5
"""Two full tiles, a partial one, and a tile above them."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    entries = [StoredEntry(at, b"entry %d" % at, b"body" if at % 2 else None) for at in range(SIZE)]
    checkpoint = Checkpoint(ORIGIN, SIZE, tree_root([leaf_hash(each.entry) for each in entries]))
    note = sign_checkpoint(checkpoint, NoteSigner.generate(ORIGIN)).encode()
    write_log_folder(tmp_path, note, entries)
    return tmp_path


def read(folder: Path) -> list[StoredEntry]:
    source = FolderSource(folder)

    async def all_entries() -> list[StoredEntry]:
        found: list[StoredEntry] = []
        while part := await source.entries(len(found), SIZE):
            found += part
        return found

    return asyncio.run(all_entries())


def changed(content: bytes, random_: random.Random) -> Iterator[bytes]:
    place = random_.randrange(len(content))
    yield content[:place] + bytes([content[place] ^ 1 << random_.randrange(8)]) + content[place + 1 :]
    yield content[:place] + content[place + 1 :]
    yield content[:place] + b"A" + content[place:]
    yield content[:-32]
    yield content + content[-32:]


def test_what_was_written_is_read(folder: Path) -> None:
    entries = read(folder)
    assert [each.index for each in entries] == list(range(SIZE))
    assert entries[-1] == StoredEntry(SIZE - 1, b"entry %d" % (SIZE - 1), None)
    assert entries[1].body == b"body"


def test_a_changed_hash_tile_is_found(folder: Path) -> None:
    tiles = [path for path in (folder / "tile").rglob("*") if path.is_file() and "entries" not in path.parts]
    assert len(tiles) == 4
    for path in tiles:
        content = path.read_bytes()
        for other in changed(content, random.Random(path.name)):
            path.write_bytes(other)
            with pytest.raises(CarbonportError):
                read(folder)
        path.unlink()
        with pytest.raises(CarbonportError) as caught:
            read(folder)
        assert caught.value.id == "log-folder-hashes"
        path.write_bytes(content)
