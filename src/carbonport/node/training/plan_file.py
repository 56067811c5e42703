"""The plan as a coordinator's person writes it: a TOML file, read strictly.

task = "plausibility"
version = 1
purpose = "Plausibility of steel and clinker, 2026"
year = 2026
days = 14                                   # until the plan expires
members = ["CN/...", ...]
holders = ["EU/...", "EU/...", "EU/..."]
threshold = 2
minimum_cohort = 5                          # optional, as all below
minimum_rows = 10
bucket_size = 5                             # train in buckets of so many: survives poisoned members
retries = 2

[privacy]                                   # noise, for a task that is made for it
epsilon = "4"
delta = "0.00001"
tolerated = 2                               # dishonest or absent members of the minimum cohort
"""

import tomllib

from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.sums.threshold import MAX_HOLDERS
from carbonport.errors import CarbonportError, Malformed
from carbonport.federated.packaged_tasks import packaged_task
from carbonport.federated.training import MINIMUM_COHORT, MINIMUM_ROWS
from carbonport.node.training.plan import (
    MAX_MEMBERS,
    MAX_RETRIES,
    MAX_ROWS_ASKED,
    TASK_NAME,
    TrainingPlan,
    read_privacy,
)

MAX_PLAN_FILE_BYTES = 256 * 1024
"""Longest plan file read."""

MAX_PLAN_DAYS = 366
"""Longest time a plan may be open."""

DEFAULT_DAYS = 14

SECONDS_PER_DAY = 86_400


def read_plan_file(content: bytes, *, where: str, nonce: bytes, now: int, app: str) -> TrainingPlan:
    """The plan in a TOML file, beginning `now`; what cannot be carried out is refused here.

    `nonce` names the session; `app` is the hash of the app that will carry the letters.
    """
    if len(content) > MAX_PLAN_FILE_BYTES:
        raise _unreadable(where, f"more than {MAX_PLAN_FILE_BYTES} bytes")
    try:
        tables = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise _unreadable(where, str(problem)) from None
    fields = StrictFields(tables, where)
    name, version = fields.text("task", pattern=TASK_NAME), fields.integer("version", minimum=1)
    days = _optional(fields, "days", DEFAULT_DAYS, MAX_PLAN_DAYS, minimum=1)
    try:
        plan = TrainingPlan(
            nonce=nonce,
            issued_at=now,
            expires=now + days * SECONDS_PER_DAY,
            purpose=fields.text("purpose"),
            year=fields.integer("year", minimum=1, maximum=9999),
            task=name,
            version=version,
            definition=packaged_task(name, version).definition,
            members=fields.texts("members", pattern=PARTICIPANT_ID, max_items=MAX_MEMBERS),
            holders=fields.texts("holders", pattern=PARTICIPANT_ID, max_items=MAX_HOLDERS),
            threshold=fields.integer("threshold", minimum=1, maximum=MAX_HOLDERS),
            app=app,
            minimum_cohort=_optional(fields, "minimum_cohort", MINIMUM_COHORT, MAX_MEMBERS),
            minimum_rows=_optional(fields, "minimum_rows", MINIMUM_ROWS, MAX_ROWS_ASKED),
            bucket_size=_optional(fields, "bucket_size", 0, MAX_MEMBERS),
            privacy=read_privacy(fields.nested("privacy")) if fields.has("privacy") else None,
            retries=_optional(fields, "retries", MAX_RETRIES, MAX_RETRIES),
        )
        fields.finish()
        # Whether the task takes the noise, and the noise promises anything.
        plan.packaged, plan.noise  # noqa: B018 - both raise for what cannot be meant
    except CarbonportError as problem:
        problem.where = problem.where or where
        raise
    return plan


def _optional(fields: StrictFields, name: str, default: int, maximum: int, *, minimum: int = 0) -> int:
    return fields.integer(name, minimum=minimum, maximum=maximum) if fields.has(name) else default


def _unreadable(where: str, found: str) -> Malformed:
    return Malformed(
        "training-plan-file",
        found=found,
        expected="a TOML file with the fields of a training plan",
        remedy="Correct the file; nothing was planned.",
        where=where,
    )
