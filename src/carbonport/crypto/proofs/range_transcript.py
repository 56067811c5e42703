"""What a range proof is bound to, and where its challenges come from.

`RangeTranscript` is all that prover and verifier ask of a transcript, so that published proofs made with another one
(Merlin) run through the same code in tests. `SpongeRangeTranscript` is ours: the duplex sponge of the IRTF drafts.
Before the first challenge it absorbs, each after its length: protocol and version, the group's suite, the derivation
of the generators, the context digest, the true number of values, their widths, and every commitment. Challenges are
48 squeezed bytes reduced; zero is refused.
"""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from carbonport.crypto.group_interface import ElementT, Group, GroupElement
from carbonport.crypto.proofs.duplex_sponge import DuplexSponge, derive_session_id
from carbonport.crypto.proofs.field_codec import (
    OVERSAMPLING_BYTES,
    decode_residue,
    field_bytes,
    serialize_count,
    serialize_string,
)
from carbonport.errors import FailedVerification

RANGE_PROTOCOL = b"CARBONPORT-V01-0001-bulletproofs-with-duplex-sponge-SHAKE128"
"""Protocol, version and transcript; the tag of the sponge's session."""

AbsorbedT = TypeVar("AbsorbedT", bound=GroupElement, contravariant=True)


class RangeTranscript(Protocol[AbsorbedT]):
    """The transcript of one proof, after everything known beforehand was absorbed. Labels are dalek's."""

    def element(self, label: str, element: AbsorbedT) -> None:
        """Absorb a point of the prover."""
        ...

    def scalar(self, label: str, scalar: int) -> None:
        """Absorb a scalar of the prover."""
        ...

    def begin_inner_product(self, length: int) -> None:
        """Absorb that halving begins, from this length."""
        ...

    def challenge(self, label: str) -> int:
        """The next challenge in [1, order)."""
        ...


class SpongeRangeTranscript(Generic[ElementT]):
    """Our transcript of a range proof."""

    def __init__(
        self,
        group: Group[ElementT],
        generator_derivation: str,
        context: bytes,
        widths: Sequence[int],
        commitments: Sequence[ElementT],
    ) -> None:
        """Absorbs its arguments; see the first lines of this module."""
        self._group = group
        self._sponge = DuplexSponge(derive_session_id(RANGE_PROTOCOL))
        self._absorb("suite", group.name.encode("utf-8"))
        self._absorb("generators", generator_derivation.encode("utf-8"))
        self._absorb("context", context)
        self._absorb("count", serialize_count(len(widths)))
        self._absorb("widths", b"".join(serialize_count(width) for width in widths))
        for commitment in commitments:
            self.element("V", commitment)

    def element(self, label: str, element: ElementT) -> None:
        """Absorb a point."""
        self._absorb(label, element.encode())

    def scalar(self, label: str, scalar: int) -> None:
        """Absorb a scalar."""
        self._absorb(label, self._group.encode_scalar(scalar))

    def begin_inner_product(self, length: int) -> None:
        """Absorb the length of the vectors to be halved."""
        self._absorb("inner product", serialize_count(length))

    def challenge(self, label: str) -> int:
        """The next challenge; the label is absorbed too. Raises `FailedVerification` for zero."""
        self._absorb("challenge", label.encode("utf-8"))
        order = self._group.order
        return nonzero(decode_residue(self._sponge.squeeze(field_bytes(order) + OVERSAMPLING_BYTES), order))

    def _absorb(self, label: str, data: bytes) -> None:
        self._sponge.absorb(serialize_string(label.encode("utf-8")) + serialize_string(data))


def nonzero(challenge: int) -> int:
    """The challenge itself; raises `FailedVerification` for zero, which no honest prover meets."""
    if challenge == 0:
        raise FailedVerification(
            "range-challenge-zero",
            found="a challenge of zero, which would accept anything",
            expected="a challenge that can be inverted",
            remedy="Do not rely on the proof. A prover that meets this by chance makes a new proof.",
        )
    return challenge
