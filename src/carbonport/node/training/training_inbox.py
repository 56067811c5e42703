"""Trainings that coordinators ask this node to take part in, as the store keeps them until a person has decided.

A training is named by the digest of its plan. An approval is an envelope for exactly one plan, all its exchanges: a row
beside those of other approvals (`carbonport.node.exporter.approvals`), used up by the training's first contribution,
expiring for the later ones. What the gate decided under it is kept here, so that every contribution of the training
quotes one decision.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Row, func, insert, select, update

from carbonport.crypto.log_entry import EXCHANGE_ID_CHARACTERS
from carbonport.errors import Misuse
from carbonport.node.store.training_schema import training_requests as requests

if TYPE_CHECKING:
    # Plans know tasks, and tasks need the training extra: a node without it has an inbox all the same.
    from carbonport.node.training.plan import SignedPlan

PURPOSE = "training"
"""The purpose of every egress to a training."""

MAX_PENDING = 100
"""Most trainings of one coordinator that may wait for a person at once."""


class TrainingState(StrEnum):
    """What became of a training here."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """A plan that was shown to this node. `plan` is its digest, `token` the plan as it was signed; `decision` is the
    gate's, as JSON, once there is one."""

    plan: str
    coordinator: str
    token: bytes
    state: TrainingState
    decision: bytes
    reason: str
    asked_at: int


def find_training(connection: Connection, plan: str) -> TrainingRequest | None:
    """The training of this plan digest, if it was asked for."""
    row = connection.execute(select(requests).where(requests.c.plan == plan)).first()
    return None if row is None else _request(row)


def trainings(connection: Connection, state: TrainingState | None = None) -> list[TrainingRequest]:
    """Every training (of one state), oldest first."""
    query = select(requests).order_by(requests.c.asked_at, requests.c.plan)
    if state is not None:
        query = query.where(requests.c.state == state)
    return [_request(row) for row in connection.execute(query)]


def receive_training(connection: Connection, plan: "SignedPlan", *, now: int) -> TrainingRequest:
    """The training of a plan: the one there is, or a new pending one."""
    known = find_training(connection, plan.digest)
    if known is not None:
        return known
    waiting = connection.execute(
        select(func.count())
        .select_from(requests)
        .where(requests.c.coordinator == plan.issuer, requests.c.state == TrainingState.PENDING)
    ).scalar_one()
    if waiting >= MAX_PENDING:
        raise Misuse(
            "training-requests-waiting",
            found=f"{waiting} trainings of {plan.issuer} that wait for a person",
            expected=f"fewer than {MAX_PENDING}",
            remedy="Wait until the exporter has decided about them.",
        )
    connection.execute(
        insert(requests).values(
            plan=plan.digest,
            coordinator=plan.issuer,
            content=plan.token.encode(),
            state=TrainingState.PENDING,
            decision=b"",
            reason="",
            asked_at=now,
            changed_at=now,
        )
    )
    return TrainingRequest(plan.digest, plan.issuer, plan.token.encode(), TrainingState.PENDING, b"", "", now)


def training_exchange(plan: str) -> str:
    """The exchange id of what is decided here about a plan, from its digest."""
    return plan[:EXCHANGE_ID_CHARACTERS]


def settle_training(
    connection: Connection,
    plan: str,
    state: TrainingState,
    *,
    now: int,
    reason: str = "",
    decision: bytes = b"",
) -> None:
    """Write down what became of a training, in the caller's transaction."""
    connection.execute(
        update(requests)
        .where(requests.c.plan == plan)
        .values(state=state, reason=reason, decision=decision, changed_at=now)
    )


def _request(row: Row[tuple[object, ...]]) -> TrainingRequest:
    return TrainingRequest(
        row.plan,
        row.coordinator,
        bytes(row.content),
        TrainingState(row.state),
        bytes(row.decision),
        row.reason,
        row.asked_at,
    )
