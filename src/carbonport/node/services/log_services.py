"""A node's log on the wire: read by regulators, cosigned by witnesses; and its own service as a witness of others."""

import asyncio

from carbonport.crypto.notes import TYPE_COSIGNATURE, NoteSigner, VerifierKey
from carbonport.crypto.receipt import Receipt
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.log.witness import LogWitness
from carbonport.node.participant import Participant
from carbonport.node.restored import RestoreGuard
from carbonport.node.witnessed_lots import WitnessedLots
from carbonport.wire.v1 import log_pb2, log_pb2_grpc

MAX_ENTRIES_PER_ANSWER = 500
"""Entries of one answer."""

MAX_BYTES_PER_ANSWER = 2 * 2**20
"""Bytes of one answer, but for its first entry: what importers ask for makes bodies long, and none may be so many that
they cannot be read any more."""


class LogService(log_pb2_grpc.LogServiceServicer):
    """Serves `carbonport.wire.v1.LogService`."""

    def __init__(self, log: ExchangeLog) -> None:
        self._log = log

    async def GetCheckpoint(  # noqa: N802 - the name in the wire contract
        self, request: log_pb2.GetCheckpointRequest, context: object
    ) -> log_pb2.GetCheckpointResponse:
        """The newest checkpoint with its cosignatures."""
        return log_pb2.GetCheckpointResponse(checkpoint=await self._log.checkpoint())

    async def ListEntries(  # noqa: N802
        self, request: log_pb2.ListEntriesRequest, context: object
    ) -> log_pb2.ListEntriesResponse:
        """A run of entries with their sealed bodies."""
        limit = min(request.limit, MAX_ENTRIES_PER_ANSWER)
        found = await asyncio.to_thread(self._log.stored.entries, request.start, limit)
        answer, size = log_pb2.ListEntriesResponse(), 0
        for each in found:
            size += len(each.entry) + len(each.body or b"")
            if answer.entries and size > MAX_BYTES_PER_ANSWER:
                break
            answer.entries.add(index=each.index, entry=each.entry, body=each.body or b"")
        return answer


class WitnessService(log_pb2_grpc.WitnessServiceServicer):
    """Serves `carbonport.wire.v1.WitnessService`: cosigns the logs of the participants that the trust lists name."""

    def __init__(self, participant: Participant, restore: RestoreGuard) -> None:
        self._participant = participant
        self._restore = restore
        self._lots = WitnessedLots(participant)
        self._kid, self._witness = self._with_key_in_force()

    async def AddCheckpoint(  # noqa: N802
        self, request: log_pb2.AddCheckpointRequest, context: object
    ) -> log_pb2.AddCheckpointResponse:
        """Compare, record durably, cosign; a refusal is an answer too."""
        await self._restore.require_decided()
        if self._participant.identity.record(KeyUse.WITNESS).kid != self._kid:
            self._kid, self._witness = self._with_key_in_force()
        outcome = await asyncio.to_thread(self._witness.add_checkpoint, request.request)
        return log_pb2.AddCheckpointResponse(
            status=outcome.status, cosignature=outcome.cosignature, size=outcome.size
        )

    async def GetWitnessedSize(  # noqa: N802
        self, request: log_pb2.GetWitnessedSizeRequest, context: object
    ) -> log_pb2.GetWitnessedSizeResponse:
        """The last size that was cosigned for an origin."""
        size = await asyncio.to_thread(self._witness.witnessed_size, request.origin)
        return log_pb2.GetWitnessedSizeResponse(size=size)

    async def ShowStatement(  # noqa: N802
        self, request: log_pb2.ShowStatementRequest, context: object
    ) -> log_pb2.ShowStatementResponse:
        """Accept the lots of a statement that name this node as their witness."""
        await self._restore.require_decided()
        receipt = Receipt.decode(request.receipt)
        origins = await asyncio.to_thread(self._lots.show, request.statement, receipt)
        return log_pb2.ShowStatementResponse(origins=origins)

    def _with_key_in_force(self) -> tuple[str, LogWitness]:
        """What was recorded stands in the store; only the key is the process's own, and it may be rotated."""
        participant = self._participant
        name, key = participant.identity.name.witness_name, participant.identity.ed25519(KeyUse.WITNESS)
        signer = NoteSigner(name, TYPE_COSIGNATURE, key)
        witness = LogWitness(participant.store, signer, self._known_logs, clock=participant.clock)
        return participant.identity.record(KeyUse.WITNESS).kid, witness

    def _known_logs(self, origin: str) -> list[VerifierKey]:
        """The log keys that any current list names for this origin, or for the lot of this origin once its statement
        was shown; one's own log is never witnessed."""
        now, found = self._participant.clock(), list(self._lots.keys(origin))
        for held in self._participant.trust.held_lists():
            if held.trust_list.next_update <= now:
                continue
            for listed in held.trust_list.participants:
                if listed.id != self._participant.id:
                    texts = (key.text for key in listed.keys_at("log", now))
                    # A key's text begins with its name, and no name holds a plus.
                    found += [VerifierKey.parse(text) for text in texts if text.startswith(f"{origin}+")]
        return found
