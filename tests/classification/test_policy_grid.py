"""Cedar against an oracle of its own: the whole grid of requests, and refusal of whatever is broken."""

from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest

from carbonport.classification.field_classes import Action, FieldClass, GradingTable
from carbonport.classification.forms import Form, Pool, Purpose, Role
from carbonport.classification.grades import Grade
from carbonport.classification.policy import NO_POLICY_REASON, POLICY_ERROR_REASON, Policy, Question
from carbonport.errors import Malformed, Misuse

# The oracle is written from the default grades of reference/grading.md, by hand and in another shape than the policy:
# per role a text of `class: grades letters`, where F is free, P commitment, proof or aggregate, A the value or a band
# after approval, B a band, Z a proof only, O an opening to a releaser after consent, M a model update after approval,
# of ten rows or more among five or more.
DELIVERY = "identity product result factor process precursor customs certificate"
RULES = {
    (Role.DECLARANT, Purpose.CBAM_DECLARATION): {
        **{name: {"g1": "F", "g2": "F"} for name in DELIVERY.split()},
        "factor": {"g1": "F", "g2": "F", "g3": "P", "g4": "P"},
        "process": {"g1": "F", "g2": "F", "g3": "PB"},
        "precursor": {"g1": "F", "g2": "F", "g3": "P", "g4": "P"},
        "result-total": {"g2": "P", "g3": "P", "g4": "P"},
        "production": {"g2": "P", "g3": "P", "g4": "P"},
        "energy": {"g2": "P", "g3": "P", "g4": "P"},
        "carbon-price": {"g2": "PA", "g3": "P", "g4": "P"},
        "personal": {"g3": "A"},
        "load": {"important": "Z"},
    },
    (Role.VERIFIER, Purpose.VERIFICATION): {
        **{name: {"g1": "F", "g2": "F"} for name in DELIVERY.split()},
        **{
            name: {"g1": "F", "g2": "F", "g3": "PA", "g4": "PA"}
            for name in ("factor", "process", "precursor")
        },
        **{
            name: {"g2": "PA", "g3": "PA", "g4": "PA"}
            for name in ("result-total", "production", "energy", "carbon-price")
        },
        "verification": {"g2": "A", "g3": "A", "g4": "A"},
        "personal": {"g3": "A"},
        "load": {"important": "Z"},
    },
    (Role.REGULATOR, Purpose.SUPERVISION): {
        **{name: {"g1": "F", "g2": "F"} for name in DELIVERY.split()},
        "result-total": {"g3": "P", "g4": "P"},
    },
    (Role.REGULATOR, Purpose.BENCHMARKING): {
        name: {"g3": "O", "g4": "O"} for name in ("result-total", "production", "energy", "process")
    },
    (Role.REGISTRY, Purpose.REGISTRY_FILING): {
        **{name: {"g1": "F", "g2": "F"} for name in DELIVERY.split()},
        "location": {"g2": "A", "g3": "A", "g4": "A"},
        "result-total": {"g2": "A", "g3": "A", "g4": "A"},
    },
    (Role.COORDINATOR, Purpose.BENCHMARKING): {
        "certificate": {"g1": "F"},
        **{
            name: {"g2": "P", "g3": "P", "g4": "P"}
            for name in ("result", "result-total", "production", "energy", "process")
        },
    },
    (Role.COORDINATOR, Purpose.TRAINING): {
        "certificate": {"g1": "F"},
        **{
            name: {"g1": "M", "g2": "M", "g3": "M", "g4": "M"}
            for name in [
                "result",
                "result-total",
                "production",
                "energy",
                "process",
                "factor",
                "precursor",
                "product",
            ]
        },
    },
}
POOL = Pool(5, 10)
SHOWN = {"raw", "banded"}
SEALED = {"commitment", "proof", "aggregate"}


def oracle(question: Question) -> bool:
    letters = (
        RULES.get((question.role, question.purpose), {}).get(question.field_class, {}).get(question.grade, "")
    )
    allowed = {"F": SHOWN | SEALED, "P": SEALED, "B": {"banded"}, "Z": {"proof"}}
    forms = set[str]().union(*(allowed.get(letter, set()) for letter in letters))
    if "A" in letters and question.approval:
        forms |= SHOWN
    if "O" in letters and question.approval:
        forms |= {"opening"}
    if "M" in letters and question.approval and question.pool in (POOL, Pool(40, 360)):
        forms |= {"model_update"}
    if question.role is Role.REGULATOR and question.cross_border and not question.approval:
        forms -= SHOWN
    return str(question.form) in forms


def grid() -> list[Question]:
    axes = (Role, Purpose, Form, FieldClass, Grade, (True, False), (None, "A-1"))
    return [*(Question(*point) for point in product(*axes)), *_model_updates()]


def _model_updates() -> list[Question]:
    rest = ((Form.MODEL_UPDATE,), FieldClass, Grade, (True, False), (None, "A-1"))
    pools = (Pool(40, 360), Pool(4, 360), Pool(40, 9), Pool(0, 0))
    training = (Purpose.TRAINING,)
    return [
        *(Question(*point) for point in product((Role.COORDINATOR,), Purpose, *rest, (POOL,))),
        *(Question(*point) for point in product((Role.COORDINATOR,), training, *rest, pools)),
        *(Question(*point) for point in product(set(Role) - {Role.COORDINATOR}, training, *rest, (POOL,))),
    ]


def test_cedar_and_the_oracle_agree_on_the_whole_grid() -> None:
    questions = grid()
    rulings = Policy.load().rule_all(questions)
    wrong = [q for q, ruling in zip(questions, rulings, strict=True) if ruling.allowed != oracle(q)]
    assert wrong == []
    assert all(ruling.reason and ruling.reason != POLICY_ERROR_REASON for ruling in rulings)
    assert 1000 < sum(ruling.allowed for ruling in rulings) < len(questions) // 10


def test_a_remembered_ruling_is_the_ruling() -> None:
    policy = Policy.load()
    questions = grid()[::397]
    assert [policy.rule(question) for question in questions] == policy.rule_all(questions)
    assert [policy.rule(question) for question in questions] == policy.rule_all(questions)


def test_table_and_policy_say_the_same_of_every_field_in_the_table() -> None:
    """Both locks have to open; where they disagree one of them has been changed without the other."""
    policy = Policy.load()
    purposes = {Role.DECLARANT: Purpose.CBAM_DECLARATION, Role.VERIFIER: Purpose.VERIFICATION}
    purposes |= {Role.REGULATOR: Purpose.SUPERVISION, Role.REGISTRY: Purpose.REGISTRY_FILING}
    for rule, role, form, approval in product(policy.table.rules.values(), Role, Form, (None, "A-1")):
        purpose = purposes.get(role, Purpose.TRAINING if form is Form.MODEL_UPDATE else Purpose.BENCHMARKING)
        if form is Form.OPENING:
            purpose = Purpose.BENCHMARKING
        question = Question(role, purpose, form, rule.field_class, rule.grade, False, approval, POOL)
        table = rule.permits(role, form, approved=approval is not None)
        if rule.actions[role] is not Action.NEVER:
            assert policy.rule(question).allowed == table, (rule, question)
        assert not table or policy.rule(question).allowed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("permit (principal, action, resource) when {", "does not parse"),
        (
            '@id("x") @reason("y") permit (principal, action, resource) when { resource.klass == 1 };',
            "attribute",
        ),
        (
            '@id("x") @reason("y") permit (principal, action, resource) when '
            '{ resource.class == Class::"produktion" };',
            "enumeration",
        ),
        (
            '@id("x") @reason("y") permit (principal, action, resource) when { context.approval == "A-1" };',
            "optional attribute without `has`",
        ),
        ("permit (principal, action, resource);", "no id"),
        ('@id("x") permit (principal, action, resource);', "no reason"),
        (
            '@id("x") @reason("y") permit (principal, action, resource);'
            '@id("x") @reason("z") forbid (principal, action, resource);',
            "one id twice",
        ),
        ('@id("x") @reason("y") permit (principal == ?principal, action, resource);', "template"),
        ("\x00", "not a policy"),
    ],
)
def test_a_broken_policy_file_opens_nothing(text: str, why: str) -> None:
    with pytest.raises(Malformed) as caught:
        Policy(text.encode(), _schema(), GradingTable.load())
    assert caught.value.id == "policy-malformed", why


@pytest.mark.parametrize("schema", [b"", b"entity Role;", b"\xff\xfe", b"entity Role enum [];"])
def test_a_broken_schema_opens_nothing(schema: bytes) -> None:
    with pytest.raises(Malformed):
        Policy(_policy(), schema, GradingTable.load())


def test_a_missing_policy_file_is_a_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misuse):
        Policy.load(tmp_path / "absent.cedar")


def test_an_empty_policy_refuses_everything() -> None:
    policy = Policy(b"// nobody may do anything\n", _schema(), GradingTable.load())
    assert not any(ruling.allowed for ruling in policy.rule_all(grid()[::97]))


def test_an_error_in_a_forbid_does_not_open_the_door() -> None:
    """Cedar skips a policy that fails: this one overflows, and Cedar itself says Allow."""
    text = (
        '@id("all") @reason("all") permit (principal, action, resource);'
        '@id("no") @reason("no") forbid (principal, action, resource)'
        " when { 9223372036854775807 + 1 > 0 };"
    )
    policy = Policy(text.encode(), _schema(), GradingTable.load())
    ruling = policy.rule(_question())
    assert not ruling.allowed
    assert ruling.reason == POLICY_ERROR_REASON


def test_words_that_the_schema_lacks_are_refused() -> None:
    policy = Policy.load()
    for change in ("role", "purpose", "form", "field_class", "grade"):
        question = _question()
        object.__setattr__(question, change, "nobody")
        assert policy.rule(question).reason == POLICY_ERROR_REASON


def test_a_refusal_without_a_policy_says_so() -> None:
    question = Question(
        Role.DECLARANT, Purpose.TRAINING, Form.RAW, FieldClass.IDENTITY, Grade.G1, cross_border=True
    )
    assert Policy.load().rule(question).reason == NO_POLICY_REASON


def test_the_hash_covers_policy_schema_and_table() -> None:
    table = GradingTable.load()
    changed = GradingTable.from_bytes(table.data + b"\n", "changed.csv")
    hashes = {
        Policy.load().hash,
        Policy(_policy() + b"\n", _schema(), table).hash,
        Policy(_policy(), _schema() + b"\n", table).hash,
        Policy(_policy(), _schema(), changed).hash,
    }
    assert len(hashes) == 4
    assert Policy.load().hash == Policy(_policy(), _schema(), table).hash


def _question() -> Question:
    return Question(
        Role.DECLARANT, Purpose.CBAM_DECLARATION, Form.RAW, FieldClass.IDENTITY, Grade.G1, cross_border=True
    )


def _policy() -> bytes:
    return _data("policy.cedar")


def _schema() -> bytes:
    return _data("policy.cedarschema")


def _data(name: str) -> bytes:
    return files("carbonport.classification.data").joinpath(name).read_bytes()
