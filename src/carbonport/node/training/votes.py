"""Votes on the membership: each holder endorses one for a plan, ever, and commits to its part of the buckets' seed.

Nobody adds anything before Q > (n + k - 1)/2 holders endorsed one membership, so two memberships of one plan cannot
both be added up while fewer than k holders are corrupt. Where the plan has buckets every holder votes, and opens the
value that it committed to once all votes are there: who is with whom is nobody's choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.participants import SHA256_HEX
from carbonport.attestation.statement_draft import read_hex
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.crypto.tuplehash import TUPLE_HASH_BYTES
from carbonport.errors import FailedVerification, Refused
from carbonport.federated.buckets import VALUE_BYTES, drawn_buckets, opened_seed
from carbonport.node.sessions.signed_document import DocumentKind, SealKeys, Signed
from carbonport.node.training.membership import SignedMembership
from carbonport.node.training.plan import AREA, SignedPlan

MAX_VOTE_BYTES = 8 * 1024
"""Longest vote or opening as a token."""


@dataclass(frozen=True, slots=True)
class MembershipVote:
    """`plan` and `membership` are digests; `commitment` is to this holder's value (`value_commitment`)."""

    plan: str
    membership: str
    commitment: bytes


@dataclass(frozen=True, slots=True)
class BucketValue:
    """The value that a holder committed to with its vote."""

    plan: str
    membership: str
    value: bytes


SignedVote = Signed[MembershipVote]


def endorsed(
    plan: SignedPlan, membership: SignedMembership, votes: Mapping[str, str], keys: SealKeys
) -> Mapping[str, SignedVote]:
    """The holders' votes for this membership, by holder; `votes` are tokens.

    Raises `FailedVerification` (`training-vote`) for a vote of somebody else or for something else, `Refused`
    (`training-quorum`) when there are fewer than the plan needs: Q, or all of them where it has buckets.
    """
    found: dict[str, SignedVote] = {}
    for holder, token in votes.items():
        plan.content.holder_index(holder)
        vote = VOTE.open(token, holder, keys)
        if (vote.content.plan, vote.content.membership) != (plan.digest, membership.digest):
            raise _failed("a vote for another plan or membership", holder)
        found[holder] = vote
    holders = len(plan.content.holders)
    needed = holders if plan.content.bucket_size else plan.content.holder_threshold.votes_needed
    if len(found) < needed:
        raise Refused(
            "training-quorum",
            found=f"{len(found)} votes for the membership",
            expected=f"{needed} of {holders}",
            remedy="Wait for the other holders.",
        )
    return found


def buckets(
    plan: SignedPlan,
    membership: SignedMembership,
    votes: Mapping[str, SignedVote],
    openings: Mapping[str, str],
    keys: SealKeys,
) -> tuple[tuple[str, ...], ...]:
    """Who is with whom, from the opened values; nothing where the plan has no buckets."""
    if not plan.content.bucket_size:
        return ()
    values = {}
    for holder, token in openings.items():
        opening = OPENING.open(token, holder, keys)
        if (opening.content.plan, opening.content.membership) != (plan.digest, membership.digest):
            raise _failed("a value for another plan or membership", holder)
        values[holder] = opening.content.value
    commitments = {holder: vote.content.commitment for holder, vote in votes.items()}
    seed = opened_seed(bytes.fromhex(membership.digest), commitments, values)
    return drawn_buckets(list(membership.content.members), seed, size=plan.content.bucket_size)


def _failed(found: str, holder: str) -> FailedVerification:
    return FailedVerification(
        "training-vote",
        found=found,
        expected="one word of each holder, about this plan's one membership",
        remedy="Keep it: a holder that endorses two memberships is not to be trusted with keys.",
        where=holder,
    )


def _write_vote(vote: MembershipVote) -> Mapping[str, Json]:
    return {"plan": vote.plan, "membership": vote.membership, "commitment": vote.commitment.hex()}


def _read_vote(fields: StrictFields) -> MembershipVote:
    return MembershipVote(
        fields.text("plan", pattern=SHA256_HEX),
        fields.text("membership", pattern=SHA256_HEX),
        read_hex(fields, "commitment", TUPLE_HASH_BYTES),
    )


def _write_opening(opening: BucketValue) -> Mapping[str, Json]:
    return {"plan": opening.plan, "membership": opening.membership, "value": opening.value.hex()}


def _read_opening(fields: StrictFields) -> BucketValue:
    return BucketValue(
        fields.text("plan", pattern=SHA256_HEX),
        fields.text("membership", pattern=SHA256_HEX),
        read_hex(fields, "value", VALUE_BYTES),
    )


VOTE = DocumentKind[MembershipVote]("membership-vote", MAX_VOTE_BYTES, _write_vote, _read_vote, AREA)
"""A vote, signed by its holder."""

OPENING = DocumentKind[BucketValue]("bucket-value", MAX_VOTE_BYTES, _write_opening, _read_opening, AREA)
"""An opened value, signed by its holder."""
