"""A node at work: a participant that writes its exchange log, with the desks of its roles.

Whoever opens one holds the writer's lock of the store, so there is one at a time: the serving process, or a command
when the node does not serve. Everything that is logged or answered goes through here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carbonport.attestation.trust_list import Participant as ListedParticipant
from carbonport.attestation.trust_store import TrustStore
from carbonport.attestation.witness_rules import witness_requirement
from carbonport.classification.policy import Policy
from carbonport.crypto.canonical import b64url_decode
from carbonport.crypto.notes import TYPE_ED25519, NoteSigner, VerifierKey
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import FailedVerification
from carbonport.node.exporter.answering import AnswerDesk
from carbonport.node.exporter.composition import Composer
from carbonport.node.exporter.releasing import ReleaseDesk
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.log.add_checkpoint import Cosigner
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.participant import Participant
from carbonport.node.peer_witness import PeerWitness
from carbonport.node.transport.peers import Peers

OWN_KEY_INFO = b"carbonport/log-own-key/v1"
"""Domain of the key under which a node wraps the body keys of its own log for itself."""


@dataclass(frozen=True)
class OpenNode:
    """A participant with its log, its peers and its desks; `close` gives the writer's lock up."""

    participant: Participant
    peers: Peers
    log: ExchangeLog
    policy: Policy
    composer: Composer
    answers: AnswerDesk
    releases: ReleaseDesk

    @classmethod
    async def open(cls, participant: Participant) -> Self:
        """Open the log for writing; Unavailable (`store-writer-elsewhere`) when another process has it."""
        config, identity = participant.config, participant.identity
        peers = participant.opened.peers()
        signer = NoteSigner(config.log_origin, TYPE_ED25519, identity.ed25519(KeyUse.LOG))
        log = await ExchangeLog.open(
            participant.store,
            origin=config.log_origin,
            signer=signer,
            own_key=_own_key(participant),
            readers=log_readers(participant),
            policy=_own_policy(participant),
            cosigners=_cosigners(participant, peers),
            retired_keys=_retired_log_keys(participant),
            clock=participant.clock,
            random_bytes=participant.random_bytes,
        )
        policy = Policy.load()
        composer = Composer(participant, policy)
        return cls(
            participant=participant,
            peers=peers,
            log=log,
            policy=policy,
            composer=composer,
            answers=AnswerDesk(participant, log, composer),
            releases=ReleaseDesk(participant, log, composer),
        )

    async def close(self) -> None:
        """Finish what waits in the log, then close log, channels and store."""
        await self.log.close()
        await self.peers.close()
        self.participant.close()


def log_readers(participant: Participant) -> Mapping[str, bytes]:
    """Who may open the bodies of this node's log: the regulators of its own jurisdiction, by key id."""
    now = participant.clock()
    found: dict[str, bytes] = {}
    for listed in _own_list(participant.trust, participant.config.name.jurisdiction, now):
        if "regulator" in listed.roles and listed.id != participant.id:
            found |= {key.kid: b64url_decode(key.text) for key in listed.keys_at("hpke", now)}
    return found


def _own_list(trust: TrustStore, jurisdiction: str, now: int) -> Sequence[ListedParticipant]:
    try:
        return trust.current(jurisdiction, now=now).participants
    except FailedVerification:
        return ()


def _own_policy(participant: Participant) -> WitnessPolicy:
    """The rule of the own jurisdiction; a node without a trust list yet logs for itself, without witnesses."""
    try:
        requirement = witness_requirement(
            participant.trust, log_owner=participant.id, reader=participant.id, now=participant.clock()
        )
    except FailedVerification:
        return WitnessPolicy.of(0, ())
    return requirement.policies()[0]


def _cosigners(participant: Participant, peers: Peers) -> list[Cosigner]:
    """Every witness that a rule of a current list names, for readers of any jurisdiction may ask for it."""
    now, names = participant.clock(), dict[str, None]()
    for held in participant.trust.held_lists():
        names |= dict.fromkeys(held.trust_list.witness_rule.witnesses)
    witnesses: list[Cosigner] = []
    for name in names:
        if name == participant.id:
            continue
        try:
            listed = participant.trust.participant(name, now=now)
        except FailedVerification:
            continue
        keys = listed.keys_at("witness", now)
        if keys:
            newest = max(keys, key=lambda key: key.valid_from)
            witnesses.append(PeerWitness(peers, name, VerifierKey.parse(newest.text)))
    return witnesses


def _retired_log_keys(participant: Participant) -> list[VerifierKey]:
    """The keys that earlier checkpoints of this log were signed with."""
    origin = participant.config.log_origin
    current = participant.identity.record(KeyUse.LOG).kid
    return [
        VerifierKey(origin, TYPE_ED25519, b64url_decode(record.jwk["x"]))
        for record in participant.identity.ring.records(KeyUse.LOG)
        if record.kid != current
    ]


def _own_key(participant: Participant) -> bytes:
    """Derived from the node's first storage key, which rotation keeps: old bodies stay readable to their node."""
    ring = participant.identity.ring
    first = ring.private_key(ring.records(KeyUse.STORAGE)[0])
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=OWN_KEY_INFO)
    return derive.derive(first.private_bytes_raw())  # type: ignore[union-attr]  # storage keys are X25519
