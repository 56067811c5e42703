"""SD-JWT (RFC 9901) as verifiable credentials (draft-ietf-oauth-sd-jwt-vc-19): signed claims, shown one by
one.

Promised: what RFC 9901, section 7.1 says must be rejected is rejected, including what widespread libraries
let pass: a disclosure that no digest refers to, one given twice, a digest that stands twice, a disclosed name
that clashes with a signed one, and `_sd` or `...` as the name of a claim. Disclosures and segments have one
encoding (spare bits are refused), and a key-binding token is accepted only when one is asked for, fresh, for
this audience, nonce and exact presentation. Narrower than the specification: SHA-256 only, and top-level
claims only (nested `_sd` and array digests are refused). Not promised: revocation
(`carbonport.crypto.statuslist`), whose key it is, and that an issuer's `iat` is true; hidden claims cannot be
told from absent ones.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, canonical_bytes, parse_json
from carbonport.crypto.jws import Jwk, SigningKey, Verified, sign_jws, thumbprint, verify_jws
from carbonport.errors import FailedVerification, Malformed, Misuse

CREDENTIAL_TYP = "dc+sd-jwt"
"""The `typ` of the issuer's token (SD-JWT VC)."""

KEY_BINDING_TYP = "kb+jwt"
"""The `typ` of the holder's token (RFC 9901, section 4.3)."""

MAX_DISCLOSURES = 1_024
"""A bound on the disclosures of a credential."""

MAX_DISCLOSURE_CHARACTERS = 65_536
"""A bound on one encoded disclosure, checked before it is decoded."""

MAX_KEY_BINDING_BYTES = 8_192
"""A bound on a key-binding token."""

CLOCK_SKEW_SECONDS = 300
"""How far another's clock may be ahead of ours."""

SALT_BYTES = 16
"""128 bits a disclosure (RFC 9901, section 9.3)."""

UNDISCLOSABLE = frozenset({"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"})
"""Claims that SD-JWT VC forbids to hide, for a verifier must see them in any case."""

_RESERVED = frozenset({"_sd", "_sd_alg", "..."})
_HASH_NAME = "sha-256"


@dataclass(frozen=True, slots=True)
class ExpectedBinding:
    """What a verifier asks of a holder: its own name, the nonce it sent, and how old the answer may be
    (seconds)."""

    aud: str
    nonce: str
    now: int
    max_age_seconds: int = 300


def issue(
    key: SigningKey,
    claims: Mapping[str, Json],
    disclosable: Mapping[str, Json],
    *,
    typ: str = CREDENTIAL_TYP,
    random_bytes: RandomBytes = system_random,
) -> str:
    """Sign `claims` for all to see and `disclosable` one by one; gives the SD-JWT with every disclosure.

    `claims` needs `vct`; with `cnf` (see `confirmation`) the credential is bound to a holder's key. Raises
    Misuse for names that are reserved, that must not be hidden, or that stand in both.
    """
    _require_issuable(claims, disclosable)
    disclosures = [
        b64url_encode(canonical_bytes([b64url_encode(random_bytes(SALT_BYTES)), name, value]))
        for name, value in disclosable.items()
    ]
    payload: dict[str, Json] = dict(claims)
    if disclosures:
        # Sorted, so that the order tells nothing of the names (RFC 9901, section 4.2.4.1).
        payload["_sd"] = sorted(_digest(each) for each in disclosures)
        payload["_sd_alg"] = _HASH_NAME
    return "~".join([sign_jws(key, {"typ": typ}, canonical_bytes(payload)), *disclosures, ""])


def confirmation(holder: Jwk) -> dict[str, Json]:
    """The `cnf` claim that binds a credential to the holder's public key (RFC 7800, section 3.2)."""
    bare = {name: value for name, value in holder.items() if name in ("crv", "kty", "x", "y")}
    thumbprint(bare)
    return {"jwk": bare}


def present(
    sd_jwt: str,
    *,
    disclose: Iterable[str] | None = None,
    holder_key: SigningKey | None = None,
    aud: str = "",
    nonce: str = "",
    iat: int = 0,
) -> str:
    """Show a part of a credential: the disclosures named in `disclose` (all when None).

    With `holder_key` a key-binding token for `aud`, `nonce` at `iat` (unix seconds) is added. Nothing is
    verified here; an earlier key-binding token is dropped. Raises Misuse for a name the credential does not
    disclose.
    """
    issuer_jwt, disclosures, _ = _split(sd_jwt)
    if disclose is not None:
        by_name = {_read_disclosure(each)[0]: each for each in disclosures}
        names = list(disclose)
        unknown = [name for name in names if name not in by_name]
        if unknown:
            raise Misuse(
                "sdjwt-unknown-claim",
                found=f"{len(unknown)} names that the credential does not disclose",
                expected="names of its disclosures",
                remedy="Ask for claims that the credential holds; signed claims are always shown.",
            )
        disclosures = [by_name[name] for name in dict.fromkeys(names)]
    shown = "~".join([issuer_jwt, *disclosures, ""])
    if holder_key is None:
        return shown
    claims: Json = {"aud": aud, "iat": iat, "nonce": nonce, "sd_hash": _digest(shown)}
    return shown + sign_jws(holder_key, {"typ": KEY_BINDING_TYP}, canonical_bytes(claims))


def verify(
    sd_jwt: str,
    jwk: Jwk,
    *,
    vct: str,
    max_bytes: int,
    typ: str = CREDENTIAL_TYP,
    binding: ExpectedBinding | None = None,
    now: int | None = None,
) -> dict[str, Json]:
    """Check a credential with the issuer's key; gives its claims, the disclosed ones among the signed.

    `binding` is what is asked of the holder (a key-binding token that nobody asked for is refused). `now`
    (unix seconds) is needed when the credential has `exp` or `nbf`. Raises FailedVerification: `sdjwt-vct`,
    `sdjwt-hash-algorithm`, `sdjwt-reserved-name`, `sdjwt-unreferenced`, `sdjwt-repeated`,
    `sdjwt-claim-clash`, `sdjwt-time`, `sdjwt-key-binding`; or Malformed; or as `verify_jws` does.
    """
    if len(sd_jwt) > max_bytes:
        raise Malformed(
            "sdjwt-size",
            found=f"a credential of {len(sd_jwt)} characters",
            expected=f"at most {max_bytes}",
            remedy="Ask the sender for the credential again.",
        )
    issuer_jwt, disclosures, key_binding = _split(sd_jwt)
    claims = verify_jws(issuer_jwt, jwk, typ=typ, max_bytes=max_bytes).claims()
    if claims.get("vct") != vct:
        raise FailedVerification(
            "sdjwt-vct",
            found="a credential of another type",
            expected=vct,
            remedy="Check that the credential stands where its type belongs.",
        )
    disclosed = _disclosed(_take_digests(claims), disclosures, claims)
    _check_times(claims, now)
    _check_binding(claims, sd_jwt, key_binding, binding)
    return {**claims, **disclosed}


def _split(sd_jwt: str) -> tuple[str, list[str], str]:
    issuer_jwt, *disclosures = sd_jwt.split("~", MAX_DISCLOSURES + 2)
    if not disclosures or len(disclosures) > MAX_DISCLOSURES + 1 or not issuer_jwt:
        raise _malformed(f"{len(disclosures)} parts after the issuer's token")
    key_binding = disclosures.pop()
    if not all(disclosures):
        raise _malformed("an empty disclosure")
    return issuer_jwt, disclosures, key_binding


def _take_digests(claims: dict[str, Json]) -> set[str]:
    """Take `_sd` and `_sd_alg` out of the signed claims; nothing reserved may be left in them."""
    algorithm = claims.pop("_sd_alg", _HASH_NAME)
    digests = claims.pop("_sd", [])
    if algorithm != _HASH_NAME:
        raise FailedVerification(
            "sdjwt-hash-algorithm",
            found="digests of another hash function",
            expected=_HASH_NAME,
            remedy="Ask the issuer for a credential with SHA-256 digests.",
        )
    if not isinstance(digests, list) or not all(isinstance(each, str) for each in digests):
        raise _malformed("an _sd that is no list of digests")
    if len(set(digests)) != len(digests):
        raise _repeated("a digest that stands twice")
    _require_unreserved(claims)
    return set(digests)


def _disclosed(digests: set[str], disclosures: list[str], signed: Mapping[str, Json]) -> dict[str, Json]:
    claims: dict[str, Json] = {}
    if len(set(disclosures)) != len(disclosures):
        raise _repeated("a disclosure that stands twice")
    for each in disclosures:
        if _digest(each) not in digests:
            raise FailedVerification(
                "sdjwt-unreferenced",
                found="a disclosure that no signed digest refers to",
                expected="disclosures of this credential only",
                remedy="Reject the credential: someone added a claim that the issuer did not sign.",
            )
        name, value = _read_disclosure(each)
        if name in _RESERVED:
            raise _reserved()
        _require_unreserved(value)
        if name in signed or name in claims or name in UNDISCLOSABLE:
            raise FailedVerification(
                "sdjwt-claim-clash",
                found="a disclosed claim under a name that is signed already, or that must not be hidden",
                expected="disclosed claims under names of their own",
                remedy="Reject the credential and tell its issuer.",
            )
        claims[name] = value
    return claims


def _read_disclosure(encoded: str) -> tuple[str, Json]:
    if len(encoded) > MAX_DISCLOSURE_CHARACTERS:
        raise _malformed(f"a disclosure of {len(encoded)} characters")
    parts = parse_json(b64url_decode(encoded), max_bytes=MAX_DISCLOSURE_CHARACTERS)
    if not isinstance(parts, list) or len(parts) != 3:
        raise _malformed("a disclosure that is no list of salt, name and value")
    salt, name, value = parts
    if not isinstance(salt, str) or not isinstance(name, str):
        raise _malformed("a disclosure whose salt or name is no text")
    return name, value


def _check_times(claims: Mapping[str, Json], now: int | None) -> None:
    for name in ("nbf", "exp"):
        if name not in claims:
            continue
        if now is None:
            raise Misuse(
                "sdjwt-no-clock",
                found=f"a credential with {name}, checked without a time",
                expected="the time to check it at",
                remedy="Give the present time, or the time of signing that a log vouches for.",
            )
        limit = claims[name]
        if not isinstance(limit, int) or isinstance(limit, bool):
            raise _malformed(f"a {name} that is no whole number of seconds")
        if now >= limit if name == "exp" else now + CLOCK_SKEW_SECONDS < limit:
            raise FailedVerification(
                "sdjwt-time",
                found=f"a credential with {name} {limit}",
                expected=f"one that is valid at {now}",
                remedy="Ask the issuer for a credential that is valid now.",
            )


def _check_binding(
    claims: Mapping[str, Json], sd_jwt: str, key_binding: str, binding: ExpectedBinding | None
) -> None:
    if binding is None:
        if key_binding:
            raise _binding_failed("a key-binding token that was not asked for", "none")
        return
    if not key_binding:
        raise _binding_failed("no key-binding token", "one of the holder")
    confirmed = claims.get("cnf")
    holder = confirmed.get("jwk") if isinstance(confirmed, dict) else None
    if not isinstance(holder, dict):
        raise _binding_failed("a credential that names no holder", "a cnf claim with the holder's key")
    answer = _holder_answer(key_binding, holder).claims()
    shown = sd_jwt[: -len(key_binding)]
    expected = {"aud": binding.aud, "nonce": binding.nonce, "sd_hash": _digest(shown)}
    wrong = [name for name, value in expected.items() if answer.get(name) != value]
    if wrong:
        raise _binding_failed(
            f"a key-binding token with another {wrong[0]}", "one made for this verifier and these disclosures"
        )
    iat = answer.get("iat")
    if not isinstance(iat, int) or isinstance(iat, bool):
        raise _malformed("a key-binding token without iat")
    if not -CLOCK_SKEW_SECONDS <= binding.now - iat <= binding.max_age_seconds:
        raise _binding_failed(
            "a stale key-binding token", f"one of the last {binding.max_age_seconds} seconds"
        )


def _holder_answer(key_binding: str, holder: Jwk) -> Verified:
    return verify_jws(key_binding, holder, typ=KEY_BINDING_TYP, max_bytes=MAX_KEY_BINDING_BYTES)


def _require_issuable(claims: Mapping[str, Json], disclosable: Mapping[str, Json]) -> None:
    names = claims.keys() | disclosable.keys()
    good = (
        isinstance(claims.get("vct"), str)
        and not claims.keys() & disclosable.keys()
        and not UNDISCLOSABLE & disclosable.keys()
        and not _RESERVED & names
        and len(disclosable) <= MAX_DISCLOSURES
        and not any(_has_reserved(value) for part in (claims, disclosable) for value in part.values())
    )
    if not good:
        raise Misuse(
            "sdjwt-claims",
            found="claims without vct, under reserved or repeated names, or hidden ones that must be visible",
            expected="visible claims with vct, hidden ones under other names, none of them reserved",
            remedy="Rename the claims; iss, status, exp and the like stay visible.",
        )


def _has_reserved(value: Json) -> bool:
    if isinstance(value, Mapping):
        return bool(_RESERVED & value.keys()) or any(map(_has_reserved, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_has_reserved, value))
    return False


def _require_unreserved(value: Json) -> None:
    if _has_reserved(value):
        raise _reserved()


def _digest(text: str) -> str:
    return b64url_encode(hashlib.sha256(text.encode()).digest())


def _reserved() -> FailedVerification:
    return FailedVerification(
        "sdjwt-reserved-name",
        found="a claim named _sd, _sd_alg or ... where claims stand",
        expected="digests at the top of the signed claims only",
        remedy="Reject the credential and tell its issuer.",
    )


def _repeated(found: str) -> FailedVerification:
    return FailedVerification(
        "sdjwt-repeated",
        found=found,
        expected="every digest and disclosure once",
        remedy="Reject the credential; ask its holder for it again.",
    )


def _binding_failed(found: str, expected: str) -> FailedVerification:
    return FailedVerification(
        "sdjwt-key-binding",
        found=found,
        expected=expected,
        remedy="Ask the holder to present the credential again, to this verifier and with its nonce.",
    )


def _malformed(found: str) -> Malformed:
    return Malformed(
        "sdjwt-format",
        found=found,
        expected="issuer token~disclosure~...~[key-binding token]",
        remedy="Ask the sender for the credential again.",
    )
