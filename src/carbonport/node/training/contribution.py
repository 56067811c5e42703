"""A member's contribution to an exchange: a signed head with the hash of each sealed share, and the shares.

The head says which training, exchange, attempt and questions the shares are for. A holder takes a share only beside its
member's head, and adds only when the heads of everyone who was asked are there.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbonport.attestation.participants import SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.crypto.sums.fast_sum import FastExchange
from carbonport.crypto.sums.threshold import MAX_HOLDERS
from carbonport.errors import FailedVerification
from carbonport.federated.course import Asked
from carbonport.federated.training import MAX_EXCHANGES
from carbonport.node.sessions.signed_document import DocumentKind, SealKeys, Signed
from carbonport.node.training.parcel import pack, unpack
from carbonport.node.training.plan import AREA, MAX_RETRIES, SignedPlan

MAX_HEAD_BYTES = 8 * 1024
"""Longest head as a token."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a training a document belongs: digests of plan, membership and questions, exchange and attempt."""

    plan: str
    membership: str
    exchange: int
    attempt: int
    asked: str

    def as_json(self) -> dict[str, Json]:
        """As documents hold it."""
        return {
            "plan": self.plan,
            "membership": self.membership,
            "exchange": self.exchange,
            "attempt": self.attempt,
            "asked": self.asked,
        }


@dataclass(frozen=True, slots=True)
class ContributionHead:
    """`shares` are the SHA-256 (hex) of the sealed shares, in the order of the plan's holders."""

    place: Place
    shares: tuple[str, ...]

    @property
    def sealed(self) -> str:
        """The hash of the whole sealed contribution: SHA-256 (hex) over those of its shares."""
        return hashlib.sha256("".join(self.shares).encode()).hexdigest()


SignedHead = Signed[ContributionHead]


def fast_exchange(plan: SignedPlan, place: Place, asked: Asked) -> FastExchange:
    """What the secure sum of one group's question binds every share to."""
    return FastExchange(
        plan_hash=bytes.fromhex(plan.digest),
        exchange=f"{place.exchange} {asked.name}",
        attempt=place.attempt,
        threshold=plan.content.holder_threshold,
        length=asked.question.length,
        value_bits=asked.question.bound.bit_length(),
        roster_limit=len(asked.members),
    )


def open_head(token: str, member: str, place: Place, holders: int, keys: SealKeys) -> SignedHead:
    """A member's head for this place; raises `FailedVerification` (`training-contribution-place`) for another."""
    head = HEAD.open(token, member, keys)
    if head.content.place != place or len(head.content.shares) != holders:
        raise contribution_failed("a contribution to another exchange, attempt or question", member)
    return head


def check_share(head: SignedHead, index: int, sealed: bytes) -> None:
    """Raise `FailedVerification` unless these are the bytes that the head names for the holder of this index."""
    if hashlib.sha256(sealed).hexdigest() != head.content.shares[index - 1]:
        raise contribution_failed("a share that is not the one its member signed for", head.issuer)


def contributions_digest(heads: Sequence[SignedHead]) -> str:
    """SHA-256 (hex) over the heads' digests, in the order of the members."""
    return hashlib.sha256("".join(head.digest for head in heads).encode()).hexdigest()


def contribution_failed(found: str, member: str) -> FailedVerification:
    """The error of a contribution that does not belong here."""
    return FailedVerification(
        "training-contribution-place",
        found=found,
        expected="the contribution of everyone who was asked, to this very exchange and attempt",
        remedy="Ask the member for its contribution; it keeps what it sent.",
        where=member,
    )


def read_place(fields: StrictFields) -> Place:
    """As documents and letters hold it."""
    place = Place(
        plan=fields.text("plan", pattern=SHA256_HEX),
        membership=fields.text("membership", pattern=SHA256_HEX),
        exchange=fields.integer("exchange", maximum=MAX_EXCHANGES),
        attempt=fields.integer("attempt", maximum=MAX_RETRIES),
        asked=fields.text("asked", pattern=SHA256_HEX),
    )
    fields.finish()
    return place


def _write(head: ContributionHead) -> Mapping[str, Json]:
    return {"place": head.place.as_json(), "shares": list(head.shares)}


def _read(fields: StrictFields) -> ContributionHead:
    return ContributionHead(
        read_place(fields.nested("place")),
        fields.texts("shares", pattern=SHA256_HEX, max_items=MAX_HOLDERS),
    )


HEAD = DocumentKind[ContributionHead]("contribution", MAX_HEAD_BYTES, _write, _read, AREA)
"""A contribution's head, signed by its member."""


def contribution_bytes(head: str, shares: Sequence[bytes]) -> bytes:
    """A head and the sealed shares, in the order of the plan's holders: what crosses, and what receipts are about."""
    return pack({"head": head}, shares)


def read_contribution(data: bytes) -> tuple[str, tuple[bytes, ...]]:
    """Head and sealed shares of what crossed."""
    fields, shares = unpack(data)
    head = fields.text("head", max_chars=MAX_HEAD_BYTES)
    fields.finish()
    return head, shares
