"""Field classes and the grading table: which grade a field has, why, and how each role may meet it.

The table is data with a version (`data/grading-*.csv`); a user's file in the same form replaces it. A field
that no row names, or that comes under another class than its row says, is *unknown*: it is treated as
important and closed to everyone until a person grades it. The table never opens a thing alone: the policy has
to agree (`policy`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from carbonport.classification.forms import Form, Role
from carbonport.classification.grades import Grade
from carbonport.errors import Malformed, Misuse
from carbonport.footprint.ledger import DataQuality
from carbonport.footprint.tables.table_file import MAX_TABLE_BYTES, parse_table

PACKAGED_TABLE = "grading-2026-11.csv"

COLUMNS = ("class", "field", "quality", "grade", *Role, "reason")


class FieldClass(StrEnum):
    """What kind of thing a field tells; the catalogue gives each field one class."""

    IDENTITY = "identity"
    PRODUCT = "product"
    RESULT = "result"
    """Per tonne of product."""
    RESULT_TOTAL = "result-total"
    """Of a process or of the installation; divided by a specific result it tells the output."""
    FACTOR = "factor"
    PROCESS = "process"
    LOCATION = "location"
    PRODUCTION = "production"
    ENERGY = "energy"
    LOAD = "load"
    PRECURSOR = "precursor"
    COST = "cost"
    CARBON_PRICE = "carbon-price"
    CUSTOMS = "customs"
    PERSONAL = "personal"
    CERTIFICATE = "certificate"
    VERIFICATION = "verification"
    SECURITY = "security"
    CORE = "core"
    UNKNOWN = "unknown"
    """No row of the table knows it; no policy may open it."""


class Action(StrEnum):
    """How a role may meet a field, in the words of the table."""

    FREE = "free"
    """Any form but a model update and an opening."""
    PROTECTED = "protected"
    """Commitment, proof or aggregate."""
    PROTECTED_APPROVAL = "protected+approval"
    """As `protected`; the value or its band after a person's approval."""
    APPROVAL = "approval"
    """The value or its band after a person's approval, nothing else."""
    BANDED = "banded"
    """As `protected`, and in a band."""
    PROOF = "proof"
    """Only what a proof tells."""
    POOLED = "pooled"
    """As `protected`, and as a model update after a person's approval."""
    TRAINED = "trained"
    """As a model update after a person's approval, nothing else."""
    TESTED = "tested"
    """As an opening to a sum's releaser after the owner's consent, nothing else."""
    PROTECTED_TESTED = "protected+tested"
    """As `protected`, and as an opening to a sum's releaser after the owner's consent."""
    NEVER = "never"


_SHOWN = frozenset({Form.RAW, Form.BANDED})
_PROTECTED = frozenset({Form.COMMITMENT, Form.PROOF, Form.AGGREGATE})
_LEARNED = frozenset({Form.MODEL_UPDATE})
_TESTED = frozenset({Form.OPENING})
_NOTHING: frozenset[Form] = frozenset()

_FORMS: Mapping[Action, tuple[frozenset[Form], frozenset[Form]]] = MappingProxyType(
    {  # forms that are free, forms that need an approval
        Action.FREE: (_SHOWN | _PROTECTED, _NOTHING),
        Action.PROTECTED: (_PROTECTED, _NOTHING),
        Action.PROTECTED_APPROVAL: (_PROTECTED, _SHOWN),
        Action.APPROVAL: (_NOTHING, _SHOWN),
        Action.BANDED: (_PROTECTED | {Form.BANDED}, _NOTHING),
        Action.PROOF: (frozenset({Form.PROOF}), _NOTHING),
        Action.POOLED: (_PROTECTED, _LEARNED),
        Action.TRAINED: (_NOTHING, _LEARNED),
        Action.TESTED: (_NOTHING, _TESTED),
        Action.PROTECTED_TESTED: (_PROTECTED, _TESTED),
        Action.NEVER: (_NOTHING, _NOTHING),
    }
)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One row: the grade of a field, the action per role, and the reason a person can read."""

    field_class: FieldClass
    field: str
    grade: Grade
    actions: Mapping[Role, Action]
    reason: str

    def permits(self, role: Role, form: Form, *, approved: bool) -> bool:
        """Whether the table lets `role` have the field in `form`."""
        free, after_approval = _FORMS[self.actions[role]]
        return form in free or (approved and form in after_approval)


def unknown_field(field: str) -> FieldRule:
    """The rule of a field that the table does not know: important, closed to everyone."""
    return FieldRule(
        FieldClass.UNKNOWN,
        field,
        Grade.IMPORTANT,
        MappingProxyType(dict.fromkeys(Role, Action.NEVER)),
        "The grading table does not know this field under this class: sensitive until a person grades it.",
    )


PUBLISHED_QUALITY = frozenset({DataQuality.STANDARD, DataQuality.DEFAULT})
"""A value of such quality stands in a public table; rows with quality `published` apply to it alone."""


@dataclass(frozen=True, slots=True)
class GradingTable:
    """The rows by (class, field, only for published values), the version, and the bytes (part of the policy
    hash)."""

    rules: Mapping[tuple[str, str, bool], FieldRule]
    version: str
    data: bytes

    @classmethod
    def load(cls, path: Path | None = None) -> "GradingTable":
        """The packaged table, or the user's file at `path`."""
        if path is None:
            name, data = (
                PACKAGED_TABLE,
                files("carbonport.classification.data").joinpath(PACKAGED_TABLE).read_bytes(),
            )
        else:
            name = path.name
            try:
                with path.open("rb") as stream:
                    data = stream.read(MAX_TABLE_BYTES + 1)
            except OSError as error:
                raise Misuse(
                    "grading-table-unreadable",
                    found=type(error).__name__,
                    expected="a readable grading table",
                    remedy="Check the path and its permissions.",
                    where=str(path),
                ) from None
        return cls.from_bytes(data, name)

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> "GradingTable":
        """Read a table; one unreadable row makes the whole table unusable."""
        table = parse_table(data, name, COLUMNS)
        rules: dict[tuple[str, str, bool], FieldRule] = {}
        for row in table.rows:
            rule, published_only = _rule(row, name)
            key = (rule.field_class.value, rule.field, published_only)
            if key in rules:
                raise _bad_row(
                    name, rule.field, "two rows for one field", "one row per class, field and quality"
                )
            rules[key] = rule
        return cls(MappingProxyType(rules), table.version, data)

    def rule(self, field_class: str, field: str, quality: DataQuality | None = None) -> FieldRule:
        """The rule of a field; an unknown one gets `unknown_field`."""
        found = self.rules.get((field_class, field, True)) if quality in PUBLISHED_QUALITY else None
        return found or self.rules.get((field_class, field, False)) or unknown_field(field)


def _rule(row: Mapping[str, str], name: str) -> tuple[FieldRule, bool]:
    field = row["field"]
    if not field or not row["reason"]:
        raise _bad_row(name, field or "without a name", "an empty field or reason", "both filled in")
    if row["quality"] not in ("", "published"):
        raise _bad_row(name, field, "an unknown quality", "`published`, or nothing for any quality")
    try:
        field_class, grade = FieldClass(row["class"]), Grade(row["grade"])
        actions = {role: Action(row[role.value]) for role in Role}
    except ValueError as error:
        raise _bad_row(name, field, str(error), "a class, grade and action of this version") from None
    if field_class is FieldClass.UNKNOWN:
        raise _bad_row(name, field, "the class `unknown`", "a class; what has none stays out of the table")
    return FieldRule(field_class, field, grade, MappingProxyType(actions), row["reason"]), bool(
        row["quality"]
    )


def _bad_row(name: str, field: str, found: str, expected: str) -> Malformed:
    return Malformed(
        "grading-table-row",
        found=found,
        expected=expected,
        remedy="Correct the row of the grading table; nothing of the table is used until it reads well.",
        where=f"{name}, field {field}",
    )
