"""Gathering cosignatures: a signed checkpoint goes to the log's witnesses, and comes back with their lines.

Every witness is asked at the same time; the answer is complete as soon as the policy's quorum is met, and with it
the rules that readers in other jurisdictions hold the log to. A witness of such a rule that did not answer the
last time is not waited for again. The slower ones go on in the background. A witness that has recorded more than
this log has, or that refuses the consistency proof, stops the log: one of the two histories is wrong, and only an
operator can say which (a restored backup, a copied key). A witness that cannot be reached stops nothing here; what
follows from a missing quorum is the caller's rule.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from carbonport.crypto.notes import NoteSignature, SignedNote, VerifierKey, verify
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import CarbonportError, FailedVerification, Misuse, Unavailable
from carbonport.node.log.add_checkpoint import Cosigner, Outcome, Status, encode_request
from carbonport.node.log.committer import DurableHead

ConsistencyProver: TypeAlias = Callable[[int, int], Awaitable[Sequence[bytes]]]
"""Gives the proof from an old size (> 0) to a new one."""

HeadReader: TypeAlias = Callable[[], Awaitable[DurableHead]]
"""Gives size and root of what is durable now, whichever process appended it."""

_ATTEMPTS = 3
"""Requests a round: one, one more after a conflict told the recorded size, and one for a race with another
sender."""

BEHIND = "log-behind-witness"
"""Error id of a log that has fewer entries than a witness has cosigned."""

_HALTING = frozenset({BEHIND, "log-witness-disagrees"})


class Cosigners:
    """The witnesses of one log."""

    def __init__(
        self,
        origin: str,
        cosigners: Sequence[Cosigner],
        policy: WitnessPolicy,
        *,
        timeout_s: float,
        sought: Sequence[WitnessPolicy] = (),
    ) -> None:
        """`policy` says what a quorum is; every witness it names should be among `cosigners`, or never
        answers. `sought` are the rules of readers elsewhere."""
        self._origin = origin
        self._policy = policy
        self._sought = tuple(sought)
        self._timeout_s = timeout_s
        self._witnesses = [_AskedWitness(origin, each) for each in cosigners]
        self._background: set[asyncio.Task[NoteSignature]] = set()

    async def require_not_ahead(self, read_head: HeadReader) -> None:
        """Compare with what the witnesses recorded; called before this process signs anything.

        The head is read when they have answered: another process may append meanwhile, and have that cosigned.
        FailedVerification (`log-behind-witness`) when one has recorded more than it; Unavailable
        (`log-witness-unreachable`) when those that did not answer could make up a quorum by themselves, for
        then they may have cosigned what this log has lost.
        """
        asked = await asyncio.gather(
            *(each.recorded_size(self._timeout_s) for each in self._witnesses), return_exceptions=True
        )
        size, _ = await read_head()
        silent: list[str] = []
        for witness, answer in zip(self._witnesses, asked, strict=True):
            if isinstance(answer, CarbonportError | TimeoutError):
                silent.append(witness.key.name)
            elif isinstance(answer, BaseException):
                raise answer
            elif answer > size:
                raise behind(witness.key.name, answer, size)
        unasked = {each.key.name for each in self._policy.witnesses} - {
            each.key.name for each in self._witnesses
        }
        if can_make_quorum(self._policy, {*silent, *unasked}):
            raise Unavailable(
                "log-witness-unreachable",
                where=self._origin,
                found="no answer from " + (", ".join(sorted({*silent, *unasked})) or "the witnesses"),
                expected="enough witnesses to know that this log has lost nothing it was cosigned for",
                remedy="Start the witnesses or mend the connection; nothing is signed before they answer.",
            )

    async def gather(self, note: SignedNote, size: int, prove: ConsistencyProver) -> SignedNote:
        """`note` with the lines of all witnesses that answered before the quorum was met or the time was
        over.

        Raises FailedVerification (`log-behind-witness`, `log-witness-disagrees`) when a witness knows another
        history.
        """
        tasks = {
            asyncio.create_task(each.cosign(note, size, prove, self._timeout_s)): each
            for each in self._witnesses
        }
        waiting: Collection[asyncio.Task[NoteSignature]] = tasks.keys()
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    note = _with_answer(note, task)
                if waiting and self._is_complete(note, [tasks[task] for task in waiting]):
                    break
        except BaseException:
            for task in waiting:
                task.cancel()
            raise
        finally:
            for task in waiting:
                self._background.add(task)
                task.add_done_callback(self._forget)
        return note

    async def close(self) -> None:
        """Stop asking."""
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def _forget(self, task: asyncio.Task[NoteSignature]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()

    def _is_complete(self, note: SignedNote, waiting: Collection["_AskedWitness"]) -> bool:
        """Whether nothing is worth waiting for any more."""
        if self._policy.asks_for_none or not _is_met(self._policy, note):
            return False
        coming = {each.key.name for each in waiting if each.answers}
        unmet = [policy for policy in self._sought if not _is_met(policy, note)]
        return not any(key.name in coming for policy in unmet for key in policy.keys)


def _is_met(policy: WitnessPolicy, note: SignedNote) -> bool:
    try:
        policy.check(note)
    except FailedVerification:
        return False
    return True


def _with_answer(note: SignedNote, task: asyncio.Task[NoteSignature]) -> SignedNote:
    """The note with the task's line; without it when the witness failed to answer. A witness's veto is
    raised."""
    error = task.exception()
    if error is None:
        return note.with_signature(task.result())
    if isinstance(error, FailedVerification) and error.id in _HALTING:
        raise error
    if isinstance(error, CarbonportError | TimeoutError):
        return note
    raise error


class _AskedWitness:
    """One witness and the size it is believed to have recorded."""

    def __init__(self, origin: str, cosigner: Cosigner) -> None:
        self._origin = origin
        self._cosigner = cosigner
        self._recorded: int | None = None
        self._one_at_a_time = asyncio.Lock()
        self.answers = True

    @property
    def key(self) -> VerifierKey:
        return self._cosigner.key

    async def recorded_size(self, timeout_s: float) -> int:
        async with asyncio.timeout(timeout_s), self._one_at_a_time:
            self._recorded = await self._cosigner.witnessed_size(self._origin)
            return self._recorded

    async def cosign(
        self, note: SignedNote, size: int, prove: ConsistencyProver, timeout_s: float
    ) -> NoteSignature:
        """Its line; `answers` tells afterwards whether it came."""
        try:
            line = await self._cosign(note, size, prove, timeout_s)
        except (CarbonportError, TimeoutError):
            self.answers = False
            raise
        self.answers = True
        return line

    async def _cosign(
        self, note: SignedNote, size: int, prove: ConsistencyProver, timeout_s: float
    ) -> NoteSignature:
        async with asyncio.timeout(timeout_s), self._one_at_a_time:
            if self._recorded is None:
                self._recorded = await self._cosigner.witnessed_size(self._origin)
            for _ in range(_ATTEMPTS):
                if self._recorded > size:
                    raise behind(self.key.name, self._recorded, size)
                proof = await prove(self._recorded, size) if self._recorded else ()
                outcome = await self._cosigner.add_checkpoint(encode_request(self._recorded, proof, note))
                if outcome.status is Status.OK:
                    signature = self._checked(note, outcome)
                    self._recorded = size
                    return signature
                if outcome.status is not Status.CONFLICT:
                    break
                self._recorded = outcome.size
            if outcome.status is Status.BAD_PROOF:
                raise FailedVerification(
                    "log-witness-disagrees",
                    where=self.key.name,
                    found="a witness that recorded another history of this log",
                    expected="a witness whose recorded checkpoint this log continues",
                    remedy="Nothing is signed any more. Look for a copy of this node; an operator decides.",
                )
            outcome.require_ok()
            raise AssertionError(outcome)

    def _checked(self, note: SignedNote, outcome: Outcome) -> NoteSignature:
        """The line, once it is the witness's own signature over this very note."""
        signature = NoteSignature.parse(
            outcome.cosignature.decode("utf-8", errors="replace").removesuffix("\n")
        )
        verify(SignedNote(note.text, (signature,)), [self.key])
        return signature


def can_make_quorum(policy: WitnessPolicy, names: Collection[str]) -> bool:
    """Whether the witnesses whose *keys* have these names reach the policy's quorum together; never when it
    is none."""
    if policy.asks_for_none:
        return False
    reached = {each.name for each in policy.witnesses if each.key.name in names}
    thresholds: Mapping[str, int] = {group.name: group.threshold for group in policy.groups}
    # A group refers to earlier names only, so one pass in their order is enough.
    for group in policy.groups:
        if sum(member in reached for member in group.members) >= thresholds[group.name]:
            reached.add(group.name)
    return policy.quorum in reached


def behind(witness: str, recorded: int, size: int) -> FailedVerification:
    """The error of a log that has fewer entries than a witness has cosigned."""
    return FailedVerification(
        BEHIND,
        where=witness,
        found=f"{size} entries here, {recorded} at the witness",
        expected="at least as many entries as a witness has cosigned",
        remedy="This store is an older copy. Restore the newest backup, or begin a log of another origin;"
        " nothing is signed until an operator has decided.",
    )


def require_independent(origin: str, own: VerifierKey, policy: WitnessPolicy) -> None:
    """Misuse (`log-own-witness`) when the log would count as its own witness."""
    if any(key.public == own.public or key.name == origin for key in policy.keys):
        raise Misuse(
            "log-own-witness",
            where=origin,
            found="the log's own name or key among its witnesses",
            expected="witnesses of other operators",
            remedy="Correct the witness policy in the trust list.",
        )
