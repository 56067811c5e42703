"""What crosses the border as one piece: credential, statement, the statement's receipt, and evidence.

Canonical JSON (RFC 8785). The exporter's gate hands its claims to the composer, the composer signs and puts
the piece together, the exporter's log takes the SHA-256 of exactly these bytes, and the importer keeps them
unchanged: whoever checks later hashes the same bytes. The signed parts are opaque strings in it and are never
re-serialised. Reading checks form only; nothing in it is believed before `carbonport.attestation.checks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.credential import (
    MAX_CREDENTIAL_BYTES,
    AttestationHeader,
    StatementPointer,
    issue_attestation,
)
from carbonport.attestation.evidence import Evidence, read_evidence
from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.statement import MAX_STATEMENT_BYTES, StatusReference, statement_digest
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.jws import SigningKey
from carbonport.crypto.receipt import MAX_RECEIPT_BYTES, Receipt
from carbonport.errors import Malformed

PRESENTATION_FORMAT = "carbonport-presentation/1"
"""Names the format."""

GATE_CLAIMS_VERSION = 1
"""Version of the claims that the gate hands to its signer."""

MAX_EVIDENCE_BYTES = 2 * 1024 * 1024
"""Room for the evidence: a graph of at most 256 KiB, and a proof."""

MAX_PRESENTATION_BYTES = (
    MAX_STATEMENT_BYTES + MAX_CREDENTIAL_BYTES + MAX_EVIDENCE_BYTES + 2 * MAX_RECEIPT_BYTES
)
"""Largest presentation."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """The parts. `credential` is an SD-JWT, `statement` a compact JWS, `statement_receipt` the verifier's log
    receipt over the statement's bytes."""

    credential: str
    statement: str
    statement_receipt: Receipt
    evidence: Evidence

    def encode(self) -> bytes:
        """The bytes that cross."""
        parts: Json = {
            "format": PRESENTATION_FORMAT,
            "credential": self.credential,
            "statement": self.statement,
            "statementReceipt": self.statement_receipt.to_json(),
            "evidence": self.evidence.to_json(),
        }
        return canonical_bytes(parts)

    @classmethod
    def decode(cls, data: bytes) -> "Presentation":
        """Read a presentation; raises `Malformed` unless it is exactly of the form."""
        value = parse_canonical(data, max_bytes=MAX_PRESENTATION_BYTES, where="presentation")
        fields = StrictFields(value, "presentation")
        if fields.text("format") != PRESENTATION_FORMAT:
            raise Malformed(
                "presentation-format",
                found="a presentation of another format",
                expected=PRESENTATION_FORMAT,
                remedy="Use a version of the program that knows the format.",
            )
        presentation = cls(
            credential=fields.text("credential", max_chars=MAX_CREDENTIAL_BYTES),
            statement=fields.text("statement", max_chars=MAX_STATEMENT_BYTES),
            statement_receipt=Receipt.from_json(fields.value("statementReceipt")),
            evidence=read_evidence(fields.value("evidence")),
        )
        fields.finish()
        return presentation


@dataclass(frozen=True, slots=True, repr=False)
class PresentationSeal:
    """The signer that the exporter hands to its gate: from the gate's claims to the bytes that cross.

    It takes every item from the claims and no value from anywhere else. `evidence` was made for the same claims:
    it is about their results, and bound to their recipient, purpose and consignment. `issued_at` is in unix
    seconds; `policy` is the hash of the policy the gate decides under.
    """

    key: SigningKey
    issuer: str
    attestation_id: str
    process: str
    statement: str
    statement_issuer: str
    statement_receipt: Receipt
    evidence: Evidence
    status: StatusReference
    issued_at: int
    policy: str
    random_bytes: RandomBytes
    supersedes: str = ""

    def __call__(self, claims: Mapping[str, Json]) -> bytes:
        """Sign the claims (`recipient`, `purpose`, `decision`, `items`) and put the presentation together."""
        fields = StrictFields(claims, "claims of the gate")
        if fields.integer("v") != GATE_CLAIMS_VERSION:
            raise Malformed(
                "presentation-claims",
                found="claims of another version",
                expected=f"version {GATE_CLAIMS_VERSION}",
                remedy="This is a defect of the program: gate and signer disagree.",
            )
        header = AttestationHeader(
            id=self.attestation_id,
            issuer=self.issuer,
            importer=fields.text("recipient", pattern=PARTICIPANT_ID),
            purpose=fields.text("purpose"),
            process=self.process,
            statement=StatementPointer(statement_digest(self.statement), self.statement_issuer),
            status=self.status,
            issued_at=self.issued_at,
            decision=fields.text("decision"),
            policy=self.policy,
            supersedes=self.supersedes,
        )
        value = fields.value("items")
        items = value if isinstance(value, Mapping) else {}
        fields.finish()
        presentation = Presentation(
            credential=issue_attestation(header, items, self.key, random_bytes=self.random_bytes),
            statement=self.statement,
            statement_receipt=self.statement_receipt,
            evidence=self.evidence,
        )
        return presentation.encode()
