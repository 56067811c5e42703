"""Documents and byte strings as one letter: canonical JSON, then what it names by length, in order."""

from collections.abc import Mapping, Sequence

from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.errors import Malformed
from carbonport.federated.relay import MAX_LETTER_BYTES

LENGTH_BYTES = 4
"""Big-endian length of the JSON, first of all."""

MAX_HEAD_BYTES = 4 * 2**20
"""Longest JSON of a letter: a signed document of each of 256 participants."""

MAX_PARTS = 1024
"""Most byte strings of a letter."""


def pack(head: Mapping[str, Json], parts: Sequence[bytes] = ()) -> bytes:
    """The letter of these fields and byte strings."""
    data = canonical_bytes({**head, "parts": [len(part) for part in parts]})
    return b"".join([len(data).to_bytes(LENGTH_BYTES, "big"), data, *parts])


def unpack(letter: bytes) -> tuple[StrictFields, tuple[bytes, ...]]:
    """What `pack` put together; raises `Malformed` (`training-parcel`) for anything else. The caller reads every
    field."""
    length = int.from_bytes(letter[:LENGTH_BYTES], "big")
    start = LENGTH_BYTES + length
    if not LENGTH_BYTES <= len(letter) <= MAX_LETTER_BYTES or length > MAX_HEAD_BYTES or start > len(letter):
        raise _malformed(f"{len(letter)} bytes of which {length} are to be JSON")
    head = parse_canonical(letter[LENGTH_BYTES:start], max_bytes=MAX_HEAD_BYTES, where="letter")
    fields = StrictFields(head, "letter")
    parts = []
    for item in fields.items("parts", max_items=MAX_PARTS):
        if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item <= len(letter) - start:
            raise _malformed("a part that ends beyond the letter")
        parts.append(letter[start : start + item])
        start += item
    if start != len(letter):
        raise _malformed("bytes that belong to no part")
    return fields, tuple(parts)


def read_tokens(fields: StrictFields, name: str, *, max_chars: int) -> dict[str, str]:
    """Documents by participant."""
    value = fields.value(name)
    good = (
        isinstance(value, dict)
        and len(value) <= MAX_PARTS
        and all(isinstance(token, str) and len(token) <= max_chars for token in value.values())
    )
    if not good:
        raise _malformed(f"no documents under {name}")
    assert isinstance(value, dict), "checked above"
    return {who: str(token) for who, token in value.items()}


def _malformed(found: str) -> Malformed:
    return Malformed(
        "training-parcel",
        found=found,
        expected="canonical JSON and the byte strings whose lengths it names",
        remedy="Ask its sender for the letter again.",
    )
