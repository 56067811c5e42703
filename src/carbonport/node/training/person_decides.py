"""What a person at the exporter does about trainings: see what is asked, approve one plan, refuse it.

An approval is an envelope for one plan, all its exchanges: stored, expiring, and used up by the first contribution.
"""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.errors import Misuse
from carbonport.footprint.exact_decimal import decimal_text
from carbonport.node.exporter.approvals import StoredApproval, add_approval
from carbonport.node.log.draft import CompanionWrite, Draft
from carbonport.node.open_node import OpenNode
from carbonport.node.training.training_inbox import (
    PURPOSE,
    TrainingRequest,
    TrainingState,
    find_training,
    settle_training,
    training_exchange,
    trainings,
)

if TYPE_CHECKING:
    from carbonport.node.training.plan import TrainingPlan


SECONDS_PER_DAY = 86_400

ONE_TRAINING = 1
"""Uses of an approval: it is for one plan."""


def listed_trainings(connection: Connection, *, every: bool) -> list[Json]:
    """The trainings that wait for a person, or all of them, as `carbonport requests` shows them."""
    return [_shown(request) for request in trainings(connection, None if every else TrainingState.PENDING)]


def asked_training(connection: Connection, name: str) -> TrainingRequest | None:
    """The training of this plan digest; None when `name` is that of another request. `Misuse` for one that was
    decided."""
    found = find_training(connection, name)
    if found is not None and found.state is not TrainingState.PENDING:
        raise Misuse(
            "request-not-pending",
            found=f"a training that is {found.state.value}",
            expected="a training that waits for a person",
            remedy="Look at `carbonport requests`.",
            where=name,
        )
    return found


async def approve_training(node: OpenNode, request: TrainingRequest, by: str, days: int) -> Json:
    """Approve a plan until it expires, at most for so many days: logged, with the record in the same transaction."""
    participant = node.participant
    now = participant.clock()
    approval = StoredApproval(
        reference=participant.new_id(),
        importer=request.coordinator,
        request_id=request.plan,
        purpose=PURPOSE,
        approved_by=by,
        expires_at=min(now + days * SECONDS_PER_DAY, _plan_of(request).expires),
        uses_allowed=ONE_TRAINING,
        uses=0,
    )

    def write(connection: Connection, _index: int) -> None:
        add_approval(connection, approval, now=now)
        settle_training(connection, request.plan, TrainingState.APPROVED, now=now)

    text = f"approved by {by} until {approval.expires_at}, one training"
    fields = {FieldName.APPROVAL: approval.reference.encode(), FieldName.REASON: text.encode()}
    await node.log.append(_draft(EntryType.APPROVAL, request, fields, write))
    return {
        "request": request.plan,
        "approval": approval.reference,
        "expires_at": approval.expires_at,
        "uses": ONE_TRAINING,
        "state": TrainingState.APPROVED.value,
        "attestation": "",
        "reason": text,
    }


async def refuse_training(node: OpenNode, request: TrainingRequest, by: str, reason: str) -> Json:
    """Refuse a plan; the coordinator learns that it was refused, the log keeps who and why."""
    now, said = node.participant.clock(), f"{by}: {reason}"

    def write(connection: Connection, _index: int) -> None:
        settle_training(connection, request.plan, TrainingState.REFUSED, now=now, reason=said)

    await node.log.append(_draft(EntryType.REFUSAL, request, {FieldName.REASON: said.encode()}, write))
    return {"request": request.plan, "state": TrainingState.REFUSED.value, "reason": said}


def _draft(
    kind: EntryType, request: TrainingRequest, fields: Mapping[str, bytes], write: CompanionWrite
) -> Draft:
    return Draft(
        type=kind,
        exchange=training_exchange(request.plan),
        request_digest=hashlib.sha256(request.token).digest(),
        fields={
            FieldName.RECIPIENT: request.coordinator.encode(),
            FieldName.PURPOSE: PURPOSE.encode(),
            FieldName.SUBJECT: request.plan.encode(),
            **fields,
        },
        write=write,
    )


def _plan_of(request: TrainingRequest) -> "TrainingPlan":
    # Only here: plans know tasks, and tasks need the training extra, which whoever received a plan has.
    from carbonport.node.training.plan import PLAN

    return PLAN.known(request.token.decode(), request.plan).content


def _shown(request: TrainingRequest) -> Json:
    content = _plan_of(request)
    return {
        "request": request.plan,
        "coordinator": request.coordinator,
        "purpose": content.purpose,
        "task": content.task,
        "version": content.version,
        "reads": [*content.packaged.view],
        "members": list(content.members),
        "holders": list(content.holders),
        "threshold": content.threshold,
        "minimum_cohort": content.minimum_cohort,
        "minimum_rows": content.minimum_rows,
        "epsilon": decimal_text(content.epsilon),
        "expires": content.expires,
        "state": request.state.value,
        "reason": request.reason,
        "asked_at": request.asked_at,
    }
