"""The writer's lock: whoever holds it may append to the logs of a store, nobody else meanwhile.

SQLite: an exclusive `flock` on `<store file>.writer`, from the opening of a log to its end; the kernel drops it when
the process ends, however it ends. PostgreSQL: an advisory lock for the length of one transaction, so that several
processes may append in turns; it ends with the transaction, and when the connection is lost both are. Not promised:
anything on a network file system whose `flock` does not reach other machines; use PostgreSQL there.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, text

from carbonport.errors import Misuse, Unavailable
from carbonport.node.store.failures import store_failures

WRITES = "carbonport_writes"
"""Execution option of a connection whose transactions write."""

_ADVISORY_LOCK = text("SELECT pg_advisory_xact_lock(1129336663, hashtext(current_schema()))")
"""Two 32-bit keys: "CPWR" in ASCII, and the schema, so that two stores in one database do not share a
writer."""
_MUST_BE_ON = ("fsync", "full_page_writes")
"""Server settings without which a committed entry can be lost."""


class WriterLock(Protocol):
    """The right to append, from its making to `release`."""

    alone: bool
    """Whether nobody else can append between two transactions of this holder either."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction in which its holder is the only writer; Unavailable (`store-locked`) when another one takes too
        long."""

    def release(self) -> None:
        """Give the right up; the writer may not be used any more."""


class FileWriterLock:
    """The SQLite form of `WriterLock`."""

    alone = True

    def __init__(self, engine: Engine, file: Path) -> None:
        self._where = str(file)
        self._descriptor = os.open(f"{file}.writer", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with store_failures(self._where):
                self._connection = engine.connect().execution_options(**{WRITES: True})
        except BaseException as error:
            os.close(self._descriptor)
            if isinstance(error, OSError):
                raise _writer_elsewhere(self._where) from None
            raise

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """On the one connection of the writer."""
        with store_failures(self._where), self._connection.begin():
            yield self._connection

    def release(self) -> None:
        """Close the connection, then drop the lock."""
        self._connection.close()
        os.close(self._descriptor)


class AdvisoryWriterLock:
    """The PostgreSQL form of `WriterLock`."""

    alone = False

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine = engine
        self._where = where
        with store_failures(where), engine.connect() as connection:
            self._require_durable(connection)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """On any connection: what it reads once it has the lock, no other writer changes before its end."""
        with store_failures(self._where), self._engine.connect() as connection, connection.begin():
            connection.execute(_ADVISORY_LOCK)
            yield connection

    def release(self) -> None:
        """Nothing is held between transactions."""

    def _require_durable(self, connection: Connection) -> None:
        for setting in _MUST_BE_ON:
            value = connection.exec_driver_sql(f"SHOW {setting}").scalar_one()
            if value != "on":
                raise Misuse(
                    "store-not-durable",
                    where=self._where,
                    found=f"a database server with {setting} = {value}",
                    expected=f"{setting} = on: an acknowledged entry must survive a power failure",
                    remedy="Correct the server's configuration; a log is not kept where it may be forgotten.",
                )


def _writer_elsewhere(where: str) -> Unavailable:
    return Unavailable(
        "store-writer-elsewhere",
        where=where,
        found="another process that writes to this store",
        expected="one writer",
        remedy="Stop the other process, or send this work to it; several processes of one node need PostgreSQL.",
    )
