"""Token Status Lists (draft-ietf-oauth-status-list-21): one bit for each token an issuer may withdraw.

Promised: a list is published as a signed token of fixed life, with one bit an entry (0 valid, 1 withdrawn),
least significant bit first, zlib-compressed (section 4.1). `verify_status` accepts a token only when it is
signed by the given key, its `sub` is the list the credential names, its `iss` is the credential's issuer, it
is neither expired nor from the future nor older than allowed, and the bit is 0. Inflation is bounded.
Stricter than the draft: `iss` and `exp` are required, and lists of more than one bit an entry are refused.
Not promised: that nothing was withdrawn since the token was signed; the time returned says as of when the
answer holds.
"""

import zlib
from collections.abc import Iterable

from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, canonical_bytes
from carbonport.crypto.jws import Jwk, SigningKey, sign_jws, verify_jws
from carbonport.errors import FailedVerification, Malformed, Misuse

STATUS_TYP = "statuslist+jwt"
"""The `typ` of a status list token (section 5.1)."""

MAX_ENTRIES = 2**24
"""A bound on the entries of a list, and with it on what an inflated list may take (2 MiB)."""

MAX_STATUS_TOKEN_BYTES = 4 * 1024 * 1024
"""A bound on a token: a full list that does not compress, twice in base64, is 3.6 MiB."""

CLOCK_SKEW_SECONDS = 300
"""How far the issuer's clock may be ahead of ours."""

_ENTRIES_PER_BYTE = 8


class StatusBits:
    """The list itself: an issuer's working copy, all valid at first."""

    __slots__ = ("_bits",)

    def __init__(self, entries: int, revoked: Iterable[int] = ()) -> None:
        """`entries` is a multiple of 8 up to `MAX_ENTRIES`; `revoked` are the indices withdrawn already."""
        if not 0 < entries <= MAX_ENTRIES or entries % _ENTRIES_PER_BYTE:
            raise Misuse(
                "status-entries",
                found=f"a list of {entries} entries",
                expected=f"a multiple of 8 up to {MAX_ENTRIES}",
                remedy="Begin another list when this one is full.",
            )
        self._bits = bytearray(entries // _ENTRIES_PER_BYTE)
        for index in revoked:
            self.revoke(index)

    @property
    def entries(self) -> int:
        """How many tokens the list has room for."""
        return len(self._bits) * _ENTRIES_PER_BYTE

    def revoke(self, index: int) -> None:
        """Withdraw the token at `index`, for good."""
        self._require(index)
        self._bits[index // _ENTRIES_PER_BYTE] |= 1 << index % _ENTRIES_PER_BYTE

    def is_revoked(self, index: int) -> bool:
        """Whether the token at `index` is withdrawn."""
        self._require(index)
        return bool(self._bits[index // _ENTRIES_PER_BYTE] >> index % _ENTRIES_PER_BYTE & 1)

    def compressed(self) -> str:
        """The list as the `lst` member writes it."""
        return b64url_encode(zlib.compress(bytes(self._bits), 9))

    @classmethod
    def from_compressed(cls, lst: str) -> "StatusBits":
        """Read a `lst` member; Malformed when it is no zlib stream, or one that inflates beyond the bound."""
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(b64url_decode(lst), MAX_ENTRIES // _ENTRIES_PER_BYTE + 1)
        except zlib.error:
            raise _malformed("a list that is no zlib stream") from None
        if not inflater.eof or inflater.unused_data or not 0 < len(data) <= MAX_ENTRIES // _ENTRIES_PER_BYTE:
            raise _malformed("an empty, cut or overlong list")
        bits = cls(len(data) * _ENTRIES_PER_BYTE)
        bits._bits[:] = data
        return bits

    def _require(self, index: int) -> None:
        if not 0 <= index < self.entries:
            raise Misuse(
                "status-index",
                found=f"the index {index} in a list of {self.entries} entries",
                expected="an index of the list",
                remedy="Begin another list when this one is full.",
            )


def status_token(
    key: SigningKey, *, issuer: str, uri: str, bits: StatusBits, iat: int, exp: int, ttl: int
) -> str:
    """Publish `bits` as the list `uri` of `issuer`, signed at `iat`, valid until `exp` (both unix seconds).

    `ttl` (seconds) is how long a reader may rely on a copy unless told otherwise.
    """
    if not (0 < iat < exp and ttl > 0 and issuer and uri):
        raise Misuse(
            "status-token-claims",
            found="a token that expires before it begins, or without issuer, uri or ttl",
            expected="0 < iat < exp, a positive ttl, an issuer and a uri",
            remedy="Check the configured life of status tokens.",
        )
    payload: Json = {
        "iss": issuer,
        "sub": uri,
        "iat": iat,
        "exp": exp,
        "ttl": ttl,
        "status_list": {"bits": 1, "lst": bits.compressed()},
    }
    return sign_jws(key, {"typ": STATUS_TYP}, canonical_bytes(payload))


def verify_status(
    token: str,
    jwk: Jwk,
    *,
    issuer: str,
    uri: str,
    index: int,
    now: int,
    max_age_seconds: int | None = None,
) -> int:
    """Check that entry `index` of the list `uri` of `issuer` is not withdrawn; gives the time (`iat`) that
    holds for.

    `max_age_seconds` is the reader's allowed staleness; without it the token's own `ttl` counts. Raises
    FailedVerification: `status-revoked`, `status-stale`, `status-foreign` (another list or issuer),
    `status-index-unknown`; or Malformed, or as `verify_jws` does.
    """
    claims = verify_jws(token, jwk, typ=STATUS_TYP, max_bytes=MAX_STATUS_TOKEN_BYTES).claims()
    if claims.get("sub") != uri or claims.get("iss") != issuer:
        raise FailedVerification(
            "status-foreign",
            found="a status token of another list or issuer",
            expected=f"the list {uri} of {issuer}",
            remedy="Fetch the status token that the credential names.",
        )
    iat, exp = _seconds(claims, "iat"), _seconds(claims, "exp")
    allowed = _seconds(claims, "ttl") if max_age_seconds is None else max_age_seconds
    if iat > now + CLOCK_SKEW_SECONDS or now >= exp or now - iat > allowed:
        raise FailedVerification(
            "status-stale",
            found=f"a status token of time {iat} that ends at {exp}",
            expected=f"one that holds at {now} and is at most {allowed} seconds old",
            remedy="Fetch a fresh status token from the issuer; check this machine's clock.",
        )
    bits = _bits(claims)
    if not 0 <= index < bits.entries:
        raise FailedVerification(
            "status-index-unknown",
            found=f"the index {index} in a list of {bits.entries} entries",
            expected="an index of the list",
            remedy="Reject the credential: its issuer never gave it this place.",
        )
    if bits.is_revoked(index):
        raise FailedVerification(
            "status-revoked",
            found=f"entry {index} withdrawn by the issuer",
            expected="an entry that is valid",
            remedy="Do not rely on it; ask the issuer for what supersedes it.",
        )
    return iat


def _bits(claims: dict[str, Json]) -> StatusBits:
    status_list = claims.get("status_list")
    if not isinstance(status_list, dict):
        raise _malformed("no status_list")
    width, lst = status_list.get("bits"), status_list.get("lst")
    if width != 1 or isinstance(width, bool) or not isinstance(lst, str):
        raise _malformed("a list of other than one bit an entry")
    return StatusBits.from_compressed(lst)


def _seconds(claims: dict[str, Json], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise _malformed(f"no usable {name}")
    return value


def _malformed(found: str) -> Malformed:
    return Malformed(
        "status-format",
        found=found,
        expected="a status list token with iss, sub, iat, exp, ttl and a list of one bit an entry",
        remedy="Fetch the status token again.",
    )
