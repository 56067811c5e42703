"""A coordinator's door on the wire: what contributors and holders bring, and what they are given.

Who calls is what the transport admitted, never a field; a session is shown to those only whom it names, a result to
every listed participant.
"""

import asyncio

from carbonport.node.aggregation.network.coordinator_inbox import CoordinatorInbox
from carbonport.node.aggregation.network.coordinator_session import (
    CoordinatorSession,
    Standing,
    tokens,
    unknown_session,
    wrong_phase,
)
from carbonport.node.aggregation.network.listed_sessions import ListedSessions
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.records import all_of, find
from carbonport.node.transport.calls import caller
from carbonport.wire.v1 import aggregation_pb2 as pb
from carbonport.wire.v1 import aggregation_pb2_grpc

MEMBERS_PER_ANSWER = 100
"""Members of a proposal in one answer."""

BYTES_PER_ANSWER = 2 * 2**20
"""Bytes of members, or of a result, in one answer; a first member is given whatever its size."""


class AggregationService(aggregation_pb2_grpc.AggregationServiceServicer):
    """Serves `carbonport.wire.v1.AggregationService`."""

    def __init__(self, node: OpenNode) -> None:
        self._node = node
        self._listed = ListedSessions(node)

    async def ListSessions(  # noqa: N802 - the names in the wire contract
        self, request: pb.ListSessionsRequest, context: object
    ) -> pb.ListSessionsResponse:
        """Sessions of the caller."""
        mine = self._listed.of(caller().id)
        return pb.ListSessionsResponse(sessions=[_told(one.session, one.standing) for one in mine])

    async def SubmitHolderKeys(  # noqa: N802
        self, request: pb.SubmitHolderKeysRequest, context: object
    ) -> pb.SubmitHolderKeysResponse:
        """Keys for a session."""
        session = self._session(request.session)
        await session.take_holder_keys(caller().id, request.announcement, request.context)
        return pb.SubmitHolderKeysResponse()

    async def GetPlan(  # noqa: N802
        self, request: pb.GetPlanRequest, context: object
    ) -> pb.GetPlanResponse:
        """The plan, once there is one."""
        session = self._session(request.session)
        plan = session.planned()
        with session.reading() as connection:
            announced = tokens(all_of(connection, request.session, "keys"))
        documents = [pb.Document(id=name, token=token) for name, token in announced.items()]
        return pb.GetPlanResponse(plan=plan.token, announcements=documents, state=_state(session))

    async def GetHolderContext(  # noqa: N802
        self, request: pb.GetHolderContextRequest, context: object
    ) -> pb.GetHolderContextResponse:
        """A holder's public context."""
        session = self._session(request.session)
        with session.reading() as connection:
            found = find(connection, request.session, "context", request.holder)
        if found is None:
            raise wrong_phase("no context of this holder", "a holder that made its keys")
        return pb.GetHolderContextResponse(context=found)

    async def SubmitConsent(  # noqa: N802
        self, request: pb.SubmitConsentRequest, context: object
    ) -> pb.SubmitConsentResponse:
        """A consent."""
        await self._session(request.session).take_consent(caller().id, request.consent)
        return pb.SubmitConsentResponse()

    async def SubmitContribution(  # noqa: N802
        self, request: pb.SubmitContributionRequest, context: object
    ) -> pb.SubmitContributionResponse:
        """A contribution, checked as holders will check it."""
        await self._session(request.session).take_contribution(
            caller().id,
            request.attempt,
            request.contribution,
            request.statement,
            request.receipt,
            request.opening_receipt,
        )
        return pb.SubmitContributionResponse()

    async def SubmitCiphertext(  # noqa: N802
        self, request: pb.SubmitCiphertextRequest, context: object
    ) -> pb.SubmitCiphertextResponse:
        """A ciphertext of a contribution."""
        session, who = self._session(request.session), caller().id
        await asyncio.to_thread(
            session.take_ciphertext, who, request.attempt, request.holder, request.ciphertext
        )
        return pb.SubmitCiphertextResponse()

    async def GetProposal(  # noqa: N802
        self, request: pb.GetProposalRequest, context: object
    ) -> pb.GetProposalResponse:
        """A roster with its members' documents, as many as fit."""
        session, attempt = self._session(request.session), request.attempt
        roster = session.roster(attempt)
        if roster is None:
            raise wrong_phase("no roster yet", "a proposed roster")
        verdict = session.verdict(attempt)
        with session.reading() as connection:
            closed = all_of(connection, request.session, "certificate")
            answer = pb.GetProposalResponse(
                roster=roster.token,
                closed=[closed[str(number)] for number in range(attempt)],
                total_members=len(roster.content.entries),
                verdict="" if verdict is None else verdict.token,
            )
            size = 0
            for entry in roster.content.entries[request.start : request.start + MEMBERS_PER_ANSWER]:
                member = pb.Member(id=entry.id)
                for field, kind in (
                    ("consent", "consent"),
                    ("contribution", f"contribution:{attempt}"),
                    ("statement", f"statement:{attempt}"),
                ):
                    found = find(connection, request.session, kind, entry.id)
                    assert found is not None, "members of a roster brought everything"
                    setattr(member, field, found.decode())
                receipt = find(connection, request.session, f"opening-receipt:{attempt}", entry.id)
                member.opening_receipt = receipt or b""
                size += member.ByteSize()
                if answer.members and size > BYTES_PER_ANSWER:
                    break
                answer.members.append(member)
        return answer

    async def GetTotal(  # noqa: N802
        self, request: pb.GetTotalRequest, context: object
    ) -> pb.GetTotalResponse:
        """A summed ciphertext for the calling holder."""
        session, who = self._session(request.session), caller().id
        with session.reading() as connection:
            note = find(connection, request.session, f"note:{request.attempt}", who)
            total = find(connection, request.session, f"total:{request.attempt}:{who}", request.cohort)
        if note is None or total is None or session.roster(request.attempt) is None:
            raise wrong_phase("no such sum for the caller", "a released cohort of a proposed roster")
        return pb.GetTotalResponse(note=note.decode(), ciphertext=total)

    async def GetShare(  # noqa: N802
        self, request: pb.GetShareRequest, context: object
    ) -> pb.GetShareResponse:
        """A single ciphertext for a holder that searches."""
        session = self._session(request.session)
        share = session.share(caller().id, request.attempt, request.contributor)
        return pb.GetShareResponse(ciphertext=share)

    async def SubmitWords(  # noqa: N802
        self, request: pb.SubmitWordsRequest, context: object
    ) -> pb.SubmitWordsResponse:
        """A holder's vote, answer, last word or finding."""
        await self._session(request.session).take_words(
            caller().id,
            request.attempt,
            vote=request.vote,
            answer=request.answer,
            closing=request.closing,
            finding=request.finding,
        )
        return pb.SubmitWordsResponse()

    async def SubmitVerdict(  # noqa: N802
        self, request: pb.SubmitVerdictRequest, context: object
    ) -> pb.SubmitVerdictResponse:
        """The releaser's word."""
        await self._session(request.session).take_verdict(caller().id, request.attempt, request.verdict)
        return pb.SubmitVerdictResponse()

    async def GetBallot(  # noqa: N802
        self, request: pb.GetBallotRequest, context: object
    ) -> pb.GetBallotResponse:
        """What holders and the releaser said."""
        ballot = self._session(request.session).ballot(request.attempt)
        documents = [pb.Document(id=name, token=token) for name, token in ballot.votes.items()]
        certificate = b"" if ballot.certificate is None else ballot.certificate.encode()
        return pb.GetBallotResponse(votes=documents, certificate=certificate, verdict=ballot.verdict)

    async def GetContribution(  # noqa: N802
        self, request: pb.GetContributionRequest, context: object
    ) -> pb.GetContributionResponse:
        """The caller's own contribution."""
        session = self._session(request.session)
        with session.reading() as connection:
            given, statement = (
                find(connection, request.session, f"{kind}:{request.attempt}", caller().id) or b""
                for kind in ("contribution", "statement")
            )
        return pb.GetContributionResponse(contribution=given.decode(), statement=statement.decode())

    async def GetResult(  # noqa: N802
        self, request: pb.GetResultRequest, context: object
    ) -> pb.GetResultResponse:
        """A part of the result file."""
        session = CoordinatorSession(self._node, request.session)
        with session.reading() as connection:
            data = find(connection, request.session, "result")
        if data is None:
            raise wrong_phase("no result yet", "a session that is done")
        part = data[request.offset : request.offset + BYTES_PER_ANSWER]
        return pb.GetResultResponse(data=part, total_bytes=len(data))

    def _session(self, name: str) -> CoordinatorInbox:
        session = CoordinatorInbox(self._node, name)
        if caller().id not in session.parties():
            raise unknown_session()
        return session


def _state(session: CoordinatorSession) -> pb.Session:
    return _told(session.session, session.standing())


def _told(session: str, standing: Standing) -> pb.Session:
    return pb.Session(session=session, phase=standing.phase, attempt=standing.attempt)
