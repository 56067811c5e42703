"""The tables of lots, as this version reads and writes them.

Exporter:
* `lots`: one row per lot, with the number of its entries.
* `lot_entries`: an entry, the range proof of its quantity (consignments only), and the proof of what remained at it,
  where one was made; none of it secret.
* `lot_statements`: by which statement version the lot goes from an entry on, with the leaf of its activity level.
* `lot_openings`: what opens a consignment's entry, and whose it is: secret, and derived from nothing.
* `lot_attestations`: which consignment an attestation is about.

Importer: `consignment_keys`, the key made for a consignment, and what was seen of it in its lot (empty before a fetch).
Witness: `witnessed_lots`, the lots whose statement it was shown.

A lot is named by its id in hex. Times are unix seconds, 0 for never; quantities are integers in decimal digits.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from carbonport.node.store.schema import metadata

lots = Table(
    "lots",
    metadata,
    Column("lot", Text, primary_key=True),
    Column("origin", Text, nullable=False, unique=True),
    Column("process", Text, nullable=False),
    Column("period_start", Text, nullable=False),
    Column("period_end", Text, nullable=False),
    Column("size", Integer, nullable=False),
)

lot_entries = Table(
    "lot_entries",
    metadata,
    Column("lot", Text, ForeignKey("lots.lot"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    Column("remainder", LargeBinary, nullable=False),
    PrimaryKeyConstraint("lot", "position"),
)

lot_statements = Table(
    "lot_statements",
    metadata,
    Column("lot", Text, ForeignKey("lots.lot"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("statement", Text, nullable=False),
    Column("level", LargeBinary, nullable=False),
    PrimaryKeyConstraint("lot", "position"),
)

lot_openings = Table(
    "lot_openings",
    metadata,
    Column("lot", Text, ForeignKey("lots.lot"), nullable=False),
    Column("k", Integer, nullable=False),
    Column("importer", Text, nullable=False),
    Column("consignment", Text, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("blinding", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    PrimaryKeyConstraint("lot", "k"),
)

lot_attestations = Table(
    "lot_attestations",
    metadata,
    Column("attestation", Text, primary_key=True),
    Column("lot", Text, ForeignKey("lots.lot"), nullable=False),
    Column("k", Integer, nullable=False),
)

consignment_keys = Table(
    "consignment_keys",
    metadata,
    Column("public", LargeBinary, primary_key=True),
    Column("private", LargeBinary, nullable=False),
    Column("exporter", Text, nullable=False),
    Column("cn", Text, nullable=False),
    Column("period_start", Text, nullable=False),
    Column("period_end", Text, nullable=False),
    Column("consignment", Text, nullable=False),
    Column("seen", LargeBinary, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("returned_at", BigInteger, nullable=False),
)

witnessed_lots = Table(
    "witnessed_lots",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("exporter", Text, nullable=False),
    Column("installation", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("period_start", Text, nullable=False),
    Column("period_end", Text, nullable=False),
    Column("statement", Text, nullable=False),
    Column("shown_at", BigInteger, nullable=False),
)
