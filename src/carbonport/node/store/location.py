"""Where a store is: one SQLite file in a folder, or a PostgreSQL database by URL.

A folder or file path means SQLite (`<folder>/carbonport.sqlite`); `postgresql+psycopg://user@host/name` means
PostgreSQL. Nothing else is accepted, so that a mistyped URL never becomes a new empty file. A password in a
URL is never shown.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from carbonport.errors import Misuse

STORE_FILE = "carbonport.sqlite"
"""The name of the SQLite file in a node's data folder."""

POSTGRESQL_DRIVER = "postgresql+psycopg"
"""The only database URL scheme: psycopg 3."""


@dataclass(frozen=True, slots=True)
class Location:
    """A parsed store location; `file` is set for SQLite only."""

    url: URL
    file: Path | None

    @property
    def name(self) -> str:
        """What may be shown to a person: the file, or the URL without its password."""
        return str(self.file) if self.file is not None else self.url.render_as_string(hide_password=True)


def locate(where: str | Path) -> Location:
    """Parse a path or URL; Misuse (`store-location`) for anything that is neither."""
    if isinstance(where, str) and "://" in where:
        try:
            url = make_url(where)
        except ArgumentError:
            raise _bad_location("a text that cannot be read as a URL") from None
        if url.drivername != POSTGRESQL_DRIVER:
            raise _bad_location(f"a URL of scheme {url.drivername}")
        if not url.database:
            raise _bad_location("a URL without a database name")
        return Location(url, None)
    if not str(where):
        raise _bad_location("an empty text")
    path = Path(where)
    file = path / STORE_FILE if path.is_dir() or not path.suffix else path
    return Location(URL.create("sqlite", database=str(file)), file)


def _bad_location(found: str) -> Misuse:
    return Misuse(
        "store-location",
        found=found,
        expected=f"a folder, a file, or a URL {POSTGRESQL_DRIVER}://user@host/database",
        remedy="Correct the store setting in the node's configuration.",
    )
