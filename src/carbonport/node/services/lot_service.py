"""An exporter's lots on the wire."""

from carbonport.crypto.group import encode_scalar
from carbonport.node.exporter.lots.lot_showing import LotShowing
from carbonport.node.transport.calls import caller
from carbonport.wire.v1 import lots_pb2, lots_pb2_grpc


class LotService(lots_pb2_grpc.LotServiceServicer):
    """Serves `carbonport.wire.v1.LotService`; who calls is what the transport admitted."""

    def __init__(self, showing: LotShowing) -> None:
        self._showing = showing

    async def GetConsignment(  # noqa: N802 - the name in the wire contract
        self, request: lots_pb2.GetConsignmentRequest, context: object
    ) -> lots_pb2.GetConsignmentResponse:
        """The caller's own consignment."""
        shown = await self._showing.consignment(request.attestation_id, importer=caller().id)
        return lots_pb2.GetConsignmentResponse(
            checkpoint=shown.note.encode(),
            k=shown.k,
            position=shown.position,
            remainder_proof=shown.remainder,
            level=shown.level,
            blinding=encode_scalar(shown.blinding),
            salt=shown.salt,
        )

    async def ListLotEntries(  # noqa: N802
        self, request: lots_pb2.ListLotEntriesRequest, context: object
    ) -> lots_pb2.ListLotEntriesResponse:
        """A run of entries with their proofs."""
        party = caller()
        rows = self._showing.entries(
            request.origin, request.start, request.limit, caller=party.id, roles=party.roles
        )
        return lots_pb2.ListLotEntriesResponse(
            entries=[
                lots_pb2.LotEntry(
                    position=row.position, entry=row.entry, proof=row.proof, remainder_proof=row.remainder
                )
                for row in rows
            ]
        )

    async def GiveBackConsignment(  # noqa: N802
        self, request: lots_pb2.GiveBackConsignmentRequest, context: object
    ) -> lots_pb2.GiveBackConsignmentResponse:
        """The caller returns its consignment."""
        position = await self._showing.give_back(
            request.attestation_id, request.signature, importer=caller().id
        )
        return lots_pb2.GiveBackConsignmentResponse(position=position)

    async def ListLots(  # noqa: N802
        self, request: lots_pb2.ListLotsRequest, context: object
    ) -> lots_pb2.ListLotsResponse:
        """Every lot with the statements it goes by."""
        answer = lots_pb2.ListLotsResponse()
        for lot in await self._showing.lots(request.start):
            listed = answer.lots.add(origin=lot.origin, checkpoint=lot.note.encode())
            for version, level in lot.statements:
                listed.statements.add(statement=version.token, receipt=version.receipt, level=level)
        return answer
