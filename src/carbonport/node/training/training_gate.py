"""The gate's decision about a contribution to a training: an egress of the form *model update*, to the coordinator.

Every figure that the rows are made of is decided about: the results that are claimed and the amounts that are
calculated again, in every ledger of them. One that may not go refuses the whole training.
"""

from collections.abc import Sequence
from dataclasses import replace

from carbonport.classification.approvals import no_approvals
from carbonport.classification.egress import (
    Approval,
    Approvals,
    Decision,
    EgressRequest,
    ItemDecision,
    Recipient,
)
from carbonport.classification.forms import Form, Pool, Purpose, Role
from carbonport.classification.gate import Gate
from carbonport.classification.item_decisions import MAX_ITEMS
from carbonport.classification.policy import Policy
from carbonport.node.exporter.approvals import StoredApproval
from carbonport.node.participant import Participant
from carbonport.node.training.ledger_rows import LedgerRow
from carbonport.node.training.plan import SignedPlan


def decide_training(
    participant: Participant,
    policy: Policy,
    plan: SignedPlan,
    rows: Sequence[LedgerRow],
    approval: StoredApproval | None,
) -> Decision:
    """The decision about all `rows`, at least one; without an approval, what table and policy would say with one."""
    pool = Pool(plan.content.minimum_cohort, len(rows))
    recipient = Recipient(plan.issuer, Role.COORDINATOR, plan.issuer.partition("/")[0])
    decided: dict[str, ItemDecision] = {}
    first: Decision | None = None
    for row in rows:
        for start in range(0, len(row.items), MAX_ITEMS):
            request = EgressRequest(
                recipient=recipient,
                purpose=Purpose.TRAINING,
                form=Form.MODEL_UPDATE,
                subject=row.subject,
                items=row.items[start : start + MAX_ITEMS],
                approval="" if approval is None else approval.reference,
                pool=pool,
            )
            gate = Gate(
                policy,
                row.graded,
                row.results,
                home=participant.config.name.jurisdiction,
                clock=participant.clock,
                random_bytes=participant.random_bytes,
                approvals=no_approvals if approval is None else _envelope(approval, request),
            )
            decision = gate.assess(request, as_if_approved=approval is None)
            for item in decision.items:
                known = decided.get(item.name)
                if known is None or (item.allowed, -item.grade.rank) < (known.allowed, -known.grade.rank):
                    decided[item.name] = item
            if first is None or (first.allowed and not decision.allowed):
                first = decision
    assert first is not None, "there are rows"
    return replace(first, items=tuple(decided.values()))


def _envelope(approval: StoredApproval, request: EgressRequest) -> Approvals:
    """The stored approval as the gate takes it: it is for one plan, whatever goods its rows are of."""

    def look_up(reference: str) -> Sequence[Approval]:
        if reference != approval.reference:
            return ()
        return (
            Approval(
                reference=approval.reference,
                recipient=approval.importer,
                purpose=Purpose(approval.purpose),
                form=Form.MODEL_UPDATE,
                subject=request.subject,
                items=frozenset(request.items),
                expires=approval.expires_at,
                max_uses=approval.uses_allowed,
                uses=approval.uses,
            ),
        )

    return look_up
