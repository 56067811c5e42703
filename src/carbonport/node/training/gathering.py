"""How a coordinator brings a training together: who accepts, the membership, the holders' votes, and the beginning."""

from collections.abc import Mapping

from carbonport.crypto.log_entry import EntryType
from carbonport.errors import Refused
from carbonport.federated.relay import NO_REPLY
from carbonport.node.sessions.records import Record
from carbonport.node.training.correspondence import (
    AnswersAwaitedError,
    Correspondence,
    digest_of,
    only_part,
    wrong_reply,
)
from carbonport.node.training.joining import ACCEPTANCE, HOLDER_KEY, MAX_JOINING_BYTES
from carbonport.node.training.membership import MEMBERSHIP, Membership, SignedMembership
from carbonport.node.training.plan import SignedPlan
from carbonport.node.training.record_kinds import BEGUN_KEPT
from carbonport.node.training.votes import OPENING, VOTE, endorsed

ACCEPTED, KEY, MEMBERSHIP_KEPT, VOTED, OPENED = (
    "training-accepted",
    "training-key",
    "training-membership",
    "training-vote",
    "training-opening",
)
"""Kinds of records: what everyone said, by name, and the membership."""


class Gathering:
    """Everything before the first exchange."""

    def __init__(self, letters: Correspondence) -> None:
        self._letters = letters

    async def begin(self, plan: SignedPlan, *, without_absent: bool) -> None:
        """Have everyone begin; `without_absent` fixes the membership although some have not accepted."""
        letter = self._letters.session.find(BEGUN_KEPT)
        if letter is None:
            membership = await self._membership(plan, without_absent=without_absent)
            letter = await self._endorsed(plan, membership)
            await self._letters.session.begin(letter)
        everyone = [*self._letters.session.begun.membership.content.members, *plan.content.holders]
        replies = await self._letters.ask("begin", dict.fromkeys(everyone, letter))
        self._letters.require_all(plan.content.members, replies)

    async def _membership(self, plan: SignedPlan, *, without_absent: bool) -> SignedMembership:
        """Everyone who accepted, once and for all."""
        keys = self._letters.session.keys
        kept = self._letters.session.find(MEMBERSHIP_KEPT)
        if kept is not None:
            return MEMBERSHIP.open(kept.decode(), self._letters.id, keys)
        letter = self._letters.letter({"coordinator": self._letters.id, "plan": plan.token})

        def accepted(member: str, reply: bytes) -> str:
            token = only_part(reply, MAX_JOINING_BYTES)
            if ACCEPTANCE.open(token, member, keys).content.plan != plan.digest:
                raise wrong_reply("an acceptance of another plan", member)
            return token

        def announced(holder: str, reply: bytes) -> str:
            token = only_part(reply, MAX_JOINING_BYTES)
            if HOLDER_KEY.open(token, holder, keys).content.plan != plan.digest:
                raise wrong_reply("a key for another plan", holder)
            return token

        content = plan.content
        accepted_by = await self._letters.collect(
            ACCEPTED, "plan", dict.fromkeys(content.members, letter), accepted
        )
        held_by = await self._letters.collect(KEY, "plan", dict.fromkeys(content.holders, letter), announced)
        absent = [name for name in content.members if name not in accepted_by]
        if set(held_by) != set(content.holders) or (absent and not without_absent):
            raise AnswersAwaitedError
        membership = MEMBERSHIP.sign(
            Membership(
                plan.digest,
                {name: digest_of(accepted_by[name]) for name in content.members if name in accepted_by},
                {name: digest_of(held_by[name]) for name in content.holders},
                {name: self._letters.refused.get(name, NO_REPLY) for name in absent},
            ),
            self._letters.id,
            self._letters.key,
        )
        await self._letters.published(
            EntryType.SESSION, Record(MEMBERSHIP_KEPT, "", membership.token.encode())
        )
        return membership

    async def _endorsed(self, plan: SignedPlan, membership: SignedMembership) -> bytes:
        """The letter with which everyone begins, once enough holders endorsed the membership."""
        keys = self._letters.session.keys
        accepted, held = self._letters.all(ACCEPTED), self._letters.all(KEY)
        members = membership.content.members
        letter = self._letters.letter(
            {
                "membership": membership.token,
                "acceptances": {name: token for name, token in accepted.items() if name in members},
            }
        )

        def voted(holder: str, reply: bytes) -> str:
            token = only_part(reply, MAX_JOINING_BYTES)
            if VOTE.open(token, holder, keys).content.membership != membership.digest:
                raise wrong_reply("a vote for another membership", holder)
            return token

        votes = await self._letters.collect(VOTED, "vote", dict.fromkeys(plan.content.holders, letter), voted)
        try:
            endorsed(plan, membership, votes, keys)
        except Refused:
            raise AnswersAwaitedError from None
        openings: Mapping[str, str] = {}
        if plan.content.bucket_size:
            letter = self._letters.letter({"membership": membership.token, "votes": dict(votes)})

            def opened(holder: str, reply: bytes) -> str:
                token = only_part(reply, MAX_JOINING_BYTES)
                OPENING.open(token, holder, keys)
                return token

            openings = await self._letters.collect(
                OPENED, "open", dict.fromkeys(plan.content.holders, letter), opened
            )
            if len(openings) < len(plan.content.holders):
                raise AnswersAwaitedError
        return self._letters.letter(
            {
                "membership": membership.token,
                "keys": dict(held),
                "votes": dict(votes),
                "openings": dict(openings),
            }
        )
