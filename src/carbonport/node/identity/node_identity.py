"""A node's identity, opened from its home folder: name, keys by use, TLS certificates, period keys.

HOME/keys/           private keys and their list
HOME/period-keys/    period keys, apart from the rest
HOME/certificate.pem the certificate of the issuer key, for people and tools; peers take the key from the
trust list
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from carbonport.errors import Misuse
from carbonport.node.identity.certificates import (
    TLS_LIFETIME_S,
    TlsMaterial,
    TlsSource,
    anchor_certificate,
    certificate_pem,
    issue_tls,
)
from carbonport.node.identity.key_ring import KeyRecord, KeyRing, KeyUse
from carbonport.node.identity.names import ParticipantName, Role
from carbonport.node.identity.passphrase import Passphrase
from carbonport.node.identity.period_keys import PeriodKeys
from carbonport.node.identity.private_files import write_public

KEY_FOLDER = "keys"
"""Private keys, inside the home folder."""

PERIOD_KEY_FOLDER = "period-keys"
"""Period keys, inside the home folder; may be a link to another disk."""

CERTIFICATE_NAME = "certificate.pem"
"""The issuer key's certificate, inside the home folder."""

KEY_LIFETIME_S = 3 * 366 * 86_400
"""A key that was not rotated ends in the trust list three years after it began."""

COMMON_USES = (
    KeyUse.TLS_ISSUER,
    KeyUse.SEAL,
    KeyUse.STATUS,
    KeyUse.LOG,
    KeyUse.WITNESS,
    KeyUse.HPKE,
    KeyUse.STORAGE,
)
"""Keys every node has; every node may witness its peers' logs."""

ROLE_USES = {Role.VERIFIER: KeyUse.VERIFIER_SEAL, Role.REGULATOR: KeyUse.TRUST_LIST}
"""Keys that only nodes with these roles have."""


def uses_of(roles: Iterable[Role]) -> tuple[KeyUse, ...]:
    """The keys a node with these roles makes. A verifier's node has no other role: its seal must be
    nobody's but its own.
    """
    held = frozenset(roles)
    if Role.VERIFIER in held and len(held) > 1:
        raise Misuse(
            "identity-roles",
            found=", ".join(sorted(held)),
            expected="the role verifier alone, or roles without it",
            remedy=(
                "Give the verifier a home folder of its own: its key never lies where the data of others are."
            ),
        )
    return COMMON_USES + tuple(use for role, use in ROLE_USES.items() if role in held)


@dataclass(frozen=True)
class NodeIdentity:
    """An opened identity. Its representation names no file content."""

    home: Path
    name: ParticipantName
    ring: KeyRing
    period_keys: PeriodKeys
    tls: TlsSource
    clock: Callable[[], int]

    def __repr__(self) -> str:
        return f"NodeIdentity({self.name}, {self.home})"

    @classmethod
    def create(
        cls,
        home: Path,
        name: ParticipantName,
        roles: Iterable[Role],
        *,
        passphrase: Passphrase | None,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        tls_lifetime_s: int = TLS_LIFETIME_S,
    ) -> Self:
        """Make the keys of a new node inside an existing private home folder."""
        ring = KeyRing.create(
            home / KEY_FOLDER, uses_of(roles), passphrase=passphrase, now=clock(), random_bytes=random_bytes
        )
        identity = cls._join(home, name, ring, clock, random_bytes, tls_lifetime_s)
        identity.write_certificate()
        return identity

    @classmethod
    def open(
        cls,
        home: Path,
        name: ParticipantName,
        *,
        passphrase: Passphrase | None,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        tls_lifetime_s: int = TLS_LIFETIME_S,
    ) -> Self:
        """Open the keys in the home folder; `passphrase` is used only when they are encrypted."""
        ring = KeyRing.open(home / KEY_FOLDER, passphrase=passphrase, now=clock())
        return cls._join(home, name, ring, clock, random_bytes, tls_lifetime_s)

    @classmethod
    def _join(
        cls,
        home: Path,
        name: ParticipantName,
        ring: KeyRing,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        tls_lifetime_s: int,
    ) -> Self:
        def issue(now: int) -> TlsMaterial:
            record = ring.current(KeyUse.TLS_ISSUER, now)
            ends = [now + tls_lifetime_s, record.valid_from + KEY_LIFETIME_S]
            if record.valid_until is not None:
                ends.append(record.valid_until)
            return issue_tls(_p256(ring, record), name, now=now, not_after=min(ends))

        def issuer(now: int) -> str:
            return ring.current(KeyUse.TLS_ISSUER, now).kid

        period_keys = PeriodKeys(home / PERIOD_KEY_FOLDER, ring, clock=clock, random_bytes=random_bytes)
        return cls(home, name, ring, period_keys, TlsSource(issue, issuer, clock), clock)

    def record(self, use: KeyUse) -> KeyRecord:
        """The key of this use in force now."""
        return self.ring.current(use, self.clock())

    def p256(self, use: KeyUse) -> ec.EllipticCurvePrivateKey:
        """The private key of a JWS or TLS use (seal, status, verifier-seal, trust-list, tls-issuer)."""
        return _p256(self.ring, self.record(use))

    def signing_pem(self, use: KeyUse) -> bytes:
        """The same in unencrypted PKCS8 PEM, in memory: what `carbonport.crypto.jws.SigningKey.from_pem`
        reads.
        """
        return self.p256(use).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def ed25519(self, use: KeyUse) -> ed25519.Ed25519PrivateKey:
        """The private key of a signed-note use (log, witness)."""
        key = self.ring.private_key(self.record(use))
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise _wrong_kind(use)
        return key

    def x25519(self, record: KeyRecord | None = None) -> x25519.X25519PrivateKey:
        """The private key that opens what is sealed to this node (HPKE): the current one, or that of a
        retired record.
        """
        key = self.ring.private_key(record or self.record(KeyUse.HPKE))
        if not isinstance(key, x25519.X25519PrivateKey):
            raise _wrong_kind(KeyUse.HPKE)
        return key

    def rotate(self, use: KeyUse, *, effective_at: int) -> tuple[KeyRecord, KeyRecord]:
        """Make the successor of a key, in force from `effective_at`; returns (retired, new)."""
        retired, new = self.ring.rotate(use, now=self.clock(), effective_at=effective_at)
        if use is KeyUse.TLS_ISSUER:
            self.write_certificate()
        return retired, new

    def write_certificate(self) -> None:
        """Write the certificate of the newest issuer key, self-signed, for people and tools."""
        write_public(self.home / CERTIFICATE_NAME, self._anchor_pem(self.ring.records(KeyUse.TLS_ISSUER)[-1]))

    def own_anchor_pem(self) -> bytes:
        """The certificate of the issuer key in force, self-signed."""
        return self._anchor_pem(self.record(KeyUse.TLS_ISSUER))

    def _anchor_pem(self, record: KeyRecord) -> bytes:
        key = _p256(self.ring, record)
        certificate = anchor_certificate(
            key.public_key(),
            self.name,
            valid_from=record.valid_from,
            valid_until=record.valid_from + KEY_LIFETIME_S,
            signing_key=key,
        )
        return certificate_pem(certificate)


def _p256(ring: KeyRing, record: KeyRecord) -> ec.EllipticCurvePrivateKey:
    key = ring.private_key(record)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _wrong_kind(record.use)
    return key


def _wrong_kind(use: KeyUse) -> Misuse:
    return Misuse(
        "identity-key-kind",
        found=f"a key for {use.value}",
        expected="a use whose keys are of the algorithm that was asked for",
        remedy="This is a defect of the caller; report it.",
    )
