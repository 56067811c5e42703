"""The table of sessions between nodes, sums and trainings alike, as this version reads and writes it.

* `session_records`: what was said or made in a session, by kind and name; the first word stands.
"""

from sqlalchemy import BigInteger, Column, LargeBinary, PrimaryKeyConstraint, Table, Text

from carbonport.node.store.schema import metadata

session_records = Table(
    "session_records",
    metadata,
    Column("session", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("session", "kind", "name"),
)
