"""Status lists: the draft's example, and each way in which a token must not count."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.canonical import Json, b64url_encode, canonical_bytes
from carbonport.crypto.jws import SigningKey, sign_jws
from carbonport.crypto.statuslist import MAX_ENTRIES, StatusBits, status_token, verify_status
from carbonport.errors import FailedVerification, Malformed, Misuse

KEY = SigningKey.generate(lambda count: bytes(range(count)))
ISSUER, URI = "CN/5299000CARBONPORT01", "https://node.example/status/1"
IAT, EXP, TTL = 1_000, 9_000, 3_600
PAYLOAD: dict[str, Json] = {
    "iss": ISSUER,
    "sub": URI,
    "iat": IAT,
    "exp": EXP,
    "ttl": TTL,
    "status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ"},
}


def _token(bits: StatusBits) -> str:
    return status_token(KEY, issuer=ISSUER, uri=URI, bits=bits, iat=IAT, exp=EXP, ttl=TTL)


def _check(token: str, index: int = 0, now: int = 2_000, **other: object) -> int:
    arguments: dict[str, object] = {"issuer": ISSUER, "uri": URI, **other}
    return verify_status(token, KEY.public_jwk, index=index, now=now, **arguments)  # type: ignore[arg-type]


def _signed(**changes: Json) -> str:
    kept = {name: value for name, value in {**PAYLOAD, **changes}.items() if value is not None}
    return sign_jws(KEY, {"typ": "statuslist+jwt"}, canonical_bytes(kept))


def test_the_drafts_example() -> None:
    # draft-ietf-oauth-status-list-21, section 4.1: bytes B9 A3.
    expected = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    bits = StatusBits.from_compressed("eNrbuRgAAhcBXQ")
    assert [int(bits.is_revoked(index)) for index in range(bits.entries)] == expected
    assert (
        StatusBits(16, [index for index, bit in enumerate(expected) if bit]).compressed() == "eNrbuRgAAhcBXQ"
    )
    token = _signed()
    for index, bit in enumerate(expected):
        if bit:
            with pytest.raises(FailedVerification, match="status-revoked"):
                _check(token, index)
        else:
            assert _check(token, index) == IAT


def test_a_sparse_list_is_small() -> None:
    bits = StatusBits(131_072, range(0, 131_072, 1_000))
    assert len(_token(bits)) < 2_000
    assert len(_token(StatusBits(131_072))) < 600


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 255)), st.integers(0, 255))
def test_an_entry_is_refused_exactly_when_it_was_withdrawn(revoked: set[int], index: int) -> None:
    token = _token(StatusBits(256, revoked))
    if index in revoked:
        with pytest.raises(FailedVerification, match="status-revoked"):
            _check(token, index)
    else:
        _check(token, index)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"uri": URI + "0"}, "status-foreign"),
        ({"issuer": "DE/OTHER"}, "status-foreign"),
        ({"now": EXP}, "status-stale"),
        ({"now": IAT + TTL + 1}, "status-stale"),
        ({"now": IAT - 301}, "status-stale"),
        ({"now": 1_101, "max_age_seconds": 100}, "status-stale"),
        ({"index": 16}, "status-index-unknown"),
        ({"index": -1}, "status-index-unknown"),
    ],
)
def test_what_a_token_cannot_vouch_for(arguments: dict[str, object], error: str) -> None:
    bits = StatusBits(16)
    with pytest.raises(FailedVerification, match=error):
        _check(_token(bits), **arguments)  # type: ignore[arg-type]


def test_the_reader_may_allow_more_staleness_than_ttl_but_never_more_than_exp() -> None:
    token = _token(StatusBits(8))
    assert _check(token, now=IAT + TTL) == IAT
    assert _check(token, now=EXP - 1, max_age_seconds=10_000) == IAT
    with pytest.raises(FailedVerification, match="status-stale"):
        _check(token, now=EXP, max_age_seconds=10_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"sub": None},
        {"exp": None},
        {"iat": None},
        {"ttl": None},
        {"exp": "soon"},
        {"iat": True},
        {"status_list": None},
        {"status_list": []},
        {"status_list": {"bits": 2, "lst": "eNrbuRgAAhcBXQ"}},
        {"status_list": {"bits": True, "lst": "eNrbuRgAAhcBXQ"}},
        {"status_list": {"bits": 1}},
        {"status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ="}},
        {"status_list": {"bits": 1, "lst": "AAAA"}},
        {"status_list": {"bits": 1, "lst": "eNrbuRgAAhcB"}},
        {"status_list": {"bits": 1, "lst": b64url_encode(zlib.compress(b""))}},
        {"status_list": {"bits": 1, "lst": b64url_encode(zlib.compress(b"x") + b"more")}},
    ],
)
def test_tokens_that_are_not_of_the_form(changes: dict[str, Json]) -> None:
    with pytest.raises((Malformed, FailedVerification)):
        _check(_signed(**changes), 1)


def test_a_bomb_is_refused_before_it_inflates() -> None:
    bomb = b64url_encode(zlib.compress(bytes(MAX_ENTRIES // 8 + 1), 9))
    with pytest.raises(Malformed, match="status-format"):
        _check(_signed(status_list={"bits": 1, "lst": bomb}))


def test_another_key_or_type_is_refused() -> None:
    token = _token(StatusBits(8))
    with pytest.raises(FailedVerification, match="jws-key"):
        verify_status(token, SigningKey.generate().public_jwk, issuer=ISSUER, uri=URI, index=0, now=2_000)
    other_type = sign_jws(KEY, {"typ": "jwt"}, canonical_bytes(PAYLOAD))
    with pytest.raises(FailedVerification, match="jws-type"):
        _check(other_type)


def test_lists_and_tokens_that_cannot_be_meant() -> None:
    for entries in (0, 7, MAX_ENTRIES + 8):
        with pytest.raises(Misuse, match="status-entries"):
            StatusBits(entries)
    with pytest.raises(Misuse, match="status-index"):
        StatusBits(8).revoke(8)
    with pytest.raises(Misuse, match="status-token-claims"):
        status_token(KEY, issuer=ISSUER, uri=URI, bits=StatusBits(8), iat=5, exp=5, ttl=1)
