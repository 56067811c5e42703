"""An entry as an auditor reads it: the event, and its fields in words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.log_body import Body
from carbonport.crypto.log_entry import Entry, EntryType, Event, FieldName
from carbonport.errors import Malformed

MAX_ITEMS_BYTES = 262_144
"""A bound on the JSON of a crossing's items."""

_HASH_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class LoggedItem:
    """One thing that crossed: name, field class, grade, form, the reason and id of the gate's decision."""

    name: str
    field_class: str
    grade: str
    form: str
    reason: str
    decision: str


@dataclass(frozen=True, slots=True)
class Peer:
    """What an arrival says of the sender's log: origin, index, the leaf there, and the digest of the
    receipt."""

    origin: str
    index: int
    leaf: str
    receipt: str


@dataclass(frozen=True, slots=True)
class AuditedEntry:
    """Index, event and all field values of an entry whose body opened and recomputed to it."""

    index: int
    type: EntryType
    exchange: str
    time: int
    leaf: str
    values: Mapping[str, bytes] = field(repr=False)
    items: tuple[LoggedItem, ...] = ()
    peer: Peer | None = None

    @property
    def request(self) -> tuple[EntryType, str, bytes]:
        """The key that a log keeps unique."""
        return self.type, self.exchange, self.values.get(FieldName.REQUEST, b"")

    def text(self, name: str) -> str:
        """A field as text for a listing, empty when the event has none; bytes that are no text in hex."""
        value = self.values.get(name, b"")
        try:
            word = value.decode()
        except UnicodeDecodeError:
            return value.hex()
        return word if word.isprintable() else value.hex()


def items_field(items: tuple[LoggedItem, ...]) -> bytes:
    """The value of the field `items`: canonical JSON."""
    return canonical_bytes(
        [
            {
                "name": each.name,
                "class": each.field_class,
                "grade": each.grade,
                "form": each.form,
                "reason": each.reason,
                "decision": each.decision,
            }
            for each in items
        ]
    )


def audited_entry(index: int, entry: Entry, body: Body) -> AuditedEntry:
    """Read a body that was checked against its entry; Malformed (`log-items-format`) for a field out of
    form."""
    event = Event.parse(body.event)
    values = body.values()
    return AuditedEntry(
        index=index,
        type=event.type,
        exchange=event.exchange,
        time=event.time,
        leaf=entry.leaf.hex(),
        values=values,
        items=_items(values[FieldName.ITEMS]) if FieldName.ITEMS in values else (),
        peer=_peer(values[FieldName.PEER]) if FieldName.PEER in values else None,
    )


def _items(data: bytes) -> tuple[LoggedItem, ...]:
    value = parse_canonical(data, max_bytes=MAX_ITEMS_BYTES, where="items")
    if not isinstance(value, list):
        raise _malformed()
    return tuple(_item(each) for each in value)


def _item(value: Json) -> LoggedItem:
    match value:
        case {
            "name": str(name),
            "class": str(field_class),
            "grade": str(grade),
            "form": str(form),
            "reason": str(reason),
            "decision": str(decision),
            **rest,
        } if not rest:
            return LoggedItem(name, field_class, grade, form, reason, decision)
    raise _malformed()


def _peer(data: bytes) -> Peer:
    value = parse_canonical(data, max_bytes=MAX_ITEMS_BYTES, where="peer")
    match value:
        case {
            "origin": str(origin),
            "index": int(index),
            "leaf": str(leaf),
            "receipt": str(digest),
            **rest,
        } if not rest and index is not True and _HASH_HEX.fullmatch(leaf) and _HASH_HEX.fullmatch(digest):
            return Peer(origin, index, leaf, digest)
    raise _malformed()


def _malformed() -> Malformed:
    return Malformed(
        "log-items-format",
        found="a field items or peer in another form than this version writes",
        expected="items: a list of name, class, grade, form, reason, decision; peer: origin, index, leaf, receipt",
        remedy="Read the log with a newer Carbonport; if there is none, treat it as an audit finding.",
    )
