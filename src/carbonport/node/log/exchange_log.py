"""The exchange log of a node: `await append(draft)` gives a durable entry with its receipt.

The way of an entry: queued; prepared, under load while others still arrive (decision 0056); committed in one
transaction with all that arrived with it (group commit, decision 0058); the new head signed, only now; cosigned once
for all of the batch; receipts released; then the next batch is committed (decision 0055).

Promised: no receipt before its entry is durable, no signature over a tree that is not, and no signature at all when a
witness has seen more of this log than the store holds, or another history. A provisional receipt leaves when the quorum
does not answer in time; after `quorum_patience_s` without a quorum nothing is appended any more. Not promised:
completeness; only reconciling with the counterparty's log shows what was never logged. On PostgreSQL other processes
may append to the same log: each batch is placed after theirs, under the database's lock (decision 0078).
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias, TypeVar, TypeVarTuple, Unpack

from carbonport.crypto.ambient import Clock, RandomBytes, system_clock, system_random
from carbonport.crypto.notes import NoteSigner, VerifierKey
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import CarbonportError, Unavailable
from carbonport.node.log.add_checkpoint import Cosigner
from carbonport.node.log.appends import Append, Appends, Ready
from carbonport.node.log.batch_proofs import BatchProver
from carbonport.node.log.committer import Committed, Committer, DurableHead, NoteToKeep
from carbonport.node.log.cosigners import Cosigners, require_independent
from carbonport.node.log.draft import Draft, Logged
from carbonport.node.log.erasure import expired, redaction
from carbonport.node.log.fsck import Fsck, check_log
from carbonport.node.log.log_parties import LogParties
from carbonport.node.log.preparation import EntryMaker
from carbonport.node.log.publication import Published, Publisher
from carbonport.node.log.receipts import ReceiptMaker
from carbonport.node.log.recovery import require_known_note
from carbonport.node.log.settings import DEFAULT_SETTINGS, LogSettings
from carbonport.node.log.stored_log import StoredLog
from carbonport.node.store import Store, Writer

RETRY_DELAY_MS = 250
"""What a caller is told to wait after `log-queue-full` (RESOURCE_EXHAUSTED on the wire)."""

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")

NOTE_STORING_DELAY_S = 0.25
"""A published note is stored with the next batch, or after this long without one; losing it costs one re-signing."""


_Durable: TypeAlias = tuple[Append, Committed]
"""An append whose entry is committed and waits for its receipt."""


class ExchangeLog:
    """An open log. All methods belong to the event loop that opened it."""

    def __init__(
        self,
        *,
        stored: StoredLog,
        writer: Writer,
        committer: Committer,
        maker: EntryMaker,
        signer: NoteSigner,
        keys: Sequence[VerifierKey],
        policy: WitnessPolicy,
        sought: Sequence[WitnessPolicy],
        cosigners: Sequence[Cosigner],
        settings: LogSettings,
        clock: Clock,
    ) -> None:
        """Use `open`."""
        self._stored = stored
        self._writer = writer
        self._committer = committer
        self._maker = maker
        self._keys = keys
        self._settings = settings
        self._clock = clock
        self._receipts = ReceiptMaker(stored, maker, committer.cache)
        self._publisher = Publisher(
            stored.origin,
            signer=signer,
            policy=policy,
            cosigners=Cosigners(
                stored.origin, cosigners, policy, timeout_s=settings.witness_timeout_s, sought=sought
            ),
            prove=self._receipts.consistency,
            read_head=self._read_head,
            settings=settings,
            clock=clock,
        )
        self._loop = asyncio.get_running_loop()
        self._commit_thread = ThreadPoolExecutor(1, "carbonport-log")
        self._appends = Appends(maker, clock, settings.max_batch)
        self._head = committer.head
        self._note: NoteToKeep | None = None
        self._note_timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._tasks = [asyncio.create_task(self._append_batches())]

    @classmethod
    async def open(
        cls,
        store: Store,
        *,
        origin: str,
        signer: NoteSigner,
        own_key: bytes,
        readers: Mapping[str, bytes],
        policy: WitnessPolicy,
        sought: Sequence[WitnessPolicy] = (),
        cosigners: Sequence[Cosigner] = (),
        retired_keys: Sequence[VerifierKey] = (),
        settings: LogSettings = DEFAULT_SETTINGS,
        clock: Clock = system_clock,
        random_bytes: RandomBytes = system_random,
    ) -> "ExchangeLog":
        """Get the right to append, check the right edge against head and last note, and be ready.

        `signer` is the log's Ed25519 key named like `origin`; `own_key` 32 bytes that wrap body keys for this node;
        `readers` the regulators' raw X25519 keys by key id; `policy` what makes a quorum, `sought` the rules of readers
        elsewhere; `retired_keys` what earlier notes were signed with. The witnesses are asked before the first entry,
        not here, so that nodes can start in any order. Raises Unavailable (`store-writer-elsewhere`, on SQLite) or
        FailedVerification (`log-root-mismatch`, `log-note-mismatch`).
        """
        require_independent(origin, signer.verifier, policy)
        maker = EntryMaker(
            origin,
            own_key=own_key,
            readers=readers,
            random_bytes=random_bytes,
            worker_from=settings.worker_from,
        )
        stored = StoredLog(store, origin)
        keys = [signer.verifier, *retired_keys]

        def recover() -> tuple[Writer, Committer]:
            writer = store.lock_writer()
            try:
                committer = Committer(writer, origin)
                head = committer.load()
                with store.reading() as connection:
                    require_known_note(connection, head, keys)
            except BaseException:
                writer.release()
                raise
            return writer, committer

        writer, committer = await asyncio.to_thread(recover)
        return cls(
            stored=stored,
            writer=writer,
            committer=committer,
            maker=maker,
            signer=signer,
            keys=keys,
            policy=policy,
            sought=sought,
            cosigners=cosigners,
            settings=settings,
            clock=clock,
        )

    @property
    def origin(self) -> str:
        """The log's name: the first line of its checkpoints."""
        return self._stored.origin

    @property
    def stored(self) -> StoredLog:
        """The log's rows, for whoever lists entries or looks for earlier ones; not for the event loop."""
        return self._stored

    @property
    def size(self) -> int:
        """The number of durable entries that this process knows of."""
        return self._head[0]

    @property
    def retention_s(self) -> int:
        """How long bodies are kept, in seconds."""
        return self._settings.retention_s

    @property
    def waiting(self) -> int:
        """Appends that have no receipt yet (a counter for health)."""
        return self._appends.under_way

    @property
    def halted(self) -> CarbonportError | None:
        """Why this log signs nothing any more; None while it works."""
        return self._publisher.halted

    @property
    def provisional(self) -> bool:
        """Whether the newest checkpoint lacks the witnesses' quorum."""
        return self._publisher.provisional

    @property
    def preparing_process(self) -> int | None:
        """The id of the process that prepares entries; None while the node prepares by itself."""
        return self._maker.process

    @property
    def prepares_elsewhere(self) -> bool:
        """Whether that process is ready, so that the next batch is prepared there."""
        return self._maker.prepares_elsewhere

    def hold(self, reason: CarbonportError) -> None:
        """Append and sign nothing any more; every later call raises `reason`."""
        self._publisher.hold(reason)

    async def confirm(self) -> None:
        """Ask the witnesses, once, whether they know more of this log than the store holds.

        Raises FailedVerification (`log-behind-witness`) or Unavailable (`log-witness-unreachable`).
        """
        self._require_open()
        await self._publisher.confirm()

    async def follow(self, parties: LogParties) -> None:
        """Go on with other keys, readers and witnesses, from the next body and checkpoint on."""
        require_independent(self.origin, parties.signer.verifier, parties.policy)
        self._maker.seal_to(parties.readers)
        self._keys = parties.keys
        cosigners = Cosigners(
            self.origin,
            parties.cosigners,
            parties.policy,
            timeout_s=self._settings.witness_timeout_s,
            sought=parties.sought,
        )
        await self._publisher.follow(parties.signer, parties.policy, cosigners)

    async def append(self, draft: Draft) -> Logged:
        """Log an event: durable and signed when this returns, cosigned unless the answer says provisional.

        Raises Unavailable (`log-queue-full`, `log-witness-unreachable`, `log-without-quorum`, or of the store: then
        nothing was logged, or the same draft finds its entry again), FailedVerification when the log is halted,
        Misuse for a draft out of shape, and whatever the draft's own `write` raised.
        """
        self._require_open()
        self._maker.require_shape(draft)
        if self.waiting >= self._settings.max_waiting:
            raise Unavailable(
                "log-queue-full",
                where=self.origin,
                found=f"{self.waiting} appends waiting",
                expected=f"fewer than {self._settings.max_waiting}",
                remedy=f"Try again in {RETRY_DELAY_MS} ms.",
            )
        await self._publisher.confirm()
        await self._publisher.require_quorum_in_time(self._head)
        # The node may have begun to close, or been halted, during the waits above.
        self._require_open()
        # A caller that gives up does not take its entry back: it is logged, and a retry finds it.
        return await self._appends.add(draft)

    async def erase(self, index: int, reason: str) -> Logged:
        """Delete the body of entry `index` and log a redaction in the same transaction; Misuse `log-not-erasable`."""
        return await self.append(await asyncio.to_thread(redaction, self._stored, index, reason))

    async def expired(self) -> list[int]:
        """Entries whose bodies are older than the retention and may be erased, oldest first."""
        retention_s, now = self._settings.retention_s, self._clock()
        return await asyncio.to_thread(expired, self._stored, self._maker, now=now, retention_s=retention_s)

    async def older_than(self, moment: int) -> list[int]:
        """Entries whose bodies are from `moment` (unix seconds) or before, oldest first."""
        return await asyncio.to_thread(expired, self._stored, self._maker, now=moment, retention_s=0)

    async def check(self) -> Fsck:
        """Run the integrity check with the node's own key; raises `LogDamagedError` with its findings."""
        return await asyncio.to_thread(check_log, self._stored, keys=self._keys, maker=self._maker)

    async def receipt(self, index: int, opened: Collection[str]) -> Logged:
        """A receipt for an earlier entry under the newest checkpoint, to upgrade a provisional one."""
        await self._publish_up_to(index + 1)
        return await self._receipts.again(index, opened, self._publisher.newest)

    async def checkpoint(self) -> bytes:
        """The newest signed note with its cosignatures; signs the current head when nobody has signed it yet."""
        self._require_open()
        self._head = await self._read_head()
        await self._publish_up_to(self.size)
        return self._publisher.newest.note.encode()

    async def close(self) -> None:
        """Finish what waits, store the last note, and give the writer's lock up."""
        if self._closing:
            return
        self._closing = True
        await self._appends.wait_until_none()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._note_timer is not None:
            self._note_timer.cancel()
        await self._publisher.close()
        try:
            # The note is a convenience: without it the next process signs the same head again.
            with contextlib.suppress(CarbonportError):
                if self._note is not None:
                    await self._in_commit_thread(self._committer.commit, [], self._note)
        finally:
            self._commit_thread.shutdown()
            self._maker.close()
            self._writer.release()

    async def _append_batches(self) -> None:
        """One batch after the other: what is ready is committed, published, and given its receipts."""
        while True:
            durable = await self._commit(await self._appends.take())
            if durable:
                await self._answer(durable)

    async def _commit(self, batch: Sequence[Ready]) -> Sequence[_Durable]:
        """Commit a batch; those whose entries are durable wait for their receipts, the others have their error."""
        note, self._note = self._note, None
        made = [(each.draft, entry) for each, entry in batch]
        try:
            outcomes, head = await self._in_commit_thread(self._committer.commit, made, note)
        except Exception as error:  # noqa: BLE001 - every waiting caller gets it; the next batch starts afresh
            self._note = self._note or note
            for each, _ in batch:
                self._appends.fail(each, error)
            return ()
        self._head = max(self._head, head)
        durable: list[_Durable] = []
        for (each, _), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Committed):
                durable.append((each, outcome))
            else:
                self._appends.fail(each, outcome)
        return durable

    async def _answer(self, durable: Sequence[_Durable]) -> None:
        """Publish, and release the receipts."""
        try:
            await self._publish(durable)
        except Exception as error:  # noqa: BLE001 - every waiting caller gets it
            for each, _ in durable:
                self._appends.fail(each, error)

    async def _in_commit_thread(
        self, work: Callable[[Unpack[_Arguments]], _Result], *arguments: *_Arguments
    ) -> _Result:
        return await self._loop.run_in_executor(self._commit_thread, work, *arguments)

    async def _publish_up_to(self, size: int) -> None:
        """Have a checkpoint with its quorum over at least `size` entries, as far as the log has them."""
        self._require_open()
        await self._publisher.confirm()
        if not self._publisher.covers(size):
            self._head = await self._read_head()
            await self._publish([])

    async def _read_head(self) -> DurableHead:
        return await self._in_commit_thread(self._committer.current)

    async def _publish(self, batch: Sequence[_Durable]) -> None:
        """Sign the durable head, have it cosigned, release the receipts of `batch`."""
        published = await self._publisher.publish(self._head)
        if published is self._publisher.newest:
            self._keep(published)
        prover = self._receipts.prover(published) if batch else None
        for each, outcome in batch:
            await self._release(each, outcome, published, prover)

    def _keep(self, published: Published) -> None:
        self._note = NoteToKeep(published.size, published.note.encode())
        if self._note_timer is None and not self._closing:
            self._note_timer = self._loop.call_later(NOTE_STORING_DELAY_S, self._store_note_when_idle)

    def _store_note_when_idle(self) -> None:
        self._note_timer = None
        if self._note is not None and not self.waiting and not self._closing:
            self._tasks = [task for task in self._tasks if not task.done()]
            self._tasks.append(asyncio.create_task(self._store_note()))

    async def _store_note(self) -> None:
        await self._commit([])

    async def _release(
        self, each: Append, outcome: Committed, published: Published, prover: BatchProver | None
    ) -> None:
        try:
            if outcome.prepared is None:
                logged = await self._receipts.again(outcome.index, each.draft.opened, self._publisher.newest)
            else:
                logged = await self._receipts.fresh(outcome.index, outcome.prepared, published, prover)
        except Exception as error:  # noqa: BLE001 - it concerns this caller alone
            self._appends.fail(each, error)
            return
        self._appends.finish(each, logged)

    def _require_open(self) -> None:
        self._publisher.require_working()
        if self._closing:
            raise Unavailable(
                "log-closing",
                where=self.origin,
                found="a log that is being closed",
                expected="an open log",
                remedy="Try again when the node has started again.",
            )
