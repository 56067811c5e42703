"""Compact JWS (RFC 7515), read strictly: ES256 with low s, EdDSA over Ed25519 accepted, nothing else.

Promised: one token has one form. Each segment is re-encoded and compared (no spare bits, no padding), the
header is JSON without duplicate keys, the key's type alone decides the algorithm (never the token), the type
`typ` must be the expected one, and an ES256 signature must have s <= n/2, as our signers emit it: (r, n - s)
would be a second valid signature of the same content. Headers that ask the verifier for trust or for another
processing (`crit`, `b64`, `jwk`, `jku`, `x5u`) are refused. Keys and signature primitives are joserfc's;
signing is deterministic (RFC 6979), so no randomness is hidden in it. Not promised: that the key is anyone's
(that is the trust list's word), nor freshness.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey, OKPKey
from joserfc.jws import JWSRegistry

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, canonical_bytes, parse_json
from carbonport.errors import FailedVerification, Malformed, Misuse

Jwk = Mapping[str, Json]
"""A public key as RFC 7517 writes it: EC P-256, or OKP Ed25519."""

MAX_HEADER_BYTES = 2_048
"""A bound on a decoded header, checked before it is parsed."""

MAX_HEADER_DEPTH = 4
"""A bound on the nesting of a header."""

MAX_PAYLOAD_DEPTH = 32
"""A bound on the nesting of a JSON payload."""

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order n of the group of P-256 (SP 800-186, section 3.2.1.3)."""

REFUSED_HEADERS = frozenset({"crit", "b64", "jwk", "jku", "x5u"})
"""Header members that would make the verifier fetch, trust or process what it was not asked to."""

_COORDINATE_BYTES = 32
_SIGNATURE_BYTES = 64
_PRIVATE_SEED_BYTES = 48  # FIPS 186-5, A.2.1: 64 bits more than the order, so that the bias is negligible.
_JWK_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_JWK_CURVES = {"EC": "P-256", "OKP": "Ed25519"}
_JWK_ALGORITHMS = {"EC": "ES256", "OKP": "EdDSA"}
_JWK_EXTRAS = frozenset({"kid", "alg", "use"})
_ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


@dataclass(frozen=True)
class SigningKey:
    """A private P-256 key for ES256. Its representation never shows the key."""

    _private: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls, random_bytes: RandomBytes = system_random) -> "SigningKey":
        """A new key from 48 bytes of `random_bytes` (FIPS 186-5, A.2.1)."""
        seed = int.from_bytes(random_bytes(_PRIVATE_SEED_BYTES), "big")
        return cls(ec.derive_private_key(seed % (P256_ORDER - 1) + 1, ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes | None = None) -> "SigningKey":
        """Read a PKCS 8 key; Misuse when it does not open with the passphrase or is no P-256 key."""
        try:
            private = serialization.load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError):
            raise _unreadable_key("a key file that does not open") from None
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
            raise _unreadable_key("a key of another kind")
        return cls(private)

    def to_pem(self, passphrase: bytes | None = None) -> bytes:
        """The private key as PKCS 8 PEM, encrypted when a passphrase is given. Secret."""
        protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            protection = serialization.BestAvailableEncryption(passphrase)
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
        )

    @cached_property
    def public_jwk(self) -> dict[str, Json]:
        """The public key with its `kid` (RFC 7638), `alg` and `use`."""
        numbers = self._private.public_key().public_numbers()
        bare: dict[str, Json] = {
            "crv": "P-256",
            "kty": "EC",
            "x": b64url_encode(numbers.x.to_bytes(_COORDINATE_BYTES, "big")),
            "y": b64url_encode(numbers.y.to_bytes(_COORDINATE_BYTES, "big")),
        }
        return {**bare, "alg": "ES256", "kid": thumbprint(bare), "use": "sig"}

    @cached_property
    def kid(self) -> str:
        """The RFC 7638 thumbprint of the public key."""
        return str(self.public_jwk["kid"])

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes r || s of ES256 over `message`, with s <= n/2."""
        r, s = decode_dss_signature(self._private.sign(message, _ECDSA))
        s = min(s, P256_ORDER - s)
        return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")


@dataclass(frozen=True, slots=True)
class Verified:
    """A token whose signature held: its header and its payload as the bytes that were signed."""

    header: Mapping[str, Json]
    payload: bytes

    def claims(self) -> dict[str, Json]:
        """The payload as a JSON object; Malformed when it is none, holds a key twice or a float."""
        return _json_object(self.payload, len(self.payload), MAX_PAYLOAD_DEPTH, "payload")


def sign_jws(key: SigningKey, header: Mapping[str, Json], payload: bytes) -> str:
    """Sign `payload`; `alg` and `kid` are the key's own and need not stand in `header`, `typ` must."""
    own: dict[str, Json] = {"alg": "ES256", "kid": key.kid}
    clash = [name for name, value in own.items() if header.get(name, value) != value]
    if clash or not isinstance(header.get("typ"), str) or REFUSED_HEADERS & header.keys():
        raise Misuse(
            "jws-header-choice",
            found="a header with another alg or kid than the key's, without a typ, or with a refused member",
            expected="a header with typ; alg and kid come from the key",
            remedy="Leave alg and kid to the signer.",
        )
    signing_input = f"{b64url_encode(canonical_bytes({**header, **own}))}.{b64url_encode(payload)}"
    return f"{signing_input}.{b64url_encode(key.sign(signing_input.encode('ascii')))}"


def verify_jws(token: str, jwk: Jwk, *, typ: str, max_bytes: int) -> Verified:
    """Check a compact JWS of type `typ` and of at most `max_bytes` characters with the public key `jwk`.

    Raises Malformed (`jws-size`, `jws-format`, `jws-key-format`) or FailedVerification (`jws-header`,
    `jws-type`, `jws-algorithm`, `jws-key`, `jws-signature`, `jws-high-s`). The payload is decoded, never
    parsed.
    """
    if len(token) > max_bytes:
        raise _too_long(token, max_bytes)
    segments = _segments(token)
    header = _header(segments[0])
    payload = b64url_decode(segments[1])
    signature = b64url_decode(segments[2])
    public = _public_key(jwk)
    _check_header(header, public, typ)
    kid = jwk.get("kid", public.thumbprint)
    if header.get("kid", kid) != kid:
        raise FailedVerification(
            "jws-key",
            found="a token that names another key",
            expected="the key it is checked with",
            remedy="Look the key up by the token's kid in the issuer's trust list.",
        )
    if len(signature) != _SIGNATURE_BYTES:
        raise _signature_failed("a signature of another length")
    if public.algorithm == "ES256" and int.from_bytes(signature[_COORDINATE_BYTES:], "big") > P256_ORDER // 2:
        raise FailedVerification(
            "jws-high-s",
            found="an ES256 signature in its second form (s above n/2)",
            expected="s of at most n/2",
            remedy="Ask the issuer for the token as it was signed; someone may have changed it on the way.",
        )
    if not public.verify(f"{segments[0]}.{segments[1]}".encode("ascii"), signature):
        raise _signature_failed("a signature that does not hold")
    return Verified(header, payload)


def peek_header(token: str) -> dict[str, Json]:
    """The header of a token that is *not yet verified*: good for choosing a key, for nothing else."""
    return _header(_segments(token)[0])


def payload_of_known(token: str, *, typ: str, max_bytes: int) -> bytes:
    """The payload of a token that is believed *for its hash*, which somebody signed: its own signature is not checked.

    For documents whose signer's key may be gone by now. Raises as `verify_jws` does for size, form and type.
    """
    if len(token) > max_bytes:
        raise _too_long(token, max_bytes)
    segments = _segments(token)
    if _header(segments[0]).get("typ") != typ:
        raise _other_type(typ)
    return b64url_decode(segments[1])


def thumbprint(jwk: Jwk) -> str:
    """The RFC 7638 thumbprint (SHA-256, base64url) of a public key: our `kid`."""
    return _public_key(jwk).thumbprint


@dataclass(frozen=True, slots=True)
class _PublicKey:
    """A parsed JWK beside the one algorithm it may be used with."""

    key: ECKey | OKPKey
    algorithm: str
    thumbprint: str

    def verify(self, message: bytes, signature: bytes) -> bool:
        return JWSRegistry.algorithms[self.algorithm].verify(message, signature, self.key)


def _public_key(jwk: Jwk) -> _PublicKey:
    kind = jwk.get("kty")
    if not isinstance(kind, str) or kind not in _JWK_MEMBERS:
        raise _malformed_key("a key type other than EC and OKP")
    members = _JWK_MEMBERS[kind]
    # A private member `d` ends here too: a key with it must never be handed around as public.
    if not set(members) <= jwk.keys() <= _JWK_EXTRAS | set(members):
        raise _malformed_key("missing or unknown members")
    if jwk["crv"] != _JWK_CURVES[kind] or jwk.get("alg", _JWK_ALGORITHMS[kind]) != _JWK_ALGORITHMS[kind]:
        raise _malformed_key("a curve or algorithm that is not accepted")
    if jwk.get("use", "sig") != "sig":
        raise _malformed_key("a key for another use than signatures")
    return _import_key(kind, *(str(jwk[member]) for member in members if member in ("x", "y")))


@lru_cache(maxsize=1_024)
def _import_key(kind: str, *coordinates: str) -> _PublicKey:
    """The parsed key; cached, for the same few keys verify nearly everything a node sees."""
    if any(len(b64url_decode(each)) != _COORDINATE_BYTES for each in coordinates):
        raise _malformed_key("a coordinate of another length than 32 bytes")
    bare: dict[str, str | list[str]] = {
        "kty": kind,
        "crv": _JWK_CURVES[kind],
        **dict(zip(("x", "y"), coordinates, strict=False)),
    }
    try:
        key = ECKey.import_key(bare) if kind == "EC" else OKPKey.import_key(bare)
        key.get_op_key("verify")
    except ValueError:
        raise _malformed_key("coordinates that are no point of the curve") from None
    return _PublicKey(key, _JWK_ALGORITHMS[kind], key.thumbprint())


def _segments(token: str) -> list[str]:
    segments = token.split(".", 3)
    if len(segments) != 3 or not all(segments):
        raise Malformed(
            "jws-format",
            found="a token without exactly three non-empty segments",
            expected="header.payload.signature in base64url",
            remedy="Ask the sender for the token again.",
        )
    return segments


def _header(segment: str) -> dict[str, Json]:
    if len(segment) > MAX_HEADER_BYTES * 4 // 3 + 4:
        raise Malformed(
            "jws-header-size",
            found=f"a header of {len(segment)} characters",
            expected=f"at most {MAX_HEADER_BYTES} bytes",
            remedy="Ask the sender for the token again.",
        )
    return _json_object(b64url_decode(segment), MAX_HEADER_BYTES, MAX_HEADER_DEPTH, "header")


def _json_object(data: bytes, max_bytes: int, max_depth: int, what: str) -> dict[str, Json]:
    value = parse_json(data, max_bytes=max_bytes, max_depth=max_depth)
    if not isinstance(value, dict):
        raise Malformed(
            "jws-json",
            found=f"a {what} that is no JSON object",
            expected="a JSON object",
            remedy="Ask the sender for the token again.",
        )
    return value


def _check_header(header: Mapping[str, Json], public: _PublicKey, typ: str) -> None:
    refused = REFUSED_HEADERS & header.keys()
    if refused:
        raise FailedVerification(
            "jws-header",
            found=f"the header member {min(refused)}",
            expected="a header without " + ", ".join(sorted(REFUSED_HEADERS)),
            remedy="Ask the issuer for a token without it.",
        )
    if header.get("alg") != public.algorithm:
        raise FailedVerification(
            "jws-algorithm",
            found="an algorithm that is not the key's",
            expected=public.algorithm,
            remedy="Reject the token: the key decides the algorithm, never the token.",
        )
    if header.get("typ") != typ:
        raise _other_type(typ)


def _too_long(token: str, max_bytes: int) -> Malformed:
    return Malformed(
        "jws-size",
        found=f"a token of {len(token)} characters",
        expected=f"at most {max_bytes}",
        remedy="Ask the sender for the token again.",
    )


def _other_type(typ: str) -> FailedVerification:
    return FailedVerification(
        "jws-type",
        found="a token of another type",
        expected=typ,
        remedy="Check that the token stands where its type belongs.",
    )


def _signature_failed(found: str) -> FailedVerification:
    return FailedVerification(
        "jws-signature",
        found=found,
        expected="a signature of the named key over this header and payload",
        remedy="Do not rely on the content; ask the issuer for the token again.",
    )


def _malformed_key(found: str) -> Malformed:
    return Malformed(
        "jws-key-format",
        found=found,
        expected="a public JWK: EC P-256 or OKP Ed25519, with kid, alg and use at most",
        remedy="Copy the public key again from the participant's own publication.",
    )


def _unreadable_key(found: str) -> Misuse:
    return Misuse(
        "jws-key-unreadable",
        found=found,
        expected="a P-256 key in PEM (PKCS 8) and its passphrase, if it has one",
        remedy="Check the file and the passphrase; restore the key from a backup if it is damaged.",
    )
