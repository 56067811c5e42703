"""The writer of a log, in one thread: a batch of drafts becomes one durable transaction.

Entries, tree nodes, head and the companions' own rows are inserted together or not at all. Nothing here
signs: the caller signs the head it gets back, which is durable by then. After any failure the state is read
from the store again before the next batch, because a connection that broke during COMMIT does not say whether
it happened. Where other processes append to the same log it is looked at under the lock of each transaction, and read
again when it is not as this process left it: the tree must continue the one that this process knew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, insert, select

from carbonport.crypto.merkle import Frontier, full_subtrees
from carbonport.errors import Misuse
from carbonport.node.log.draft import Condition, Draft
from carbonport.node.log.preparation import PreparedEntry
from carbonport.node.log.tree_rows import (
    Head,
    NodeCache,
    advance_head,
    found_log,
    insert_nodes,
    keep_note,
    read_frontier,
    require_continued,
)
from carbonport.node.store import Writer
from carbonport.node.store.failures import store_failures
from carbonport.node.store.schema import log_bodies, log_entries

_INSERT_ENTRIES = insert(log_entries)
_INSERT_BODIES = insert(log_bodies)

RequestKey: TypeAlias = tuple[str, int, bytes]
"""(exchange id, type, request digest): what finds an entry again."""


Made: TypeAlias = tuple[Draft, PreparedEntry]
"""A draft and the entry that was prepared of it."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A draft that is durable: its index, and what the receipt shows when the entry is new (None:
    repeated)."""

    index: int
    prepared: PreparedEntry | None


DurableHead: TypeAlias = tuple[int, bytes]
"""Number of entries and root of a durable tree."""

Outcome: TypeAlias = Committed | Exception
"""What became of one draft of a batch."""


@dataclass(frozen=True, slots=True)
class NoteToKeep:
    """A published checkpoint note that the next transaction stores."""

    size: int
    note: bytes


@dataclass(frozen=True, slots=True)
class _State:
    log: int
    frontier: Frontier
    root: bytes


class _DraftsFailedError(Exception):
    """Conditions of drafts do not hold, or a draft's own write failed; the batch is tried again without
    them."""

    def __init__(self, causes: Mapping[int, Exception]) -> None:
        super().__init__(len(causes))
        self.causes = causes


class Committer:
    """Appends batches; used from one thread at a time."""

    def __init__(self, writer: Writer, origin: str) -> None:
        """`load` comes before the first batch."""
        self._writer = writer
        self._origin = origin
        self._state: _State | None = None
        self._known: DurableHead | None = None
        self.cache = NodeCache()

    @property
    def head(self) -> DurableHead:
        """Size and root of what is durable; only after `load` or a batch."""
        if self._state is None:
            raise Misuse(
                "log-not-loaded",
                found="a question before the log was read from its store",
                expected="load first",
                remedy="This is a defect of the calling program.",
            )
        return self._state.frontier.size, self._state.root

    def load(self) -> Head:
        """Read the log's state from the store and check its right edge; makes the log when there is none."""
        with self._writer.writing() as connection:
            head = found_log(connection, self._origin)
            self._read_state(connection, head)
        return head

    def current(self) -> DurableHead:
        """Size and root of what is durable now, whichever process appended it."""
        if self._state is None or not self._writer.alone:
            with self._writer.writing() as connection:
                self._current(connection)
        return self.head

    def commit(self, made: Sequence[Made], note: NoteToKeep | None) -> tuple[list[Outcome], DurableHead]:
        """One outcome per draft, in order, and the new size and root: all durable when this returns.

        A draft whose condition does not hold or whose companion write fails gets its error, the others go on. A
        failure of the store itself is raised and concerns the whole batch.
        """
        outcomes: dict[int, Outcome] = {}
        drafts = [draft for draft, _ in made]
        prepared = {place: entry for place, (_, entry) in enumerate(made)}
        look = False
        while True:
            try:
                outcomes.update(self._transaction(drafts, prepared, note, look=look))
            except _DraftsFailedError as failed:
                outcomes.update(failed.causes)
                for place in failed.causes:
                    del prepared[place]
            except Misuse as error:
                # Some key is in the log already. Looking first would cost every batch a query for a rare
                # case.
                if error.id != "store-constraint" or look:
                    self._state = None
                    raise
                look = True
            except BaseException:
                self._state = None
                raise
            else:
                return [outcomes[place] for place in range(len(drafts))], self.head

    def _transaction(
        self,
        drafts: Sequence[Draft],
        prepared: Mapping[int, PreparedEntry],
        note: NoteToKeep | None,
        *,
        look: bool,
    ) -> dict[int, Outcome]:
        with self._writer.writing() as connection:
            state = self._current(connection)
            # Under the lock: what another process logs after a look outside would break the next try.
            known = _find(connection, state.log, drafts) if look else {}
            placed, fresh = _place(drafts, prepared, known, state.frontier.size)
            if not fresh and note is None:
                # All were found again, by a transaction before this one that has looked at their conditions.
                return placed
            frontier = state.frontier.copy()
            completed = frontier.extend(each.tree_leaf for _, _, each in fresh)
            root = frontier.root()
            conditions = _Conditions(connection, drafts)
            conditions.require(placed)
            if fresh:
                _insert(connection, state.log, fresh)
                insert_nodes(connection, state.log, completed)
                advance_head(connection, state.log, state.frontier.size, frontier.size, root)
                _run_companions(connection, drafts, placed, conditions)
            if note is not None:
                keep_note(connection, state.log, note.size, note.note)
        self._state = _State(state.log, frontier, root)
        self._known = frontier.size, root
        self.cache.add(completed)
        return placed

    def _current(self, connection: Connection) -> _State:
        """The log's state in a transaction of the writer."""
        known = self._state
        if known is not None and self._writer.alone:
            return known
        head = found_log(connection, self._origin)
        if known is not None and (head.size, head.root) == (known.frontier.size, known.root):
            return known
        return self._read_state(connection, head)

    def _read_state(self, connection: Connection, head: Head) -> _State:
        if self._known is not None:
            # Whatever failed since: what was durable once is there for good.
            require_continued(connection, head, *self._known)
        state = _State(head.log, read_frontier(connection, head), head.root)
        self._known = head.size, head.root
        self.cache.clear()
        # With the edge in memory, proofs for what comes next read no row, though the log is older than this process.
        edge = zip(full_subtrees(0, head.size), state.frontier.hashes, strict=True)
        self.cache.add([(level, index, digest) for (level, index), digest in edge])
        self._state = state
        return state


_Fresh: TypeAlias = list[tuple[int, Draft, PreparedEntry]]
"""New entries of a batch: index in the log, draft, rows."""


def _find(connection: Connection, log: int, drafts: Sequence[Draft]) -> dict[RequestKey, int]:
    """Where the log has drafts of these keys already."""
    rows = connection.execute(
        select(
            log_entries.c.exchange,
            log_entries.c.type,
            log_entries.c.request_digest,
            log_entries.c.position,
        ).where(log_entries.c.log == log, log_entries.c.exchange.in_({draft.exchange for draft in drafts}))
    )
    found = {(row.exchange, row.type, bytes(row.request_digest)): row.position for row in rows}
    return {key: found[key] for draft in drafts if (key := _key(draft)) in found}


def _key(draft: Draft) -> RequestKey:
    return draft.exchange, int(draft.type), draft.request_digest


def _place(
    drafts: Sequence[Draft],
    prepared: Mapping[int, PreparedEntry],
    known: Mapping[RequestKey, int],
    size: int,
) -> tuple[dict[int, Outcome], _Fresh]:
    """Where each draft stands: at its old index when its key is known or comes twice, else at the next free
    one."""
    placed: dict[int, Outcome] = {}
    fresh: _Fresh = []
    seen = dict(known)
    for place, entry in prepared.items():
        draft = drafts[place]
        index = seen.get(_key(draft))
        if index is not None:
            placed[place] = Committed(index, None)
            continue
        index = size + len(fresh)
        seen[_key(draft)] = index
        placed[place] = Committed(index, entry)
        fresh.append((index, draft, entry))
    return placed, fresh


def _insert(connection: Connection, log: int, fresh: _Fresh) -> None:
    connection.execute(
        _INSERT_ENTRIES,
        [
            {
                "log": log,
                "position": index,
                "entry": each.entry,
                "exchange": draft.exchange,
                "type": int(draft.type),
                "request_digest": draft.request_digest,
            }
            for index, draft, each in fresh
        ],
    )
    connection.execute(
        _INSERT_BODIES,
        [
            {"log": log, "position": index, "body": each.body, "own_key": each.own_key}
            for index, _, each in fresh
        ],
    )


class _Conditions:
    """Answers of conditions in one transaction, each asked for once while nothing is written that could change it."""

    def __init__(self, connection: Connection, drafts: Sequence[Draft]) -> None:
        self._connection = connection
        self._drafts = drafts
        self._answers: dict[Condition, Exception | None] = {}

    def require(self, places: Iterable[int]) -> None:
        """Raise for all of these drafts whose condition does not hold; also of those that find an earlier entry."""
        failed = {place: problem for place in places if (problem := self._problem(place)) is not None}
        if failed:
            raise _DraftsFailedError(failed)

    def forget(self) -> None:
        """Something was written: ask again."""
        self._answers = {}

    def _problem(self, place: int) -> Exception | None:
        condition = self._drafts[place].condition
        if condition is None:
            return None
        if condition not in self._answers:
            self._answers[condition] = _answer(condition, self._connection)
        return self._answers[condition]


def _answer(condition: Condition, connection: Connection) -> Exception | None:
    try:
        with store_failures("a condition"):
            condition.require(connection)
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to the drafts that ask for it
        return error
    return None


def _run_companions(
    connection: Connection, drafts: Sequence[Draft], placed: Mapping[int, Outcome], conditions: _Conditions
) -> None:
    """The drafts' own writes in the order of the batch; a condition sees those of the drafts before it."""
    for place, outcome in placed.items():
        conditions.require((place,))
        write = drafts[place].write
        if write is None or not isinstance(outcome, Committed) or outcome.prepared is None:
            continue
        try:
            with store_failures("a companion write"):
                write(connection, outcome.index)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to this draft alone
            raise _DraftsFailedError({place: error}) from None
        conditions.forget()
