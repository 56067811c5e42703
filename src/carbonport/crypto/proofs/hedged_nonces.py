"""Nonces of provers: fresh random bytes, hedged with a secret and with what is proved.

A nonce used twice with two challenges gives the witness away. So nonces are
KMAC256(secret, TupleHash(domain, 32 fresh bytes, statement, witness)): when the generator repeats itself or is known to
a stranger, nonces of different statements or witnesses still differ and stay secret, as long as the secret does; when
the secret is known, the fresh bytes protect them. Never derived from a field's identity alone.
"""

from collections.abc import Sequence

from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.tuplehash import MIN_KEY_BYTES, kmac256, tuple_hash
from carbonport.errors import Misuse

NONCE_DOMAIN = "carbonport/proof-nonces/v1"
"""Domain string of the hedge."""

FRESH_BYTES = 32
"""Drawn from the operating system for each proof."""

BYTES_PER_NONCE = 64
"""Reduced to one nonce; the bias stays below 2^-250."""


def hedged_nonces(
    count: int,
    order: int,
    *,
    nonce_secret: bytes,
    statement: bytes,
    witness: Sequence[int],
    random_bytes: RandomBytes,
) -> list[int]:
    """`count` scalars in [1, order) for one proof.

    `statement` holds everything the challenges depend on before the nonces, the tag too. Raises `Misuse` for a secret
    under 32 bytes.
    """
    if len(nonce_secret) < MIN_KEY_BYTES:
        raise Misuse(
            "proof-nonce-secret",
            found=f"a secret of {len(nonce_secret)} bytes",
            expected=f"at least {MIN_KEY_BYTES} bytes",
            remedy="Pass a secret of the node's key store.",
        )
    message = tuple_hash(NONCE_DOMAIN, random_bytes(FRESH_BYTES), statement, *witness)
    stream = kmac256(nonce_secret, message, BYTES_PER_NONCE * count)
    chunks = (stream[i * BYTES_PER_NONCE : (i + 1) * BYTES_PER_NONCE] for i in range(count))
    return [int.from_bytes(chunk, "big") % (order - 1) + 1 for chunk in chunks]
