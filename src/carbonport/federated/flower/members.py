"""Which SuperNode key speaks for which participant: one small file each, written by the node that admitted it.

A coordinator's node writes a file when a participant enrols over the node's own mutual TLS; the front and the carrier
read the folder again and again. Keys are PEM of a NIST curve, as Flower takes them. Nothing here imports Flower.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.errors import CarbonportError, Malformed

MAX_KEY_BYTES: Final = 1024
"""A PEM of a P-384 key is 215 bytes."""

MAX_MEMBER_BYTES: Final = 4096
"""One member's file."""

MAX_MEMBERS: Final = 1024
"""Files that are read."""


def checked_key(pem: bytes) -> bytes:
    """`pem` as Flower writes the same key; Malformed (`federation-key`) for anything but a P-384 public key."""
    try:
        if len(pem) > MAX_KEY_BYTES:
            raise ValueError
        key = serialization.load_pem_public_key(pem)
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
            raise ValueError
    except ValueError:
        raise Malformed(
            "federation-key",
            found="bytes that are no such key",
            expected="the public key of a SuperNode: PEM, curve P-384",
            remedy="Run `carbonport federate join`, which makes the key.",
        ) from None
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """The folder with a file per member."""

    folder: Path

    def path_of(self, participant: str) -> Path:
        """Where a participant's file stands: a name is no path."""
        return self.folder / f"{hashlib.sha256(participant.encode()).hexdigest()[:32]}.json"

    def content_of(self, participant: str, key: bytes) -> bytes:
        """What a participant's file holds."""
        return canonical_bytes({"participant": participant, "key": checked_key(key).decode("ascii")})

    def listed(self) -> dict[str, bytes]:
        """Key by participant. A file that is damaged, and a key that two claim, count for nobody."""
        found: dict[str, bytes] = {}
        for path in sorted(self.folder.glob("*.json"))[:MAX_MEMBERS]:
            try:
                member = parse_canonical(path.read_bytes(), max_bytes=MAX_MEMBER_BYTES)
                name, key = _fields(member)
            except (OSError, CarbonportError):
                continue
            if path == self.path_of(name):
                found[name] = key
        claimed = list(found.values())
        return {name: key for name, key in found.items() if claimed.count(key) == 1}


def _fields(member: object) -> tuple[str, bytes]:
    match member:
        case {"participant": str(name), "key": str(key), **others} if not others:
            return name, checked_key(key.encode())
        case _:
            raise Malformed(
                "federation-member",
                found="a file of another shape",
                expected="a participant and its key",
                remedy="Remove the file; the participant enrols again when it joins.",
            )


def members_by_key(listed: Mapping[str, bytes]) -> dict[bytes, str]:
    """The same the other way round."""
    return {key: name for name, key in listed.items()}
