"""The plan of a training: everything that is fixed, signed and shown to everyone before anybody gives anything.

Which packaged task, by name, version and the hash of its definition; the invited members and the key holders; the
smallest cohort and the fewest rows; buckets and noise; purpose, year, end; which app carries it; how often a failed
exchange is tried again. A plan's digest binds every share and every document of its session. It says what its
coordinator asks for; what a member gives is decided by the member's own policy, which no plan loosens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from re import compile as pattern

from carbonport.attestation.participants import PARTICIPANT_ID, SHA256_HEX
from carbonport.attestation.statement_draft import read_hex
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.crypto.sums.threshold import MAX_HOLDERS, Threshold
from carbonport.errors import Malformed
from carbonport.federated.buckets import FEWEST_BUCKETS
from carbonport.federated.noise import NoisePlan
from carbonport.federated.packaged_tasks import PackagedTask, packaged_task
from carbonport.federated.relay import MAX_PARTICIPANTS
from carbonport.federated.training import MINIMUM_COHORT, MINIMUM_ROWS
from carbonport.node.sessions.signed_document import DocumentKind, Signed

AREA = "training"
"""What the documents are for; part of their types."""

NONCE_BYTES = 32
"""Names the session."""

MAX_MEMBERS = MAX_PARTICIPANTS - MAX_HOLDERS
"""Most members of one plan: a carrier takes members and holders in one exchange."""

MAX_PLAN_BYTES = 256 * 1024
"""Longest plan as a token."""

MAX_ROWS_ASKED = 1_000_000
"""Largest minimum of rows that a plan may ask for."""

MAX_RETRIES = 2
"""Further attempts of an exchange whose answers contradict one another: three in all, then the training ends."""

TASK_NAME = pattern(r"[a-z][a-z-]{0,40}")
"""A packaged task's name."""

DECIMAL = pattern(r"[0-9]{1,3}(\.[0-9]{1,12})?")
"""Epsilon and delta as a plan writes them."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """Differential privacy of single records: `epsilon` for each part of the task, but for a chance `delta`, if at most
    `tolerated` of the minimum cohort are dishonest or absent."""

    epsilon: Decimal
    delta: Decimal
    tolerated: int


@dataclass(frozen=True)
class TrainingPlan:
    """What is planned. Times are unix seconds; from `expires` on nobody answers any more. `bucket_size` 0: no buckets;
    `privacy` None: no noise. `app` is the SHA-256 (hex) of the app that carries the letters."""

    nonce: bytes
    issued_at: int
    expires: int
    purpose: str
    year: int
    task: str
    version: int
    definition: str
    members: tuple[str, ...]
    holders: tuple[str, ...]
    threshold: int
    app: str
    minimum_cohort: int = MINIMUM_COHORT
    minimum_rows: int = MINIMUM_ROWS
    bucket_size: int = 0
    privacy: Privacy | None = None
    retries: int = MAX_RETRIES

    def __post_init__(self) -> None:
        """Raises `Malformed` or `Misuse` for a plan that cannot be meant, by whomever it was made."""
        fewest = max(self.minimum_cohort, FEWEST_BUCKETS * self.bucket_size)
        problems = {
            "a participant twice, or one as both": len({*self.members, *self.holders})
            != len(self.members) + len(self.holders),
            f"{len(self.members)} members": not fewest <= len(self.members) <= MAX_MEMBERS,
            f"a minimum cohort of {self.minimum_cohort}": self.minimum_cohort < MINIMUM_COHORT,
            f"a minimum of {self.minimum_rows} rows": self.minimum_rows < MINIMUM_ROWS,
            f"buckets of {self.bucket_size}": self.bucket_size != 0 and self.bucket_size < MINIMUM_COHORT,
            "buckets and noise: the noise is sized for one sum over everyone": self.bucket_size != 0
            and self.privacy is not None,
            "an expiry that is not after its making": self.expires <= self.issued_at,
            f"{len(self.holders)} holders for threshold {self.threshold}": len(self.holders)
            < self.holder_threshold.fast_answers_needed,
        }
        for found, present in problems.items():
            if present:
                raise plan_malformed(found)

    @cached_property
    def holder_threshold(self) -> Threshold:
        """n and k, and what follows from them."""
        return Threshold(len(self.holders), self.threshold)

    @property
    def session(self) -> str:
        """The session's name: the nonce in hex."""
        return self.nonce.hex()

    @cached_property
    def packaged(self) -> PackagedTask:
        """The task as this program has it; raises `Misuse` for one that it has not, `Malformed` for another of that
        name, or for noise in a task that is not made for it."""
        task = packaged_task(self.task, self.version)
        if task.definition != self.definition:
            raise plan_malformed("a task of another definition than this program's")
        if (self.privacy is not None) != bool(task.releases):
            raise plan_malformed("noise in a task that is not made for it, or none in one that is")
        return task

    @cached_property
    def noise(self) -> Mapping[str, NoisePlan]:
        """How noise is sized for each part of the task; empty where the plan asks for none."""
        if self.privacy is None:
            return {}
        return {
            part: NoisePlan(
                float(self.privacy.epsilon),
                releases,
                minimum_cohort=self.minimum_cohort,
                tolerated=self.privacy.tolerated,
                delta=float(self.privacy.delta),
            )
            for part, releases in self.packaged.releases.items()
        }

    @property
    def epsilon(self) -> Decimal:
        """What the whole training costs a record: the parts' added up, an upper bound; 0 without noise."""
        return Decimal(0) if self.privacy is None else self.privacy.epsilon * len(self.packaged.parts)

    def holder_index(self, holder: str) -> int:
        """The holder's index: its place, from 1; raises `Malformed` for somebody else."""
        if holder not in self.holders:
            raise plan_malformed(f"{holder}, who holds no key")
        return self.holders.index(holder) + 1


SignedPlan = Signed[TrainingPlan]


def plan_malformed(found: str) -> Malformed:
    """The error of a plan that cannot be meant."""
    return Malformed(
        "training-plan",
        found=found,
        expected="a plan that can be carried out as it stands",
        remedy="Ask the coordinator for a corrected plan; nothing was given.",
    )


def write_privacy(privacy: Privacy | None) -> Json:
    """As a plan holds it."""
    if privacy is None:
        return None
    return {
        "epsilon": format(privacy.epsilon, "f"),
        "delta": format(privacy.delta, "f"),
        "tolerated": privacy.tolerated,
    }


def read_privacy(fields: StrictFields) -> Privacy:
    """As plan and plan file write it."""
    privacy = Privacy(
        Decimal(fields.text("epsilon", pattern=DECIMAL)),
        Decimal(fields.text("delta", pattern=DECIMAL)),
        fields.integer("tolerated", maximum=MAX_MEMBERS),
    )
    fields.finish()
    return privacy


def _write(plan: TrainingPlan) -> Mapping[str, Json]:
    return {
        "nonce": plan.nonce.hex(),
        "iat": plan.issued_at,
        "expires": plan.expires,
        "purpose": plan.purpose,
        "year": plan.year,
        "task": plan.task,
        "version": plan.version,
        "definition": plan.definition,
        "members": list(plan.members),
        "holders": list(plan.holders),
        "threshold": plan.threshold,
        "app": plan.app,
        "minimumCohort": plan.minimum_cohort,
        "minimumRows": plan.minimum_rows,
        "bucketSize": plan.bucket_size,
        "privacy": write_privacy(plan.privacy),
        "retries": plan.retries,
    }


def _read(fields: StrictFields) -> TrainingPlan:
    return TrainingPlan(
        nonce=read_hex(fields, "nonce", NONCE_BYTES),
        issued_at=fields.integer("iat"),
        expires=fields.integer("expires"),
        purpose=fields.text("purpose"),
        year=fields.integer("year", minimum=1, maximum=9999),
        task=fields.text("task", pattern=TASK_NAME),
        version=fields.integer("version", minimum=1),
        definition=fields.text("definition", pattern=SHA256_HEX),
        members=fields.texts("members", pattern=PARTICIPANT_ID, max_items=MAX_MEMBERS),
        holders=fields.texts("holders", pattern=PARTICIPANT_ID, max_items=MAX_HOLDERS),
        threshold=fields.integer("threshold", minimum=1, maximum=MAX_HOLDERS),
        app=fields.text("app", pattern=SHA256_HEX),
        minimum_cohort=fields.integer("minimumCohort", maximum=MAX_MEMBERS),
        minimum_rows=fields.integer("minimumRows", maximum=MAX_ROWS_ASKED),
        bucket_size=fields.integer("bucketSize", maximum=MAX_MEMBERS),
        privacy=None if fields.value("privacy") is None else read_privacy(fields.nested("privacy")),
        retries=fields.integer("retries", maximum=MAX_RETRIES),
    )


PLAN = DocumentKind[TrainingPlan]("plan", MAX_PLAN_BYTES, _write, _read, AREA)
"""A plan, signed by its coordinator."""
