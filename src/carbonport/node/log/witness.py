"""A witness: it records the last checkpoint of each log it knows, and cosigns only what continues it.

The rules are those of C2SP tlog-witness. Comparing and recording are one transaction, durable before the
cosignature is made, so a witness that is killed or asked twice at the same time never cosigns two histories.
Not promised: that the log's entries are true or complete; a witness has seen sizes and roots only.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, insert, select, text, update

from carbonport.crypto.ambient import Clock, system_clock
from carbonport.crypto.checkpoint import Checkpoint, cosignature
from carbonport.crypto.merkle import EMPTY_ROOT, verify_consistency
from carbonport.crypto.notes import NoteSigner, SignedNote, VerifierKey
from carbonport.errors import FailedVerification, Malformed
from carbonport.node.log.add_checkpoint import AddCheckpoint, Outcome, Status
from carbonport.node.log.log_keys import open_with_any
from carbonport.node.store import Store
from carbonport.node.store.schema import witnessed_logs

KnownLogs: TypeAlias = Callable[[str], Sequence[VerifierKey]]
"""The log keys (type 01) a witness trusts for an origin, newest first; empty for an unknown origin."""

_POSTGRESQL_LOCK = text("SELECT pg_advisory_xact_lock(1129336658, hashtext(:origin))")
"""One comparison at a time per origin ("CPWR" minus five); SQLite has one writer anyway."""

# Built once: SQLAlchemy takes longer to build and to recognise a statement than SQLite takes to run it.
_RECORDED = select(witnessed_logs.c.size, witnessed_logs.c.root).where(
    witnessed_logs.c.origin == bindparam("of_origin")
)
_RECORD = (
    update(witnessed_logs)
    .where(witnessed_logs.c.origin == bindparam("of_origin"))
    .values(size=bindparam("new_size"), root=bindparam("new_root"), witnessed_at=bindparam("now"))
)


class LogWitness:
    """The witness of one node. Methods may be called from any thread."""

    def __init__(
        self, store: Store, signer: NoteSigner, known_logs: KnownLogs, *, clock: Clock = system_clock
    ) -> None:
        """`signer` is a key of type 04, used for cosigning only."""
        self._store = store
        self._signer = signer
        self._known_logs = known_logs
        self._clock = clock

    @property
    def key(self) -> VerifierKey:
        """The key that logs and receivers know this witness by."""
        return self._signer.verifier

    def add_checkpoint(self, request: bytes) -> Outcome:
        """Judge, record and cosign; every outcome of the specification is a status, only the store raises."""
        try:
            asked = AddCheckpoint.parse(request)
            claimed = Checkpoint.parse(asked.note.text)
        except Malformed:
            return Outcome(Status.MALFORMED)
        keys = self._known_logs(claimed.origin)
        if not keys:
            return Outcome(Status.UNKNOWN_ORIGIN)
        checkpoint = _trusted(asked.note, keys)
        if checkpoint is None:
            return Outcome(Status.UNTRUSTED)
        if asked.old_size > checkpoint.size:
            return Outcome(Status.MALFORMED)
        now = self._clock()
        with self._store.writing() as connection:
            outcome = _compare_and_record(connection, asked, checkpoint, now)
        if outcome is not None:
            return outcome
        return Outcome(Status.OK, f"{cosignature(asked.note, self._signer, now)}\n".encode())

    def witnessed_size(self, origin: str) -> int:
        """The last size recorded for the origin; 0 for none."""
        with self._store.reading() as connection:
            return _recorded(connection, origin)[0]


class LocalWitness:
    """A `LogWitness` of this process as a `Cosigner` (the demo on one machine, tests)."""

    def __init__(self, witness: LogWitness) -> None:
        self._witness = witness

    @property
    def key(self) -> VerifierKey:
        """The witness's key."""
        return self._witness.key

    async def add_checkpoint(self, request: bytes) -> Outcome:
        """Ask in a thread: recording waits for the disk."""
        return await asyncio.to_thread(self._witness.add_checkpoint, request)

    async def witnessed_size(self, origin: str) -> int:
        """Ask in a thread."""
        return await asyncio.to_thread(self._witness.witnessed_size, origin)


def _trusted(note: SignedNote, keys: Sequence[VerifierKey]) -> Checkpoint | None:
    """The checkpoint when one of the origin's keys signed it and none that it names fails."""
    try:
        return open_with_any(note, keys)
    except FailedVerification:
        return None


def _recorded(connection: Connection, origin: str) -> tuple[int, bytes]:
    row = connection.execute(_RECORDED, {"of_origin": origin}).first()
    return (row.size, bytes(row.root)) if row is not None else (0, EMPTY_ROOT)


def _compare_and_record(
    connection: Connection, asked: AddCheckpoint, new: Checkpoint, now: int
) -> Outcome | None:
    """None when `new` is recorded now (or was already); else why not."""
    if connection.dialect.name == "postgresql":
        connection.execute(_POSTGRESQL_LOCK, {"origin": new.origin})
    size, root = _recorded(connection, new.origin)
    if asked.old_size != size:
        return Outcome(Status.CONFLICT, size=size)
    if not _continues(asked, size, root, new):
        return Outcome(Status.BAD_PROOF)
    changed = connection.execute(
        _RECORD, {"of_origin": new.origin, "new_size": new.size, "new_root": new.root, "now": now}
    )
    if changed.rowcount == 0:
        connection.execute(
            insert(witnessed_logs).values(origin=new.origin, size=new.size, root=new.root, witnessed_at=now)
        )
    return None


def _continues(asked: AddCheckpoint, size: int, root: bytes, new: Checkpoint) -> bool:
    if size == 0:
        # Nothing can be concluded from an empty tree, so nothing may be claimed to be.
        return not asked.proof
    try:
        verify_consistency(size, root, new.size, new.root, asked.proof)
    except (FailedVerification, Malformed):
        return False
    return True
