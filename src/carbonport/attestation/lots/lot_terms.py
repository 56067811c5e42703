"""What a verification statement says of a lot, and what a check of the lot takes from the statement.

`LotTerms` stands in the statement, once for each activity level: the origin of the lot's log, the path of the committed
activity level, the unit and decimals of consignments, the width of every range proof, and the lot's witnesses with
their quorum. It is the same for every importer, for the statement is.

The quorum keeps two importers from being shown different logs: with w witnesses of which f may be dishonest, two
quorums of more than (w + f)/2 share an honest one. f is at least 1 once there is more than one witness; one of one is
allowed, and trusts that one. A statement may name no witness at all; then no check of the lot ends well
(`lot-unwitnessed`).
"""

import re
from dataclasses import dataclass

from carbonport.attestation.lots.lot_identity import Lot
from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.crypto.notes import MAX_NAME_BYTES
from carbonport.crypto.proofs.range_layout import MAX_WIDTH_BITS
from carbonport.errors import Malformed, Misuse

MAX_WITNESSES = 32
"""Most witnesses of one lot."""

MAX_DECIMALS = 12
"""Most decimals of a consignment's quantity."""

_QUANTITY = re.compile(r"(0|[1-9][0-9]{0,38})(?:\.([0-9]{1,38}))?")


@dataclass(frozen=True, slots=True)
class LotTerms:
    """The lot of one production process.

    `path` names the leaf of the activity level; quantities are integers of `bits` bits in units of 10^-`decimals`
    `unit`. Of `witnesses` (participant ids, sorted) any `quorum` must have cosigned, and up to `dishonest` may lie.
    Raises `Malformed` (`lot-terms`, `lot-quorum-rule`) when that cannot be.
    """

    process: str
    path: str
    origin: str
    unit: str
    decimals: int
    bits: int
    witnesses: tuple[str, ...]
    quorum: int
    dishonest: int

    def __post_init__(self) -> None:
        if not (0 <= self.decimals <= MAX_DECIMALS and 1 <= self.bits <= MAX_WIDTH_BITS):
            raise _malformed(f"{self.decimals} decimals and {self.bits} bits")
        if not self.origin or len(self.origin.encode()) > MAX_NAME_BYTES:
            raise _malformed("an origin that is empty or too long")
        if self.witnesses != tuple(sorted(set(self.witnesses))) or len(self.witnesses) > MAX_WITNESSES:
            raise _malformed("witnesses that are not in order, or too many, or one twice")
        _require_quorum(len(self.witnesses), self.quorum, self.dishonest)

    @property
    def scale_terms(self) -> tuple[str, str, str, int, int]:
        """What a correction must leave as it is, for the proofs of consignments rest on it."""
        return (self.path, self.origin, self.unit, self.decimals, self.bits)

    def quantity(self, text: str) -> int:
        """A consignment's quantity (a plain decimal in the lot's unit) in units of the lot's last decimal.

        Exact: raises `Misuse` for more decimals than the lot has, another form, or more than its width holds.
        """
        match = _QUANTITY.fullmatch(text)
        places = match[2] or "" if match else ""
        if match is None or len(places) > self.decimals:
            raise _bad_quantity("a quantity that is no plain decimal of the lot's decimals", self)
        value = int(match[1] + places.ljust(self.decimals, "0"))
        if value >= 1 << self.bits:
            raise _bad_quantity("a quantity beyond the lot's width", self)
        return value

    def to_json(self) -> Json:
        """As it stands in a statement."""
        return {
            "process": self.process,
            "path": self.path,
            "origin": self.origin,
            "unit": self.unit,
            "decimals": self.decimals,
            "bits": self.bits,
            "witnesses": list(self.witnesses),
            "quorum": self.quorum,
            "dishonest": self.dishonest,
        }


def read_lot_terms(fields: StrictFields) -> LotTerms:
    """The terms out of a statement or draft; the caller finishes the object."""
    return LotTerms(
        process=fields.text("process"),
        path=fields.text("path"),
        origin=fields.text("origin"),
        unit=fields.text("unit", empty=True),
        decimals=fields.integer("decimals", maximum=MAX_DECIMALS),
        bits=fields.integer("bits", minimum=1, maximum=MAX_WIDTH_BITS),
        witnesses=fields.texts("witnesses", pattern=PARTICIPANT_ID, max_items=MAX_WITNESSES),
        quorum=fields.integer("quorum", maximum=MAX_WITNESSES),
        dishonest=fields.integer("dishonest", maximum=MAX_WITNESSES),
    )


@dataclass(frozen=True, slots=True)
class StatedLot:
    """A lot with what a *verified* statement says around it: the statement's digest (SHA-256, hex), its version and the
    digest of the version it supersedes (or empty), its exporter, and root and number of its leaves. Whoever makes one
    has checked the statement's signature and issuer."""

    lot: Lot
    terms: LotTerms
    exporter: str
    digest: str
    version: int
    supersedes: str
    root: bytes
    leaf_count: int

    def __post_init__(self) -> None:
        if self.terms.process != self.lot.process or self.exporter in self.terms.witnesses:
            raise _malformed("terms of another process, or an exporter that witnesses its own lot")


def width_of(level_bits: int, level_decimals: int, decimals: int) -> int:
    """The width of a lot whose activity level has these bits and decimals and whose consignments have `decimals`."""
    if decimals < level_decimals:
        raise _malformed("consignments with fewer decimals than the activity level")
    scale: int = 10 ** (decimals - level_decimals)
    return ((1 << level_bits) * scale - 1).bit_length()


def _require_quorum(witnesses: int, quorum: int, dishonest: int) -> None:
    unwitnessed = witnesses == quorum == dishonest == 0
    single = witnesses == quorum == 1 and dishonest == 0
    many = witnesses > 1 and dishonest >= 1 and quorum <= witnesses and 2 * quorum > witnesses + dishonest
    if not (unwitnessed or single or many):
        raise Malformed(
            "lot-quorum-rule",
            found=f"a quorum of {quorum} of {witnesses} witnesses with {dishonest} dishonest",
            expected="more than (witnesses + dishonest)/2 with at least one dishonest, or 1 of 1",
            remedy="Ask the verifier for a statement whose lots have enough witnesses; no witness at all is 0 of 0.",
        )


def _bad_quantity(found: str, terms: LotTerms) -> Misuse:
    return Misuse(
        "lot-quantity",
        found=found,
        expected=f"a plain decimal with at most {terms.decimals} decimals, below 2^{terms.bits} of the last",
        remedy="Give the consignment's net quantity in the unit and at the decimals of the lot.",
    )


def _malformed(found: str) -> Malformed:
    return Malformed(
        "lot-terms",
        found=found,
        expected="the terms of one lot as a verification statement states them",
        remedy="Ask the verifier for a corrected statement.",
    )
