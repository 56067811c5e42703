"""Aggregation sessions: what was said in them, and what this node ever contributed."""

from carbonport.node.store.migrations.migration import Migration

AGGREGATION = Migration(
    number=5,
    title="aggregation",
    statements=(
        "CREATE TABLE aggregation_records ("
        "session {text} NOT NULL, kind {text} NOT NULL, name {text} NOT NULL, content {bytes} NOT NULL,"
        " kept_at {bigint} NOT NULL, PRIMARY KEY (session, kind, name))",
        "CREATE TABLE aggregation_contributions ("
        "installation {text} NOT NULL, path {text} NOT NULL, first_day {text} NOT NULL, last_day {text} NOT NULL,"
        " plan {text} NOT NULL, attempt INTEGER NOT NULL, closed INTEGER NOT NULL,"
        " PRIMARY KEY (installation, path, first_day, last_day, plan, attempt))",
    ),
)
