"""Canonical JSON: RFC 8785 cases, an independent encoder, and everything that reading refuses."""

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.canonical import (
    MAX_DEPTH,
    MAX_INTEGER,
    Json,
    b64_decode,
    b64_encode,
    b64url_decode,
    b64url_encode,
    canonical_bytes,
    parse_canonical,
    parse_json,
)
from carbonport.errors import Malformed, Misuse

LIMIT = 100_000

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
@settings(max_examples=150)
def test_agrees_with_an_independent_encoder_and_reads_back(value: Json) -> None:
    data = canonical_bytes(value)
    assert data == rfc8785.dumps(value)
    assert parse_canonical(data, max_bytes=LIMIT) == value
    assert parse_json(data, max_bytes=LIMIT) == value


def test_sorts_keys_by_utf16_code_units() -> None:
    """RFC 8785 section 3.2.3, its own example: the astral smiley sorts before the Hebrew letter."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    in_order = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    value = parse_canonical(canonical_bytes(dict.fromkeys(keys, 0)), max_bytes=LIMIT)
    assert isinstance(value, dict)
    assert list(value) == in_order


def test_escapes_as_little_as_rfc_8785_asks() -> None:
    """Section 3.2.2.2: the two-letter escapes, lower-case \\u00xx for other controls, and nothing else."""
    text = '\u20ac$\u000f\u000aA\'B"\\\\"/\u2028\u007f\b\f\r\t'
    expected = '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u2028\u007f\\b\\f\\r\\t"'
    assert canonical_bytes(text) == expected.encode()


def test_writes_tuples_as_arrays_and_mappings_of_any_kind() -> None:
    assert canonical_bytes({"b": (1, "x"), "a": {}}) == b'{"a":{},"b":[1,"x"]}'


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        {1: "a"},
        "\ud800",
        {"\udfff": 1},
        b"bytes",
        {"a": {1, 2}},
    ],
)
def test_refuses_to_write_what_the_dialect_does_not_hold(value: Json) -> None:
    with pytest.raises(Misuse, match="json-unencodable"):
        canonical_bytes(value)


@pytest.mark.parametrize(
    "data",
    [
        b' {"a":1}',
        b'{"a":1}\n',
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u000A"',
        b"-0",
    ],
)
def test_refuses_other_spellings_where_bytes_are_signed(data: bytes) -> None:
    parse_json(data, max_bytes=LIMIT)
    with pytest.raises(Malformed, match="json-not-canonical"):
        parse_canonical(data, max_bytes=LIMIT)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"\\u0062":2}}',
        b"1.0",
        b"1e3",
        b"NaN",
        b"-Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b"1" * 5000,
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b'"\xed\xa0\x80"',
        b'"a\nb"',
        b"{}{}",
        b"",
        b"[" * 5000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"{'a':1}",
        b"[1,]",
    ],
)
def test_refuses_what_two_readers_could_read_in_two_ways(data: bytes) -> None:
    for parse in (parse_json, parse_canonical):
        with pytest.raises(Malformed, match="json-unreadable"):
            parse(data, max_bytes=LIMIT)


def test_nesting_up_to_the_limit_is_read() -> None:
    data = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    parse_canonical(data, max_bytes=LIMIT)
    with pytest.raises(Malformed, match="json-unreadable"):
        parse_canonical(data, max_bytes=LIMIT, max_depth=MAX_DEPTH - 1)


def test_size_comes_before_everything_else() -> None:
    with pytest.raises(Malformed, match="json-too-large"):
        parse_json(b"not json at all", max_bytes=14)


def test_errors_do_not_repeat_what_was_read() -> None:
    with pytest.raises(Malformed) as caught:
        parse_json(b'{"secret-name":"secret-value", oops', max_bytes=LIMIT, where="bundle.json")
    assert "secret" not in str(caught.value)
    assert caught.value.where == "bundle.json"


@given(st.binary(max_size=80))
@settings(max_examples=100)
def test_base64_round_trip(data: bytes) -> None:
    assert b64url_decode(b64url_encode(data)) == data
    assert b64_decode(b64_encode(data)) == data


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "QQ\n", " QQ", "Q+", "QUJD=", "é", "QQ.", "=", "QQ=Q"])
def test_base64url_has_one_spelling(text: str) -> None:
    with pytest.raises(Malformed, match="base64-malformed"):
        b64url_decode(text)


@pytest.mark.parametrize("text", ["QQ", "QR==", "QQ=", "QQ==\n", "Q Q==", "Q-==", "QQ===", "é", "QQ==QQ=="])
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(Malformed, match="base64-malformed"):
        b64_decode(text)
