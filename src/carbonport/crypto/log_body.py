"""The body of a log entry: event, entry key and all field leaves, readable by chosen readers only.

The body is encrypted under a fresh random key with AES-256-GCM (associated data: log and leaf), and that key
is HPKE-sealed to each reader (`info`: log, leaf and the reader's key id). Promised: `open_body` gives a body
only when it recomputes to the leaf that the tree holds. AES-GCM does not commit to its key, so a body that
opens differently for two readers is possible until that recomputation, and is what it is for. Not promised:
anything after erasure; without the body and its keys the leaf reveals nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, parse_canonical, quoted
from carbonport.crypto.fieldtree import FieldLeaf, fields_root
from carbonport.crypto.log_entry import ENTRY_KEY_BYTES, Entry, Event, body_aad, body_key_info
from carbonport.crypto.sealing import BODY_KEY_BYTES, decrypt_body, encrypt_body, hpke_open, hpke_seal
from carbonport.errors import FailedVerification, Malformed

MAX_BODY_BYTES = 1_048_576
"""A bound on a sealed body's JSON, checked before parsing."""

MAX_BODY_READERS = 16
"""A bound on the readers of one body."""

_KEY_ID = re.compile(r"[\x21-\x7e]{1,200}")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Body:
    """What an entry hides: the event as it was hashed, its key k_e, and every field leaf in tree order."""

    event: bytes
    key: bytes = field(repr=False)
    fields: tuple[FieldLeaf, ...] = field(repr=False)

    def encode(self) -> bytes:
        """The plaintext, canonical JSON."""
        # Written out by hand, keys in order: every entry takes this way, and base64url needs no escaping.
        # `parse` demands the canonical form, and a test holds both to each other.
        fields = ",".join(
            f'{{"name":{quoted(each.name)},"salt":"{b64url_encode(each.salt)}",'
            f'"value":"{b64url_encode(each.value)}"}}'
            for each in self.fields
        )
        key = b64url_encode(self.key)
        event = quoted(self.event.decode())
        return f'{{"event":{event},"fields":[{fields}],"key":"{key}","v":{_VERSION}}}'.encode()

    @classmethod
    def parse(cls, data: bytes) -> "Body":
        """Read a plaintext; Malformed (`log-body-format`) unless it is exactly of the form."""
        value = parse_canonical(data, max_bytes=MAX_BODY_BYTES, where="log body")
        match value:
            case {"v": 1, "event": str(event), "key": str(key), "fields": list(fields), **rest} if not rest:
                secret = b64url_decode(key)
                if len(secret) != ENTRY_KEY_BYTES:
                    raise _malformed(f"an entry key of {len(secret)} bytes")
                return cls(event.encode(), secret, tuple(_leaf(each) for each in fields))
        raise _malformed("missing, unknown or mistyped members")

    def values(self) -> dict[str, bytes]:
        """The field values by name."""
        return {each.name: each.value for each in self.fields}

    def check(self, entry: Entry) -> Event:
        """The event, once it and all fields recompute to `entry`; FailedVerification (`log-body-leaf`)
        otherwise."""
        event = Event.parse(self.event)
        if Entry.of(event, self.key) != entry or fields_root(self.fields) != event.fields_root:
            raise FailedVerification(
                "log-body-leaf",
                found="a body that does not recompute to the entry of the tree",
                expected="event, key and fields that give exactly the logged leaf",
                remedy="Treat it as an audit finding: the operator stored another body than it logged.",
            )
        return event


@dataclass(frozen=True, slots=True)
class SealedBody:
    """The encrypted body and its key sealed to each reader, by the reader's key id."""

    ciphertext: bytes = field(repr=False)
    keys: Mapping[str, bytes] = field(repr=False)

    def encode(self) -> bytes:
        """Canonical JSON: what the store keeps and regulators fetch."""
        # By hand as above; key ids are ASCII, whose order is the canonical one.
        keys = ",".join(
            f'{quoted(reader)}:"{b64url_encode(self.keys[reader])}"' for reader in sorted(self.keys)
        )
        return f'{{"body":"{b64url_encode(self.ciphertext)}","keys":{{{keys}}},"v":{_VERSION}}}'.encode()

    @classmethod
    def parse(cls, data: bytes) -> "SealedBody":
        """Read a sealed body; Malformed (`log-body-format`) unless it is exactly of the form."""
        value = parse_canonical(data, max_bytes=MAX_BODY_BYTES, where="log body")
        match value:
            case {"v": 1, "body": str(body), "keys": dict(keys), **rest} if not rest:
                if len(keys) > MAX_BODY_READERS:
                    raise _malformed(f"{len(keys)} readers")
                return cls(b64url_decode(body), {each: _sealed_key(sealed) for each, sealed in keys.items()})
        raise _malformed("missing, unknown or mistyped members")


def seal_body(
    body: bytes,
    *,
    origin: str,
    leaf: bytes,
    readers: Mapping[str, bytes],
    random_bytes: RandomBytes,
) -> tuple[SealedBody, bytes]:
    """Encrypt an encoded `Body` for `readers` (raw X25519 keys by key id); also gives the fresh body key.

    The caller forgets the body key, or keeps it wrapped for itself.
    """
    key = random_bytes(BODY_KEY_BYTES)
    ciphertext = encrypt_body(key, body_aad(origin, leaf), body, random_bytes)
    sealed = {
        reader: hpke_seal(public, body_key_info(origin, leaf, reader), key)
        for reader, public in readers.items()
    }
    return SealedBody(ciphertext, sealed), key


def open_body(sealed: SealedBody, *, origin: str, entry: Entry, reader: str, private: bytes) -> Body:
    """The body for the reader with key id `reader` and raw X25519 key `private`, recomputed against `entry`.

    Raises FailedVerification: `log-body-reader` when the body is not sealed to this reader, `hpke-open`,
    `body-open`, `log-body-leaf`.
    """
    if reader not in sealed.keys:
        raise FailedVerification(
            "log-body-reader",
            found=f"a body sealed to {len(sealed.keys)} other readers",
            expected=f"a body key sealed to {reader}",
            remedy="Ask the log's operator to seal to the regulator's key that the trust list names.",
        )
    key = hpke_open(private, body_key_info(origin, entry.leaf, reader), sealed.keys[reader])
    return open_with_key(sealed, key, origin=origin, entry=entry)


def open_with_key(sealed: SealedBody, key: bytes, *, origin: str, entry: Entry) -> Body:
    """The body under its own key, recomputed against `entry`."""
    body = Body.parse(decrypt_body(key, body_aad(origin, entry.leaf), sealed.ciphertext))
    body.check(entry)
    return body


def require_reader_id(reader: str) -> None:
    """Malformed (`log-body-format`) unless `reader` can be a key id: visible ASCII, at most 200
    characters."""
    if not _KEY_ID.fullmatch(reader):
        raise _malformed("a reader's key id that is empty, too long or not visible ASCII")


def _leaf(value: Json) -> FieldLeaf:
    match value:
        case {"name": str(name), "value": str(content), "salt": str(salt), **rest} if not rest:
            return FieldLeaf(name, b64url_decode(content), b64url_decode(salt))
    raise _malformed("a field of another form")


def _sealed_key(value: Json) -> bytes:
    if not isinstance(value, str):
        raise _malformed("a sealed key that is no text")
    return b64url_decode(value)


def _malformed(found: str) -> Malformed:
    return Malformed(
        "log-body-format",
        found=found,
        expected="a log body as this version of Carbonport writes it",
        remedy="Treat it as an audit finding, or read it with a newer Carbonport.",
    )
