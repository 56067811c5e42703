"""The store on SQLite and PostgreSQL: schema, transactions, the writer's lock, reading only, clear errors."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, inspect, select, text

from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse, Unavailable
from carbonport.node.exporter import approvals
from carbonport.node.store import (
    Store,
    aggregation_schema,
    exchange_schema,
    lot_schema,
    session_schema,
    threshold_schema,
    training_schema,
)
from carbonport.node.store.backup import back_up, restore
from carbonport.node.store.facts import read_fact, write_fact
from carbonport.node.store.location import locate
from carbonport.node.store.migrations import MIGRATIONS, migrate
from carbonport.node.store.migrations.migration import Migration
from carbonport.node.store.schema import metadata, store_facts


@pytest.fixture
def store(store_location: str) -> Iterator[Store]:
    opened = Store.open(store_location, clock=lambda: 1_790_000_000)
    yield opened
    opened.close()


def facts(store: Store) -> dict[str, str]:
    with store.reading() as connection:
        return {row.name: row.value for row in connection.execute(select(store_facts))}


def test_migrations_make_the_tables_that_the_program_uses(store: Store) -> None:
    tables = (
        exchange_schema.ledgers,
        lot_schema.lots,
        threshold_schema.threshold_claims,
        aggregation_schema.aggregation_contributions,
        session_schema.session_records,
        training_schema.training_rows,
    )
    assert all(table.metadata is metadata for table in tables)
    with store.reading() as connection:
        found = inspect(connection)
        for table in metadata.sorted_tables:
            columns = {each["name"]: each["nullable"] for each in found.get_columns(table.name)}
            assert columns == {each.name: bool(each.nullable) for each in table.columns}, table.name
            key = found.get_pk_constraint(table.name)["constrained_columns"]
            assert key == [each.name for each in table.primary_key.columns], table.name
        assert set(found.get_table_names()) == set(metadata.tables)


def test_migrations_are_numbered_without_gaps_and_applied_once(store: Store, store_location: str) -> None:
    assert [each.number for each in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
    Store.open(store_location, clock=lambda: 1_799_999_999).close()
    with store.reading() as connection:
        rows = connection.execute(text("SELECT number, applied_at FROM store_migrations")).all()
    assert [tuple(row) for row in rows] == [(each.number, 1_790_000_000) for each in MIGRATIONS]


def test_a_newer_store_is_refused_and_a_pending_migration_is_applied(
    store: Store, store_location: str
) -> None:
    later = (*MIGRATIONS, Migration(len(MIGRATIONS) + 1, "later", ("CREATE TABLE later (n {bigint})",)))
    with store.writing() as connection:
        migrate(connection, "here", lambda: 5, later)
        migrate(connection, "here", lambda: 6, later)
    for opening in (Store.open, Store.open_read_only):
        with pytest.raises(Misuse, match="store-schema-newer"):
            opening(store_location)


def test_a_failing_migration_changes_nothing(store: Store, store_location: str) -> None:
    broken = Migration(len(MIGRATIONS) + 1, "broken", ("CREATE TABLE half (n {bigint})", "CREATE NONSENSE"))
    with pytest.raises(CarbonportError), store.writing() as connection:
        migrate(connection, "here", lambda: 5, (*MIGRATIONS, broken))
    with store.reading() as connection:
        assert "half" not in inspect(connection).get_table_names()
    Store.open(store_location).close()


def test_a_transaction_is_all_or_nothing(store: Store) -> None:

    def fail(connection: Connection) -> None:
        write_fact(connection, "a", "1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), store.writing() as connection:
        fail(connection)
    assert facts(store) == {}
    with store.writing() as connection:
        write_fact(connection, "a", "1")
        write_fact(connection, "a", "2")
    assert facts(store) == {"a": "2"}


def test_a_reader_sees_one_snapshot(store: Store) -> None:
    with store.reading() as connection:
        assert read_fact(connection, "a") is None
        with store.writing() as other:
            write_fact(other, "a", "1")
        assert read_fact(connection, "a") is None
    assert facts(store) == {"a": "1"}


def test_a_forbidden_row_is_named_without_its_content(store: Store) -> None:
    with store.writing() as connection:
        write_fact(connection, "a", "secret-value-417.25")
    with pytest.raises(Misuse, match="store-constraint") as caught, store.writing() as connection:
        connection.execute(insert(store_facts).values(name="a", value="secret-value-417.25"))
    assert "417.25" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    store, other = Store.open(tmp_path / "node"), Store.open(tmp_path / "node")
    writer = store.lock_writer()
    with pytest.raises(Unavailable, match="store-writer-elsewhere"):
        other.lock_writer()
    with writer.writing() as connection:
        write_fact(connection, "a", "1")
    with other.writing() as connection:
        write_fact(connection, "b", "1")
    writer.release()
    second = other.lock_writer()
    with second.writing() as connection:
        write_fact(connection, "a", "2")
    second.release()
    other.close()
    assert facts(store) == {"a": "2", "b": "1"}
    store.close()


def test_writers_of_a_server_take_turns(new_postgresql_schema: Callable[[], str]) -> None:
    """Each sees what the one before it left, though both began at the same time."""
    location = new_postgresql_schema()
    stores = [Store.open(location) for _ in range(2)]
    writers = [store.lock_writer() for store in stores]
    assert [writer.alone for writer in writers] == [False, False]

    def count(number: int) -> None:
        with writers[number].writing() as connection:
            write_fact(connection, "n", str(int(read_fact(connection, "n") or "0") + 1))

    with ThreadPoolExecutor(2) as both:
        list(both.map(count, [0, 1] * 20))
    assert facts(stores[0]) == {"n": "40"}
    for store in stores:
        store.close()


HOLD_THE_LOCK = """
import sys
from carbonport.node.store import Store
writer = Store.open(sys.argv[1]).lock_writer()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_killed_writer_leaves_the_lock_free(tmp_path: Path) -> None:
    store_location = str(tmp_path / "node")
    store = Store.open(store_location)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, store_location], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(Unavailable, match="store-writer-elsewhere"):
            store.lock_writer()
        process.kill()
        process.wait()
    store.lock_writer().release()
    store.close()


def test_reading_only_never_writes(store: Store, store_location: str) -> None:
    with store.writing() as connection:
        write_fact(connection, "a", "1")
    reader = Store.open_read_only(store_location)
    assert facts(reader) == {"a": "1"}
    with pytest.raises(Misuse, match="store-opened-read-only"), reader.writing():
        pass
    with pytest.raises(Misuse, match="store-opened-read-only"):
        reader.lock_writer()
    with pytest.raises(Misuse, match="store-read-only"), reader.reading() as connection:
        write_fact(connection, "a", "2")
    with store.writing() as connection:
        write_fact(connection, "a", "3")
    assert facts(reader) == {"a": "3"}
    reader.close()


def test_a_lost_connection_loses_the_lock_and_says_so(new_postgresql_schema: Callable[[], str]) -> None:
    location = new_postgresql_schema()
    store = Store.open(location)
    writer, other = store.lock_writer(), Store.open(location)

    def write_disconnected(connection: Connection) -> None:
        write_fact(connection, "a", "1")
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with other.writing() as killer:
            killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with other.lock_writer().writing() as faster:
            write_fact(faster, "b", "1")
        write_fact(connection, "a", "3")

    with pytest.raises(Unavailable, match="store-unreachable"), writer.writing() as connection:
        write_disconnected(connection)
    with writer.writing() as connection:
        write_fact(connection, "a", "2")
    assert facts(store) == {"a": "2", "b": "1"}
    other.close()
    store.close()


def test_files_are_private(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "new" / "node")
    assert store.file is not None
    assert stat.S_IMODE(store.file.parent.stat().st_mode) == 0o700
    with store.writing() as connection:
        write_fact(connection, "a", "1")
    for file in store.file.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    store.close()


def test_a_store_closed_on_a_read_only_folder_can_be_read(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "node")
    with store.writing() as connection:
        write_fact(connection, "a", "1")
    store.close()
    (tmp_path / "node").chmod(0o500)
    try:
        reader = Store.open_read_only(tmp_path / "node")
        assert facts(reader) == {"a": "1"}
        reader.close()
    finally:
        (tmp_path / "node").chmod(0o700)


def test_paths_with_meaningful_characters_are_only_paths(tmp_path: Path) -> None:
    folder = tmp_path / "a b%20c?d#e&mode=memory"
    store = Store.open(folder)
    with store.writing() as connection:
        write_fact(connection, "a", "1")
    store.close()
    assert (folder / "carbonport.sqlite").is_file()
    reader = Store.open_read_only(folder)
    assert facts(reader) == {"a": "1"}
    reader.close()


def test_a_full_store_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "node", max_size_bytes=400_000)
    kept = []

    def fill() -> None:
        for number in range(1000):
            with store.writing() as connection:
                write_fact(connection, f"{number:04}", "x" * 4000)
            kept.append(number)

    with pytest.raises(Unavailable, match="store-full"):
        fill()
    assert len(facts(store)) == len(kept) > 10
    store.close()
    again = Store.open(tmp_path / "node")
    assert len(facts(again)) == len(kept)
    with again.writing() as connection:
        write_fact(connection, "more", "x" * 4000)
    again.close()


WRITE_UNTIL_THE_LIMIT = """
import resource, sys
from carbonport.errors import Unavailable
from carbonport.node.store import Store
from carbonport.node.store.facts import write_fact
store = Store.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
for number in range(1000):
    try:
        with store.writing() as connection:
            write_fact(connection, f"{number:04}", "x" * 4000)
    except Unavailable as error:
        print(error.id)
        break
    print(number, flush=True)
"""


def test_a_disk_that_refuses_to_grow_loses_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE_UNTIL_THE_LIMIT, str(tmp_path / "node")]
    *acknowledged, error = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert error in ("store-io", "store-full")
    store = Store.open(tmp_path / "node")
    assert sorted(facts(store)) == [f"{number:04}" for number in range(len(acknowledged))]
    store.close()


def test_a_locked_store_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbonport.node.store.engine.BUSY_WAIT_MS", 10)
    store = Store.open(tmp_path / "node")
    assert store.file is not None
    other = sqlite3.connect(store.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="store-locked"), store.writing():
        pass
    other.execute("ROLLBACK")
    other.close()
    with store.writing() as connection:
        write_fact(connection, "a", "1")
    store.close()


def test_what_is_no_store_is_not_touched(tmp_path: Path) -> None:
    foreign, text_file = tmp_path / "foreign.db", tmp_path / "notes.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE cells (n INTEGER)")
    connection.commit()
    connection.close()
    text_file.write_bytes(b"these are no pages of a database, and long enough to be read as a header" * 20)
    for path, family, error_id in (
        (foreign, Malformed, "store-foreign"),
        (text_file, FailedVerification, "store-damaged"),
    ):
        before = path.read_bytes()
        for opening in (Store.open, Store.open_read_only):
            with pytest.raises(family, match=error_id):
                opening(path)
        assert path.read_bytes() == before
    with pytest.raises(Unavailable, match="store-missing"):
        Store.open_read_only(tmp_path / "nowhere")
    with pytest.raises(Unavailable, match="store-unreachable"):
        Store.open("postgresql+psycopg://nobody:hidden-word@127.0.0.1:1/none")


@pytest.mark.parametrize(
    "where", ["", "mysql://h/d", "postgresql://h/d", "postgresql+psycopg://host", "sqlite:///x.db", "a://[b"]
)
def test_only_paths_and_our_database_urls_are_locations(where: str) -> None:
    with pytest.raises(Misuse, match="store-location"):
        locate(where)


def test_a_password_is_never_shown() -> None:
    location = locate("postgresql+psycopg://user:hidden-word@host/base")
    assert "hidden-word" not in location.name
    with pytest.raises(Unavailable) as caught:
        Store.open("postgresql+psycopg://user:hidden-word@127.0.0.1:1/base")
    assert "hidden-word" not in str(caught.value)


def test_approvals_stay_behind_at_a_restore_and_one_given_in_its_very_second_counts(
    store: Store, tmp_path: Path
) -> None:
    def approval(reference: str) -> approvals.StoredApproval:
        return approvals.StoredApproval(reference, "importer", "request", "cbam", "A", 1_790_000_900, 2, 0)

    with store.writing() as connection:
        approvals.add_approval(connection, approval("before"), now=1_790_000_000)
    back_up(store, tmp_path / "backup.db")
    restored = Store.open(tmp_path / "restored", clock=lambda: 1_790_000_000)
    restore(tmp_path / "backup.db", restored, clock=lambda: 1_790_000_000)
    with restored.writing() as connection:
        assert approvals.approval_for(connection, "importer", "request") is None
        approvals.add_approval(connection, approval("after"), now=1_790_000_000)
        assert approvals.approval_for(connection, "importer", "request") == approval("after")
    restored.close()
