"""What a participant's own log is opened with: its keys, the readers of its bodies, its witnesses and their rule.

All but the own key follow trust lists and rotations, so they are asked for again while a node serves
(`carbonport.node.following`).
"""

from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carbonport.attestation.trust_list import Participant as ListedParticipant
from carbonport.attestation.trust_store import TrustStore
from carbonport.attestation.witness_rules import witness_requirement
from carbonport.crypto.canonical import b64url_decode
from carbonport.crypto.notes import TYPE_ED25519, NoteSigner, VerifierKey
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import FailedVerification
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.log.add_checkpoint import Cosigner
from carbonport.node.log.log_parties import LogParties
from carbonport.node.log.settings import YEAR_S, LogSettings
from carbonport.node.participant import Participant
from carbonport.node.peer_witness import PeerWitness
from carbonport.node.transport.peers import Peers

OWN_KEY_INFO = b"carbonport/log-own-key/v1"
"""Domain of the key under which a node wraps the body keys of its own log for itself."""


def log_parties(participant: Participant, peers: Peers) -> LogParties:
    """Keys, readers and witnesses as the key ring and the trust lists have them now."""
    origin = participant.config.log_origin
    return LogParties(
        signer=NoteSigner(origin, TYPE_ED25519, participant.identity.ed25519(KeyUse.LOG)),
        readers=log_readers(participant),
        policy=_own_policy(participant),
        sought=_sought_policies(participant),
        cosigners=_cosigners(participant, peers),
        retired_keys=log_keys(participant)[1:],
    )


def log_settings(participant: Participant) -> LogSettings:
    """The bounds of the log, with the retention of the configuration."""
    return LogSettings(retention_s=participant.config.retention.entries_years * YEAR_S)


def log_keys(participant: Participant) -> list[VerifierKey]:
    """Every key that checkpoints of this log may be signed with, the one in force first."""
    origin = participant.config.log_origin
    current = participant.identity.record(KeyUse.LOG)
    others = [item for item in participant.identity.ring.records(KeyUse.LOG) if item.kid != current.kid]
    return [
        VerifierKey(origin, TYPE_ED25519, b64url_decode(record.jwk["x"])) for record in (current, *others)
    ]


def log_readers(participant: Participant) -> Mapping[str, bytes]:
    """Who may open the bodies of this node's log: the regulators of its own jurisdiction, by key id."""
    now = participant.clock()
    found: dict[str, bytes] = {}
    for listed in _own_list(participant.trust, participant.config.name.jurisdiction, now):
        if "regulator" in listed.roles and listed.id != participant.id:
            found |= {key.kid: b64url_decode(key.text) for key in listed.keys_at("hpke", now)}
    return found


def own_key(participant: Participant, info: bytes = OWN_KEY_INFO) -> bytes:
    """Derived from the node's first storage key, which rotation keeps: old bodies stay readable to their node.

    `info` is the domain of another key that is derived alike.
    """
    ring = participant.identity.ring
    first = ring.private_key(ring.records(KeyUse.STORAGE)[0])
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info)
    return derive.derive(first.private_bytes_raw())  # type: ignore[union-attr]  # storage keys are X25519


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


def _sought_policies(participant: Participant) -> list[WitnessPolicy]:
    """What readers of the other jurisdictions ask of this log, beside the own rule (decided by each reader itself)."""
    own, now = participant.config.name.jurisdiction, participant.clock()
    found: list[WitnessPolicy] = []
    for held in participant.trust.held_lists():
        if held.trust_list.jurisdiction == own:
            continue
        reader = f"{held.trust_list.jurisdiction}/any"
        try:
            requirement = witness_requirement(
                participant.trust, log_owner=participant.id, reader=reader, now=now
            )
            found += requirement.policies()
        except FailedVerification:
            # Its list has run out, or asks for what nobody can give: its readers will find no quorum either way.
            continue
    return found


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
