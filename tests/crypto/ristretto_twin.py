"""The group of dalek's published proofs, ristretto255 (RFC 9496), behind the product's `Group` interface: tests only.

Built on rbcl, whose addition returns zero bytes for invalid points: nothing gets here undecoded, and decoding checks
first. Its generators and transcript are those of dalek's `bulletproofs` crate (generators.rs, transcript.rs).
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import rbcl
from merlin_transcripts.merlin_transcript import MerlinTranscript

from carbonport.crypto.proofs.range_system import RangeSystem
from carbonport.crypto.proofs.range_transcript import nonzero
from carbonport.crypto.tuplehash import HashField, tuple_hash
from carbonport.errors import Malformed, Misuse

ORDER = 2**252 + 27742317777372353535851937790883648493
"""RFC 9496 section 4."""

BASE_BYTES = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")
"""RFC 9496 appendix A.1, B[1]."""


class Ristretto:
    """An element, by its encoding."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def encode(self) -> bytes:
        return self._data

    @property
    def is_identity(self) -> bool:
        return self._data == bytes(32)

    def __add__(self, other: "Ristretto") -> "Ristretto":
        return Ristretto(rbcl.crypto_core_ristretto255_add(self._data, other._data))

    def __sub__(self, other: "Ristretto") -> "Ristretto":
        return Ristretto(rbcl.crypto_core_ristretto255_sub(self._data, other._data))

    def __neg__(self) -> "Ristretto":
        return Ristretto(bytes(32)) - self

    def __mul__(self, scalar: int) -> "Ristretto":
        encoded = (scalar % ORDER).to_bytes(32, "little")
        return Ristretto(rbcl.crypto_scalarmult_ristretto255_allow_scalar_zero(encoded, self._data))

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ristretto) and self._data == other._data

    def __hash__(self) -> int:
        return hash(self._data)


class _Ristretto255:
    name = "ristretto255"
    order = ORDER
    element_bytes = 32
    scalar_bytes = 32
    identity = Ristretto(bytes(32))
    base = Ristretto(BASE_BYTES)
    # PedersenGens::default: the hash of the base's encoding to the group.
    blinding_base = Ristretto(rbcl.crypto_core_ristretto255_from_hash(hashlib.sha3_512(BASE_BYTES).digest()))

    def decode_element(self, data: bytes) -> Ristretto:
        if len(data) != 32 or data == bytes(32) or not rbcl.crypto_core_ristretto255_is_valid_point(data):
            raise Malformed("group-point", found="no point", expected="a point", remedy="none")
        return Ristretto(data)

    def decode_scalar(self, data: bytes) -> int:
        value = int.from_bytes(data, "little")
        if len(data) != 32 or value >= ORDER:
            raise Malformed("group-scalar", found="no scalar", expected="a scalar", remedy="none")
        return value

    def encode_scalar(self, scalar: int) -> bytes:
        assert 0 <= scalar < ORDER
        return scalar.to_bytes(32, "little")

    def multi_scalar_mul(self, elements: Sequence[Ristretto], scalars: Sequence[int]) -> Ristretto:
        if len(elements) != len(scalars):
            raise Misuse("group-length-mismatch", found="two", expected="one length", remedy="none")
        return sum(
            (element * scalar for element, scalar in zip(elements, scalars, strict=True)), start=self.identity
        )

    def hash_to_group(self, domain: str, *fields: HashField) -> Ristretto:
        return Ristretto(rbcl.crypto_core_ristretto255_from_hash(tuple_hash(domain, *fields)))


RISTRETTO255 = _Ristretto255()


@lru_cache
def dalek_chain(name: bytes, party: int, count: int) -> list[Ristretto]:
    """GeneratorsChain of one party: 64 bytes of SHAKE256 for each generator."""
    label = b"GeneratorsChain" + name + party.to_bytes(4, "little")
    stream = hashlib.shake_256(label).digest(64 * count)
    return [
        Ristretto(rbcl.crypto_core_ristretto255_from_hash(stream[i : i + 64]))
        for i in range(0, 64 * count, 64)
    ]


class MerlinRangeTranscript:
    """Dalek's transcript of a range proof, under the label of its published proofs."""

    def __init__(self, label: bytes, bits: int, commitments: Sequence[Ristretto]) -> None:
        self._merlin = MerlinTranscript(label)
        self._merlin.append_message(b"dom-sep", b"rangeproof v1")
        self._merlin.append_u64(b"n", bits)
        self._merlin.append_u64(b"m", len(commitments))
        for commitment in commitments:
            self.element("V", commitment)

    def element(self, label: str, element: Ristretto) -> None:
        self._merlin.append_message(label.encode(), element.encode())

    def scalar(self, label: str, scalar: int) -> None:
        self._merlin.append_message(label.encode(), scalar.to_bytes(32, "little"))

    def begin_inner_product(self, length: int) -> None:
        self._merlin.append_message(b"dom-sep", b"ipp v1")
        self._merlin.append_u64(b"n", length)

    def challenge(self, label: str) -> int:
        return nonzero(int.from_bytes(self._merlin.challenge_bytes(label.encode(), 64), "little") % ORDER)


def dalek_system(bits: int, label: bytes = b"Deserialize-And-Verify Test") -> RangeSystem[Ristretto]:
    """Dalek's range proofs of `bits` bits: generators party by party, halving to the end, the label as context."""

    def vectors(size: int) -> tuple[list[Ristretto], list[Ristretto]]:
        parties = range(size // bits)
        g, h = (
            [point for party in parties for point in dalek_chain(name, party, bits)] for name in (b"G", b"H")
        )
        return g, h

    def begin(
        context: bytes, widths: Sequence[int], commitments: Sequence[Ristretto]
    ) -> MerlinRangeTranscript:
        assert set(widths) == {bits}
        return MerlinRangeTranscript(context, bits, commitments)

    return RangeSystem(RISTRETTO255, vectors, begin, 1)
