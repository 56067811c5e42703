"""A node's own trainings: its privacy budget, what it was asked, what it gave."""

from carbonport.node.store.migrations.migration import Migration

TRAININGS = Migration(
    number=9,
    title="trainings",
    statements=(
        "CREATE TABLE privacy_charges ("
        "task {text} NOT NULL, year INTEGER NOT NULL, training {text} NOT NULL, epsilon {text} NOT NULL,"
        " charged_at {bigint} NOT NULL, PRIMARY KEY (task, year, training)) {compact}",
        "CREATE TABLE training_requests ("
        "plan {text} NOT NULL PRIMARY KEY, coordinator {text} NOT NULL, content {bytes} NOT NULL,"
        " state {text} NOT NULL, decision {bytes} NOT NULL, reason {text} NOT NULL, asked_at {bigint} NOT NULL,"
        " changed_at {bigint} NOT NULL)",
        "CREATE TABLE training_entries ("
        "plan {text} NOT NULL PRIMARY KEY, task {text} NOT NULL, members {bytes} NOT NULL, statistics {text} NOT NULL,"
        " noised INTEGER NOT NULL, entered_at {bigint} NOT NULL)",
        "CREATE TABLE training_rows ("
        "plan {text} NOT NULL, installation {text} NOT NULL, process {text} NOT NULL, cn {text} NOT NULL,"
        " first_day {text} NOT NULL, last_day {text} NOT NULL,"
        " PRIMARY KEY (plan, installation, process, cn, first_day, last_day)) {compact}",
    ),
)
