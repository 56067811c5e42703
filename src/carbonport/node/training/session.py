"""One training at a member's or a key holder's node: what both know alike, out of its records.

Plan, membership and the course of the training so far. Nothing rests on the coordinator's word: a plan on its seal and
this node's trust lists, a membership on the holders' votes, the course on the holders' signed answers. What is known is
kept before it is used, so that a node that was killed anywhere goes on where it was.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from carbonport.attestation.strict_fields import StrictFields
from carbonport.classification.cohorts import Undertakings
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.errors import Refused
from carbonport.federated.course import Course, asked_digest
from carbonport.federated.relay import MAX_LETTER_BYTES
from carbonport.federated.training import Sums
from carbonport.node.identity.names import Role
from carbonport.node.log.draft import CompanionWrite, Condition, Logged
from carbonport.node.open_node import OpenNode
from carbonport.node.restored import read_restore
from carbonport.node.sessions.parties import directory, lasting_keys, require_independent, require_role
from carbonport.node.sessions.plan_dates import is_from_before
from carbonport.node.sessions.records import Record, find, keep, kept_at, labels_of
from carbonport.node.sessions.session_log import keep_logged
from carbonport.node.sessions.signed_document import SealKeys
from carbonport.node.training.answers import MAX_ANSWER_BYTES, released_sums
from carbonport.node.training.contribution import Place, read_place
from carbonport.node.training.ending import ENDING
from carbonport.node.training.exchange_record import ExchangeRecord
from carbonport.node.training.joining import HOLDER_KEY, MAX_JOINING_BYTES
from carbonport.node.training.membership import MEMBERSHIP, SignedMembership, check_membership
from carbonport.node.training.parcel import read_tokens, unpack
from carbonport.node.training.plan import MAX_RETRIES, PLAN, SignedPlan, plan_malformed
from carbonport.node.training.record_kinds import (
    BEGUN_KEPT,
    COORDINATOR_KEPT,
    ENDING_KEPT,
    MODEL_KEPT,
    PLAN_KEPT,
    SUMS_KEPT,
)
from carbonport.node.training.votes import MAX_VOTE_BYTES, buckets, endorsed

PURPOSE = b"federated training"
"""The purpose of every entry of a training."""


@dataclass(frozen=True)
class Begun:
    """A training whose membership holders endorsed: who is in it, how many independent groups that is, each holder's
    key by index, and how far it has come."""

    membership: SignedMembership
    cohort: int
    holder_keys: Mapping[int, bytes]
    course: Course


def check_plan_parties(node: OpenNode, plan: SignedPlan) -> Undertakings:
    """The members' groups of undertakings, once everyone in the plan may play its part by this node's trust lists;
    raises `Refused` (`session-parties`) otherwise."""
    participant = node.participant
    look_up = directory(participant.trust, now=participant.clock())
    coordinator, members = look_up(plan.issuer), [look_up(name) for name in plan.content.members]
    holders = [look_up(name) for name in plan.content.holders]
    require_role(coordinator, Role.COORDINATOR)
    for party in members:
        require_role(party, Role.EXPORTER)
    for party in holders:
        require_role(party, Role.KEY_HOLDER)
    taken = require_independent([coordinator, *holders])
    return Undertakings({party.id: party.undertaking for party in members}, taken)


class TrainingSession:
    """One training; `session` is its plan's nonce in hex."""

    def __init__(self, node: OpenNode, session: str) -> None:
        self.node, self.session = node, session
        self.id = node.participant.id
        self._begun: Begun | None = None
        # What never changes once it is kept.
        self._standing: dict[str, bytes] = {}

    @property
    def keys(self) -> SealKeys:
        """Seal keys that were in force at some time since this node took the plan: what was said in a training is
        repeated and passed on when its signer has rotated its seal. Revoked keys count for nothing, and so do those
        that were succeeded before."""
        return lasting_keys(self.node, since=self._taken_at)

    @property
    def coordinator(self) -> str:
        """Who coordinates."""
        return self._kept(COORDINATOR_KEPT).decode()

    @property
    def plan(self) -> SignedPlan:
        """The plan that this node knows; raises `Refused` (`training-unknown`) for a session that it does not."""
        return PLAN.open(self._kept(PLAN_KEPT).decode(), self.coordinator, self.keys)

    def find(self, kind: str, name: str = "") -> bytes | None:
        """A record."""
        with self.node.participant.store.reading() as connection:
            return find(connection, self.session, kind, name)

    def current_plan(self) -> SignedPlan:
        """The plan, as long as anything may be said in it: neither over nor expired, and not from before a restore,
        for a node that was restored may have said more than it remembers, in a plan that it fetches anew too."""
        plan, now = self.plan, self.node.participant.clock()
        with self.node.participant.store.reading() as connection:
            restore = read_restore(connection)
            over = any(find(connection, self.session, kind) is not None for kind in (MODEL_KEPT, ENDING_KEPT))
        restored = is_from_before(
            None if restore is None else restore.at, issued_at=plan.content.issued_at, taken_at=self._taken_at
        )
        problems = {
            "a training that is over": over,
            "a plan that has expired": now >= plan.content.expires,
            "a plan from before this node was restored from a backup": restored,
        }
        for found, present in problems.items():
            if present:
                raise _over(found)
        return plan

    async def keep_plan(self, plan: SignedPlan) -> None:
        """Keep a plan that was checked; the first of its nonce stands."""
        with self.node.participant.store.writing() as connection:
            record = Record(COORDINATOR_KEPT, "", plan.issuer.encode())
            keep(connection, self.session, record, now=self.node.participant.clock())
        await self.logged(EntryType.SESSION, [Record(PLAN_KEPT, "", plan.token.encode())], plan.issuer)

    async def begin(self, letter: bytes) -> Begun:
        """Begin with the membership that holders endorsed; the first stands."""
        begun = self._read_begun(letter)
        if self.find(BEGUN_KEPT) is None:
            await self.logged(EntryType.SESSION, [Record(BEGUN_KEPT, "", letter)], self.coordinator)
        elif self.begun.membership.digest != begun.membership.digest:
            raise out_of_order("another membership than the training began with")
        return self.begun

    @property
    def begun(self) -> Begun:
        """How far the training has come; raises `Refused` (`training-order`) before it began."""
        if self._begun is None:
            letter = self.find(BEGUN_KEPT)
            if letter is None:
                raise out_of_order("a training that has not begun here")
            begun = self._read_begun(letter)
            with self.node.participant.store.reading() as connection:
                exchange = 0
                while (kept := find(connection, self.session, f"{SUMS_KEPT}:{exchange}")) is not None:
                    begun.course.take(read_sums(kept))
                    exchange += 1
            self._begun = begun
        return self._begun

    @property
    def exchanges(self) -> int:
        """Exchanges whose sums are kept, whatever they were worth."""
        with self.node.participant.store.reading() as connection:
            return len(labels_of(connection, self.session, [SUMS_KEPT]))

    def place(self, plan: SignedPlan, attempt: int) -> Place:
        """Where the training stands."""
        begun = self.begun
        return Place(
            plan.digest,
            begun.membership.digest,
            begun.course.taken,
            attempt,
            asked_digest(begun.course.asked),
        )

    def advance(self, plan: SignedPlan, to: int, released: StrictFields, sums: Sequence[bytes]) -> None:
        """Go on to exchange `to` with the answers to the one before it, if it is not known yet; raises `Refused`
        (`training-order`) when more than one is missing, or the training has gone further."""
        course = self.begun.course
        attempt = released.integer("attempt", maximum=MAX_RETRIES)
        tokens = read_tokens(released, "answers", max_chars=MAX_ANSWER_BYTES)
        released.finish()
        if course.taken == to:
            return
        if course.taken != to - 1 or len(sums) != len(tokens):
            raise out_of_order(f"exchange {to} when {course.taken} come before it")
        answers = {
            holder: (token, part) for (holder, token), part in zip(sorted(tokens.items()), sums, strict=True)
        }
        found = released_sums(plan, self.place(plan, attempt), course.asked, answers, self.keys)
        self.keep_sums(found)

    def keep_sums(self, sums: Sequence[Sums]) -> None:
        """Keep the sums of the exchange that was asked, and go on with them."""
        course = self.begun.course
        record = Record(f"{SUMS_KEPT}:{course.taken}", "", sums_bytes(sums))
        with self.node.participant.store.writing() as connection:
            keep(connection, self.session, record, now=self.node.participant.clock())
        course.take(sums)

    async def arrive(self, fields: StrictFields, sums: Sequence[bytes]) -> tuple[SignedPlan, Place]:
        """Go on to where a letter is, if it is what the task itself asks next: with the answers it brings to what was
        asked before. Raises `Refused` (`training-order`) otherwise."""
        plan = self.current_plan()
        place = read_place(fields.nested("place"))
        released = fields.nested("released")
        fields.finish()
        await asyncio.to_thread(self.advance, plan, place.exchange, released, sums)
        self.require_place(plan, place)
        return plan, place

    def require_place(self, plan: SignedPlan, place: Place) -> None:
        """Refuse (`training-order`) a letter about anything but what the task itself asks now."""
        if not self.begun.course.asked or self.place(plan, place.attempt) != place:
            raise out_of_order("a question that the task does not ask now")
        if place.attempt > plan.content.retries:
            raise out_of_order(f"attempt {place.attempt} of an exchange")

    def record(
        self,
        plan: SignedPlan,
        attempt: int,
        *,
        contributions: Mapping[str, str] | None = None,
        sums: str = "",
        model: str = "",
    ) -> ExchangeRecord:
        """What a log entry about the exchange that is asked now says."""
        begun = self.begun
        asked = begun.course.asked
        return ExchangeRecord(
            plan=plan.digest,
            membership=begun.membership.digest,
            task=f"{plan.content.task} {plan.content.version}",
            definition=plan.content.definition,
            app=plan.content.app,
            exchange=begun.course.taken,
            attempt=attempt,
            asked=asked_digest(asked) if asked else "",
            cohort=begun.cohort,
            epsilon=format(plan.content.epsilon, "f") if plan.content.privacy else "",
            refused=begun.membership.content.refused,
            contributions=contributions or {},
            sums=sums,
            model=model,
        )

    async def logged(
        self,
        entry: EntryType,
        records: Sequence[Record],
        sender: str,
        *,
        counterparty: str = "",
        fields: Mapping[str, bytes] | None = None,
        write: CompanionWrite | None = None,
        condition: Condition | None = None,
    ) -> Logged:
        """Keep records with the log entry of the first, or neither. The other side is the coordinator unless it is
        named."""
        return await keep_logged(
            self.node,
            entry,
            self.session,
            records,
            sender=sender,
            counterparty=counterparty or self.coordinator,
            fields={FieldName.PURPOSE: PURPOSE, **(fields or {})},
            write=write,
            condition=condition,
        )

    async def keep_model(self, plan: SignedPlan, token: str) -> None:
        """Keep the model of a training that is over, and log its hash."""
        model = hashlib.sha256(token.encode()).hexdigest()
        entry = self.record(plan, 0, model=model)
        await self.logged(
            EntryType.TRAINING,
            [Record(MODEL_KEPT, "", token.encode())],
            plan.issuer,
            fields={FieldName.TRAINING: entry.encode()},
        )

    async def end(self, token: str) -> None:
        """Keep the ending of a training without a model, and log why."""
        plan = self.plan
        ending = ENDING.open(token, plan.issuer, self.keys).content
        if ending.plan != plan.digest:
            raise out_of_order("the end of another training")
        await self.logged(
            EntryType.SESSION,
            [Record(ENDING_KEPT, "", token.encode())],
            plan.issuer,
            fields={FieldName.REASON: " ".join([ending.reason, *ending.named]).encode()},
        )

    def _read_begun(self, letter: bytes) -> Begun:
        """A begin letter, checked whole: membership, votes, holders' keys, buckets."""
        plan, keys = self.plan, self.keys
        fields, _ = unpack(letter)
        if fields.text("session") != self.session:
            raise out_of_order("the beginning of another training")
        token = fields.text("membership", max_chars=MAX_LETTER_BYTES)
        membership = MEMBERSHIP.open(token, plan.issuer, keys)
        announced = read_tokens(fields, "keys", max_chars=MAX_JOINING_BYTES)
        votes = read_tokens(fields, "votes", max_chars=MAX_VOTE_BYTES)
        openings = read_tokens(fields, "openings", max_chars=MAX_VOTE_BYTES)
        fields.finish()
        cohort = check_membership(plan, membership, check_plan_parties(self.node, plan))
        holder_keys = {}
        for index, holder in enumerate(plan.content.holders, start=1):
            announcement = HOLDER_KEY.open(announced.get(holder, ""), holder, keys)
            named = membership.content.holders[holder]
            if announcement.digest != named or announcement.content.plan != plan.digest:
                raise plan_malformed(f"a key of {holder} that is not for this plan")
            holder_keys[index] = announcement.content.key
        drawn = buckets(plan, membership, endorsed(plan, membership, votes, keys), openings, keys)
        course = Course(plan.content.packaged, list(membership.content.members), drawn, plan.content.noise)
        return Begun(membership, cohort, holder_keys, course)

    @cached_property
    def _taken_at(self) -> int:
        """When this node took the plan (unix seconds); nobody else can make it earlier."""
        with self.node.participant.store.reading() as connection:
            at = kept_at(connection, self.session, PLAN_KEPT)
        if at is None:
            raise _unknown()
        return at

    def _kept(self, kind: str) -> bytes:
        found = self._standing.get(kind) or self.find(kind)
        if found is None:
            raise _unknown()
        self._standing[kind] = found
        return found


def sums_bytes(sums: Sequence[Sums]) -> bytes:
    """Released sums as they are kept and hashed: canonical JSON, integers as text."""
    stated: Json = [[str(value) for value in one] for one in sums]
    return canonical_bytes(stated)


def read_sums(data: bytes) -> list[Sums]:
    """What `sums_bytes` wrote."""
    value = parse_canonical(data, max_bytes=MAX_LETTER_BYTES)
    assert isinstance(value, list), "this module wrote it"
    return [tuple(int(str(item)) for item in one) for one in value if isinstance(one, list)]


def _unknown() -> Refused:
    return Refused(
        "training-unknown",
        found="a training whose plan is not known here",
        expected="a training of which this node has taken the plan",
        remedy="Bring the plan first.",
    )


def _over(found: str) -> Refused:
    return Refused(
        "training-over",
        found=found,
        expected="a training that goes on",
        remedy="Nothing more is said in it; another training needs another plan.",
    )


def out_of_order(found: str) -> Refused:
    """The refusal of what does not come next."""
    return Refused(
        "training-order",
        found=found,
        expected="what the task itself asks next, in one membership",
        remedy="Go on where the training stands; a member answers nothing else.",
    )
