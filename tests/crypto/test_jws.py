"""JWS in one form: joserfc reads ours, we read joserfc's, and every second form or trick is refused."""

from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, canonical_bytes
from carbonport.crypto.jws import (
    P256_ORDER,
    SigningKey,
    peek_header,
    sign_jws,
    thumbprint,
    verify_jws,
)
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse

TYP = "carbonport-test+jwt"
MAX = 10_000
KEY = SigningKey.generate(lambda count: bytes(range(count)))
PAYLOAD = canonical_bytes({"iss": "CN/1", "n": 1})
TOKEN = sign_jws(KEY, {"typ": TYP}, PAYLOAD)


def _check(token: str, jwk: Mapping[str, Json] = KEY.public_jwk, typ: str = TYP) -> bytes:
    return verify_jws(token, jwk, typ=typ, max_bytes=MAX).payload


def _signed(header: bytes, payload: bytes = PAYLOAD, key: SigningKey = KEY) -> str:
    """A token with any header at all, and a signature that holds."""
    signing_input = f"{b64url_encode(header)}.{b64url_encode(payload)}"
    return f"{signing_input}.{b64url_encode(key.sign(signing_input.encode()))}"


def test_ours_is_read_by_us_and_by_joserfc() -> None:
    verified = verify_jws(TOKEN, KEY.public_jwk, typ=TYP, max_bytes=MAX)
    assert verified.payload == PAYLOAD
    assert verified.claims() == {"iss": "CN/1", "n": 1}
    assert verified.header == {"alg": "ES256", "kid": KEY.kid, "typ": TYP} == peek_header(TOKEN)
    theirs = ECKey.import_key({name: str(value) for name, value in KEY.public_jwk.items()})
    assert theirs.thumbprint() == KEY.kid == thumbprint(KEY.public_jwk)
    assert joserfc_jws.deserialize_compact(TOKEN, theirs, algorithms=["ES256"]).payload == PAYLOAD
    assert sign_jws(KEY, {"typ": TYP}, PAYLOAD) == TOKEN  # deterministic


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_ed25519_is_read() -> None:
    # RFC 8037, appendices A.2 (key) and A.3 (thumbprint).
    x = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64url_encode(x)}
    assert thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    private = OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    token = joserfc_jws.serialize_compact(
        {"alg": "EdDSA", "typ": TYP}, PAYLOAD, private, algorithms=["EdDSA"]
    )
    public = {"kty": "OKP", "crv": "Ed25519", "x": str(private.as_dict(private=False)["x"])}
    assert _check(token, public) == PAYLOAD
    with pytest.raises(FailedVerification, match="jws-signature"):
        _check(token, jwk)
    with pytest.raises(FailedVerification, match="jws-algorithm"):
        _check(token)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 2**32))
def test_every_signature_we_make_has_low_s_and_its_twin_is_refused(payload: bytes, seed: int) -> None:
    key = SigningKey.generate(lambda count: seed.to_bytes(count, "big"))
    token = sign_jws(key, {"typ": TYP}, payload or b"x")
    head, body, tail = token.split(".")
    raw = b64url_decode(tail)
    s = int.from_bytes(raw[32:], "big")
    assert s <= P256_ORDER // 2
    twin = b64url_encode(raw[:32] + (P256_ORDER - s).to_bytes(32, "big"))
    with pytest.raises(FailedVerification, match="jws-high-s"):
        _check(f"{head}.{body}.{twin}", key.public_jwk)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_changed_character_is_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(TOKEN) - 1))
    other = data.draw(st.sampled_from([c for c in "AZaz09-_.=+ \né" if c != TOKEN[at]]))
    with pytest.raises((Malformed, FailedVerification)):
        _check(TOKEN[:at] + other + TOKEN[at + 1 :])


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (b'{"alg":"none","typ":"carbonport-test+jwt"}', "jws-algorithm"),
        (b'{"alg":"None","typ":"carbonport-test+jwt"}', "jws-algorithm"),
        (b'{"alg":"HS256","typ":"carbonport-test+jwt"}', "jws-algorithm"),
        (b'{"alg":"EdDSA","typ":"carbonport-test+jwt"}', "jws-algorithm"),
        (b'{"typ":"carbonport-test+jwt"}', "jws-algorithm"),
        (b'{"alg":"ES256"}', "jws-type"),
        (b'{"alg":"ES256","typ":"dc+sd-jwt"}', "jws-type"),
        (b'{"alg":"ES256","b64":false,"crit":["b64"],"typ":"carbonport-test+jwt"}', "jws-header"),
        (b'{"alg":"ES256","b64":true,"typ":"carbonport-test+jwt"}', "jws-header"),
        (b'{"alg":"ES256","crit":[],"typ":"carbonport-test+jwt"}', "jws-header"),
        (b'{"alg":"ES256","jwk":{},"typ":"carbonport-test+jwt"}', "jws-header"),
        (b'{"alg":"ES256","kid":"another","typ":"carbonport-test+jwt"}', "jws-key"),
        (b'{"alg":"ES256","alg":"none","typ":"carbonport-test+jwt"}', "json-"),
        (b'{"alg":"ES256","typ":"x","typ":"carbonport-test+jwt"}', "json-"),
        (b'["ES256"]', "jws-json"),
        (b"{", "json-"),
        (b'{"alg":"ES256","pad":"' + b"x" * 3_000 + b'","typ":"carbonport-test+jwt"}', "jws-header-size"),
    ],
)
def test_headers_that_are_refused_even_under_a_good_signature(header: bytes, error: str) -> None:
    with pytest.raises((Malformed, FailedVerification), match=error):
        _check(_signed(header))


def test_alg_none_without_a_signature_is_refused() -> None:
    header = b64url_encode(b'{"alg":"none","typ":"carbonport-test+jwt"}')
    for tail in ("", "AA"):
        with pytest.raises(CarbonportError):
            _check(f"{header}.{b64url_encode(PAYLOAD)}.{tail}")


def test_spare_bits_and_padding_are_refused_in_every_segment() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    payload = b"x" * 16  # 16 bytes leave four spare bits
    segments = sign_jws(KEY, {"typ": TYP}, payload).split(".")
    for at, segment in enumerate(segments):
        for other in (
            segment + "=",
            segment + "\n",
            segment[:-1] + alphabet[alphabet.index(segment[-1]) | 1],
        ):
            if other != segment:
                changed = [*segments[:at], other, *segments[at + 1 :]]
                with pytest.raises((Malformed, FailedVerification)):
                    _check(".".join(changed))
    # The signature's last character has four spare bits: here nothing but the comparison can notice.
    last = alphabet.index(segments[2][-1])
    with pytest.raises(Malformed):
        _check(".".join([*segments[:2], segments[2][:-1] + alphabet[last | 1]]))


@pytest.mark.parametrize("payload", [b'{"a":1,"a":2}', b"[1]", b"\xff", b'{"a":1.5}', b'{"a":NaN}', b""])
def test_payloads_that_are_no_claims(payload: bytes) -> None:
    if not payload:
        with pytest.raises(Malformed, match="jws-format"):
            _check(_signed(b'{"alg":"ES256","typ":"carbonport-test+jwt"}', payload))
        return
    verified = verify_jws(sign_jws(KEY, {"typ": TYP}, payload), KEY.public_jwk, typ=TYP, max_bytes=MAX)
    assert verified.payload == payload
    with pytest.raises(Malformed):
        verified.claims()


def test_form_and_size_come_first() -> None:
    for token in ("", "a.b", "a..c", "a.b.c.d", f"{TOKEN}.AA"):
        with pytest.raises(Malformed, match="jws-format"):
            _check(token)
    with pytest.raises(Malformed, match="jws-size"):
        verify_jws(TOKEN, KEY.public_jwk, typ=TYP, max_bytes=len(TOKEN) - 1)
    verify_jws(TOKEN, KEY.public_jwk, typ=TYP, max_bytes=len(TOKEN))


def test_another_key_does_not_verify() -> None:
    other = SigningKey.generate()
    with pytest.raises(FailedVerification, match="jws-key"):
        _check(TOKEN, other.public_jwk)
    unnamed = _signed(b'{"alg":"ES256","typ":"carbonport-test+jwt"}')
    with pytest.raises(FailedVerification, match="jws-signature"):
        _check(unnamed, other.public_jwk)
    assert _check(unnamed) == PAYLOAD


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "RSA"},
        {"crv": "P-384"},
        {"alg": "EdDSA"},
        {"use": "enc"},
        {"d": "AAAA"},
        {"x": "AAAA"},
        {"y": "A" * 43},
        {"y": 5},
        {"extra": "x"},
    ],
)
def test_keys_that_are_refused(change: dict[str, Json]) -> None:
    with pytest.raises(Malformed):
        _check(TOKEN, {**KEY.public_jwk, **change})


def test_a_key_survives_its_file_and_never_shows_itself() -> None:
    for passphrase in (None, b"correct horse"):
        assert SigningKey.from_pem(KEY.to_pem(passphrase), passphrase).kid == KEY.kid
    with pytest.raises(Misuse, match="jws-key-unreadable"):
        SigningKey.from_pem(KEY.to_pem(b"one"), b"another")
    other_curve = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for pem in (other_curve, RSAKey.generate_key(2048).as_pem(private=True), b"none"):
        with pytest.raises(Misuse, match="jws-key-unreadable"):
            SigningKey.from_pem(pem)
    assert "rivate" not in repr(KEY)


def test_the_signer_leaves_alg_and_kid_to_the_key() -> None:
    for header in ({}, {"typ": TYP, "alg": "none"}, {"typ": TYP, "kid": "x"}, {"typ": TYP, "crit": ["x"]}):
        with pytest.raises(Misuse, match="jws-header-choice"):
            sign_jws(KEY, header, PAYLOAD)
