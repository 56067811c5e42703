"""Where a node keeps what it knows: SQLite in one folder, or PostgreSQL by URL; schema, migrations,
backup."""

from carbonport.node.store.engine import Store, Writer

__all__ = ["Store", "Writer"]
