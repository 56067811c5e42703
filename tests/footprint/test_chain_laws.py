"""Laws of chains of processes, and bad input: joining and splitting, order, circles, bounds."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_ledgers import COKE, ledger_text, read

from carbonport.errors import CarbonportError, Malformed
from carbonport.footprint import graph_builder
from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.evaluate import evaluate, source_values
from carbonport.footprint.explain import explain, explanation_lines, recompute
from carbonport.footprint.intake.yaml_ledger import parse_yaml_ledger
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.ledger_json import ledger_from_json, ledger_to_json

HEAD = """carbonport: ledger/v1
installation: {name: Test Works, country: CN}
period: {start: 2026-01-01, end: 2026-12-31}
"""

amounts = st.decimals("1", "99999", places=3)


def process(name: str, level: Decimal, direct: Decimal, power: Decimal, category: str = "Crude steel") -> str:
    return (
        f"  - {{id: {name}, name: {name}, category: {category}, activity_level: {level} t,"
        f" electricity: {power} MWh, direct_emissions: {direct} tCO2e}}\n"
    )


def chain(levels: list[tuple[Decimal, Decimal, Decimal]]) -> Ledger:
    """Each process gives all it makes to the next; the last one makes the good."""
    text = HEAD + "processes:\n"
    text += "".join(process(f"p{i}", *each) for i, each in enumerate(levels))
    if len(levels) > 1:
        text += "internal_flows:\n" + "".join(
            f"  - {{from: p{i}, to: p{i + 1}, amount: {level} t}}\n"
            for i, (level, _, _) in enumerate(levels[:-1])
        )
    text += f'goods: [{{cn: "72083900", process: p{len(levels) - 1}}}]\n'
    return read(text)


@given(st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_a_chain_that_gives_everything_on_equals_the_joint_process(
    levels: list[tuple[Decimal, Decimal, Decimal]],
) -> None:
    split = calculate(chain(levels)).goods[0].source
    joint = calculate(
        chain([(levels[-1][0], sum(d for _, d, _ in levels), sum(p for _, _, p in levels))])  # type: ignore[list-item]
    ).goods[0]
    for name in ("see_direct", "see_indirect", "see_total"):
        assert split[name] == joint.source[name]


@given(
    st.lists(st.tuples(amounts, amounts, amounts), min_size=2, max_size=5), st.decimals("0.1", "50", places=1)
)
@settings(max_examples=30, deadline=None)
def test_scaling_a_chain_keeps_its_specific_emissions(
    levels: list[tuple[Decimal, Decimal, Decimal]], factor: Decimal
) -> None:
    first = calculate(chain(levels)).goods[0]
    scaled = calculate(chain([(a * factor, b * factor, c * factor) for a, b, c in levels])).goods[0]
    for name in ("see_direct", "see_indirect", "default_share"):
        assert scaled.source[name] == first.source[name]
    assert scaled.source["attributed_direct"] == first.source["attributed_direct"] * Fraction(factor)


@given(
    st.lists(st.tuples(amounts, amounts, amounts), min_size=2, max_size=5), st.randoms(use_true_random=False)
)
@settings(max_examples=30, deadline=None)
def test_order_does_not_matter_and_explanations_evaluate_to_themselves(
    levels: list[tuple[Decimal, Decimal, Decimal]], random: Random
) -> None:
    ledger = chain(levels)
    processes, flows = list(ledger.processes), list(ledger.flows)
    random.shuffle(processes)
    random.shuffle(flows)
    mixed = replace(ledger, processes=tuple(processes), flows=tuple(flows))
    graph = calculate(ledger).goods[0].graph
    assert calculate(mixed).goods[0].graph.digest == graph.digest
    values = source_values(ledger)
    assert recompute(explain(graph, ledger, values)) == evaluate(graph, values)


@given(amounts, amounts, st.decimals("0.05", "0.95", places=2))
@settings(max_examples=30, deadline=None)
def test_splitting_a_process_in_two_routes_of_one_cn_changes_nothing(
    level: Decimal, direct: Decimal, part: Decimal
) -> None:
    rest = Decimal(1) - part
    text = HEAD + "processes:\n"
    text += process("a", level * part, direct * part, Decimal(10))
    text += process("b", level * rest, direct * rest, Decimal(20))
    text += 'goods: [{cn: "72071111", process: a}, {cn: "72071111", process: b}]\n'
    for good in calculate(read(text)).goods:
        assert good.source["see_direct"] == Fraction(direct) / Fraction(level)


def test_a_precursor_passed_on_equals_the_same_one_bought() -> None:
    inside = calculate(
        chain([(Decimal(50), Decimal(75), Decimal(0)), (Decimal(100), Decimal(30), Decimal(0))])
    )
    text = ledger_text(
        process="activity_level: 100 t, electricity: 0 MWh, direct_emissions: 30 tCO2e",
        streams=(),
        precursors=(
            "{id: bought, cn: '72061000', country: IN, process: p1, basis: verified, evidence: urn:x,"
            " amount: 50 t, see_direct: 1.5 tCO2e/t, see_indirect: 0 tCO2e/t}",
        ),
    )
    bought = calculate(read(text)).goods[0]
    assert inside.goods[0].source["see_direct"] == bought.source["see_direct"]
    assert bought.source["default_share"] == 0


def test_a_ledger_with_everything_comes_back_from_its_json() -> None:
    text = ledger_text(
        process="activity_level: 9 t, electricity: 1 MWh, heat_import: 1 TJ, heat_from: u,"
        " co_products: [{product: hydrogen, amount: 1 t, good: true}]",
        streams=(
            COKE.replace("process: p1, ", "shares: {p1: 1 t, u: 2 t}, "),
            "{id: m, method: measurement, gas: CO2, process: p1, hours: [{flow: 1 1000Nm3/h},"
            " {flow: 1 1000Nm3/h, concentration: 1 g/Nm3, data_share: 90 %}]}",
            "{id: g, method: combustion, process: u, waste_gas: true, activity_data: 1 TJ,"
            " emission_factor: 60 tCO2/TJ}",
        ),
        precursors=(
            "{id: x, category: Pig iron, country: IN, process: p1, basis: verified, evidence: urn:x,"
            " amount: 1 t, see_direct: 1 tCO2e/t}",
        ),
    ).replace('cn: "72083900", process: p1', 'cn: "72083900", process: p1, amount: 3 t')
    ledger = read(
        text + "utilities: [{id: u, kind: boiler, fuel_input: 1 TJ}]\ntotals: {electricity: 2 MWh}\n"
    )
    assert ledger_from_json(ledger_to_json(ledger)) == ledger


def test_a_circle_of_any_length_is_named() -> None:
    ledger = chain([(Decimal(5), Decimal(5), Decimal(5))] * 4)
    back = replace(ledger.flows[0], producer="p3", consumer="p0")
    with pytest.raises(Malformed) as caught:
        calculate(replace(ledger, flows=(*ledger.flows, back)))
    assert caught.value.id == "precursor-cycle"


def test_a_very_long_chain_is_calculated_and_explained() -> None:
    ledger = chain([(Decimal(5), Decimal(5), Decimal(0))] * 1500)
    good = calculate(ledger).goods[0]
    assert good.source["see_direct"] == 1500
    lines = list(explanation_lines(good.graph, ledger, source_values(ledger), "see_direct"))
    assert len(lines) > 1500


def test_a_calculation_beyond_the_bound_stops_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_builder, "MAX_NODES", 50)
    streams = tuple(COKE.replace("id: coke", f"id: coke{n}") for n in range(100))
    with pytest.raises(Malformed) as caught:
        calculate(read(ledger_text(streams=streams)))
    assert caught.value.id == "graph-too-large"


def test_a_million_streams_are_too_large_a_file() -> None:
    line = b"  - {id: s, method: mass-balance, process: p1, activity_data: 1 t, carbon_content: 0.5 tC/t}\n"
    with pytest.raises(Malformed) as caught:
        parse_yaml_ledger(b"streams:\n" + line * 10**6, "million.yaml", Catalogue.load())
    assert caught.value.id == "yaml-malformed"
    assert "bytes" in caught.value.expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1000 t", "NaN t"),
        ("1000 t", "1e400 t"),
        ("1000 t", "Infinity t"),
        ("0.88 tC/t", "0.88 GJ"),
        (", carbon_content: 0.88 tC/t", ""),
        ("2000 t", "0 t"),
        ("72083900", "99999999"),
        ("2026-12-31", "2025-12-31"),
        ("process: p1,", "process: nobody,"),
        ("1000 t", "-1000 t"),
        ("mass-balance", "guess"),
    ],
)
def test_bad_input_is_a_clear_error(old: str, new: str) -> None:
    text = ledger_text()
    assert old in text
    with pytest.raises(CarbonportError) as caught:
        calculate(read(text.replace(old, new, 1)))
    assert caught.value.remedy
