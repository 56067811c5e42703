"""Releasing: an issued attestation crosses the border, once per fetch, each time decided and logged.

The bytes are those that were stored when it was issued, sealed anew (and logged anew) when the seal key has been
rotated since: a signature counts by the key that was valid at the time of the crossing. The crossing's log entry is
durable before they are handed to the wire, and the approval behind it, if there is one, is counted in the entry's
transaction. A repeated fetch (the same request id) finds the same entry and counts nothing.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection

from carbonport.attestation.credential import attestation_kid, verify_attestation
from carbonport.attestation.lots.lot_identity import NO_PLACE, LotPlace
from carbonport.attestation.presentation import Presentation
from carbonport.classification.egress import Decision, Disclosure, EgressRefused
from carbonport.crypto.log_entry import EntryType, FieldName, payload_digest
from carbonport.crypto.receipt import Receipt
from carbonport.errors import CarbonportError, Misuse, Refused
from carbonport.node.exporter import inbox, issued
from carbonport.node.exporter.approvals import StoredApproval, approval_for, count_use, spent
from carbonport.node.exporter.composition import Composer, Composition
from carbonport.node.exporter.log_fields import items_field, refusal_fields
from carbonport.node.exporter.lots import lot_rows
from carbonport.node.exporter.refusal_bound import day_of
from carbonport.node.exporter.sealing import issue_fields, presentation_seal
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.log.draft import CompanionWrite, Draft
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.participant import Participant
from carbonport.node.proving.result_evidence import EvidencedClaims, EvidenceMaker
from carbonport.node.restored import LOST, read_restore

MAX_KEPT = 1024
"""Attestations kept in memory for repeated fetches; beyond it they are read again."""


@dataclass(frozen=True, slots=True)
class Released:
    """What crosses: the stored bytes, and the receipt of this crossing (provisional without the witnesses' quorum)."""

    payload: bytes
    receipt: Receipt
    provisional: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """An attestation in memory, with all that does not change between two fetches. `seal` is the id of the key that
    sealed it."""

    seal: str
    request_id: str
    composition: Composition
    disclosure: Disclosure
    request_digest: bytes
    fixed_fields: dict[str, bytes]

    @property
    def importer(self) -> str:
        """Whom it was issued to."""
        return self.disclosure.recipient


@dataclass(frozen=True, slots=True)
class _StandsFor:
    """The condition of a crossing: issued to this importer, and not revoked when the entry is written."""

    attestation_id: str
    importer: str

    def require(self, connection: Connection) -> None:
        """Refuse otherwise."""
        standing = issued.standing_of(connection, self.attestation_id)
        if standing is None or standing.importer != self.importer:
            raise _unknown()
        standing.require_valid()


class ReleaseDesk:
    """Hands issued attestations to the importers they were issued to."""

    def __init__(
        self, participant: Participant, log: ExchangeLog, composer: Composer, evidence: EvidenceMaker
    ) -> None:
        self._participant = participant
        self._log = log
        self._composer = composer
        self._evidence = evidence
        self._kept: dict[str, _Kept] = {}

    async def release(self, attestation_id: str, *, importer: str, request_id: str) -> Released:
        """Decide, log durably, hand over. Refused when it was revoked or superseded, or when policy now says no."""
        standing, kept = _StandsFor(attestation_id, importer), self._kept.get(attestation_id)
        seal = self._participant.identity.record(KeyUse.SEAL).kid
        if kept is not None and not self._under_newest_approval(kept):
            kept = None
        if kept is None or kept.seal != seal or kept.importer != importer:
            with self._participant.store.reading() as connection:
                standing.require(connection)
            kept = kept or await self._recall(attestation_id)
        if kept.seal != seal:
            kept = await self._seal_anew(attestation_id, kept)
        try:
            return await self._cross(kept, standing, request_id)
        except CarbonportError:
            # It may have been revoked: the next fetch looks before it troubles the log.
            self._kept.pop(attestation_id, None)
            raise

    async def _cross(self, kept: _Kept, standing: "_StandsFor", request_id: str) -> Released:
        """Decide and log; whether the attestation still holds is read in the transaction of the entry. The same
        refusal is logged once a day, however often the importer tries."""
        try:
            decision = kept.composition.gate.decide(kept.composition.egress, kept.disclosure)
        except EgressRefused as refusal:
            await self._log.append(
                Draft(
                    type=EntryType.REFUSAL,
                    exchange=kept.request_id,
                    request_digest=_refusal_digest(kept, refusal.decision),
                    fields=refusal_fields(
                        kept.importer, refusal.decision.purpose, refusal.decision.reason, refusal.decision
                    ),
                    condition=standing,
                )
            )
            approval = self._approval(kept)
            if approval is not None and not approval.holds(self._participant.clock()):
                raise spent(where=f"decision {refusal.decision.id}") from None
            raise
        logged = await self._log.append(
            Draft(
                type=EntryType.CROSSING,
                exchange=request_id,
                request_digest=kept.request_digest,
                fields={**kept.fixed_fields, FieldName.DECISION: decision.id.encode()},
                opened=(FieldName.PAYLOAD, FieldName.RECIPIENT, FieldName.SUBJECT),
                write=self._counting(kept.disclosure.approval),
                condition=standing,
            )
        )
        if logged.repeated:
            self._require_logged(kept, logged.receipt)
        return Released(kept.disclosure.payload, logged.receipt, logged.provisional)

    def _approval(self, kept: _Kept) -> StoredApproval | None:
        """The newest approval behind an attestation; None where policy alone decided."""
        if not kept.disclosure.approval:
            return None
        with self._participant.store.reading() as connection:
            return approval_for(connection, kept.importer, kept.request_id)

    def _under_newest_approval(self, kept: _Kept) -> bool:
        """Whether nobody approved the request again since."""
        approval = self._approval(kept)
        return approval is None or approval.reference == kept.disclosure.approval

    def forget(self) -> None:
        """Drop attestations kept in memory, with the statements they were composed from."""
        self._kept = {}

    async def _seal_anew(self, attestation_id: str, kept: _Kept) -> _Kept:
        """Compose the same attestation again under the seal key in force: same id, same place in the status list.

        The proof does not depend on the seal: it is kept, unless the policy under which it was made is another.
        """
        old = Presentation.decode(kept.disclosure.payload)
        seal_before = self._participant.identity.ring.record(kept.seal)
        header = verify_attestation(old.credential, seal_before.jwk).header
        composition = kept.composition
        if kept.disclosure.policy_hash == self._composer.policy.hash:
            claims = EvidencedClaims(composition.gate.compose(composition.egress), old.evidence)
        else:
            claims = await self._evidence.make(composition, self._place(attestation_id))
        seal = presentation_seal(
            self._participant,
            composition.prepared,
            claims.evidence,
            process=header.process,
            attestation_id=attestation_id,
            status_index=header.status.index,
            supersedes=header.supersedes,
            policy_hash=self._composer.policy.hash,
        )
        disclosure = composition.gate.finish(claims.composed, seal)

        def write(connection: Connection, _index: int) -> None:
            issued.replace_payload(connection, attestation_id, disclosure)

        with self._participant.store.reading() as connection:
            request_id = issued.attestation_of(connection, attestation_id).request_id
        kid = self._participant.identity.record(KeyUse.SEAL).kid
        await self._log.append(
            Draft(
                type=EntryType.ISSUE,
                exchange=request_id,
                request_digest=hashlib.sha256(f"sealed anew\n{attestation_id}\n{kid}".encode()).digest(),
                fields=issue_fields(attestation_id, disclosure),
                write=write,
            )
        )
        # Read back, for another call may have been first: what stands in the store is what crosses.
        return await self._recall(attestation_id)

    def _place(self, attestation_id: str) -> LotPlace:
        """Where the attested consignment stands in its lot."""
        with self._participant.store.reading() as connection:
            found = lot_rows.consignment_of(connection, attestation_id)
        return NO_PLACE if found is None else LotPlace(*found)

    def _counting(self, reference: str) -> CompanionWrite | None:
        """Counts one use of the approval, if there is one."""
        if not reference:
            return None
        now = self._participant.clock()

        def write(connection: Connection, _index: int) -> None:
            count_use(connection, reference, now=now)

        return write

    def _require_logged(self, kept: _Kept, receipt: Receipt) -> None:
        """A repeated fetch gets its first entry; that entry must be about the bytes that would go now."""
        if receipt.opened().get(FieldName.PAYLOAD) != kept.fixed_fields[FieldName.PAYLOAD]:
            raise Refused(
                "fetch-sealed-anew",
                found="a repeated fetch of an attestation that was sealed anew since, after a key rotation",
                expected="a fetch of its own for the bytes that are valid now",
                remedy="Fetch again without repeating the fetch id.",
            )

    async def _recall(self, attestation_id: str) -> _Kept:
        """Read an attestation with its request, and set the gate over it anew."""
        with self._participant.store.reading() as connection:
            stored = issued.attestation_of(connection, attestation_id)
            entry = inbox.entry_of(connection, stored.importer, stored.request_id)
            approval = approval_for(connection, stored.importer, stored.request_id)
            restore = read_restore(connection)
        assert entry is not None, "an attestation is stored with its settled request"
        if restore is not None and restore.decided == LOST and stored.issued_at <= restore.at:
            raise Refused(
                "attestation-before-restore",
                found="an attestation from before the exporter lost entries of its log",
                expected="an attestation issued since: which earlier ones were revoked is not known any more",
                remedy="Send a new request to the exporter.",
            )
        if stored.approval and approval is None:
            raise Refused(
                "approval-before-restore",
                found="an approval from before the exporter's node was restored from a backup",
                expected="an approval given since: how often the earlier one was used is not known any more",
                remedy="Ask the exporter to approve the same request again, then fetch again.",
            )
        composition = await self._composer.compose(entry.request, approval if stored.approval else None)
        if composition.prepared.version.id != stored.statement_id:
            raise Refused(
                "attestation-statement-superseded",
                found="an attestation that rests on a superseded statement",
                expected="an attestation under the current statement",
                remedy="Ask the exporter for a new attestation.",
            )
        disclosure = stored.disclosure(composition.egress)
        composition = composition.with_opened(disclosure)
        kept = _Kept(
            attestation_kid(Presentation.decode(disclosure.payload).credential),
            stored.request_id,
            composition,
            disclosure,
            hashlib.sha256(f"fetch\n{stored.importer}\n{attestation_id}".encode()).digest(),
            {
                FieldName.PAYLOAD: payload_digest(disclosure.payload),
                FieldName.RECIPIENT: stored.importer.encode(),
                FieldName.PURPOSE: disclosure.purpose.encode(),
                FieldName.ITEMS: items_field(disclosure.items, disclosure.decision_id),
                FieldName.POLICY: disclosure.policy_hash.encode(),
                FieldName.APPROVAL: disclosure.approval.encode(),
                FieldName.SUBJECT: attestation_id.encode(),
            },
        )
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[attestation_id] = kept
        return kept


def _refusal_digest(kept: _Kept, decision: Decision) -> bytes:
    """What makes two refused fetches the same: attestation, day, policy and reasons."""
    reasons = "\n".join(f"{item.name} {item.reason}" for item in decision.items if not item.allowed)
    said = (day_of(decision.time), decision.policy_hash, decision.reason, reasons)
    return hashlib.sha256("\n".join((kept.request_digest.hex(), *map(str, said))).encode()).digest()


def _unknown() -> Misuse:
    return Misuse(
        "attestation-unknown",
        found="no attestation of this id for this importer",
        expected="an attestation that was issued to the caller",
        remedy="Use the id that the request was answered with.",
    )
