"""Certificates of Flower's servers: each is its own root, and whoever connects is given exactly it.

The SuperLink on loopback and the front have one each. A member gets the front's from the coordinator's node, over the
mutual TLS that the trust lists stand behind, and trusts nothing else. No name or authority of the internet is involved.
"""

import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LIFETIME_S: Final = 2 * 366 * 86_400
"""Two years; a new one is made when half of it is over."""

CLOCK_SKEW_S: Final = 600
"""Certificates begin ten minutes early, for peers whose clocks are behind."""


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A certificate and its key, in PEM."""

    certificate: bytes
    private_key: bytes = field(repr=False)

    @classmethod
    def made(cls, hosts: Sequence[str], now: int) -> "ServerCertificate":
        """A fresh one for these names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "carbonport federation")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.fromtimestamp(now - CLOCK_SKEW_S, UTC))
            .not_valid_after(datetime.fromtimestamp(now + LIFETIME_S, UTC))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        return cls(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def serves(self, host: str, now: int) -> bool:
        """Whether it names `host` and more than half of its life is left."""
        certificate = x509.load_pem_x509_certificate(self.certificate)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (
            _general_name(host) in list(names)
            and certificate.not_valid_after_utc.timestamp() - now > LIFETIME_S / 2
        )


def member_key() -> tuple[bytes, bytes]:
    """A SuperNode's key: private in OpenSSH's form, as Flower reads it, and public in PEM."""
    key = ec.generate_private_key(ec.SECP384R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public


def trusting(certificate: bytes) -> ssl.SSLContext:
    """A client's context that trusts this certificate alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=certificate.decode("ascii"))
    return context


def serving(certificate_file: str, key_file: str) -> ssl.SSLContext:
    """A server's context, TLS 1.3 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate_file, key_file)
    return context


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
