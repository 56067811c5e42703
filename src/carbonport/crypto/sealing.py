"""Sealing: bytes that only the holder of a key reads.

Two layers, as the exchange log's bodies use them. `encrypt_body` encrypts under a fresh random key with
AES-256-GCM (NIST SP 800-38D), bound to `aad`; `hpke_seal` seals that key, or a short file, to a reader's
X25519 key with HPKE base mode (RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM), bound to
`info`.

Not promised: HPKE base mode names no sender, so what was sealed may come from anyone who knows the public
key; and AES-GCM does not commit to its key, so a reader recomputes a hash of what it opened before relying on
it. HPKE takes its ephemeral key from the operating system, not from a parameter: the library does not let go
of it.
"""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.errors import FailedVerification, Malformed, Misuse

HPKE_KEY_BYTES = 32
"""Length of raw X25519 keys, private and public."""

HPKE_OVERHEAD_BYTES = 32 + 16
"""What sealing adds: the encapsulated key and the tag."""

BODY_KEY_BYTES = 32
"""Length of an AES-256-GCM key; each encrypts one body."""

BODY_NONCE_BYTES = 12
"""Length of the nonce in front of the ciphertext."""

BODY_OVERHEAD_BYTES = BODY_NONCE_BYTES + 16
"""What encryption adds: the nonce and the tag."""

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class HpkeKeyPair:
    """A reader's key: raw X25519 bytes. The private half is a secret and not part of the text form."""

    private: bytes = field(repr=False)
    public: bytes


def hpke_generate(random_bytes: RandomBytes = system_random) -> HpkeKeyPair:
    """A fresh key pair."""
    private = X25519PrivateKey.from_private_bytes(random_bytes(HPKE_KEY_BYTES))
    return HpkeKeyPair(private.private_bytes_raw(), private.public_key().public_bytes_raw())


def hpke_seal(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """`plaintext` for the holder of the raw X25519 key `public`: encapsulated key, ciphertext and tag.

    Raises `Malformed` for a key of another length or of small order (what is sealed to it, anyone could
    open).
    """
    try:
        return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public), info)
    except ValueError:
        raise Malformed(
            "hpke-public-key",
            found=f"{len(public)} bytes that are no usable X25519 public key",
            expected=f"{HPKE_KEY_BYTES} bytes of a public key made by its reader",
            remedy="Ask the reader for its key again, or correct the trust list.",
        ) from None


def hpke_open(private: bytes, info: bytes, sealed: bytes) -> bytes:
    """What `hpke_seal` sealed to this key under this `info`; raises `FailedVerification` otherwise."""
    if len(private) != HPKE_KEY_BYTES:
        raise _wrong_key_length(len(private))
    try:
        return _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info)
    except (InvalidTag, ValueError):
        raise FailedVerification(
            "hpke-open",
            found="sealed bytes that this key does not open in this place",
            expected="bytes sealed to this key, for this use, unchanged",
            remedy="Check that it was sealed to this reader; if it was, ask for it again.",
        ) from None


def encrypt_body(key: bytes, aad: bytes, plaintext: bytes, random_bytes: RandomBytes) -> bytes:
    """AES-256-GCM: nonce, ciphertext and tag. A key is fresh for each body; `aad` says where the body
    belongs."""
    if len(key) != BODY_KEY_BYTES:
        raise _wrong_key_length(len(key))
    nonce = random_bytes(BODY_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def decrypt_body(key: bytes, aad: bytes, sealed: bytes) -> bytes:
    """What `encrypt_body` encrypted under this key and `aad`; raises `FailedVerification` otherwise."""
    if len(key) != BODY_KEY_BYTES:
        raise _wrong_key_length(len(key))
    try:
        return AESGCM(key).decrypt(sealed[:BODY_NONCE_BYTES], sealed[BODY_NONCE_BYTES:], aad)
    except (InvalidTag, ValueError):
        raise FailedVerification(
            "body-open",
            found="an encrypted body that does not open under its key in this place",
            expected="the body that was encrypted, unchanged and where it belongs",
            remedy="Treat it as an audit finding: the store or the peer changed the body or its key.",
        ) from None


def _wrong_key_length(length: int) -> Misuse:
    return Misuse(
        "sealing-key-length",
        found=f"a key of {length} bytes",
        expected="32 bytes",
        remedy="Use a key made by the node; this is a defect of the calling program.",
    )
