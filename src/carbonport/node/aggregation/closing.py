"""When an attempt is known to be over for good, so that another may follow without anybody getting two sums.

A *closing certificate* holds signed words of holders. It closes an attempt if either every holder said that it has not
answered and never will, or the votes show that no roster can ever reach the quorum:

    for every roster: votes for it + holders not heard + min(k - 1, holders that voted otherwise) < Q

where the last term stands for corrupt holders that may have signed a second vote. Contributors ask for it before they
contribute again, holders before they vote again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.errors import FailedVerification
from carbonport.node.aggregation.ballots import (
    ABORT,
    CLOSING_STATEMENT,
    MAX_VOTE_BYTES,
    VOTE,
    ClosingStatement,
    SignedVote,
    Vote,
)
from carbonport.node.aggregation.plan import SignedPlan
from carbonport.node.sessions.signed_document import SealKeys, Signed

CERTIFICATE_FORMAT = "carbonport-aggregation-closing/1"
"""Names the format of a certificate."""

MAX_CERTIFICATE_BYTES = 512 * 1024
"""Longest certificate: a word or two of each of 15 holders."""

MAX_WORDS = 32
"""Most words of one kind in a certificate."""


@dataclass(frozen=True, slots=True)
class ClosingCertificate:
    """Votes and closing statements of holders, as they signed them: pairs of holder and token."""

    votes: tuple[tuple[str, str], ...]
    statements: tuple[tuple[str, str], ...]

    @classmethod
    def of(
        cls, votes: Sequence[SignedVote], statements: Sequence[Signed[ClosingStatement]]
    ) -> "ClosingCertificate":
        """The certificate of these words."""
        return cls(
            tuple(sorted((vote.issuer, vote.token) for vote in votes)),
            tuple(sorted((word.issuer, word.token) for word in statements)),
        )

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canonical_bytes(
            {
                "format": CERTIFICATE_FORMAT,
                "votes": [{"holder": holder, "token": token} for holder, token in self.votes],
                "statements": [{"holder": holder, "token": token} for holder, token in self.statements],
            }
        )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of its bytes: what a roster names."""
        return hashlib.sha256(self.encode()).hexdigest()


def read_certificate(data: bytes) -> ClosingCertificate:
    """Read a certificate strictly; whether it closes anything is `check_closed`'s matter."""
    fields = StrictFields(parse_canonical(data, max_bytes=MAX_CERTIFICATE_BYTES), "closing certificate")
    fields.choice("format", frozenset({CERTIFICATE_FORMAT}))
    certificate = ClosingCertificate(
        fields.each("votes", _read_word, max_items=MAX_WORDS),
        fields.each("statements", _read_word, max_items=MAX_WORDS),
    )
    fields.finish()
    return certificate


def check_closed(plan: SignedPlan, attempt: int, certificate: ClosingCertificate, keys: SealKeys) -> None:
    """Raise `FailedVerification` (`aggregation-not-closed`) unless the certificate closes this attempt of the plan."""
    words: list[Signed[Vote] | Signed[ClosingStatement]] = [
        VOTE.open(token, holder, keys) for holder, token in certificate.votes
    ]
    statements = [CLOSING_STATEMENT.open(token, holder, keys) for holder, token in certificate.statements]
    words += statements
    holders = {holder.id for holder in plan.content.holders}
    if any(
        (word.content.plan, word.content.attempt) != (plan.digest, attempt) or word.issuer not in holders
        for word in words
    ):
        raise _not_closed("a word of another plan, attempt or holder")
    unanswered = {word.issuer for word in statements if not word.content.answered}
    if unanswered == holders:
        return
    choices: dict[str, str] = {}
    for word in words:
        choice = word.content.choice or ABORT
        if choices.setdefault(word.issuer, choice) != choice:
            raise _not_closed(f"two different words of {word.issuer}")
    threshold = plan.content.holder_threshold
    unheard = len(holders) - len(choices)
    # One roster that nobody who was heard voted for stands for all of them.
    for roster in {*choices.values(), "unseen"} - {ABORT}:
        voted = sum(choice == roster for choice in choices.values())
        possible = voted + unheard + min(threshold.threshold - 1, len(choices) - voted)
        if possible >= threshold.votes_needed:
            raise _not_closed(
                f"votes of {len(choices)} holders, with which a roster may still get {possible}"
            )


def _read_word(fields: StrictFields) -> tuple[str, str]:
    return fields.text("holder", pattern=PARTICIPANT_ID), fields.text("token", max_chars=MAX_VOTE_BYTES)


def _not_closed(found: str) -> FailedVerification:
    return FailedVerification(
        "aggregation-not-closed",
        found=found,
        expected="all holders' word that they never answer, or votes with which no roster can pass any more",
        remedy="Ask the missing holders for their closing statements; without them the plan goes no further.",
    )
