"""The gate: what it lets out, what it refuses, and that it refuses whenever something is not as it has to be."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from classified_plant import (
    CN,
    IMPORTER,
    NOW,
    SUBJECT,
    VERIFIER,
    Plant,
    approval_for,
    asked,
    fact,
    gate_over,
    graded_with_results,
    policy,
    with_exchange,
)

from carbonport.classification.egress import Approval, EgressRefused, EgressRequest, Recipient, Subject
from carbonport.classification.field_classes import FieldClass, GradingTable
from carbonport.classification.forms import Form, Pool, Purpose, Role
from carbonport.classification.gate import MAX_PAYLOAD_BYTES, Gate
from carbonport.classification.graded_ledger import graded_ledger
from carbonport.classification.grades import Grade
from carbonport.classification.item_decisions import MAX_ITEMS
from carbonport.crypto.canonical import Json, canonical_bytes
from carbonport.errors import Misuse, Refused, Unavailable

NEVER_TO_AN_IMPORTER = (
    "activity_level",
    "electricity",
    "installation_direct_emissions",
    "installation_direct_emissions_rounded",
    "installation_indirect_emissions",
    "installation_biomass_emissions",
    "attributed_direct",
    "attributed_indirect",
    "latitude",
    "longitude",
    "process/steel/activity_level",
    "stream/coke/activity_data",
    "stream/coke/carbon_content",
    "precursor/pig-iron/precursor_amount",
)


def refused(gate: Gate, request: EgressRequest) -> EgressRefused:
    with pytest.raises(EgressRefused) as caught:
        gate.release(request)
    decision = caught.value.decision
    assert not decision.allowed
    assert not any(item.allowed and decision.reason == item.reason for item in decision.items)
    assert len(decision.id) == 32
    assert decision.policy_hash == policy().hash
    assert decision.reason
    assert isinstance(caught.value, Refused)
    assert caught.value.exit_code == 3
    return caught.value


def test_an_importer_gets_the_declaration_and_nothing_else() -> None:
    gate = gate_over(Plant().ledger())
    disclosure = gate.release(asked(*gate.declaration_items(SUBJECT)))
    message = json.loads(disclosure.payload)
    assert canonical_bytes(message) == disclosure.payload
    assert message == {
        "v": 1,
        "purpose": "cbam-declaration",
        "recipient": IMPORTER.id,
        "decision": disclosure.decision_id,
        "items": {
            "operator": "Hebei Yanhai Iron and Steel Co., Ltd.",
            "installation_name": "Yanhai Steelworks",
            "unlocode": "CNTGS",
            "country": "CN",
            "cn": CN,
            "product_name": "Hot-rolled coil",
            "route": ["Basic oxygen steelmaking"],
            "period": {"start": "2026-01-01", "end": "2026-12-31"},
            "see_direct": "1.50521",
            "see_indirect": "0.21118",
            "default_share": "0.00000",
            "precursors": [
                {
                    "cn": "72011019",
                    "country": "UA",
                    "basis": "verified",
                    "see_direct": "1.814263957",
                    "see_indirect": "0.068194325",
                }
            ],
            "consignment": "C-2027-0001",
            "net_mass": "25.500000",
            "verification_opinion": "unqualified, reasonable assurance",
        },
    }


def test_a_disclosure_says_of_every_item_what_crossed_and_why() -> None:
    gate = gate_over(Plant().ledger())
    disclosure = gate.release(asked("see_direct", "operator"))
    assert [item.name for item in disclosure.items] == ["see_direct", "operator"]
    see, operator = disclosure.items
    assert (see.field_class, see.grade, see.form) == (FieldClass.RESULT, Grade.G2, Form.RAW)
    assert (operator.field_class, operator.grade) == (FieldClass.IDENTITY, Grade.G1)
    assert see.decision_id == operator.decision_id == disclosure.decision_id
    assert "Shown otherwise" in see.reason
    assert disclosure.policy_hash == policy().hash
    assert len(disclosure.digest) == 64


@pytest.mark.parametrize("item", NEVER_TO_AN_IMPORTER)
@pytest.mark.parametrize("form", [Form.RAW, Form.BANDED])
def test_plant_data_never_go_to_an_importer_approved_or_not(item: str, form: Form) -> None:
    plain = asked(item, form=form)
    error = refused(gate_over(Plant().ledger()), plain)
    assert error.id == "egress-refused"
    assert error.decision.items[0].name == item
    approved = replace(plain, approval="A-1")
    gate = gate_over(Plant().ledger(), approvals=[approval_for(approved)])
    refused(gate, approved)
    assert not gate.assess(plain, as_if_approved=True).allowed


def test_the_refusal_names_the_policy_and_no_value() -> None:
    error = refused(gate_over(Plant().ledger()), asked("activity_level"))
    assert error.decision.items[0].policies == ("declarant-never-sees-the-plant",)
    assert "4836291" not in str(error) + json.dumps(error.decision.as_json())


def test_one_refused_item_refuses_all() -> None:
    error = refused(gate_over(Plant().ledger()), asked("see_direct", "activity_level"))
    assert [item.allowed for item in error.decision.items] == [True, False]


def test_personal_data_leave_after_exactly_one_approval_that_holds() -> None:
    request = asked("contact_email", approval="A-1")
    refused(gate_over(Plant().ledger()), asked("contact_email"))
    disclosure = gate_over(Plant().ledger(), approvals=[approval_for(request)]).release(request)
    assert json.loads(disclosure.payload)["items"] == {"contact_email": "office@yanhai.example"}
    assert disclosure.approval == "A-1"


@pytest.mark.parametrize(
    "change",
    [
        {"expires": NOW},
        {"expires": 0},
        {"uses": 1},
        {"max_uses": 0},
        {"recipient": "DE/SOMEBODYELSE"},
        {"purpose": Purpose.VERIFICATION},
        {"form": Form.BANDED},
        {"subject": Subject("steel", CN, "C-2027-0002")},
        {"items": frozenset({"operator"})},
        {"items": frozenset[str]()},
    ],
)
def test_an_approval_that_does_not_cover_the_request_refuses_it(change: dict[str, object]) -> None:
    for item in (
        "contact_email",
        "see_direct",
    ):  # even for what needs none: a reference that fails is an error
        request = asked(item, approval="A-1")
        refused(gate_over(Plant().ledger(), approvals=[approval_for(request, **change)]), request)


def test_two_approvals_under_one_reference_are_none() -> None:
    request = asked("contact_email", approval="A-1")
    refused(gate_over(Plant().ledger(), approvals=[approval_for(request)] * 2), request)
    refused(gate_over(Plant().ledger()), request)


def test_a_lookup_that_returns_another_approval_or_fails_refuses() -> None:
    request = asked("contact_email", approval="A-1")

    def another(_reference: str) -> list[Approval]:
        return [approval_for(request, reference="A-2")]

    def failing(_reference: str) -> list[Approval]:
        raise Unavailable("store-busy", found="4836291.472", expected="a store", remedy="Try again.")

    graded, results = graded_with_results(Plant().ledger())
    for lookup in (another, failing):
        gate = Gate(
            policy(), graded, results, home="CN", clock=lambda: NOW, random_bytes=bytes, approvals=lookup
        )
        assert "4836291" not in str(refused(gate, request))


def test_assess_tells_a_case_for_a_person_from_a_lost_one() -> None:
    gate = gate_over(Plant().ledger())
    contact, level = asked("contact_email"), asked("activity_level")
    assert not gate.assess(contact).allowed
    hypothetical = gate.assess(contact, as_if_approved=True)
    assert hypothetical.allowed
    assert hypothetical.approval == "as-if-approved"
    assert not gate.assess(level, as_if_approved=True).allowed
    refused(gate, contact)


def test_a_verifier_off_site_reads_plant_data_after_approval_only() -> None:
    request = asked("activity_level", recipient=VERIFIER, approval="A-1")
    refused(gate_over(Plant().ledger()), replace(request, approval=""))
    disclosure = gate_over(Plant().ledger(), approvals=[approval_for(request)]).release(request)
    assert json.loads(disclosure.payload)["items"] == {
        "activity_level": {"value": "4836291.472", "unit": "t"}
    }


def test_protected_forms_are_decided_here_and_made_elsewhere() -> None:
    gate = gate_over(Plant().ledger())
    request = asked("activity_level", form=Form.COMMITMENT)
    assert gate.assess(request).allowed
    refused(gate, request)


def test_the_regulator_of_another_jurisdiction_needs_an_approval() -> None:
    gate = gate_over(Plant().ledger())
    gate.release(asked("operator", recipient=Recipient("CN/REG", Role.REGULATOR, "CN")))
    refused(gate, asked("operator", recipient=Recipient("DE/REG", Role.REGULATOR, "DE")))


# --- fetches -----------------------------------------------------------------------------------------------------


def test_a_fetch_is_decided_anew_and_names_the_disclosure() -> None:
    gate = gate_over(Plant().ledger())
    request = asked("see_direct", "operator")
    disclosure = gate.release(request)
    decision = gate.decide(request, disclosure)
    assert decision.allowed
    assert decision.disclosure == disclosure.digest
    assert decision.id != disclosure.decision_id
    assert gate_over(Plant().ledger()).decide(request, disclosure).disclosure == disclosure.digest


@pytest.mark.parametrize(
    "change",
    [
        {"recipient": Recipient("DE/5299000IMPORTER00002", Role.DECLARANT, "DE")},
        {"recipient": replace(IMPORTER, role=Role.COORDINATOR)},
        {"purpose": Purpose.TRAINING},
        {"form": Form.BANDED},
        {"subject": Subject("steel", CN, "C-2027-0002")},
        {"items": ("see_direct",)},
        {"items": ("operator", "see_direct")},
        {"approval": "A-1"},
    ],
)
def test_a_fetch_for_another_request_is_refused(change: dict[str, object]) -> None:
    gate = gate_over(Plant().ledger())
    request = asked("see_direct", "operator")
    disclosure = gate.release(request)
    with pytest.raises(EgressRefused):
        gate.decide(replace(request, **change), disclosure)  # type: ignore[arg-type]


def test_a_fetch_needs_the_approval_to_hold_still_and_uses_no_more_of_it() -> None:
    request = asked("contact_email", approval="A-1")
    disclosure = gate_over(Plant().ledger(), approvals=[approval_for(request)]).release(request)
    counted = approval_for(request, uses=1)
    gate_over(Plant().ledger(), approvals=[counted]).decide(request, disclosure)
    for spoilt in ([], [replace(counted, expires=NOW)], [replace(counted, uses=2)]):
        with pytest.raises(EgressRefused):
            gate_over(Plant().ledger(), approvals=spoilt).decide(request, disclosure)


def test_a_fetch_is_judged_by_todays_grades() -> None:
    ledger = Plant().ledger()
    request = asked("operator")
    disclosure = gate_over(ledger).release(request)
    raised, results = graded_with_results(ledger, {"installation/operator": Grade.CORE})
    gate = Gate(policy(), raised, results, home="CN", clock=lambda: NOW, random_bytes=bytes)
    with pytest.raises(EgressRefused):
        gate.decide(request, disclosure)


# --- refused closed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"items": ()},
        {"items": ("see_direct", "see_direct")},
        {"items": tuple(f"item-{n}" for n in range(MAX_ITEMS + 1))},
        {"items": ("no-such-item",)},
        {"items": ("",)},
        {"items": ("\ud800",)},
        {"items": ("x" * 100_000,)},
        {"subject": Subject("steel", "72142000")},
        {"subject": Subject("", "")},
        {"subject": Subject("steel", CN, "C-of-somebody-else"), "items": ("net_mass",)},
        {"recipient": Recipient("", Role.DECLARANT, "DE")},
        {"recipient": Recipient("DE/X", Role.DECLARANT, "")},
        {"recipient": Recipient("DE/ X", Role.DECLARANT, "DE")},
        {"recipient": Recipient("DE/X", "emperor", "DE")},  # type: ignore[arg-type]
        {"purpose": "curiosity"},
        {"purpose": Purpose.VERIFICATION},
        {"form": "whispered"},
        {"form": "raw"},
    ],
)
def test_a_request_with_something_missing_or_unknown_is_refused(change: dict[str, object]) -> None:
    request = replace(asked("see_direct"), **change)  # type: ignore[arg-type]
    error = refused(gate_over(Plant().ledger()), request)
    canonical_bytes(error.decision.as_json())


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "1e999", "-1", "1e20"])
def test_a_figure_that_is_none_is_refused(value: str) -> None:
    path = "precursor/pig-iron/precursor_see_direct"
    graded, results = graded_with_results(Plant().ledger())
    assert isinstance(graded.ledger.records, dict)
    # No intake and no ledger would let it in, and the calculation fails on it; the gate does not rely on that.
    broken = replace(graded.ledger.records[path], value=Decimal(value), source_value=Decimal(value))
    plant = {**graded.plant, path: replace(graded.plant[path], entry=broken)}
    graded = replace(graded, plant=plant, entries=plant)
    results = replace(results, graded=graded)
    gate = Gate(policy(), graded, results, home="CN", clock=lambda: NOW, random_bytes=bytes)
    for item in (path, "precursors"):
        refused(gate, asked(item))


def test_a_missing_fact_or_two_of_one_name_is_refused() -> None:
    missing = Plant()
    del missing.texts["installation/operator"]
    refused(gate_over(missing.ledger()), asked("operator"))
    twice = Plant().ledger(fact("other/operator", "operator", "identity", "Somebody Else"))
    refused(gate_over(twice), asked("operator"))


def test_required_items_are_asked_for_even_when_absent() -> None:
    plant = Plant()
    del plant.texts["installation/country"]
    del plant.texts["installation/unlocode"]
    gate = gate_over(plant.ledger())
    items = gate.declaration_items(SUBJECT)
    assert "country" in items
    assert "unlocode" not in items
    refused(gate, asked(*items))


def test_an_unknown_field_is_refused_to_everyone_in_every_form() -> None:
    gate = gate_over(Plant().ledger(fact("extra/field_a", "field_a", "identity", "x")))
    for role in Role:
        for form in Form:
            request = asked("extra/field_a", recipient=Recipient("CN/X", role, "CN"), form=form)
            assert not gate.assess(request, as_if_approved=True).allowed


def test_a_raised_grade_closes_the_item() -> None:
    for path, item in (("installation/operator", "operator"), ("process/steel/route/1", "route")):
        ledger = Plant().ledger(fact("process/steel/route/1", "route", "product", "Basic oxygen steelmaking"))
        raised, results = graded_with_results(ledger, {path: Grade.G3})
        gate = Gate(policy(), raised, results, home="CN", clock=lambda: NOW, random_bytes=bytes)
        refused(gate, asked(item))


def test_parts_of_different_ledgers_make_no_gate() -> None:
    graded, results = graded_with_results(Plant().ledger())
    other, _ = graded_with_results(Plant().ledger())
    table = GradingTable.from_bytes(policy().table.data + b"\n", "other.csv")
    regraded = graded_ledger(graded.ledger, table)
    again = graded_ledger(graded.ledger, policy().table, raised={"installation/operator": Grade.CORE})
    for parts, home in ((other, "CN"), (regraded, "CN"), (again, "CN"), (graded, "")):
        with pytest.raises(Misuse):
            Gate(policy(), parts, results, home=home, clock=lambda: NOW, random_bytes=bytes)


# --- the signer --------------------------------------------------------------------------------------------------


def test_the_signer_gets_the_gates_claims() -> None:
    seen: list[Mapping[str, Json]] = []

    def seal(claims: Mapping[str, Json]) -> bytes:
        seen.append(claims)
        return b"sealed"

    disclosure = gate_over(Plant().ledger()).release(asked("see_direct"), seal)
    assert disclosure.payload == b"sealed"
    assert seen[0]["items"] == {"see_direct": "1.50521"}


def failing_seal(_claims: Mapping[str, Json]) -> bytes:
    raise ValueError("the key at 4836291.472 is broken")


@pytest.mark.parametrize(
    "seal",
    [failing_seal, lambda _: b"", lambda _: None, lambda _: b"x" * (MAX_PAYLOAD_BYTES + 1)],
)
def test_a_signer_that_fails_leaves_nothing(seal: Callable[[Mapping[str, Json]], bytes]) -> None:
    with pytest.raises(EgressRefused) as caught:
        gate_over(Plant().ledger()).release(asked("see_direct"), seal)
    assert "4836291" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_ledger_with_an_exchange_is_not_the_ledger_without() -> None:
    graded, results = graded_with_results(Plant().ledger())
    gate = Gate(policy(), graded, results, home="CN", clock=lambda: NOW, random_bytes=bytes)
    refused(gate, asked("net_mass"))
    gate = Gate(policy(), with_exchange(graded), results, home="CN", clock=lambda: NOW, random_bytes=bytes)
    gate.release(asked("net_mass"))


def test_a_precursor_known_by_its_category_alone_is_shown_by_it() -> None:
    ledger = Plant().ledger()
    (pig_iron,) = ledger.precursors
    by_category = replace(pig_iron, cn="", category="Pig iron", basis="measured")
    gate = gate_over(replace(ledger, precursors=(by_category,)))
    (shown,) = json.loads(gate.release(asked("precursors")).payload)["items"]["precursors"]
    assert (shown["category"], shown["basis"], shown["country"]) == ("Pig iron", "measured", "UA")
    assert "cn" not in shown


LEARNED = ("route", "see_direct", "activity_level", "stream/coke/activity_data", "stream/coke/carbon_content")
COORDINATOR = Recipient("CN/5299000COORDINATE001", Role.COORDINATOR, "CN")


def training(*items: str, cohort: int = 5, rows: int = 10, approval: str = "T-1") -> EgressRequest:
    request = asked(*items, recipient=COORDINATOR, form=Form.MODEL_UPDATE, approval=approval)
    return replace(request, purpose=Purpose.TRAINING, pool=Pool(cohort, rows))


def test_a_training_takes_a_persons_approval_ten_rows_and_five_exporters() -> None:
    given = replace(approval_for(training(*LEARNED)), reference="T-1")
    gate = gate_over(Plant().ledger(), approvals=[given])
    decision = gate.assess(training(*LEARNED))
    assert decision.allowed
    assert {item.form for item in decision.items} == {Form.MODEL_UPDATE}
    for wrong in (
        training(*LEARNED, cohort=4),
        training(*LEARNED, rows=9),
        training(*LEARNED, approval=""),
        training(*LEARNED, approval="T-2"),
        replace(training(*LEARNED), purpose=Purpose.BENCHMARKING),
        replace(training(*LEARNED), recipient=replace(COORDINATOR, id="CN/5299000SOMEONEELSE1")),
        replace(training(*LEARNED), pool=None),
        training(*LEARNED, "latitude"),
        training(*LEARNED, "contact_email"),
        replace(training(*LEARNED), form=Form.RAW),
        replace(training(*LEARNED), form=Form.RAW, pool=None),
    ):
        assert not gate.assess(wrong).allowed


def test_a_core_or_important_figure_goes_into_no_training() -> None:
    for grade in (Grade.IMPORTANT, Grade.CORE):
        raised = {"stream/coke/activity_data": grade}
        graded, results = graded_with_results(Plant().ledger(), raised)
        gate = Gate(
            policy(), graded, results, home="CN", clock=lambda: NOW, random_bytes=lambda count: b"1" * count,
            approvals=lambda _: [approval_for(training(*LEARNED))],
        )  # fmt: skip
        decision = gate.assess(training("stream/coke/activity_data"), as_if_approved=True)
        assert not decision.allowed
        assert decision.items[0].grade is grade
