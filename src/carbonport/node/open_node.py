"""A node at work: a participant that writes its exchange log, with the desks of its roles.

Whoever opens one holds the writer's lock of the store, so there is one at a time: the serving process, or a command
when the node does not serve. Everything that is logged or answered goes through here.
"""

from dataclasses import dataclass
from typing import Self

from carbonport.attestation.trust_list import TrustedKey
from carbonport.classification.policy import Policy
from carbonport.node.exporter.answering import AnswerDesk
from carbonport.node.exporter.composition import Composer
from carbonport.node.exporter.lots.lot_desk import LotDesk
from carbonport.node.exporter.lots.lot_showing import LotShowing
from carbonport.node.exporter.lots.lot_witnesses import LotWitnesses
from carbonport.node.exporter.releasing import ReleaseDesk
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.own_log import log_parties, log_settings, own_key
from carbonport.node.participant import Participant
from carbonport.node.proving.proving_worker import ProvingWorker
from carbonport.node.proving.result_evidence import EvidenceMaker
from carbonport.node.proving.worker_ranges import WorkerRanges
from carbonport.node.range_processes import RangeProcesses
from carbonport.node.restored import RestoreGuard
from carbonport.node.transport.counters import CallCounters
from carbonport.node.transport.peers import Peers


@dataclass(frozen=True)
class RunningService:
    """What the serving process tells about itself: since when (unix seconds), and its counted calls."""

    started_at: int
    counters: CallCounters


@dataclass(frozen=True)
class OpenNode:
    """A participant with its log, its peers and its desks; `close` gives the writer's lock up."""

    participant: Participant
    peers: Peers
    log: ExchangeLog
    policy: Policy
    composer: Composer
    answers: AnswerDesk
    releases: ReleaseDesk
    lot_desk: LotDesk
    lots: LotShowing
    lot_witnesses: LotWitnesses
    range_processes: RangeProcesses
    worker: ProvingWorker
    restore: RestoreGuard
    service: RunningService | None = None

    @classmethod
    async def open(cls, participant: Participant, *, deciding: bool = False) -> Self:
        """Open the log for writing; Unavailable (`store-writer-elsewhere`) when another process has it, on SQLite.

        A restored node whose log no witness vouches for opens, but signs nothing until its operator has decided;
        `deciding` is for the command that decides.
        """
        peers = participant.opened.peers()
        parties = log_parties(participant, peers)
        log = await ExchangeLog.open(
            participant.store,
            origin=participant.config.log_origin,
            signer=parties.signer,
            own_key=own_key(participant),
            readers=parties.readers,
            policy=parties.policy,
            sought=parties.sought,
            cosigners=parties.cosigners,
            retired_keys=parties.retired_keys,
            settings=log_settings(participant),
            clock=participant.clock,
            random_bytes=participant.random_bytes,
        )
        restore = RestoreGuard(participant, log, witnessed=not parties.policy.asks_for_none)
        if not deciding:
            restore.hold_if_unwitnessed()
        policy = Policy.load()
        composer, worker = Composer(participant, policy), ProvingWorker()

        def sealing_key(recipient: str) -> TrustedKey:
            return participant.key_of(recipient, "hpke")

        evidence = EvidenceMaker(participant.id, participant.config.exchange.proof, worker, sealing_key)
        lot_witnesses = LotWitnesses(participant, peers)
        lot_desk = LotDesk(participant, lot_witnesses, WorkerRanges(worker))
        return cls(
            participant=participant,
            peers=peers,
            log=log,
            policy=policy,
            composer=composer,
            answers=AnswerDesk(participant, log, composer, evidence, lot_desk),
            releases=ReleaseDesk(participant, log, composer, evidence),
            lot_desk=lot_desk,
            lots=LotShowing(participant, log, composer, lot_desk, lot_witnesses),
            lot_witnesses=lot_witnesses,
            range_processes=RangeProcesses(),
            worker=worker,
            restore=restore,
        )

    async def close(self) -> None:
        """End the process that makes proofs, finish what waits in the log, then close log, channels and store."""
        await self.worker.close()
        await self.log.close()
        await self.lot_witnesses.close()
        await self.peers.close()
        self.range_processes.close()
        self.participant.close()
