"""Contributions to plans with a releaser, who was shown them, are used up."""

from carbonport.node.store.migrations.migration import Migration

SHOWN_TO_A_RELEASER = Migration(
    number=6,
    title="shown to a releaser",
    statements=("ALTER TABLE aggregation_contributions ADD COLUMN shown INTEGER NOT NULL DEFAULT 0",),
)
