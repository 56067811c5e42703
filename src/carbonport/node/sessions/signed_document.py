"""The one form of a session's messages: canonical JSON under the sender's node seal, read strictly, named by its hash.

A document is a compact JWS whose payload holds the format's name, the issuer and the fields of its kind. Its digest,
the SHA-256 of the whole token, is how other documents refer to it. Who must have issued it is known to its reader
from the plan, never taken from the document: the size is checked first, then the signature with that participant's
key, and only then is the content read.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.jws import Jwk, SigningKey, payload_of_known, peek_header, sign_jws, verify_jws
from carbonport.errors import FailedVerification, Malformed

ContentT = TypeVar("ContentT")


class SealKeys(Protocol):
    """The seal keys of participants, by the trust list as of the time that the caller fixed."""

    def __call__(self, participant: str, kid: str) -> Jwk:
        """The public key; raises `FailedVerification` for a key the participant does not have at that time."""
        ...


@dataclass(frozen=True)
class Signed(Generic[ContentT]):
    """A document whose signature holds. `digest` is the SHA-256 (hex) of `token`."""

    token: str
    issuer: str
    content: ContentT

    @cached_property
    def digest(self) -> str:
        """What other documents call it."""
        return document_digest(self.token)


@dataclass(frozen=True)
class DocumentKind(Generic[ContentT]):
    """One kind of document: its name, its bound, and how its content is written and read.

    `name` is a word such as `plan`, `area` what the session is for; the JWS type and the format follow from both.
    """

    name: str
    max_bytes: int
    write: Callable[[ContentT], Mapping[str, Json]]
    read: Callable[[StrictFields], ContentT]
    area: str = "aggregation"

    @property
    def typ(self) -> str:
        """The JWS type."""
        return f"carbonport-{self.area}-{self.name}+jwt"

    @property
    def format(self) -> str:
        """The format that the payload names."""
        return f"carbonport-{self.area}-{self.name}/1"

    def sign(self, content: ContentT, issuer: str, key: SigningKey) -> Signed[ContentT]:
        """Sign it; it is read back first, so that nothing leaves that a strict reader refuses."""
        payload = canonical_bytes({**self.write(content), "format": self.format, "iss": issuer})
        self._read(payload, issuer)
        return Signed(sign_jws(key, {"typ": self.typ}, payload), issuer, content)

    def open(self, token: str, issuer: str, keys: SealKeys) -> Signed[ContentT]:
        """The document of this token, which `issuer` must have signed; raises `Malformed` or `FailedVerification`."""
        if len(token) > self.max_bytes:
            raise Malformed(
                "session-document-size",
                found=f"a {self.name} of {len(token)} characters",
                expected=f"at most {self.max_bytes}",
                remedy=f"Check that this is a document of the kind {self.area} {self.name}.",
                where=issuer,
            )
        key = keys(issuer, str(peek_header(token).get("kid", "")))
        verified = verify_jws(token, key, typ=self.typ, max_bytes=self.max_bytes)
        return Signed(token, issuer, self._read(verified.payload, issuer))

    def known(self, token: str, digest: str) -> Signed[ContentT]:
        """The document that another one, whose signature holds, names by this digest; its own is not checked.

        Raises `FailedVerification` (`session-document-digest`) for another token.
        """
        if document_digest(token) != digest:
            raise FailedVerification(
                "session-document-digest",
                found=f"a {self.name} of another digest",
                expected=f"the {self.name} {digest[:16]}",
                remedy="Ask for the document that the other one names.",
            )
        payload = payload_of_known(token, typ=self.typ, max_bytes=self.max_bytes)
        issuer = self._fields(payload).text("iss", pattern=PARTICIPANT_ID)
        return Signed(token, issuer, self._read(payload, issuer))

    def _fields(self, payload: bytes) -> StrictFields:
        return StrictFields(
            parse_canonical(payload, max_bytes=self.max_bytes, where=self.name), f"{self.area} {self.name}"
        )

    def _read(self, payload: bytes, issuer: str) -> ContentT:
        fields = self._fields(payload)
        if fields.text("format") != self.format:
            raise Malformed(
                "session-document-format",
                found="a document of another format",
                expected=self.format,
                remedy="Use a version of the program that knows the format.",
                where=issuer,
            )
        if fields.text("iss") != issuer:
            raise FailedVerification(
                "session-document-issuer",
                found=f"a {self.name} that names another issuer than {issuer}",
                expected="a document in its sender's own name",
                remedy="Do not use it: somebody passed on another's document as its own.",
                where=issuer,
            )
        content = self.read(fields)
        fields.finish()
        return content


def document_digest(token: str) -> str:
    """SHA-256 (hex) of a document's token."""
    return hashlib.sha256(token.encode()).hexdigest()
