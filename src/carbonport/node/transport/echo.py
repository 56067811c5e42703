"""The echo service: what a call costs when nothing is done. Benches measure every other method beside it."""

from carbonport.wire.v1 import echo_pb2


class EchoServicer:
    """Answers with the payload it was sent."""

    async def Echo(self, request: echo_pb2.EchoRequest, context: object) -> echo_pb2.EchoResponse:  # noqa: N802, ARG002
        """See the wire contract."""
        return echo_pb2.EchoResponse(payload=request.payload)
