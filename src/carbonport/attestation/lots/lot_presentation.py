"""What an importer is shown of a lot, beside the statement: canonical JSON, a part of a bundle.

All entries up to the checkpoint, the checkpoint with its cosignatures, the range proofs of every consignment up to
`position`, the remainder's proof there, the activity level's leaf, and what opens the importer's own entry but its
quantity, which the importer knows. `position` is k for a sale; for an attestation made again after a correction it is
the position of that correction or later. A thousand consignments take about 1.5 MB.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from carbonport.attestation.lots.activity_level import ShownLevel, read_shown_level
from carbonport.attestation.lots.consignment_key import SALT_BYTES
from carbonport.attestation.lots.lot_leaves import MAX_ENTRY_BYTES, MAX_LOT_ENTRIES
from carbonport.attestation.lots.seller import LotState
from carbonport.attestation.statement_draft import read_hex, read_scalar
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode
from carbonport.crypto.group import encode_scalar
from carbonport.crypto.notes import MAX_NOTE_BYTES, SignedNote
from carbonport.errors import Malformed, Misuse

LOT_FORMAT = "carbonport-lot/1"
"""Names the format."""

MAX_PROOF_BYTES = 2048
"""Longest range proof of one value."""

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class LotPresentation:
    """One consignment of a lot, as its importer is shown it. `blinding` and `salt` are the importer's secrets."""

    k: int
    position: int
    note: SignedNote
    entries: tuple[bytes, ...]
    proofs: Mapping[int, bytes] = field(repr=False)
    remainder_proof: bytes = field(repr=False)
    level: ShownLevel
    blinding: int = field(repr=False)
    salt: bytes = field(repr=False)

    def to_json(self) -> Json:
        """As it stands in a bundle."""
        return {
            "format": LOT_FORMAT,
            "k": self.k,
            "position": self.position,
            "checkpoint": self.note.encode().decode(),
            "entries": [b64url_encode(data) for data in self.entries],
            "proofs": [{"k": k, "proof": b64url_encode(self.proofs[k])} for k in sorted(self.proofs)],
            "remainder": b64url_encode(self.remainder_proof),
            "level": self.level.to_json(),
            "blinding": b64url_encode(encode_scalar(self.blinding)),
            "salt": self.salt.hex(),
        }


def present(
    state: LotState, k: int, note: SignedNote, level: ShownLevel, *, position: int | None = None
) -> LotPresentation:
    """Consignment k under the checkpoint in `note` (over all entries of `state`). `position` is where the remainder
    is proved: k itself unless the attestation is made again after a correction."""
    at = k if position is None else position
    entry = state.history.consignment(k)
    if (
        at not in state.remainders
        or k not in state.openings
        or state.history.statement(at).digest != bytes.fromhex(state.stated.digest)
    ):
        raise Misuse(
            "lot-presentation",
            found="a consignment or position without its opening or proof under the statement in force",
            expected="a consignment of this lot, and a position whose remainder is proved",
            remedy="Prove the remainder at the last entry, and present the consignment there.",
        )
    opening = state.openings[k]
    proofs = {each.k: state.proofs[each.k] for each in state.history.consignments(at)}
    return LotPresentation(
        k=entry.k,
        position=at,
        note=note,
        entries=state.history.encoded,
        proofs=proofs,
        remainder_proof=state.remainders[at],
        level=level,
        blinding=opening.blinding,
        salt=opening.salt,
    )


def read_lot_presentation(value: Json) -> LotPresentation:
    """The part out of a bundle; raises `Malformed` for anything that is not of the form. Nothing is checked yet."""
    fields = StrictFields(value, "lot")
    if fields.text("format") != LOT_FORMAT:
        raise _malformed("a lot of another format")
    level = fields.nested("level")
    proofs = fields.each("proofs", _read_proof, max_items=MAX_LOT_ENTRIES)
    if [k for k, _ in proofs] != sorted({k for k, _ in proofs}):
        raise _malformed("proofs that are not in the order of their consignments")
    presentation = LotPresentation(
        k=fields.integer("k", minimum=1, maximum=MAX_LOT_ENTRIES),
        position=fields.integer("position", minimum=1, maximum=MAX_LOT_ENTRIES),
        note=SignedNote.parse(fields.text("checkpoint", max_chars=MAX_NOTE_BYTES).encode()),
        entries=tuple(
            b64url_decode(
                StrictFields({"entry": item}, "lot: entries").text("entry", max_chars=2 * MAX_ENTRY_BYTES)
            )
            for item in fields.items("entries", max_items=MAX_LOT_ENTRIES)
        ),
        proofs=dict(proofs),
        remainder_proof=_read_bytes(fields, "remainder"),
        level=read_shown_level(level),
        blinding=read_scalar(fields, "blinding"),
        salt=read_hex(fields, "salt", SALT_BYTES),
    )
    level.finish()
    fields.finish()
    return presentation


def _read_proof(fields: StrictFields) -> tuple[int, bytes]:
    return fields.integer("k", minimum=1, maximum=MAX_LOT_ENTRIES), _read_bytes(fields, "proof")


def _read_bytes(fields: StrictFields, name: str) -> bytes:
    return b64url_decode(fields.text(name, pattern=_BASE64URL, max_chars=2 * MAX_PROOF_BYTES))


def _malformed(found: str) -> Malformed:
    return Malformed(
        "lot-presentation-format",
        found=found,
        expected=f"a lot of the format {LOT_FORMAT}",
        remedy="Ask the seller for the consignment again, or use a version of the program that knows the format.",
    )
