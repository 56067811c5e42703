"""How a key holder answers the letters of a training: fresh keys, one vote, its bucket value, and the sums of shares.

It adds only for the membership that it endorsed with a quorum of the others, only what the task itself asks next, and
only when the contributions of everyone who was asked are there, each the one its member signed for. What it answered is
kept and logged before it is sent; the same letter gets the same bytes.
"""

import asyncio
import hashlib
from collections.abc import Sequence

from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.jws import SigningKey
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.crypto.sealing import hpke_generate
from carbonport.crypto.sums.fast_sum import add_shares, encode_fast_answer, open_share
from carbonport.errors import FailedVerification, Malformed
from carbonport.federated.buckets import VALUE_BYTES, value_commitment
from carbonport.federated.course import Asked
from carbonport.federated.relay import MAX_LETTER_BYTES
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.sessions.holder_secret import HolderSecret
from carbonport.node.sessions.records import Record, drop
from carbonport.node.training.answers import ANSWER, HolderAnswer
from carbonport.node.training.contribution import (
    MAX_HEAD_BYTES,
    Place,
    SignedHead,
    check_share,
    contribution_failed,
    contributions_digest,
    fast_exchange,
    open_head,
)
from carbonport.node.training.joining import ACCEPTANCE, HOLDER_KEY, MAX_JOINING_BYTES, HolderKey
from carbonport.node.training.membership import MEMBERSHIP, check_membership, refused_membership
from carbonport.node.training.parcel import pack, read_tokens
from carbonport.node.training.plan import SignedPlan
from carbonport.node.training.session import TrainingSession, check_plan_parties
from carbonport.node.training.votes import (
    MAX_VOTE_BYTES,
    OPENING,
    VOTE,
    BucketValue,
    MembershipVote,
    endorsed,
)

KEY, BUCKET_VALUE, VOTED, ENDORSED, OPENED, ANSWERED = (
    "training-key",
    "training-bucket-value",
    "training-vote",
    "training-endorsed",
    "training-opening",
    "training-answer",
)
"""Kinds of records; answers name exchange and attempt."""


class HolderDesk:
    """One key holder in one training."""

    def __init__(self, session: TrainingSession) -> None:
        self._session = session
        self._participant, self._id = session.node.participant, session.id
        self._secret = HolderSecret(self._participant, session.session)

    async def announce(self, plan: SignedPlan) -> bytes:
        """The signed key of this plan, made once; a holder killed before it announced one makes another."""
        kept = self._session.find(KEY, self._id)
        if kept is None:
            pair = hpke_generate(self._participant.random_bytes)
            self._secret.write(pair.public, pair.private)
            content = HolderKey(plan.digest, pair.public)
            kept = HOLDER_KEY.sign(content, self._id, self._key).token.encode()
            await self._said(Record(KEY, self._id, kept))
        return pack({}, [kept])

    async def vote(self, fields: StrictFields) -> bytes:
        """The one vote: for the first membership that keeps to the plan, and never for another."""
        plan = self._session.current_plan()
        membership = MEMBERSHIP.open(
            fields.text("membership", max_chars=MAX_LETTER_BYTES), plan.issuer, self._session.keys
        )
        accepted = read_tokens(fields, "acceptances", max_chars=MAX_JOINING_BYTES)
        fields.finish()
        kept, endorsed_before = self._session.find(VOTED, self._id), self._session.find(ENDORSED)
        if kept is not None and endorsed_before is not None:
            if endorsed_before.decode() != membership.digest:
                raise refused_membership("another membership than this holder endorsed")
            return pack({}, [kept])
        check_membership(plan, membership, check_plan_parties(self._session.node, plan))
        for member, digest in membership.content.members.items():
            acceptance = ACCEPTANCE.open(accepted.get(member, ""), member, self._session.keys)
            if acceptance.digest != digest or acceptance.content.plan != plan.digest:
                raise refused_membership(f"{member}, who did not accept this plan")
        own = self._session.find(KEY, self._id)
        named = membership.content.holders[self._id]
        if own is None or hashlib.sha256(own).hexdigest() != named:
            raise refused_membership("another key of this holder than it announced")
        value = self._participant.random_bytes(VALUE_BYTES)
        content = MembershipVote(plan.digest, membership.digest, value_commitment(self._id, value))
        kept = VOTE.sign(content, self._id, self._key).token.encode()
        await self._said(
            Record(VOTED, self._id, kept),
            Record(ENDORSED, "", membership.digest.encode()),
            Record(BUCKET_VALUE, "", value),
        )
        return pack({}, [kept])

    async def open(self, fields: StrictFields) -> bytes:
        """The value that this holder committed to, once it sees everybody's vote for the membership it endorsed."""
        plan = self._session.current_plan()
        membership = MEMBERSHIP.open(
            fields.text("membership", max_chars=MAX_LETTER_BYTES), plan.issuer, self._session.keys
        )
        votes = read_tokens(fields, "votes", max_chars=MAX_VOTE_BYTES)
        fields.finish()
        value = self._session.find(BUCKET_VALUE)
        if value is None or self._session.find(ENDORSED) != membership.digest.encode():
            raise refused_membership("another membership than this holder endorsed")
        endorsed(plan, membership, votes, self._session.keys)
        kept = self._session.find(OPENED, self._id)
        if kept is None:
            content = BucketValue(plan.digest, membership.digest, value)
            kept = OPENING.sign(content, self._id, self._key).token.encode()
            await self._said(Record(OPENED, self._id, kept))
        return pack({}, [kept])

    def require_endorsed(self) -> None:
        """Refuse a training in another membership than this holder voted for."""
        if self._session.find(ENDORSED) != self._session.begun.membership.digest.encode():
            raise refused_membership("a membership that this holder did not endorse")

    async def add(self, fields: StrictFields, parts: tuple[bytes, ...]) -> bytes:
        """The answer to an exchange: the sums of everyone's shares, or whose share is none."""
        heads = read_tokens(fields, "heads", max_chars=MAX_HEAD_BYTES)
        answers = fields.integer("answers", maximum=len(parts))
        plan, place = await self._session.arrive(fields, parts[:answers])
        self.require_endorsed()
        record = f"{ANSWERED}:{place.exchange}:{place.attempt}"
        kept = self._session.find(record, self._id)
        if kept is None:
            asked = self._session.begun.course.asked
            members = [member for one in asked for member in one.members]
            if set(heads) != set(members) or len(parts) - answers != len(members):
                raise contribution_failed("contributions of others than everyone who was asked", "")
            holders = len(plan.content.holders)
            opened = [
                open_head(heads[member], member, place, holders, self._session.keys) for member in members
            ]
            shares = dict(zip(members, parts[answers:], strict=True))
            kept = await asyncio.to_thread(self._answer, plan, place, asked, opened, shares)
            entry = self._session.record(
                plan,
                place.attempt,
                contributions={head.issuer: head.content.sealed for head in opened},
                sums=hashlib.sha256(kept).hexdigest(),
            )
            await self._session.logged(
                EntryType.TRAINING,
                [Record(record, self._id, kept)],
                self._id,
                fields={FieldName.TRAINING: entry.encode()},
            )
            if place.exchange:
                with self._participant.store.writing() as connection:
                    drop(connection, self._session.session, f"{ANSWERED}:{place.exchange - 1}")
        return kept

    def destroy(self) -> None:
        """Erase the keys for good."""
        self._secret.destroy()

    def _answer(
        self,
        plan: SignedPlan,
        place: Place,
        asked: Sequence[Asked],
        heads: Sequence[SignedHead],
        shares: dict[str, bytes],
    ) -> bytes:
        index = plan.content.holder_index(self._id)
        private = self._secret.read(self._session.begun.holder_keys[index])
        by_member = {head.issuer: head for head in heads}
        sums, failing = [], []
        for one in asked:
            exchange, opened = fast_exchange(plan, place, one), []
            for member in one.members:
                try:
                    check_share(by_member[member], index, shares[member])
                    opened.append(open_share(exchange, member, index, private, shares[member]))
                except (FailedVerification, Malformed):
                    failing.append(member)
            if not failing:
                sums.append(encode_fast_answer(exchange, add_shares(exchange, opened)))
        data = b"" if failing else b"".join(sums)
        content = (
            HolderAnswer(place, "", "", tuple(failing))
            if failing
            else HolderAnswer(place, contributions_digest(heads), hashlib.sha256(data).hexdigest())
        )
        return pack({"answer": ANSWER.sign(content, self._id, self._key).token}, [data])

    @property
    def _key(self) -> SigningKey:
        return self._participant.signing_key(KeyUse.SEAL)

    async def _said(self, *records: Record) -> None:
        await self._session.logged(EntryType.SESSION, records, self._id)
