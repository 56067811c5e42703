"""The first store: migrations, facts, the exchange log, and the memory of a witness."""

from carbonport.node.store.migrations.migration import Migration

EXCHANGE_LOG = Migration(
    number=1,
    title="exchange log and witness",
    statements=(
        "CREATE TABLE store_facts (name {text} NOT NULL PRIMARY KEY, value {text} NOT NULL) {compact}",
        "CREATE TABLE logs ("
        "log INTEGER NOT NULL PRIMARY KEY, origin {text} NOT NULL UNIQUE, size {bigint} NOT NULL,"
        " root {bytes} NOT NULL, note_size {bigint} NOT NULL, note {bytes} NOT NULL)",
        "CREATE TABLE log_entries ("
        "log INTEGER NOT NULL REFERENCES logs (log), position {bigint} NOT NULL, entry {bytes} NOT NULL,"
        " exchange {text} NOT NULL, type SMALLINT NOT NULL, request_digest {bytes} NOT NULL,"
        " PRIMARY KEY (log, position), UNIQUE (exchange, type, request_digest, log)) {compact}",
        "CREATE TABLE log_bodies ("
        "log INTEGER NOT NULL, position {bigint} NOT NULL, body {bytes} NOT NULL, own_key {bytes} NOT NULL,"
        " PRIMARY KEY (log, position))",
        "CREATE TABLE log_nodes ("
        "log INTEGER NOT NULL, level SMALLINT NOT NULL, position {bigint} NOT NULL, hash {bytes} NOT NULL,"
        " PRIMARY KEY (log, level, position)) {compact}",
        "CREATE TABLE witnessed_logs ("
        "origin {text} NOT NULL PRIMARY KEY, size {bigint} NOT NULL, root {bytes} NOT NULL,"
        " witnessed_at {bigint} NOT NULL) {compact}",
    ),
)
