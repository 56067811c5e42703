"""The egress policy: Cedar, keyed on class and grade, refusing whatever it does not expressly allow.

Cedar skips a policy whose evaluation fails, so a `forbid` that meets a missing attribute would open a door.
Here the schema is passed with every request, all words are closed enumerations, and anything but a clean
Allow without a single error is a refusal. The policy text, the schema and the grading table are hashed
together: a decision quotes that hash, and with the three files anyone can repeat it.

Rulings are pure: the same question under the same files has the same answer, so they are remembered. The
approval reference is part of the question.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import cedarpy

from carbonport.classification.field_classes import FieldClass, GradingTable
from carbonport.classification.forms import Form, Pool, Purpose, Role
from carbonport.classification.grades import Grade
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import Malformed, Misuse

POLICY_HASH_DOMAIN = "carbonport/policy-hash/v1"

MAX_POLICY_BYTES = 1024 * 1024
"""A policy that a person can read is far smaller."""

MAX_REMEMBERED_RULINGS = 16_384
"""Rulings kept; without approvals and trainings there are at most 43,200 questions and few are ever asked."""

NO_POLICY_REASON = "No policy permits it."
POLICY_ERROR_REASON = (
    "The policy could not be evaluated without an error; what is not cleanly allowed is refused."
)


@dataclass(frozen=True, slots=True)
class Question:
    """What the policy is asked about one datum. `approval` is the reference of the matching approval, if
    there is one; `pool` what a contribution to a training is part of."""

    role: Role
    purpose: Purpose
    form: Form
    field_class: FieldClass
    grade: Grade
    cross_border: bool
    approval: str | None = None
    pool: Pool | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """The policy's answer: the ids of the policies that decided, and their reasons in words."""

    allowed: bool
    policies: tuple[str, ...]
    reason: str


class Policy:
    """A parsed policy with its schema and grading table; immutable but for the remembered rulings."""

    def __init__(self, policy: bytes, schema: bytes, table: GradingTable) -> None:
        """Parse and validate; `Malformed` when anything of the policy or the schema is not as it has to
        be."""
        policy_text, schema_text = _text(policy, "policy"), _text(schema, "schema")
        try:
            self._schema = cedarpy.Schema.from_str(schema_text)
            self._policies = cedarpy.PolicySet.from_str(policy_text)
            self._data = cedarpy.Entities.from_json_str(json.dumps(_data_entities()), self._schema)
            validation = cedarpy.validate_policies(policy_text, self._schema)
            annotations = _annotations(policy_text)
        except ValueError as error:
            raise _malformed(str(error)) from None
        if not validation.validation_passed:
            raise _malformed("; ".join(str(problem) for problem in validation.errors))
        self._says = annotations
        self._remembered: dict[Question, Ruling] = {}
        self.table = table
        self.hash: str = tuple_hash(POLICY_HASH_DOMAIN, policy, schema, table.data).hex()
        """TupleHash256 (64 bytes, hex) of policy, schema and grading table: which rules a decision was made
        under."""

    @classmethod
    def load(
        cls, policy: Path | None = None, schema: Path | None = None, table: GradingTable | None = None
    ) -> "Policy":
        """The packaged policy, schema and table, each replaceable by the user's."""
        if policy is None and schema is None and table is None:
            return _packaged()
        return cls(
            _read(policy, "policy.cedar"), _read(schema, "policy.cedarschema"), table or GradingTable.load()
        )

    def rule(self, question: Question) -> Ruling:
        """The answer to `question`; refused whenever Cedar does not say Allow without any error."""
        known = self._remembered.get(question)
        if known is None:
            known = self._ask(question)
            if len(self._remembered) >= MAX_REMEMBERED_RULINGS:
                self._remembered.clear()
            self._remembered[question] = known
        return known

    def rule_all(self, questions: list[Question]) -> list[Ruling]:
        """The answers to many questions, asked afresh in one batch: for replays and tests."""
        results = cedarpy.is_authorized_batch(
            [_request(question) for question in questions], self._policies, self._data, schema=self._schema
        )
        return [self._ruling(result) for result in results]

    def _ask(self, question: Question) -> Ruling:
        return self._ruling(
            cedarpy.is_authorized(_request(question), self._policies, self._data, schema=self._schema)
        )

    def _ruling(self, result: cedarpy.AuthzResult) -> Ruling:
        if result.diagnostics.errors:
            return Ruling(False, (), POLICY_ERROR_REASON)
        decided = [self._says[policy] for policy in result.diagnostics.reasons]
        names = tuple(sorted(name for name, _ in decided))
        reason = " ".join(reason for _, reason in sorted(decided)) or NO_POLICY_REASON
        return Ruling(result.decision is cedarpy.Decision.Allow and bool(names), names, reason)


@cache
def _packaged() -> Policy:
    """Parsed once per process, which takes longer than a thousand rulings."""
    return Policy(_read(None, "policy.cedar"), _read(None, "policy.cedarschema"), GradingTable.load())


def _request(question: Question) -> dict[str, object]:
    context: dict[str, object] = {
        "purpose": _entity("Purpose", question.purpose),
        "cross_border": question.cross_border,
    }
    if question.approval is not None:
        context["approval"] = question.approval
    if question.pool is not None:
        context |= {"cohort": question.pool.cohort, "rows": question.pool.rows}
    return {
        "principal": {"type": "Role", "id": str(question.role)},
        "action": {"type": "Action", "id": str(question.form)},
        "resource": {"type": "Datum", "id": _datum(question.field_class, question.grade)},
        "context": context,
    }


def _datum(field_class: str, grade: str) -> str:
    return f"{field_class}/{grade}"


def _entity(kind: str, name: str) -> dict[str, dict[str, str]]:
    return {"__entity": {"type": kind, "id": str(name)}}


def _data_entities() -> list[dict[str, object]]:
    """Every class at every grade, with the attributes that policies read."""
    return [
        {
            "uid": {"type": "Datum", "id": _datum(field_class, grade)},
            "attrs": {"class": _entity("Class", field_class), "grade": _entity("Grade", grade)},
            "parents": [],
        }
        for field_class in FieldClass
        for grade in Grade
    ]


def _annotations(policy_text: str) -> Mapping[str, tuple[str, str]]:
    """(id, reason) by Cedar's internal policy name; every policy has to carry both, since decisions quote
    them."""
    parsed = json.loads(cedarpy.policies_to_json_str(policy_text))
    if parsed.get("templates"):
        raise _malformed("a policy template")
    says: dict[str, tuple[str, str]] = {}
    for name, policy in parsed["staticPolicies"].items():
        annotations = policy.get("annotations", {})
        if not annotations.get("id") or not annotations.get("reason"):
            raise _malformed("a policy without @id or @reason")
        says[name] = (annotations["id"], annotations["reason"])
    if len({policy_id for policy_id, _ in says.values()}) != len(says):
        raise _malformed("two policies with one @id")
    return MappingProxyType(says)


def _text(data: bytes, what: str) -> str:
    if len(data) > MAX_POLICY_BYTES:
        raise _malformed(f"a {what} above {MAX_POLICY_BYTES} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed(f"a {what} that is not UTF-8") from None


def _read(path: Path | None, packaged: str) -> bytes:
    if path is None:
        return files("carbonport.classification.data").joinpath(packaged).read_bytes()
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_POLICY_BYTES + 1)
    except OSError as error:
        raise Misuse(
            "policy-unreadable",
            found=type(error).__name__,
            expected="a readable Cedar file",
            remedy="Check the path and its permissions.",
            where=str(path),
        ) from None


def _malformed(found: str) -> Malformed:
    return Malformed(
        "policy-malformed",
        found=found,
        expected="Cedar policies that validate against the schema, each with an @id and a @reason",
        remedy="Correct the file; until it validates the gate does not open.",
        where="egress policy",
    )
