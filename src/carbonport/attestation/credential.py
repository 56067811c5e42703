"""The attestation: what an exporter states of one good for one consignment, as an SD-JWT VC.

The items come from the gate, composed there, and each is selectively disclosable: the importer receives all
of them and can later show a part. Always visible are issuer, importer, process, the pointer to the
verification statement, the place in the issuer's status list, and the gate's decision. The credential is
bound to one importer and one consignment. It says what the exporter attests; that a verifier signed the
results is shown by the evidence beside it (`carbonport.attestation.evidence`).

Format and draft number: `carbonport.crypto.sdjwt`.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.statement import StatusReference, read_status_reference
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.canonical import Json
from carbonport.crypto.jws import Jwk, SigningKey, peek_header
from carbonport.crypto.sdjwt import issue, verify
from carbonport.errors import Malformed, Misuse
from carbonport.footprint.obligation.published_values import PublishedTable, PublishedValue

ATTESTATION_VCT = "urn:carbonport:vct:cbam-attestation:1"
"""The `vct` of an attestation."""

MAX_CREDENTIAL_BYTES = 256 * 1024
"""Longest credential with its disclosures."""

ATTESTED_RESULTS = frozenset(
    {"see_direct", "see_indirect", "see_indirect_in_scope", "see_total", "default_share"}
)
"""Items that the verifier signed as outputs: an attestation with one of them needs evidence for it."""

COMMITTED_FORM: Mapping[str, Json] = MappingProxyType({"form": "commitment"})
"""What stands in the place of a result that is committed to and not shown."""

ATTESTATION_ID = re.compile(r"[0-9a-f]{32}")
"""16 random bytes in lowercase hex."""

MAX_ITEMS = 256
"""Most items of one attestation."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_VISIBLE = frozenset(
    {
        "iss",
        "iat",
        "vct",
        "id",
        "importer",
        "purpose",
        "process",
        "statement",
        "status",
        "supersedes",
        "decision",
        "policy",
    }
)


@dataclass(frozen=True, slots=True)
class StatementPointer:
    """The verification statement that an attestation rests on: its digest (SHA-256, hex) and who signed
    it.
    """

    digest: str
    issuer: str


@dataclass(frozen=True, slots=True)
class AttestationHeader:
    """What is always visible. `supersedes` is the id of the attestation that this one replaces, or empty;
    `decision` and `policy` are the gate's decision id and the hash of the policy it was made under."""

    id: str
    issuer: str
    importer: str
    purpose: str
    process: str
    statement: StatementPointer
    status: StatusReference
    issued_at: int
    decision: str
    policy: str
    supersedes: str = ""


@dataclass(frozen=True, slots=True)
class Attestation:
    """A verified credential: header and items as the gate composed them."""

    header: AttestationHeader
    items: Mapping[str, Json]

    @property
    def results(self) -> Mapping[str, str]:
        """The items that the verifier signed as outputs: plain decimals by name."""
        return {
            name: self.text(name)
            for name in sorted(ATTESTED_RESULTS & self.items.keys())
            if not isinstance(self.items[name], Mapping)
        }

    @property
    def bounds(self) -> Mapping[str, PublishedValue]:
        """The published values that results are attested not to exceed, in the place of these results."""
        return {
            name: _bound(item)
            for name in sorted(ATTESTED_RESULTS & self.items.keys())
            if isinstance(item := self.items[name], Mapping) and item != COMMITTED_FORM
        }

    @property
    def committed(self) -> tuple[str, ...]:
        """The results that are committed to in the verifier's statement and not shown."""
        return tuple(
            name
            for name in sorted(ATTESTED_RESULTS & self.items.keys())
            if self.items[name] == COMMITTED_FORM
        )

    @property
    def claimed(self) -> tuple[Mapping[str, str], str]:
        """What evidence has to show: results by name, or bounds and the published place that they are from."""
        bounds = self.bounds
        if not bounds:
            return self.results, ""
        return {name: bound.value for name, bound in bounds.items()}, next(iter(bounds.values())).place

    @property
    def period(self) -> str:
        """The reporting period as an ISO 8601 interval."""
        fields = StrictFields(self.items.get("period"), "attestation: period")
        period = f"{fields.text('start')}/{fields.text('end')}"
        fields.finish()
        return period

    def text(self, name: str) -> str:
        """An item that must be there and be a text."""
        return StrictFields(dict(self.items), "attestation").text(name)


def issue_attestation(
    header: AttestationHeader, items: Mapping[str, Json], key: SigningKey, *, random_bytes: RandomBytes
) -> str:
    """Sign the gate's items under `header` with the exporter's node seal; gives the SD-JWT."""
    clash = _VISIBLE & items.keys()
    if clash or len(items) > MAX_ITEMS:
        raise Misuse(
            "attestation-items",
            found=f"{len(items)} items, {len(clash)} of them under a name of the header",
            expected=f"at most {MAX_ITEMS} items under names of their own",
            remedy="Leave issuer, importer and the like to the header.",
        )
    visible: dict[str, Json] = {
        "iss": header.issuer,
        "iat": header.issued_at,
        "vct": ATTESTATION_VCT,
        "id": header.id,
        "importer": header.importer,
        "purpose": header.purpose,
        "process": header.process,
        "statement": {"digest": header.statement.digest, "issuer": header.statement.issuer},
        "status": header.status.to_json(),
        "supersedes": header.supersedes,
        "decision": header.decision,
        "policy": header.policy,
    }
    return issue(key, visible, items, random_bytes=random_bytes)


def attestation_digest(credential: str) -> str:
    """SHA-256 (hex) of what the issuer signed: the JWT of the SD-JWT, without the disclosures.

    The JWT names the digests of all disclosures, so it fixes every item, whichever are shown; a bundle that is
    refreshed or shown in part keeps the digest. One that is sealed anew, after a key rotation, has another.
    """
    return hashlib.sha256(credential.partition("~")[0].encode()).hexdigest()


def attestation_kid(credential: str) -> str:
    """The key that a credential names; unverified, good for looking it up in a trust list."""
    _require_size(credential)
    return str(peek_header(credential.partition("~")[0]).get("kid", ""))


def verify_attestation(credential: str, jwk: Jwk) -> Attestation:
    """Check signature and disclosures with the issuer's key, then read strictly.

    Whose key it is and whether it was valid is the trust store's matter; `iat` is the issuer's own word.
    """
    _require_size(credential)
    claims = verify(credential, jwk, vct=ATTESTATION_VCT, max_bytes=MAX_CREDENTIAL_BYTES)
    visible = {name: value for name, value in claims.items() if name in _VISIBLE}
    items = {name: value for name, value in claims.items() if name not in _VISIBLE}
    fields = StrictFields(visible, "attestation")
    pointer = fields.nested("statement")
    fields.text("vct")
    header = AttestationHeader(
        id=fields.text("id", pattern=ATTESTATION_ID),
        issuer=fields.text("iss", pattern=PARTICIPANT_ID),
        importer=fields.text("importer", pattern=PARTICIPANT_ID),
        purpose=fields.text("purpose"),
        process=fields.text("process"),
        statement=StatementPointer(
            pointer.text("digest", pattern=_DIGEST), pointer.text("issuer", pattern=PARTICIPANT_ID)
        ),
        status=read_status_reference(fields.value("status")),
        issued_at=fields.integer("iat"),
        decision=fields.text("decision"),
        policy=fields.text("policy"),
        supersedes=fields.text("supersedes", pattern=ATTESTATION_ID, empty=True),
    )
    pointer.finish()
    fields.finish()
    return Attestation(header, items)


def _bound(item: Json) -> PublishedValue:
    fields = StrictFields(item, "attestation: bound")
    table = fields.text("table")
    if table not in set(PublishedTable):
        raise Malformed(
            "attestation-bound-table",
            found="a bound from an unknown table",
            expected=" or ".join(PublishedTable),
            remedy="Ask the exporter for a claim against a published table.",
        )
    value = PublishedValue(
        PublishedTable(table), fields.text("version"), fields.text("row"), fields.text("at_most")
    )
    fields.finish()
    return value


def _require_size(credential: str) -> None:
    if len(credential) > MAX_CREDENTIAL_BYTES:
        raise Malformed(
            "attestation-size",
            found=f"a credential of {len(credential)} characters",
            expected=f"at most {MAX_CREDENTIAL_BYTES}",
            remedy="Check that this is an attestation.",
        )
