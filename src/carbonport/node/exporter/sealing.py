"""Sealing: the exporter's signature over what the gate composed, and the log fields of the entry that records it."""

from carbonport.attestation.evidence import Evidence
from carbonport.attestation.presentation import PresentationSeal
from carbonport.attestation.statement import StatusReference
from carbonport.classification.egress import Disclosure
from carbonport.crypto.log_entry import FieldName, payload_digest
from carbonport.node.exporter import issued
from carbonport.node.exporter.log_fields import items_field
from carbonport.node.exporter.prepared_statement import PreparedStatement
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.participant import Participant


def presentation_seal(
    participant: Participant,
    prepared: PreparedStatement,
    evidence: Evidence,
    *,
    process: str,
    attestation_id: str,
    status_index: int,
    supersedes: str,
    policy_hash: str,
) -> PresentationSeal:
    """The signer, with the seal key in force, that turns the gate's claims into the presentation that crosses with
    `evidence`."""
    return PresentationSeal(
        key=participant.signing_key(KeyUse.SEAL),
        issuer=participant.id,
        attestation_id=attestation_id,
        process=process,
        statement=prepared.version.token,
        statement_issuer=prepared.statement.issuer,
        statement_receipt=prepared.version.statement_receipt(),
        evidence=evidence,
        status=StatusReference(issued.status_uri(participant), status_index),
        issued_at=participant.clock(),
        policy=policy_hash,
        random_bytes=participant.random_bytes,
        supersedes=supersedes,
    )


def issue_fields(attestation_id: str, disclosure: Disclosure) -> dict[str, bytes]:
    """The fields of an entry of type `issue`."""
    return {
        FieldName.PAYLOAD: payload_digest(disclosure.payload),
        FieldName.RECIPIENT: disclosure.recipient.encode(),
        FieldName.PURPOSE: disclosure.purpose.encode(),
        FieldName.ITEMS: items_field(disclosure.items, disclosure.decision_id),
        FieldName.POLICY: disclosure.policy_hash.encode(),
        FieldName.DECISION: disclosure.decision_id.encode(),
        FieldName.APPROVAL: disclosure.approval.encode(),
        FieldName.SUBJECT: attestation_id.encode(),
    }
