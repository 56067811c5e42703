"""Backup and restore: all rows of a store in one SQLite file, whichever database they came from or go to.

A backup is a snapshot (no writer is stopped) in the form of an ordinary SQLite store, so every tool of this
program reads it, and a restore is also the way from SQLite to PostgreSQL and back. A restored store remembers
that it was restored (`restored_at`): its log may be behind what witnesses have seen, and refuses to sign
until it has asked them. Not promised: that the file is encrypted (its mode is 0600; log bodies are sealed in
it as in the store, ledgers are not), and that keys are in it (they never are).
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, MetaData, Table, delete, insert, select

from carbonport.crypto.ambient import Clock, system_clock
from carbonport.errors import Misuse, Unavailable
from carbonport.node.store.engine import Store
from carbonport.node.store.exchange_schema import approvals
from carbonport.node.store.facts import read_fact, write_fact
from carbonport.node.store.schema import store_facts, store_migrations

COPY_ROWS = 500
"""Rows read and written at a time: a body has a few kilobytes, so a chunk stays below a few megabytes."""

BACKED_UP_AT = "backed_up_at"
"""Fact: unix seconds at which the snapshot was taken."""

RESTORED_AT = "restored_at"
"""Fact: unix seconds at which this store was filled from a backup; absent when it never was."""

_PARTIAL = ".partial"


def back_up(store: Store, target: Path, *, clock: Clock = system_clock) -> dict[str, int]:
    """Write a snapshot of `store` to the new file `target`; gives the number of rows per table.

    The file appears under its name when it is complete and flushed. Misuse (`store-backup-exists`) when it is
    there.
    """
    if target.exists():
        raise Misuse(
            "store-backup-exists",
            where=str(target),
            found="a file of this name",
            expected="a new file",
            remedy="Choose another name; a backup never overwrites anything.",
        )
    partial = target.with_name(target.name + _PARTIAL + ".db")
    partial.unlink(missing_ok=True)
    copy = Store.open(partial, clock=clock)
    try:
        with store.reading() as source, copy.writing() as sink:
            counts = _copy_rows(source, sink)
            write_fact(sink, BACKED_UP_AT, str(clock()))
    except BaseException:
        copy.close()
        partial.unlink(missing_ok=True)
        raise
    copy.close()
    _put_in_place(partial, target)
    return counts


def restore(backup: Path, store: Store, *, clock: Clock = system_clock) -> dict[str, int]:
    """Fill the empty `store` from a backup, in one transaction; gives the number of rows per table.

    Backups of older schema versions are brought up to date on the way. Approvals stay behind: nobody knows how often
    they were used since the backup, and who gave them is in the log. Misuse (`store-not-empty`) when the store holds
    anything already: a restore never mixes two histories.
    """
    with _migrated_copy(backup, clock) as copy, copy.reading() as source, store.writing() as sink:
        _require_empty(sink, store.name)
        counts = _copy_rows(source, sink)
        sink.execute(delete(approvals))
        counts[approvals.name] = 0
        write_fact(sink, RESTORED_AT, str(clock()))
    return counts


def restored_at(connection: Connection) -> int | None:
    """When this store was filled from a backup, in unix seconds; None when it never was."""
    value = read_fact(connection, RESTORED_AT)
    return int(value) if value is not None else None


def _copy_rows(source: Connection, sink: Connection) -> dict[str, int]:
    counts = {}
    for table in _tables(source):
        count = 0
        rows = source.execution_options(yield_per=COPY_ROWS).execute(select(table)).mappings()
        for chunk in rows.partitions():
            sink.execute(insert(table), [dict(row) for row in chunk])
            count += len(chunk)
        counts[table.name] = count
    return counts


def _tables(connection: Connection) -> list[Table]:
    """Every table but the version table, in an order that foreign keys allow, as the database itself has
    them."""
    found = MetaData()
    found.reflect(connection)
    return [each for each in found.sorted_tables if each.name != store_migrations.name]


def _require_empty(connection: Connection, where: str) -> None:
    for table in _tables(connection):
        if connection.execute(select(table).limit(1)).first() is None:
            continue
        raise Misuse(
            "store-not-empty",
            where=where,
            found=f"rows in {table.name}" if table.name != store_facts.name else "a store in use",
            expected="a new store",
            remedy="Restore into a new folder or database, then point the configuration to it.",
        )


@contextmanager
def _migrated_copy(backup: Path, clock: Clock) -> Iterator[Store]:
    if not backup.is_file():
        raise Unavailable(
            "store-missing",
            where=str(backup),
            found="no file",
            expected="a backup of a store",
            remedy="Check the path.",
        )
    with tempfile.TemporaryDirectory(prefix="carbonport-restore-") as folder:
        copy = Path(folder) / "backup.db"
        shutil.copyfile(backup, copy)
        copy.chmod(0o600)
        store = Store.open(copy, clock=clock)
        try:
            yield store
        finally:
            store.close()


def _put_in_place(partial: Path, target: Path) -> None:
    _flush(partial)
    partial.rename(target)
    _flush(target.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
