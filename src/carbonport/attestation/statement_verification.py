"""What every reader of a verification statement checks: signature, log, time, accreditation, opinion, standing.

A bundle holds its own statement, and those of suppliers whose committed values went into the good. All are checked
alike. Whose key it is and whether key and accreditation held at the time that the verifier's log vouches for is found
in the trust lists alone.
"""

from dataclasses import dataclass

from carbonport.attestation.listed_log import receipt_log_key
from carbonport.attestation.statement import (
    MISSTATED,
    Statement,
    StatusReference,
    statement_kid,
    verify_statement,
)
from carbonport.attestation.trust_list import Accreditation, Participant, TrustedKey
from carbonport.attestation.trust_store import TrustStore
from carbonport.attestation.witness_rules import witness_requirement
from carbonport.crypto.jws import peek_header
from carbonport.crypto.log_entry import EntryType
from carbonport.crypto.receipt import Receipt
from carbonport.crypto.statuslist import verify_status
from carbonport.errors import FailedVerification

NO_QUORUM_ID = "witness-quorum"
"""The error of a checkpoint whose cosignatures do not suffice."""


@dataclass(frozen=True, slots=True)
class StatementVerification:
    """Checks under the trust lists of `store`, as of `now`.

    `reader` is the importer whose jurisdiction's witness rule counts beside the log's own; `received_at` stands for a
    signing time where no witness is asked for. Times are unix seconds, `allowed_staleness` of status tokens seconds.
    """

    store: TrustStore
    now: int
    reader: str
    received_at: int
    allowed_staleness: int

    def signature(self, token: str, issuer: str | None = None) -> tuple[Statement, TrustedKey]:
        """The statement, signed with a seal that the lists hold for its issuer; of `issuer`, where that is named."""
        kid = statement_kid(token)
        listed = {
            owner.id: key
            for owner, key in self.owners(kid, "verifier-seal")
            if issuer is None or owner.id == issuer
        }
        if not listed:
            raise unknown_key(kid)
        # The kid is the key's thumbprint: whoever lists it lists the same key.
        statement = verify_statement(token, next(iter(listed.values())).jwk)
        if statement.issuer not in listed:
            raise differs("statement issuer", statement.issuer, " or ".join(sorted(listed)))
        return statement, listed[statement.issuer]

    def receipt(self, receipt: Receipt, token: str, issuer: str) -> int | None:
        """The time that witnesses vouch for the verifier's log to have held the statement; None where none is asked
        for."""
        key = receipt_log_key(
            self.store,
            receipt,
            issuer,
            payload=token.encode(),
            expected={},
            entry_type=EntryType.STATEMENT,
            now=self.now,
        )
        return self.witnessed_time(receipt, issuer, key)

    def accredited(self, statement: Statement, key: TrustedKey, signed_at: int) -> Accreditation:
        """The accreditation that the verifier, who is not the operator, held at the signing time for every good."""
        if statement.issuer == statement.exporter:
            raise FailedVerification(
                "verifier-not-independent",
                found=f"{statement.issuer} as exporter and verifier",
                expected="a verifier independent of the operator",
                remedy="Do not rely on the statement.",
            )
        self.store.signing_key(statement.issuer, key.kid, "verifier-seal", at=signed_at, now=self.now)
        held = self.store.accreditation(
            statement.issuer, statement.activity_groups, at=signed_at, now=self.now
        )
        claimed = statement.accreditation
        if (claimed.body, claimed.certificate, claimed.scheme) != (held.body, held.certificate, held.scheme):
            raise differs("statement accreditation", claimed.certificate, held.certificate)
        return held

    def opinion(self, statement: Statement) -> None:
        """A satisfactory opinion without a material misstatement."""
        if statement.opinion == "not-satisfactory" or statement.materiality.outcome in MISSTATED:
            raise FailedVerification(
                "statement-opinion",
                found=f"opinion {statement.opinion}, materiality {statement.materiality.outcome}",
                expected="a satisfactory opinion, no material misstatement",
                remedy="Do not declare these values; ask the exporter for a corrected report.",
            )

    def status(self, token: str, issuer: str, reference: StatusReference, seal_usage: str) -> int:
        """As of when (unix seconds) the place in the status list is not set. A status token is signed by a key of its
        own or by the issuer's seal, valid when it was made."""
        kid = str(peek_header(token).get("kid", ""))
        participant = self.store.participant(issuer, now=self.now)
        key = participant.key(kid, "status") or participant.key(kid, seal_usage)
        if key is None:
            raise unknown_key(kid)
        as_of = verify_status(
            token,
            key.jwk,
            issuer=issuer,
            uri=reference.uri,
            index=reference.index,
            now=self.now,
            max_age_seconds=self.allowed_staleness,
        )
        self.store.signing_key(issuer, kid, key.usage, at=as_of, now=self.now)
        return as_of

    def witnessed_time(self, receipt: Receipt, owner: str, key: TrustedKey) -> int | None:
        """The time the witnesses vouch for, with the log key valid then; None when no witness is asked for."""
        requirement = witness_requirement(self.store, log_owner=owner, reader=self.reader, now=self.now)
        try:
            time = requirement.check(receipt.checkpoint)
        except FailedVerification as error:
            if error.id != NO_QUORUM_ID:
                raise
            raise FailedVerification(
                "receipt-provisional",
                found=f"provisional: {error.found}",
                expected=error.expected,
                remedy="Keep the bundle, do not rely on it yet; upgrade the receipt once witnesses cosigned.",
                where=f"log of {owner}",
            ) from None
        at = self.received_at if time is None else time
        self.store.signing_key(owner, key.kid, "log", at=at, now=self.now)
        return time

    def owners(self, kid: str, usage: str) -> list[tuple[Participant, TrustedKey]]:
        """Who lists a key of this id and usage."""
        return [
            (participant, key)
            for held in self.store.held_lists()
            for participant in held.trust_list.participants
            if (key := participant.key(kid, usage)) is not None
        ]


def differs(where: str, found: str, expected: str) -> FailedVerification:
    """The error of a bundle whose parts, or whose reader, say two things."""
    return FailedVerification(
        "bundle-mismatch",
        found=found,
        expected=expected,
        remedy="Do not rely on the bundle for this purpose; ask the exporter or importer for the right one.",
        where=where,
    )


def unknown_key(kid: str) -> FailedVerification:
    """The error of a signature that no trust list has a key for."""
    return FailedVerification(
        "bundle-unknown-key",
        found=f"a signature by the key {kid or '(none)'}",
        expected="a key that the trust lists hold for this signer and use",
        remedy="Do not rely on the bundle; ask the signer which key it signed with.",
    )
