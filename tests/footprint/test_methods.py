"""Methods beyond carbon in streams, each against numbers computed by hand."""

from fractions import Fraction
from math import isqrt

import pytest
from small_ledgers import COKE, ledger_text, read

from carbonport.errors import Malformed
from carbonport.footprint.calculation import GoodResult, calculate
from carbonport.footprint.cbam.installation import installation_graph
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.evaluate import evaluate, evaluate_outputs, source_values
from carbonport.footprint.explain import explain, recompute
from carbonport.footprint.tables.rule_tables import RuleTables


def emissions(stream: str, scope: Scope = Scope.DEFINITIVE, extra: str = "") -> Fraction:
    """Fossil emissions of an installation with one stream."""
    ledger = read(ledger_text(streams=("{id: s1, process: p1, " + stream + "}",)) + extra)
    graph = installation_graph(ledger, scope, RuleTables.load())
    values = source_values(ledger)
    assert recompute(explain(graph, ledger, values)) == evaluate(graph, values)
    return evaluate_outputs(graph, values)["direct_emissions"]


def one(text: str) -> GoodResult:
    return calculate(read(text)).goods[0]


SLOPE = (
    "method: pfc-slope, activity_data: 500000 t, anode_effect_frequency: 2.17 1/cell-day,"
    " anode_effect_duration: 1.23 min"
)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        # The template's own example: 194.8443 t CF4, × 6630, × 0.122 × 11100, / 0.98
        (
            SLOPE + ", slope_factor: 0.146 kgCF4/t/(min/cell-day), c2f6_ratio: 0.122,"
            " collection_efficiency: 98 %",
            Fraction("2.17") * Fraction("1.23") * 73 * (6630 + Fraction("1354.2")) / Fraction("0.98"),
        ),
        # CWPB of Table 2: SEF 0.143, F 0.121
        (
            SLOPE + ", standard_factor: CWPB",
            Fraction("2.17") * Fraction("1.23") * 500 * Fraction("0.143") * (6630 + Fraction("1343.1")),
        ),
        # SWPB of Table 3: OVC 3.65, F 0.252; 30 mV / 95 %
        (
            "method: pfc-overvoltage, activity_data: 1000 t, anode_effect_overvoltage: 30 mV,"
            " current_efficiency: 95 %, standard_factor: SWPB",
            Fraction("3.65") * 30 / 95 * (6630 + Fraction("0.252") * 11100),
        ),
        ("method: clinker, activity_data: 1000 t", Fraction(525)),
        (
            "method: clinker, activity_data: 1000 t, emission_factor: 0.53 tCO2/t, conversion_factor: 99 %",
            Fraction("524.7"),
        ),
        # (900 - 50 + 150) × 0.8 - 100 + 40 - 20 + 30 = 750 t clinker
        (
            "method: clinker, cement_delivered: 900 t, cement_stock_opening: 50 t,"
            " cement_stock_closing: 150 t, clinker_share: 80 %, clinker_supplied: 100 t,"
            " clinker_dispatched: 40 t, clinker_stock_opening: 20 t, clinker_stock_closing: 30 t",
            750 * Fraction("0.525"),
        ),
        ("method: kiln-dust, activity_data: 100 t", Fraction("52.5")),
        ("method: kiln-dust, activity_data: 100 t, emission_factor: 0.4 tCO2/t", Fraction(40)),
        # x = 0.525/1.525, d = 0.5: x d / (1 - x d)
        (
            "method: kiln-dust, activity_data: 100 t, calcination_degree: 50 %",
            100 * (Fraction(525, 1525) / 2) / (1 - Fraction(525, 1525) / 2),
        ),
        # 1.5 g/Nm3 × 8000 h × 100 kNm3/h = 1,200,000 kg
        (
            "method: measurement, gas: CO2, ghg_concentration: 1.5 g/Nm3, operating_hours: 8000 h,"
            " flue_gas_flow: 100 1000Nm3/h, biomass_fraction: 10 %",
            Fraction(1080),
        ),
        # Eq 29: 100 × 0.7905 / 0.95
        (
            "method: measurement, gas: CO2, ghg_concentration: 1 g/Nm3, operating_hours: 1000 h,"
            " air_flow: 100 1000Nm3/h, oxygen_share: 5 %",
            100 * Fraction("0.7905") / Fraction("0.95"),
        ),
        ("method: process, activity_data: 10 t, standard_factor: Gypsum", Fraction("2.558")),
        ("method: process, activity_data: 10 t, standard_factor: Urea (de-NOx)", Fraction("7.328")),
        ("method: process, activity_data: 10 1000Nm3, standard_factor: Flare", Fraction("39.3")),
        ("method: process, activity_data: 10 t, standard_factor: CaO", Fraction("7.85")),
    ],
)
def test_a_stream_emits_what_the_law_says(stream: str, expected: Fraction) -> None:
    assert emissions(stream) == expected


def test_nitrous_oxide_is_rounded_to_kilograms_from_2026_on() -> None:
    stream = (
        "method: measurement, gas: N2O, ghg_concentration: 0.123456 g/Nm3, operating_hours: 1 h,"
        " flue_gas_flow: 1000 1000Nm3/h"
    )
    assert emissions(stream, Scope.TRANSITIONAL) == Fraction("0.123456") * 265
    assert emissions(stream, Scope.DEFINITIVE) == Fraction("0.123") * 265


def test_hours_without_data_get_the_mean_and_two_deviations() -> None:
    hours = (
        "{concentration: 2 g/Nm3, flow: 10 1000Nm3/h}, {concentration: 4 g/Nm3, flow: 10 1000Nm3/h},"
        " {concentration: 9 g/Nm3, flow: 10 1000Nm3/h, data_share: 80 %},"
        " {concentration: 99 g/Nm3, flow: 10 1000Nm3/h, data_share: 79 %}, {flow: 5 1000Nm3/h}"
    )
    # mean 5, variance (9 + 1 + 16) / 2 = 13
    root = Fraction((isqrt(4 * 13 * 10**24) + 1) // 2, 10**12)
    expected = (Fraction(150) + 15 * (5 + 2 * root)) / 1000
    assert emissions(f"method: measurement, gas: CO2, hours: [{hours}]") == expected


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        ("method: measurement, gas: CO2, hours: [{flow: 1 1000Nm3/h}]", "measurement-too-few-hours"),
        ("method: measurement, ghg_concentration: 1 g/Nm3", "stream-unusable"),
        ("method: measurement, gas: CO2, ghg_concentration: 1 g/Nm3", "stream-missing-factor"),
        ("method: pfc-slope, activity_data: 1 t", "stream-missing-factor"),
        (SLOPE + ", standard_factor: CWPB, direction: output", "stream-unusable"),
        ("method: clinker, cement_delivered: 5 t", "stream-missing-factor"),
        ("method: kiln-dust, activity_data: 5 1000Nm3", "unit-does-not-fit"),
    ],
)
def test_a_stream_that_cannot_be_meant_is_named(stream: str, error: str) -> None:
    with pytest.raises(Malformed) as caught:
        emissions(stream)
    assert caught.value.id == error


STATED = "activity_level: 1000 t, electricity: 0 MWh"
BOILER = "utilities:\n  - {id: boiler, kind: boiler, fuel_input: 100 TJ, heat_produced: 80 TJ}\n"
GAS = "{id: gas, method: combustion, process: boiler, activity_data: 100 TJ, emission_factor: 56.1 tCO2/TJ}"


def test_own_heat_has_the_factor_of_its_boiler() -> None:
    process = f"{STATED}, heat_import: 40 TJ, heat_from: boiler"
    good = one(ledger_text(process=process, streams=(COKE, GAS)) + BOILER)
    assert good.source["attributed_direct"] == Fraction("3224.32") + 40 * Fraction("56.1") / Fraction("0.8")
    without = BOILER.replace(", heat_produced: 80 TJ", "")
    good = one(ledger_text(process=process, streams=(COKE, GAS)) + without)
    assert good.source["attributed_direct"] == Fraction("3224.32") + 40 * Fraction("56.1") / Fraction("0.9")


def test_cogeneration_is_split_by_reference_efficiencies() -> None:
    process = "activity_level: 1000 t, electricity: 1000 MWh, electricity_from: chp, heat_import: 10 TJ, heat_from: chp"
    unit = (
        "utilities:\n  - {id: chp, kind: chp, fuel_input: 100 TJ, heat_produced: 50 TJ,"
        " electricity_produced: 5000 MWh, reference: G10/from-2016/steam}\n"
    )
    gas = GAS.replace("process: boiler", "process: chp")
    good = one(ledger_text(process=process, streams=(COKE, gas)) + unit)
    heat, power = Fraction("0.5") / Fraction("0.87"), Fraction("0.18") / Fraction("0.53")
    em, share = Fraction(5610), heat / (heat + power)
    assert good.source["attributed_direct"] == Fraction("3224.32") + 10 * em * share / 50
    assert good.source["attributed_indirect"] == 1000 * em * (1 - share) / 5000
    assert good.rules.electricity.basis == "utility"


def test_a_waste_gas_in_a_utility_counts_as_natural_gas_at_most() -> None:
    process = f"{STATED}, heat_import: 40 TJ, heat_from: boiler"
    rich = GAS.replace("56.1 tCO2/TJ", "260 tCO2/TJ, waste_gas: true")
    poor = GAS.replace("56.1 tCO2/TJ", "44.4 tCO2/TJ, waste_gas: true")
    for gas, factor in ((rich, "56.1"), (poor, "44.4")):
        good = one(ledger_text(process=process, streams=(COKE, gas)) + BOILER)
        assert good.source["attributed_direct"] - Fraction("3224.32") == 40 * Fraction(factor) / Fraction(
            "0.8"
        )
    assert (
        calculate(read(ledger_text(process=process, streams=(rich,)) + BOILER)).installation.source[
            "direct_emissions"
        ]
        == 26000
    )


def test_heat_that_is_not_metered() -> None:
    by_steam = (
        f"{STATED}, heat_steam_mass: 1000 t, heat_steam_enthalpy: 2777.04 kJ/kg,"
        " heat_import_factor: 60 tCO2/TJ"
    )
    assert one(ledger_text(process=by_steam)).source["attributed_direct"] == Fraction("3224.32") + 144
    by_fuel = f"{STATED}, heat_fuel_input: 10 TJ, heat_fuel_factor: 54 tCO2/TJ"
    assert one(ledger_text(process=by_fuel)).source["attributed_direct"] == Fraction("3224.32") + 7 * 60


def test_meters_are_reconciled_and_streams_shared() -> None:
    text = ledger_text(streams=()).replace(
        "processes: [{id: p1, name: Process one, activity_level: 2000 t, electricity: 500 MWh}]",
        "processes: [{id: p1, name: One, activity_level: 2000 t, electricity: 500 MWh},"
        " {id: p2, name: Two, activity_level: 1000 t, electricity: 300 MWh}]\n"
        "totals: {electricity: 880 MWh}\n"
        "streams: [{id: coke, method: mass-balance, activity_data: 1000 t, carbon_content: 0.88 tC/t,"
        " shares: {p1: 700 t, p2: 100 t}}]",
    )
    calculation = calculate(read(text))
    good = calculation.goods[0]
    assert good.source["attributed_indirect"] == 550 * Fraction("0.605")
    assert good.source["attributed_direct"] == Fraction("3224.32") * 7 / 8
    assert calculation.installation.source["direct_emissions"] == Fraction("3224.32")
    assert calculation.installation.source["indirect_emissions"] == 880 * Fraction("0.605")


def test_chemical_products_share_by_amount_of_substance() -> None:
    products = (
        "co_products: [{product: hydrogen, amount: 20.16 t, good: true},"
        " {product: chlorine, amount: 709 t}, {product: sodium_hydroxide, amount: 799.94 t}]"
    )
    process = f"activity_level: 20.16 t, electricity: 4000 MWh, {products}"
    good = one(ledger_text(process=process, cn="28041000"))
    assert good.source["attributed_direct"] == Fraction("3224.32") / 4
    assert good.source["attributed_indirect"] == Fraction(1000) * Fraction("0.605")


@pytest.mark.parametrize(
    ("process", "extra", "error"),
    [
        (
            f"{STATED}, heat_import: 1 TJ, heat_from: u",
            "{id: u, kind: chp, fuel_input: 1 TJ}",
            "utility-missing-figure",
        ),
        (
            f"{STATED}, heat_import: 1 TJ, heat_from: u",
            "{id: u, kind: chp, direct_emissions: 1 tCO2e, heat_produced: 1 TJ, electricity_produced: 1 MWh}",
            "utility-reference",
        ),
        (f"{STATED}, heat_import: 1 TJ, heat_from: nowhere", "", "ledger-inconsistent"),
        (f"{STATED}, co_products: [{{product: gold, amount: 1 t, good: true}}]", "", "co-products-unusable"),
        (f"{STATED}, co_products: [{{product: hydrogen, amount: 1 t}}]", "", "co-products-unusable"),
    ],
)
def test_attribution_that_cannot_be_meant_is_named(process: str, extra: str, error: str) -> None:
    text = ledger_text(process=process) + (f"utilities: [{extra}]\n" if extra else "")
    with pytest.raises(Malformed) as caught:
        one(text)
    assert caught.value.id == error
