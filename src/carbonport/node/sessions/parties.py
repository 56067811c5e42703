"""Who takes part in a session, as the trust lists have it: keys, roles, and independence of one another.

Holders keep each other in check only if they are not one: no two in one group of undertakings, and none in that of the
coordinator. Every party asks its own trust lists, before it has anything to do with a plan and again at every step.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from carbonport.attestation.trust_store import TrustStore
from carbonport.crypto.jws import Jwk
from carbonport.errors import Refused
from carbonport.node.identity.names import Role
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.signed_document import SealKeys


@dataclass(frozen=True, slots=True)
class Party:
    """A participant as the trust list names it; `undertaking` is its group's head, `hpke` its valid HPKE keys."""

    id: str
    roles: frozenset[str]
    undertaking: str
    hpke: frozenset[str] = frozenset()


Directory = Callable[[str], Party]
"""Looks a participant up in the current trust lists; raises `FailedVerification` for an unknown one."""


def directory(store: TrustStore, *, now: int) -> Directory:
    """Parties by lists that are current at `now`."""

    def party(name: str) -> Party:
        entry = store.participant(name, now=now)
        hpke = {key.text for key in entry.keys if key.usage == "hpke" and key.valid_at(now)}
        return Party(entry.id, entry.roles, entry.undertaking, frozenset(hpke))

    return party


def seal_keys(store: TrustStore, *, at: int, now: int) -> SealKeys:
    """Seal keys that were valid at `at`, by lists that are current at `now`."""

    def key(participant: str, kid: str) -> Jwk:
        return store.signing_key(participant, kid, "seal", at=at, now=now).jwk

    return key


def current_keys(node: OpenNode) -> SealKeys:
    """Seal keys as of now, by this node's lists."""
    now = node.participant.clock()
    return seal_keys(node.participant.trust, at=now, now=now)


def lasting_keys(node: OpenNode, *, since: int = 0) -> SealKeys:
    """Seal keys as of now, and those that were succeeded by others after `since` (unix seconds): for what was signed
    while they were in force, which a node took then or which only tells how a session ended. Revoked keys count for
    nothing."""
    store, now = node.participant.trust, node.participant.clock()

    def key(participant: str, kid: str) -> Jwk:
        listed = store.participant(participant, now=now).key(kid, "seal")
        succeeded = listed is not None and listed.status != "revoked" and listed.valid_until <= now
        at = max(listed.valid_from, since) if listed is not None and succeeded else now
        return store.signing_key(participant, kid, "seal", at=at, now=now).jwk

    return key


def require_role(party: Party, role: Role) -> None:
    """Raise `Refused` (`session-parties`) unless the trust list gives the party this role."""
    if role.value not in party.roles:
        raise refused_parties(f"{party.id}, whose trust list does not name it {role.value}")


def require_independent(parties: Iterable[Party]) -> frozenset[str]:
    """The parties' groups of undertakings, of which no two are one; raises `Refused` (`session-parties`) otherwise."""
    taken: dict[str, str] = {}
    for party in parties:
        if party.undertaking in taken:
            raise refused_parties(f"{party.id} and {taken[party.undertaking]} in one group of undertakings")
        taken[party.undertaking] = party.id
    return frozenset(taken)


def refused_parties(found: str) -> Refused:
    """The refusal of a plan whose parties may not play their parts together."""
    return Refused(
        "session-parties",
        found=found,
        expected="listed parties in their roles; holders independent of each other, the coordinator and the releaser",
        remedy="Do not take part; ask the coordinator for a plan with independent holders.",
    )
