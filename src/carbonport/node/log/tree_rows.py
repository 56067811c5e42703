"""The tree of one log as rows: what a batch inserts, and how proofs read full subtrees again.

Level 0 is not stored: it is SHA-256(00 || entry). A node row is written once, in the transaction of the entry
that completes its subtree, and never changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, insert, select, update

from carbonport.crypto.merkle import EMPTY_ROOT, Frontier, NodeReader, leaf_hash
from carbonport.errors import CarbonportError, FailedVerification
from carbonport.node.store.schema import log_entries as entries
from carbonport.node.store.schema import log_nodes, logs

CACHED_NODES_PER_LEVEL = 4096
"""Most recent nodes kept in memory on each level: proofs for any entry of the last 4096 read no row."""

# Built once: SQLAlchemy takes longer to build and to recognise a statement than SQLite takes to run it.
_INSERT_NODES = insert(log_nodes)
_ADVANCE = (
    update(logs)
    .where(logs.c.log == bindparam("of_log"), logs.c.size == bindparam("old_size"))
    .values(size=bindparam("new_size"), root=bindparam("new_root"))
)
_KEEP_NOTE = (
    update(logs)
    # Another process may have published a later one.
    .where(logs.c.log == bindparam("of_log"), logs.c.note_size <= bindparam("new_size"))
    .values(note_size=bindparam("new_size"), note=bindparam("new_note"))
)


@dataclass(frozen=True, slots=True)
class Head:
    """A log as its row describes it: number in the store, origin, size, root, and the last published note."""

    log: int
    origin: str
    size: int
    root: bytes
    note_size: int
    note: bytes


def read_head(connection: Connection, origin: str) -> Head | None:
    """The row of the log; None when this store has none of that origin."""
    row = connection.execute(select(logs).where(logs.c.origin == origin)).first()
    if row is None:
        return None
    return Head(row.log, row.origin, row.size, bytes(row.root), row.note_size, bytes(row.note))


def found_log(connection: Connection, origin: str) -> Head:
    """The row of the log, made now when there is none: an empty tree, nothing published."""
    head = read_head(connection, origin)
    if head is not None:
        return head
    number = (connection.execute(select(func.max(logs.c.log))).scalar_one() or 0) + 1
    head = Head(number, origin, 0, EMPTY_ROOT, 0, b"")
    connection.execute(
        insert(logs).values(log=head.log, origin=origin, size=0, root=head.root, note_size=0, note=head.note)
    )
    return head


def advance_head(connection: Connection, log: int, old_size: int, size: int, root: bytes) -> None:
    """Move the row to the new size; FailedVerification (`log-writer-conflict`) when another writer moved it
    first."""
    moved = connection.execute(
        _ADVANCE, {"of_log": log, "old_size": old_size, "new_size": size, "new_root": root}
    )
    if moved.rowcount != 1:
        raise FailedVerification(
            "log-writer-conflict",
            found="a log whose size changed under the writer",
            expected=f"{old_size} entries, as this writer left it",
            remedy="Stop every process that uses this store, run `carbonport log fsck`, then start one node.",
        )


def keep_note(connection: Connection, log: int, size: int, note: bytes) -> None:
    """Remember the last published checkpoint note, unless a later one is known."""
    connection.execute(_KEEP_NOTE, {"of_log": log, "new_size": size, "new_note": note})


def insert_nodes(connection: Connection, log: int, completed: Sequence[tuple[int, int, bytes]]) -> None:
    """Insert the full subtrees of level 1 and above that `Frontier` says were completed."""
    rows = [
        {"log": log, "level": level, "position": index, "hash": digest}
        for level, index, digest in completed
        if level
    ]
    if rows:
        connection.execute(_INSERT_NODES, rows)


def node_reader(connection: Connection, log: int) -> NodeReader:
    """Reads full subtrees from rows; FailedVerification (`log-node-missing`) when one is not there."""

    def read(level: int, index: int) -> bytes:
        if level == 0:
            entry = connection.execute(
                select(entries.c.entry).where(entries.c.log == log, entries.c.position == index)
            ).scalar_one_or_none()
            if entry is None:
                raise node_missing(level, index)
            return leaf_hash(bytes(entry))
        digest = connection.execute(
            select(log_nodes.c.hash).where(
                log_nodes.c.log == log, log_nodes.c.level == level, log_nodes.c.position == index
            )
        ).scalar_one_or_none()
        if digest is None:
            raise node_missing(level, index)
        return bytes(digest)

    return read


def read_frontier(connection: Connection, head: Head) -> Frontier:
    """The right edge from its rows; FailedVerification (`log-root-mismatch`) unless it gives the head's
    root."""
    frontier = Frontier.read(head.size, node_reader(connection, head.log))
    last = connection.execute(
        select(func.max(entries.c.position)).where(entries.c.log == head.log)
    ).scalar_one()
    if frontier.root() != head.root or (-1 if last is None else last) != head.size - 1:
        raise FailedVerification(
            "log-root-mismatch",
            where=head.origin,
            found="a stored tree that does not give the stored root, or entries beyond its size",
            expected=f"the root of {head.size} entries",
            remedy="Sign nothing: run `carbonport log fsck`, keep the store, and restore the last backup.",
        )
    return frontier


def require_continued(connection: Connection, head: Head, size: int, root: bytes) -> None:
    """FailedVerification (`log-root-mismatch`) unless the stored tree continues that of `size` entries with `root`."""
    if size > head.size or Frontier.read(size, node_reader(connection, head.log)).root() != root:
        raise FailedVerification(
            "log-root-mismatch",
            where=head.origin,
            found=f"a stored tree that does not continue the {size} entries that this process knew",
            expected="entries that other processes appended, and nothing else changed",
            remedy="Sign nothing: run `carbonport log fsck`, keep the store, and restore the last backup.",
        )


class NodeCache:
    """The most recent full subtrees in memory; filled only with what is durable."""

    def __init__(self) -> None:
        self._levels: list[dict[int, bytes]] = []

    def add(self, completed: Sequence[tuple[int, int, bytes]]) -> None:
        """Remember committed nodes; the oldest of a level give way."""
        for level, index, digest in completed:
            while len(self._levels) <= level:
                self._levels.append({})
            nodes = self._levels[level]
            nodes[index] = digest
            if len(nodes) > CACHED_NODES_PER_LEVEL:
                # Dictionaries keep the order of insertion, and indices of a level come in order.
                del nodes[next(iter(nodes))]

    def clear(self) -> None:
        """Forget everything."""
        self._levels = []

    def read(self, level: int, index: int) -> bytes:
        """A `NodeReader`; KeyError when the node is not in memory."""
        if level >= len(self._levels):
            raise KeyError(level)
        return self._levels[level][index]


def node_missing(level: int, index: int) -> CarbonportError:
    """The error for a node that should be stored and is not."""
    return FailedVerification(
        "log-node-missing",
        found=f"no stored hash for the full subtree {index} of level {level}",
        expected="every full subtree below the log's size",
        remedy="Run `carbonport log fsck`; it derives the tree from the entries.",
    )
