"""Laws that hold for every installation: scaling, order, what an explanation says, splitting a stream."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_ledgers import ledger_text, read

from carbonport.errors import Malformed
from carbonport.footprint.calculation import GoodResult, calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.evaluate import Values, declared_values, evaluate, evaluate_outputs, source_values
from carbonport.footprint.explain import explain, explanation_lines, recompute
from carbonport.footprint.graph import Constant
from carbonport.footprint.intake.yaml_ledger import read_yaml_ledger
from carbonport.footprint.ledger import Ledger

EXAMPLE = read_yaml_ledger(Path(str(files("carbonport") / "examples" / "steelworks.yaml")), Catalogue.load())
CALCULATION = calculate(EXAMPLE)
GRAPH = CALCULATION.goods[0].graph
EXTENSIVE = frozenset({"t", "MWh", "TJ", "tCO2e", "1000Nm3"})
"""Units of amounts: scaling an installation scales these."""


def scaled(ledger: Ledger, factor: Decimal) -> Values:
    return {
        path: record.value * factor if record.unit in EXTENSIVE else record.value
        for path, record in ledger.records.items()
    }


amounts = st.decimals("0.001", "9999999", places=3)
contents = st.decimals("0.001", "0.999", places=9)
sides = st.sampled_from(["input", "output"])
streams = st.lists(st.tuples(amounts, contents, sides), min_size=1, max_size=6)


def small(items: list[tuple[Decimal, Decimal, str]]) -> Ledger:
    return read(
        ledger_text(
            streams=tuple(
                f"{{id: s{number}, method: mass-balance, process: p1, direction: {side},"
                f" activity_data: {amount} t, carbon_content: {content} tC/t}}"
                for number, (amount, content, side) in enumerate(items)
            )
        )
    )


@given(st.decimals("0.01", "1000", places=2))
@settings(max_examples=25, deadline=None)
def test_scaling_all_amounts_scales_emissions_and_keeps_see(factor: Decimal) -> None:
    before, after = (
        evaluate_outputs(GRAPH, source_values(EXAMPLE)),
        evaluate_outputs(GRAPH, scaled(EXAMPLE, factor)),
    )
    for name in ("see_direct", "see_indirect", "see_total", "default_share"):
        assert after[name] == before[name]
    for name in ("attributed_direct", "attributed_indirect"):
        assert after[name] == before[name] * Fraction(factor)


@given(streams, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_entries_changes_neither_results_nor_graphs(
    items: list[tuple[Decimal, Decimal, str]], random: Random
) -> None:
    ledger = small(items)
    mixed = list(ledger.streams)
    random.shuffle(mixed)
    again = calculate(replace(ledger, streams=tuple(mixed)))
    first = calculate(ledger)
    assert again.goods[0].source == first.goods[0].source
    assert again.goods[0].graph.digest == first.goods[0].graph.digest
    assert again.installation.graph.digest == first.installation.graph.digest


@given(streams)
@settings(max_examples=25, deadline=None)
def test_direct_emissions_are_the_carbon_balance_floored(items: list[tuple[Decimal, Decimal, str]]) -> None:
    balance = sum(
        (Fraction(a) * Fraction(c) * (1 if side == "input" else -1) for a, c, side in items), Fraction(0)
    )
    expected = max(Fraction(0), balance * Fraction("3.664"))
    assert calculate(small(items)).goods[0].source["attributed_direct"] == expected


@given(amounts, contents, st.decimals("0.1", "0.9", places=1))
@settings(max_examples=25, deadline=None)
def test_splitting_a_stream_changes_nothing(amount: Decimal, content: Decimal, part: Decimal) -> None:
    whole = calculate(small([(amount, content, "input")])).goods[0].source
    split = (
        calculate(small([(amount * part, content, "input"), (amount - amount * part, content, "input")]))
        .goods[0]
        .source
    )
    assert whole == split


@pytest.mark.parametrize("good", CALCULATION.goods, ids=lambda good: good.cn)
@pytest.mark.parametrize(
    "values", [source_values(EXAMPLE), declared_values(EXAMPLE)], ids=["source", "declared"]
)
def test_every_explanation_evaluates_to_itself(good: GoodResult, values: Values) -> None:
    assert recompute(explain(good.graph, EXAMPLE, values)) == evaluate(good.graph, values)


def test_the_installations_explanation_evaluates_to_itself() -> None:
    graph, values = CALCULATION.installation.graph, source_values(EXAMPLE)
    assert recompute(explain(graph, EXAMPLE, values)) == evaluate(graph, values)


def test_an_explanation_that_was_changed_does_not() -> None:
    explanation = cast(Any, explain(GRAPH, EXAMPLE, source_values(EXAMPLE)))
    total = next(node for node in explanation["nodes"] if node["id"] == "process/steel/streams")
    total["exact"] = "8849155"
    with pytest.raises(Malformed) as caught:
        recompute(explanation)
    assert caught.value.id == "explanation-disagrees"


def test_the_text_names_every_source_and_equation_below_a_result() -> None:
    text = "\n".join(explanation_lines(GRAPH, EXAMPLE, source_values(EXAMPLE), "see_direct_rounded"))
    part = GRAPH.ancestors("see_direct_rounded")
    for node in part:
        assert node.label in text
        assert node.equation in text
        if isinstance(node, Constant):
            assert node.source in text
    for node in part.inputs():
        assert EXAMPLE.records[node.path].source.location in text
    assert "1.79766 tCO2e/t" in text
    assert "2186473.915 × 0.876249532 × 3.664" in text


def test_a_graph_holds_no_value_of_an_input() -> None:
    written = str(GRAPH.canonical())
    for record in EXAMPLE.records.values():
        if len(record.value.as_tuple().digits) > 4:
            assert str(record.source_value) not in written


def test_a_graph_keeps_only_what_its_results_need() -> None:
    needed = {node.id for name in GRAPH.outputs for node in GRAPH.ancestors(name)}
    assert {node.id for node in GRAPH} == needed


def test_a_missing_value_is_an_error() -> None:
    values = dict(source_values(EXAMPLE))
    del values["stream/coke/activity_data"]
    with pytest.raises(Malformed) as caught:
        evaluate(GRAPH, values)
    assert caught.value.id == "evaluate-missing-value"
    values["stream/coke/activity_data"] = Decimal("NaN")
    with pytest.raises(Malformed):
        evaluate(GRAPH, values)
