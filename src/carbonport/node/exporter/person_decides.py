"""What a person at the exporter does about requests: see what waits, approve, refuse, and revoke what was issued.

Each function is an operation (`carbonport.node.operations`). Trainings wait in the same inbox; what is particular to
them is in `carbonport.node.training.person_decides`.
"""

import hashlib
from collections.abc import Mapping

from sqlalchemy import Connection

from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.node.exporter import inbox, issued
from carbonport.node.exporter.approvals import StoredApproval, add_approval, approval_for, newest_approvals
from carbonport.node.exporter.inbox import AttestationRequest, InboxEntry, RequestState
from carbonport.node.log.draft import Draft
from carbonport.node.open_node import OpenNode
from carbonport.node.restored import Restore, read_restore
from carbonport.node.training.person_decides import (
    approve_training,
    asked_training,
    listed_trainings,
    refuse_training,
)

SECONDS_PER_DAY = 86_400

Arguments = Mapping[str, Json]


async def list_requests(node: OpenNode, arguments: Arguments) -> Json:
    """The inbox: pending requests and trainings, or all of them."""
    every, now = bool(arguments.get("all")), node.participant.clock()
    with node.participant.store.reading() as connection:
        found = inbox.entries(connection, None if every else RequestState.PENDING)
        given = newest_approvals(connection)
        trainings = listed_trainings(connection, every=every)
    return {
        "trainings": trainings,
        "requests": [
            {
                "request": entry.request.id,
                "importer": entry.request.importer,
                "cn": entry.request.cn,
                "installation": entry.request.installation,
                "consignment": entry.request.consignment,
                "net_mass_t": entry.request.net_mass_t,
                "purpose": entry.request.purpose,
                "items": list(entry.request.items),
                "threshold": entry.request.threshold,
                "form": entry.request.form,
                "state": entry.state.value,
                "attestation": entry.attestation,
                "decision": entry.decision,
                "reason": entry.reason,
                "asked_at": entry.asked_at,
                "approval": _shown_approval(given.get((entry.request.importer, entry.request.id)), now),
            }
            for entry in found
        ],
    }


def _shown_approval(approval: StoredApproval | None, now: int) -> Json:
    if approval is None:
        return None
    return {
        "approval": approval.reference,
        "by": approval.approved_by,
        "expires_at": approval.expires_at,
        "uses": approval.uses,
        "uses_allowed": approval.uses_allowed,
        "holds": approval.holds(now),
    }


async def approve(node: OpenNode, arguments: Arguments) -> Json:
    """A person approves a request: stored, counted, expiring; then it is answered. Or a training's plan.

    One whose approval lapsed is approved again. What was issued under the lapsed one stays as it is and may be fetched
    under the new one: there is one attestation, however often a person says yes.
    """
    participant = node.participant
    settings, now = participant.config.exchange, participant.clock()
    days = int(str(arguments.get("days") or settings.approval_days))
    with participant.store.reading() as connection:
        training = asked_training(connection, str(arguments["request"]))
    if training is not None:
        return await approve_training(node, training, str(arguments["by"]), days)
    uses = int(str(arguments.get("uses") or settings.approval_fetches))
    by = str(arguments["by"])
    reference = participant.new_id()
    with participant.store.reading() as connection:
        entry = _open_to_approval(connection, str(arguments["request"]), now)
        before = approval_for(connection, entry.request.importer, entry.request.id)
        restore = read_restore(connection)
    approval = StoredApproval(
        reference=reference,
        importer=entry.request.importer,
        request_id=entry.request.id,
        purpose=entry.request.purpose,
        approved_by=by,
        expires_at=now + days * SECONDS_PER_DAY,
        uses_allowed=uses,
        uses=0,
    )

    def write(connection: Connection, _index: int) -> None:
        add_approval(connection, approval, now=now)
        issued.rest_on_approval(connection, approval.importer, approval.request_id, reference)

    if before is None or not before.holds(now):
        await node.log.append(
            Draft(
                type=EntryType.APPROVAL,
                exchange=entry.request.id,
                request_digest=_word_digest(entry.request, before, restore),
                fields={
                    FieldName.RECIPIENT: entry.request.importer.encode(),
                    FieldName.PURPOSE: entry.request.purpose.encode(),
                    FieldName.APPROVAL: reference.encode(),
                    FieldName.REASON: f"approved by {by} until {approval.expires_at}, {uses} uses".encode(),
                },
                write=write,
            )
        )
    settled = await node.answers.answer(entry.request)
    with participant.store.reading() as connection:
        # The one that counts: when two people approve at once, or one does twice, the first word stands.
        counted = approval_for(connection, entry.request.importer, entry.request.id)
    assert counted is not None, "it was stored with its log entry"
    return {
        "request": entry.request.id,
        "approval": counted.reference,
        "expires_at": counted.expires_at,
        "uses": counted.uses_allowed,
        "state": settled.state.value,
        "attestation": settled.attestation,
        "reason": settled.reason,
    }


def _open_to_approval(connection: Connection, request_id: str, now: int) -> InboxEntry:
    """The one request of this id that waits for a person, or was issued under an approval that lapsed since."""
    found = []
    for entry in inbox.entries_of_id(connection, request_id):
        waits = entry.state is RequestState.PENDING
        if (
            entry.state is RequestState.ISSUED
            and issued.attestation_of(connection, entry.attestation).approval
        ):
            approval = approval_for(connection, entry.request.importer, entry.request.id)
            waits = approval is None or not approval.holds(now)
            standing = issued.standing_of(connection, entry.attestation)
            if waits and standing is not None:
                standing.require_valid()
        if waits:
            found.append(entry)
    if len(found) != 1:
        raise inbox.not_pending(
            request_id,
            f"{len(found)} requests with this id that are pending, or issued under a lapsed approval",
        )
    return found[0]


def _word_digest(
    request: AttestationRequest, before: StoredApproval | None, restore: Restore | None
) -> bytes:
    """What tells one approval of a request from the next: two people who say yes at once say it once.

    A restored store has forgotten approvals that its log still holds; those given since are others.
    """
    if before is not None:
        after = before.reference
    elif restore is not None:
        after = f"restored at {restore.at}"
    else:
        return request.digest
    return hashlib.sha256(f"approval\n{request.digest.hex()}\n{after}".encode()).digest()


async def refuse(node: OpenNode, arguments: Arguments) -> Json:
    """A person refuses a pending request; the importer learns that it was refused, the log keeps who and why."""
    with node.participant.store.reading() as connection:
        training = asked_training(connection, str(arguments["request"]))
        if training is None:
            entry = inbox.pending_request(connection, str(arguments["request"]))
    if training is not None:
        return await refuse_training(node, training, str(arguments["by"]), str(arguments["reason"]))
    said = f"{arguments['by']}: {arguments['reason']}"
    settled = await node.answers.refuse_by_person(entry, said)
    return {"request": entry.request.id, "state": settled.state.value, "reason": settled.reason}


async def revoke(node: OpenNode, arguments: Arguments) -> Json:
    """Withdraw an attestation: logged, set in the status list, and no longer released."""
    participant = node.participant
    attestation_id, reason = str(arguments["attestation"]), str(arguments["reason"])
    superseded_by = str(arguments.get("superseded_by") or "")
    now = participant.clock()
    with participant.store.reading() as connection:
        stored = issued.attestation_of(connection, attestation_id)
        if superseded_by:
            issued.attestation_of(connection, superseded_by)

    def write(connection: Connection, _index: int) -> None:
        issued.mark_revoked(connection, attestation_id, reason=reason, superseded_by=superseded_by, now=now)

    logged = await node.log.append(
        Draft(
            type=EntryType.REVOCATION,
            exchange=stored.request_id,
            request_digest=bytes.fromhex(attestation_id) * 2,
            fields={
                FieldName.SUBJECT: attestation_id.encode(),
                FieldName.RECIPIENT: stored.importer.encode(),
                FieldName.REASON: reason.encode(),
            },
            write=write,
        )
    )
    if logged.repeated:
        raise issued.not_revocable(attestation_id)
    return {"attestation": attestation_id, "revoked_at": now, "superseded_by": superseded_by}
