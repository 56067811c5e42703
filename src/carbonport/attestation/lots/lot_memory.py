"""What an importer remembers of its consignment, as a file for a seller that lost it: entries, proofs, own opening.

After a restore to a backup behind the lot's witnesses the seller gets back from importers what it forgot. Each of them
holds all entries and proofs up to its own consignment, and what opens its own. Canonical JSON; the seller believes none
of it: entries must give a checkpoint that its own key signed, proofs and opening must fit the entries.
"""

from dataclasses import dataclass, field

from carbonport.attestation.lots.lot_presentation import LotPresentation, read_lot_presentation
from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.statement_draft import DIGITS
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.errors import Malformed

MEMORY_FORMAT = "carbonport-lot-memory/1"
"""Names the format."""

MAX_MEMORY_BYTES = 48 * 1024 * 1024
"""Largest file: a full lot takes some 25 MB."""


@dataclass(frozen=True, slots=True)
class LotMemory:
    """`quantity` is in units of the lot's last decimal; with the presentation's blinding it opens entry k. Secret."""

    importer: str
    consignment: str
    quantity: int = field(repr=False)
    presentation: LotPresentation

    def encode(self) -> bytes:
        """The file."""
        return canonical_bytes(
            {
                "format": MEMORY_FORMAT,
                "importer": self.importer,
                "consignment": self.consignment,
                "quantity": str(self.quantity),
                "lot": self.presentation.to_json(),
            }
        )


def read_lot_memory(data: bytes) -> LotMemory:
    """Read a file; raises `Malformed` unless it is exactly of the form."""
    fields = StrictFields(parse_canonical(data, max_bytes=MAX_MEMORY_BYTES, where="lot memory"), "lot memory")
    if fields.text("format") != MEMORY_FORMAT:
        raise Malformed(
            "lot-memory-format",
            found="a file of another format",
            expected=MEMORY_FORMAT,
            remedy="Ask the importer for the file that `carbonport lot export` writes.",
        )
    memory = LotMemory(
        importer=fields.text("importer", pattern=PARTICIPANT_ID),
        consignment=fields.text("consignment"),
        quantity=int(fields.text("quantity", pattern=DIGITS)),
        presentation=read_lot_presentation(fields.value("lot")),
    )
    fields.finish()
    return memory
