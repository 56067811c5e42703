"""The plan of a sum: everything that is fixed, signed and shown to everyone invited before anybody contributes.

Which quantities, over which period, of whom; all cohorts whose sums may be released; the smallest cohort; the key
holders with their keys; the rule of disclosure; the purpose; the end. A plan's hash binds every proof, ciphertext and
message of its session. Bounds that the mathematics asks for are `carbonport.crypto.sums.parameters`' own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from carbonport.attestation.participants import PARTICIPANT_ID, SHA256_HEX
from carbonport.attestation.statement_draft import PERIOD, read_hex
from carbonport.attestation.strict_fields import StrictFields
from carbonport.classification.cohorts import CohortFamily
from carbonport.classification.disclosure_control import DEFAULT_MINIMUM_COHORT, LEAST_COHORT
from carbonport.crypto.canonical import Json
from carbonport.crypto.sums.parameters import MAX_DECIMALS, SumMetric, SumParameters
from carbonport.crypto.sums.threshold import Threshold
from carbonport.errors import Malformed
from carbonport.node.sessions.signed_document import DocumentKind, Signed

PLAN_NONCE_BYTES = 32
"""Fresh for every plan: the holders sign their keys for it."""

MAX_INVITED = 10_000
"""Most contributors of one plan."""

MAX_PLAN_COHORTS = 256
"""Most cohorts a plan announces."""

MAX_PLAN_BYTES = 8 * 1024 * 1024
"""Longest plan as a token."""

MAX_METRICS = 64
"""Most metrics of one plan."""

MAX_BITS = 64
"""Widest bit bound of a metric."""

MAX_ATTEMPTS = 3
"""Each pass or fail of an attempt tells a bit about a ciphertext: after so many, the plan ends without a result."""

METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""A metric's name."""

COHORT_NAME = re.compile(r"\w[\w ._-]{0,63}")
"""A cohort's name."""

SOURCE_PATH = re.compile(r"[A-Za-z0-9*][A-Za-z0-9 /*._-]{0,199}")
"""Which leaf of a statement a metric's value is: a path, in which `*` stands for one part of it."""

COHORT_SIZE = "cohort-size"
"""The rule of disclosure by the size of cohorts alone."""

P_PERCENT_RULE = "p-percent-10"
"""Besides, in every released sum and every rest: all but the two largest are at least 10 % of the largest."""

DOMINANCE_RULE = "dominance-2-85"
"""Besides, in every released sum and every rest: the two largest are at most 85 %."""

RULES = frozenset({COHORT_SIZE, P_PERCENT_RULE, DOMINANCE_RULE})
"""All rules; the last two are tested on true values, by a releaser."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A quantity to be summed: integers in units of the last of `decimals`, from 0 to below 2^`bits`.

    `source` says which leaf of its statement a contributor gives, as a path with `*` for one part.
    """

    name: str
    unit: str
    decimals: int
    bits: int
    source: str

    def takes(self, path: str) -> bool:
        """Whether a leaf of this path is what the metric asks for."""
        pattern = "[^/]+".join(re.escape(part) for part in self.source.split("*"))
        return re.fullmatch(pattern, path) is not None


@dataclass(frozen=True, slots=True)
class PlannedHolder:
    """A key holder, and the digest of the key announcement it signed for this plan. Its index is its place, from 1."""

    id: str
    keys: str


@dataclass(frozen=True, slots=True)
class DisclosureRule:
    """`kind` is one of `RULES`. Two of them need a releaser, who learns every value: its id, and the X25519 key
    (base64url) out of the trust list to which contributors seal their openings."""

    kind: str = COHORT_SIZE
    releaser: str = ""
    key: str = ""


@dataclass(frozen=True)
class Plan:
    """What is planned. Times are unix seconds; from `expires` on nobody votes or answers any more."""

    nonce: bytes
    issued_at: int
    expires: int
    purpose: str
    period: str
    metrics: tuple[Metric, ...]
    invited: tuple[str, ...]
    cohorts: Mapping[str, tuple[str, ...]]
    holders: tuple[PlannedHolder, ...]
    threshold: int
    minimum_cohort: int = DEFAULT_MINIMUM_COHORT
    rule: DisclosureRule = DisclosureRule()

    def __post_init__(self) -> None:
        """Raises `Malformed` or `Misuse` for a plan that cannot be meant, by whomever it was made."""
        names = [metric.name for metric in self.metrics]
        holders = [holder.id for holder in self.holders]
        problems = {
            "a metric twice": len(set(names)) != len(names),
            "a holder twice, or two with the same keys": len(set(holders)) != len(holders)
            or len({holder.keys for holder in self.holders}) != len(holders),
            "an expiry that is not after its making": self.expires <= self.issued_at,
            "a cohort with a member twice": any(len(set(m)) != len(m) for m in self.cohorts.values()),
            "a cohort with members that are not invited": not self.family.members <= set(self.invited),
            "a contributor that no cohort holds": not set(self.invited) <= self.family.members,
            "a releaser without its rule, or a rule without its releaser and key": (
                bool(self.rule.releaser),
                bool(self.rule.key),
            )
            != (self.rule.kind != COHORT_SIZE,) * 2,
        }
        for found, present in problems.items():
            if present:
                raise plan_malformed(found)
        # The mathematics' own bounds: threshold, metrics, and that no sum can wrap.
        self.parameters("00" * 32)

    @cached_property
    def family(self) -> CohortFamily:
        """The announced cohorts, nested or disjoint."""
        return CohortFamily(self.cohorts)

    @cached_property
    def holder_threshold(self) -> Threshold:
        """n and k, and what follows from them."""
        return Threshold(len(self.holders), self.threshold)

    def parameters(self, digest: str) -> SumParameters:
        """What the mathematics works with; `digest` is the plan's own."""
        metrics = tuple(SumMetric(metric.name, metric.decimals, metric.bits) for metric in self.metrics)
        return SumParameters(bytes.fromhex(digest), self.holder_threshold, metrics, len(self.invited))

    def holder_index(self, holder: str) -> int:
        """The holder's index, from 1; raises `Malformed` for somebody else."""
        for index, planned in enumerate(self.holders, start=1):
            if planned.id == holder:
                return index
        raise plan_malformed(f"{holder}, who holds no key")


SignedPlan = Signed[Plan]


def plan_malformed(found: str) -> Malformed:
    """The error of a plan that cannot be meant."""
    return Malformed(
        "aggregation-plan",
        found=found,
        expected="a plan in which everything has one meaning",
        remedy="Ask the coordinator for a corrected plan; nothing was contributed.",
    )


def _write(plan: Plan) -> Mapping[str, Json]:
    return {
        "nonce": plan.nonce.hex(),
        "iat": plan.issued_at,
        "expires": plan.expires,
        "purpose": plan.purpose,
        "period": plan.period,
        "metrics": [
            {
                "name": metric.name,
                "unit": metric.unit,
                "decimals": metric.decimals,
                "bits": metric.bits,
                "source": metric.source,
            }
            for metric in plan.metrics
        ],
        "invited": list(plan.invited),
        "cohorts": [{"name": name, "members": list(members)} for name, members in plan.cohorts.items()],
        "minimumCohort": plan.minimum_cohort,
        "holders": [{"id": holder.id, "keys": holder.keys} for holder in plan.holders],
        "threshold": plan.threshold,
        "disclosure": {"rule": plan.rule.kind, "releaser": plan.rule.releaser, "key": plan.rule.key},
    }


def _read(fields: StrictFields) -> Plan:
    rule = fields.nested("disclosure")
    cohorts = fields.each("cohorts", _read_cohort, max_items=MAX_PLAN_COHORTS)
    plan = Plan(
        nonce=read_hex(fields, "nonce", PLAN_NONCE_BYTES),
        issued_at=fields.integer("iat"),
        expires=fields.integer("expires"),
        purpose=fields.text("purpose"),
        period=fields.text("period", pattern=PERIOD),
        metrics=fields.each("metrics", read_metric, max_items=MAX_METRICS),
        invited=fields.texts("invited", pattern=PARTICIPANT_ID, max_items=MAX_INVITED),
        cohorts=dict(cohorts),
        holders=fields.each("holders", _read_holder, max_items=MAX_METRICS),
        threshold=fields.integer("threshold", minimum=1, maximum=MAX_METRICS),
        minimum_cohort=fields.integer("minimumCohort", minimum=LEAST_COHORT, maximum=MAX_INVITED),
        rule=DisclosureRule(
            rule.choice("rule", RULES),
            rule.text("releaser", pattern=PARTICIPANT_ID, empty=True),
            rule.text("key", empty=True),
        ),
    )
    rule.finish()
    if len(plan.cohorts) != len(cohorts):
        raise plan_malformed("a cohort's name twice")
    return plan


def read_metric(fields: StrictFields) -> Metric:
    """A metric as a plan and the file it is drawn up from write it."""
    return Metric(
        name=fields.text("name", pattern=METRIC_NAME),
        unit=fields.text("unit", empty=True),
        decimals=fields.integer("decimals", maximum=MAX_DECIMALS),
        bits=fields.integer("bits", minimum=1, maximum=MAX_BITS),
        source=fields.text("source", pattern=SOURCE_PATH),
    )


def _read_cohort(fields: StrictFields) -> tuple[str, tuple[str, ...]]:
    name = fields.text("name", pattern=COHORT_NAME)
    return name, fields.texts("members", pattern=PARTICIPANT_ID, max_items=MAX_INVITED)


def _read_holder(fields: StrictFields) -> PlannedHolder:
    return PlannedHolder(fields.text("id", pattern=PARTICIPANT_ID), fields.text("keys", pattern=SHA256_HEX))


PLAN = DocumentKind[Plan]("plan", MAX_PLAN_BYTES, _write, _read)
"""A plan, signed by its coordinator."""
