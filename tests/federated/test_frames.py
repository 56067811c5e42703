"""Frames: what is written is read back, and everything else is refused before it is used."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.canonical import canonical_bytes
from carbonport.errors import Malformed
from carbonport.federated.frames import MAX_HEADER_BYTES, Frame, decode_frame
from carbonport.federated.relay import MAX_LETTER_BYTES

NAMES = st.text('ab é汉"', max_size=4)


@given(
    st.dictionaries(NAMES, st.integers(0, 9), max_size=3),
    st.dictionaries(NAMES, st.binary(max_size=9), max_size=4),
)
@settings(max_examples=30)
def test_a_frame_comes_back_and_one_cut_or_lengthened_does_not(
    about: dict[str, int], bodies: dict[str, bytes]
) -> None:
    data = Frame(about, bodies).encode()
    assert decode_frame(data) == Frame(about, bodies)
    for damaged in (data[:-1], data + b"\0", data[:3]):
        with pytest.raises(Malformed):
            decode_frame(damaged)


def framed(header: object) -> bytes:
    data = canonical_bytes(header)  # type: ignore[arg-type]
    return struct.pack(">I", len(data)) + data


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", MAX_HEADER_BYTES + 1) + b"{}",
        framed([]),
        framed({"about": {}, "bodies": [], "more": 1}),
        framed({"about": [], "bodies": []}),
        framed({"about": {}, "bodies": [["a", -1]]}),
        framed({"about": {}, "bodies": [["a", MAX_LETTER_BYTES + 1]]}),
        framed({"about": {}, "bodies": [["a", 0], ["a", 0]]}),
        framed({"about": {}, "bodies": [["a", True]]}),
        framed({"about": {}, "bodies": [["a"]]}),
        framed({"about": {}, "bodies": [[str(name), 0] for name in range(257)]}),
    ],
)
def test_a_header_of_another_shape_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_frame(data)
