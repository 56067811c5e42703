"""The tests' second group is a group, decodes strictly, and its library's traps are known."""

import pytest
import rbcl
from hypothesis import given, settings
from hypothesis import strategies as st
from ristretto_twin import ORDER, RISTRETTO255

from carbonport.crypto.group_interface import Group
from carbonport.errors import Malformed, Misuse

B = RISTRETTO255.base
INVALID = b"\xff" * 32

scalars = st.integers(0, ORDER - 1)


@given(scalars, scalars)
@settings(max_examples=20)
def test_it_is_a_group_of_that_order(a: int, b: int) -> None:
    assert B * a + B * b == B * (a + b)
    assert B * a - B * b == B * (a - b)
    assert RISTRETTO255.identity == B * ORDER
    assert RISTRETTO255.multi_scalar_mul([B, RISTRETTO255.blinding_base], [a, 0]) == B * a


def test_multiples_of_the_base_are_those_of_rfc_9496() -> None:
    """Appendix A.1, B[2] and B[15]."""
    assert (B * 2).encode().hex() == "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919"
    assert (B * 15).encode().hex() == "e0c418f7c8d9c4cdd7395b93ea124f3ad99021bb681dfc3302a9d99a2e53e64e"


@pytest.mark.parametrize(
    "data", [INVALID, bytes(32), b"", bytes(31), b"\x01" + bytes(31), B.encode() + b"\0"]
)
def test_only_canonical_elements_but_the_identity_are_decoded(data: bytes) -> None:
    with pytest.raises(Malformed):
        RISTRETTO255.decode_element(data)
    assert RISTRETTO255.decode_element(B.encode()) == B


def test_the_library_adds_invalid_points_to_zero_bytes() -> None:
    """Why nothing may reach its addition that was not checked first."""
    assert rbcl.crypto_core_ristretto255_add(B.encode(), INVALID) == bytes(32)


def test_lists_and_scalars_are_checked() -> None:
    with pytest.raises(Misuse):
        RISTRETTO255.multi_scalar_mul([B], [1, 2])
    with pytest.raises(Malformed):
        RISTRETTO255.decode_scalar(ORDER.to_bytes(32, "little"))
    assert RISTRETTO255.decode_scalar(RISTRETTO255.encode_scalar(9)) == 9


def test_it_satisfies_the_interface_that_proofs_use() -> None:
    group: Group = RISTRETTO255  # type: ignore[type-arg]
    assert group.base * 2 == group.multi_scalar_mul([group.base], [2])
