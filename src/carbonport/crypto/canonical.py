"""Canonical JSON (RFC 8785) and strict base64: one value, one sequence of bytes.

What is signed, hashed or compared goes through here. The dialect is narrower than RFC 8785: no floating-point
numbers at all, and integers below 2^53 only; other numbers travel as strings. Reading is strict: the size is
checked first, then UTF-8, then syntax; duplicate keys, lone surrogates and deep nesting are rejected, and
`parse_canonical` demands that the text is byte for byte what `canonical_bytes` would write. Nothing here
knows a schema: unknown fields are the reader's task.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Never, TypeAlias

from carbonport.errors import Malformed, Misuse

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | bool | None"
"""What canonical JSON can hold; when read, objects are `dict` and arrays are `list`."""

MAX_INTEGER = 2**53 - 1
"""Largest magnitude of an integer in JSON (RFC 7493 section 2.2): beyond it, readers round."""

MAX_INTEGER_CHARACTERS = len(str(-MAX_INTEGER))
"""Longer integers are rejected before they are converted."""

MAX_DEPTH = 32
"""Levels of arrays and objects inside one another that a reader accepts unless told otherwise."""


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def canonical_bytes(value: Json) -> bytes:
    """The RFC 8785 encoding of `value` in UTF-8.

    Raises `Misuse` for a float, an integer of 2^53 or more, a key that is not a string, a lone surrogate, any
    other type, and nesting beyond `MAX_DEPTH`. Tuples are written as arrays.
    """
    try:
        return _encode(_ordered(value, MAX_DEPTH))
    except _NotJsonError as error:
        raise Misuse(
            "json-unencodable",
            found=error.found,
            expected="objects with string keys, arrays, strings, integers below 2^53, true, false, null",
            remedy="Give decimals as strings; this is a defect of the program that wrote the value.",
        ) from None


def parse_canonical(data: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH, where: str = "") -> Json:
    """Read JSON that must be byte for byte canonical; raises `Malformed` and uses nothing of it otherwise."""
    value, ordered = _parse(data, max_bytes, max_depth, where)
    if _encode(ordered) != data:
        raise Malformed(
            "json-not-canonical",
            found="JSON in another form than RFC 8785 gives it",
            expected="sorted keys, no spaces, shortest escapes: the bytes that were signed",
            remedy="Ask for the file again; an editor or a gateway may have rewritten it.",
            where=where,
        )
    return value


def parse_json(data: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH, where: str = "") -> Json:
    """Read JSON whose layout is free (the inside of a JWS); all the other rules of this module hold."""
    return _parse(data, max_bytes, max_depth, where)[0]


def quoted(text: str) -> str:
    """`text` as a string of canonical JSON, for forms that are written out by hand because every entry has them."""
    return encode_basestring(text)


def b64url_encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """Bytes of unpadded base64url; padding, foreign characters and set spare bits raise `Malformed`."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise _bad_base64("base64url without padding") from None
    if b64url_encode(data) != text:
        raise _bad_base64("base64url without padding")
    return data


def b64_encode(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def b64_decode(text: str) -> bytes:
    """Bytes of padded standard base64; anything but the one encoding of those bytes raises `Malformed`."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise _bad_base64("standard base64 with padding") from None
    if b64_encode(data) != text:
        raise _bad_base64("standard base64 with padding")
    return data


class _NotJsonError(Exception):
    """A value outside the dialect; carried to the public function, which knows whose fault it is."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


def _ordered(value: object, depth: int) -> Json:
    """A copy of `value` whose objects are in RFC 8785 order, checked on the way."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        _check_text(value)
        return value
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise _NotJsonError("an integer of 2^53 or more")
        return value
    if depth == 0:
        raise _NotJsonError("arrays or objects nested too deep")
    if isinstance(value, Mapping):
        return {key: _ordered(value[key], depth - 1) for key in _sorted_keys(value)}
    if isinstance(value, (list, tuple)):
        return [_ordered(item, depth - 1) for item in value]
    raise _NotJsonError(f"a value of the type {type(value).__name__}")


def _sorted_keys(value: Mapping[object, object]) -> list[str]:
    keys: list[str] = []
    for key in value:
        if not isinstance(key, str):
            raise _NotJsonError(f"a key of the type {type(key).__name__}")
        _check_text(key)
        keys.append(key)
    # RFC 8785 section 3.2.3 orders by UTF-16 code units, which for ASCII is Python's own order.
    if all(map(str.isascii, keys)):
        return sorted(keys)
    return sorted(keys, key=lambda key: key.encode("utf-16-be"))


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise _NotJsonError("text with a lone surrogate") from None


def _encode(ordered: Json) -> bytes:
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def _parse(data: bytes, max_bytes: int, max_depth: int, where: str) -> tuple[Json, Json]:
    """The value read, and its copy in canonical order."""
    if len(data) > max_bytes:
        raise Malformed(
            "json-too-large",
            found=f"{len(data)} bytes",
            expected=f"at most {max_bytes} bytes",
            remedy="Check that this is the right file; nothing of it was read.",
            where=where,
        )
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
        return value, _ordered(value, max_depth)
    except _NotJsonError as error:
        found = error.found
    except json.JSONDecodeError as error:
        found = f"a syntax error in line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError as error:
        found = f"bytes that are not UTF-8 at position {error.start}"
    except RecursionError:
        found = "arrays or objects nested too deep"
    raise Malformed(
        "json-unreadable",
        found=found,
        expected=f"UTF-8 JSON, unique keys, integers below 2^53, no fractions, {max_depth} levels or fewer",
        remedy="Ask for the file again; it was damaged, or its maker does not follow the format.",
        where=where,
    )


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotJsonError("an object with the same key twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_CHARACTERS:
        raise _NotJsonError("an integer of 2^53 or more")
    return int(digits)


def _no_float(_text: str) -> Never:
    raise _NotJsonError("a number with a fraction or exponent, or none (NaN, Infinity)")


def _bad_base64(expected: str) -> Malformed:
    return Malformed(
        "base64-malformed",
        found="text that is not the one base64 form of any bytes",
        expected=expected,
        remedy="Ask for the file again; spaces, line breaks, padding or changed characters are not allowed.",
    )
