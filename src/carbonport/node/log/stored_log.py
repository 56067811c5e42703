"""A log as its store holds it, for everyone who reads it: proofs, entries, bodies. It needs no writer's
lock."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, func, select

from carbonport.crypto.merkle import NodeReader, consistency_proof, inclusion_proof
from carbonport.errors import Misuse, Unavailable
from carbonport.node.log.tree_rows import Head, node_reader, read_head
from carbonport.node.store import Store
from carbonport.node.store.schema import log_bodies, log_entries, log_nodes

MAX_RUN = 1000
"""Entries given at a time at most."""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as an auditor gets it: what the tree hashes, and the sealed body (None when it was erased)."""

    index: int
    entry: bytes
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class FullRow:
    """Everything the store holds about an entry; body and wrapped key are None when they were erased."""

    index: int
    entry: bytes
    exchange: str
    type: int
    request_digest: bytes
    body: bytes | None = field(repr=False)
    own_key: bytes | None = field(repr=False)


class StoredLog:
    """One log of a store, by its origin."""

    def __init__(self, store: Store, origin: str) -> None:
        """`store` may be opened for reading only."""
        self._store = store
        self.origin = origin

    @contextmanager
    def reading(self) -> Iterator["LogRows"]:
        """A snapshot; Misuse (`log-unknown`) when the store has no log of this origin."""
        with self._store.reading() as connection:
            head = read_head(connection, self.origin)
            if head is None:
                raise Misuse(
                    "log-unknown",
                    where=self._store.name,
                    found=f"no log of origin {self.origin}",
                    expected="a log that this node has opened",
                    remedy="Check the origin in the node's configuration.",
                )
            yield LogRows(connection, head)

    def head(self) -> Head:
        """Size, root and last stored note."""
        with self.reading() as rows:
            return rows.head

    def entries(self, start: int, limit: int) -> list[StoredEntry]:
        """A run of entries in log order, at most `MAX_RUN`."""
        with self.reading() as rows:
            return rows.entries(start, limit)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The inclusion proof of an entry in the tree of `size` entries, from rows."""
        with self.reading() as rows:
            return inclusion_proof(index, size, rows.nodes)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The consistency proof between two sizes, from rows."""
        with self.reading() as rows:
            return consistency_proof(old, new, rows.nodes)

    def note(self) -> bytes:
        """The last stored checkpoint note; Unavailable (`log-unpublished`) before the first."""
        head = self.head()
        if not head.note:
            raise unpublished(self.origin)
        return head.note


class LogRows:
    """The rows of a log inside one snapshot."""

    def __init__(self, connection: Connection, head: Head) -> None:
        self._connection = connection
        self.head = head

    @property
    def nodes(self) -> NodeReader:
        """Full subtrees."""
        return node_reader(self._connection, self.head.log)

    def entries(self, start: int, limit: int) -> list[StoredEntry]:
        """A run of entries from `start`, at most `MAX_RUN`."""
        rows = self._connection.execute(
            select(log_entries.c.position, log_entries.c.entry, log_bodies.c.body)
            .outerjoin(
                log_bodies,
                and_(log_bodies.c.log == log_entries.c.log, log_bodies.c.position == log_entries.c.position),
            )
            .where(log_entries.c.log == self.head.log, log_entries.c.position >= start)
            .order_by(log_entries.c.position)
            .limit(min(limit, MAX_RUN))
        )
        return [
            StoredEntry(row.position, bytes(row.entry), None if row.body is None else bytes(row.body))
            for row in rows
        ]

    def body(self, index: int) -> tuple[bytes, bytes, bytes]:
        """(entry, sealed body, wrapped key); Misuse (`log-body-erased`) when the body is not there any
        more."""
        row = self._connection.execute(
            select(log_entries.c.entry, log_bodies.c.body, log_bodies.c.own_key)
            .join(
                log_bodies,
                and_(log_bodies.c.log == log_entries.c.log, log_bodies.c.position == log_entries.c.position),
            )
            .where(log_entries.c.log == self.head.log, log_entries.c.position == index)
        ).first()
        if row is None:
            raise Misuse(
                "log-body-erased",
                where=f"entry {index}",
                found="an entry without a body",
                expected="a body that was not erased",
                remedy="The entry can still be proved to be in the log; what it says is gone for good.",
            )
        return bytes(row.entry), bytes(row.body), bytes(row.own_key)

    def full_rows(self, start: int, limit: int) -> list[FullRow]:
        """As `entries`, with all columns: for the integrity check and for retention."""
        rows = self._connection.execute(
            select(log_entries, log_bodies.c.body, log_bodies.c.own_key)
            .outerjoin(
                log_bodies,
                and_(log_bodies.c.log == log_entries.c.log, log_bodies.c.position == log_entries.c.position),
            )
            .where(log_entries.c.log == self.head.log, log_entries.c.position >= start)
            .order_by(log_entries.c.position)
            .limit(min(limit, MAX_RUN))
        )
        return [
            FullRow(
                index=row.position,
                entry=bytes(row.entry),
                exchange=row.exchange,
                type=row.type,
                request_digest=bytes(row.request_digest),
                body=None if row.body is None else bytes(row.body),
                own_key=None if row.own_key is None else bytes(row.own_key),
            )
            for row in rows
        ]

    def nodes_between(self, start: int, end: int) -> dict[tuple[int, int], bytes]:
        """The stored nodes whose last leaf is at `start` or later and before `end`, by (level, index)."""
        found: dict[tuple[int, int], bytes] = {}
        for level in range(1, end.bit_length() + 1):
            rows = self._connection.execute(
                select(log_nodes.c.position, log_nodes.c.hash).where(
                    log_nodes.c.log == self.head.log,
                    log_nodes.c.level == level,
                    log_nodes.c.position >= start >> level,
                    log_nodes.c.position < end >> level,
                )
            )
            found.update({(level, row.position): bytes(row.hash) for row in rows})
        return found

    def count_nodes(self) -> int:
        """The number of stored nodes."""
        return self._connection.execute(
            select(func.count()).select_from(log_nodes).where(log_nodes.c.log == self.head.log)
        ).scalar_one()

    def find(self, exchange: str) -> Sequence[int]:
        """The indices of an exchange's entries, in log order."""
        return self._connection.scalars(
            select(log_entries.c.position)
            .where(log_entries.c.log == self.head.log, log_entries.c.exchange == exchange)
            .order_by(log_entries.c.position)
        ).all()


def unpublished(origin: str) -> Unavailable:
    """The error of a log that has signed nothing yet."""
    return Unavailable(
        "log-unpublished",
        where=origin,
        found="no published checkpoint",
        expected="a log with a first entry",
        remedy="Ask again when the node has logged something.",
    )
