"""The lock of the one writer: whoever holds it may append to the logs of a store, nobody else.

SQLite: an exclusive `flock` on `<store file>.writer`, which the kernel drops when the process ends, however
it ends. PostgreSQL: a session's advisory lock, held by the very connection that writes: when that connection
is lost, so is the lock, and no write of the old holder can come late. Not promised: anything on a network
file system whose `flock` does not reach other machines; use PostgreSQL there.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from carbonport.errors import Misuse, Unavailable
from carbonport.node.store.failures import store_failures

WRITER_WAIT_MS = 5_000
"""How long a PostgreSQL writer waits for the server to notice that the last one has died."""

_LOCK_NOT_AVAILABLE = "55P03"
_ADVISORY_LOCK = text("SELECT pg_advisory_lock(1129336663, hashtext(current_schema()))")
"""Two 32-bit keys: "CPWR" in ASCII, and the schema, so that two stores in one database do not share a
writer."""
_MUST_BE_ON = ("fsync", "full_page_writes")
"""Server settings without which a committed entry can be lost."""


class WriterLock(Protocol):
    """Held from its making to `release`; `connection` is where its holder writes."""

    def connection(self) -> Connection:
        """The writing connection; Unavailable when the lock was lost and another process has it."""

    def release(self) -> None:
        """Give the lock up; the writer may not be used any more."""


class FileWriterLock:
    """The SQLite form of `WriterLock`."""

    def __init__(self, engine: Engine, file: Path) -> None:
        self._where = str(file)
        self._descriptor = os.open(f"{file}.writer", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with store_failures(self._where):
                self._connection = engine.connect()
        except BaseException as error:
            os.close(self._descriptor)
            if isinstance(error, OSError):
                raise _writer_elsewhere(self._where) from None
            raise

    def connection(self) -> Connection:
        """The one connection of the writer."""
        return self._connection

    def release(self) -> None:
        """Close the connection, then drop the lock."""
        self._connection.close()
        os.close(self._descriptor)


class AdvisoryWriterLock:
    """The PostgreSQL form of `WriterLock`."""

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine = engine
        self._where = where
        self._connection: Connection | None = None
        self._connection = self._acquire()

    def connection(self) -> Connection:
        """The connection that holds the lock; taken anew when the old one broke and nobody else was
        faster."""
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._connection = self._acquire()
        return self._connection

    def release(self) -> None:
        """Close the session, and with it the lock: a pooled connection would keep it."""
        if self._connection is not None:
            with _ignored_database_errors():
                self._connection.invalidate()
            self._connection.close()

    def _acquire(self) -> Connection:
        with store_failures(self._where):
            connection = self._engine.connect()
            try:
                with connection.begin():
                    self._require_durable(connection)
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {WRITER_WAIT_MS}")
                    connection.execute(_ADVISORY_LOCK)
            except BaseException as error:
                connection.invalidate()
                connection.close()
                if (
                    isinstance(error, DBAPIError)
                    and getattr(error.orig, "sqlstate", "") == _LOCK_NOT_AVAILABLE
                ):
                    raise _writer_elsewhere(self._where) from None
                raise
            return connection

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


@contextmanager
def _ignored_database_errors() -> Iterator[None]:
    """Closing a broken connection may fail again; there is nothing left to lose."""
    try:
        yield
    except SQLAlchemyError:
        return


def _writer_elsewhere(where: str) -> Unavailable:
    return Unavailable(
        "store-writer-elsewhere",
        where=where,
        found="another process that writes to this store",
        expected="one writer",
        remedy="Stop the other node process, or send this work to it; a second writer is never started.",
    )
