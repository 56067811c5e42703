"""Lots: an exporter's entries, proofs and openings; an importer's keys of consignments; what a witness accepts."""

from carbonport.node.store.migrations.migration import Migration

LOTS = Migration(
    number=3,
    title="lots",
    statements=(
        "CREATE TABLE lots ("
        "lot {text} NOT NULL PRIMARY KEY, origin {text} NOT NULL UNIQUE, process {text} NOT NULL,"
        " period_start {text} NOT NULL, period_end {text} NOT NULL, size INTEGER NOT NULL)",
        "CREATE TABLE lot_entries ("
        "lot {text} NOT NULL REFERENCES lots (lot), position INTEGER NOT NULL, entry {bytes} NOT NULL,"
        " proof {bytes} NOT NULL, remainder {bytes} NOT NULL, PRIMARY KEY (lot, position))",
        "CREATE TABLE lot_statements ("
        "lot {text} NOT NULL REFERENCES lots (lot), position INTEGER NOT NULL, statement {text} NOT NULL,"
        " level {bytes} NOT NULL, PRIMARY KEY (lot, position))",
        "CREATE TABLE lot_openings ("
        "lot {text} NOT NULL REFERENCES lots (lot), k INTEGER NOT NULL, importer {text} NOT NULL,"
        " consignment {text} NOT NULL, quantity {text} NOT NULL, blinding {bytes} NOT NULL, salt {bytes} NOT NULL,"
        " PRIMARY KEY (lot, k))",
        "CREATE TABLE lot_attestations ("
        "attestation {text} NOT NULL PRIMARY KEY, lot {text} NOT NULL REFERENCES lots (lot), k INTEGER NOT NULL)",
        "CREATE TABLE consignment_keys ("
        "public {bytes} NOT NULL PRIMARY KEY, private {bytes} NOT NULL, exporter {text} NOT NULL, cn {text} NOT NULL,"
        " period_start {text} NOT NULL, period_end {text} NOT NULL, consignment {text} NOT NULL,"
        " seen {bytes} NOT NULL, made_at {bigint} NOT NULL, returned_at {bigint} NOT NULL)",
        "CREATE TABLE witnessed_lots ("
        "origin {text} NOT NULL PRIMARY KEY, exporter {text} NOT NULL, installation {text} NOT NULL,"
        " process {text} NOT NULL, period_start {text} NOT NULL, period_end {text} NOT NULL, statement {text} NOT NULL,"
        " shown_at {bigint} NOT NULL)",
    ),
)
