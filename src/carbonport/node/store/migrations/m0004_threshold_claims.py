"""Threshold claims: which published value each buyer was admitted to ask about a good and period."""

from carbonport.node.store.migrations.migration import Migration

THRESHOLD_CLAIMS = Migration(
    number=4,
    title="threshold claims",
    statements=(
        "CREATE TABLE threshold_claims ("
        "importer {text} NOT NULL, cn {text} NOT NULL, period_start {text} NOT NULL, period_end {text} NOT NULL,"
        " place {text} NOT NULL, value {text} NOT NULL, asked INTEGER NOT NULL, first_asked_at {bigint} NOT NULL,"
        " last_asked_at {bigint} NOT NULL, PRIMARY KEY (importer, cn, period_start, period_end)) {compact}",
    ),
)
