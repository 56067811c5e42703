"""Suppliers' bundles, kept with the ledger that takes a precursor's value from them."""

from carbonport.node.store.migrations.migration import Migration

PRECURSOR_BUNDLES = Migration(
    number=8,
    title="precursor bundles",
    statements=(
        "CREATE TABLE precursor_bundles ("
        "ledger {text} NOT NULL REFERENCES ledgers (ledger), precursor {text} NOT NULL, position INTEGER NOT NULL,"
        " document {text} NOT NULL, bundle {bytes} NOT NULL, PRIMARY KEY (ledger, precursor, position))",
    ),
)
