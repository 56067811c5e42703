"""The trust list of a jurisdiction: who takes part, with which keys, nodes and accreditations, and whom it
recognises.

One list per jurisdiction, a compact JWS (ES256) signed by a list key of that jurisdiction. Lists are
numbered and chained (`seq`, `prevHash` = SHA-256 of the list before), and say when the next one is due.
Each list pins the list-signing keys of the jurisdictions it recognises: trust is bilateral, there is no
global root. This module is the format alone: what a list says, its strict encoding and decoding. Whether a
list is believed, and what held at a given time, is `carbonport.attestation.trust_store`.

The shape follows X-Road's global configuration, made small; keys are JWKs (RFC 7517) named by their
thumbprint (RFC 7638), C2SP verifier keys for logs and witnesses, and raw X25519 keys for HPKE (RFC 9180).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.participants import (
    JURISDICTION,
    MAX_KEYS,
    PARTICIPANT_ID,
    SHA256_HEX,
    Accreditation,
    NodeEntry,
    Participant,
    Suspension,
    TrustedKey,
    contradiction,
    participant_to_json,
    read_participant,
    read_public_jwk,
)
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.jws import Jwk, SigningKey, sign_jws

__all__ = [
    "Accreditation",
    "NodeEntry",
    "Participant",
    "Suspension",
    "TrustList",
    "TrustedKey",
    "WitnessRule",
    "issue_trust_list",
    "trust_list_from_json",
    "trust_list_hash",
    "trust_list_to_json",
]

TRUST_LIST_TYPE = "carbonport-trust-list+jwt"
"""The `typ` of a trust list's JWS."""

MAX_TRUST_LIST_BYTES = 8 * 1024 * 1024
"""Longest trust list as a compact JWS: some ten thousand participants."""

MAX_PARTICIPANTS = 20_000
"""Most participants of one list."""


@dataclass(frozen=True, slots=True)
class WitnessRule:
    """Whose cosignatures a log needs: at least `quorum` of the witness keys of `witnesses` (participant ids).

    The rule of a list holds for the logs of its own participants, and for what its own participants accept.
    A log's operator never counts as its witness. `quorum` 0 asks for none: then nothing shows the time but
    the receiver's log.
    """

    quorum: int
    witnesses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrustList:
    """What one list says. `recognised` maps a jurisdiction to the public JWKs that may sign its lists."""

    jurisdiction: str
    seq: int
    issued_at: int
    next_update: int
    prev_hash: str
    recognised: Mapping[str, tuple[Jwk, ...]]
    participants: tuple[Participant, ...]
    witness_rule: WitnessRule


def trust_list_hash(token: str) -> str:
    """SHA-256 (hex) of a list's compact JWS: what the next list names as `prevHash`."""
    return hashlib.sha256(token.encode()).hexdigest()


def issue_trust_list(trust_list: TrustList, key: SigningKey) -> str:
    """Sign a list; the result is what is published. Reading it back is checked, so that no unreadable list
    leaves.
    """
    payload = canonical_bytes(trust_list_to_json(trust_list))
    trust_list_from_json(parse_canonical(payload, max_bytes=MAX_TRUST_LIST_BYTES))
    return sign_jws(key, {"typ": TRUST_LIST_TYPE}, payload)


def trust_list_to_json(trust_list: TrustList) -> Json:
    """The payload of a list's JWS."""
    return {
        "iss": trust_list.jurisdiction,
        "seq": trust_list.seq,
        "iat": trust_list.issued_at,
        "nextUpdate": trust_list.next_update,
        "prevHash": trust_list.prev_hash,
        "recognised": [
            {"jurisdiction": name, "keys": [dict(jwk) for jwk in keys]}
            for name, keys in sorted(trust_list.recognised.items())
        ],
        "participants": [participant_to_json(item) for item in trust_list.participants],
        "witnessPolicy": {
            "quorum": trust_list.witness_rule.quorum,
            "witnesses": list(trust_list.witness_rule.witnesses),
        },
    }


def trust_list_from_json(value: Json) -> TrustList:
    """Read a payload strictly; raises `Malformed` for anything that is not of this format."""
    fields = StrictFields(value, "trust list")
    jurisdiction = fields.text("iss", pattern=JURISDICTION)
    recognised = fields.each("recognised", _read_recognised, max_items=MAX_KEYS)
    rule = fields.nested("witnessPolicy")
    trust_list = TrustList(
        jurisdiction=jurisdiction,
        seq=fields.integer("seq", minimum=1),
        issued_at=fields.integer("iat"),
        next_update=fields.integer("nextUpdate"),
        prev_hash=fields.text("prevHash", pattern=SHA256_HEX, empty=True),
        recognised=dict(recognised),
        participants=fields.each("participants", read_participant, max_items=MAX_PARTICIPANTS),
        witness_rule=WitnessRule(
            quorum=rule.integer("quorum", maximum=MAX_KEYS),
            witnesses=rule.texts("witnesses", pattern=PARTICIPANT_ID, max_items=MAX_KEYS),
        ),
    )
    rule.finish()
    fields.finish()
    _refuse_ambiguity(trust_list, len(recognised))
    return trust_list


def _refuse_ambiguity(trust_list: TrustList, recognised: int) -> None:
    """One meaning for every name: an id, a kid, a spiffe URI or a jurisdiction stands once."""
    if trust_list.jurisdiction in trust_list.recognised or recognised != len(trust_list.recognised):
        raise contradiction("a jurisdiction recognised twice, or its own among the recognised")
    ids = [item.id for item in trust_list.participants]
    spiffe = [item.node.spiffe for item in trust_list.participants if item.node is not None]
    kids = [(key.kid, key.usage) for item in trust_list.participants for key in item.keys]
    if any(len(set(names)) != len(names) for names in (ids, spiffe, kids)):
        raise contradiction("a participant, SPIFFE URI or key that stands twice")
    if any(item.node is not None and item.node.spiffe != item.spiffe for item in trust_list.participants):
        raise contradiction("a node whose SPIFFE URI is not its participant's")
    if any(item.jurisdiction != trust_list.jurisdiction for item in trust_list.participants):
        raise contradiction("a participant of another jurisdiction")
    if trust_list.next_update <= trust_list.issued_at:
        raise contradiction("a next update before the issue")
    if trust_list.witness_rule.quorum > len(trust_list.witness_rule.witnesses):
        raise contradiction("a quorum larger than the number of witnesses")


def _read_recognised(fields: StrictFields) -> tuple[str, tuple[Jwk, ...]]:
    name = fields.text("jurisdiction", pattern=JURISDICTION)
    return name, tuple(read_public_jwk(item) for item in fields.items("keys", max_items=MAX_KEYS))
