"""Answering importers: from a request, by way of policy and person, to an issued attestation or a refusal.

The gate composes the items, the signer turns them into a credential, and exactly the bytes that may cross are
stored. Where the statement names a lot, the consignment is sold from it first, for the proof of its results names
its place there. All that an answer leaves behind (the
attestation, the settled request, the lot's entry with its opening) is written in the transaction of its log entry:
after a crash there is all of it or nothing, and a repeated request finds what the first one did.

A threshold claim is counted once policy and person admit it, before the gate looks at the result. One that does not
hold is refused in the words and after the time of one that the policy refuses.
"""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection

from carbonport.attestation.lots.lot_identity import NO_PLACE
from carbonport.classification.egress import Decision, Disclosure, EgressRefused
from carbonport.classification.thresholds import Threshold
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.errors import CarbonportError, Misuse, Refused, Unavailable
from carbonport.node.exporter import inbox, issued, refusal_bound
from carbonport.node.exporter.approvals import approval_for
from carbonport.node.exporter.composition import Composer, Composition
from carbonport.node.exporter.inbox import AttestationRequest, InboxEntry, RequestState
from carbonport.node.exporter.log_fields import refusal_fields
from carbonport.node.exporter.lots.lot_desk import CLOSED_FOR_NOW, MAX_TRIES, LotDesk, Sale
from carbonport.node.exporter.lots.lot_rows import MOVED
from carbonport.node.exporter.sealing import issue_fields, presentation_seal
from carbonport.node.exporter.threshold_history import claimed_good, count_admitted
from carbonport.node.log.draft import Draft
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.participant import Participant
from carbonport.node.proving.result_evidence import EvidenceMaker

BY_PERSON = "person"
"""Setting `[exchange] approval`: every request waits for a person."""

CLAIM_REFUSAL_S = 1.0
"""A refused claim is answered so long after the gate was asked: far longer than counting and looking take, so that the
time does not tell whether the result was looked at."""


class AnswerDesk:
    """Answers the requests of importers on one node."""

    def __init__(
        self,
        participant: Participant,
        log: ExchangeLog,
        composer: Composer,
        evidence: EvidenceMaker,
        lots: LotDesk,
    ) -> None:
        self._participant = participant
        self._log = log
        self._composer = composer
        self._evidence = evidence
        self._lots = lots
        self.pause: Callable[[float], Awaitable[None]] = asyncio.sleep
        """How a refused claim waits, in seconds."""
        self._turned_away: set[tuple[str, int]] = set()
        self._under_way: dict[tuple[str, str, bytes], asyncio.Task[InboxEntry]] = {}

    async def answer(self, request: AttestationRequest) -> InboxEntry:
        """What becomes of a request: issued, refused, or pending until a person has looked at it.

        A proof takes longer than some callers wait: the answer is finished without them, and who asks again meanwhile
        waits for the same one.
        """
        key = (request.importer, request.id, request.digest)
        while (task := self._under_way.get(key)) is not None:
            entry = await asyncio.shield(task)
            if entry.state is not RequestState.PENDING:
                return entry
            # It may have been approved since that answer began.
        task = asyncio.create_task(self._answer(request))
        self._under_way[key] = task
        task.add_done_callback(lambda done: self._answered(key, done))
        return await asyncio.shield(task)

    def _answered(self, key: tuple[str, str, bytes], task: "asyncio.Task[InboxEntry]") -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # taken note of, also when the caller has gone

    async def _answer(self, request: AttestationRequest) -> InboxEntry:
        now = self._participant.clock()
        await self._require_taken(request, now)
        with self._participant.store.writing() as connection:
            entry = inbox.receive(connection, request, now=now)
            approval = approval_for(connection, request.importer, request.id)
        if approval is not None and not approval.holds(now):
            # It lapsed before it was of use: the request waits for another word.
            approval = None
        if entry.state is not RequestState.PENDING:
            return entry
        try:
            composition = await self._composer.compose(request, approval)
        except Unavailable:
            # Nobody said no: it stays pending, and is answered when it is sent again.
            raise
        except CarbonportError as error:
            return await self.refuse(entry, reason=error.id)
        begun = asyncio.get_running_loop().time()
        gate, egress = composition.gate, composition.egress
        at_best = gate.assess(egress, as_if_approved=True)
        if not at_best.allowed:
            return await self._turn_down(entry, at_best, begun)
        by_person = self._participant.config.exchange.approval == BY_PERSON
        if approval is None and (by_person or not gate.assess(egress).allowed):
            return entry
        if egress.threshold is not None and not self._counted(request, egress.threshold):
            # Another value was admitted at the same moment: the gate's memory has it now.
            return await self._turn_down(entry, gate.assess(egress), begun)
        return await self._issue(entry, composition, begun)

    async def _require_taken(self, request: AttestationRequest, now: int) -> None:
        """Turn a new request away when too many of its importer's were refused today."""
        with self._participant.store.reading() as connection:
            if inbox.entry_of(connection, request.importer, request.id) is not None:
                return
            reached = refusal_bound.is_reached(connection, request.importer, now=now)
        if reached:
            said = (request.importer, refusal_bound.day_of(now))
            if said not in self._turned_away:
                await self._log.append(refusal_bound.turned_away(request, now=now))
                self._turned_away = {*(one for one in self._turned_away if one[1] == said[1]), said}
            raise refusal_bound.too_many(now)

    async def refuse_by_person(self, entry: InboxEntry, said: str) -> InboxEntry:
        """A person's no, for the log in the words of `said`.

        Of a claim it reads like one of the gate and like a result above the value, and it counts as they do: whoever
        could ask about the next value would know that this one was not looked at.
        """
        if not entry.request.threshold:
            return await self.refuse(entry, reason="request-refused-by-exporter", said=said)
        composition = await self._composer.compose(entry.request, None)
        egress = composition.egress
        if egress.threshold is not None:
            self._counted(entry.request, egress.threshold)
        decision = composition.gate.assess(egress)
        return await self.refuse(entry, reason="egress-refused", decision=decision, said=said)

    def _counted(self, request: AttestationRequest, threshold: Threshold) -> bool:
        """Count, before anybody looks at the result; False when the buyer has asked about another value before."""
        with self._participant.store.writing() as connection:
            return count_admitted(
                connection, claimed_good(request), threshold.value, now=self._participant.clock()
            )

    async def refuse(
        self, entry: InboxEntry, *, reason: str, decision: Decision | None = None, said: str = ""
    ) -> InboxEntry:
        """Refuse a pending request. The importer learns `reason` (an error id); the log keeps `said` too."""
        now, request = self._participant.clock(), entry.request

        def write(connection: Connection, _index: int) -> None:
            inbox.settle(
                connection,
                entry,
                RequestState.REFUSED,
                now=now,
                decision=decision.id if decision is not None else "",
                reason=reason,
            )

        await self._log.append(
            Draft(
                type=EntryType.REFUSAL,
                exchange=request.id,
                request_digest=request.digest,
                fields=refusal_fields(request.importer, request.purpose, said or reason, decision),
                write=write,
            )
        )
        return self._settled(request)

    async def _turn_down(self, entry: InboxEntry, decision: Decision, begun: float) -> InboxEntry:
        """Refuse for the gate, which was first asked at `begun` (seconds of the event loop)."""
        if entry.request.threshold:
            passed = asyncio.get_running_loop().time() - begun
            await self.pause(max(0.0, CLAIM_REFUSAL_S - passed))
            stands = self._settled(entry.request)
            if stands.state is not RequestState.PENDING:
                return stands
        return await self.refuse(entry, reason="egress-refused", decision=decision)

    async def _issue(self, entry: InboxEntry, composition: Composition, begun: float) -> InboxEntry:
        """A claim sells nothing: it is issued at once. A consignment waits for its turn at the lot."""
        if entry.request.threshold:
            return await self._issued(entry, composition, begun)
        async with self._lots.turn(composition.prepared, composition.egress.subject.process):
            for _ in range(MAX_TRIES - 1):
                try:
                    return await self._issued(entry, composition, begun)
                except Unavailable as error:
                    # Another process sold from the lot meanwhile: the place that the proof names is taken.
                    if error.id != MOVED:
                        raise
            return await self._issued(entry, composition, begun)

    async def _issued(self, entry: InboxEntry, composition: Composition, begun: float) -> InboxEntry:
        """Everything that takes time comes first: the consignment's place in its lot, then the proof, which names the
        place; then one transaction, or nothing. `Unavailable` (`lot-moved`) when the place was taken meanwhile."""
        try:
            sale = await self._sale(entry.request, composition)
        except (Refused, Misuse) as refusal:
            if refusal.id in CLOSED_FOR_NOW:
                raise
            return await self.refuse(entry, reason=refusal.id)
        try:
            claims = await self._evidence.make(composition, NO_PLACE if sale is None else sale.place)
        except EgressRefused as refusal:
            return await self._turn_down(entry, refusal.decision, begun)
        attestation_id = self._participant.new_id()
        with self._participant.store.reading() as connection:
            stands = inbox.entry_of(connection, entry.request.importer, entry.request.id)
            index = issued.free_status_index(connection, self._participant.random_bytes)
            supersedes = issued.revoked_predecessor(connection, entry.request)
        if stands is not None and stands.state is not RequestState.PENDING:
            # A person refused it while the proof was made.
            return stands
        seal = presentation_seal(
            self._participant,
            composition.prepared,
            claims.evidence,
            process=composition.egress.subject.process,
            attestation_id=attestation_id,
            status_index=index,
            supersedes=supersedes,
            policy_hash=self._composer.policy.hash,
        )
        try:
            disclosure = composition.gate.finish(claims.composed, seal)
        except EgressRefused as refusal:
            return await self._turn_down(entry, refusal.decision, begun)
        await self._write(entry, composition, disclosure, attestation_id, index, supersedes, sale)
        return self._settled(entry.request)

    async def _sale(self, request: AttestationRequest, composition: Composition) -> Sale | None:
        """The consignment sold from its lot; none where the statement names no lot, and none for a claim."""
        if request.threshold:
            return None
        return await self._lots.sale(request, composition.prepared, composition.egress.subject.process)

    async def _write(
        self,
        entry: InboxEntry,
        composition: Composition,
        disclosure: Disclosure,
        attestation_id: str,
        index: int,
        supersedes: str,
        sale: Sale | None,
    ) -> None:
        """Log the issue; attestation, request and consignment are written in the entry's transaction."""
        now, request = self._participant.clock(), entry.request
        fields = issue_fields(attestation_id, disclosure)
        if sale is not None:
            fields[FieldName.LOT] = sale.log_field()

        def write(connection: Connection, _index: int) -> None:
            if sale is not None:
                sale.write(connection, attestation_id)
            issued.add_attestation(
                connection,
                attestation_id,
                disclosure,
                request_id=request.id,
                statement_id=composition.prepared.version.id,
                status_index=index,
                now=now,
            )
            if supersedes:
                issued.mark_superseded(connection, supersedes, superseded_by=attestation_id)
            inbox.settle(
                connection,
                entry,
                RequestState.ISSUED,
                now=now,
                attestation=attestation_id,
                decision=disclosure.decision_id,
            )

        await self._log.append(
            Draft(
                type=EntryType.ISSUE,
                exchange=request.id,
                request_digest=request.digest,
                fields=fields,
                write=write,
            )
        )

    def _settled(self, request: AttestationRequest) -> InboxEntry:
        with self._participant.store.reading() as connection:
            entry = inbox.entry_of(connection, request.importer, request.id)
        assert entry is not None, "it was received before it was settled"
        return entry
