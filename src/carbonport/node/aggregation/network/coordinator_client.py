"""A coordinator as contributors, holders and releasers reach it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from carbonport.errors import Malformed
from carbonport.node.aggregation.closing import read_certificate
from carbonport.node.aggregation.ending import Ballot
from carbonport.node.aggregation.examination import Proposal
from carbonport.node.aggregation.result_file_form import MAX_RESULT_FILE_BYTES
from carbonport.node.transport.peers import Peers
from carbonport.wire.v1 import aggregation_pb2 as pb

SERVICE = "/carbonport.wire.v1.AggregationService/"

HEAVY_DEADLINE_S = 60.0
"""How long an answer may take that the coordinator has to check proofs or read ciphertexts for."""

AnswerT = TypeVar("AnswerT", bound=Message)


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session that names this node, and where it stands by the coordinator's word."""

    session: str
    phase: str
    attempt: int


@dataclass(frozen=True, slots=True)
class PlanParcel:
    """A plan's token with the announcement tokens of its holders, and where its session stands."""

    plan: str
    announcements: Mapping[str, str]
    state: SessionState


@dataclass(frozen=True, slots=True)
class ProposalParcel:
    """A proposal, and by member its statement and the log receipt over its opening for the releaser."""

    proposal: Proposal
    statements: Mapping[str, str]
    opening_receipts: Mapping[str, bytes]


class CoordinatorClient:
    """Calls to one coordinator."""

    def __init__(self, peers: Peers, coordinator: str) -> None:
        self._peers, self.coordinator = peers, coordinator

    async def sessions(self) -> list[SessionState]:
        """Sessions that name this node."""
        answer = await self._ask("ListSessions", pb.ListSessionsRequest(), pb.ListSessionsResponse)
        return [_state(item) for item in answer.sessions]

    async def submit_holder_keys(self, session: str, announcement: str, context: bytes) -> None:
        """This holder's keys for a session."""
        request = pb.SubmitHolderKeysRequest(session=session, announcement=announcement, context=context)
        await self._ask("SubmitHolderKeys", request, pb.SubmitHolderKeysResponse)

    async def plan(self, session: str) -> PlanParcel:
        """The plan, with what it names."""
        answer = await self._ask("GetPlan", pb.GetPlanRequest(session=session), pb.GetPlanResponse)
        return PlanParcel(
            answer.plan, {item.id: item.token for item in answer.announcements}, _state(answer.state)
        )

    async def holder_context(self, session: str, holder: str) -> bytes:
        """A holder's public context; what it should be, the plan says."""
        request = pb.GetHolderContextRequest(session=session, holder=holder)
        answer = await self._ask("GetHolderContext", request, pb.GetHolderContextResponse)
        return bytes(answer.context)

    async def submit_consent(self, session: str, consent: str) -> None:
        """This contributor's consent."""
        request = pb.SubmitConsentRequest(session=session, consent=consent)
        await self._ask("SubmitConsent", request, pb.SubmitConsentResponse)

    async def submit_contribution(
        self,
        session: str,
        attempt: int,
        contribution: str,
        statement: str,
        receipt: bytes,
        opening_receipt: bytes = b"",
    ) -> None:
        """This contributor's contribution, with the log receipts over it and over its opening for a releaser."""
        request = pb.SubmitContributionRequest(
            session=session,
            attempt=attempt,
            contribution=contribution,
            statement=statement,
            receipt=receipt,
            opening_receipt=opening_receipt,
        )
        await self._ask("SubmitContribution", request, pb.SubmitContributionResponse)

    async def submit_ciphertext(self, session: str, attempt: int, holder: int, data: bytes) -> None:
        """A ciphertext for a holder, by its index."""
        request = pb.SubmitCiphertextRequest(session=session, attempt=attempt, holder=holder, ciphertext=data)
        await self._ask("SubmitCiphertext", request, pb.SubmitCiphertextResponse)

    async def proposal(self, session: str, attempt: int) -> ProposalParcel:
        """The proposal of an attempt, with what belongs to it."""
        consents: dict[str, str] = {}
        contributions: dict[str, str] = {}
        statements: dict[str, str] = {}
        receipts: dict[str, bytes] = {}
        while True:
            request = pb.GetProposalRequest(session=session, attempt=attempt, start=len(consents))
            answer = await self._ask("GetProposal", request, pb.GetProposalResponse)
            for member in answer.members:
                consents[member.id] = member.consent
                contributions[member.id] = member.contribution
                statements[member.id] = member.statement
                receipts[member.id] = bytes(member.opening_receipt)
            if len(consents) >= answer.total_members or not answer.members:
                closed = [read_certificate(bytes(data)) for data in answer.closed]
                proposal = Proposal(answer.roster, consents, contributions, closed, answer.verdict)
                return ProposalParcel(proposal, statements, receipts)

    async def total(self, session: str, attempt: int, cohort: str) -> tuple[str, bytes]:
        """The coordinator's note and the summed ciphertext of a cohort for this holder."""
        request = pb.GetTotalRequest(session=session, attempt=attempt, cohort=cohort)
        answer = await self._ask("GetTotal", request, pb.GetTotalResponse)
        return answer.note, bytes(answer.ciphertext)

    async def share(self, session: str, attempt: int, contributor: str) -> bytes:
        """A contributor's single ciphertext for this holder, to search it."""
        request = pb.GetShareRequest(session=session, attempt=attempt, contributor=contributor)
        return bytes((await self._ask("GetShare", request, pb.GetShareResponse)).ciphertext)

    async def submit_words(
        self,
        session: str,
        attempt: int,
        *,
        vote: str = "",
        answer: str = "",
        closing: str = "",
        finding: str = "",
    ) -> None:
        """This holder's words on an attempt."""
        request = pb.SubmitWordsRequest(
            session=session, attempt=attempt, vote=vote, answer=answer, closing=closing, finding=finding
        )
        await self._ask("SubmitWords", request, pb.SubmitWordsResponse)

    async def submit_verdict(self, session: str, attempt: int, verdict: str) -> None:
        """This releaser's word on an attempt's roster."""
        request = pb.SubmitVerdictRequest(session=session, attempt=attempt, verdict=verdict)
        await self._ask("SubmitVerdict", request, pb.SubmitVerdictResponse)

    async def ballot(self, session: str, attempt: int) -> Ballot:
        """What holders and the releaser said in an attempt."""
        request = pb.GetBallotRequest(session=session, attempt=attempt)
        answer = await self._ask("GetBallot", request, pb.GetBallotResponse)
        certificate = read_certificate(bytes(answer.certificate)) if answer.certificate else None
        return Ballot({item.id: item.token for item in answer.votes}, certificate, answer.verdict)

    async def contribution(self, session: str, attempt: int) -> tuple[str, str]:
        """This contributor's own contribution to an attempt, and its statement; empty when it gave none."""
        request = pb.GetContributionRequest(session=session, attempt=attempt)
        answer = await self._ask("GetContribution", request, pb.GetContributionResponse)
        return answer.contribution, answer.statement

    async def result(self, session: str) -> bytes:
        """The published result file; nothing of it was checked."""
        data = bytearray()
        while True:
            request = pb.GetResultRequest(session=session, offset=len(data))
            answer = await self._ask("GetResult", request, pb.GetResultResponse)
            data += answer.data
            if not 0 < answer.total_bytes <= MAX_RESULT_FILE_BYTES or not answer.data:
                raise Malformed(
                    "aggregation-result-size",
                    found=f"a result of {answer.total_bytes} bytes",
                    expected=f"1 to {MAX_RESULT_FILE_BYTES} bytes",
                    remedy="Ask the coordinator for the result file by another way.",
                    where=self.coordinator,
                )
            if len(data) >= answer.total_bytes:
                return bytes(data)

    async def _ask(self, method: str, request: Message, answer: type[AnswerT]) -> AnswerT:
        return await self._peers.ask(
            self.coordinator, SERVICE + method, request, answer, deadline_s=HEAVY_DEADLINE_S
        )


def _state(item: pb.Session) -> SessionState:
    return SessionState(item.session, item.phase, item.attempt)
