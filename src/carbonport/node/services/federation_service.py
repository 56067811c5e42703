"""A coordinator's door for members of trainings: they enrol the keys of their SuperNodes."""

import asyncio
from pathlib import Path

from carbonport.node.federation.enrolment import enrol
from carbonport.node.transport.calls import caller
from carbonport.wire.v1 import federation_pb2 as pb
from carbonport.wire.v1 import federation_pb2_grpc


class FederationService(federation_pb2_grpc.FederationServiceServicer):
    """Serves `carbonport.wire.v1.FederationService`."""

    def __init__(self, home: Path) -> None:
        self._home = home

    async def Enrol(  # noqa: N802 - the name in the wire contract
        self, request: pb.EnrolRequest, context: object
    ) -> pb.EnrolResponse:
        """Take the caller's key; tell where the front is."""
        place = await asyncio.to_thread(enrol, self._home, caller().id, request.key)
        return pb.EnrolResponse(address=place.address, certificate=place.certificate, app=place.app)
