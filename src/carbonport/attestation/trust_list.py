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
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from carbonport.attestation.strict_fields import MAX_TIME, StrictFields
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.jws import Jwk, SigningKey, sign_jws, thumbprint
from carbonport.errors import Malformed

TRUST_LIST_TYPE = "carbonport-trust-list+jwt"
"""The `typ` of a trust list's JWS."""

MAX_TRUST_LIST_BYTES = 8 * 1024 * 1024
"""Longest trust list as a compact JWS: some ten thousand participants."""

MAX_PARTICIPANTS = 20_000
"""Most participants of one list."""

MAX_KEYS = 256
"""Most keys of one participant, retired ones included, and of one recognised jurisdiction."""

MAX_SUSPENSIONS = 256
"""Most suspensions kept of one accreditation."""

JURISDICTION = re.compile(r"[A-Z]{2}")
"""A jurisdiction: two capital letters, an ISO 3166 country or `EU`."""

PARTICIPANT_ID = re.compile(r"[A-Z]{2}/[A-Z0-9]{4,35}")
"""`<jurisdiction>/<LEI>` (ISO 17442), or the number of the national registry where there is no LEI."""

SHA256_HEX = re.compile(r"[0-9a-f]{64}")
"""A SHA-256 digest in lowercase hex."""

SPIFFE_ID = re.compile(r"spiffe://[a-z]{2}/node/[A-Z0-9]{4,35}")
"""The URI that a node's certificate carries; SPIFFE trust domains are lowercase."""

ROLES = frozenset({"exporter", "importer", "verifier", "regulator", "coordinator", "key-holder"})
"""The roles of a participant."""

KEY_USAGES = frozenset({"seal", "verifier-seal", "status", "log", "witness", "hpke", "tls-issuer"})
"""What a key may be used for; a key has exactly one usage."""

KEY_FORMATS = frozenset({"jwk", "note", "hpke"})
"""`jwk`: a public JWK; `note`: a C2SP verifier key; `hpke`: a raw public key, base64url."""

KEY_STATUSES = frozenset({"active", "retired", "revoked"})
"""`retired` keys still verify what they signed in their time; `revoked` ones nothing from `revokedAt` on."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key of a participant. Times are unix seconds; it is valid from `valid_from` until before
    `valid_until`.

    `jwk` is set for the format `jwk`, `text` otherwise (verifier key line, or base64url of the raw key).
    `revoked_at` is 0 unless the status is `revoked`.
    """

    kid: str
    usage: str
    format: str
    jwk: Jwk
    text: str
    valid_from: int
    valid_until: int
    status: str = "active"
    revoked_at: int = 0

    def valid_at(self, time: int) -> bool:
        """Whether a signature made at `time` counts."""
        within = self.valid_from <= time < self.valid_until
        return within and not (self.status == "revoked" and time >= self.revoked_at)


@dataclass(frozen=True, slots=True)
class Suspension:
    """An accreditation did not hold from `start` until before `end`; `end` 0 means it was not lifted yet."""

    start: int
    end: int = 0

    def covers(self, time: int) -> bool:
        """Whether the accreditation was suspended at `time`."""
        return self.start <= time and (self.end == 0 or time < self.end)


@dataclass(frozen=True, slots=True)
class Accreditation:
    """A verifier's accreditation: by which body, under which certificate and scheme, for which activity
    groups.

    Activity groups are the aggregated goods categories of the CBAM acts (`Crude steel`, `Cement clinker`,
    ...).
    """

    body: str
    certificate: str
    scheme: str
    activity_groups: tuple[str, ...]
    valid_from: int
    valid_until: int
    suspensions: tuple[Suspension, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """A participant's node: `host:port`, the SHA-256 (hex) of the SubjectPublicKeyInfo of each TLS key it
    may show (one, or two while it changes), and the SPIFFE URI of its certificate.
    """

    endpoint: str
    tls_pins: tuple[str, ...]
    spiffe: str


@dataclass(frozen=True, slots=True)
class Participant:
    """One participant. `identifiers` holds further public numbers by name: `eori`, `cbam`, `unlocode`,
    `national`.
    """

    id: str
    name: str
    country: str
    roles: frozenset[str]
    node: NodeEntry | None
    keys: tuple[TrustedKey, ...]
    accreditation: Accreditation | None = None
    identifiers: Mapping[str, str] = field(default_factory=dict)

    @property
    def jurisdiction(self) -> str:
        """The jurisdiction whose list holds the participant."""
        return self.id.partition("/")[0]

    def key(self, kid: str, usage: str) -> TrustedKey | None:
        """The key of this kid and usage, whatever its validity."""
        return next((key for key in self.keys if key.kid == kid and key.usage == usage), None)

    def keys_at(self, usage: str, time: int) -> tuple[TrustedKey, ...]:
        """The keys of a usage that are valid at `time`."""
        return tuple(key for key in self.keys if key.usage == usage and key.valid_at(time))


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
        "participants": [_participant_to_json(item) for item in trust_list.participants],
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
        participants=fields.each("participants", _read_participant, max_items=MAX_PARTICIPANTS),
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
        raise _contradiction("a jurisdiction recognised twice, or its own among the recognised")
    ids = [item.id for item in trust_list.participants]
    spiffe = [item.node.spiffe for item in trust_list.participants if item.node is not None]
    kids = [(key.kid, key.usage) for item in trust_list.participants for key in item.keys]
    if any(len(set(names)) != len(names) for names in (ids, spiffe, kids)):
        raise _contradiction("a participant, SPIFFE URI or key that stands twice")
    if any(item.jurisdiction != trust_list.jurisdiction for item in trust_list.participants):
        raise _contradiction("a participant of another jurisdiction")
    if trust_list.next_update <= trust_list.issued_at:
        raise _contradiction("a next update before the issue")
    if trust_list.witness_rule.quorum > len(trust_list.witness_rule.witnesses):
        raise _contradiction("a quorum larger than the number of witnesses")


def _contradiction(found: str) -> Malformed:
    return Malformed(
        "trust-list-contradiction",
        found=found,
        expected="a list in which every name has one meaning",
        remedy="Ask the list's issuer for a corrected list.",
    )


def _read_recognised(fields: StrictFields) -> tuple[str, tuple[Jwk, ...]]:
    name = fields.text("jurisdiction", pattern=JURISDICTION)
    return name, tuple(_read_jwk(item) for item in fields.items("keys", max_items=MAX_KEYS))


def _read_jwk(value: Json) -> Jwk:
    if not isinstance(value, dict) or not value:
        raise _contradiction("a key that is no JWK")
    if "d" in value:
        raise Malformed(
            "trust-list-private-key",
            found="a private key in a trust list",
            expected="public keys only",
            remedy="Treat the key as lost: revoke it, and publish a list with its successor's public key.",
        )
    if value.get("kid", kid := thumbprint(value)) != kid:
        raise _contradiction("a key under a kid that is not its thumbprint")
    return value


def _participant_to_json(item: Participant) -> Json:
    value: dict[str, Json] = {
        "id": item.id,
        "name": item.name,
        "country": item.country,
        "roles": sorted(item.roles),
        "identifiers": dict(item.identifiers),
        "keys": [_key_to_json(key) for key in item.keys],
    }
    if item.node is not None:
        value["node"] = {
            "endpoint": item.node.endpoint,
            "tlsPins": list(item.node.tls_pins),
            "spiffe": item.node.spiffe,
        }
    if item.accreditation is not None:
        held = item.accreditation
        value["accreditation"] = {
            "body": held.body,
            "certificate": held.certificate,
            "scheme": held.scheme,
            "activityGroups": list(held.activity_groups),
            "validFrom": held.valid_from,
            "validUntil": held.valid_until,
            "suspensions": [{"from": item.start, "until": item.end} for item in held.suspensions],
        }
    return value


def _read_participant(fields: StrictFields) -> Participant:
    roles = fields.texts("roles", max_items=len(ROLES))
    if not set(roles) <= ROLES:
        raise _contradiction("a participant with an unknown role")
    identifiers = fields.nested("identifiers")
    names = [name for name in ("eori", "cbam", "unlocode", "national") if identifiers.has(name)]
    known = {name: identifiers.text(name) for name in names}
    identifiers.finish()
    return Participant(
        id=fields.text("id", pattern=PARTICIPANT_ID),
        name=fields.text("name"),
        country=fields.text("country", pattern=JURISDICTION),
        roles=frozenset(roles),
        node=_read_node(fields.nested("node")) if fields.has("node") else None,
        keys=fields.each("keys", _read_key, max_items=MAX_KEYS),
        accreditation=_read_accreditation(fields.nested("accreditation"))
        if fields.has("accreditation")
        else None,
        identifiers=known,
    )


def _read_node(fields: StrictFields) -> NodeEntry:
    node = NodeEntry(
        endpoint=fields.text("endpoint"),
        tls_pins=fields.texts("tlsPins", pattern=SHA256_HEX, max_items=MAX_KEYS),
        spiffe=fields.text("spiffe", pattern=SPIFFE_ID),
    )
    fields.finish()
    return node


def _key_to_json(key: TrustedKey) -> Json:
    value: dict[str, Json] = {
        "kid": key.kid,
        "usage": key.usage,
        "format": key.format,
        "key": dict(key.jwk) if key.format == "jwk" else key.text,
        "validFrom": key.valid_from,
        "validUntil": key.valid_until,
        "status": key.status,
    }
    if key.status == "revoked":
        value["revokedAt"] = key.revoked_at
    return value


def _read_key(fields: StrictFields) -> TrustedKey:
    key_format = fields.choice("format", KEY_FORMATS)
    kid = fields.text("kid")
    jwk = _read_jwk(fields.value("key")) if key_format == "jwk" else {}
    if jwk and thumbprint(jwk) != kid:
        raise _contradiction("a key under a kid that is not its thumbprint")
    status = fields.choice("status", KEY_STATUSES)
    return TrustedKey(
        kid=kid,
        usage=fields.choice("usage", KEY_USAGES),
        format=key_format,
        jwk=jwk,
        text=fields.text("key") if key_format != "jwk" else "",
        valid_from=fields.integer("validFrom"),
        valid_until=fields.integer("validUntil"),
        status=status,
        revoked_at=fields.integer("revokedAt") if status == "revoked" else 0,
    )


def _read_accreditation(fields: StrictFields) -> Accreditation:
    accreditation = Accreditation(
        body=fields.text("body"),
        certificate=fields.text("certificate"),
        scheme=fields.text("scheme"),
        activity_groups=fields.texts("activityGroups", max_items=MAX_KEYS),
        valid_from=fields.integer("validFrom"),
        valid_until=fields.integer("validUntil"),
        suspensions=fields.each("suspensions", _read_suspension, max_items=MAX_SUSPENSIONS),
    )
    fields.finish()
    return accreditation


def _read_suspension(fields: StrictFields) -> Suspension:
    return Suspension(start=fields.integer("from"), end=fields.integer("until", maximum=MAX_TIME))
