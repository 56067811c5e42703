"""Status lists on the wire: which attestations or statements of this node no longer hold."""

from carbonport.node.restored import RestoreGuard
from carbonport.node.status_lists import StatusLists
from carbonport.wire.v1 import status_pb2, status_pb2_grpc


class StatusService(status_pb2_grpc.StatusServiceServicer):
    """Serves `carbonport.wire.v1.StatusService`."""

    def __init__(self, lists: StatusLists, restore: RestoreGuard) -> None:
        self._lists = lists
        self._restore = restore

    async def GetStatusList(  # noqa: N802 - the name in the wire contract
        self, request: status_pb2.GetStatusListRequest, context: object
    ) -> status_pb2.GetStatusListResponse:
        """The current token of one of this node's lists; a restored node may have forgotten a revocation."""
        await self._restore.require_decided()
        return status_pb2.GetStatusListResponse(token=self._lists.token(request.uri))
