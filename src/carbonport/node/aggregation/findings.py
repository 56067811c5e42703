"""What a holder whose sum failed says after it searched the single shares: which contributors' shares are false.

A search decrypts single shares, so that fewer than k holders may make one in an attempt. No holder can count the
others, so whose turn it is follows from the closing certificate: the first k - 1 holders, in the plan's order, that are
not shown to have said anything but abort. Words that a coordinator keeps from a certificate make the turn come later,
never earlier, and an honest holder has only one word: whatever different certificates are shown to holders, at most
k - 1 honest ones search.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.participants import PARTICIPANT_ID, SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.errors import FailedVerification
from carbonport.node.aggregation.ballots import ABORT, CLOSING_STATEMENT, VOTE
from carbonport.node.aggregation.closing import ClosingCertificate, check_closed
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, MAX_INVITED, SignedPlan
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.sessions.signed_document import DocumentKind, SealKeys, Signed

MAX_FINDING_BYTES = 128 * 1024
"""Longest finding as a token."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`plan` and `roster` are digests; `failing` are the contributors whose shares for the signing holder are false.

    `roster` is empty when the holder voted abort for another reason than a failed sum: then it searched nothing.
    Which of the two of a pair is at fault, contributor or holder, it does not say.
    """

    plan: str
    attempt: int
    roster: str
    failing: tuple[str, ...]


def searchers(
    plan: SignedPlan, attempt: int, certificate: ClosingCertificate, keys: SealKeys
) -> tuple[str, ...]:
    """The holders that may search in an attempt that this certificate closes; raises as `check_closed` does."""
    check_closed(plan, attempt, certificate, keys)
    words = [(holder, VOTE.open(token, holder, keys).content.choice) for holder, token in certificate.votes]
    words += [
        (holder, CLOSING_STATEMENT.open(token, holder, keys).content.choice)
        for holder, token in certificate.statements
    ]
    said_otherwise = {holder for holder, choice in words if choice != ABORT}
    possible = [holder.id for holder in plan.content.holders if holder.id not in said_otherwise]
    return tuple(possible[: plan.content.threshold - 1])


def check_finding(
    plan: SignedPlan,
    roster: SignedRoster,
    certificate: ClosingCertificate,
    finding: Signed[Finding],
    keys: SealKeys,
) -> None:
    """Raise `FailedVerification` (`aggregation-finding`) unless it is about this roster and of a holder whose turn it
    is."""
    content, members = finding.content, {entry.id for entry in roster.content.entries}
    attempt = roster.content.attempt
    problems = {
        "a finding about another plan or attempt": (content.plan, content.attempt) != (plan.digest, attempt),
        "a finding about another roster": content.roster not in ("", roster.digest),
        "contributors that are not on the roster, or any without a search": not set(content.failing)
        <= (members if content.roster else set()),
        "a finding of a holder whose turn it is not": finding.issuer
        not in searchers(plan, attempt, certificate, keys),
    }
    for found, present in problems.items():
        if present:
            raise FailedVerification(
                "aggregation-finding",
                found=found,
                expected="what one of the first k - 1 holders that voted abort found in its failed sum",
                remedy="Do not leave anybody out because of it; ask the holder what it searched.",
                where=finding.issuer,
            )


def _write(finding: Finding) -> Mapping[str, Json]:
    return {
        "plan": finding.plan,
        "attempt": finding.attempt,
        "roster": finding.roster,
        "failing": list(finding.failing),
    }


def _read(fields: StrictFields) -> Finding:
    return Finding(
        fields.text("plan", pattern=SHA256_HEX),
        fields.integer("attempt", maximum=MAX_ATTEMPTS - 1),
        fields.text("roster", pattern=SHA256_HEX, empty=True),
        fields.texts("failing", pattern=PARTICIPANT_ID, max_items=MAX_INVITED),
    )


FINDING = DocumentKind[Finding]("finding", MAX_FINDING_BYTES, _write, _read)
"""A finding, signed by its holder."""
