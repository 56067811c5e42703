"""Admission: whose certificate a call came with, checked against the trust list on every call.

TLS has shown that the caller holds the certificate's key and that *some* listed issuer key signed it. What
TLS did not show is checked here: that the issuer key is one of the participant the certificate names (any
participant could otherwise name another), that it is pinned and valid now, that the certificate has not run
out since the handshake, and that the participant is still listed. The answer is kept per certificate until
one of these can change.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from carbonport.errors import CarbonportError, Refused
from carbonport.node.identity.certificates import spiffe_ids
from carbonport.node.identity.names import ParticipantName, Role
from carbonport.node.transport.parties import Parties, Party

MAX_KEPT = 10_000
"""Certificates whose answers are kept; beyond it all are checked anew."""


@dataclass(frozen=True, slots=True)
class _Answer:
    party: Party
    version: int
    until: int


class Admission:
    """Answers who called; remembers answers while nothing they rest on can have changed."""

    def __init__(self, parties: Parties, clock: Callable[[], int]) -> None:
        self._parties = parties
        self._clock = clock
        self._answers: dict[bytes, _Answer] = {}

    def admit(self, auth_context: Mapping[str, Iterable[bytes]]) -> Party:
        """The participant that the TLS peer is, or an error that refuses it."""
        pem = next(iter(auth_context.get("x509_pem_cert", ())), b"")
        now, version = self._clock(), self._parties.version()
        answer = self._answers.get(pem)
        if answer is None or answer.version != version or now >= answer.until:
            answer = self._check(pem, now, version)
            if len(self._answers) >= MAX_KEPT:
                self._answers.clear()
            self._answers[pem] = answer
        return answer.party

    def _check(self, pem: bytes, now: int, version: int) -> _Answer:
        self._answers.pop(pem, None)
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            uris = spiffe_ids(certificate)
            not_before = int(certificate.not_valid_before_utc.timestamp())
            not_after = int(certificate.not_valid_after_utc.timestamp())
        except ValueError:
            raise _refused("no certificate that parses") from None
        if len(uris) != 1:
            raise _refused(f"a certificate with {len(uris)} URIs")
        try:
            name = ParticipantName.from_spiffe_id(uris[0])
        except CarbonportError:
            raise _refused("a certificate whose URI names no participant") from None
        if not not_before <= now < not_after:
            raise _refused("a certificate that is not valid now", str(name))
        party = self._parties.party(name, now)
        if not any(_issued(certificate, anchor) for anchor in party.anchors):
            raise Refused(
                "transport-peer-pin",
                found="a certificate that another key than the participant's own issued",
                expected="one issued by a TLS issuer key that the trust list pins for this participant",
                remedy="If the key was rotated, have the trust list issued anew and added on both sides.",
                where=str(name),
            )
        return _Answer(party, version, min(party.until, not_after))


def require_role(party: Party, roles: frozenset[Role], method: str) -> None:
    """Refuse a method that none of the participant's listed roles may call."""
    if not party.roles & roles:
        raise Refused(
            "transport-role",
            found=f"the roles {', '.join(sorted(party.roles)) or 'none'}",
            expected=f"a participant listed as {' or '.join(sorted(roles))} for {method.rpartition('/')[2]}",
            remedy="Ask the jurisdiction to list the role, or call a method of your own role.",
            where=party.id,
        )


def _issued(certificate: x509.Certificate, anchor: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(anchor)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _refused(found: str, where: str = "") -> Refused:
    return Refused(
        "transport-peer-certificate",
        found=found,
        expected="a TLS certificate of a listed participant with exactly one SPIFFE URI, valid now",
        remedy="Use the certificate that the node makes itself; check the clocks of both machines.",
        where=where,
    )
