"""One step from an older schema to a newer one: SQL that is never changed once released.

A statement is written once for both databases. `{text}`, `{bytes}` and `{bigint}` stand for the column types,
and `{compact}` for SQLite's `WITHOUT ROWID` (small rows found by their key), which PostgreSQL does not need.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "sqlite": {"text": "TEXT", "bytes": "BLOB", "bigint": "INTEGER", "compact": "WITHOUT ROWID"},
        "postgresql": {"text": "TEXT", "bytes": "BYTEA", "bigint": "BIGINT", "compact": ""},
    }
)
"""What the placeholders of a statement become, per SQLAlchemy dialect name."""


@dataclass(frozen=True, slots=True)
class Migration:
    """Numbered from 1 without gaps; `statements` run in order in one transaction with all other pending
    ones."""

    number: int
    title: str
    statements: tuple[str, ...]

    def sql(self, dialect: str) -> list[str]:
        """The statements for `sqlite` or `postgresql`."""
        return [each.format_map(WORDS[dialect]).rstrip() for each in self.statements]
