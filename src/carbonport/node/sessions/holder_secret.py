"""A holder's secret context: a private file for the life of one plan, encrypted under the node's storage key, then
erased.

It lies beside the store, not in it: backups of the store must not keep what was destroyed.
"""

import hashlib
from pathlib import Path

from carbonport.crypto.sealing import decrypt_body, encrypt_body
from carbonport.crypto.tuplehash import kmac256
from carbonport.errors import Refused
from carbonport.node.identity.private_files import erase, make_private_folder, read_private, write_private
from carbonport.node.own_log import own_key
from carbonport.node.participant import Participant

FOLDER = "aggregation"
"""Where secret contexts lie, inside the home folder."""

MAX_CONTEXT_BYTES = 4 * 1024 * 1024
"""Longest secret context read."""

DOMAIN = b"carbonport/holder-context/v1"
"""Domain of the key and of the additional data."""


class HolderSecret:
    """The secret contexts of one session, each under its public context's hash: of two that were made at once, the one
    that was announced counts."""

    def __init__(self, participant: Participant, session: str) -> None:
        self._participant, self._session = participant, session
        self._folder = participant.home / FOLDER
        self._aad = DOMAIN + session.encode()
        self._key = kmac256(own_key(participant), session.encode(), 32, DOMAIN)

    def write(self, context: bytes, secret: bytes) -> None:
        """Keep the secret of a public context, durably."""
        make_private_folder(self._folder)
        sealed = encrypt_body(self._key, self._aad, secret, self._participant.random_bytes)
        write_private(self._path(context), sealed)

    def read(self, context: bytes) -> bytes:
        """The secret of a public context; `Refused` once it was destroyed."""
        path = self._path(context)
        if not path.exists():
            raise Refused(
                "session-secret-destroyed",
                found="a session whose secret keys are no longer here",
                expected="keys that were made for this session and not destroyed yet",
                remedy="This holder says nothing more in this session; another plan gets other keys.",
                where=str(path),
            )
        return decrypt_body(self._key, self._aad, read_private(path, max_bytes=MAX_CONTEXT_BYTES))

    def destroy(self) -> bool:
        """Erase them for good; whether there was anything left."""
        found = sorted(self._folder.glob(f"{self._session}.*.secret"))
        for path in found:
            erase(path)
        return bool(found)

    def _path(self, context: bytes) -> Path:
        return self._folder / f"{self._session}.{hashlib.sha256(context).hexdigest()[:16]}.secret"


def sessions_with_secrets(home: Path) -> list[str]:
    """Sessions of which there is a secret context in a home folder."""
    return sorted({path.name.partition(".")[0] for path in (home / FOLDER).glob("*.secret")})
