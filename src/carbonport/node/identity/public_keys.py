"""Public keys as JSON Web Keys (RFC 7517, RFC 8037) and their thumbprints (RFC 7638), the key ids used
everywhere.
"""

import hashlib
import json
from collections.abc import Mapping

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from carbonport.crypto.canonical import b64url_decode, b64url_encode
from carbonport.errors import Malformed

P256_COORDINATE_BYTES = 32
"""Length of a coordinate of P-256 (RFC 7518, 6.2.1.2)."""

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey
"""The kinds of private keys a node holds."""

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | x25519.X25519PublicKey
"""Their public parts."""


def public_jwk(key: PublicKey) -> dict[str, str]:
    """The required members of the key's JWK, nothing else."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, ec.SECP256R1):
            raise Malformed(
                "identity-key-kind",
                found=f"a key on {key.curve.name}",
                expected="a key on P-256",
                remedy="Use a key that `carbonport init` or `key rotate` made.",
            )
        numbers = key.public_numbers()
        x, y = (value.to_bytes(P256_COORDINATE_BYTES, "big") for value in (numbers.x, numbers.y))
        return {"crv": "P-256", "kty": "EC", "x": b64url_encode(x), "y": b64url_encode(y)}
    curve = "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "X25519"
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"crv": curve, "kty": "OKP", "x": b64url_encode(raw)}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638: SHA-256 of the required members in order, in base64url. It is the key's id."""
    members = ("crv", "kty", "x", "y") if jwk["kty"] == "EC" else ("crv", "kty", "x")
    text = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"), sort_keys=True)
    return b64url_encode(hashlib.sha256(text.encode()).digest())


def spki_pin(key: PublicKey) -> str:
    """SHA-256 of the key's SubjectPublicKeyInfo in hex (the pin of RFC 7469, 2.4, as the trust list writes
    it).
    """
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def p256_from_jwk(jwk: Mapping[str, object]) -> ec.EllipticCurvePublicKey:
    """The P-256 key of a JWK; a `ValueError` when it is none."""
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise ValueError("not a P-256 key")
    x, y = (int.from_bytes(b64url_decode(str(jwk.get(member, ""))), "big") for member in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
