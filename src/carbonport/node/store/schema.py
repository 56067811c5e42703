"""The tables as this version of Carbonport reads and writes them.

How a store gets them is the matter of `migrations`; a test holds both to each other on SQLite and PostgreSQL.
Times are unix seconds (UTC). Hashes and ids are bytes; texts are UTF-8. Columns of the exchange log:

* `logs`: one row per log this node writes, with its size and root as of the last committed batch, and the
last
  published checkpoint note (with the cosignatures it had).
* `log_entries`: what the tree hashes, and the key under which a repeated request finds its entry again.
* `log_bodies`: the encrypted body; a row is deleted when the body is erased, the entry stays.
* `log_nodes`: hashes of full subtrees of level 1 and above; level 0 is the leaf hash of the entry itself.
* `witnessed_logs`: the last checkpoint this node has cosigned, per origin, as a witness of others.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
"""Every table of the store, in an order in which rows can be copied."""

store_migrations = Table(
    "store_migrations",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("applied_at", BigInteger, nullable=False),
)

store_facts = Table(
    "store_facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

logs = Table(
    "logs",
    metadata,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note_size", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False),
)

log_entries = Table(
    "log_entries",
    metadata,
    Column("log", Integer, ForeignKey("logs.log"), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("type", SmallInteger, nullable=False),
    Column("request_digest", LargeBinary, nullable=False),
    PrimaryKeyConstraint("log", "position"),
    UniqueConstraint("exchange", "type", "request_digest", "log"),
)

log_bodies = Table(
    "log_bodies",
    metadata,
    Column("log", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("own_key", LargeBinary, nullable=False),
    PrimaryKeyConstraint("log", "position"),
)

log_nodes = Table(
    "log_nodes",
    metadata,
    Column("log", Integer, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("log", "level", "position"),
)

witnessed_logs = Table(
    "witnessed_logs",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("witnessed_at", BigInteger, nullable=False),
)
