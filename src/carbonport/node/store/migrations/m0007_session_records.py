"""One table for what is said in sessions, be it a sum or a training."""

from carbonport.node.store.migrations.migration import Migration

SESSION_RECORDS = Migration(
    number=7,
    title="session records",
    statements=("ALTER TABLE aggregation_records RENAME TO session_records",),
)
