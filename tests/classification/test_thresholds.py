"""The gate and threshold claims: decided before the result is looked at, one value a buyer, told as an interval."""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from classified_plant import (
    CN,
    NOW,
    VERIFIER,
    Plant,
    approval_for,
    asked,
    graded_with_results,
    policy,
)

from carbonport.classification.egress import Approval, EgressRefused, EgressRequest, Recipient, Subject
from carbonport.classification.field_classes import GradingTable
from carbonport.classification.forms import Form
from carbonport.classification.gate import ABOVE_THRESHOLD, FORM_OF_THRESHOLD, Gate
from carbonport.classification.graded_ledger import graded_ledger
from carbonport.classification.policy import Policy
from carbonport.classification.results import Results, calculation_results
from carbonport.classification.thresholds import CLAIM_ITEMS, Threshold
from carbonport.footprint.calculation import calculate
from carbonport.footprint.obligation.published_values import PublishedTable, PublishedValue

GOOD = Subject("steel", CN)
STEP = Decimal("0.00001")


def emissions() -> Decimal:
    good = calculate(Plant().ledger()).goods[0]
    return Decimal(good.attested("see_direct"))


def threshold(value: Decimal, version: str = "2026") -> Threshold:
    return Threshold(
        PublishedValue(PublishedTable.DEFAULT_VALUES, version, "row CN 7208", format(value, "f"))
    )


def claim(bound: Threshold, **changes: object) -> EgressRequest:
    request = replace(asked(*CLAIM_ITEMS, form=Form.BANDED, subject=GOOD), threshold=bound)
    return replace(request, **changes)  # type: ignore[arg-type]


def gate(
    admitted: Sequence[str] = (),
    *,
    approvals: Sequence[Approval] = (),
    results: Results | None = None,
    over: Policy | None = None,
) -> Gate:
    rules = over or policy()
    if results is not None:
        graded, found = results.graded, results
    elif over is None:
        graded, found = graded_with_results(Plant().ledger())
    else:
        graded = graded_ledger(Plant().ledger(), over.table)
        found = calculation_results(graded, calculate(Plant().ledger()))
    counter = iter(range(1, 1 << 30))
    return Gate(
        rules,
        graded.with_certificate("verification_opinion", "satisfactory", "statement"),
        found,
        home="CN",
        clock=lambda: NOW,
        random_bytes=lambda count: next(counter).to_bytes(count, "big"),
        approvals=lambda reference: [one for one in approvals if one.reference == reference],
        admitted=lambda _: admitted,
    )


def refusal(opened: Gate, request: EgressRequest) -> EgressRefused:
    with pytest.raises(EgressRefused) as caught:
        opened.release(request)
    assert not caught.value.decision.allowed
    assert str(emissions()) not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("steps", [0, 1, 12345])
def test_a_bound_that_holds_is_told_as_an_interval_and_nothing_else_is(steps: int) -> None:
    bound = threshold(emissions() + steps * STEP)
    disclosure = gate().release(claim(bound))
    items = json.loads(disclosure.payload)["items"]
    assert items == {
        "country": "CN",
        "cn": CN,
        "period": {"start": "2026-01-01", "end": "2026-12-31"},
        "verification_opinion": "satisfactory",
        "see_direct": {
            "at_most": bound.value.value,
            "table": "default-values",
            "version": "2026",
            "row": "row CN 7208",
        },
    }
    assert disclosure.form is Form.BANDED
    forms = {item.name: item.form for item in disclosure.items}
    assert forms == {**dict.fromkeys(CLAIM_ITEMS, Form.RAW), "see_direct": Form.BANDED}


@pytest.mark.parametrize("steps", [1, 100])
def test_a_bound_below_the_result_is_refused_like_everything_else(steps: int) -> None:
    above = refusal(gate(), claim(threshold(emissions() - steps * STEP)))
    assert above.decision.reason == ABOVE_THRESHOLD
    asked_before = refusal(gate(["benchmarks/2025/row"]), claim(threshold(emissions())))
    assert above.id == asked_before.id == "egress-refused"
    assert [item.name for item in above.decision.items] == list(CLAIM_ITEMS)
    assert [item.name for item in asked_before.decision.items] == list(CLAIM_ITEMS)
    assert not any(item.allowed for one in (above, asked_before) for item in one.decision.items)


def test_what_was_admitted_before_is_the_only_value_there_is() -> None:
    bound = threshold(emissions())
    again = gate([bound.value.place])
    disclosure = again.release(claim(bound))
    assert again.decide(claim(bound), disclosure).allowed
    refusal(again, claim(threshold(emissions(), "2027")))
    other = gate(["default-values/2027/row CN 7208"])
    with pytest.raises(EgressRefused):
        other.decide(claim(bound), disclosure)


class Untouchable(Fraction):
    """A result that nobody may compute with."""

    def __mul__(self, other: object) -> Fraction:  # type: ignore[override]
        raise AssertionError("the result was looked at")


def test_the_decision_is_made_before_the_result_is_looked_at() -> None:
    _, results = graded_with_results(Plant().ledger())
    key = ("steel", CN)
    outputs = dict(results.goods[key].outputs)
    outputs["see_direct_rounded"] = replace(outputs["see_direct_rounded"], value=Untouchable(1))
    watched = replace(results, goods={key: replace(results.goods[key], outputs=outputs)})
    bound = threshold(emissions())
    assert gate(results=watched).assess(claim(bound)).allowed
    assert not gate(["another"], results=watched).assess(claim(bound)).allowed
    assert refusal(gate(["another"], results=watched), claim(bound)).decision.reason.startswith(
        "This recipient"
    )
    looked = refusal(gate(results=watched), claim(bound)).decision.reason
    assert looked == "It could not be composed: AssertionError."


@pytest.mark.parametrize(
    "changes",
    [
        {"form": Form.RAW},
        {"form": Form.PROOF},
        {"items": (*CLAIM_ITEMS, "see_indirect")},
        {"items": CLAIM_ITEMS[:-1]},
        {"items": (*CLAIM_ITEMS[:-1], "activity_level")},
        {"recipient": Recipient("DE/5299000IMPORTER00001", VERIFIER.role, "DE")},
    ],
)
def test_a_claim_of_another_shape_is_refused(changes: dict[str, object]) -> None:
    refused = refusal(gate(), claim(threshold(emissions()), **changes))
    if "form" in changes:
        assert refused.decision.reason == FORM_OF_THRESHOLD


def test_no_other_result_can_be_bounded() -> None:
    bound = replace(threshold(Decimal(9)), item="activity_level")
    refusal(gate(), claim(bound, items=(*CLAIM_ITEMS[:-1], "activity_level")))
    refusal(gate(), claim(bound))


def test_the_grading_table_closes_intervals_too() -> None:
    def graded(action: str) -> Policy:
        row = b"result,see_direct,,g2,free,"
        table = policy().table.data
        assert row in table
        return Policy.load(
            table=GradingTable.from_bytes(table.replace(row, row.replace(b"free", action.encode())), "t")
        )

    bound = threshold(emissions())
    refusal(gate(over=graded("never")), claim(bound))
    banded = gate(over=graded("banded"))
    assert banded.release(claim(bound)).items[-1].form is Form.BANDED
    refusal(banded, asked("see_direct"))


def test_a_gate_without_a_memory_admits_no_claim() -> None:
    graded, results = graded_with_results(Plant().ledger())
    forgetful = Gate(
        policy(),
        graded.with_certificate("verification_opinion", "satisfactory", "statement"),
        results,
        home="CN",
        clock=lambda: NOW,
        random_bytes=bytes,
    )
    assert not forgetful.assess(claim(threshold(emissions()))).allowed


def test_an_approval_has_to_be_for_the_banded_form() -> None:
    request = claim(threshold(emissions()), approval="ref")
    for form, allowed in ((Form.BANDED, True), (Form.RAW, False)):
        held = gate(approvals=[approval_for(request, form=form)])
        assert held.assess(request).allowed is allowed
