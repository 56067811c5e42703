"""The owner's say about trainings (`carbonport.node.training.permission`): rows, gate, person, register, budget.

In this order. Rows come from the node's own ledgers, and too few of them end it. What no approval could open is refused
at once and logged. Then a person decides: the plan waits in the inbox (`carbonport requests`), and an approval is an
envelope for this one plan. Under it the gate decides, once for the training: every contribution quotes that decision,
as long as the approval has not expired and the policy is the one that decided. The first contribution uses up the
approval, enters the rows in the register and charges the noise, all in the transaction of its log entry
(`row_register`).
"""

import asyncio
import hashlib
from dataclasses import dataclass, field
from decimal import Decimal

from carbonport.classification.egress import Decision, EgressRefused
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import Refused
from carbonport.federated.features import Rows
from carbonport.federated.privacy_budget import Charge
from carbonport.node.exporter.approvals import StoredApproval, approval_for
from carbonport.node.exporter.log_fields import items_field, refusal_fields
from carbonport.node.log.draft import Draft
from carbonport.node.open_node import OpenNode
from carbonport.node.training.ledger_rows import VIEW, LedgerRow, as_rows, ledger_rows, own_ledgers
from carbonport.node.training.membership import SignedMembership
from carbonport.node.training.permission import Permit
from carbonport.node.training.plan import SignedPlan
from carbonport.node.training.privacy_charges import year_of
from carbonport.node.training.row_register import GivenTraining, TrainingClaim, sorted_members
from carbonport.node.training.training_gate import decide_training
from carbonport.node.training.training_inbox import (
    PURPOSE,
    TrainingRequest,
    TrainingState,
    find_training,
    receive_training,
    settle_training,
    training_exchange,
)

NOT_FOR_GOOD = frozenset({"training-awaits-approval", "approval-spent"})
"""Refusals that leave a plan as it is: a person has not decided yet, or did and the time is over."""

STATISTICS_DOMAIN = "carbonport/training/statistics/v1"
"""Domain string of what a training's sums are made of."""

MAX_DECISION_BYTES = 1024 * 1024
"""Longest decision read back: some thousand items."""


@dataclass(frozen=True, slots=True)
class _Given:
    """What one plan would get: the rows, as ledgers gave them and as the task reads them."""

    listed: tuple[LedgerRow, ...] = field(repr=False)
    rows: Rows = field(repr=False)


class OwnerPermission:
    """The permission of one node. Rows of a plan are read once and kept while the process runs."""

    def __init__(self, node: OpenNode) -> None:
        self._node, self._participant = node, node.participant
        self._given: dict[str, _Given] = {}

    async def permit(self, plan: SignedPlan) -> Permit:
        """The permit for a plan that was checked; `Refused` (`training-awaits-approval`) until a person has decided,
        for good when rows, gate or person say no."""
        now = self._participant.clock()
        with self._participant.store.writing() as connection:
            request = receive_training(connection, plan, now=now)
            approval = approval_for(connection, plan.issuer, plan.digest)
        if request.state is TrainingState.REFUSED:
            raise Refused(
                "training-not-permitted",
                found="a plan that this exporter does not take part in",
                expected="a plan that its policy and its people permit",
                remedy="Go without it, or show it another plan.",
            )
        try:
            given = await asyncio.to_thread(self._of, plan)
            return await self._permitted(plan, request, approval, given)
        except Refused as error:
            if error.id not in NOT_FOR_GOOD and not request.decision:
                await self._turn_down(plan, error)
            raise

    def rows(self, plan: SignedPlan, permit: Permit) -> Rows:  # noqa: ARG002 - the seam names what permitted it
        """The rows that the task can use; `Refused` (`training-rows`) for too few."""
        return self._of(plan).rows

    def claim(
        self, plan: SignedPlan, permit: Permit, membership: SignedMembership, statistics: str
    ) -> TrainingClaim:
        """What the training uses up."""
        now, content = self._participant.clock(), plan.content
        charge = None
        if content.privacy is not None:
            charge = Charge(content.task, year_of(now), plan.digest, content.epsilon)
        # Buckets are drawn anew for every plan, and another definition asks the rows something else: other sums.
        made_of = tuple_hash(
            STATISTICS_DOMAIN, content.definition, statistics, plan.digest if content.bucket_size else ""
        )
        return TrainingClaim(
            GivenTraining(
                plan.digest,
                content.task,
                sorted_members(tuple(membership.content.members)),
                made_of.hex(),
                charge is not None,
                tuple(row.key for row in self._of(plan).listed),
            ),
            approval=permit.fields[FieldName.APPROVAL].decode(),
            minimum=content.minimum_cohort,
            yearly=Decimal(self._participant.config.training.yearly_epsilon),
            now=now,
            charge=charge,
        )

    def _of(self, plan: SignedPlan) -> _Given:
        known = self._given.get(plan.digest)
        if known is not None:
            return known
        task = plan.content.packaged
        if not VIEW.issuperset(task.view):
            raise Refused(
                "training-view",
                found=f"a task that reads {', '.join(sorted(set(task.view) - VIEW))}",
                expected=f"a task that reads no more than {', '.join(sorted(VIEW))} and the claim",
                remedy="Train this task on a table, or leave this exporter out.",
            )
        listed = ledger_rows(own_ledgers(self._participant), self._node.policy.table)
        everything = as_rows(listed)
        chosen = task.usable(everything)
        count = int(chosen.sum())
        if count < plan.content.minimum_rows:
            raise Refused(
                "training-rows",
                found=f"{count} rows that the task can use",
                expected=f"at least {plan.content.minimum_rows}",
                remedy="Take in more periods, or leave this training.",
            )
        given = _Given(
            tuple(row for row, used in zip(listed, chosen, strict=True) if used), everything.take(chosen)
        )
        self._given[plan.digest] = given
        return given

    async def _permitted(
        self, plan: SignedPlan, request: TrainingRequest, approval: StoredApproval | None, given: _Given
    ) -> Permit:
        participant, policy = self._participant, self._node.policy
        if approval is None and request.state is TrainingState.PENDING:
            at_best = decide_training(participant, policy, plan, given.listed, None)
            if not at_best.allowed:
                raise EgressRefused(at_best)
            raise Refused(
                "training-awaits-approval",
                found="a plan that no person has approved here",
                expected="the approval of the exporter's person",
                remedy="Ask again later; `carbonport requests` shows it there, `carbonport approve` approves it.",
            )
        if approval is None or approval.expires_at <= participant.clock():
            raise Refused(
                "approval-spent",
                found="an approval that has expired, or is from before a restore of this node",
                expected="an approval that still holds",
                remedy="Plan a new training, and have that one approved.",
            )
        if request.decision:
            return _stored_permit(request, policy.hash)
        decision = decide_training(participant, policy, plan, given.listed, approval)
        if not decision.allowed:
            raise EgressRefused(decision)
        with participant.store.writing() as connection:
            known = find_training(connection, plan.digest)
            if known is not None and known.decision:
                return _stored_permit(known, policy.hash)
            settle_training(
                connection,
                plan.digest,
                TrainingState.APPROVED,
                now=participant.clock(),
                decision=_kept(decision),
            )
        return _permit(_kept(decision))

    async def _turn_down(self, plan: SignedPlan, error: Refused) -> None:
        """Refuse a training for good: logged with the decision where the gate made one."""
        decision = error.decision if isinstance(error, EgressRefused) else None
        now = self._participant.clock()
        await self._node.log.append(
            Draft(
                type=EntryType.REFUSAL,
                exchange=training_exchange(plan.digest),
                request_digest=hashlib.sha256(plan.token.encode()).digest(),
                fields={
                    FieldName.SUBJECT: plan.digest.encode(),
                    **refusal_fields(plan.issuer, PURPOSE, error.id, decision),
                },
                write=lambda connection, _index: settle_training(
                    connection, plan.digest, TrainingState.REFUSED, now=now, reason=error.id
                ),
            )
        )


def _kept(decision: Decision) -> bytes:
    """What the store keeps of a decision: the fields of the log entries that will quote it."""
    kept: dict[str, Json] = {
        "decision": decision.id,
        "policy": decision.policy_hash,
        "approval": decision.approval,
        "items": items_field(decision.items, decision.id).decode(),
    }
    return canonical_bytes(kept)


def _permit(kept: bytes) -> Permit:
    value = parse_canonical(kept, max_bytes=MAX_DECISION_BYTES)
    assert isinstance(value, dict), "this module wrote it"
    return Permit(
        reference=str(value["decision"]),
        fields={
            FieldName.DECISION: str(value["decision"]).encode(),
            FieldName.POLICY: str(value["policy"]).encode(),
            FieldName.APPROVAL: str(value["approval"]).encode(),
            FieldName.ITEMS: str(value["items"]).encode(),
        },
    )


def _stored_permit(request: TrainingRequest, policy_hash: str) -> Permit:
    permit = _permit(request.decision)
    if permit.fields[FieldName.POLICY].decode() != policy_hash:
        raise Refused(
            "training-policy-changed",
            found="a permit under another policy than the one in force",
            expected="a decision of today's policy",
            remedy="Plan a new training; this one ends here.",
        )
    return permit
