"""The card: what a participant gives its regulator to be listed, as one readable JSON file.

It holds the entry a trust list would carry (name, roles, endpoint, public keys with their validity, retired
ones included) and a proof by the node's seal that the holder of the keys wrote it. A card is a request:
roles, accreditation and listing itself are the regulator's to grant.
"""

import json
from dataclasses import dataclass

from carbonport.attestation.participants import (
    NodeEntry,
    Participant,
    TrustedKey,
    participant_to_json,
    read_participant,
)
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, canonical_bytes, parse_json
from carbonport.crypto.jws import SigningKey, sign_jws, verify_jws
from carbonport.crypto.notes import TYPE_COSIGNATURE, TYPE_ED25519, VerifierKey
from carbonport.errors import FailedVerification, Malformed
from carbonport.node.config import NodeConfig
from carbonport.node.identity.key_ring import UNPUBLISHED, KeyRecord, KeyUse
from carbonport.node.identity.names import ParticipantName
from carbonport.node.identity.node_identity import KEY_LIFETIME_S, NodeIdentity
from carbonport.node.identity.public_keys import p256_from_jwk, spki_pin

CARD_TYPE = "carbonport-card/v1"
"""Format of a card."""

PROOF_TYPE = "carbonport-card+jwt"
"""JWS type of a card's proof."""

MAX_CARD_BYTES = 256 * 1024
"""Longest card read: some hundred retired keys."""

MAX_CLOCK_SKEW_S = 300
"""How far in the future a card may say it was made."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card whose proof held."""

    participant: Participant
    issued_at: int


def participant_entry(identity: NodeIdentity, config: NodeConfig) -> Participant:
    """The entry that describes this node now."""
    now = identity.clock()
    records = [record for record in identity.ring.records() if record.use not in UNPUBLISHED]
    pins = [
        spki_pin(p256_from_jwk(record.jwk))
        for record in identity.ring.records(KeyUse.TLS_ISSUER)
        if record.valid_until is None or record.valid_until > now
    ]
    return Participant(
        id=str(identity.name),
        name=config.node.name,
        country=config.node.country,
        roles=frozenset(config.node.roles),
        node=NodeEntry(endpoint=config.node.endpoint, tls_pins=tuple(pins), spiffe=identity.name.spiffe_id),
        keys=tuple(_trusted_key(record, config, now) for record in records),
        identifiers=dict(config.identifiers),
    )


def make_card(identity: NodeIdentity, config: NodeConfig) -> str:
    """The card as the text of a JSON file."""
    body: dict[str, Json] = {
        "type": CARD_TYPE,
        "issued_at": identity.clock(),
        "participant": participant_to_json(participant_entry(identity, config)),
    }
    key = SigningKey.from_pem(identity.signing_pem(KeyUse.SEAL))
    proof = sign_jws(key, {"typ": PROOF_TYPE}, canonical_bytes(body))
    return json.dumps({**body, "proof": proof}, ensure_ascii=False, indent=1) + "\n"


def read_card(content: bytes, *, now: int) -> Card:
    """Read a card and check its proof: that the holder of the seal in it wrote exactly this."""
    value = parse_json(content, max_bytes=MAX_CARD_BYTES)
    if not isinstance(value, dict) or set(value) != {"type", "issued_at", "participant", "proof"}:
        raise _malformed("other fields than those of a card")
    body = dict(value)
    proof, issued_at = body.pop("proof"), body["issued_at"]
    if body["type"] != CARD_TYPE or not isinstance(proof, str) or not isinstance(issued_at, int):
        raise _malformed("a card of another format")
    participant = read_entry(body["participant"])
    name = ParticipantName.parse(participant.id)
    if participant.node is None or participant.node.spiffe != name.spiffe_id:
        raise _malformed("an entry without a node of its own name")
    if issued_at > now + MAX_CLOCK_SKEW_S:
        raise _malformed("a card from the future")
    seal = next(iter(participant.keys_at("seal", issued_at)), None)
    if seal is None:
        raise _malformed("no seal that was valid when the card was made")
    verified = verify_jws(proof, seal.jwk, typ=PROOF_TYPE, max_bytes=2 * MAX_CARD_BYTES)
    if verified.payload != canonical_bytes(body):
        raise FailedVerification(
            "identity-card-changed",
            found="a card that says something else than its proof",
            expected="the card as `carbonport card` wrote it",
            remedy="Ask the participant for its card again.",
            where=str(name),
        )
    return Card(participant, issued_at)


def _trusted_key(record: KeyRecord, config: NodeConfig, now: int) -> TrustedKey:
    ends = record.valid_from + KEY_LIFETIME_S if record.valid_until is None else record.valid_until
    raw = b64url_decode(record.jwk["x"])
    jwk, text, form = dict(record.jwk), "", "jwk"
    if record.use is KeyUse.LOG:
        jwk, text, form = {}, str(VerifierKey(config.log_origin, TYPE_ED25519, raw)), "note"
    elif record.use is KeyUse.WITNESS:
        jwk, text, form = {}, str(VerifierKey(config.name.witness_name, TYPE_COSIGNATURE, raw)), "note"
    elif record.use is KeyUse.HPKE:
        jwk, text, form = {}, b64url_encode(raw), "hpke"
    return TrustedKey(
        kid=record.kid,
        usage=record.use.value,
        format=form,
        jwk=jwk,
        text=text,
        valid_from=record.valid_from,
        valid_until=ends,
        status="active" if now < ends else "retired",
    )


def read_entry(entry: Json) -> Participant:
    """Read an entry with the strictness of a trust list."""
    fields = StrictFields(entry, "card")
    participant = read_participant(fields)
    fields.finish()
    return participant


def _malformed(found: str) -> Malformed:
    return Malformed(
        "identity-card",
        found=found,
        expected="a card as `carbonport card` writes it",
        remedy="Ask the participant for its card again.",
    )
