"""The importer's side of a lot entry: a key for one consignment, the tag that names the recipient, and give-backs.

    recipient tag = TupleHash256("carbonport/lot-recipient/v1", 32-byte salt, importer, consignment)
    give-back     = Ed25519 over TupleHash256("carbonport/lot-give-back/v1", lot id, k)

The importer makes a fresh Ed25519 key for each consignment and sends the public half with its request. A leaf that
holds this key is the importer's own and nobody else's: two importers cannot be shown one entry, and only the importer
can return what it bought. The key proves no identity; the tag binds importer and consignment, and hides them from who
does not know the salt.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import FailedVerification, Misuse

RECIPIENT_DOMAIN = "carbonport/lot-recipient/v1"
"""Domain string of a recipient tag."""

GIVE_BACK_DOMAIN = "carbonport/lot-give-back/v1"
"""Domain string of what a give-back signs."""

SALT_BYTES = 32
"""Length of a recipient tag's salt."""

KEY_BYTES = 32
"""Length of a public or private Ed25519 key."""

GIVE_BACK_BYTES = 64
"""Length of a give-back's signature."""


def recipient_tag(salt: bytes, importer: str, consignment: str) -> bytes:
    """The tag of one recipient and consignment, 64 bytes; `salt` is 32 random bytes."""
    if len(salt) != SALT_BYTES:
        raise Misuse(
            "lot-salt",
            found=f"a salt of {len(salt)} bytes",
            expected=f"{SALT_BYTES} fresh random bytes",
            remedy="Draw it from the node's random source.",
        )
    return tuple_hash(RECIPIENT_DOMAIN, salt, importer, consignment)


def new_consignment_key(random_bytes: RandomBytes = system_random) -> tuple[bytes, bytes]:
    """(private, public) of a fresh key, 32 bytes each. The private half is secret and kept until the lot is over."""
    private = random_bytes(KEY_BYTES)
    return private, Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def sign_give_back(private: bytes, lot_id: bytes, k: int) -> bytes:
    """The importer's word that consignment k of the lot is returned: from then on its attestation counts no more."""
    return Ed25519PrivateKey.from_private_bytes(private).sign(tuple_hash(GIVE_BACK_DOMAIN, lot_id, k))


def verify_give_back(public: bytes, lot_id: bytes, k: int, signature: bytes) -> None:
    """Raise `FailedVerification` unless the key of leaf k returned consignment k of this lot."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, tuple_hash(GIVE_BACK_DOMAIN, lot_id, k))
    except (InvalidSignature, ValueError):
        raise FailedVerification(
            "lot-give-back-signature",
            found=f"a give-back of consignment {k} that its importer's key did not sign",
            expected="a signature by the key in the consignment's own entry",
            remedy="Only who bought a consignment can return it; keep the entry as evidence and inform the regulator.",
        ) from None
