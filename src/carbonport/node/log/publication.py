"""Publishing a log's head: sign it once it is durable, have it cosigned, and know when that must not be done.

Whoever calls `publish` gives a size and root that are on disk, and has called `confirm` before. Promised: `confirm`
returns only when the witnesses know no more of this log than it holds, and nothing is signed any more once one of them
has shown another history. Where several processes append to one log, a witness may have cosigned another one's later
head: then the later head is read from the store, and signed instead. A witness is ahead only when it is ahead of that.
"""

import asyncio
from dataclasses import dataclass

from carbonport.crypto.ambient import Clock
from carbonport.crypto.checkpoint import Checkpoint, sign_checkpoint
from carbonport.crypto.notes import NoteSigner, SignedNote
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import CarbonportError, FailedVerification, Unavailable
from carbonport.node.log.committer import DurableHead
from carbonport.node.log.cosigners import BEHIND, ConsistencyProver, Cosigners, HeadReader
from carbonport.node.log.settings import LogSettings
from carbonport.node.log.stored_log import unpublished

MAX_HEADS = 8
"""How many heads are signed in a row because a witness has cosigned another process's later one; after that the last
one goes without cosignatures, as when the witnesses are slow."""


@dataclass(frozen=True, slots=True)
class Published:
    """A signed checkpoint of a head, or of a later one: its note, its size, and what the quorum vouched for (None: none
    asked, or none met)."""

    note: SignedNote
    size: int
    quorum_time: int | None
    provisional: bool


class Publisher:
    """Signs the heads of one log; belongs to one event loop."""

    def __init__(
        self,
        origin: str,
        *,
        signer: NoteSigner,
        policy: WitnessPolicy,
        cosigners: Cosigners,
        prove: ConsistencyProver,
        read_head: HeadReader,
        settings: LogSettings,
        clock: Clock,
    ) -> None:
        """`prove` gives consistency proofs between sizes of this log."""
        self._read_head = read_head
        self._origin = origin
        self._signer = signer
        self._policy = policy
        self._cosigners = cosigners
        self._prove = prove
        self._settings = settings
        self._clock = clock
        self._newest: Published | None = None
        self._halted: CarbonportError | None = None
        self._confirmed = False
        self._one_at_a_time = asyncio.Lock()
        self._quorum_seen_at = clock()

    @property
    def halted(self) -> CarbonportError | None:
        """Why nothing is signed any more; None while all is well."""
        return self._halted

    @property
    def provisional(self) -> bool:
        """Whether the newest checkpoint lacks its quorum."""
        return self._newest is not None and self._newest.provisional

    @property
    def newest(self) -> Published:
        """The newest checkpoint; Unavailable (`log-unpublished`) before the first."""
        if self._newest is None:
            raise unpublished(self._origin)
        return self._newest

    def covers(self, size: int) -> bool:
        """Whether a checkpoint of at least `size` entries is published, with its quorum."""
        return self._newest is not None and not self._newest.provisional and self._newest.size >= size

    def require_working(self) -> None:
        """Raise the reason when this log has been halted."""
        if self._halted is not None:
            raise self._halted

    def hold(self, reason: CarbonportError) -> None:
        """Sign nothing any more, for a reason that the node knows and no witness told."""
        self._halted = self._halted or reason

    async def follow(self, signer: NoteSigner, policy: WitnessPolicy, cosigners: Cosigners) -> None:
        """Go on with another key, rule or witnesses; the next question for a checkpoint signs the head anew."""
        before = self._cosigners
        self._signer, self._policy, self._cosigners = signer, policy, cosigners
        self._newest = None
        await before.close()

    async def confirm(self) -> None:
        """Ask the witnesses, once, whether they know more than the entries that this log holds.

        Raises as `Cosigners.require_not_ahead`; a witness that is ahead halts the log.
        """
        if not self._confirmed:
            async with self._one_at_a_time:
                await self._ask_witnesses()

    async def publish(self, head: DurableHead) -> Published:
        """Sign a durable head and have it cosigned; FailedVerification when a witness knows another history."""
        self.require_working()
        note, size = await self._cosigned(head)
        published = self._judge(note, size)
        # A later call may have come back first; and a quorum once met is not forgotten for a line that is missing now.
        if self._newest is None or size > self._newest.size or not published.provisional:
            self._newest = published
        return published

    async def _cosigned(self, head: DurableHead) -> tuple[SignedNote, int]:
        """The note of the head, or of a later one, with what cosignatures there are."""
        for _ in range(MAX_HEADS):
            size, root = head
            note = sign_checkpoint(Checkpoint(self._origin, size, root), self._signer)
            if not size:
                break
            try:
                return await self._cosigners.gather(note, size, self._prove), size
            except FailedVerification as error:
                head = await self._read_head()
                if error.id != BEHIND or head[0] <= size:
                    self._halted = error
                    raise
        return note, size

    async def require_quorum_in_time(self, head: DurableHead) -> None:
        """Unavailable (`log-without-quorum`) when the quorum has been missing for longer than the settings allow."""
        if self._policy.asks_for_none or not self.provisional:
            return
        if self._clock() - self._quorum_seen_at <= self._settings.quorum_patience_s:
            return
        async with self._one_at_a_time:
            if self.provisional:
                await self.publish(head)
        if self.provisional:
            raise Unavailable(
                "log-without-quorum",
                where=self._origin,
                found=f"no quorum of witnesses for more than {self._settings.quorum_patience_s} seconds",
                expected="cosignatures as the trust list asks",
                remedy="Bring the witnesses back; until then no data leave this node.",
            )

    async def close(self) -> None:
        """Stop asking witnesses."""
        await self._cosigners.close()

    async def _ask_witnesses(self) -> None:
        self.require_working()
        if self._confirmed:
            return
        try:
            await self._cosigners.require_not_ahead(self._read_head)
        except FailedVerification as error:
            self._halted = error
            raise
        self._confirmed = True

    def _judge(self, note: SignedNote, size: int) -> Published:
        try:
            time = self._policy.check(note)
        except FailedVerification:
            return Published(note, size, None, provisional=True)
        self._quorum_seen_at = self._clock()
        return Published(note, size, time, provisional=False)
