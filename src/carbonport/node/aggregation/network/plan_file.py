"""The plan as a coordinator's person writes it: a TOML file, read strictly.

purpose = "Steel, northern provinces, 2026"
period = "2026-01-01/2026-12-31"
days = 14                                   # until the plan expires
holders = ["EU/...", "EU/...", "EU/..."]
threshold = 2
invited = ["CN/...", ...]
minimum_cohort = 5
total = true                                # also the sum over everyone, as the cohort `total`
rule = "p-percent-10"                       # optional; or dominance-2-85: tested on the true values
releaser = "EU/..."                         # with such a rule: the regulator that tests it

[[metrics]]
name = "activity_level"
unit = "t"
decimals = 3
bits = 48
source = "process/*/activity_level"

[[cohorts]]                                 # optional; nested or disjoint
name = "north"
members = ["CN/...", ...]
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.statement_draft import PERIOD
from carbonport.attestation.strict_fields import StrictFields
from carbonport.classification.disclosure_control import DEFAULT_MINIMUM_COHORT, LEAST_COHORT
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.errors import CarbonportError, Malformed
from carbonport.node.aggregation.contribute_once import interval_of
from carbonport.node.aggregation.plan import (
    COHORT_NAME,
    COHORT_SIZE,
    MAX_INVITED,
    MAX_METRICS,
    MAX_PLAN_COHORTS,
    PLAN_NONCE_BYTES,
    RULES,
    DisclosureRule,
    Metric,
    Plan,
    PlannedHolder,
    plan_malformed,
    read_metric,
)

MAX_PLAN_FILE_BYTES = 4 * 1024 * 1024
"""Longest plan file read."""

MAX_PLAN_DAYS = 366
"""Longest time a plan may be open."""

DEFAULT_DAYS = 14

TOTAL = "total"
"""The cohort of everyone."""

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A plan before its holders made their keys: everything but nonce, times and announcements."""

    purpose: str
    period: str
    days: int
    metrics: tuple[Metric, ...]
    invited: tuple[str, ...]
    cohorts: Mapping[str, tuple[str, ...]]
    holders: tuple[str, ...]
    threshold: int
    minimum_cohort: int
    rule: str = COHORT_SIZE
    releaser: str = ""

    def plan(self, nonce: bytes, announcements: Sequence[str], *, now: int, releaser_key: str = "") -> Plan:
        """The plan with the holders' announcements (digests, in the holders' order); it starts now. `releaser_key` is
        what openings are sealed to, out of the trust list."""
        return Plan(
            nonce=nonce,
            issued_at=now,
            expires=now + self.days * SECONDS_PER_DAY,
            purpose=self.purpose,
            period=self.period,
            metrics=self.metrics,
            invited=self.invited,
            cohorts=self.cohorts,
            holders=tuple(
                PlannedHolder(name, keys) for name, keys in zip(self.holders, announcements, strict=True)
            ),
            threshold=self.threshold,
            minimum_cohort=self.minimum_cohort,
            rule=DisclosureRule(self.rule, self.releaser, releaser_key),
        )


def read_plan_file(content: bytes, *, where: str) -> PlanDraft:
    """The draft in a TOML file; what cannot become a plan is refused here, before any holder makes keys."""
    if len(content) > MAX_PLAN_FILE_BYTES:
        raise _unreadable(where, f"more than {MAX_PLAN_FILE_BYTES} bytes")
    try:
        tables = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise _unreadable(where, str(problem)) from None
    return _checked(_read(StrictFields(tables, where)), where)


def draft_bytes(draft: PlanDraft) -> bytes:
    """The draft as it is kept: canonical JSON."""
    return canonical_bytes(
        {
            "purpose": draft.purpose,
            "period": draft.period,
            "days": draft.days,
            "threshold": draft.threshold,
            "minimum_cohort": draft.minimum_cohort,
            "rule": draft.rule,
            "releaser": draft.releaser,
            "holders": list(draft.holders),
            "invited": list(draft.invited),
            "metrics": [_metric_json(metric) for metric in draft.metrics],
            "cohorts": [{"name": name, "members": list(members)} for name, members in draft.cohorts.items()],
        }
    )


def read_draft(content: bytes) -> PlanDraft:
    """What `draft_bytes` wrote."""
    return _read(StrictFields(parse_canonical(content, max_bytes=2 * MAX_PLAN_FILE_BYTES), "plan draft"))


def _read(fields: StrictFields) -> PlanDraft:
    invited = fields.texts("invited", pattern=PARTICIPANT_ID, max_items=MAX_INVITED)
    cohorts = (
        dict(fields.each("cohorts", _read_cohort, max_items=MAX_PLAN_COHORTS))
        if fields.has("cohorts")
        else {}
    )
    wanted = fields.value("total") if fields.has("total") else not cohorts
    if wanted is True and TOTAL not in cohorts:
        cohorts[TOTAL] = invited
    draft = PlanDraft(
        purpose=fields.text("purpose"),
        period=fields.text("period", pattern=PERIOD),
        days=fields.integer("days", minimum=1, maximum=MAX_PLAN_DAYS) if fields.has("days") else DEFAULT_DAYS,
        metrics=fields.each("metrics", read_metric, max_items=MAX_METRICS),
        invited=invited,
        cohorts=cohorts,
        holders=fields.texts("holders", pattern=PARTICIPANT_ID, max_items=MAX_METRICS),
        threshold=fields.integer("threshold", minimum=1, maximum=MAX_METRICS),
        minimum_cohort=fields.integer("minimum_cohort", minimum=LEAST_COHORT, maximum=MAX_INVITED)
        if fields.has("minimum_cohort")
        else DEFAULT_MINIMUM_COHORT,
        rule=fields.choice("rule", RULES) if fields.has("rule") else COHORT_SIZE,
        releaser=fields.text("releaser", pattern=PARTICIPANT_ID, empty=True)
        if fields.has("releaser")
        else "",
    )
    fields.finish()
    return draft


def _checked(draft: PlanDraft, where: str) -> PlanDraft:
    try:
        interval_of(draft.period)
        draft.plan(
            bytes(PLAN_NONCE_BYTES),
            [f"{index:064x}" for index in range(len(draft.holders))],
            now=0,
            releaser_key="-" if draft.releaser else "",
        )
    except CarbonportError as problem:
        problem.where = problem.where or where
        raise
    if not draft.metrics:
        raise plan_malformed("no metric")
    return draft


def _metric_json(metric: Metric) -> Json:
    return {
        "name": metric.name,
        "unit": metric.unit,
        "decimals": metric.decimals,
        "bits": metric.bits,
        "source": metric.source,
    }


def _read_cohort(fields: StrictFields) -> tuple[str, tuple[str, ...]]:
    name = fields.text("name", pattern=COHORT_NAME)
    return name, fields.texts("members", pattern=PARTICIPANT_ID, max_items=MAX_INVITED)


def _unreadable(where: str, found: str) -> Malformed:
    return Malformed(
        "aggregation-plan-file",
        found=found,
        expected="a TOML file as docs/sessions.md shows",
        remedy="Correct the file; nothing was planned.",
        where=where,
    )
