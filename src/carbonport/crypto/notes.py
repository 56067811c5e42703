"""Signed notes (C2SP signed-note v1.0.0): a text and the lines that sign it, with two kinds of keys.

Promised: parsing is exact (what `encode` gives back is byte for byte what was parsed: UTF-8 without control
characters, canonical base64), lines of unknown keys are ignored, and a line of a known key that fails rejects
the whole note. Of the signature types only 01 (Ed25519 over the text) and 04 (a timestamped cosignature of
C2SP tlog-cosignature, Ed25519) exist here. Stricter than the specification: two lines of one known key reject
the note, and a cosignature at time 0 is malformed. Not promised: that the text means anything before `verify`
has returned, or that enough keys signed it (see `carbonport.crypto.checkpoint`).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.canonical import b64_decode, b64_encode
from carbonport.errors import FailedVerification, Malformed, Misuse

TYPE_ED25519 = 0x01
"""The key signs the text of the note."""

TYPE_COSIGNATURE = 0x04
"""The key signs a time and the text of a checkpoint (C2SP tlog-cosignature, version 1)."""

MAX_NOTE_BYTES = 65_536
"""A bound on a whole note, checked first; a checkpoint with 64 signatures has less than 16 KiB."""

MAX_SIGNATURES = 64
"""A bound on the signature lines (the specification asks for at least 16)."""

MAX_NAME_BYTES = 255
"""A bound on the name of a key, in UTF-8."""

MAX_TIMESTAMP = 2**63 - 1
"""The last POSIX second a cosignature may name (C2SP tlog-cosignature)."""

REMEMBERED_SIGNATURES = 64
"""Signatures that held and are remembered: the same note is often checked several times in a row."""

_KEY_ID_BYTES = 4
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_TIME_BYTES = 8
_SIGNATURE_LENGTHS: Mapping[int, int] = {
    TYPE_ED25519: _SIGNATURE_BYTES,
    TYPE_COSIGNATURE: _TIME_BYTES + _SIGNATURE_BYTES,
}
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")
_DASH = "\u2014 "


@dataclass(frozen=True)
class VerifierKey:
    """A named public key of a note; `str()` is its C2SP form `name+hex8(key id)+base64(type || key)`."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        _require_name(self.name)
        if self.kind not in _SIGNATURE_LENGTHS or len(self.public) != _KEY_BYTES:
            raise _malformed_key(f"type {self.kind:02x} with {len(self.public)} key bytes")

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read the C2SP form; Malformed unless the key id is the one the name and key give."""
        if len(text) > MAX_NAME_BYTES + 128:
            raise _malformed_key(f"{len(text)} characters")
        # A name holds no plus, but base64 may: only the first two separate.
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise _malformed_key("fewer than three parts")
        name, key_id, encoded = parts
        raw = b64_decode(encoded)
        if not raw:
            raise _malformed_key("an empty key")
        key = cls(name, raw[0], raw[1:])
        if key.key_id.hex() != key_id:
            raise _malformed_key(f"key id {key_id[:8]}")
        return key

    @cached_property
    def key_id(self) -> bytes:
        """SHA-256(name || 0A || type || key), first 4 bytes."""
        seed = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(seed).digest()[:_KEY_ID_BYTES]

    @cached_property
    def _ed25519(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64_encode(bytes([self.kind]) + self.public)}"

    def check(self, text: str, signature: bytes) -> int | None:
        """Check one signature over the text of a note; gives the time of a cosignature, None for type 01.

        Raises FailedVerification (`note-signature`) when it does not hold.
        """
        if len(signature) != _SIGNATURE_LENGTHS[self.kind]:
            raise _signature_failed(self.name)
        timestamp: int | None = None
        message = text.encode()
        if self.kind == TYPE_COSIGNATURE:
            timestamp = int.from_bytes(signature[:_TIME_BYTES], "big")
            if not 0 < timestamp <= MAX_TIMESTAMP:
                raise Malformed(
                    "note-timestamp",
                    found=f"the time {timestamp} in a cosignature of {self.name}",
                    expected=f"1 to {MAX_TIMESTAMP} seconds since 1970",
                    remedy="Ask the witness for its cosignature again.",
                )
            message = cosigned_message(text, timestamp)
            signature = signature[_TIME_BYTES:]
        try:
            _require_signed(self, signature, message)
        except InvalidSignature:
            raise _signature_failed(self.name) from None
        return timestamp


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the key's name and id, and the signature (for type 04 with its time in front)."""

    name: str
    key_id: bytes
    signature: bytes

    @classmethod
    def parse(cls, line: str) -> "NoteSignature":
        """Read a line without its newline."""
        if not line.startswith(_DASH):
            raise _malformed_note("a signature line without its dash")
        name, separator, encoded = line[len(_DASH) :].partition(" ")
        if not separator:
            raise _malformed_note("a signature line without a signature")
        _require_name(name)
        raw = b64_decode(encoded)
        if len(raw) <= _KEY_ID_BYTES:
            raise _malformed_note("a signature line without a signature")
        return cls(name, raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:])

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {b64_encode(self.key_id + self.signature)}"

    def is_of(self, key: VerifierKey) -> bool:
        """Whether the line claims to be of `key` (name and id both)."""
        return self.name == key.name and self.key_id == key.key_id


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A signature that held: the key, and for a cosignature its time in seconds since 1970."""

    key: VerifierKey
    timestamp: int | None


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text that ends in a newline and the lines that sign it, in the order in which they stand."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __post_init__(self) -> None:
        _require_text(self.text)
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise _malformed_note(f"{len(self.signatures)} signature lines")

    @classmethod
    def parse(cls, data: bytes) -> "SignedNote":
        """Read a note; Malformed when it is too large or not exactly of the form. Nothing is verified yet."""
        if len(data) > MAX_NOTE_BYTES:
            raise _malformed_note(f"{len(data)} bytes")
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError:
            raise _malformed_note("bytes that are not UTF-8") from None
        text, separator, lines = whole.rpartition("\n\n")
        if not separator or not lines.endswith("\n"):
            raise _malformed_note("no blank line before the signatures, or no newline at the end")
        entries = lines[:-1].split("\n")
        if len(entries) > MAX_SIGNATURES:
            raise _malformed_note(f"{len(entries)} signature lines")
        return cls(text + "\n", tuple(NoteSignature.parse(entry) for entry in entries))

    def encode(self) -> bytes:
        """The note as bytes; parsing them gives the same note."""
        return "\n".join([self.text, *map(str, self.signatures), ""]).encode()

    def with_signature(self, signature: NoteSignature) -> "SignedNote":
        """The note with one line more; an earlier line of the same key gives way to it."""
        kept = tuple(
            each for each in self.signatures if (each.name, each.key_id) != (signature.name, signature.key_id)
        )
        return replace(self, signatures=(*kept, signature))

    def only(self, keys: Iterable[VerifierKey]) -> "SignedNote":
        """The note with the lines of `keys` alone (what a bundle's writer keeps); Malformed when none
        remains."""
        known = {(key.name, key.key_id) for key in keys}
        kept = tuple(each for each in self.signatures if (each.name, each.key_id) in known)
        return replace(self, signatures=kept)


@dataclass(frozen=True)
class NoteSigner:
    """A private note key. Its representation never shows the key."""

    name: str
    kind: int
    _private: Ed25519PrivateKey = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        # Makes and checks the public half at once: a bad name or kind must not wait for the first signature.
        _ = self.verifier

    @classmethod
    def generate(
        cls, name: str, kind: int = TYPE_ED25519, *, random_bytes: RandomBytes = system_random
    ) -> "NoteSigner":
        """A new key; its 32-byte seed (RFC 8032) comes from `random_bytes`."""
        return cls(name, kind, Ed25519PrivateKey.from_private_bytes(random_bytes(_KEY_BYTES)))

    @classmethod
    def from_pem(cls, name: str, kind: int, pem: bytes, passphrase: bytes | None = None) -> "NoteSigner":
        """Read a PKCS 8 key; Misuse when it does not open with the passphrase, Malformed when it is no
        Ed25519 key."""
        try:
            private = serialization.load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError):
            raise Misuse(
                "note-key-unreadable",
                found="a key file that does not open",
                expected="an Ed25519 key in PEM (PKCS 8) and its passphrase, if it has one",
                remedy="Check the file and the passphrase; restore the key from a backup if it is damaged.",
            ) from None
        if not isinstance(private, Ed25519PrivateKey):
            raise _malformed_key("a private key of another kind than Ed25519")
        return cls(name, kind, private)

    def to_pem(self, passphrase: bytes | None = None) -> bytes:
        """The private key as PKCS 8 PEM, encrypted when a passphrase is given. Secret."""
        protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            protection = serialization.BestAvailableEncryption(passphrase)
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
        )

    @cached_property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.kind, self._private.public_key().public_bytes_raw())

    def sign(self, text: str) -> NoteSignature:
        """Sign the text of a note with a key of type 01; Misuse for a cosigner, which signs checkpoints
        only."""
        if self.kind != TYPE_ED25519:
            raise _wrong_kind("a cosigner's key", "a key of type 01 to sign a text")
        _require_text(text)
        return NoteSignature(self.name, self.verifier.key_id, self._private.sign(text.encode()))

    def cosign(self, text: str, timestamp: int) -> NoteSignature:
        """Sign a checkpoint's text at `timestamp` (seconds since 1970) with a key of type 04.

        The caller has checked that the text is a checkpoint and consistent with all it has signed before.
        """
        if self.kind != TYPE_COSIGNATURE:
            raise _wrong_kind("a key that signs texts", "a key of type 04 to cosign")
        if not 0 < timestamp <= MAX_TIMESTAMP:
            raise Misuse(
                "note-cosign-time",
                found=f"the time {timestamp}",
                expected=f"1 to {MAX_TIMESTAMP} seconds since 1970",
                remedy="Check the clock of this machine.",
            )
        _require_text(text)
        signed = self._private.sign(cosigned_message(text, timestamp))
        return NoteSignature(self.name, self.verifier.key_id, timestamp.to_bytes(_TIME_BYTES, "big") + signed)


def verify(note: SignedNote, keys: Iterable[VerifierKey], *, at_least: int = 1) -> list[VerifiedSignature]:
    """Check every line of `note` that claims to be of one of `keys`; gives those that hold, in the note's
    order.

    Lines of other keys are ignored. Raises FailedVerification: `note-signature` when a line of a known key
    fails, `note-signed-twice` when a known key signed two lines, `note-unsigned` when fewer than `at_least`
    known keys signed.
    """
    known = {(key.name, key.key_id): key for key in keys}
    verified: list[VerifiedSignature] = []
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        if any(each.key is key for each in verified):
            raise FailedVerification(
                "note-signed-twice",
                found=f"two signatures of {key.name}",
                expected="one signature a key",
                remedy="Ask the sender for the note again; keep the one with the later time.",
            )
        verified.append(VerifiedSignature(key, key.check(note.text, line.signature)))
    if len(verified) < at_least:
        raise FailedVerification(
            "note-unsigned",
            found=f"{len(verified)} signatures of known keys",
            expected=f"at least {at_least} signature(s) of "
            + (", ".join(sorted({name for name, _ in known})) or "a known key"),
            remedy="Check that the trust list pins the key of this log or witness.",
        )
    return verified


def cosigned_message(text: str, timestamp: int) -> bytes:
    """What a cosignature of type 04 signs: header, time and the whole text of the checkpoint."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


@lru_cache(REMEMBERED_SIGNATURES)
def _require_signed(key: VerifierKey, signature: bytes, message: bytes) -> None:
    """InvalidSignature unless `signature` holds; failures are never remembered, for the cache keeps no errors."""
    key._ed25519.verify(signature, message)


def _require_name(name: str) -> None:
    # The specification bans Unicode spaces and plus; characters that Python does not split at are no spaces.
    if not name or "+" in name or name.split() != [name] or len(name.encode()) > MAX_NAME_BYTES:
        raise Malformed(
            "note-key-name",
            found="an empty or overlong key name, or one with a space or plus",
            expected="a name such as log.example/exchange",
            remedy="Give the key a name without spaces and plus signs.",
        )


def _require_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise _malformed_note("a text that does not end in a newline, or holds control characters")


def _malformed_note(found: str) -> Malformed:
    return Malformed(
        "note-format",
        found=found,
        expected=f"a C2SP signed note of at most {MAX_NOTE_BYTES} bytes and {MAX_SIGNATURES} signatures",
        remedy="Ask the sender for the note again.",
    )


def _malformed_key(found: str) -> Malformed:
    return Malformed(
        "note-key-format",
        found=found,
        expected="name+key id+base64(type || key) with type 01 or 04 and an Ed25519 key",
        remedy="Copy the verifier key again from the participant's own publication.",
    )


def _signature_failed(name: str) -> FailedVerification:
    return FailedVerification(
        "note-signature",
        found=f"a signature of {name} that does not hold",
        expected="a valid signature over this text",
        remedy="Do not rely on the note; keep it as evidence and ask the log's operator for another.",
    )


def _wrong_kind(found: str, expected: str) -> Misuse:
    return Misuse(
        "note-key-kind",
        found=found,
        expected=expected,
        remedy="Use the log's key for checkpoints and the witness's own key for cosignatures.",
    )
