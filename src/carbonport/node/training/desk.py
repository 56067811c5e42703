"""The desk of a node in trainings: one door for whatever carries the letters, whichever part the node plays in a plan.

plan      the plan; answered with an acceptance (member) or a fresh key (holder)
vote      the membership with everyone's acceptance; answered with the holder's vote
open      everyone's votes; answered with the holder's bucket value
begin     the endorsed membership, keys, votes and values; from then on it is fixed
question  what the task asks now, with the answers to what it asked before; answered with a contribution
follow    the same to a member who is not asked now, its bucket being done: so that it knows the model in the end
shares    everyone's contributions for one holder; answered with sums
model     the signed model, with the last answers
end       the end without a model
"""

import asyncio
from collections.abc import Collection

from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.jws import peek_header
from carbonport.errors import CarbonportError, Misuse, Refused
from carbonport.federated.plausibility_model import MAX_MODEL_BYTES
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.parties import current_keys
from carbonport.node.sessions.plan_dates import is_of_the_future
from carbonport.node.training.ending import MAX_ENDING_BYTES
from carbonport.node.training.holder_desk import HolderDesk
from carbonport.node.training.member_desk import MemberDesk
from carbonport.node.training.model_file import check_models
from carbonport.node.training.parcel import pack, unpack
from carbonport.node.training.permission import Permission
from carbonport.node.training.plan import MAX_PLAN_BYTES, PLAN, SignedPlan, plan_malformed
from carbonport.node.training.record_kinds import MODEL_KEPT, PLAN_KEPT
from carbonport.node.training.refusals import log_refusal
from carbonport.node.training.session import TrainingSession, check_plan_parties

KINDS = frozenset({"plan", "vote", "open", "begin", "question", "follow", "shares", "model", "end"})
"""Kinds of letters."""


class TrainingDesk:
    """A node's `carbonport.federated.relay.Desk`. `apps` are the hashes of the carrying apps that it lets take part."""

    def __init__(self, node: OpenNode, permission: Permission, apps: Collection[str]) -> None:
        self._node, self._permission, self._apps = node, permission, frozenset(apps)
        self._desks: dict[str, MemberDesk | HolderDesk] = {}
        self._sessions: dict[str, TrainingSession] = {}
        # One letter at a time: what is said first stands, and two at once could both be first.
        self._one = asyncio.Lock()

    async def answer(self, kind: str, letter: bytes) -> bytes:
        """The answer to a letter; raises a `CarbonportError`, whose id alone leaves the node."""
        fields, parts = unpack(letter)
        name = fields.text("session")
        async with self._one:
            if kind == "plan":
                return await self._plan(name, fields)
            session = self._session(name)
            plan = session.plan
            try:
                return await self._in_session(session, kind, letter, fields, parts)
            except CarbonportError as problem:
                await log_refusal(self._node, plan, kind if kind in KINDS else "another", problem)
                raise

    async def _in_session(
        self,
        session: TrainingSession,
        kind: str,
        letter: bytes,
        fields: StrictFields,
        parts: tuple[bytes, ...],
    ) -> bytes:
        """The answer to a letter about a plan that is known here."""
        if kind == "begin":
            session.current_plan()
            await session.begin(letter)
            return pack({})
        if kind == "model":
            return await self._model(session, fields, parts)
        if kind == "end":
            token = fields.text("ending", max_chars=MAX_ENDING_BYTES)
            fields.finish()
            await session.end(token)
            self._over(session)
            return pack({})
        desk = self._desk(session, session.plan)
        if isinstance(desk, MemberDesk) and kind == "question":
            return await desk.contribute(fields, parts)
        if isinstance(desk, MemberDesk) and kind == "follow":
            await session.arrive(fields, parts)
            return pack({})
        if isinstance(desk, HolderDesk) and kind == "vote":
            return await desk.vote(fields)
        if isinstance(desk, HolderDesk) and kind == "open":
            return await desk.open(fields)
        if isinstance(desk, HolderDesk) and kind == "shares":
            return await desk.add(fields, parts)
        raise Misuse(
            "training-letter-kind",
            found=f"a letter of the kind {kind[:40]!r}",
            expected="a letter that this node's part in the plan answers",
            remedy="Use the same version of the program on both sides.",
        )

    async def _plan(self, name: str, fields: StrictFields) -> bytes:
        """Look at a plan, keep it, and answer as the plan names this node."""
        coordinator = fields.text("coordinator")
        token = fields.text("plan", max_chars=MAX_PLAN_BYTES)
        fields.finish()
        session = self._session(name)
        if session.find(PLAN_KEPT) is None:
            plan = PLAN.open(token, coordinator, current_keys(self._node))
            try:
                self._check(name, plan)
            except CarbonportError as problem:
                await log_refusal(self._node, plan, "plan", problem)
                raise
            await session.keep_plan(plan)
            self._sessions[name] = session
        plan = session.current_plan()
        if plan.token != token:
            raise plan_malformed("another plan of the same name")
        desk = self._desk(session, plan)
        if isinstance(desk, MemberDesk):
            return await desk.accept(plan)
        return await desk.announce(plan)

    def _check(self, name: str, plan: SignedPlan) -> None:
        """Everything about a plan that does not need its owner's say; nothing in it loosens what this node demands."""
        content = plan.content
        if content.session != name:
            raise plan_malformed("a plan of another session")
        if is_of_the_future(content.issued_at, now=self._node.participant.clock()):
            raise plan_malformed("a plan of the future")
        if self._node.participant.id not in (*content.members, *content.holders):
            raise plan_malformed("a plan that does not name this node")
        if content.app not in self._apps:
            raise Refused(
                "training-app",
                found="an app that this node does not let carry a training's letters",
                expected="an app on the allow-list",
                remedy="Use the same version of the program as the coordinator.",
            )
        # The task as this program has it, and noise that promises something.
        content.packaged, content.noise  # noqa: B018 - both raise otherwise
        check_plan_parties(self._node, plan)

    async def _model(self, session: TrainingSession, fields: StrictFields, parts: tuple[bytes, ...]) -> bytes:
        """Keep the model, if it is what follows from the holders' answers."""
        token = fields.text("model", max_chars=MAX_MODEL_BYTES)
        exchange = fields.integer("exchange")
        released = fields.nested("released")
        fields.finish()
        if session.find(MODEL_KEPT) is None:
            plan = session.current_plan()
            await asyncio.to_thread(session.advance, plan, exchange, released, parts)
            course = session.begun.course
            key = session.keys(plan.issuer, str(peek_header(token).get("kid", "")))
            check_models(plan, course, token, key)
            await session.keep_model(plan, token)
        self._over(session)
        return pack({})

    def _over(self, session: TrainingSession) -> None:
        """Forget what nobody may ask for any more: a holder's keys, a member's integers."""
        desk = self._desk(session, session.plan)
        if isinstance(desk, HolderDesk):
            desk.destroy()
        else:
            desk.forget_all()
        self._sessions.pop(session.session, None)
        self._desks.pop(session.session, None)

    def _session(self, name: str) -> TrainingSession:
        """The session, remembered once its plan is kept: whoever names others leaves nothing behind."""
        session = self._sessions.get(name) or TrainingSession(self._node, name)
        if session.find(PLAN_KEPT) is not None:
            self._sessions[name] = session
        return session

    def _desk(self, session: TrainingSession, plan: SignedPlan) -> MemberDesk | HolderDesk:
        desk = self._desks.get(session.session)
        if desk is None:
            member = self._node.participant.id in plan.content.members
            desk = MemberDesk(session, self._permission) if member else HolderDesk(session)
            self._desks[session.session] = desk
        return desk
