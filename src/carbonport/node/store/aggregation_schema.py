"""The table of aggregation sessions beside their records, as this version reads and writes it.

* `aggregation_contributions`: every ledger quantity that this node ever contributed, and to what.
"""

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, Table, Text

from carbonport.node.store.schema import metadata

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
