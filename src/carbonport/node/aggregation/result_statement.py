"""The result: exact sums per released cohort, signed by the coordinator, in a file with everything needed to check
them.

The file holds the plan, the consents, every contributor's signed contribution with its statement, the roster, the
votes, k answers and the trust lists: commitments and proofs, no value of anyone. The sums are exact decimals at the
metrics' decimals; rounding is presentation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from carbonport.attestation.participants import SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.classification.disclosure_control import CohortRefusal
from carbonport.crypto.canonical import Json
from carbonport.crypto.sums.answers import SumResult
from carbonport.errors import Malformed
from carbonport.footprint.exact_decimal import exact_context
from carbonport.node.aggregation.plan import (
    COHORT_NAME,
    MAX_ATTEMPTS,
    MAX_INVITED,
    MAX_METRICS,
    MAX_PLAN_COHORTS,
    SignedPlan,
)
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.sessions.signed_document import DocumentKind, Signed

MAX_RESULT_BYTES = 4 * 1024 * 1024
"""Longest result as a token."""

MAX_INTEGER_DIGITS = 80
"""Longest integer in a result: sums are below 2^250."""


@dataclass(frozen=True, slots=True)
class CohortSums:
    """One released cohort: its number of contributors, and each metric's sum as an integer in units of the last
    decimal, with the blinding that opens the summed commitments together with it."""

    members: int
    values: tuple[int, ...]
    blindings: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """`plan` and `roster` are digests; `sums` by released cohort, `refused` by the others. `issued_at` is the
    coordinator's word (unix seconds); keys are looked up as of then."""

    plan: str
    attempt: int
    roster: str
    sums: Mapping[str, CohortSums]
    refused: Mapping[str, CohortRefusal]
    issued_at: int


SignedResult = Signed[Result]


def result_of(
    plan: SignedPlan,
    roster: SignedRoster,
    sums: Mapping[str, SumResult],
    sizes: Mapping[str, int],
    refused: Mapping[str, CohortRefusal],
    *,
    now: int,
) -> Result:
    """What the coordinator signs; `sizes` are the released cohorts' numbers of contributors."""
    return Result(
        plan.digest,
        roster.content.attempt,
        roster.digest,
        {name: CohortSums(sizes[name], one.values, one.blindings) for name, one in sums.items()},
        refused,
        now,
    )


def exact_sums(plan: SignedPlan, result: Result) -> Mapping[str, Mapping[str, Decimal]]:
    """The sums by cohort and metric as exact decimals."""
    return {
        cohort: {
            metric.name: Decimal(value).scaleb(-metric.decimals, exact_context())
            for metric, value in zip(plan.content.metrics, sums.values, strict=True)
        }
        for cohort, sums in result.sums.items()
    }


def _write(result: Result) -> Mapping[str, Json]:
    return {
        "plan": result.plan,
        "attempt": result.attempt,
        "roster": result.roster,
        "iat": result.issued_at,
        "sums": [
            {
                "cohort": name,
                "members": sums.members,
                "values": [str(value) for value in sums.values],
                "blindings": [str(blinding) for blinding in sums.blindings],
            }
            for name, sums in sorted(result.sums.items())
        ],
        "refused": [
            {"cohort": name, "code": refusal.code, "reason": refusal.reason}
            for name, refusal in sorted(result.refused.items())
        ],
    }


def _read(fields: StrictFields) -> Result:
    return Result(
        plan=fields.text("plan", pattern=SHA256_HEX),
        attempt=fields.integer("attempt", maximum=MAX_ATTEMPTS - 1),
        roster=fields.text("roster", pattern=SHA256_HEX),
        sums=dict(fields.each("sums", _read_sums, max_items=MAX_PLAN_COHORTS)),
        refused=dict(fields.each("refused", _read_refused, max_items=MAX_PLAN_COHORTS)),
        issued_at=fields.integer("iat"),
    )


def _read_sums(fields: StrictFields) -> tuple[str, CohortSums]:
    name = fields.text("cohort", pattern=COHORT_NAME)
    members = fields.integer("members", minimum=1, maximum=MAX_INVITED)
    return name, CohortSums(members, _integers(fields, "values"), _integers(fields, "blindings"))


def _integers(fields: StrictFields, name: str) -> tuple[int, ...]:
    found = []
    for item in fields.items(name, max_items=MAX_METRICS):
        if (
            not isinstance(item, str)
            or not item.isascii()
            or not item.isdecimal()
            or len(item) > MAX_INTEGER_DIGITS
        ):
            raise Malformed(
                "aggregation-result-number",
                found=f"something in {name} that is no integer written in digits",
                expected="integers as digits, in units of the metric's last decimal",
                remedy="Ask the coordinator for the result again.",
            )
        found.append(int(item))
    return tuple(found)


def _read_refused(fields: StrictFields) -> tuple[str, CohortRefusal]:
    name = fields.text("cohort", pattern=COHORT_NAME)
    return name, CohortRefusal(fields.text("code"), fields.text("reason"))


RESULT = DocumentKind[Result]("result", MAX_RESULT_BYTES, _write, _read)
"""A result, signed by its coordinator."""
