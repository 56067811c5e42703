"""Period keys: 32 random bytes per reporting period, from which the blindings of its commitments are derived.

They lie in a folder of their own, apart from data and keys, so that they can be backed up separately and
one period can be destroyed: then its commitments stay, but nobody can open or extend them any more. Each is
encrypted with AES-256-GCM under a key derived (HKDF-SHA256, RFC 5869) from the node's storage key; the tag
ties it to its period, so that who can write the folder can neither read nor exchange one.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carbonport.errors import FailedVerification, Malformed, Refused, Unavailable
from carbonport.node.identity.key_ring import KeyRing, KeyUse
from carbonport.node.identity.private_files import (
    erase,
    make_private_folder,
    read_private,
    sync_folder,
    write_private,
)

PERIOD_KEY_BYTES = 32
"""Length of a period key (reference: blindings)."""

PERIOD_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}/\d{4}-\d{2}-\d{2}")
"""A period: its first and last day, ISO 8601."""

NONCE_BYTES = 12
"""Nonce of AES-GCM (NIST SP 800-38D, 8.2.2: random)."""

MAX_FILE_BYTES = 1024
"""Longest period key file read; ours have some 250 bytes."""

WRAP_INFO = b"carbonport/period-key-wrap/v1"
"""Domain of the wrapping key's derivation."""


class PeriodKeys:
    """The folder of period keys of one node."""

    def __init__(
        self, folder: Path, ring: KeyRing, *, clock: Callable[[], int], random_bytes: Callable[[int], bytes]
    ) -> None:
        self._folder = folder
        self._ring = ring
        self._clock = clock
        self._random_bytes = random_bytes

    def __repr__(self) -> str:
        return f"PeriodKeys({self._folder})"

    def obtain(self, period: str) -> bytes:
        """The key of the period `YYYY-MM-DD/YYYY-MM-DD`, made at its first use. Two processes get the same
        one. For a period that no statement is about yet: a key that one was made with is `held`.
        """
        path = self._path(period)
        self._refuse_destroyed(period)
        if not path.exists():
            make_private_folder(self._folder)
            self._create(path, period)
        return self._read(path, period)

    def held(self, period: str) -> bytes:
        """The key of a period that a statement is about. Raises `Unavailable` (`period-key-missing`) where it is not
        here: another key would open none of the commitments that were signed."""
        path = self._path(period)
        self._refuse_destroyed(period)
        if not path.exists():
            raise Unavailable(
                "period-key-missing",
                found=f"a signed statement about {period} and no key of that period",
                expected="the key that its commitments were made with",
                remedy="The exporter restores the folder of period keys from its backup; no new key takes its place.",
            )
        return self._read(path, period)

    def periods(self) -> tuple[str, ...]:
        """The periods that have a key, in order."""
        return tuple(sorted(path.stem.replace("_", "/") for path in self._folder.glob("*.key")))

    def destroy(self, period: str) -> None:
        """Erase the key for good and leave a mark, so that it is never silently made anew."""
        path = self._path(period)
        self._refuse_destroyed(period)
        make_private_folder(self._folder)
        write_private(path.with_suffix(".destroyed"), f"{self._clock()}\n".encode())
        if path.exists():
            erase(path)

    def _path(self, period: str) -> Path:
        if not PERIOD_PATTERN.fullmatch(period):
            raise Malformed(
                "period-key-period",
                found=repr(period[:40]),
                expected="first and last day of the period: YYYY-MM-DD/YYYY-MM-DD",
                remedy="Give the period as the ledger has it.",
            )
        return self._folder / f"{period.replace('/', '_')}.key"

    def _refuse_destroyed(self, period: str) -> None:
        if self._path(period).with_suffix(".destroyed").exists():
            raise Refused(
                "period-key-destroyed",
                found=f"a period whose key was destroyed ({period})",
                expected="a period whose key exists",
                remedy=(
                    "Nothing brings the key back; only a backup of the period keys could, if one is "
                    "allowed to exist."
                ),
                where=str(self._folder),
            )

    def _create(self, path: Path, period: str) -> None:
        storage = self._ring.current(KeyUse.STORAGE, self._clock())
        nonce = self._random_bytes(NONCE_BYTES)
        key = self._random_bytes(PERIOD_KEY_BYTES)
        sealed = self._cipher(storage.kid).encrypt(nonce, key, _context(period, storage.kid))
        content = {
            "version": 1,
            "period": period,
            "kid": storage.kid,
            "nonce": nonce.hex(),
            "sealed": sealed.hex(),
        }
        draft = path.with_name(f".{path.name}.{self._random_bytes(8).hex()}.partial")
        write_private(draft, (json.dumps(content, indent=1) + "\n").encode())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process made it first: its key counts
        finally:
            draft.unlink()
            sync_folder(self._folder)

    def _read(self, path: Path, period: str) -> bytes:
        content = read_private(path, max_bytes=MAX_FILE_BYTES)
        try:
            data = json.loads(content)
            kid, nonce, sealed = str(data["kid"]), bytes.fromhex(data["nonce"]), bytes.fromhex(data["sealed"])
            if data["version"] != 1 or len(nonce) != NONCE_BYTES:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise Malformed(
                "period-key-file",
                found="a period key file that does not parse",
                expected="a file as the node wrote it",
                remedy="Restore the file from the backup of the period keys.",
                where=str(path),
            ) from None
        try:
            return self._cipher(kid).decrypt(nonce, sealed, _context(period, kid))
        except InvalidTag:
            raise FailedVerification(
                "period-key-not-opened",
                found="a period key that was not sealed by this node for this period",
                expected="the file this node wrote",
                remedy="Restore the file from the backup of the period keys, and its storage key with it.",
                where=str(path),
            ) from None

    def _cipher(self, kid: str) -> AESGCM:
        private = self._ring.private_key(self._ring.record(kid))
        if not isinstance(private, x25519.X25519PrivateKey):
            raise FailedVerification(
                "period-key-not-opened",
                found="a period key that names a key of another use",
                expected="one sealed with the node's storage key",
                remedy="Restore the file from the backup of the period keys.",
                where=str(self._folder),
            )
        wrap = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=WRAP_INFO)
        return AESGCM(wrap.derive(private.private_bytes_raw()))


def _context(period: str, kid: str) -> bytes:
    return f"carbonport/period-key/v1\n{period}\n{kid}".encode()
