"""What a plan's metrics ask of this exporter: the leaves of its current statement, decided by the gate.

Only figures of the ledger are given, no results of it: a result is made of others, which would have to be counted
too. A metric names a path, with `*` for one part of it; every leaf of that path in the plan's unit is given, and the
metric's value is their sum. The gate decides over every leaf, in the form *aggregate*, for the purpose
*benchmarking*; one that may not go refuses the contribution. Where the plan has a releaser, who is shown the values,
that is an egress of its own: to a regulator, in the form *opening*, under the approval that the owner's consent to it
by name is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from carbonport.attestation.commitments import ROLE_INPUT, LeafOpening
from carbonport.classification.egress import (
    Approval,
    Decision,
    EgressRefused,
    EgressRequest,
    Recipient,
    Subject,
)
from carbonport.classification.forms import Form, Purpose, Role
from carbonport.classification.gate import Gate
from carbonport.crypto.log_entry import FieldName
from carbonport.crypto.pedersen import Opening
from carbonport.crypto.sums.attested import AttestedValue
from carbonport.errors import Refused
from carbonport.node.aggregation.contribute_once import Quantity, interval_of
from carbonport.node.aggregation.contribution import GivenMetric, ShownLeaf
from carbonport.node.aggregation.contributor import attested_values
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, Metric, SignedPlan
from carbonport.node.exporter.log_fields import items_field
from carbonport.node.exporter.prepared_statement import PreparedStatement
from carbonport.node.exporter.statement_versions import current_versions
from carbonport.node.open_node import OpenNode


@dataclass(frozen=True, slots=True)
class GivenLeaves:
    """What is given: shown leaves, their values (secret), the quantities they are, and what the gate decided: over the
    contribution, and over the openings where the plan has a releaser."""

    statement: str
    metrics: tuple[GivenMetric, ...]
    values: tuple[AttestedValue, ...] = field(repr=False)
    quantities: tuple[Quantity, ...]
    decision: Decision
    shown: Decision | None = None


def decided_fields(decision: Decision) -> dict[str, bytes]:
    """Fields of a crossing's log entry: which leaves, at which grade, under which decision, policy and approval."""
    return {
        FieldName.ITEMS: items_field(decision.items, decision.id),
        FieldName.POLICY: decision.policy_hash.encode(),
        FieldName.DECISION: decision.id.encode(),
        FieldName.APPROVAL: decision.approval.encode(),
    }


async def given_leaves(node: OpenNode, plan: SignedPlan, *, releaser: str = "") -> GivenLeaves:
    """What this node gives to a plan; `Refused` without a current statement or leaf, `EgressRefused` by the gate.

    `releaser` is whom the owner consented to by name; a plan's releaser is shown nothing without that.
    """
    start, end = interval_of(plan.content.period)
    with node.participant.store.reading() as connection:
        versions = current_versions(connection, start.isoformat(), end.isoformat())
    prepared = [await node.composer.prepared(version) for version in versions]
    candidates = [one for one in prepared if all(_openings(one, metric) for metric in plan.content.metrics)]
    if len(candidates) != 1:
        raise Refused(
            "aggregation-no-statement",
            found=f"{len(candidates)} current statements about {plan.content.period} with what the plan asks for",
            expected="one: of one installation, over exactly this period, with every metric's quantity and unit",
            remedy="Have the period verified, or tell the coordinator what its metrics should be called.",
        )
    (one,) = candidates
    openings = [_openings(one, metric) for metric in plan.content.metrics]
    paths = [opening.label.path for leaves in openings for opening in leaves]
    items = tuple(dict.fromkeys(paths))
    return GivenLeaves(
        statement=one.version.token,
        metrics=tuple(
            GivenMetric(metric.name, tuple(_shown(one, opening) for opening in leaves))
            for metric, leaves in zip(plan.content.metrics, openings, strict=True)
        ),
        values=attested_values(
            [
                [AttestedValue(Opening(o.value, o.blinding), o.label.decimals) for o in leaves]
                for leaves in openings
            ]
        ),
        quantities=tuple(Quantity(one.statement.installation, path, start, end) for path in items),
        decision=_decide(node, one, _contribution(plan, one, items)),
        shown=_decide_opening(node, plan, one, items, releaser) if plan.content.rule.releaser else None,
    )


def _contribution(plan: SignedPlan, prepared: PreparedStatement, items: tuple[str, ...]) -> EgressRequest:
    return EgressRequest(
        recipient=Recipient(plan.issuer, Role.COORDINATOR, plan.issuer.partition("/")[0]),
        purpose=Purpose.BENCHMARKING,
        form=Form.AGGREGATE,
        subject=_subject(prepared),
        items=items,
    )


def _decide_opening(
    node: OpenNode, plan: SignedPlan, prepared: PreparedStatement, items: tuple[str, ...], consented: str
) -> Decision:
    """The gate's word on showing the values to the plan's releaser. The owner's consent to a releaser by name is the
    approval: for this plan, its items and its time, once an attempt."""
    releaser = plan.content.rule.releaser
    request = EgressRequest(
        recipient=Recipient(releaser, Role.REGULATOR, releaser.partition("/")[0]),
        purpose=Purpose.BENCHMARKING,
        form=Form.OPENING,
        subject=_subject(prepared),
        items=items,
        approval=f"consent/{plan.digest}",
    )
    approval = Approval(
        reference=request.approval,
        recipient=consented,
        purpose=request.purpose,
        form=request.form,
        subject=request.subject,
        items=frozenset(items),
        expires=plan.content.expires,
        max_uses=MAX_ATTEMPTS,
        uses=0,  # the register counts: each attempt takes an opening once
    )
    return _decide(node, prepared, request, (approval,))


def _subject(prepared: PreparedStatement) -> Subject:
    good = prepared.stored.ledger.goods[0]
    return Subject(good.process, good.cn)


def _decide(
    node: OpenNode, prepared: PreparedStatement, request: EgressRequest, approvals: Sequence[Approval] = ()
) -> Decision:
    gate = Gate(
        node.policy,
        prepared.graded,
        prepared.results,
        home=node.participant.config.name.jurisdiction,
        clock=node.participant.clock,
        random_bytes=node.participant.random_bytes,
        approvals=lambda _reference: approvals,
    )
    decision = gate.assess(request)
    if not decision.allowed:
        raise EgressRefused(decision)
    return decision


def _openings(prepared: PreparedStatement, metric: Metric) -> list[LeafOpening]:
    return [
        opening
        for opening in prepared.openings
        if opening.label.role == ROLE_INPUT
        and metric.takes(opening.label.path)
        and opening.label.unit == metric.unit
        and opening.label.decimals <= metric.decimals
    ]


def _shown(prepared: PreparedStatement, opening: LeafOpening) -> ShownLeaf:
    index = prepared.tree.position(opening.label.path)
    assert index is not None, "the tree is over these openings"
    return ShownLeaf(opening.leaf(), index, prepared.tree.inclusion_proof(index))
