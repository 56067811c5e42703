"""The tables of this node's own trainings, as this version reads and writes them.

* `privacy_charges`: what was charged to the privacy budget, by task and calendar year.
* `training_requests`: plans that coordinators showed to this node, and what a person decided.
* `training_entries`: trainings that this node gave statistics to, with their membership: one row a plan.
* `training_rows`: which rows (a good of an installation over some days) went into which of them.

Nothing of the last two is ever deleted: what once was given stays known.
"""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from carbonport.node.store.schema import metadata

privacy_charges = Table(
    "privacy_charges",
    metadata,
    Column("task", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("training", Text, nullable=False),
    Column("epsilon", Text, nullable=False),
    Column("charged_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("task", "year", "training"),
)

training_requests = Table(
    "training_requests",
    metadata,
    Column("plan", Text, primary_key=True),
    Column("coordinator", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("decision", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

training_entries = Table(
    "training_entries",
    metadata,
    Column("plan", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("members", LargeBinary, nullable=False),
    Column("statistics", Text, nullable=False),
    Column("noised", Integer, nullable=False),
    Column("entered_at", BigInteger, nullable=False),
)

training_rows = Table(
    "training_rows",
    metadata,
    Column("plan", Text, nullable=False),
    Column("installation", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("cn", Text, nullable=False),
    Column("first_day", Text, nullable=False),
    Column("last_day", Text, nullable=False),
    PrimaryKeyConstraint("plan", "installation", "process", "cn", "first_day", "last_day"),
)
