"""The entries of a lot's log, byte for byte: fixed lengths, so that each has exactly one encoding.

    statement    01 01 | version u32 | statement digest 32             the first entry, and each correction
    consignment  01 02 | k u32 | Q_k 48 | recipient tag 64 | key 32 | SHA-256(proof of Q_k) 32
    give-back    01 03 | k u32 | signature 64

The first byte is the format's version, the second the kind; integers are big-endian. k is the position of the
consignment's own entry, counted from 0. Nothing here says whether entries fit together; see `lot_history`.
"""

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

from carbonport.attestation.lots.consignment_key import GIVE_BACK_BYTES, KEY_BYTES
from carbonport.crypto.group import POINT_BYTES, Point
from carbonport.crypto.tuplehash import TUPLE_HASH_BYTES
from carbonport.errors import Malformed

ENTRY_VERSION = 1
"""Version of the format of entries."""

MAX_LOT_ENTRIES = 16_384
"""Most entries of one lot: an importer takes all of them, some 25 MB in a bundle, and checks them in some 30 s."""

MAX_VERSION = 2**32 - 1
"""Largest version of a statement that an entry can hold."""

DIGEST_BYTES = 32
"""Length of a SHA-256 digest."""

_STATEMENT, _CONSIGNMENT, _GIVE_BACK = 1, 2, 3
_HEAD_BYTES = 6


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """From here on the production is the one that this statement commits to."""

    version: int
    digest: bytes

    def encode(self) -> bytes:
        """The entry's bytes."""
        return _head(_STATEMENT, self.version) + self.digest


@dataclass(frozen=True, slots=True)
class ConsignmentEntry:
    """A sale: `commitment` hides its quantity, `tag` its recipient; `key` is the importer's for this one."""

    k: int
    commitment: Point
    tag: bytes
    key: bytes
    proof_digest: bytes

    def encode(self) -> bytes:
        """The entry's bytes."""
        return (
            _head(_CONSIGNMENT, self.k) + self.commitment.encode() + self.tag + self.key + self.proof_digest
        )


@dataclass(frozen=True, slots=True)
class GiveBackEntry:
    """Consignment k is returned, signed by the key in its entry."""

    k: int
    signature: bytes

    def encode(self) -> bytes:
        """The entry's bytes."""
        return _head(_GIVE_BACK, self.k) + self.signature


LotEntry: TypeAlias = StatementEntry | ConsignmentEntry | GiveBackEntry
"""One entry of a lot's log."""

_LENGTHS = {
    _STATEMENT: DIGEST_BYTES,
    _CONSIGNMENT: POINT_BYTES + TUPLE_HASH_BYTES + KEY_BYTES + DIGEST_BYTES,
    _GIVE_BACK: GIVE_BACK_BYTES,
}

MAX_ENTRY_BYTES = _HEAD_BYTES + max(_LENGTHS.values())
"""Length of the longest entry."""


def proof_digest(proof: bytes) -> bytes:
    """What the entry of a consignment holds of its range proof."""
    return hashlib.sha256(proof).digest()


def decode_entry(data: bytes) -> LotEntry:
    """The entry of these bytes; raises `Malformed` for another version, kind or length, and for a commitment that is
    no point of the group or the identity."""
    kind = data[1] if len(data) > _HEAD_BYTES else 0
    if data[:1] != bytes([ENTRY_VERSION]) or len(data) - _HEAD_BYTES != _LENGTHS.get(kind):
        raise Malformed(
            "lot-entry-format",
            found=f"an entry of {len(data)} bytes of an unknown version, kind or length",
            expected="a statement, a consignment or a give-back of a lot",
            remedy="Ask the seller for the lot's entries again, or read them with a newer version.",
        )
    number, rest = int.from_bytes(data[2:_HEAD_BYTES], "big"), data[_HEAD_BYTES:]
    if kind == _STATEMENT:
        return StatementEntry(number, rest)
    if kind == _GIVE_BACK:
        return GiveBackEntry(number, rest)
    tag_at, key_at = POINT_BYTES, POINT_BYTES + TUPLE_HASH_BYTES
    digest_at = key_at + KEY_BYTES
    return ConsignmentEntry(
        k=number,
        commitment=Point.decode(rest[:tag_at]),
        tag=rest[tag_at:key_at],
        key=rest[key_at:digest_at],
        proof_digest=rest[digest_at:],
    )


def returned_by(data: bytes) -> int | None:
    """The k that an entry of this log gives back, None for other entries; without decoding points."""
    return int.from_bytes(data[2:_HEAD_BYTES], "big") if data[1] == _GIVE_BACK else None


def is_statement(data: bytes) -> bool:
    """Whether an entry of this log names a statement version."""
    return data[1] == _STATEMENT


def is_consignment(data: bytes) -> bool:
    """Whether an entry of this log is a sale; without decoding points."""
    return data[1] == _CONSIGNMENT


def _head(kind: int, number: int) -> bytes:
    return bytes([ENTRY_VERSION, kind]) + number.to_bytes(4, "big")
