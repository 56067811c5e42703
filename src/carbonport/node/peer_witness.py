"""A witness at another node, asked over gRPC: the log's `Cosigner` across the wire."""

from carbonport.crypto.notes import VerifierKey
from carbonport.node.log.add_checkpoint import Outcome, Status
from carbonport.node.transport.peers import Peers
from carbonport.wire.v1 import log_pb2

ADD_CHECKPOINT = "/carbonport.wire.v1.WitnessService/AddCheckpoint"
WITNESSED_SIZE = "/carbonport.wire.v1.WitnessService/GetWitnessedSize"


class PeerWitness:
    """The witness of the participant `name`; `key` is what its cosignatures are checked with."""

    def __init__(self, peers: Peers, name: str, key: VerifierKey) -> None:
        self._peers = peers
        self._name = name
        self._key = key

    @property
    def key(self) -> VerifierKey:
        """Its cosignature key (type 04)."""
        return self._key

    async def add_checkpoint(self, request: bytes) -> Outcome:
        """Send an encoded add-checkpoint request; Unavailable when the witness does not answer."""
        message = log_pb2.AddCheckpointRequest(request=request)
        answer = await self._peers.ask(self._name, ADD_CHECKPOINT, message, log_pb2.AddCheckpointResponse)
        return Outcome(Status(answer.status), answer.cosignature, answer.size)

    async def witnessed_size(self, origin: str) -> int:
        """The last size the witness cosigned for the origin; 0 for none."""
        message = log_pb2.GetWitnessedSizeRequest(origin=origin)
        answer = await self._peers.ask(self._name, WITNESSED_SIZE, message, log_pb2.GetWitnessedSizeResponse)
        return answer.size
