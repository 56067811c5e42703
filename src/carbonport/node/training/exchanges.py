"""How a coordinator carries out the exchanges of a training: questions, contributions, answers, released sums."""

import hashlib
from collections.abc import Mapping, Sequence

from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType, FieldName, payload_digest
from carbonport.errors import CarbonportError, FailedVerification, Misuse
from carbonport.federated.relay import Reply
from carbonport.node.sessions.records import Record, labels_of
from carbonport.node.sessions.session_log import crossed_receipt, exchange_id
from carbonport.node.training.answers import MAX_ANSWER_BYTES, open_answer, released_sums
from carbonport.node.training.contribution import Place, check_share, open_head, read_contribution
from carbonport.node.training.correspondence import (
    AnswersAwaitedError,
    Correspondence,
    TrainingEndedError,
    wrong_reply,
)
from carbonport.node.training.gathering import VOTED
from carbonport.node.training.parcel import pack, unpack
from carbonport.node.training.plan import SignedPlan
from carbonport.node.training.record_kinds import CONTRIBUTED, SUMS_KEPT
from carbonport.node.training.session import sums_bytes

RELEASED, FAILED = "training-released", "training-failed"
"""Kinds of records: released answers, by exchange, and failed attempts of one."""


class Exchanges:
    """The exchanges of one training."""

    def __init__(self, letters: Correspondence) -> None:
        self._letters = letters

    async def carry_out(self, plan: SignedPlan) -> None:
        """Ask what the task asks now, and keep the released sums."""
        asked = self._letters.session.begun.course.asked
        exchange = self._letters.session.begun.course.taken
        with self._letters.node.participant.store.reading() as connection:
            attempt = len(labels_of(connection, self._letters.session.session, [f"{FAILED}:{exchange}"]))
        place = self._letters.session.place(plan, attempt)
        released, sums = self.last_released()
        head = {"place": place.as_json(), "released": released}
        members = [member for one in asked for member in one.members]
        question = self._letters.letter(head, sums)
        everyone = self._letters.session.begun.membership.content.members
        followers = dict.fromkeys((name for name in everyone if name not in members), question)
        self._letters.require_all(plan.content.members, await self._letters.ask("follow", followers))
        replies = await self._letters.ask("question", dict.fromkeys(members, question))
        self._letters.require_all(plan.content.members, replies)
        given: dict[str, tuple[str, tuple[bytes, ...]]] = {}
        for member, reply in replies.items():
            given[member] = await self._arrived(plan, place, member, reply.opened(member))
        letters = {}
        voters = self._letters.all(VOTED)
        for index, holder in enumerate(plan.content.holders):
            if holder in voters:
                letters[holder] = self._letters.letter(
                    {**head, "heads": {member: given[member][0] for member in members}, "answers": len(sums)},
                    [*sums, *(given[member][1][index] for member in members)],
                )
        answers = self._answers(place, await self._letters.ask("shares", letters))
        try:
            found = released_sums(plan, place, asked, answers, self._letters.session.keys)
        except Misuse:
            raise AnswersAwaitedError from None  # too few answers; holders keep theirs
        except FailedVerification as problem:
            await self._failed(plan, place, given, problem.id)
            if attempt >= plan.content.retries:
                raise TrainingEndedError(problem.id) from None
            return
        await self._release(plan, place, given, answers, found)

    async def _arrived(
        self, plan: SignedPlan, place: Place, member: str, reply: bytes
    ) -> tuple[str, tuple[bytes, ...]]:
        """A contribution whose head, shares and receipt are the member's own; its arrival is logged."""
        kind = f"{CONTRIBUTED}:{place.exchange}:{place.attempt}"
        try:
            _, parts = unpack(reply)
            if len(parts) != 2:
                raise wrong_reply("something that is no contribution and receipt", member)
            token, shares = read_contribution(parts[0])
            holders = len(plan.content.holders)
            head = open_head(token, member, place, holders, self._letters.session.keys)
            if len(shares) != holders:
                raise wrong_reply("shares for another number of holders", member)
            for index, share in enumerate(shares, start=1):
                check_share(head, index, share)
            crossed = crossed_receipt(
                self._letters.node.participant,
                exchange_id(self._letters.session.session, kind, member),
                member,
                parts[0],
                parts[1],
                recipient=self._letters.id,
            )
        except CarbonportError as problem:
            # A carrier may have damaged or swapped it: no evidence against the member, which is asked again.
            self._letters.refused[member] = problem.id
            raise AnswersAwaitedError from None
        await self._letters.session.logged(
            EntryType.ARRIVAL,
            [Record(kind, member, hashlib.sha256(parts[0]).hexdigest().encode())],
            member,
            counterparty=member,
            fields={FieldName.PEER: crossed.peer_field(), FieldName.PAYLOAD: payload_digest(parts[0])},
        )
        return token, shares

    def _answers(self, place: Place, replies: Mapping[str, Reply]) -> dict[str, tuple[str, bytes]]:
        """The holders' answers that are answers; one that names members whose shares fail ends the training."""
        answers = {}
        for holder, reply in replies.items():
            if reply.letter is None:
                continue
            try:
                fields, parts = unpack(reply.letter)
                token = fields.text("answer", max_chars=MAX_ANSWER_BYTES)
                answer = open_answer(token, holder, place, self._letters.session.keys).content
                (sums,) = parts
            except (CarbonportError, ValueError):
                self._letters.refused[holder] = "training-answer"
                continue
            if answer.failing:
                # Mathematics names the pair, not who of the two lied.
                raise TrainingEndedError("training-contribution-place", [holder, *answer.failing])
            if hashlib.sha256(sums).hexdigest() == answer.sums:
                answers[holder] = (token, sums)
            else:
                self._letters.refused[holder] = "training-answer"
        return answers

    async def _failed(
        self, plan: SignedPlan, place: Place, given: Mapping[str, tuple[str, tuple[bytes, ...]]], reason: str
    ) -> None:
        """Keep that an attempt failed, and whose contributions were in it, with its log entry."""
        entry = self._letters.session.record(
            plan, place.attempt, contributions=self._sealed(plan, place, given)
        )
        await self._letters.published(
            EntryType.TRAINING,
            Record(f"{FAILED}:{place.exchange}:{place.attempt}", "", reason.encode()),
            fields={FieldName.TRAINING: entry.encode(), FieldName.REASON: reason.encode()},
        )

    def _sealed(
        self, plan: SignedPlan, place: Place, given: Mapping[str, tuple[str, tuple[bytes, ...]]]
    ) -> dict[str, str]:
        """The hash of each member's sealed contribution."""
        holders, keys = len(plan.content.holders), self._letters.session.keys
        return {
            member: open_head(token, member, place, holders, keys).content.sealed
            for member, (token, _) in given.items()
        }

    async def _release(
        self,
        plan: SignedPlan,
        place: Place,
        given: Mapping[str, tuple[str, tuple[bytes, ...]]],
        answers: Mapping[str, tuple[str, bytes]],
        found: Sequence[tuple[int, ...]],
    ) -> None:
        """Keep the sums of an exchange with its log entry, then go on with them."""
        tokens: dict[str, Json] = {holder: token for holder, (token, _) in sorted(answers.items())}
        data = sums_bytes(found)
        entry = self._letters.session.record(
            plan,
            place.attempt,
            contributions=self._sealed(plan, place, given),
            sums=hashlib.sha256(data).hexdigest(),
        )
        parcel = pack(
            {"attempt": place.attempt, "answers": tokens}, [answers[holder][1] for holder in sorted(answers)]
        )
        await self._letters.published(
            EntryType.TRAINING,
            Record(f"{RELEASED}:{place.exchange}", "", parcel),
            Record(f"{SUMS_KEPT}:{place.exchange}", "", data),
            fields={FieldName.TRAINING: entry.encode()},
        )
        self._letters.session.begun.course.take(found)

    def last_released(self) -> tuple[dict[str, Json], tuple[bytes, ...]]:
        """The answers to the exchange before the one that is asked now."""
        exchange = self._letters.session.begun.course.taken - 1
        if exchange < 0:
            return {"attempt": 0, "answers": {}}, ()
        parcel = self._letters.session.find(f"{RELEASED}:{exchange}")
        assert parcel is not None, "kept with the sums"
        fields, sums = unpack(parcel)
        return {"attempt": fields.integer("attempt"), "answers": fields.value("answers")}, sums
