"""The tables of the exchange, as this version reads and writes them (the log's own are in `schema`).

Exporter:
* `ledgers`: each version of an installation's ledger, canonical JSON; what the verifier reads on site.
* `precursor_bundles`: the suppliers' bundles that a ledger takes precursors' values from; the verifier checks them.
* `statements`: one row per statement version, from the draft that the exporter commits to, to the signed
statement.
* `requests`: what importers asked for, keyed so that a repeated request finds its first answer.
* `approvals`: a person's word, counted and expiring.
* `attestations`: what was issued, exactly the bytes that cross, and whether it still holds.

Importer: `queries` (what this node asked for) and `bundles` (what it received, as it can be verified
offline). Verifier: `verifications` (statements it signed). Regulator: `audited_logs` (the last checkpoint
seen of each log).

Times are unix seconds. `state` columns hold the words of the enums in the modules that own them.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from carbonport.node.store.schema import metadata

ledgers = Table(
    "ledgers",
    metadata,
    Column("ledger", Text, primary_key=True),
    Column("installation", Text, nullable=False),
    Column("period_start", Text, nullable=False),
    Column("period_end", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("scope", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("taken_in_at", BigInteger, nullable=False),
    UniqueConstraint("installation", "period_start", "period_end", "version"),
)

precursor_bundles = Table(
    "precursor_bundles",
    metadata,
    Column("ledger", Text, ForeignKey("ledgers.ledger"), nullable=False),
    Column("precursor", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("bundle", LargeBinary, nullable=False),
    PrimaryKeyConstraint("ledger", "precursor", "position"),
)

statements = Table(
    "statements",
    metadata,
    Column("statement", Text, primary_key=True),
    Column("ledger", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("draft", LargeBinary, nullable=False),
    Column("token", Text, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("request", Text, nullable=False),
    Column("importer", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("attestation", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("importer", "request"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("approval", Text, primary_key=True),
    Column("importer", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("uses_allowed", Integer, nullable=False),
    Column("uses", Integer, nullable=False),
)

attestations = Table(
    "attestations",
    metadata,
    Column("attestation", Text, primary_key=True),
    Column("importer", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("statement", Text, nullable=False),
    Column("status_index", Integer, nullable=False, unique=True),
    Column("payload", LargeBinary, nullable=False),
    Column("crossed", LargeBinary, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger, nullable=False),
    Column("revocation_reason", Text, nullable=False),
    Column("superseded_by", Text, nullable=False),
)

queries = Table(
    "queries",
    metadata,
    Column("request", Text, primary_key=True),
    Column("exporter", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("attestation", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
)

bundles = Table(
    "bundles",
    metadata,
    Column("fetch", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("attestation", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("disclosure", LargeBinary, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    Column("bundle", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)

verifications = Table(
    "verifications",
    metadata,
    Column("statement", Text, primary_key=True),
    Column("exporter", Text, nullable=False),
    Column("status_index", Integer, nullable=False, unique=True),
    Column("token", Text, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    Column("signed_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger, nullable=False),
)

audited_logs = Table(
    "audited_logs",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("audited_at", BigInteger, nullable=False),
)
