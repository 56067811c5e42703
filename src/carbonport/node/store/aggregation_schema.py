"""The tables of aggregation sessions, as this version reads and writes them.

* `aggregation_records`: what was said or made in a session, by kind and name; the first word stands.
* `aggregation_contributions`: every ledger quantity that this node ever contributed, and to what.
"""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from carbonport.node.store.schema import metadata

aggregation_records = Table(
    "aggregation_records",
    metadata,
    Column("session", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("session", "kind", "name"),
)

aggregation_contributions = Table(
    "aggregation_contributions",
    metadata,
    Column("installation", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("first_day", Text, nullable=False),
    Column("last_day", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("closed", Integer, nullable=False),
    Column("shown", Integer, nullable=False),
    PrimaryKeyConstraint("installation", "path", "first_day", "last_day", "plan", "attempt"),
)
