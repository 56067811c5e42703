"""The group of every commitment and proof: BLS12-381 G1, decoded strictly.

Source: draft-irtf-cfrg-pairing-friendly-curves (the curve and its 48-byte compressed encoding), RFC 9380
(hashing to it), py-arkworks-bls12381 (the arithmetic). Promised: a `Point` is always in the subgroup of prime
order; `Point.decode` accepts exactly one encoding per element and never the identity; scalars are integers,
reduced where they multiply and encoded big-endian in 32 bytes as the sigma-protocol drafts do; lists of
unequal length are refused. Each promise answers a trap of the library, and has a test.

Not promised: constant time. The arithmetic under this module takes time that depends on secrets, so nothing
may let a stranger measure single operations on them. Binding rests on the discrete logarithm (about 120 bits,
not post-quantum).

Generators: `G` is the curve's standard generator. `H = hash_to_group(GENERATOR_DERIVATION, "H")`: a hash
nobody could steer, so nobody knows its logarithm to `G`. Vectors of generators for proofs are made the same
way, under names of their own. `GENERATOR_DERIVATION` names this recipe in every transcript.
"""

from collections.abc import Sequence
from typing import NoReturn

from py_arkworks_bls12381 import G1Point, Scalar

from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.group_interface import Group
from carbonport.crypto.tuplehash import HashField, tuple_hash
from carbonport.errors import Malformed, Misuse

SUITE = "BLS12381-G1"
"""The group's name in transcripts."""

ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
"""The prime order q of the group: section 4.2.1 of the pairing-friendly-curves draft."""

POINT_BYTES = 48
"""Length of a compressed point."""

SCALAR_BYTES = 32
"""Length of an encoded scalar, big-endian."""

WIDE_SCALAR_BYTES = 64
"""Random or hashed bytes reduced to one scalar: 257 bits more than the order, so the bias is below 2^-256."""

GENERATOR_DERIVATION = "carbonport/generators/v1"
"""Domain string of every generator but `G`, and the recipe's name."""

HASH_TO_GROUP_TAG = b"CARBONPORT-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
"""Domain separation tag of our hashing to the group, in the form RFC 9380 section 3.1 asks for."""

MIN_NATIVE_TERMS = 3
"""From this many terms on the native multi-scalar multiplication is faster than separate products."""

_IDENTITY = G1Point.identity()
_new = object.__new__
_set = object.__setattr__


class Point:
    """An element of G1, immutable. Made by `decode`, `hash_to_curve`, arithmetic, or from the constants
    here."""

    __slots__ = ("_inner",)
    _inner: G1Point

    def __new__(cls) -> "Point":
        """Not a way to make a point: raises `TypeError`."""
        raise TypeError("a Point comes from Point.decode, hash_to_group or arithmetic")

    @classmethod
    def decode(cls, data: bytes) -> "Point":
        """The point of a 48-byte compressed encoding.

        Raises `Malformed` unless it is the canonical encoding of a point on the curve, in the subgroup, and
        not the identity (a commitment or public value that is the identity hides and binds nothing).
        """
        try:
            inner = G1Point.from_compressed_bytes(data)
        except (ValueError, TypeError):
            _refuse_point("bytes that encode no point of the group")
        # The library reads several malformed encodings (48 bytes ff among them) as the identity: ask for the
        # same bytes.
        if inner.to_compressed_bytes() != data or inner == _IDENTITY:
            _refuse_point("the identity, or an encoding that is not the canonical one")
        return _wrap(inner)

    @classmethod
    def hash_to_curve(cls, message: bytes, tag: bytes) -> "Point":
        """RFC 9380 suite BLS12381G1_XMD:SHA-256_SSWU_RO_ with the domain separation tag `tag`."""
        return _wrap(G1Point.hash_to_curve(message, tag))

    def encode(self) -> bytes:
        """The 48-byte compressed encoding; the identity has one too, which `decode` refuses."""
        return bytes(self._inner.to_compressed_bytes())

    @property
    def is_identity(self) -> bool:
        """Whether this is the neutral element."""
        return bool(self._inner == _IDENTITY)

    def __add__(self, other: "Point") -> "Point":
        return _wrap(self._inner + other._inner)

    def __sub__(self, other: "Point") -> "Point":
        return _wrap(self._inner - other._inner)

    def __neg__(self) -> "Point":
        return _wrap(-self._inner)

    def __mul__(self, scalar: int) -> "Point":
        return _wrap(self._inner * _native(scalar))

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return bool(self._inner == other._inner) if isinstance(other, Point) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._inner)

    def __repr__(self) -> str:
        return f"Point({self.encode().hex()})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Point does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Point does not change")


def _wrap(inner: G1Point) -> Point:
    point: Point = _new(Point)
    _set(point, "_inner", inner)
    return point


def _native(scalar: int) -> Scalar:
    # `Scalar(int)` costs fifty times as much, and takes q for 0 without a word: reduce here, where it can be
    # seen.
    return Scalar.from_le_bytes((scalar % ORDER).to_bytes(SCALAR_BYTES, "little"))


def multi_scalar_mul(points: Sequence[Point], scalars: Sequence[int]) -> Point:
    """The sum of `scalars[i] * points[i]`; the identity for none. Raises `Misuse` when the lists differ in
    length.

    Holds the interpreter's lock while it runs: large batches belong into processes, not threads.
    """
    _require_same_length(points, scalars)
    if len(points) < MIN_NATIVE_TERMS:
        total = _IDENTITY
        for point, scalar in zip(points, scalars, strict=True):
            total = total + point._inner * _native(scalar)
        return _wrap(total)
    inners = [point._inner for point in points]
    return _wrap(G1Point.multiexp_unchecked(inners, [_native(scalar) for scalar in scalars]))


def short_combination(points: Sequence[Point], coefficients: Sequence[int]) -> Point:
    """The sum of `coefficients[i] * points[i]` for short public integers, by additions whose doublings are shared.

    Straus's method with non-adjacent forms, in which a third of the digits are 1 or -1: about half the time of the
    native multiplication for a dozen coefficients of 40 bits, and longer from some 100 bits on. The time depends on the
    coefficients. Raises `Misuse` when the lists differ in length.
    """
    _require_same_length(points, coefficients)
    at_digit: dict[int, list[G1Point]] = {}
    for point, coefficient in zip(points, coefficients, strict=True):
        same, opposite = point._inner, -point._inner
        if coefficient < 0:
            same, opposite, coefficient = opposite, same, -coefficient
        # Where 3c and c differ the digit of c, in non-adjacent form, is not 0: 1 where 3c has the bit, -1 where c has.
        tripled = 3 * coefficient
        for bits, addend in ((tripled & ~coefficient, same), (coefficient & ~tripled, opposite)):
            left = bits >> 1
            while left:
                lowest = left & -left
                at_digit.setdefault(lowest.bit_length() - 1, []).append(addend)
                left ^= lowest
    total = _IDENTITY
    for digit in range(max(at_digit, default=-1), -1, -1):
        total = total + total
        for addend in at_digit.get(digit, ()):
            total = total + addend
    return _wrap(total)


def sum_points(points: Sequence[Point]) -> Point:
    """The sum of the points; the identity for none."""
    total = _IDENTITY
    for point in points:
        total = total + point._inner
    return _wrap(total)


def decode_scalar(data: bytes) -> int:
    """The integer in [0, q) of 32 bytes, big-endian; raises `Malformed` for anything else."""
    value = int.from_bytes(data, "big")
    if len(data) != SCALAR_BYTES or value >= ORDER:
        raise Malformed(
            "group-scalar",
            found=f"{len(data)} bytes that are no canonical scalar",
            expected=f"{SCALAR_BYTES} bytes, big-endian, below the group order",
            remedy="Ask for the message again; it was damaged, or its maker does not follow the format.",
        )
    return value


def encode_scalar(scalar: int) -> bytes:
    """32 bytes, big-endian; raises `Misuse` outside [0, q)."""
    if not 0 <= scalar < ORDER:
        raise Misuse(
            "group-scalar-range",
            found="an integer outside the scalars",
            expected="an integer from 0 to the group order, without it",
            remedy="Reduce it first; this is a defect of the calling program.",
        )
    return scalar.to_bytes(SCALAR_BYTES, "big")


def scalar_from_wide(data: bytes) -> int:
    """64 uniform bytes reduced modulo q; raises `Misuse` for any other length."""
    if len(data) != WIDE_SCALAR_BYTES:
        raise Misuse(
            "group-wide-scalar",
            found=f"{len(data)} bytes",
            expected=f"{WIDE_SCALAR_BYTES} uniform bytes",
            remedy="Derive 64 bytes; fewer would leave a bias, and this is a defect of the calling program.",
        )
    return int.from_bytes(data, "big") % ORDER


def random_scalar(random_bytes: RandomBytes) -> int:
    """A uniform scalar in [1, q)."""
    return int.from_bytes(random_bytes(WIDE_SCALAR_BYTES), "big") % (ORDER - 1) + 1


def hash_to_group(domain: str, *fields: HashField) -> Point:
    """A point whose logarithm nobody knows: RFC 9380 over `tuple_hash(domain, *fields)` with our own tag."""
    return Point.hash_to_curve(tuple_hash(domain, *fields), HASH_TO_GROUP_TAG)


def _require_same_length(points: Sequence[Point], scalars: Sequence[int]) -> None:
    if len(points) != len(scalars):
        # The library would silently cut the longer list: a proof would be checked in part.
        raise Misuse(
            "group-length-mismatch",
            found=f"{len(points)} points and {len(scalars)} scalars",
            expected="as many scalars as points",
            remedy="This is a defect of the calling program.",
        )


def _refuse_point(found: str) -> NoReturn:
    raise Malformed(
        "group-point",
        found=found,
        expected=f"the {POINT_BYTES}-byte canonical encoding of a point of BLS12-381 G1, not the identity",
        remedy="Ask for the message again; it was damaged, or its maker does not follow the format.",
    ) from None


IDENTITY = _wrap(_IDENTITY)
"""The neutral element."""

G = _wrap(G1Point())
"""Carries values: the standard generator of the curve."""

H = hash_to_group(GENERATOR_DERIVATION, "H")
"""Carries blindings."""


class _Bls12381G1:
    """`Group` over this module."""

    name = SUITE
    order = ORDER
    element_bytes = POINT_BYTES
    scalar_bytes = SCALAR_BYTES
    identity = IDENTITY
    base = G
    blinding_base = H
    decode_element = staticmethod(Point.decode)
    decode_scalar = staticmethod(decode_scalar)
    encode_scalar = staticmethod(encode_scalar)
    multi_scalar_mul = staticmethod(multi_scalar_mul)
    hash_to_group = staticmethod(hash_to_group)


BLS12_381_G1: Group[Point] = _Bls12381G1()
"""The group as proofs take it."""
