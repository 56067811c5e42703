"""Entries of an exchange log: what the tree hashes, and the event behind it.

    event      canonical JSON {v, type, exchange, time, fields_root}
    log leaf   HMAC-SHA256(k_e, event), k_e exactly 32 random bytes that are used for nothing else
    entry      version byte || type byte || log leaf (34 bytes); the tree's leaf hash is SHA-256(00 || entry)

Promised: an entry holds no plaintext but its type; every value of an event stands in a salted field leaf
under `fields_root`, so one field can be shown without the others, and an erased body leaves nothing to guess
from. HMAC with a key of fixed length commits to the event (the key is not longer than a SHA-256 block, so no
two keys collide by RFC 2104's key hashing). Not promised: that `time` is right; it is the log operator's own
word, only cosignatures say when a checkpoint was seen.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from carbonport.crypto.canonical import parse_canonical
from carbonport.crypto.merkle import leaf_hash
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import Malformed, Misuse

ENTRY_VERSION: Final = 1
"""First byte of every entry, and `v` of every event."""

ENTRY_BYTES = 34
"""Length of an entry: version, type, log leaf."""

ENTRY_KEY_BYTES = 32
"""Length of k_e."""

EXCHANGE_ID_CHARACTERS = 32
"""An exchange id is 16 bytes in lowercase hex."""

MAX_EVENT_BYTES = 512
"""A bound on an event's JSON, checked before parsing; its form has less than 256."""

_HASH_BYTES = 32
_EXCHANGE_ID = re.compile(r"[0-9a-f]{32}")
_HASH_HEX = re.compile(r"[0-9a-f]{64}")
_BODY_DOMAIN = "carbonport/log-body/v1"
_BODY_KEY_DOMAIN = "carbonport/log-body-key/v1"


class EntryType(IntEnum):
    """What an entry records; the number is the entry's second byte and never changes its meaning."""

    CROSSING = 1
    """Data left this node for a counterparty."""
    ARRIVAL = 2
    """Data came from a counterparty, with its receipt (entanglement)."""
    REFUSAL = 3
    """A request that policy, a person or a limit refused."""
    APPROVAL = 4
    """A person allowed crossings."""
    STATEMENT = 5
    """The digest of a verification statement, logged to fix the time it was signed."""
    ISSUE = 6
    """An attestation was issued."""
    REVOCATION = 7
    """An attestation or statement was withdrawn or superseded."""
    REDACTION = 8
    """The body of an earlier entry was erased."""
    OPERATOR = 9
    """A decision of the node's operator (a restore accepted, a key rotated)."""
    SESSION = 10
    """A document of an aggregation session or a training, sent or received, that is nobody's data: a plan, a consent, a
    vote, a result."""
    TRAINING = 11
    """An exchange of a federated training at a holder or its coordinator, or its model: see the field `training`."""

    @property
    def word(self) -> str:
        """The type as an event and a listing write it."""
        return self.name.lower()


_TYPE_BY_WORD = {each.word: each for each in EntryType}


class FieldName:
    """Names of the field leaves that Carbonport's own readers know; an event has only those it needs."""

    PAYLOAD = "payload"
    """SHA-256 of the bytes that crossed: 32 bytes."""
    REQUEST = "request"
    """Digest of the request that led to the entry, 32 bytes; the log itself adds it to every event."""
    RECIPIENT = "recipient"
    """Participant id of the receiver (of the sender in an arrival)."""
    PURPOSE = "purpose"
    """The purpose that was stated in the request."""
    ITEMS = "items"
    """Canonical JSON: list of {name, class, grade, form, reason, decision}."""
    POLICY = "policy"
    """Hash of the policy that decided."""
    DECISION = "decision"
    """Id of the gate's decision."""
    APPROVAL = "approval"
    """Reference of the approval that was used."""
    SUBJECT = "subject"
    """Id of what the entry is about: an attestation, a statement."""
    REASON = "reason"
    """Why: of a refusal, revocation or redaction."""
    INDEX = "index"
    """ASCII decimal: the entry whose body a redaction erased."""
    LOT = "lot"
    """Canonical JSON {consignment, k, origin, salt, statement}: the entry of a lot that a consignment is sold by."""
    TRAINING = "training"
    """Canonical JSON of an exchange of a training: see `carbonport.node.training.exchange_record`."""
    PEER = "peer"
    """Canonical JSON {origin, index, leaf, receipt}: the counterparty's entry and the digest of its
    receipt."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened: its type, the exchange it belongs to, the log's time in unix seconds, the fields'
    root."""

    type: EntryType
    exchange: str
    time: int
    fields_root: bytes

    def __post_init__(self) -> None:
        if not _EXCHANGE_ID.fullmatch(self.exchange):
            raise Misuse(
                "log-exchange-id",
                found=f"an exchange id of {len(self.exchange)} characters",
                expected=f"{EXCHANGE_ID_CHARACTERS} lowercase hexadecimal digits",
                remedy="Draw 16 random bytes for each exchange and write them in hex.",
            )
        if len(self.fields_root) != _HASH_BYTES or self.time < 0:
            raise _malformed("a root of another length than 32 bytes, or a time before 1970")

    def encode(self) -> bytes:
        """The canonical JSON that the log leaf commits to."""
        # Written out by hand, keys in order, for every entry takes this way: the parts are hexadecimal
        # digits, an integer and a word, so nothing needs escaping. `parse` demands the canonical form, and a
        # test holds both.
        return (
            f'{{"exchange":"{self.exchange}","fields_root":"{self.fields_root.hex()}","time":{self.time},'
            f'"type":"{self.type.word}","v":{ENTRY_VERSION}}}'
        ).encode()

    @classmethod
    def parse(cls, data: bytes) -> "Event":
        """Read an event; Malformed (`log-event-format`) unless it is exactly of the form."""
        value = parse_canonical(data, max_bytes=MAX_EVENT_BYTES, where="log event")
        match value:
            case {
                "v": int(version),
                "type": str(word),
                "exchange": str(exchange),
                "time": int(time),
                "fields_root": str(root),
                **rest,
            } if not rest and version is not True and time is not True:
                pass
            case _:
                raise _malformed("missing, unknown or mistyped fields")
        if version != ENTRY_VERSION or word not in _TYPE_BY_WORD:
            raise _malformed(f"version {version} and type {word[:32]!r}")
        if not _EXCHANGE_ID.fullmatch(exchange) or not _HASH_HEX.fullmatch(root) or time < 0:
            raise _malformed("an exchange id, time or root that is none")
        return cls(_TYPE_BY_WORD[word], exchange, time, bytes.fromhex(root))


@dataclass(frozen=True, slots=True)
class Entry:
    """What the tree hashes: the type in the clear, and the keyed hash of the event."""

    type: EntryType
    leaf: bytes

    @classmethod
    def of(cls, event: Event, key: bytes) -> "Entry":
        """The entry of `event` under its own key k_e."""
        return cls.of_event_bytes(event.type, event.encode(), key)

    @classmethod
    def of_event_bytes(cls, kind: EntryType, event: bytes, key: bytes) -> "Entry":
        """As `of`, from an event that is encoded already."""
        return cls(kind, log_leaf(key, event))

    @classmethod
    def parse(cls, data: bytes) -> "Entry":
        """Read an entry; Malformed (`log-entry-format`) for another length, version or type."""
        if len(data) != ENTRY_BYTES:
            raise _malformed_entry(f"{len(data)} bytes")
        if data[0] != ENTRY_VERSION:
            raise _malformed_entry(f"version {data[0]}")
        try:
            kind = EntryType(data[1])
        except ValueError:
            raise _malformed_entry(f"type {data[1]}") from None
        return cls(kind, data[2:])

    def encode(self) -> bytes:
        """The 34 bytes."""
        return bytes((ENTRY_VERSION, self.type)) + self.leaf

    @property
    def tree_leaf(self) -> bytes:
        """SHA-256(00 || entry): its leaf hash in the tree."""
        return leaf_hash(self.encode())


def log_leaf(key: bytes, event: bytes) -> bytes:
    """HMAC-SHA256(k_e, event); Misuse when the key has another length than 32 bytes."""
    if len(key) != ENTRY_KEY_BYTES:
        raise Misuse(
            "log-entry-key",
            found=f"an entry key of {len(key)} bytes",
            expected=f"exactly {ENTRY_KEY_BYTES} bytes",
            remedy="Draw a new random key for every entry.",
        )
    return hmac.digest(key, event, hashlib.sha256)


def payload_digest(payload: bytes) -> bytes:
    """SHA-256 over the bytes that crossed: the value of the field `payload`."""
    return hashlib.sha256(payload).digest()


def body_aad(origin: str, leaf: bytes) -> bytes:
    """Associated data of an encrypted body: it opens only as the body of this leaf of this log."""
    return tuple_hash(_BODY_DOMAIN, origin, leaf)


def body_key_info(origin: str, leaf: bytes, reader: str) -> bytes:
    """HPKE `info` of the sealed body key: it opens only for this reader's key id, leaf and log."""
    return tuple_hash(_BODY_KEY_DOMAIN, origin, leaf, reader)


def _malformed(found: str) -> Malformed:
    return Malformed(
        "log-event-format",
        found=found,
        expected="canonical JSON with v, type, exchange, time and fields_root as this version writes them",
        remedy="Ask the log's operator for the entry again, or read it with a newer Carbonport.",
    )


def _malformed_entry(found: str) -> Malformed:
    return Malformed(
        "log-entry-format",
        found=found,
        expected=f"{ENTRY_BYTES} bytes: version {ENTRY_VERSION}, a known type, 32 bytes of leaf",
        remedy="Ask the log's operator for the entry again, or read it with a newer Carbonport.",
    )
