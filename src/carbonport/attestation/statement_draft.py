"""What the exporter hands to the verifier: the draft of one statement version, with every opening, sealed.

The draft says which goods of which period it is about, what their sealed forms seal, the digests of each good's graphs,
the root of the leaves, the key by which leaves got their places, and per leaf label, value, blinding, salt and
commitment. It goes to the verifier as a file sealed (HPKE, RFC 9180) to the verifier's key and bound to the verifier's
id. It holds single blindings, never the period key. The verifier believes none of it: `carbonport.attestation.bench`
recomputes everything from the ledger. The file is secret and is deleted by the verifier once the statement is signed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from carbonport.attestation.commitments import (
    MAX_LEAVES as MAX_LEAVES,
)
from carbonport.attestation.commitments import (
    NONCE_BYTES,
    ROLE_INPUT,
    ROLE_OUTPUT,
    SALT_BYTES,
    Leaf,
    LeafLabel,
    LeafOpening,
    commit_values,
    leaves_root,
    period_text,
)
from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.sealed_form import Sealing
from carbonport.attestation.shown_graph import PLACE_KEY_BYTES
from carbonport.attestation.signed_figures import SignedFigures, SignedGood
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, canonical_bytes, parse_canonical
from carbonport.crypto.group import Point, decode_scalar, encode_scalar
from carbonport.crypto.sealing import hpke_open, hpke_seal
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import Malformed
from carbonport.footprint.ledger import Ledger

DRAFT_FORMAT = "carbonport-statement-draft/2"
"""Names the format of the sealed content."""

SEALED_FORMAT = "carbonport-sealed-openings/1"
"""Names the format of the file around it."""

SEALING_DOMAIN = "carbonport/openings/v1"
"""Domain string of the HPKE `info`."""

MAX_SEALED_BYTES = 512 * 1024 * 1024
"""Largest sealed openings file: a site with 10^5 source streams has some 10^8 bytes."""

MAX_GOODS = 10_000
"""Most goods of one statement."""

MAX_VALUE_BITS = 256
"""No declared width is larger."""

HEX_DIGEST = re.compile(r"(?:[0-9a-f]{64})|(?:[0-9a-f]{128})")
"""A SHA-256 or TupleHash256 digest in lowercase hex."""

PERIOD = re.compile(r"\d{4}-\d{2}-\d{2}/\d{4}-\d{2}-\d{2}")
"""An ISO 8601 interval of days."""

DIGITS = re.compile(r"0|[1-9][0-9]{0,77}")
"""A canonical non-negative integer of at most 256 bits."""

SCOPES = frozenset({"transitional", "definitive"})
"""The two CBAM regimes a calculation can follow."""


@dataclass(frozen=True, slots=True)
class StatementGood:
    """One good of a statement: the process that makes it, its CN code, its aggregated goods category, and the
    digests (hex) of the calculation graph that its results come from: the open form, and the sealed one (empty where
    there is none)."""

    process: str
    cn: str
    activity_group: str
    graph_digest: str
    sealed_digest: str

    @property
    def graph_digests(self) -> tuple[str, ...]:
        """Those that a proof may be made from."""
        return (self.graph_digest, self.sealed_digest) if self.sealed_digest else (self.graph_digest,)

    def to_json(self) -> Json:
        """The good as it stands in drafts and statements."""
        return {
            "process": self.process,
            "cn": self.cn,
            "activityGroup": self.activity_group,
            "graph": self.graph_digest,
            "sealedGraph": self.sealed_digest,
        }


def read_statement_good(fields: StrictFields) -> StatementGood:
    """A good out of a draft or statement."""
    return StatementGood(
        process=fields.text("process"),
        cn=fields.text("cn"),
        activity_group=fields.text("activityGroup"),
        graph_digest=fields.text("graph", pattern=HEX_DIGEST),
        sealed_digest=fields.text("sealedGraph", pattern=HEX_DIGEST, empty=True),
    )


@dataclass(frozen=True, slots=True, repr=False)
class DraftLeaf:
    """A leaf as the exporter claims it, and its opening. Secret."""

    opening: LeafOpening
    commitment: Point


@dataclass(frozen=True, slots=True, repr=False)
class StatementDraft:
    """One statement version before it is signed. `supersedes` is the SHA-256 (hex) of the statement that this
    version replaces, or empty. Secret, for it holds the openings and the key that numbers the places."""

    nonce: bytes
    place_key: bytes
    version: int
    supersedes: str
    exporter: str
    installation: str
    country: str
    period: str
    scope: str
    sealing: Sealing
    goods: tuple[StatementGood, ...]
    root: bytes
    leaves: tuple[DraftLeaf, ...]


def draft_statement(
    ledger: Ledger,
    figures: SignedFigures,
    *,
    exporter: str,
    scope: str,
    period_key: bytes,
    nonce: bytes,
    version: int = 1,
    supersedes: str = "",
) -> StatementDraft:
    """Commit to the figures of the ledger. `nonce` is 32 fresh random bytes for every version; the figures' place key
    is the one of this nonce (`carbonport.attestation.shown_graph.place_key`)."""
    openings = commit_values(figures.values, period=ledger.period, period_key=period_key, nonce=nonce)
    leaves = [opening.leaf() for opening in openings]
    return StatementDraft(
        nonce=nonce,
        place_key=figures.place_key,
        version=version,
        supersedes=supersedes,
        exporter=exporter,
        installation=ledger.installation,
        country=ledger.country,
        period=period_text(ledger.period),
        scope=scope,
        sealing=figures.sealing,
        goods=statement_goods(figures.goods),
        root=leaves_root(leaves),
        leaves=tuple(
            DraftLeaf(opening, leaf.commitment) for opening, leaf in zip(openings, leaves, strict=True)
        ),
    )


def statement_goods(goods: Sequence[SignedGood]) -> tuple[StatementGood, ...]:
    """What a statement says of each good, in the order of process and CN code."""
    return tuple(
        StatementGood(
            good.process,
            good.cn,
            good.activity_group,
            good.open.digest.hex(),
            "" if good.sealed is None else good.sealed.digest.hex(),
        )
        for good in goods
    )


def seal_draft(draft: StatementDraft, *, verifier: str, hpke_kid: str, hpke_public: bytes) -> bytes:
    """The draft as a file that only the verifier opens."""
    sealed = hpke_seal(hpke_public, _info(verifier, hpke_kid), canonical_bytes(_draft_to_json(draft)))
    envelope = {
        "format": SEALED_FORMAT,
        "verifier": verifier,
        "kid": hpke_kid,
        "sealed": b64url_encode(sealed),
    }
    return canonical_bytes(envelope)


def open_draft(data: bytes, *, verifier: str, hpke_kid: str, hpke_private: bytes) -> StatementDraft:
    """Open and read a sealed draft; raises `Malformed` for another format or addressee, and whatever
    `hpke_open` raises for a file that was changed or is for another key."""
    envelope = StrictFields(parse_canonical(data, max_bytes=MAX_SEALED_BYTES), "sealed openings")
    addressed = (envelope.text("format"), envelope.text("verifier"), envelope.text("kid"))
    sealed = envelope.text("sealed", max_chars=MAX_SEALED_BYTES)
    envelope.finish()
    if addressed != (SEALED_FORMAT, verifier, hpke_kid):
        raise Malformed(
            "openings-addressee",
            found=f"a file of format {addressed[0]} for {addressed[1]}",
            expected=f"{SEALED_FORMAT} for {verifier} and the key {hpke_kid}",
            remedy="Ask the exporter for openings sealed to this verifier's current key.",
        )
    plain = hpke_open(hpke_private, _info(verifier, hpke_kid), b64url_decode(sealed))
    return _draft_from_json(parse_canonical(plain, max_bytes=MAX_SEALED_BYTES))


def _info(verifier: str, kid: str) -> bytes:
    return tuple_hash(SEALING_DOMAIN, verifier, kid)


def _draft_to_json(draft: StatementDraft) -> Json:
    return {
        "format": DRAFT_FORMAT,
        "nonce": draft.nonce.hex(),
        "placeKey": draft.place_key.hex(),
        "version": draft.version,
        "supersedes": draft.supersedes,
        "exporter": draft.exporter,
        "installation": draft.installation,
        "country": draft.country,
        "period": draft.period,
        "scope": draft.scope,
        "sealing": draft.sealing,
        "goods": [good.to_json() for good in draft.goods],
        "root": draft.root.hex(),
        "leaves": [
            {
                "role": item.opening.label.role,
                "path": item.opening.label.path,
                "unit": item.opening.label.unit,
                "decimals": item.opening.label.decimals,
                "bits": item.opening.label.bits,
                "value": str(item.opening.value),
                "blinding": b64url_encode(encode_scalar(item.opening.blinding)),
                "salt": item.opening.salt.hex(),
                "commitment": b64url_encode(item.commitment.encode()),
            }
            for item in draft.leaves
        ],
    }


def _draft_from_json(value: Json) -> StatementDraft:
    fields = StrictFields(value, "statement draft")
    if fields.text("format") != DRAFT_FORMAT:
        raise Malformed(
            "draft-format",
            found="a draft of another format",
            expected=DRAFT_FORMAT,
            remedy="Exporter and verifier need the same version of the program.",
        )
    draft = StatementDraft(
        nonce=read_hex(fields, "nonce", NONCE_BYTES),
        place_key=read_hex(fields, "placeKey", PLACE_KEY_BYTES),
        version=fields.integer("version", minimum=1),
        supersedes=fields.text("supersedes", pattern=HEX_DIGEST, empty=True),
        exporter=fields.text("exporter", pattern=PARTICIPANT_ID),
        installation=fields.text("installation"),
        country=fields.text("country"),
        period=fields.text("period", pattern=PERIOD),
        scope=fields.choice("scope", SCOPES),
        sealing=Sealing(fields.choice("sealing", frozenset(Sealing))),
        goods=fields.each("goods", read_statement_good, max_items=MAX_GOODS),
        root=read_hex(fields, "root", 32),
        leaves=fields.each("leaves", _read_draft_leaf, max_items=MAX_LEAVES),
    )
    fields.finish()
    return draft


def read_label(fields: StrictFields) -> LeafLabel:
    """A leaf's label out of a draft or of evidence."""
    return LeafLabel(
        role=fields.choice("role", frozenset({ROLE_INPUT, ROLE_OUTPUT})),
        path=fields.text("path"),
        unit=fields.text("unit", empty=True),
        decimals=fields.integer("decimals", maximum=MAX_VALUE_BITS),
        bits=fields.integer("bits", minimum=1, maximum=MAX_VALUE_BITS),
    )


def read_hex(fields: StrictFields, name: str, length: int) -> bytes:
    """`length` bytes in lowercase hex."""
    return bytes.fromhex(fields.text(name, pattern=re.compile(f"[0-9a-f]{{{2 * length}}}")))


def read_scalar(fields: StrictFields, name: str) -> int:
    """A canonical scalar of the group, base64url."""
    return decode_scalar(b64url_decode(fields.text(name, max_chars=64)))


def read_point(fields: StrictFields, name: str) -> Point:
    """A point of the group, base64url; canonical, on the curve, in the subgroup, not the identity."""
    return Point.decode(b64url_decode(fields.text(name, max_chars=128)))


def _read_draft_leaf(fields: StrictFields) -> DraftLeaf:
    opening = LeafOpening(
        label=read_label(fields),
        value=int(fields.text("value", pattern=DIGITS)),
        blinding=read_scalar(fields, "blinding"),
        salt=read_hex(fields, "salt", SALT_BYTES),
    )
    return DraftLeaf(opening, read_point(fields, "commitment"))


def claimed_leaves(draft: StatementDraft) -> tuple[Leaf, ...]:
    """The leaves with the commitments as the exporter claims them, in the draft's order."""
    return tuple(Leaf(item.opening.label, item.commitment, item.opening.salt) for item in draft.leaves)
