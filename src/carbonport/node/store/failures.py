"""What a database says when it fails, turned into Carbonport's errors.

The driver's own words are dropped: they can quote rows and parameters. What is kept is the kind of failure
and its code. A failure during COMMIT does not say whether the commit happened; callers read the store again
before they go on.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse, Unavailable

_SQLITE_PRIMARY_CODE = 0xFF
"""Extended SQLite result codes keep the primary code in their low byte (sqlite.org/rescode.html)."""

_SQLITE_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_SQLITE_FULL = frozenset({sqlite3.SQLITE_FULL})
_SQLITE_READ_ONLY = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})

_SQLSTATE_LOCKED = ("40001", "40P01", "55P03", "57014")
"""PostgreSQL: serialisation failure, deadlock, lock not available, statement timeout (its Appendix A)."""
_SQLSTATE_FULL = ("53100", "53200", "53400")
"""PostgreSQL: disk full, out of memory, configuration limit exceeded."""
_SQLSTATE_READ_ONLY = ("25006", "42501")
"""PostgreSQL: read-only transaction, insufficient privilege."""
_SQLSTATE_DAMAGED = ("XX001", "XX002")
"""PostgreSQL: data corrupted, index corrupted."""


@contextmanager
def store_failures(where: str) -> Iterator[None]:
    """Run database work; any database error leaves as a Carbonport error that names the store `where`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise _translate(error, where) from None
    except sqlite3.Error as error:
        # What fails while a connection is prepared comes as the driver raised it.
        raise _from_sqlite(error, where) from None


def _translate(error: SQLAlchemyError, where: str) -> CarbonportError:
    if isinstance(error, PoolTimeout):
        return _locked("every connection of the pool in use", where)
    if not isinstance(error, DBAPIError) or error.orig is None:
        return _broken(type(error).__name__, where)
    if isinstance(error.orig, sqlite3.Error):
        return _from_sqlite(error.orig, where)
    return _from_sqlstate(error, getattr(error.orig, "sqlstate", None), where)


def _from_sqlite(error: sqlite3.Error, where: str) -> CarbonportError:
    extended = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    code = extended & _SQLITE_PRIMARY_CODE if isinstance(extended, int) else None
    if code in _SQLITE_LOCKED:
        return _locked(f"a lock held by another connection ({name})", where)
    if code in _SQLITE_FULL:
        return _full(f"no room left to write ({name})", where)
    if code == sqlite3.SQLITE_IOERR:
        return _io(f"an input/output error ({name})", where)
    if code in _SQLITE_READ_ONLY:
        return _read_only(name, where)
    if code in _SQLITE_DAMAGED:
        return _damaged(name, where)
    if code == sqlite3.SQLITE_CANTOPEN:
        return _unreachable(name, where)
    if code == sqlite3.SQLITE_CONSTRAINT:
        return _constraint(name, where)
    return _broken(name, where)


def _from_sqlstate(error: DBAPIError, state: str | None, where: str) -> CarbonportError:
    if state is None or state.startswith(("08", "57P", "28", "3D")) or error.connection_invalidated:
        return _unreachable(f"no usable connection ({state or type(error.orig).__name__})", where)
    if state in _SQLSTATE_LOCKED or state == "53300":
        return _locked(f"a lock or a busy server ({state})", where)
    if state in _SQLSTATE_FULL:
        return _full(f"no room left to write ({state})", where)
    if state.startswith("58"):
        return _io(f"an input/output error ({state})", where)
    if state in _SQLSTATE_READ_ONLY:
        return _read_only(state, where)
    if state in _SQLSTATE_DAMAGED:
        return _damaged(state, where)
    if state.startswith("23"):
        return _constraint(state, where)
    return _broken(state, where)


def _locked(found: str, where: str) -> Unavailable:
    return Unavailable(
        "store-locked",
        where=where,
        found=found,
        expected="a store that is free within the waiting time",
        remedy="Try again; if it stays so, look for a long-running command on the same store.",
    )


def _full(found: str, where: str) -> Unavailable:
    return Unavailable(
        "store-full",
        where=where,
        found=found,
        expected="room for the transaction",
        remedy="Make room on the disk, or raise the store's limit, and try again; nothing of this was kept.",
    )


def _io(found: str, where: str) -> Unavailable:
    return Unavailable(
        "store-io",
        where=where,
        found=found,
        expected="a disk that writes and flushes",
        remedy="Look at the disk, its quota and the system's messages; then run `carbonport log fsck`.",
    )


def _read_only(code: str, where: str) -> Misuse:
    return Misuse(
        "store-read-only",
        where=where,
        found=f"a write to a store that does not allow it ({code})",
        expected="a store opened for writing by a user who may write",
        remedy="Check the owner and mode of the store's folder, or the rights of the database user.",
    )


def _damaged(code: str, where: str) -> FailedVerification:
    return FailedVerification(
        "store-damaged",
        where=where,
        found=f"content that is no intact database ({code})",
        expected="a store as Carbonport wrote it",
        remedy="Stop the node, keep the files for an examination, and restore the last backup.",
    )


def _unreachable(found: str, where: str) -> Unavailable:
    return Unavailable(
        "store-unreachable",
        where=where,
        found=found,
        expected="a store that can be opened",
        remedy="Check the path or URL, the rights of the user, and that the database server runs.",
    )


def _constraint(code: str, where: str) -> Misuse:
    return Misuse(
        "store-constraint",
        where=where,
        found=f"a row that another row or the schema forbids ({code})",
        expected="rows that are new and complete",
        remedy="Read the row that is there; a write that was meant to be repeated needs its own key.",
    )


def _broken(code: str, where: str) -> Malformed:
    return Malformed(
        "store-broken",
        where=where,
        found=f"a database error of another kind ({code})",
        expected="a store with Carbonport's own tables",
        remedy="Check that the database belongs to Carbonport; report it if it does.",
    )
