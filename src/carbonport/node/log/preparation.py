"""From a draft to the rows of an entry, and back: salted fields, event, keyed leaf, sealed body.

The node reads its own bodies with a key of its own (32 bytes, kept with its other keys and never in the
store): each body key is wrapped under it, bound to log and leaf, beside the seals for the regulators.
Wrapping is what makes a repeated request's receipt possible after a restart; it costs a fraction of one more
HPKE seal.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.fieldtree import SALT_BYTES, FieldLeaf, leaf_digest, salted_fields
from carbonport.crypto.log_body import (
    MAX_BODY_READERS,
    Body,
    SealedBody,
    open_with_key,
    require_reader_id,
    seal_body,
)
from carbonport.crypto.log_entry import ENTRY_KEY_BYTES, Entry, Event, FieldName, body_aad
from carbonport.crypto.merkle import leaf_hash, tree_root
from carbonport.crypto.receipt import MAX_RECEIPT_FIELDS
from carbonport.crypto.sealing import BODY_KEY_BYTES, BODY_NONCE_BYTES, decrypt_body, encrypt_body
from carbonport.errors import Misuse
from carbonport.node.log.draft import REQUEST_DIGEST_BYTES, Draft

MAX_FIELD_BYTES = 262_144
"""A bound on the values of one event together: what is logged describes a crossing, it is not the payload."""


@dataclass(frozen=True, slots=True)
class PreparedEntry:
    """An entry ready to be inserted, and what its receipt will show."""

    entry: bytes
    tree_leaf: bytes
    event: bytes
    key: bytes = field(repr=False)
    shown: tuple[FieldLeaf | bytes, ...] = field(repr=False)
    body: bytes = field(repr=False)
    own_key: bytes = field(repr=False)


class EntryMaker:
    """Prepares entries of one log; holds the node's own body key, so it is never shown."""

    def __init__(
        self, origin: str, *, own_key: bytes, readers: Mapping[str, bytes], random_bytes: RandomBytes
    ) -> None:
        """`readers` are raw X25519 keys by key id; every body is sealed to them."""
        if len(own_key) != BODY_KEY_BYTES:
            raise Misuse(
                "log-own-key",
                found=f"a key of {len(own_key)} bytes",
                expected=f"{BODY_KEY_BYTES} random bytes, the node's own key for its log bodies",
                remedy="Give the key that `carbonport init` made.",
            )
        self._origin = origin
        self._own_key = own_key
        self._random_bytes = random_bytes
        self.seal_to(readers)

    def seal_to(self, readers: Mapping[str, bytes]) -> None:
        """From the next entry on, seal bodies to these readers."""
        for reader in readers:
            require_reader_id(reader)
        self._readers = dict(readers)

    def prepare(self, draft: Draft, time: int) -> PreparedEntry:
        """Draw salts and keys, hash, encrypt and seal; Misuse when the draft is out of shape."""
        _check(draft, len(self._readers))
        # All that is random about an entry is drawn at once and handed out in parts, each used for one thing only.
        needed = (
            SALT_BYTES * (len(draft.fields) + 1) + ENTRY_KEY_BYTES + BODY_KEY_BYTES + 2 * BODY_NONCE_BYTES
        )
        random_bytes = _Drawn(self._random_bytes(needed))
        leaves = salted_fields({**draft.fields, FieldName.REQUEST: draft.request_digest}, random_bytes)
        digests = [leaf_digest(each) for each in leaves]
        event = Event(draft.type, draft.exchange, time, tree_root(digests)).encode()
        key = random_bytes(ENTRY_KEY_BYTES)
        entry = Entry.of_event_bytes(draft.type, event, key)
        # One associated data for body and wrapped key: they are encrypted under different keys.
        aad = body_aad(self._origin, entry.leaf)
        sealed, body_key = seal_body(
            Body(event, key, leaves).encode(),
            origin=self._origin,
            leaf=entry.leaf,
            aad=aad,
            readers={**self._readers, **draft.readers} if draft.readers else self._readers,
            random_bytes=random_bytes,
        )
        raw = entry.encode()
        return PreparedEntry(
            entry=raw,
            tree_leaf=leaf_hash(raw),
            event=event,
            key=key,
            shown=tuple(
                leaf if leaf.name in draft.opened else digest
                for leaf, digest in zip(leaves, digests, strict=True)
            ),
            body=sealed.encode(),
            own_key=encrypt_body(self._own_key, aad, body_key, random_bytes),
        )

    def reopen(self, entry: bytes, body: bytes, own_key: bytes) -> Body:
        """The body of a stored entry, recomputed against it; FailedVerification when it does not open or
        match."""
        parsed = Entry.parse(entry)
        key = decrypt_body(self._own_key, body_aad(self._origin, parsed.leaf), own_key)
        return open_with_key(SealedBody.parse(body), key, origin=self._origin, entry=parsed)


class _Drawn:
    """Random bytes drawn beforehand: a `RandomBytes` that gives each of them once."""

    def __init__(self, drawn: bytes) -> None:
        self._left = drawn

    def __call__(self, count: int) -> bytes:
        part, self._left = self._left[:count], self._left[count:]
        assert len(part) == count, "as many were drawn as an entry needs"
        return part


def shown_fields(body: Body, opened: Collection[str]) -> tuple[FieldLeaf | bytes, ...]:
    """The leaves of a receipt: those named in `opened` in the open, the others as digests."""
    return tuple(each if each.name in opened else leaf_digest(each) for each in body.fields)


def _check(draft: Draft, readers: int) -> None:
    if len(draft.request_digest) != REQUEST_DIGEST_BYTES:
        raise _bad_draft(f"a request digest of {len(draft.request_digest)} bytes")
    if FieldName.REQUEST in draft.fields or len(draft.fields) >= MAX_RECEIPT_FIELDS:
        raise _bad_draft(f"{len(draft.fields)} fields, or one that the log itself adds")
    if sum(map(len, draft.fields.values())) > MAX_FIELD_BYTES:
        raise _bad_draft("field values that are too long")
    if any(name not in draft.fields and name != FieldName.REQUEST for name in draft.opened):
        raise _bad_draft("a field to open that the event does not have")
    if readers + len(draft.readers) > MAX_BODY_READERS:
        raise _bad_draft("too many readers")
    for reader in draft.readers:
        require_reader_id(reader)


def _bad_draft(found: str) -> Misuse:
    return Misuse(
        "log-draft",
        found=found,
        expected=f"a {REQUEST_DIGEST_BYTES}-byte request digest, fewer than {MAX_RECEIPT_FIELDS} fields"
        f" with at most {MAX_FIELD_BYTES} bytes, opened names among them, at most {MAX_BODY_READERS} readers",
        remedy="This is a defect of the calling program; nothing was logged.",
    )
