"""Certificates of a node: its issuer key makes short-lived TLS certificates; peers trust that key.

TLS keys are made in memory for every process and every renewal and never touch a disk. What a peer trusts
is a name and a public key from the trust list (RFC 5280, 6.1.1 d: a trust anchor is a name, a key and an
algorithm), so the root certificate that TLS libraries want is *built by the peer itself* around that key,
with name constraints that let the key vouch for its own participant only and with the list's validity:
nothing in it is the participant's own word. Its signature is made by a throw-away key; X.509 libraries do
not check the signature of a root. Decision record 0060.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from carbonport.node.identity.names import ParticipantName

TLS_LIFETIME_S = 7 * 86_400
"""Default lifetime of a TLS certificate; a process renews it at two thirds."""

CLOCK_SKEW_S = 600
"""Certificates begin ten minutes early, for peers whose clocks are behind."""


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What a TLS endpoint presents. `not_after` and `renew_at` are unix seconds."""

    private_key_pem: bytes = field(repr=False)
    chain_pem: bytes
    not_after: int
    renew_at: int


def anchor_certificate(
    public_key: ec.EllipticCurvePublicKey,
    name: ParticipantName,
    *,
    valid_from: int,
    valid_until: int,
    signing_key: ec.EllipticCurvePrivateKey | None = None,
) -> x509.Certificate:
    """The root certificate around a participant's issuer key.

    The node itself signs it with that key (`signing_key`), for people and tools; a peer builds its own and
    signs it with a throw-away key.
    """
    subject = _anchor_subject(name)
    host, trust_domain = name.tls_host, name.jurisdiction.lower()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(valid_from - CLOCK_SKEW_S))
        .not_valid_after(_time(valid_until))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        # Key identifiers tell two issuer keys of one name apart while one gives way to the other.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.NameConstraints([x509.UniformResourceIdentifier(trust_domain), x509.DNSName(host)], None),
            critical=True,
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name.spiffe_id)]), critical=False
        )
        .sign(signing_key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )


def issue_tls(
    issuer_key: ec.EllipticCurvePrivateKey,
    name: ParticipantName,
    *,
    now: int,
    not_after: int,
) -> TlsMaterial:
    """A fresh TLS key and its certificate, valid until `not_after`."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_subject(str(name)))
        .issuer_name(_anchor_subject(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(now - CLOCK_SKEW_S))
        .not_valid_after(_time(not_after))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.UniformResourceIdentifier(name.spiffe_id), x509.DNSName(name.tls_host)]
            ),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return TlsMaterial(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        certificate_pem(certificate),
        not_after,
        now + (not_after - now) * 2 // 3,
    )


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """The certificate in PEM, as TLS libraries take root sets and chains."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def spiffe_ids(certificate: x509.Certificate) -> tuple[str, ...]:
    """Every URI in the subject alternative name; the SPIFFE X.509-SVID standard, section 2, wants exactly
    one.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(names.get_values_for_type(x509.UniformResourceIdentifier))


class TlsSource:
    """Gives the TLS material in force and renews it in time; safe to ask from any thread."""

    def __init__(
        self, issue: Callable[[int], TlsMaterial], issuer: Callable[[int], str], clock: Callable[[], int]
    ) -> None:
        """`issuer` names the issuer key in force: when it changes, so does the material."""
        self._issue = issue
        self._issuer = issuer
        self._clock = clock
        self._issued_by = ""
        self._looked_at = -1
        self._lock = threading.Lock()
        self._material: TlsMaterial | None = None

    def current(self) -> TlsMaterial:
        """The same object until two thirds of its lifetime have passed or the issuer key was rotated."""
        with self._lock:
            now = self._clock()
            if self._material is not None and now == self._looked_at:
                return self._material
            issuer, self._looked_at = self._issuer(now), now
            if self._material is None or now >= self._material.renew_at or issuer != self._issued_by:
                self._material, self._issued_by = self._issue(now), issuer
            return self._material

    def renew(self) -> None:
        """Issue anew at the next use."""
        with self._lock:
            self._material = None


def _anchor_subject(name: ParticipantName) -> x509.Name:
    return _subject(f"{name} issuer")


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _time(unix_seconds: int) -> datetime:
    return datetime.fromtimestamp(unix_seconds, UTC)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
