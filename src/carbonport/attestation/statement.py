"""The verification statement: what an accredited verifier signed after recomputing an installation's figures.

A compact JWS (ES256) over canonical JSON: nonce and version, exporter, installation, period and scope, the
root of the salted leaves (see `carbonport.attestation.commitments`), per good the digest of its canonical
calculation graph, per activity level in tonnes its lot (see `carbonport.attestation.lots`), materiality, opinion,
accreditation and a place in the verifier's status list. Its identity is the SHA-256 of the whole token.

`iat` is the signer's own word and decides nothing. When it was signed is shown by a log: the verifier logs
the digest at once, and that receipt travels beside the statement. A statement says that the verifier signed
these commitments and graphs; not that the tonnes are physically true.
"""

import hashlib
from dataclasses import dataclass

from carbonport.attestation.commitments import NONCE_BYTES
from carbonport.attestation.lots.lot_terms import LotTerms, read_lot_terms
from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.statement_draft import (
    HEX_DIGEST,
    MAX_GOODS,
    MAX_LEAVES,
    PERIOD,
    SCOPES,
    StatementGood,
    read_hex,
    read_statement_good,
)
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.jws import Jwk, SigningKey, payload_of_known, peek_header, sign_jws, verify_jws
from carbonport.errors import FailedVerification, Malformed

STATEMENT_TYPE = "carbonport-statement+jwt"
"""The `typ` of a statement's JWS."""

STATEMENT_FORMAT = "carbonport-statement/1"
"""Names the format of the payload."""

MAX_STATEMENT_BYTES = 8 * 1024 * 1024
"""Longest statement as a compact JWS: ten thousand goods."""

OPINIONS = frozenset({"satisfactory", "satisfactory-with-comments", "not-satisfactory"})
"""The verifier's opinion on the emissions report: verified as satisfactory, so with comments, or not."""

MATERIALITY_OUTCOMES = frozenset({"none", "not-material", "material", "sent-back"})
"""No difference between the operator's figures and the recomputation, one below the threshold, one at or above
it, or one that a national rule sends the report back for."""

MISSTATED = frozenset({"material", "sent-back"})
"""Outcomes with which values are not declared."""

MATERIALITY_BASES = frozenset({"operator-report", "documents"})
"""What the recomputation was compared with: the results that the operator reported, or the results of the same
documents before rounding to declared decimals."""

OPENINGS_KEPT = frozenset({"deleted", "kept"})
"""What the verifier does with its openings file once it has signed."""

PERCENT_DIGITS = 32
"""Longest percentage written as a decimal."""

MAX_COMMENTS = 100
"""Most comments of a statement."""

STATUS_BITS_LIMIT = 1 << 24
"""Largest index into a status list."""


@dataclass(frozen=True, slots=True)
class StatusReference:
    """A place in a Token Status List: the list's URI and the index in it."""

    uri: str
    index: int

    def to_json(self) -> Json:
        """As the Token Status List draft writes it in a `status` claim."""
        return {"status_list": {"uri": self.uri, "idx": self.index}}


def read_status_reference(value: Json) -> StatusReference:
    """A `status` claim."""
    outer = StrictFields(value, "status")
    inner = outer.nested("status_list")
    outer.finish()
    reference = StatusReference(inner.text("uri"), inner.integer("idx", maximum=STATUS_BITS_LIMIT))
    inner.finish()
    return reference


@dataclass(frozen=True, slots=True)
class Materiality:
    """The largest relative difference per good between an operator's SEE or SEFA and the verifier's
    recomputation, in percent as plain decimals, against the threshold; `profile` names the rules, `basis` what
    was compared (`carbonport.attestation.materiality`)."""

    threshold_percent: str
    largest_percent: str
    outcome: str
    profile: str = "eu"
    basis: str = "documents"


@dataclass(frozen=True, slots=True)
class AccreditationReference:
    """Under which accreditation the verifier signs; the trust list says whether it held."""

    body: str
    certificate: str
    scheme: str


@dataclass(frozen=True, slots=True)
class Statement:
    """The content of a verification statement. `supersedes` is the digest (hex) of the version it replaces,
    or empty; `root` is the root of the leaves, `leaf_count` their number.
    """

    issuer: str
    exporter: str
    installation: str
    country: str
    period: str
    scope: str
    nonce: bytes
    version: int
    supersedes: str
    root: bytes
    leaf_count: int
    goods: tuple[StatementGood, ...]
    materiality: Materiality
    opinion: str
    comments: tuple[str, ...]
    accreditation: AccreditationReference
    openings: str
    status: StatusReference
    issued_at: int
    lots: tuple[LotTerms, ...] = ()

    @property
    def activity_groups(self) -> tuple[str, ...]:
        """The aggregated goods categories that the verifier must be accredited for."""
        return tuple(sorted({good.activity_group for good in self.goods}))

    def good(self, process: str, cn: str) -> StatementGood | None:
        """The good of this process and CN code, if the statement is about it."""
        return next((good for good in self.goods if (good.process, good.cn) == (process, cn)), None)


def statement_digest(token: str) -> str:
    """SHA-256 (hex) of a statement's compact JWS: what attestations point to and the verifier's log holds."""
    return hashlib.sha256(token.encode()).hexdigest()


def sign_statement(statement: Statement, key: SigningKey) -> str:
    """The statement as a compact JWS; it is read back first, so that no unreadable statement is signed.

    The bench calls this after its checks (`carbonport.attestation.bench`); nothing is checked here.
    """
    payload = canonical_bytes(_statement_to_json(statement))
    _statement_from_json(parse_canonical(payload, max_bytes=MAX_STATEMENT_BYTES))
    return sign_jws(key, {"typ": STATEMENT_TYPE}, payload)


def statement_kid(token: str) -> str:
    """The key that a statement names; unverified, good for looking it up in a trust list."""
    _require_size(token)
    return str(peek_header(token).get("kid", ""))


def verify_statement(token: str, jwk: Jwk) -> Statement:
    """Check the signature with the verifier's key, then read the content strictly.

    Whose key it is, and whether it and the accreditation held at the signing time, is the trust store's
    matter.
    """
    _require_size(token)
    verified = verify_jws(token, jwk, typ=STATEMENT_TYPE, max_bytes=MAX_STATEMENT_BYTES)
    return _statement_from_json(parse_canonical(verified.payload, max_bytes=MAX_STATEMENT_BYTES))


def known_statement(token: str, digest: str) -> Statement:
    """The content of a statement that is believed for its digest, which the caller found in a document it believes.

    Raises `FailedVerification` (`statement-other`) for another token. The verifier's signature is not checked.
    """
    _require_size(token)
    if statement_digest(token) != digest:
        raise FailedVerification(
            "statement-other",
            found="a statement of another digest",
            expected=f"the statement {digest[:16]}",
            remedy="Ask for the statement that the document names.",
        )
    payload = payload_of_known(token, typ=STATEMENT_TYPE, max_bytes=MAX_STATEMENT_BYTES)
    return _statement_from_json(parse_canonical(payload, max_bytes=MAX_STATEMENT_BYTES))


def _require_size(token: str) -> None:
    if len(token) > MAX_STATEMENT_BYTES:
        raise Malformed(
            "statement-size",
            found=f"a statement of {len(token)} characters",
            expected=f"at most {MAX_STATEMENT_BYTES}",
            remedy="Check that this is a verification statement.",
        )


def _statement_to_json(statement: Statement) -> Json:
    return {
        "format": STATEMENT_FORMAT,
        "iss": statement.issuer,
        "sub": statement.exporter,
        "installation": statement.installation,
        "country": statement.country,
        "period": statement.period,
        "scope": statement.scope,
        "nonce": statement.nonce.hex(),
        "version": statement.version,
        "supersedes": statement.supersedes,
        "leaves": {"root": statement.root.hex(), "count": statement.leaf_count},
        "goods": [good.to_json() for good in statement.goods],
        "lots": [terms.to_json() for terms in statement.lots],
        "materiality": {
            "thresholdPercent": statement.materiality.threshold_percent,
            "largestPercent": statement.materiality.largest_percent,
            "outcome": statement.materiality.outcome,
            "profile": statement.materiality.profile,
            "basis": statement.materiality.basis,
        },
        "opinion": statement.opinion,
        "comments": list(statement.comments),
        "accreditation": {
            "body": statement.accreditation.body,
            "certificate": statement.accreditation.certificate,
            "scheme": statement.accreditation.scheme,
        },
        "openings": statement.openings,
        "status": statement.status.to_json(),
        "iat": statement.issued_at,
    }


def _statement_from_json(value: Json) -> Statement:
    fields = StrictFields(value, "verification statement")
    if fields.text("format") != STATEMENT_FORMAT:
        raise Malformed(
            "statement-format",
            found="a statement of another format",
            expected=STATEMENT_FORMAT,
            remedy="Use a version of the program that knows the format.",
        )
    leaves = fields.nested("leaves")
    materiality = fields.nested("materiality")
    accreditation = fields.nested("accreditation")
    statement = Statement(
        issuer=fields.text("iss", pattern=PARTICIPANT_ID),
        exporter=fields.text("sub", pattern=PARTICIPANT_ID),
        installation=fields.text("installation"),
        country=fields.text("country"),
        period=fields.text("period", pattern=PERIOD),
        scope=fields.choice("scope", SCOPES),
        nonce=read_hex(fields, "nonce", NONCE_BYTES),
        version=fields.integer("version", minimum=1),
        supersedes=fields.text("supersedes", pattern=HEX_DIGEST, empty=True),
        root=read_hex(leaves, "root", 32),
        leaf_count=leaves.integer("count", minimum=1, maximum=MAX_LEAVES),
        goods=fields.each("goods", read_statement_good, max_items=MAX_GOODS),
        materiality=Materiality(
            threshold_percent=materiality.text("thresholdPercent", max_chars=PERCENT_DIGITS),
            largest_percent=materiality.text("largestPercent", max_chars=PERCENT_DIGITS),
            outcome=materiality.choice("outcome", MATERIALITY_OUTCOMES),
            profile=materiality.text("profile"),
            basis=materiality.choice("basis", MATERIALITY_BASES),
        ),
        opinion=fields.choice("opinion", OPINIONS),
        comments=fields.texts("comments", max_items=MAX_COMMENTS),
        accreditation=AccreditationReference(
            body=accreditation.text("body"),
            certificate=accreditation.text("certificate"),
            scheme=accreditation.text("scheme"),
        ),
        openings=fields.choice("openings", OPENINGS_KEPT),
        status=read_status_reference(fields.value("status")),
        issued_at=fields.integer("iat"),
        lots=fields.each("lots", read_lot_terms, max_items=MAX_GOODS),
    )
    for part in (leaves, materiality, accreditation, fields):
        part.finish()
    _require_lots_of_goods(statement)
    if len({(good.process, good.cn) for good in statement.goods}) != len(statement.goods):
        raise Malformed(
            "statement-goods",
            found="a good that stands twice",
            expected="every good once",
            remedy="Ask the verifier for a corrected statement.",
        )
    return statement


def _require_lots_of_goods(statement: Statement) -> None:
    """One lot for an activity level, and none but for the statement's own goods."""
    processes = [terms.process for terms in statement.lots]
    paths = {terms.path for terms in statement.lots}
    strangers = set(processes) - {good.process for good in statement.goods}
    if strangers or len(set(processes)) != len(processes) or len(paths) != len(processes):
        raise Malformed(
            "statement-lots",
            found="a lot of a process without a good, or a process or activity level with two lots",
            expected="one lot for each activity level of the statement's goods",
            remedy="Ask the verifier for a corrected statement.",
        )
