"""The group: vectors, laws, and one test for each trap of the library underneath."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_arkworks_bls12381 import G1Point, Scalar

from carbonport.crypto.group import (
    BLS12_381_G1,
    GENERATOR_DERIVATION,
    IDENTITY,
    ORDER,
    POINT_BYTES,
    SCALAR_BYTES,
    G,
    H,
    Point,
    decode_scalar,
    encode_scalar,
    hash_to_group,
    multi_scalar_mul,
    random_scalar,
    scalar_from_wide,
    short_combination,
    sum_points,
)
from carbonport.crypto.group_interface import Group, GroupElement
from carbonport.errors import Malformed, Misuse

FIELD_PRIME = int(
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab", 16
)
RFC9380_TAG = b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"

scalars = st.integers(0, ORDER - 1) | st.integers(0, 300)


def compressed(x: int, flags: int = 0x80) -> bytes:
    data = bytearray(x.to_bytes(POINT_BYTES, "big"))
    data[0] |= flags
    return bytes(data)


def on_curve(x: int) -> bool:
    return pow(x**3 + 4, (FIELD_PRIME - 1) // 2, FIELD_PRIME) == 1


def test_hashing_gives_the_vector_of_rfc_9380() -> None:
    """Appendix J.9.1, message "abc": x = 03567bc5...2f6903, the first byte with the compression flag."""
    encoded = Point.hash_to_curve(b"abc", RFC9380_TAG).encode().hex()
    assert encoded.startswith("83567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0")
    assert encoded.endswith("2f6903")


def test_generators_are_what_the_derivation_says() -> None:
    standard = (
        "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
    )
    ours = "a786898c66e6b33af45cce376b7aec830c7f2e25de41dbeff6a5a33d8d7caf202a08057a75fb3293d63669e29d5c6298"
    assert G.encode().hex() == standard
    assert hash_to_group(GENERATOR_DERIVATION, "H") == H
    assert H.encode().hex() == ours
    assert hash_to_group(GENERATOR_DERIVATION, "H", 0) != H


def test_scalars_and_points_are_encoded_as_the_sigma_protocol_vectors_do(shared: Path) -> None:
    """The witness of the vector `discrete_logarithm` is the logarithm of the last point of its instance."""
    records = json.loads((shared / "vectors/sigma/sigma-proofs_Shake128_BLS12381.json").read_text())
    record = next(record for record in records if record["Relation"] == "discrete_logarithm")
    point = Point.decode(bytes.fromhex(record["Instance"])[-POINT_BYTES:])
    assert G * decode_scalar(bytes.fromhex(record["Witness"])) == point


@given(scalars, scalars, scalars)
@settings(max_examples=25)
def test_it_is_a_group_of_that_order(a: int, b: int, c: int) -> None:
    p, q = G * a, H * b
    assert (p + q) + G == p + (q + G)
    assert p + q == q + p
    assert p - p == IDENTITY
    assert -p + p == IDENTITY
    assert p * c == G * (a * c)
    assert c * (p + q) == p * c + q * c
    assert p * (c - ORDER) == p * c
    assert hash(G * a + G * b) == hash(G * ((a + b) % ORDER))


@given(st.lists(st.tuples(scalars, scalars), max_size=6))
@settings(max_examples=25)
def test_multi_scalar_multiplication_is_the_sum_of_the_products(terms: list[tuple[int, int]]) -> None:
    points = [hash_to_group("test", a) for a, _ in terms]
    expected = sum_points([point * b for point, (_, b) in zip(points, terms, strict=True)])
    assert multi_scalar_mul(points, [b for _, b in terms]) == expected


@given(st.lists(st.tuples(scalars, st.integers(-(2**70), 2**70) | st.integers(-4, 4)), max_size=6))
@settings(max_examples=25)
def test_a_short_combination_is_the_sum_of_the_products(terms: list[tuple[int, int]]) -> None:
    points, coefficients = [hash_to_group("test", a) for a, _ in terms], [b for _, b in terms]
    expected = sum_points([point * b for point, b in zip(points, coefficients, strict=True)])
    assert short_combination(points, coefficients) == expected
    with pytest.raises(Misuse, match="group-length-mismatch"):
        short_combination([*points, G], coefficients)


@given(scalars.filter(bool))
@settings(max_examples=25)
def test_points_round_trip_through_one_encoding(a: int) -> None:
    point = H * a
    assert Point.decode(point.encode()) == point
    assert len(point.encode()) == POINT_BYTES


@given(st.integers(0, POINT_BYTES - 1), st.integers(1, 255))
@settings(max_examples=60)
def test_a_changed_byte_never_decodes_to_the_same_point(position: int, change: int) -> None:
    data = bytearray(H.encode())
    data[position] ^= change
    try:
        point = Point.decode(bytes(data))
    except Malformed:
        return
    assert point != H
    assert point.encode() == bytes(data)


@given(st.binary(min_size=POINT_BYTES, max_size=POINT_BYTES))
@settings(max_examples=60)
def test_random_bytes_are_refused_or_canonical(data: bytes) -> None:
    try:
        point = Point.decode(data)
    except Malformed:
        return
    assert point.encode() == data


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * POINT_BYTES,  # the library reads this as the identity
        b"\xc0" + bytes(POINT_BYTES - 1),  # the identity itself
        b"\xe0" + bytes(POINT_BYTES - 1),  # the identity with the sign flag
        b"\xc0" + bytes(POINT_BYTES - 2) + b"\x01",
        bytes(POINT_BYTES),
        b"",
        G.encode()[:-1],
        G.encode() + b"\x00",
        bytes([G.encode()[0] & 0x7F]) + G.encode()[1:],  # the flag of compression missing
        compressed(FIELD_PRIME),
    ],
    ids=[
        "ff",
        "identity",
        "signed-identity",
        "dirty-identity",
        "zeros",
        "empty",
        "short",
        "long",
        "flag",
        "x=p",
    ],
)
def test_malformed_encodings_and_the_identity_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed, match="group-point"):
        Point.decode(data)


def test_a_coordinate_of_p_or_more_is_refused() -> None:
    x = next(x for x in range(1, 100) if on_curve(x))
    with pytest.raises(Malformed, match="group-point"):
        Point.decode(compressed(x + FIELD_PRIME))


def test_points_outside_the_curve_and_the_subgroup_are_refused() -> None:
    off_curve = next(x for x in range(1, 100) if not on_curve(x))
    outside = next(x for x in range(1, 100) if on_curve(x))
    for x in (off_curve, outside, 0):  # x = 0 is a point of order 3
        for sign in (0x80, 0xA0):
            with pytest.raises(Malformed, match="group-point"):
                Point.decode(compressed(x, sign))


def test_a_small_component_is_found_in_every_point_and_never_by_a_combination() -> None:
    """A point of order 3 on top of a good one: any weight that 3 divides would let it through, so each is checked."""
    torsion = G1Point.from_compressed_bytes_unchecked(compressed(0))
    three = Scalar.from_le_bytes(b"\x03" + bytes(SCALAR_BYTES - 1))
    assert torsion * three == G1Point.identity()
    good = [G * i for i in range(2, 5)]
    for at, point in enumerate(good):
        moved = G1Point.from_compressed_bytes_unchecked(point.encode()) + torsion
        assert moved * three == G1Point.from_compressed_bytes_unchecked((point * 3).encode())
        encoded = [one.encode() for one in good]
        encoded[at] = bytes(moved.to_compressed_bytes())
        for place, data in enumerate(encoded):
            if place == at:
                with pytest.raises(Malformed, match="group-point"):
                    Point.decode(data)
            else:
                assert Point.decode(data) == good[place]


def test_every_scalar_reaches_the_library_as_itself() -> None:
    """The library takes the order for 0 and lets nobody know; 2^255 - 1 fits into its bytes and is no scalar."""
    for value in (0, 1, ORDER - 1, ORDER, ORDER + 1, 2**255 - 1, 2**256 + 5, -1, -ORDER):
        expected = sum_points([G] * (value % ORDER)) if value % ORDER < 10 else -(G * (-value % ORDER))
        assert G * value == expected
        assert multi_scalar_mul([G, H, G], [value, 0, 0]) == expected


@pytest.mark.parametrize(("points", "factors"), [([G, H], [1]), ([G], [1, 2]), ([], [1]), ([G] * 5, [1] * 4)])
def test_lists_of_different_length_are_not_cut(points: Sequence[Point], factors: Sequence[int]) -> None:
    with pytest.raises(Misuse, match="group-length-mismatch"):
        multi_scalar_mul(points, factors)


def test_the_order_is_reduced_openly_and_refused_in_encodings() -> None:
    assert (G * ORDER).is_identity
    assert G * (ORDER + 2) == G + G
    for value in (ORDER, ORDER + 1, 2**256 - 1):
        with pytest.raises(Malformed, match="group-scalar"):
            decode_scalar(value.to_bytes(SCALAR_BYTES, "big"))
    for data in (b"", bytes(SCALAR_BYTES - 1), bytes(SCALAR_BYTES + 1)):
        with pytest.raises(Malformed, match="group-scalar"):
            decode_scalar(data)
    for value in (-1, ORDER):
        with pytest.raises(Misuse, match="group-scalar-range"):
            encode_scalar(value)


@given(scalars)
@settings(max_examples=50)
def test_scalars_round_trip(a: int) -> None:
    assert decode_scalar(encode_scalar(a)) == a


def test_random_scalars_are_never_zero_and_use_all_their_bytes() -> None:
    assert random_scalar(bytes) == 1
    assert random_scalar(lambda count: b"\xff" * count) < ORDER
    assert scalar_from_wide(bytes(63) + b"\x07") == 7
    with pytest.raises(Misuse, match="group-wide-scalar"):
        scalar_from_wide(bytes(32))


def test_the_empty_sum_is_the_identity() -> None:
    assert multi_scalar_mul([], []) == sum_points([]) == IDENTITY
    assert IDENTITY.is_identity
    assert not G.is_identity


def test_points_do_not_change_and_are_not_made_by_hand() -> None:
    with pytest.raises(AttributeError):
        G._inner = H._inner
    with pytest.raises(TypeError):
        Point()
    assert G != "G"


ElementT = TypeVar("ElementT", bound=GroupElement)


def double_base(group: Group[ElementT]) -> ElementT:
    """Code as a proof writes it: it knows the interface alone."""
    return group.multi_scalar_mul([group.base, group.identity], [2, 7])


def test_the_interface_that_proofs_use_is_this_group() -> None:
    group = BLS12_381_G1
    assert double_base(group) == G + G
    assert group.decode_element(group.blinding_base.encode()) == H
    assert group.decode_scalar(group.encode_scalar(5)) == 5
    assert group.hash_to_group("test", 1) == hash_to_group("test", 1)
    assert (group.order, group.element_bytes, group.scalar_bytes) == (ORDER, POINT_BYTES, SCALAR_BYTES)
