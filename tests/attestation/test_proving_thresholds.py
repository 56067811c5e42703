"""That a rounded result is at most a published value, shown without the result: exactly, and bound to the value."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, reject, settings
from proving_cases import (
    Case,
    case_of,
    constant,
    mutated_everywhere,
    number,
    rounded_graph,
    steel,
)
from test_proving_laws import ALLOWED, DECIMALS, random_graphs, true_for
from test_proving_results import GRAPHS, per_tonne, summed
from test_proving_second_verifier import plain, product_says

from carbonport.errors import CarbonportError, FailedVerification, Malformed, Refused
from carbonport.footprint.evaluate import evaluate
from carbonport.footprint.exact_decimal import round_half_up
from carbonport.footprint.graph import Graph, Quotient, Round

TABLE = "default-values/2026-1740/CN 72083900"


def threshold(case: Case, units: int = 0, **changes: object) -> Case:
    """The claim that the case's result is at most itself and so many units of its last decimal more."""
    stated = Decimal(case.claim.results["see_direct"])
    value = stated + units * Decimal(1).scaleb(int(stated.as_tuple().exponent))
    results = {"see_direct": format(value, "f")}
    return replace(case, claim=replace(case.claim, results=results, threshold=TABLE, **changes))  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None)
@given(random_graphs())
def test_the_obligations_hold_for_every_bound_that_is_not_below_the_result_and_no_other(
    drawn: tuple[Graph, dict[str, str], set[str]],
) -> None:
    graph, values, opened = drawn
    decimals = {path: Decimal(value) for path, value in values.items()}
    try:
        numbers = evaluate(graph, decimals)
    except Malformed:
        numbers = {}
    try:
        if not numbers:
            assert not any(true_for(graph, values, opened, bound, at_most=True) for bound in (0, 1, 10**6))
            return
        exact = numbers[next(node.of for node in graph if node.id == "result" and isinstance(node, Round))]
        divisors = [numbers[node.denominator] for node in graph if isinstance(node, Quotient)]
        result = int(Decimal(round_half_up(exact, DECIMALS)).scaleb(DECIMALS))
        for bound in {0, 7, max(result - 1, 0)}:
            if bound < result:
                assert not true_for(graph, values, opened, bound, at_most=True)
        if all(divisor > 0 for divisor in divisors):
            for bound in {max(result, 0), max(result, 0) + 1, max(result, 0) + 10**6}:
                assert true_for(graph, values, opened, bound, at_most=True)
    except Refused as error:
        if error.id not in ALLOWED:
            raise


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_every_kind_of_node_is_bounded_and_one_unit_below_is_refused(name: str) -> None:
    graph, values = GRAPHS[name]
    case = case_of(graph, values, open_paths=["b"])
    exact = threshold(case)
    proof = exact.prove()
    exact.verify(proof)
    if Decimal(case.claim.results["see_direct"]):
        below = threshold(case, -1)
        with pytest.raises(Refused, match="proof-not-true"):
            below.prove()
        with pytest.raises(FailedVerification):
            below.verify(proof)


def test_both_verifiers_accept_the_example_and_its_other_bounds() -> None:
    for units in (0, 50_000):
        case = threshold(steel("see_direct"), units)
        proof = case.prove()
        case.verify(proof)
        assert plain(case, proof)
        assert not plain(threshold(case, 1), proof)


@settings(max_examples=10, deadline=None)
@given(random_graphs())
def test_both_verifiers_agree_on_random_graphs(drawn: tuple[Graph, dict[str, str], set[str]]) -> None:
    graph, values, opened = drawn
    try:
        case = threshold(case_of(graph, values, open_paths=opened), 3)
        proof = case.prove()
    except CarbonportError:
        reject()
    assert product_says(case, proof)
    assert plain(case, proof)
    other = threshold(case, 1)
    assert product_says(other, proof) == plain(other, proof)


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": TABLE.replace("1740", "1741")},
        {"threshold": ""},
        {"importer": "EU/529900OTHERIMPO0010"},
        {"purpose": "benchmarking"},
        {"period": "2025-01-01/2025-12-31"},
        {"cn": "72142000"},
        {"statement_digest": "5e" * 32},
    ],
)
def test_a_bound_is_tied_to_its_table_and_to_whom_it_was_made_for(changes: dict[str, str]) -> None:
    case = threshold(steel("see_direct"), 7)
    proof = case.prove()
    with pytest.raises((FailedVerification, Malformed)):
        case.verify(proof, **changes)
    assert not plain(case, proof, **changes)


def test_a_stated_result_is_no_bound_and_a_bound_no_result() -> None:
    case = case_of(*GRAPHS["linear"])
    bound = threshold(case)
    with pytest.raises((FailedVerification, Malformed)):
        bound.verify(case.prove())
    with pytest.raises((FailedVerification, Malformed)):
        case.verify(bound.prove())


def test_no_changed_byte_of_a_bound_is_accepted() -> None:
    case = threshold(case_of(*GRAPHS["product"]), 2)
    proof = case.prove()
    for changed in mutated_everywhere(proof, step=11):
        assert not product_says(case, changed)


@pytest.mark.parametrize(
    ("value", "bound", "true"), [("0.0000149", 1, True), ("0.000015", 1, False), ("0.000015", 2, True)]
)
def test_a_tie_counts_as_rounded_up(value: str, bound: int, true: bool) -> None:
    case = case_of(rounded_graph([number("x", 9)], "x"), {"x": value})
    results = {"see_direct": format(Decimal(bound).scaleb(-5), "f")}
    claimed = replace(case, claim=replace(case.claim, results=results, threshold=TABLE))
    if true:
        claimed.verify(claimed.prove())
    else:
        with pytest.raises(Refused, match="proof-not-true"):
            claimed.prove()


def test_a_divisor_that_is_not_positive_bounds_nothing() -> None:
    """(x*d + y)/d with d = a - b < 0: the numerator is >= 0 only where d is, and the bound must not hide that."""
    difference = summed("al", (1, "a"), (-1, "b"))
    graph = rounded_graph([number("a"), number("b"), number("y"), difference, per_tonne("y")], "see")
    for values in ({"a": "1", "b": "3", "y": "5"}, {"a": "3", "b": "3", "y": "0"}):
        with pytest.raises(Refused, match="proof-not-true"):
            threshold(case_of(graph, values, result="1.00000"), 10).prove()


def test_a_public_result_is_bounded_without_a_proof() -> None:
    graph = Graph((constant("none", "0.5"),), {"see_direct_rounded": "none"})
    case = replace(case_of(rounded_graph([number("a")], "a"), {"a": "1"}), graph=graph)
    claim = replace(case.claim, graph_digest=graph.digest.hex(), threshold=TABLE)
    holding = replace(case, claim=replace(claim, results={"see_direct": "0.50000"}))
    holding.verify(holding.prove())
    with pytest.raises(FailedVerification, match="proof-false-result"):
        holding.verify(holding.prove(), results={"see_direct": "0.49999"})
