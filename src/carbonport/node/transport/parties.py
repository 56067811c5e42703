"""Who may talk to this node: the trust list's participants in the form that TLS and admission need."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from carbonport.attestation.participants import Participant, TrustedKey
from carbonport.attestation.trust_store import TrustStore
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Refused
from carbonport.node.identity.certificates import anchor_certificate
from carbonport.node.identity.names import ParticipantName
from carbonport.node.identity.public_keys import p256_from_jwk, spki_pin

TLS_ISSUER_USAGE = "tls-issuer"
"""Usage of the keys in the trust list that certify TLS keys."""

MAX_ANCHORS_KEPT = 50_000
"""Built roots kept in memory; beyond it they are built again."""


@dataclass(frozen=True, slots=True)
class Party:
    """A participant as the current trust list has it, with the roots that may vouch for it.

    `until` is the unix time at which this must be looked up again (the list's next update or the end of a
    key).
    """

    name: ParticipantName
    roles: frozenset[str]
    endpoint: str
    anchors: tuple[x509.Certificate, ...]
    until: int

    @property
    def id(self) -> str:
        """`CN/<LEI>`."""
        return str(self.name)


class Parties(Protocol):
    """Where the transport looks participants up."""

    def version(self) -> int:
        """A number that changes whenever an answer may have changed."""

    def party(self, name: ParticipantName, now: int) -> Party:
        """The participant, or an error when no current list names it with a node."""

    def all(self, now: int) -> Iterable[Party]:
        """Every participant with a node in a current list."""


class TrustedParties:
    """`Parties` over a trust store; `store` gives the one to use now, a new object when lists were added."""

    def __init__(self, store: Callable[[], TrustStore]) -> None:
        self._store = store
        self._seen: TrustStore | None = None
        self._version = 0
        self._anchors: dict[tuple[str, str, int, int], x509.Certificate] = {}

    def version(self) -> int:
        """Counts the stores seen."""
        store = self._store()
        if store is not self._seen:
            self._seen = store
            self._version += 1
        return self._version

    def party(self, name: ParticipantName, now: int) -> Party:
        """The participant, or `transport-peer-unlisted` when the lists do not name it (or have expired)."""
        store = self._store()
        try:
            entry = store.participant(str(name), now=now)
            until = store.current(name.jurisdiction, now=now).next_update
        except CarbonportError as problem:
            raise _unlisted(name, problem.id) from None
        return self._party(entry, name, until, now)

    def all(self, now: int) -> Iterable[Party]:
        """Every participant with a node; lists that expired and entries that do not parse are left out."""
        store = self._store()
        for held in store.held_lists():
            try:
                current = store.current(held.trust_list.jurisdiction, now=now)
            except FailedVerification:
                continue
            for entry in current.participants:
                try:
                    yield self._party(entry, ParticipantName.parse(entry.id), current.next_update, now)
                except CarbonportError:
                    continue

    def _party(self, entry: Participant, name: ParticipantName, until: int, now: int) -> Party:
        if entry.node is None or entry.node.spiffe != name.spiffe_id:
            raise _unlisted(name, "an entry without a node of this name")
        ends = [until]
        anchors = []
        for key in entry.keys:
            if key.usage != TLS_ISSUER_USAGE:
                continue
            ends += [moment for moment in (key.valid_from, key.valid_until, key.revoked_at) if moment > now]
            if key.valid_at(now):
                anchor = self._anchor(key, name)
                if spki_pin(_p256(key)) in entry.node.tls_pins:
                    anchors.append(anchor)
        if not anchors:
            raise _unlisted(name, "no TLS issuer key that is pinned and valid now")
        return Party(name, entry.roles, entry.node.endpoint, tuple(anchors), min(ends))

    def _anchor(self, key: TrustedKey, name: ParticipantName) -> x509.Certificate:
        place = (str(name), f"{key.jwk['x']} {key.jwk['y']}", key.valid_from, key.valid_until)
        anchor = self._anchors.get(place)
        if anchor is None:
            if len(self._anchors) >= MAX_ANCHORS_KEPT:
                self._anchors.clear()
            anchor = anchor_certificate(
                _p256(key), name, valid_from=key.valid_from, valid_until=key.valid_until
            )
            self._anchors[place] = anchor
        return anchor


def _p256(key: TrustedKey) -> ec.EllipticCurvePublicKey:
    try:
        return p256_from_jwk(key.jwk)
    except (ValueError, Malformed):
        raise FailedVerification(
            "transport-issuer-key",
            found="a TLS issuer key that is not a point of P-256",
            expected="a P-256 JWK",
            remedy="Ask the jurisdiction for a corrected trust list.",
        ) from None


def _unlisted(name: ParticipantName, found: str) -> Refused:
    return Refused(
        "transport-peer-unlisted",
        found=found,
        expected="a participant whose node a current trust list names with a valid TLS issuer key",
        remedy=(
            "Have the participant listed by its jurisdiction, and add the newest list with `carbonport "
            "trust add`. An expired list names nobody: `carbonport status` shows the lists, and check the clock."
        ),
        where=str(name),
    )
