"""A verification statement held against the trust lists, by a reader who is shown nothing else of an exchange."""

from carbonport.attestation.listed_log import receipt_log_key
from carbonport.attestation.statement import Statement, statement_kid, verify_statement
from carbonport.attestation.witness_rules import witness_requirement
from carbonport.crypto.log_entry import EntryType
from carbonport.crypto.receipt import Receipt
from carbonport.errors import FailedVerification
from carbonport.node.participant import Participant


def verified_with_receipt(participant: Participant, token: str, receipt: Receipt) -> Statement:
    """What a statement says: signed by a listed verifier, accredited for it when its log entry was cosigned.

    Raises FailedVerification: `statement-unknown-verifier`, or as key, receipt, quorum and accreditation fail.
    """
    trust, now, kid = participant.trust, participant.clock(), statement_kid(token)
    for held in trust.held_lists():
        for listed in held.trust_list.participants:
            key = listed.key(kid, "verifier-seal")
            if key is None:
                continue
            statement = verify_statement(token, key.jwk)
            if statement.issuer != listed.id:
                continue
            receipt_log_key(
                trust,
                receipt,
                listed.id,
                payload=token.encode(),
                expected={},
                entry_type=EntryType.STATEMENT,
                now=now,
            )
            rule = witness_requirement(trust, log_owner=listed.id, reader=participant.id, now=now)
            signed_at = rule.check(receipt.checkpoint)
            at = now if signed_at is None else signed_at
            trust.signing_key(listed.id, kid, "verifier-seal", at=at, now=now)
            trust.accreditation(listed.id, statement.activity_groups, at=at, now=now)
            return statement
    raise FailedVerification(
        "statement-unknown-verifier",
        found="a statement signed by no listed verifier",
        expected="a verifier of the trust lists",
        remedy="Add the newest trust lists; if it stays so, do not rely on the statement.",
    )
