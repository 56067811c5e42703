"""The keys of one node: a folder of encrypted PKCS8 files and a list of every key there ever was.

    keys/keys.json            uses, public keys, validity: everything but the private parts
    keys/<use>-<kid>.pem      a private key (PKCS8; encrypted when the home has a passphrase)

Every use has its own key, so that losing one loses one. `rotate` makes a successor; the old key's public
part stays in the list for ever, because what it signed is verified at signing time. The private part of a
retired *signing* key is erased at the next rotation or opening after it retired; private *hpke* and
*storage* keys are kept: without them older bodies and period keys could not be opened.

Keys are drawn by OpenSSL's generator; `cryptography` takes no other source of randomness.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from carbonport.crypto.canonical import b64url_decode, b64url_encode
from carbonport.errors import FailedVerification, Malformed, Misuse
from carbonport.node.identity.passphrase import Passphrase
from carbonport.node.identity.private_files import (
    erase,
    make_private_folder,
    read_private,
    require_private_folder,
    write_private,
)
from carbonport.node.identity.public_keys import PrivateKey, public_jwk, thumbprint

LIST_NAME = "keys.json"
"""The list of all keys, inside the key folder."""

LIST_VERSION = 1
"""Format of the list."""

MAX_LIST_BYTES = 4 * 2**20
"""Longest list read: some thousand rotations."""

MAX_KEY_FILE_BYTES = 8192
"""Longest private key file read; ours have some 400 bytes."""

SALT_BYTES = 16
"""Salt of the passphrase stretching (RFC 7914 asks for a unique one)."""


class KeyUse(StrEnum):
    """What a key is for; no key has two uses. The words are those of the trust list, where it has them."""

    TLS_ISSUER = "tls-issuer"
    SEAL = "seal"
    STATUS = "status"
    LOG = "log"
    WITNESS = "witness"
    HPKE = "hpke"
    STORAGE = "storage"
    VERIFIER_SEAL = "verifier-seal"
    TRUST_LIST = "trust-list"


ALGORITHMS: dict[KeyUse, str] = {
    KeyUse.TLS_ISSUER: "P-256",
    KeyUse.SEAL: "P-256",
    KeyUse.STATUS: "P-256",
    KeyUse.LOG: "Ed25519",
    KeyUse.WITNESS: "Ed25519",
    KeyUse.HPKE: "X25519",
    KeyUse.STORAGE: "X25519",
    KeyUse.VERIFIER_SEAL: "P-256",
    KeyUse.TRUST_LIST: "P-256",
}
"""Curve of each use: TLS and JWS (ES256) P-256, signed notes Ed25519, HPKE X25519."""

KEPT_WHEN_RETIRED = frozenset({KeyUse.HPKE, KeyUse.STORAGE})
"""Uses whose private parts stay after rotation."""

UNPUBLISHED = frozenset({KeyUse.STORAGE, KeyUse.TRUST_LIST})
"""Uses whose public keys stand in no participant entry: storage concerns nobody, list keys are anchors."""

_KINDS = {
    "P-256": ec.EllipticCurvePrivateKey,
    "Ed25519": ed25519.Ed25519PrivateKey,
    "X25519": x25519.X25519PrivateKey,
}


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key as the list knows it. Times are unix seconds; `valid_until` is the moment its successor takes
    over.
    """

    kid: str
    use: KeyUse
    jwk: dict[str, str]
    valid_from: int
    valid_until: int | None

    def valid_at(self, at: int) -> bool:
        """Whether the node uses the key at this time."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    def as_json(self) -> dict[str, object]:
        """The record as the list and the public card write it."""
        return {
            "kid": self.kid,
            "use": self.use.value,
            "jwk": dict(self.jwk),
            "valid_from": self.valid_from,
            "valid_until": self.valid_until,
        }


def generate_key(use: KeyUse) -> PrivateKey:
    """A fresh key of the algorithm of this use."""
    match ALGORITHMS[use]:
        case "P-256":
            return ec.generate_private_key(ec.SECP256R1())
        case "Ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return x25519.X25519PrivateKey.generate()


class KeyRing:
    """The keys of a node, opened. Shows neither private keys nor the password."""

    def __init__(
        self, folder: Path, records: tuple[KeyRecord, ...], salt: bytes, password: bytes | None
    ) -> None:
        self._folder = folder
        self._records = records
        self._salt = salt
        self._password = password
        self._loaded: dict[str, PrivateKey] = {}
        self._stamp = self._look()
        self._looked_at = -1

    def __repr__(self) -> str:
        return f"KeyRing({len(self._records)} keys in {self._folder})"

    @classmethod
    def create(
        cls,
        folder: Path,
        uses: Iterable[KeyUse],
        *,
        passphrase: Passphrase | None,
        now: int,
        random_bytes: Callable[[int], bytes],
    ) -> Self:
        """Make the folder and one key for every use; an existing list is never overwritten."""
        if (folder / LIST_NAME).exists():
            raise Misuse(
                "identity-exists",
                found="a key list",
                expected="a folder without keys",
                remedy="Use `carbonport key rotate` for new keys, or another --home.",
                where=str(folder),
            )
        make_private_folder(folder)
        salt = random_bytes(SALT_BYTES)
        if passphrase is not None:
            passphrase.require_strength()
        ring = cls(folder, (), salt, None if passphrase is None else passphrase.stretch(salt))
        records = [ring._make(use, now) for use in uses]
        ring._save(tuple(records))
        return ring

    @classmethod
    def open(cls, folder: Path, *, passphrase: Passphrase | None, now: int) -> Self:
        """Read the list; private keys are decrypted when first used. Retired signing keys are erased."""
        require_private_folder(folder)
        records, salt, encrypted = _parse_list(
            read_private(folder / LIST_NAME, max_bytes=MAX_LIST_BYTES), folder
        )
        if encrypted and passphrase is None:
            raise Misuse(
                "identity-passphrase-missing",
                found="encrypted key files and no passphrase",
                expected="the passphrase given at `carbonport init`",
                remedy="Set CARBONPORT_PASSPHRASE, or give --passphrase-file.",
                where=str(folder),
            )
        password = passphrase.stretch(salt) if encrypted and passphrase is not None else None
        ring = cls(folder, records, salt, password)
        ring._erase_retired(now)
        return ring

    @property
    def encrypted(self) -> bool:
        """Whether the key files need a passphrase."""
        return self._password is not None

    def records(self, use: KeyUse | None = None) -> tuple[KeyRecord, ...]:
        """Every key of this use, oldest first; of all uses without one."""
        return tuple(record for record in self._records if use is None or record.use is use)

    def holds(self, use: KeyUse) -> bool:
        """Whether this node has a key of this use at all (a verifier's seal is in the verifier's folder
        only).
        """
        return any(record.use is use for record in self._records)

    def refresh(self) -> None:
        """Read the list again if another process rotated a key."""
        stamp = self._look()
        if stamp != self._stamp and stamp is not None:
            path = self._folder / LIST_NAME
            records, salt, _ = _parse_list(read_private(path, max_bytes=MAX_LIST_BYTES), self._folder)
            if salt == self._salt:
                self._records, self._stamp = records, stamp

    def current(self, use: KeyUse, at: int) -> KeyRecord:
        """The key of this use that is in force at `at`, also when another process has rotated it since.

        The list is looked at once in each second: a rotation takes effect in the next one at the earliest.
        """
        if at != self._looked_at:
            self.refresh()
            self._looked_at = at
        for record in reversed(self._records):
            if record.use is use and record.valid_at(at):
                return record
        begins = min((record.valid_from for record in self._records if record.use is use), default=at)
        if at < begins:
            raise Misuse(
                "identity-clock",
                found=f"a clock at {_utc(at)}, before this node's {use.value} key was made at {_utc(begins)}",
                expected="a clock that is right to the minute",
                remedy="Set the clock of this machine: keys, lists and log entries all count by it.",
                where=str(self._folder),
            )
        raise Misuse(
            "identity-key-absent",
            found=f"no {use.value} key in force",
            expected=f"a node whose roles include the use {use.value}",
            remedy=(
                "Run the command on the node that holds this key; `carbonport key list` shows what is here."
            ),
            where=str(self._folder),
        )

    def record(self, kid: str) -> KeyRecord:
        """The key with this id, in force or retired."""
        for record in self._records:
            if record.kid == kid:
                return record
        raise Misuse(
            "identity-key-absent",
            found=f"no key {kid[:60]!r}",
            expected="a key of this node",
            remedy="`carbonport key list` shows what is here.",
            where=str(self._folder),
        )

    def private_key(self, record: KeyRecord) -> PrivateKey:
        """The private part, decrypted once and checked against the list's public part."""
        key = self._loaded.get(record.kid)
        if key is None:
            key = self._loaded[record.kid] = self._load(record)
        return key

    def rotate(self, use: KeyUse, *, now: int, effective_at: int) -> tuple[KeyRecord, KeyRecord]:
        """Make a successor that takes over at `effective_at`; returns (retired, new).

        Until then the old key stays in force, so that the trust list can name both beforehand. The earliest
        takeover is the next second: what the old key signed in this one stays valid.
        """
        self.refresh()
        old = self.records(use)[-1] if self.holds(use) else self.current(use, now)
        if effective_at < now or old.valid_from > now:
            raise Misuse(
                "identity-rotation-time",
                found=f"a takeover at {effective_at}, with the last one at {old.valid_from} (unix seconds)",
                expected=f"a time from {now} on, after the last rotation has taken effect",
                remedy="Wait until the last rotation has taken effect.",
                where=use.value,
            )
        effective_at = max(effective_at, now + 1)
        new = self._make(use, effective_at)
        retired = replace(old, valid_until=effective_at)
        self._save((*(retired if record is old else record for record in self._records), new))
        self._erase_retired(now)
        return retired, new

    def _look(self) -> tuple[int, int, int] | None:
        try:
            status = (self._folder / LIST_NAME).stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _path(self, record: KeyRecord) -> Path:
        return self._folder / f"{record.use.value}-{record.kid}.pem"

    def _make(self, use: KeyUse, valid_from: int) -> KeyRecord:
        key = generate_key(use)
        jwk = public_jwk(key.public_key())
        record = KeyRecord(thumbprint(jwk), use, jwk, valid_from, None)
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if self._password is not None:
            encryption = serialization.BestAvailableEncryption(self._password)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        write_private(self._path(record), pem)
        self._loaded[record.kid] = key
        return record

    def _load(self, record: KeyRecord) -> PrivateKey:
        path = self._path(record)
        pem = read_private(path, max_bytes=MAX_KEY_FILE_BYTES)
        try:
            key = serialization.load_pem_private_key(pem, self._password)
        except (ValueError, TypeError):
            raise FailedVerification(
                "identity-key-not-opened",
                found="a key file that does not decrypt",
                expected="a PKCS8 key encrypted with this home's passphrase",
                remedy="Check the passphrase; if it is right, restore the file from the backup of the keys.",
                where=str(path),
            ) from None
        kind = _KINDS[ALGORITHMS[record.use]]
        if not isinstance(key, kind) or public_jwk(key.public_key()) != record.jwk:  # type: ignore[arg-type]
            raise FailedVerification(
                "identity-key-mismatch",
                found="a private key of another public key",
                expected=f"the private part of {record.kid}",
                remedy=(
                    "Restore the key folder from the backup of the keys: its list or a key file was "
                    "exchanged."
                ),
                where=str(path),
            )
        return key  # type: ignore[return-value]

    def _save(self, records: tuple[KeyRecord, ...]) -> None:
        content = {
            "version": LIST_VERSION,
            "encrypted": self._password is not None,
            "salt": b64url_encode(self._salt),
            "keys": [record.as_json() for record in records],
        }
        write_private(self._folder / LIST_NAME, (json.dumps(content, indent=1) + "\n").encode())
        self._records, self._stamp = records, self._look()

    def _erase_retired(self, now: int) -> None:
        for record in self._records:
            ended = record.valid_until is not None and record.valid_until <= now
            if ended and record.use not in KEPT_WHEN_RETIRED and self._path(record).exists():
                erase(self._path(record))
                self._loaded.pop(record.kid, None)


def _parse_list(content: bytes, folder: Path) -> tuple[tuple[KeyRecord, ...], bytes, bool]:
    try:
        data = json.loads(content)
        if data["version"] != LIST_VERSION or not isinstance(data["encrypted"], bool):
            raise ValueError
        salt = b64url_decode(data["salt"])
        records = tuple(
            KeyRecord(
                kid=entry["kid"],
                use=KeyUse(entry["use"]),
                jwk={str(name): str(value) for name, value in entry["jwk"].items()},
                valid_from=int(entry["valid_from"]),
                valid_until=None if entry["valid_until"] is None else int(entry["valid_until"]),
            )
            for entry in data["keys"]
        )
        if any(thumbprint(record.jwk) != record.kid for record in records):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Malformed(
            "identity-key-list",
            found="a list of keys that does not parse",
            expected=f"a list of format {LIST_VERSION} as `carbonport init` writes it",
            remedy="Restore the key folder from the backup of the keys.",
            where=str(folder / LIST_NAME),
        ) from None
    return records, salt, data["encrypted"]


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes")
