"""What commitments and proofs ask of a group of prime order, so that one proof runs over more than one group.

The product uses one group, `carbonport.crypto.group`; tests run the same range proofs over ristretto255, for
which other people have published proofs. Scalars are plain integers. An implementation decodes strictly (one
encoding per element, no identity, no element outside the group of prime order) and raises; it never returns a
doubtful element.
"""

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

from carbonport.crypto.tuplehash import HashField


class GroupElement(Protocol):
    """An element: immutable, hashable, compared by value. `*` takes any integer and reduces it modulo the
    order."""

    def __add__(self, other: Self, /) -> Self: ...
    def __sub__(self, other: Self, /) -> Self: ...
    def __neg__(self) -> Self: ...
    def __mul__(self, scalar: int, /) -> Self: ...
    def __rmul__(self, scalar: int, /) -> Self: ...
    def __hash__(self) -> int: ...
    def encode(self) -> bytes:
        """The one encoding of this element."""
        ...

    @property
    def is_identity(self) -> bool:
        """Whether this is the neutral element."""
        ...


ElementT = TypeVar("ElementT", bound=GroupElement)


class Group(Protocol[ElementT]):
    """A group of prime order with its encodings."""

    @property
    def name(self) -> str:
        """The suite's name, absorbed by every transcript."""
        ...

    @property
    def order(self) -> int:
        """The prime number of elements."""
        ...

    @property
    def element_bytes(self) -> int:
        """Length of an encoded element."""
        ...

    @property
    def scalar_bytes(self) -> int:
        """Length of an encoded scalar."""
        ...

    @property
    def identity(self) -> ElementT:
        """The neutral element, which has no place in a message."""
        ...

    @property
    def base(self) -> ElementT:
        """The generator that carries values in commitments."""
        ...

    @property
    def blinding_base(self) -> ElementT:
        """The generator that carries blindings; nobody knows its logarithm to `base`."""
        ...

    def decode_element(self, data: bytes) -> ElementT:
        """The element of this encoding; raises `Malformed` for anything else."""
        ...

    def decode_scalar(self, data: bytes) -> int:
        """The integer in [0, order) of this encoding; raises `Malformed` for anything else."""
        ...

    def encode_scalar(self, scalar: int) -> bytes:
        """The one encoding of an integer in [0, order); raises `Misuse` outside it."""
        ...

    def multi_scalar_mul(self, elements: Sequence[ElementT], scalars: Sequence[int]) -> ElementT:
        """The sum of `scalars[i] * elements[i]`; raises `Misuse` when the lists differ in length."""
        ...

    def hash_to_group(self, domain: str, *fields: HashField) -> ElementT:
        """An element whose logarithm nobody knows, from a domain string and fields."""
        ...
