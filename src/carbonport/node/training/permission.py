"""What a member's node asks before it gives anything to a training: the seam between the protocol and the owner's say.

The desk asks for a permit when it sees a plan, takes the rows from it, and enters a claim in the transaction that logs
its first contribution. What stands behind it (the gate's decision, an approval, the register of rows that went into
trainings, the differencing guard, the privacy budget) is not the protocol's matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection

from carbonport.federated.features import Rows
from carbonport.node.training.membership import SignedMembership
from carbonport.node.training.plan import SignedPlan


@dataclass(frozen=True, slots=True)
class Permit:
    """A plan that this node's owner and policy allow. `reference` names the decision; `fields` are those of the log
    entry of every contribution (items with the form *model update*, policy, decision, approval)."""

    reference: str
    fields: Mapping[str, bytes] = field(repr=False)


class Claim(Protocol):
    """What a training uses up, entered with the log entry of the first contribution: a condition of that entry
    (`carbonport.node.log.draft.Condition`) and a write beside it."""

    def __hash__(self) -> int: ...

    def require(self, connection: Connection) -> None:
        """Raise `Refused` when these rows went into another training of the task, or the budget is spent; nothing when
        this very claim was entered before: a repeated letter asks again."""

    def enter(self, connection: Connection, index: int) -> None:
        """Write it down."""


class Permission(Protocol):
    """The owner's say, as the desk sees it."""

    async def permit(self, plan: SignedPlan) -> Permit:
        """The permit for a plan that was checked; the same again for the same plan. Raises `Refused`: for good, or with
        `training-awaits-approval` until a person has decided."""

    def rows(self, plan: SignedPlan, permit: Permit) -> Rows:
        """The rows, only those that the task can use; the same for the whole training. Raises `Refused` for too few."""

    def claim(self, plan: SignedPlan, permit: Permit, membership: SignedMembership, statistics: str) -> Claim:
        """What the training uses up; `statistics` is the SHA-256 (hex) of the rows."""
