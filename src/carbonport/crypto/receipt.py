"""Receipts: what a log gives with data that cross, so that the receiver can prove what was logged.

A receipt carries the entry's key k_e, its event, its field leaves (opened ones with name, value and salt, the
others as digests), the inclusion proof, and the checkpoint note with its cosignatures. `verify_receipt`
recomputes everything from the bytes that the receiver holds: without that a receipt proves nothing about its
payload.

Promised: when `verify_receipt` returns, the log's key has signed a tree that holds, at the stated index, an
entry that commits to exactly this payload and these values, and a quorum of witnesses has cosigned that tree.
Not promised: that the log is complete, that the hidden fields say anything true, or that no hidden field
repeats an opened name (auditors, who open all fields, refuse such an entry). Without the quorum the receipt
is *provisional*: FailedVerification `receipt-provisional`, after all other checks have passed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from carbonport.crypto.canonical import (
    Json,
    b64url_decode,
    b64url_encode,
    canonical_bytes,
    parse_canonical,
    quoted,
)
from carbonport.crypto.checkpoint import Checkpoint, open_checkpoint
from carbonport.crypto.fieldtree import FieldLeaf, leaf_digest
from carbonport.crypto.log_entry import ENTRY_KEY_BYTES, Entry, EntryType, Event, FieldName, payload_digest
from carbonport.crypto.merkle import HASH_BYTES, MAX_PROOF_HASHES, MAX_TREE_SIZE, tree_root, verify_inclusion
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import FailedVerification, Malformed

RECEIPT_VERSION = 1
"""`v` of every receipt."""

MAX_RECEIPT_BYTES = 262_144
"""A bound on a receipt's JSON, checked before parsing: the largest note, 64 hashes and 64 field leaves
fit."""

MAX_RECEIPT_FIELDS = 64
"""A bound on the field leaves of an entry."""

REMEMBERED_NOTES = 8
"""Notes whose text is remembered: the receipts of a batch stand under one."""

_NO_QUORUM_ID = "witness-quorum"


@dataclass(frozen=True, slots=True)
class Receipt:
    """An entry's place in the tree of a checkpoint, and the opened part of its event.

    `proof` are hashes from the leaf upwards in the tree of the checkpoint's size; `fields` are all field
    leaves in the order of the field tree, those not shown as their 32-byte digests. `key` opens the entry for
    whoever holds the receipt, and is shown in no text form.
    """

    index: int
    proof: tuple[bytes, ...]
    checkpoint: SignedNote
    event: bytes
    key: bytes = field(repr=False)
    fields: tuple[FieldLeaf | bytes, ...] = field(repr=False)

    def opened(self) -> dict[str, bytes]:
        """The values shown, by field name; believed only once `verify_receipt` has returned."""
        return {each.name: each.value for each in self.fields if isinstance(each, FieldLeaf)}

    def entry(self) -> Entry:
        """The entry that key and event give."""
        return Entry.of(Event.parse(self.event), self.key)

    def to_json(self) -> dict[str, Json]:
        """The receipt as JSON; `from_json` gives the same receipt."""
        return {
            "v": RECEIPT_VERSION,
            "index": self.index,
            "proof": [b64url_encode(each) for each in self.proof],
            "checkpoint": self.checkpoint.encode().decode(),
            "event": self.event.decode(),
            "key": b64url_encode(self.key),
            "fields": [_field_to_json(each) for each in self.fields],
        }

    @classmethod
    def from_json(cls, value: Json) -> "Receipt":
        """Read a receipt; Malformed (`receipt-format`) unless it is exactly of the form. Nothing is
        verified."""
        match value:
            case {
                "v": int(version),
                "index": int(index),
                "proof": list(proof),
                "checkpoint": str(note),
                "event": str(event),
                "key": str(key),
                "fields": list(fields),
                **rest,
            } if not rest and version is not True and index is not True:
                pass
            case _:
                raise _malformed("missing, unknown or mistyped members")
        if version != RECEIPT_VERSION or not 0 <= index < MAX_TREE_SIZE:
            raise _malformed(f"version {version}, index {index}")
        if len(proof) > MAX_PROOF_HASHES or not 0 < len(fields) <= MAX_RECEIPT_FIELDS:
            raise _malformed(f"{len(proof)} proof hashes and {len(fields)} fields")
        return cls(
            index=index,
            proof=tuple(_bytes(each, HASH_BYTES) for each in proof),
            checkpoint=SignedNote.parse(note.encode()),
            event=event.encode(),
            key=_bytes(key, ENTRY_KEY_BYTES),
            fields=_fields_from_json(fields),
        )

    def encode(self) -> bytes:
        """Canonical JSON: what travels beside the payload, and what `digest` is over."""
        # Written out by hand, keys in order: every crossing takes this way. `decode` demands the canonical
        # form, and a test holds this to `to_json`.
        fields = ",".join(map(_field_text, self.fields))
        proof = ",".join(f'"{b64url_encode(each)}"' for each in self.proof)
        return (
            f'{{"checkpoint":{_note_text(self.checkpoint)},"event":{quoted(self.event.decode())},'
            f'"fields":[{fields}],"index":{self.index},"key":"{b64url_encode(self.key)}",'
            f'"proof":[{proof}],"v":{RECEIPT_VERSION}}}'
        ).encode()

    @classmethod
    def decode(cls, data: bytes, *, where: str = "receipt") -> "Receipt":
        """Read canonical JSON of at most `MAX_RECEIPT_BYTES`; Malformed otherwise."""
        return cls.from_json(parse_canonical(data, max_bytes=MAX_RECEIPT_BYTES, where=where))

    def digest(self) -> bytes:
        """SHA-256 over `encode()`: what the receiver's own log entry names (entanglement)."""
        return hashlib.sha256(self.encode()).digest()

    def peer_field(self) -> bytes:
        """Value of the field `peer` in the receiver's own log entry: origin, index, log leaf, digest of
        this."""
        return canonical_bytes(
            {
                "origin": self.checkpoint.text.partition("\n")[0],
                "index": self.index,
                "leaf": self.entry().leaf.hex(),
                "receipt": self.digest().hex(),
            }
        )


def verify_receipt(
    receipt: Receipt,
    *,
    log_key: VerifierKey,
    policy: WitnessPolicy,
    payload: bytes,
    expected: Mapping[str, bytes],
    entry_type: EntryType = EntryType.CROSSING,
    exchange: str | None = None,
) -> int | None:
    """Check that the log of `log_key` holds an entry that commits to `payload` and to the `expected` field
    values.

    `exchange`, when given, is the exchange id the event must name. Gives the time of the witnesses' quorum in
    unix seconds, None when `policy` asks for no quorum (then nobody vouches for a time, and the receiver's
    own first entry counts). Raises FailedVerification: `receipt-event`, `receipt-field`, `receipt-payload`,
    `tree-inclusion`, those of `open_checkpoint`, and last `receipt-provisional`; Malformed for parts that
    have no valid form.
    """
    checkpoint = open_checkpoint(receipt.checkpoint, log_key)
    event = Event.parse(receipt.event)
    _check_event(event, entry_type, exchange)
    _check_inclusion(receipt, Entry.of(event, receipt.key), checkpoint)
    _check_fields(receipt, event, {**expected, FieldName.PAYLOAD: payload_digest(payload)})
    return _check_quorum(receipt.checkpoint, policy)


def _check_event(event: Event, entry_type: EntryType, exchange: str | None) -> None:
    if event.type is not entry_type or exchange not in (None, event.exchange):
        raise FailedVerification(
            "receipt-event",
            found=f"an event of type {event.type.word} of exchange {event.exchange}",
            expected=f"type {entry_type.word}" + (f" of exchange {exchange}" if exchange else ""),
            remedy="Refuse the data; the receipt was made for another exchange. Ask the sender again.",
        )


def _check_inclusion(receipt: Receipt, entry: Entry, checkpoint: Checkpoint) -> None:
    verify_inclusion(entry.tree_leaf, receipt.index, checkpoint.size, receipt.proof, checkpoint.root)


def _check_fields(receipt: Receipt, event: Event, expected: Mapping[str, bytes]) -> None:
    digests = [leaf_digest(each) if isinstance(each, FieldLeaf) else each for each in receipt.fields]
    if tree_root(digests) != event.fields_root:
        raise FailedVerification(
            "receipt-field",
            found="field leaves that do not give the event's root",
            expected="the leaves of the logged event, unchanged",
            remedy="Refuse the data and keep the receipt; ask the sender for a correct one.",
        )
    opened = receipt.opened()
    for name, value in expected.items():
        if opened.get(name) == value:
            continue
        if name == FieldName.PAYLOAD:
            raise FailedVerification(
                "receipt-payload",
                found="a logged digest that is not that of the bytes received",
                expected="the SHA-256 of exactly these bytes in the field payload",
                remedy="Refuse the data and keep both: what was sent is not what was logged.",
            )
        raise FailedVerification(
            "receipt-field",
            where=name,
            found="another value than the receiver expects"
            if name in opened
            else "a field that is not shown",
            expected="the field opened, with the value the receiver knows to be right",
            remedy="Refuse the data and keep the receipt; ask the sender for a correct one.",
        )


def _check_quorum(note: SignedNote, policy: WitnessPolicy) -> int | None:
    try:
        return policy.check(note)
    except FailedVerification as error:
        if error.id != _NO_QUORUM_ID:
            raise
        raise FailedVerification(
            "receipt-provisional",
            found=error.found,
            expected=error.expected,
            remedy="Keep the payload, do not rely on it yet; fetch it again once witnesses have cosigned.",
        ) from None


def _field_to_json(each: FieldLeaf | bytes) -> Json:
    if isinstance(each, bytes):
        return b64url_encode(each)
    return {"name": each.name, "value": b64url_encode(each.value), "salt": b64url_encode(each.salt)}


def _field_text(each: FieldLeaf | bytes) -> str:
    if isinstance(each, bytes):
        return f'"{b64url_encode(each)}"'
    salt, value = b64url_encode(each.salt), b64url_encode(each.value)
    return f'{{"name":{quoted(each.name)},"salt":"{salt}","value":"{value}"}}'


@lru_cache(REMEMBERED_NOTES)
def _note_text(note: SignedNote) -> str:
    return quoted(note.encode().decode())


def _fields_from_json(values: Sequence[Json]) -> tuple[FieldLeaf | bytes, ...]:
    fields: list[FieldLeaf | bytes] = []
    last_name = b""
    for value in values:
        match value:
            case str():
                fields.append(_bytes(value, HASH_BYTES))
            case {"name": str(name), "value": str(content), "salt": str(salt), **rest} if not rest:
                leaf = FieldLeaf(name, b64url_decode(content), b64url_decode(salt))
                if name.encode() <= last_name:
                    raise _malformed("opened fields that repeat or are out of order")
                last_name = name.encode()
                fields.append(leaf)
            case _:
                raise _malformed("a field that is neither opened nor a digest")
    return tuple(fields)


def _bytes(value: Json, length: int) -> bytes:
    if not isinstance(value, str):
        raise _malformed("a value that is no base64url text")
    data = b64url_decode(value)
    if len(data) != length:
        raise _malformed(f"a value of {len(data)} bytes in the place of {length}")
    return data


def _malformed(found: str) -> Malformed:
    return Malformed(
        "receipt-format",
        found=found,
        expected=f"a Carbonport receipt of version {RECEIPT_VERSION}",
        remedy="Ask the sender for the receipt again, or read it with a newer Carbonport.",
    )
