"""SD-JWT: RFC 9901's own digests, selective showing, and everything that section 7.1 tells a verifier to
reject."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, canonical_bytes, parse_json
from carbonport.crypto.jws import P256_ORDER, SigningKey, sign_jws
from carbonport.crypto.sdjwt import ExpectedBinding, confirmation, issue, present, verify
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse

KEY = SigningKey.generate(lambda count: bytes(range(count)))
HOLDER = SigningKey.generate(lambda count: bytes(range(1, count + 1)))
VCT = "urn:example:vct:1"
CLAIMS: dict[str, Json] = {"vct": VCT, "iss": "CN/1", "iat": 100}
HIDDEN: dict[str, Json] = {"see_direct": "1.87321", "cn": "72083900", "period": {"start": "2026-01-01"}}
MAX = 20_000

# RFC 9901, section 5.1: a disclosure of the specification and the digest it has there.
RFC_DISCLOSURE = "WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgImdpdmVuX25hbWUiLCAiSm9obiJd"
RFC_DIGEST = "jsu9yVulwQQlhFlM_3JlzMaSFzglhQG0DpfayQwLUK4"


def _issued(claims: dict[str, Json] = CLAIMS, hidden: dict[str, Json] = HIDDEN) -> str:
    numbers = iter(range(1_000))
    return issue(KEY, claims, hidden, random_bytes=lambda count: next(numbers).to_bytes(count, "big"))


def _check(sd_jwt: str, **other: object) -> dict[str, Json]:
    return verify(sd_jwt, KEY.public_jwk, vct=VCT, max_bytes=MAX, **other)  # type: ignore[arg-type]


def _digest(text: str) -> str:
    return b64url_encode(hashlib.sha256(text.encode()).digest())


def _disclosure(*parts: Json) -> str:
    return b64url_encode(canonical_bytes(list(parts)))


def _crafted(*disclosures: str, payload: dict[str, Json] | None = None, **more: Json) -> str:
    """A credential as a hostile or careless issuer might sign it: digests of `disclosures`, and anything
    else."""
    claims: dict[str, Json] = {**CLAIMS, "_sd": [_digest(each) for each in disclosures], **(payload or {})}
    token = sign_jws(KEY, {"typ": "dc+sd-jwt"}, canonical_bytes({**claims, **more}))
    return "~".join([token, *disclosures, ""])


def test_the_specifications_disclosure() -> None:
    assert _digest(RFC_DISCLOSURE) == RFC_DIGEST
    assert _check(_crafted(RFC_DISCLOSURE))["given_name"] == "John"


def test_everything_issued_comes_back_and_nothing_hidden_shows() -> None:
    credential = _issued()
    assert _check(credential) == {**CLAIMS, **HIDDEN}
    assert credential.endswith("~")
    payload = parse_json(b64url_decode(credential.split(".")[1]), max_bytes=MAX)
    assert isinstance(payload, dict)
    assert payload["_sd_alg"] == "sha-256"
    assert payload["_sd"] == sorted(payload["_sd"])
    assert not HIDDEN.keys() & payload.keys()


@settings(max_examples=30, deadline=None)
@given(st.sets(st.sampled_from(sorted(HIDDEN))))
def test_any_part_can_be_shown(names: set[str]) -> None:
    shown = present(_issued(), disclose=sorted(names))
    assert _check(shown) == {**CLAIMS, **{name: HIDDEN[name] for name in names}}


def test_four_disclosures_stay_small() -> None:
    assert len(_issued(hidden={f"claim_{number}": "1.23456" for number in range(4)})) < 1_400


def test_a_credential_without_disclosures() -> None:
    credential = _issued(hidden={})
    assert credential.count("~") == 1
    assert _check(credential) == CLAIMS


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_changed_character_is_refused(data: st.DataObject) -> None:
    credential = _issued()
    at = data.draw(st.integers(0, len(credential) - 1))
    other = data.draw(st.sampled_from([c for c in "AZaz09-_.~= é" if c != credential[at]]))
    with pytest.raises((Malformed, FailedVerification)):
        _check(credential[:at] + other + credential[at + 1 :])


def test_foreign_and_repeated_disclosures_are_refused() -> None:
    credential = _issued()
    added = credential + _disclosure("salt", "extra", "claim") + "~"
    with pytest.raises(FailedVerification, match="sdjwt-unreferenced"):
        _check(added)
    with pytest.raises(FailedVerification, match="sdjwt-repeated"):
        _check(credential + credential.split("~")[1] + "~")
    one = _disclosure("salt", "name", 1)
    with pytest.raises(FailedVerification, match="sdjwt-repeated"):
        _check(_crafted(one, payload={"_sd": [_digest(one), _digest(one)]}))
    # The same content under spare bits or another layout is another disclosure.
    with pytest.raises((Malformed, FailedVerification)):
        _check(credential.replace("~", "=~", 1))


@pytest.mark.parametrize(
    ("credential", "error"),
    [
        (_crafted(_disclosure("s", "_sd", ["x"])), "sdjwt-reserved-name"),
        (_crafted(_disclosure("s", "...", "x")), "sdjwt-reserved-name"),
        (_crafted(_disclosure("s", "_sd_alg", "sha-256")), "sdjwt-reserved-name"),
        (_crafted(_disclosure("s", "a", {"_sd": []})), "sdjwt-reserved-name"),
        (_crafted(_disclosure("s", "a", [{"...": "x"}])), "sdjwt-reserved-name"),
        (_crafted(payload={"a": {"_sd": []}}), "sdjwt-reserved-name"),
        (_crafted(payload={"...": "x"}), "sdjwt-reserved-name"),
        (_crafted(_disclosure("s", "iss", "DE/2")), "sdjwt-claim-clash"),
        (_crafted(_disclosure("s", "iat", 5)), "sdjwt-claim-clash"),
        (_crafted(_disclosure("s", "status", {})), "sdjwt-claim-clash"),
        (_crafted(_disclosure("s", "exp", 5)), "sdjwt-claim-clash"),
        (_crafted(_disclosure("s", "a", 1), _disclosure("t", "a", 2)), "sdjwt-claim-clash"),
        (_crafted(_disclosure("s", "a")), "sdjwt-format"),
        (_crafted(_disclosure("s", "a", 1, 2)), "sdjwt-format"),
        (_crafted(_disclosure(1, "a", 1)), "sdjwt-format"),
        (_crafted(_disclosure("s", 1, 1)), "sdjwt-format"),
        (_crafted(b64url_encode(b'{"salt":"s"}')), "sdjwt-format"),
        (_crafted(b64url_encode(b'["s","a",{"b":1,"b":2}]')), "json-unreadable"),
        (_crafted(b64url_encode(b'["s","a",1.5]')), "json-unreadable"),
        (_crafted(b64url_encode(b"x" * 60_000)), "sdjwt-size"),
        (_crafted(payload={"_sd": "x"}), "sdjwt-format"),
        (_crafted(payload={"_sd": [1]}), "sdjwt-format"),
        (_crafted(payload={"_sd_alg": "sha-512"}), "sdjwt-hash-algorithm"),
        (_crafted(payload={"vct": "urn:other"}), "sdjwt-vct"),
        (_crafted(payload={"vct": None}), "sdjwt-vct"),
        (_crafted() + "~", "sdjwt-format"),
        (_crafted().rstrip("~"), "sdjwt-format"),
        ("~", "sdjwt-format"),
        ("", "sdjwt-format"),
        (_crafted() + "~" * 2_000, "sdjwt-format"),
    ],
)
def test_credentials_that_are_refused_even_under_a_good_signature(credential: str, error: str) -> None:
    with pytest.raises(CarbonportError, match=error) as caught:
        _check(credential)
    assert isinstance(caught.value, (Malformed, FailedVerification))


def test_the_issuers_token_is_held_to_the_rules_of_jws() -> None:
    credential = _issued(hidden={})
    head, body, tail = credential.rstrip("~").split(".")
    none = b64url_encode(b'{"alg":"none","typ":"dc+sd-jwt"}')
    with pytest.raises(FailedVerification, match="jws-algorithm"):
        _check(f"{none}.{body}.{tail}~")
    raw = b64url_decode(tail)
    twin = raw[:32] + (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    with pytest.raises(FailedVerification, match="jws-high-s"):
        _check(f"{head}.{body}.{b64url_encode(twin)}~")
    with pytest.raises(FailedVerification, match="jws-type"):
        _check(issue(KEY, CLAIMS, {}, typ="vc+sd-jwt"))
    with pytest.raises(FailedVerification, match="jws-key"):
        verify(credential, SigningKey.generate().public_jwk, vct=VCT, max_bytes=MAX)
    with pytest.raises(Malformed, match="sdjwt-size"):
        verify(credential, KEY.public_jwk, vct=VCT, max_bytes=len(credential) - 1)


def test_times_are_checked_when_they_are_there() -> None:
    credential = _issued({**CLAIMS, "nbf": 1_000, "exp": 2_000})
    assert _check(credential, now=1_500)["exp"] == 2_000
    assert _check(credential, now=700)["nbf"] == 1_000
    for now in (699, 2_000):
        with pytest.raises(FailedVerification, match="sdjwt-time"):
            _check(credential, now=now)
    with pytest.raises(Misuse, match="sdjwt-no-clock"):
        _check(credential)
    with pytest.raises(Malformed, match="sdjwt-format"):
        _check(_issued({**CLAIMS, "exp": "later"}), now=1)


BOUND = {**CLAIMS, "cnf": confirmation(HOLDER.public_jwk)}
ASKED = ExpectedBinding(aud="DE/IMPORTER", nonce="n-1", now=5_000)


def _presented(**changes: object) -> str:
    arguments: dict[str, object] = {
        "holder_key": HOLDER,
        "aud": ASKED.aud,
        "nonce": ASKED.nonce,
        "iat": 4_900,
    }
    return present(_issued(BOUND), **{**arguments, **changes})  # type: ignore[arg-type]


def test_a_holder_answers_for_this_verifier_and_this_presentation() -> None:
    claims = _check(_presented(disclose=["cn"]), binding=ASKED)
    assert claims["cn"] == HIDDEN["cn"]
    assert "see_direct" not in claims


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "DE/OTHER"},
        {"nonce": "n-2"},
        {"iat": 4_699},
        {"iat": 5_301},
        {"holder_key": None},
    ],
)
def test_stale_and_foreign_answers_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(FailedVerification, match="sdjwt-key-binding"):
        _check(_presented(**changes), binding=ASKED)


def test_an_answer_covers_exactly_what_is_shown() -> None:
    presented = _presented()
    first = presented.split("~")[1]
    with pytest.raises(FailedVerification, match="sdjwt-key-binding"):
        _check(presented.replace(first + "~", ""), binding=ASKED)
    with pytest.raises(FailedVerification, match="jws-key"):
        _check(_presented(holder_key=KEY), binding=ASKED)
    with pytest.raises(FailedVerification, match="sdjwt-key-binding"):
        _check(presented)
    unbound = present(_issued(), holder_key=HOLDER, aud=ASKED.aud, nonce=ASKED.nonce, iat=4_900)
    with pytest.raises(FailedVerification, match="sdjwt-key-binding"):
        _check(unbound, binding=ASKED)


@pytest.mark.parametrize(
    ("claims", "hidden"),
    [
        ({"iss": "x"}, {}),
        (CLAIMS, {"vct": "x"}),
        (CLAIMS, {"status": {}}),
        (CLAIMS, {"iat": 1}),
        (CLAIMS, {"_sd": []}),
        (CLAIMS, {"...": 1}),
        (CLAIMS, {"a": {"_sd": []}}),
        ({**CLAIMS, "a": [{"...": 1}]}, {}),
        ({**CLAIMS, "_sd_alg": "sha-256"}, {}),
    ],
)
def test_claims_that_cannot_be_issued(claims: dict[str, Json], hidden: dict[str, Json]) -> None:
    with pytest.raises(Misuse, match="sdjwt-claims"):
        issue(KEY, claims, hidden)


def test_only_what_is_there_can_be_shown() -> None:
    with pytest.raises(Misuse, match="sdjwt-unknown-claim"):
        present(_issued(), disclose=["coordinates"])
    with pytest.raises(Malformed, match="jws-key-format"):
        confirmation({"kty": "RSA"})
