"""How a coordinator drives a training over a relay: plan, membership, votes, exchanges, model.

A run may be ended and begun again at any time, also by a kill: everything that was said is kept, each exchange's sums
are kept before the next is asked, and what is asked twice is answered with the same bytes. Whoever does not answer, or
with something that is no answer (a carrier may damage or swap letters), is waited for and shown; a member that refuses
after the membership was shown to holders has left, which ends the training and names it. Answers that contradict one
another name nobody: the exchange is tried again with the same integers.
"""

import hashlib
from collections.abc import Iterable

from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError
from carbonport.federated.relay import Relay
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import Role
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.records import Record, sessions_with
from carbonport.node.training.correspondence import AnswersAwaitedError, Correspondence, TrainingEndedError
from carbonport.node.training.ending import ENDING, Ending
from carbonport.node.training.exchanges import Exchanges
from carbonport.node.training.gathering import MEMBERSHIP_KEPT, Gathering
from carbonport.node.training.membership import MEMBERSHIP
from carbonport.node.training.model_file import Issue, sign_models
from carbonport.node.training.plan import PLAN, SignedPlan, TrainingPlan
from carbonport.node.training.record_kinds import BEGUN_KEPT, DELIVERED, ENDING_KEPT, MODEL_KEPT
from carbonport.node.training.session import TrainingSession, check_plan_parties

GIVEN_UP = "training-given-up"
"""The reason of a training that its coordinator ended."""

SPOILED = frozenset({"training-counts", "training-singular", "model-malformed"})
"""Errors of sums that no rows give, or of a model that nobody could read: somebody did not follow the rules, and
nothing tells who. They end a training."""

TIMEOUT_S = 60.0
"""How long an exchange of letters may take unless the caller says otherwise."""


async def begin_training(node: OpenNode, plan: TrainingPlan) -> str:
    """Sign a plan and keep it; gives the session's name."""
    node.participant.require_role(Role.COORDINATOR)
    signed = PLAN.sign(plan, node.participant.id, node.participant.signing_key(KeyUse.SEAL))
    check_plan_parties(node, signed)
    await TrainingSession(node, plan.session).keep_plan(signed)
    return plan.session


class TrainingCoordinator:
    """One training at its coordinator's node."""

    def __init__(
        self, node: OpenNode, session: str, relay: Relay, *, timeout_seconds: float = TIMEOUT_S
    ) -> None:
        self._node, self._session = node, TrainingSession(node, session)
        self._letters = Correspondence(node, self._session, relay, timeout_seconds)
        self._exchanges = Exchanges(self._letters)

    async def run(self, *, without_absent: bool = False) -> dict[str, Json]:
        """Take the training as far as it goes now, and say where it stands. `without_absent` fixes the membership
        although some of the invited have not accepted."""
        self._letters.forget_failures()
        try:
            if self._session.find(ENDING_KEPT) is not None:
                await self._tell_ending()
            else:
                if self._session.find(MODEL_KEPT) is None:
                    plan = self._session.current_plan()
                    await Gathering(self._letters).begin(plan, without_absent=without_absent)
                    while self._session.begun.course.asked:
                        await self._exchanges.carry_out(plan)
                    await self._issue(plan)
                await self._deliver(self._session.plan)
        except AnswersAwaitedError:
            pass
        except TrainingEndedError as ended:
            await self._end(ended)
        except CarbonportError as problem:
            if problem.id not in SPOILED:
                raise
            await self._end(TrainingEndedError(problem.id))
        return self.status()

    async def give_up(self) -> dict[str, Json]:
        """End the training without a model, and tell everyone; what is over stays as it is."""
        self._letters.forget_failures()
        if self._session.find(MODEL_KEPT) is None:
            if self._session.find(ENDING_KEPT) is None:
                await self._end(TrainingEndedError(GIVEN_UP))
            else:
                await self._tell_ending()
        return self.status()

    def model(self) -> bytes | None:
        """The signed model file, once there is one."""
        return self._session.find(MODEL_KEPT)

    def status(self) -> dict[str, Json]:
        """Where the training stands, and who is waited for."""
        plan, model, ending = self._session.plan.content, self.model(), self._session.find(ENDING_KEPT)
        membership, ended = self._session.find(MEMBERSHIP_KEPT), None
        members = len(plan.members)
        if membership is not None:
            token = membership.decode()
            members = len(MEMBERSHIP.open(token, self._letters.id, self._session.keys).content.members)
        if ending is not None:
            ended = ENDING.open(ending.decode(), self._letters.id, self._session.keys).content
        phase = "accepting" if membership is None else "voting"
        if ended is not None:
            phase = "ended"
        elif model is not None:
            phase = "done"
        elif self._session.find(BEGUN_KEPT) is not None:
            phase = "training"
        return {
            "session": self._session.session,
            "phase": phase,
            "done": phase in ("ended", "done"),
            "exchanges": self._session.exchanges,
            "members": members,
            "holders": len(plan.holders),
            "unanswered": sorted(self._letters.unanswered),
            "refused": dict(sorted(self._letters.refused.items())),
            "reason": "" if ended is None else ended.reason,
            "named": [] if ended is None else list(ended.named),
            "model": "" if model is None else hashlib.sha256(model).hexdigest(),
        }

    async def _issue(self, plan: SignedPlan) -> None:
        """Sign and keep the model of a course that is over."""
        with self._node.participant.store.reading() as connection:
            number = 1 + len(sessions_with(connection, MODEL_KEPT))
        issue = Issue(self._letters.id, number, self._node.participant.clock())
        token = sign_models(plan, self._session.begun.course, issue, self._letters.key)
        await self._session.keep_model(plan, token)

    async def _deliver(self, plan: SignedPlan) -> None:
        """Bring the model to everyone who does not have it yet."""
        course, model = self._session.begun.course, self.model()
        assert model is not None, "kept before it is delivered"
        released, sums = self._exchanges.last_released()
        letter = self._letters.letter(
            {"model": model.decode(), "exchange": course.taken, "released": released}, sums
        )
        await self._bring("model", letter, self._session.begun.membership.content.members, plan)

    async def _end(self, ended: TrainingEndedError) -> None:
        """Sign and keep the ending, and tell everyone."""
        ending = ENDING.sign(
            Ending(self._session.plan.digest, ended.reason, ended.named), self._letters.id, self._letters.key
        )
        await self._session.end(ending.token)
        await self._tell_ending()

    async def _tell_ending(self) -> None:
        """Tell everyone who has not heard of it; keys of holders that never do go when the plan expires."""
        plan, ending = self._session.plan, self._session.find(ENDING_KEPT)
        assert ending is not None, "kept before it is told"
        await self._bring(
            "end", self._letters.letter({"ending": ending.decode()}), plan.content.members, plan
        )

    async def _bring(self, kind: str, letter: bytes, members: Iterable[str], plan: SignedPlan) -> None:
        """Bring the last letter to everyone who has not taken it yet."""
        delivered = self._letters.all(DELIVERED)
        waiting = [name for name in (*members, *plan.content.holders) if name not in delivered]
        for name, reply in (await self._letters.ask(kind, dict.fromkeys(waiting, letter))).items():
            if reply.letter is not None:
                self._letters.keep(Record(DELIVERED, name, kind.encode()))
