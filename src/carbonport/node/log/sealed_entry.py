"""From field values to an entry: salts, event, keyed leaf, sealed body.

A function of its order and of randomness alone. It imports nothing of store or node, so that a process of its own
starts fast and holds none of the node's keys (`carbonport.node.log.preparation_process`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from carbonport.crypto.ambient import Drawn, RandomBytes
from carbonport.crypto.fieldtree import SALT_BYTES, leaf_digest, salted_fields
from carbonport.crypto.log_body import Body, seal_body
from carbonport.crypto.log_entry import ENTRY_KEY_BYTES, Entry, EntryType, Event
from carbonport.crypto.merkle import tree_root
from carbonport.crypto.sealing import BODY_KEY_BYTES, BODY_NONCE_BYTES


@dataclass(frozen=True, slots=True)
class EntryOrder:
    """What an entry is made of: a draft with its request digest among the fields, its time, and every reader's raw
    X25519 key by key id."""

    type: EntryType
    exchange: str
    time: int
    fields: Mapping[str, bytes] = field(repr=False)
    opened: Collection[str]
    readers: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry with all that was drawn for it.

    `marks` are 32 bytes for each field in the order of the tree: the salt of a field to open, the leaf's digest of any
    other, which is what a receipt shows of it beside name and value. `body_key` opens `body`; whoever has this object
    wraps it or forgets it.
    """

    entry: bytes
    event: bytes
    key: bytes = field(repr=False)
    marks: tuple[bytes, ...] = field(repr=False)
    body: bytes = field(repr=False)
    body_key: bytes = field(repr=False)


def seal_entry(origin: str, order: EntryOrder, random_bytes: RandomBytes) -> SealedEntry:
    """Draw salts and keys, hash, encrypt and seal for the log `origin`."""
    # Asking the system costs more than the bytes.
    random_bytes = Drawn(
        random_bytes(SALT_BYTES * len(order.fields) + ENTRY_KEY_BYTES + BODY_KEY_BYTES + BODY_NONCE_BYTES)
    )
    leaves = salted_fields(order.fields, random_bytes)
    digests = [leaf_digest(each) for each in leaves]
    event = Event(order.type, order.exchange, order.time, tree_root(digests)).encode()
    key = random_bytes(ENTRY_KEY_BYTES)
    entry = Entry.of_event_bytes(order.type, event, key)
    sealed, body_key = seal_body(
        Body(event, key, leaves).encode(),
        origin=origin,
        leaf=entry.leaf,
        readers=order.readers,
        random_bytes=random_bytes,
    )
    return SealedEntry(
        entry=entry.encode(),
        event=event,
        key=key,
        marks=tuple(
            leaf.salt if leaf.name in order.opened else digest
            for leaf, digest in zip(leaves, digests, strict=True)
        ),
        body=sealed.encode(),
        body_key=body_key,
    )
