"""What a plan's metrics ask of this exporter: the leaves of its current statement, decided by the gate.

Only figures of the ledger are given, no results of it: a result is made of others, which would have to be counted
too. A metric names a path, with `*` for one part of it; every leaf of that path in the plan's unit is given, and the
metric's value is their sum. The gate decides over every leaf, in the form *aggregate*, for the purpose
*benchmarking*; one that may not go refuses the contribution.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from carbonport.attestation.commitments import ROLE_INPUT, LeafOpening
from carbonport.classification.egress import Decision, EgressRefused, EgressRequest, Recipient, Subject
from carbonport.classification.forms import Form, Purpose, Role
from carbonport.classification.gate import Gate
from carbonport.crypto.log_entry import FieldName
from carbonport.crypto.pedersen import Opening
from carbonport.crypto.sums.attested import AttestedValue
from carbonport.errors import Refused
from carbonport.node.aggregation.contribute_once import Quantity, interval_of
from carbonport.node.aggregation.contribution import GivenMetric, ShownLeaf
from carbonport.node.aggregation.contributor import attested_values
from carbonport.node.aggregation.plan import Metric, SignedPlan
from carbonport.node.exporter.log_fields import items_field
from carbonport.node.exporter.prepared_statement import PreparedStatement
from carbonport.node.exporter.statement_versions import current_versions
from carbonport.node.open_node import OpenNode


@dataclass(frozen=True, slots=True)
class GivenLeaves:
    """What is given: shown leaves, their values (secret), the quantities they are, and the gate's decision."""

    statement: str
    metrics: tuple[GivenMetric, ...]
    values: tuple[AttestedValue, ...] = field(repr=False)
    quantities: tuple[Quantity, ...]
    decision: Decision
    policy_hash: str

    def log_fields(self) -> dict[str, bytes]:
        """Fields of the crossing's log entry: which leaves, at which grade, under which decision."""
        found = {
            item.name: item
            for item in self.decision.items  # what the gate decided, item by item
        }
        return {
            FieldName.ITEMS: items_field(found.values(), self.decision.id),
            FieldName.POLICY: self.policy_hash.encode(),
            FieldName.DECISION: self.decision.id.encode(),
        }


async def given_leaves(node: OpenNode, plan: SignedPlan) -> GivenLeaves:
    """What this node gives to a plan; `Refused` without a current statement or leaf, `EgressRefused` by the gate."""
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
    decision = _decide(node, plan, one, tuple(dict.fromkeys(paths)))
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
        quantities=tuple(
            Quantity(one.statement.installation, path, start, end) for path in dict.fromkeys(paths)
        ),
        decision=decision,
        policy_hash=decision.policy_hash,
    )


def _decide(node: OpenNode, plan: SignedPlan, prepared: PreparedStatement, paths: Sequence[str]) -> Decision:
    gate = Gate(
        node.policy,
        prepared.graded,
        prepared.results,
        home=node.participant.config.name.jurisdiction,
        clock=node.participant.clock,
        random_bytes=node.participant.random_bytes,
    )
    good = prepared.stored.ledger.goods[0]
    decision = gate.assess(
        EgressRequest(
            recipient=Recipient(plan.issuer, Role.COORDINATOR, plan.issuer.partition("/")[0]),
            purpose=Purpose.BENCHMARKING,
            form=Form.AGGREGATE,
            subject=Subject(good.process, good.cn),
            items=tuple(paths),
        )
    )
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
