"""A participant of a trust list: its roles, node, keys and accreditation, with their strict JSON form.

Keys are JWKs (RFC 7517) named by their thumbprint (RFC 7638), C2SP verifier keys for logs and witnesses, and
raw X25519 keys for HPKE (RFC 9180); the usage of a key fixes its form. Whether a key or accreditation held at
a time is asked of `carbonport.attestation.trust_store`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from carbonport.attestation.strict_fields import MAX_TIME, StrictFields
from carbonport.crypto.canonical import Json, b64url_decode
from carbonport.crypto.jws import Jwk, thumbprint
from carbonport.crypto.notes import TYPE_COSIGNATURE, TYPE_ED25519, VerifierKey
from carbonport.errors import Malformed

MAX_KEYS = 256
"""Most keys of one participant, retired ones included, and of one recognised jurisdiction."""

MAX_SUSPENSIONS = 256
"""Most suspensions kept of one accreditation."""

JURISDICTION = re.compile(r"[A-Z]{2}")
"""A jurisdiction: two capital letters, an ISO 3166 country or `EU`."""

PARTICIPANT_ID = re.compile(r"[A-Z]{2}/[A-Z0-9]{4,35}")
"""`<jurisdiction>/<LEI>` (ISO 17442), or the number of the national registry where there is no LEI."""

HPKE_KEY_BYTES = 32
"""Length of a raw X25519 key."""

SHA256_HEX = re.compile(r"[0-9a-f]{64}")
"""A SHA-256 digest in lowercase hex."""

ULTIMATE_PARENT = re.compile(r"[A-Z0-9]{4,35}")
"""The LEI of the head of a group of undertakings, or its number in the national registry."""

SPIFFE_ID = re.compile(r"spiffe://[a-z]{2}/node/[A-Z0-9]{4,35}")
"""The URI that a node's certificate carries; SPIFFE trust domains are lowercase."""

ROLES = frozenset({"exporter", "importer", "verifier", "regulator", "coordinator", "key-holder"})
"""The roles of a participant."""

KEY_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "seal": "jwk",
        "verifier-seal": "jwk",
        "status": "jwk",
        "tls-issuer": "jwk",
        "log": "note",
        "witness": "note",
        "hpke": "hpke",
    }
)
"""The form of a key by its usage. `jwk`: a public JWK; `note`: a C2SP verifier key; `hpke`: 32 raw bytes,
base64url."""

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
    `national`. `ultimate_parent` is the LEI of the head of its group of undertakings (GLEIF's level 2 data), empty
    when it is in none; the list's issuer says so, not the participant.
    """

    id: str
    name: str
    country: str
    roles: frozenset[str]
    node: NodeEntry | None
    keys: tuple[TrustedKey, ...]
    accreditation: Accreditation | None = None
    identifiers: Mapping[str, str] = field(default_factory=dict)
    ultimate_parent: str = ""

    @property
    def jurisdiction(self) -> str:
        """The jurisdiction whose list holds the participant."""
        return self.id.partition("/")[0]

    @property
    def spiffe(self) -> str:
        """The URI that its node's certificate has to carry."""
        jurisdiction, _, number = self.id.partition("/")
        return f"spiffe://{jurisdiction.lower()}/node/{number}"

    @property
    def undertaking(self) -> str:
        """The group of undertakings it belongs to, by the LEI of the group's head: its own when it is in none."""
        return self.ultimate_parent or self.id.partition("/")[2]

    def key(self, kid: str, usage: str) -> TrustedKey | None:
        """The key of this kid and usage, whatever its validity."""
        return next((key for key in self.keys if key.kid == kid and key.usage == usage), None)

    def keys_at(self, usage: str, time: int) -> tuple[TrustedKey, ...]:
        """The keys of a usage that are valid at `time`."""
        return tuple(key for key in self.keys if key.usage == usage and key.valid_at(time))


def read_public_jwk(value: Json) -> Jwk:
    """A public JWK whose `kid`, if it has one, is its thumbprint."""
    if not isinstance(value, dict) or not value:
        raise contradiction("a key that is no JWK")
    if "d" in value:
        raise Malformed(
            "trust-list-private-key",
            found="a private key in a trust list",
            expected="public keys only",
            remedy="Treat the key as lost: revoke it, and publish a list with its successor's public key.",
        )
    if value.get("kid", kid := thumbprint(value)) != kid:
        raise contradiction("a key under a kid that is not its thumbprint")
    return value


def participant_to_json(item: Participant) -> Json:
    """A participant as a list writes it."""
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
    if item.ultimate_parent:
        value["ultimateParent"] = item.ultimate_parent
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


def read_participant(fields: StrictFields) -> Participant:
    """A participant out of a list; the caller finishes the object."""
    roles = fields.texts("roles", max_items=len(ROLES))
    if not set(roles) <= ROLES:
        raise contradiction("a participant with an unknown role")
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
        ultimate_parent=fields.text("ultimateParent", pattern=ULTIMATE_PARENT)
        if fields.has("ultimateParent")
        else "",
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
    usage = fields.choice("usage", frozenset(KEY_FORMATS))
    status = fields.choice("status", KEY_STATUSES)
    if fields.text("format") != KEY_FORMATS[usage]:
        raise contradiction(f"a {usage} key of another form than {KEY_FORMATS[usage]}")
    kid = fields.text("kid")
    jwk: Jwk = {}
    text = ""
    if KEY_FORMATS[usage] == "jwk":
        jwk = read_public_jwk(fields.value("key"))
        if thumbprint(jwk) != kid:
            raise contradiction("a key under a kid that is not its thumbprint")
    else:
        text = fields.text("key")
        _check_raw_key(usage, text)
    return TrustedKey(
        kid=kid,
        usage=usage,
        format=KEY_FORMATS[usage],
        jwk=jwk,
        text=text,
        valid_from=fields.integer("validFrom"),
        valid_until=fields.integer("validUntil"),
        status=status,
        revoked_at=fields.integer("revokedAt") if status == "revoked" else 0,
    )


def _check_raw_key(usage: str, text: str) -> None:
    """Read here what readers of a list will read later: one unreadable key must not stop their checks."""
    if usage == "hpke":
        if len(b64url_decode(text)) != HPKE_KEY_BYTES:
            raise contradiction("an hpke key of another length")
    elif VerifierKey.parse(text).kind != (TYPE_ED25519 if usage == "log" else TYPE_COSIGNATURE):
        raise contradiction(f"a {usage} key of another signature type")


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


def contradiction(found: str) -> Malformed:
    """The error of a list that says two things at once, or nothing that can be meant."""
    return Malformed(
        "trust-list-contradiction",
        found=found,
        expected="a list in which every name has one meaning",
        remedy="Ask the list's issuer for a corrected list.",
    )
