"""The SHAKE128 duplex sponge that turns an interactive proof into a message (Fiat-Shamir).

Source: draft-irtf-cfrg-fiat-shamir, "The Duplex Sponge Interface" and its SHAKE128 suite, repository
mmaker/draft-irtf-cfrg-sigma-protocols, state of 2026-08-16. `squeeze` gives the next bytes of
SHAKE128(session id || zeros up to the rate || everything absorbed); consecutive squeezes continue one stream, and
absorbing anything begins a new one. Promised: the draft's vectors. Not promised: separation of what is absorbed;
every caller absorbs encodings of which none is the beginning of another.
"""

import hashlib

from carbonport.errors import Misuse

RATE_BYTES = 168
"""Rate of SHAKE128: the session id fills the first block alone."""

SESSION_ID_BYTES = 32
"""Length of a session id: the sponge's capacity."""

SESSION_ID_LABEL = b"irtf-cfrg-fiat-shamir/session-id"
"""Session id of the sponge that derives session ids."""


class DuplexSponge:
    """The state of one proof's transcript. It changes with every call; it is never shared between two proofs."""

    def __init__(self, session_id: bytes) -> None:
        """Raises `Misuse` unless the session id has 32 bytes."""
        if len(session_id) != SESSION_ID_BYTES:
            raise Misuse(
                "sponge-session-id",
                found=f"a session id of {len(session_id)} bytes",
                expected=f"{SESSION_ID_BYTES} bytes",
                remedy="Derive it from a tag; this is a defect of the calling program.",
            )
        self._absorbed = hashlib.shake_128(session_id + bytes(RATE_BYTES - SESSION_ID_BYTES))
        self._squeezed_bytes = 0

    def absorb(self, data: bytes) -> None:
        """Take in `data`; nothing happens for no bytes (the stream of challenges must not repeat)."""
        if data:
            self._absorbed.update(data)
            self._squeezed_bytes = 0

    def squeeze(self, length: int) -> bytes:
        """The next `length` bytes of the stream."""
        start = self._squeezed_bytes
        self._squeezed_bytes += length
        return self._absorbed.digest(self._squeezed_bytes)[start:]


def derive_session_id(tag: bytes) -> bytes:
    """The 32-byte session id of an application's tag."""
    sponge = DuplexSponge(SESSION_ID_LABEL)
    sponge.absorb(tag)
    return sponge.squeeze(SESSION_ID_BYTES)
