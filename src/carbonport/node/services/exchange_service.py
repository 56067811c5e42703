"""The exporter's door on the wire: requests, answers, releases."""

from carbonport.errors import Misuse
from carbonport.node.exporter import inbox
from carbonport.node.exporter.inbox import AttestationRequest, InboxEntry, RequestState
from carbonport.node.open_node import OpenNode
from carbonport.node.transport.calls import caller
from carbonport.wire.v1 import exchange_pb2, exchange_pb2_grpc

_STATES = {
    RequestState.PENDING: exchange_pb2.REQUEST_STATE_PENDING,
    RequestState.ISSUED: exchange_pb2.REQUEST_STATE_ISSUED,
    RequestState.REFUSED: exchange_pb2.REQUEST_STATE_REFUSED,
}


class ExchangeService(exchange_pb2_grpc.ExchangeServiceServicer):
    """Serves `carbonport.wire.v1.ExchangeService`; who calls is what the transport admitted, never a field."""

    def __init__(self, node: OpenNode) -> None:
        self._node = node

    async def RequestAttestation(  # noqa: N802 - the name in the wire contract
        self, request: exchange_pb2.RequestAttestationRequest, context: object
    ) -> exchange_pb2.RequestAttestationResponse:
        """Answer a request; the same request id and content get the same answer."""
        asked = AttestationRequest(
            id=request.request_id,
            importer=caller().id,
            purpose=request.purpose,
            cn=request.cn,
            period_start=request.period_start,
            period_end=request.period_end,
            consignment=request.consignment,
            net_mass_t=request.net_mass_t,
            items=tuple(request.items),
            consignment_key=request.consignment_key.hex(),
            form=request.form,
            installation=request.installation,
        )
        entry = await self._node.answers.answer(asked)
        return exchange_pb2.RequestAttestationResponse(request=_message(entry))

    async def RequestThreshold(  # noqa: N802
        self, request: exchange_pb2.RequestThresholdRequest, context: object
    ) -> exchange_pb2.RequestThresholdResponse:
        """Answer a request for a claim against a published value; a claim is about no consignment."""
        asked = AttestationRequest(
            id=request.request_id,
            importer=caller().id,
            purpose=request.purpose,
            cn=request.cn,
            period_start=request.period_start,
            period_end=request.period_end,
            consignment="",
            net_mass_t="",
            items=(),
            threshold=request.table,
        )
        entry = await self._node.answers.answer(asked)
        return exchange_pb2.RequestThresholdResponse(request=_message(entry))

    async def GetRequest(  # noqa: N802
        self, request: exchange_pb2.GetRequestRequest, context: object
    ) -> exchange_pb2.GetRequestResponse:
        """What became of a request of the caller's own."""
        with self._node.participant.store.reading() as connection:
            entry = inbox.entry_of(connection, caller().id, request.request_id)
        if entry is None:
            raise Misuse(
                "request-unknown",
                found="no request of this id from the caller",
                expected="the id of a request that was sent to this exporter",
                remedy="Send the request again with the same id.",
            )
        return exchange_pb2.GetRequestResponse(request=_message(entry))

    async def FetchAttestation(  # noqa: N802
        self, request: exchange_pb2.FetchAttestationRequest, context: object
    ) -> exchange_pb2.FetchAttestationResponse:
        """Release an attestation: the entry is durable before this returns."""
        released = await self._node.releases.release(
            request.attestation_id, importer=caller().id, request_id=request.request_id
        )
        return exchange_pb2.FetchAttestationResponse(
            disclosure=released.payload, receipt=released.receipt.encode()
        )


def _message(entry: InboxEntry) -> exchange_pb2.Request:
    return exchange_pb2.Request(
        request_id=entry.request.id,
        state=_STATES[entry.state],
        attestation_id=entry.attestation,
        decision_id=entry.decision,
        reason=entry.reason,
    )
