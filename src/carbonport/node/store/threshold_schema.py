"""The table of threshold claims: which published value each buyer was admitted to ask about a good and period.

One row for a buyer, CN code and period, written before anybody looked at the result; `asked` counts how often exactly
this was admitted, proved or not. Rows are never deleted: what was asked stays known to the buyer.
"""

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Table, Text

from carbonport.node.store.schema import metadata

threshold_claims = Table(
    "threshold_claims",
    metadata,
    Column("importer", Text, nullable=False),
    Column("cn", Text, nullable=False),
    Column("period_start", Text, nullable=False),
    Column("period_end", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("first_asked_at", BigInteger, nullable=False),
    Column("last_asked_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("importer", "cn", "period_start", "period_end"),
)
