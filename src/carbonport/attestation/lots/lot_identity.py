"""Which production a lot is: installation, production process and period; and the origin of its log.

A lot belongs to one *activity level*, whatever CN codes leave it, so its id says nothing of goods:

    lot id = TupleHash256("carbonport/lot/v1", installation, process, period start, period end)
    origin = origin of the node's log + "/lot/" + lot id in hex

The lot's checkpoints are signed with the node's log key under the lot's origin as its name; the origin is part of what
is signed, so that a checkpoint of one log is none of another. That two installations have different names is the
verifier's care, as is that a process has one name.
"""

from dataclasses import dataclass
from functools import cached_property

from carbonport.attestation.statement_draft import PERIOD
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import Malformed

LOT_DOMAIN = "carbonport/lot/v1"
"""Domain string of a lot's id."""

LOT_PATH = "/lot/"
"""Stands between the origin of the node's log and the lot's id."""


@dataclass(frozen=True, slots=True)
class LotPlace:
    """Where a consignment stands: id of the lot in hex, and the position k of its entry, which is 1 or more."""

    lot: str
    k: int


NO_PLACE = LotPlace("", 0)
"""Of a consignment whose statement names no lot, and of a claim about a good, which sells nothing."""


@dataclass(frozen=True)
class Lot:
    """One production: `start` and `end` are ISO 8601 days, both included."""

    installation: str
    process: str
    start: str
    end: str

    @classmethod
    def of(cls, installation: str, process: str, period: str) -> "Lot":
        """The lot of a process in a statement's period (`start/end`)."""
        if not PERIOD.fullmatch(period):
            raise Malformed(
                "lot-period",
                found="a period of another form",
                expected="two ISO 8601 days with a slash between them",
                remedy="Take the period from a verification statement.",
            )
        start, _, end = period.partition("/")
        return cls(installation, process, start, end)

    @cached_property
    def id(self) -> bytes:
        """64 bytes that stand for this production in every leaf, proof and signature."""
        return tuple_hash(LOT_DOMAIN, self.installation, self.process, self.start, self.end)

    def at(self, k: int) -> "LotPlace":
        """The place of consignment `k`."""
        return LotPlace(self.id.hex(), k)

    def origin(self, node_origin: str) -> str:
        """The origin of this lot's log at the node whose own log has `node_origin`."""
        return f"{node_origin}{LOT_PATH}{self.id.hex()}"
