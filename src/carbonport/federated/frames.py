"""A header of canonical JSON with named bodies of bytes behind it: how letters lie in sockets and inside one another.

    length of the header (4 bytes, big-endian) | header | body | body | ...

The header has what the frame is about under `about`, and the names and sizes of the bodies in order under `bodies`.
Everything is bounded before it is read.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.errors import Malformed
from carbonport.federated.relay import MAX_LETTER_BYTES, MAX_PARTICIPANTS

LENGTH: Final = struct.Struct(">I")
"""The length in front of the header."""

MAX_HEADER_BYTES: Final = 1 << 20
"""A question's parameters (65,536 values have names in no task of ours), or 256 names with their sizes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What one frame says."""

    about: Mapping[str, Json]
    bodies: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def encode(self) -> bytes:
        """The frame's bytes."""
        header = canonical_bytes(
            {"about": self.about, "bodies": [[name, len(body)] for name, body in self.bodies.items()]}
        )
        return b"".join((LENGTH.pack(len(header)), header, *self.bodies.values()))


@dataclass(frozen=True, slots=True)
class Header:
    """A frame whose bodies have not been read yet."""

    about: Mapping[str, Json]
    sizes: tuple[tuple[str, int], ...]

    @property
    def following(self) -> int:
        """Bytes of the bodies."""
        return sum(size for _, size in self.sizes)

    def with_bodies(self, data: bytes) -> Frame:
        """The frame, with the bodies that follow the header."""
        bodies, place = {}, 0
        for name, size in self.sizes:
            bodies[name] = data[place : place + size]
            place += size
        return Frame(self.about, bodies)


def header_length(prefix: bytes) -> int:
    """The length of the header that a prefix announces; Malformed (`letter-frame`) when it is none of ours."""
    if len(prefix) != LENGTH.size:
        raise _malformed("a frame that ends too early")
    (length,) = LENGTH.unpack(prefix)
    if not 2 <= length <= MAX_HEADER_BYTES:
        raise _malformed(f"a header of {length} bytes")
    return int(length)


def read_header(data: bytes, *, max_bodies: int = MAX_PARTICIPANTS) -> Header:
    """The header; Malformed for anything else. No body is larger than a letter."""
    header = parse_canonical(data, max_bytes=MAX_HEADER_BYTES, where="letter frame")
    if not isinstance(header, dict) or header.keys() != {"about", "bodies"}:
        raise _malformed("a header with other fields")
    about, bodies = header["about"], header["bodies"]
    if not isinstance(about, dict) or not isinstance(bodies, list) or len(bodies) > max_bodies:
        raise _malformed("a header of another shape")
    sizes: dict[str, int] = {}
    for body in bodies:
        match body:
            case [str(name), int(size)] if 0 <= size <= MAX_LETTER_BYTES and name not in sizes:
                sizes[name] = size
            case _:
                raise _malformed("a body of another shape or size")
    return Header(about, tuple(sizes.items()))


def decode_frame(data: bytes) -> Frame:
    """The frame in `data`, which it fills; Malformed (`letter-frame`) otherwise."""
    start = LENGTH.size + header_length(data[: LENGTH.size])
    header = read_header(data[LENGTH.size : start])
    if len(data) != start + header.following:
        raise _malformed(f"{len(data)} bytes for a frame of {start + header.following}")
    return header.with_bodies(data[start:])


def _malformed(found: str) -> Malformed:
    return Malformed(
        "letter-frame",
        found=found,
        expected="a header of canonical JSON and the bodies it announces",
        remedy="Run the same version of Carbonport at both ends.",
    )
