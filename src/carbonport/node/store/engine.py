"""The store of a node: one SQLite file by default, or a PostgreSQL database, behind the same few doors.

`Store.open` brings the schema up to date; `Store.open_read_only` never writes a byte (the verifier on site).
`reading` gives a consistent snapshot, `writing` a transaction that is all or nothing; `lock_writer` gives
the right to append to logs. Promised: when `writing` ends without an error, its rows survive
a power failure (SQLite: WAL with synchronous=FULL; PostgreSQL: synchronous_commit=on). Every database error
leaves as one of `carbonport.errors`, without the driver's text. Not promised: that a transaction which ended
in an error was rolled back, when the connection broke during its commit; read before doing it again.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import NoSuchModuleError

from carbonport.crypto.ambient import Clock, system_clock
from carbonport.errors import Malformed, Misuse, Unavailable
from carbonport.node.store.failures import store_failures
from carbonport.node.store.location import Location, locate
from carbonport.node.store.migrations import applied_version, migrate, require_current_version
from carbonport.node.store.writer_lock import WRITES, AdvisoryWriterLock, FileWriterLock, WriterLock

BUSY_WAIT_MS = 5_000
"""How long a statement waits for another connection's lock before `store-locked`."""

APPLICATION_ID = 0x43506F72
"""SQLite's application_id of our files ("CPor"), so that a foreign database is not mistaken for a store."""

CONNECT_TIMEOUT_S = 5
"""How long opening a PostgreSQL connection may take."""


class Store:
    """An open store. Its methods may be called from any thread; a connection belongs to one thread at a
    time."""

    def __init__(self, location: Location, engine: Engine, *, read_only: bool) -> None:
        """Use `open` or `open_read_only`."""
        self._location = location
        self._engine = engine
        self._read_only = read_only

    @classmethod
    def open(
        cls, where: str | Path, *, clock: Clock = system_clock, max_size_bytes: int | None = None
    ) -> "Store":
        """Open for reading and writing; makes folder and file (modes 0700, 0600) and applies pending
        migrations.

        `max_size_bytes` bounds an SQLite file: a write beyond it is `store-full`, as on a full disk.
        """
        location = locate(where)
        if location.file is not None:
            _make_private(location.file)
        store = cls(
            location, _engine(location, read_only=False, max_size_bytes=max_size_bytes), read_only=False
        )
        try:
            with store.writing() as connection:
                migrate(connection, location.name, clock)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open_read_only(cls, where: str | Path) -> "Store":
        """Open without the right to write, beside a running node if there is one; the store must exist.

        The store must have this program's schema version: Misuse `store-schema-older` or
        `store-schema-newer`.
        """
        location = locate(where)
        if location.file is not None and not location.file.is_file():
            raise Unavailable(
                "store-missing",
                where=location.name,
                found="no store",
                expected="the store of a node",
                remedy="Check the path; a node's store is the file carbonport.sqlite in its data folder.",
            )
        store = cls(location, _engine(location, read_only=True, max_size_bytes=None), read_only=True)
        try:
            with store.reading() as connection:
                require_current_version(applied_version(connection), location.name)
        except BaseException:
            store.close()
            raise
        return store

    @property
    def name(self) -> str:
        """What may be shown to a person: the file, or the URL without its password."""
        return self._location.name

    @property
    def file(self) -> Path | None:
        """The SQLite file; None for PostgreSQL."""
        return self._location.file

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot: what is read inside does not change while it is read."""
        with store_failures(self.name), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: durable when the block ends, undone when it raises."""
        self._require_writable()
        with store_failures(self.name), self._engine.connect() as plain:
            connection = plain.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection

    def lock_writer(self) -> "Writer":
        """Get the right to append to logs. SQLite gives it to one process; Unavailable (`store-writer-elsewhere`) when
        another one has it."""
        self._require_writable()
        lock: WriterLock
        if self._location.file is not None:
            lock = FileWriterLock(self._engine, self._location.file)
        else:
            lock = AdvisoryWriterLock(self._engine, self.name)
        return Writer(lock)

    def scrub(self) -> None:
        """Clear what deleted rows have left behind in the database's own files (SQLite's WAL, PostgreSQL's
        dead rows).

        Pages of an SQLite file are overwritten as rows are deleted (`secure_delete`). Not reached: the file
        system's or the disk's own copies, replicas, and backups.
        """
        self._require_writable()
        with store_failures(self.name), self._engine.connect() as plain:
            if self._location.file is not None:
                plain.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                plain.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM")

    def close(self) -> None:
        """Close all connections; the store can be opened again."""
        self._engine.dispose()

    def _require_writable(self) -> None:
        if self._read_only:
            raise Misuse(
                "store-opened-read-only",
                where=self.name,
                found="a write through a store that was opened for reading only",
                expected="reading",
                remedy="Open the store as its own node does, if this process may write to it.",
            )


class Writer:
    """The right to append: transactions of which there is one at a time."""

    def __init__(self, lock: WriterLock) -> None:
        """Use `Store.lock_writer`."""
        self._lock = lock

    @property
    def alone(self) -> bool:
        """Whether what this writer left is what it finds; else another process may have appended since."""
        return self._lock.alone

    def writing(self) -> AbstractContextManager[Connection]:
        """Like `Store.writing`, under the lock."""
        return self._lock.transaction()

    def release(self) -> None:
        """Let another process write."""
        self._lock.release()


def _engine(location: Location, *, read_only: bool, max_size_bytes: int | None) -> Engine:
    if location.file is None:
        return _postgresql_engine(location, read_only=read_only)
    engine = create_engine(
        _sqlite_url(location.file, read_only=read_only),
        hide_parameters=True,
        connect_args={
            "uri": True,
            "isolation_level": None,
            "check_same_thread": False,
            "timeout": BUSY_WAIT_MS / 1000,
        },
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        _prepare_sqlite(connection, location.name, read_only=read_only, max_size_bytes=max_size_bytes)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A write transaction takes its lock at once: upgrading a read lock later can fail in the middle.
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _sqlite_url(file: Path, *, read_only: bool) -> str:
    # Characters that a URI gives a meaning to are escaped twice: for SQLAlchemy's URL and for SQLite's own.
    address = file.absolute().as_uri().replace("%", "%25")
    if not read_only:
        return f"sqlite:///{address}?mode=rwc&uri=true"
    # A folder without write permission has no shared memory for WAL. When the store was closed cleanly (no
    # WAL file), nothing can change under an immutable reader that the same folder keeps others from writing
    # to.
    sealed = not os.access(file.parent, os.W_OK) and not Path(f"{file}-wal").exists()
    return f"sqlite:///{address}?mode=ro&uri=true" + ("&immutable=1" if sealed else "")


def _prepare_sqlite(connection: Any, where: str, *, read_only: bool, max_size_bytes: int | None) -> None:
    def ask(pragma: str) -> int | str:
        row = connection.execute(f"PRAGMA {pragma}").fetchone()
        return cast("int | str", row[0]) if row else 0

    empty = ask("schema_version") == 0
    if not empty and ask("application_id") != APPLICATION_ID:
        raise Malformed(
            "store-foreign",
            where=where,
            found="an SQLite file that Carbonport did not make",
            expected="a store of Carbonport, or a new file",
            remedy="Choose another path; the file was not changed.",
        )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        return
    if empty:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # An erased body must not survive in free pages.
    connection.execute("PRAGMA secure_delete = ON")
    if max_size_bytes is not None:
        pages = max(1, max_size_bytes // int(ask("page_size")))
        connection.execute(f"PRAGMA max_page_count = {pages}")


def _postgresql_engine(location: Location, *, read_only: bool) -> Engine:
    options = [
        "-c synchronous_commit=on",
        f"-c lock_timeout={BUSY_WAIT_MS}",
        "-c default_transaction_read_only=" + ("on" if read_only else "off"),
    ]
    given = location.url.query.get("options", "")
    if isinstance(given, str) and given:
        options.insert(0, given)
    try:
        return create_engine(
            location.url.difference_update_query(["options"]),
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "options": " ".join(options)},
        )
    except (ModuleNotFoundError, NoSuchModuleError):
        raise Misuse(
            "store-driver-missing",
            where=location.name,
            found="no PostgreSQL driver",
            expected="the extra carbonport[postgres]",
            remedy="Install carbonport[postgres].",
        ) from None


def _make_private(file: Path) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made before SQLite does, with the mode it keeps; the WAL and shared-memory files take the same mode.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(
            "store-unreachable",
            where=str(file),
            found=f"a path that cannot be opened for writing ({error.strerror})",
            expected="a folder that this user may write to",
            remedy="Check the path and the rights of the user.",
        ) from None
