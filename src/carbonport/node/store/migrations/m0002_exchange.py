"""The exchange: ledgers, statements, requests, approvals, attestations; what importer, verifier and regulator
keep."""

from carbonport.node.store.migrations.migration import Migration

EXCHANGE = Migration(
    number=2,
    title="exchange",
    statements=(
        "CREATE TABLE ledgers ("
        "ledger {text} NOT NULL PRIMARY KEY, installation {text} NOT NULL, period_start {text} NOT NULL,"
        " period_end {text} NOT NULL, version INTEGER NOT NULL, scope {text} NOT NULL, content {bytes} NOT NULL,"
        " taken_in_at {bigint} NOT NULL, UNIQUE (installation, period_start, period_end, version))",
        "CREATE TABLE statements ("
        "statement {text} NOT NULL PRIMARY KEY, ledger {text} NOT NULL, version INTEGER NOT NULL,"
        " verifier {text} NOT NULL, state {text} NOT NULL, draft {bytes} NOT NULL, token {text} NOT NULL,"
        " receipt {bytes} NOT NULL, changed_at {bigint} NOT NULL)",
        "CREATE TABLE requests ("
        "request {text} NOT NULL, importer {text} NOT NULL, digest {bytes} NOT NULL, content {bytes} NOT NULL,"
        " state {text} NOT NULL, attestation {text} NOT NULL, decision {text} NOT NULL, reason {text} NOT NULL,"
        " asked_at {bigint} NOT NULL, changed_at {bigint} NOT NULL, PRIMARY KEY (importer, request))",
        "CREATE TABLE approvals ("
        "approval {text} NOT NULL PRIMARY KEY, importer {text} NOT NULL, request {text} NOT NULL,"
        " purpose {text} NOT NULL, approved_by {text} NOT NULL, approved_at {bigint} NOT NULL,"
        " expires_at {bigint} NOT NULL, uses_allowed INTEGER NOT NULL, uses INTEGER NOT NULL)",
        "CREATE TABLE attestations ("
        "attestation {text} NOT NULL PRIMARY KEY, importer {text} NOT NULL, request {text} NOT NULL,"
        " statement {text} NOT NULL, status_index INTEGER NOT NULL UNIQUE, payload {bytes} NOT NULL,"
        " crossed {bytes} NOT NULL, issued_at {bigint} NOT NULL, revoked_at {bigint} NOT NULL,"
        " revocation_reason {text} NOT NULL, superseded_by {text} NOT NULL)",
        "CREATE TABLE queries ("
        "request {text} NOT NULL PRIMARY KEY, exporter {text} NOT NULL, content {bytes} NOT NULL,"
        " state {text} NOT NULL, attestation {text} NOT NULL, reason {text} NOT NULL, asked_at {bigint} NOT NULL)",
        "CREATE TABLE bundles ("
        '"fetch" {text} NOT NULL PRIMARY KEY, request {text} NOT NULL, attestation {text} NOT NULL,'
        " state {text} NOT NULL, disclosure {bytes} NOT NULL, receipt {bytes} NOT NULL, bundle {bytes} NOT NULL,"
        " received_at {bigint} NOT NULL)",
        "CREATE TABLE verifications ("
        "statement {text} NOT NULL PRIMARY KEY, exporter {text} NOT NULL, status_index INTEGER NOT NULL UNIQUE,"
        " token {text} NOT NULL, receipt {bytes} NOT NULL, signed_at {bigint} NOT NULL,"
        " withdrawn_at {bigint} NOT NULL)",
        "CREATE TABLE audited_logs ("
        "origin {text} NOT NULL PRIMARY KEY, size {bigint} NOT NULL, root {bytes} NOT NULL,"
        " audited_at {bigint} NOT NULL) {compact}",
    ),
)
