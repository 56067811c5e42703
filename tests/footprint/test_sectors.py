"""One installation of every sector, each with numbers computed by hand. All plants are invented."""

from fractions import Fraction

import pytest
from small_ledgers import read

from carbonport.errors import Malformed
from carbonport.footprint.calculation import Calculation, calculate
from carbonport.footprint.evaluate import evaluate, source_values
from carbonport.footprint.explain import explain, recompute

HEAD = """carbonport: ledger/v1
installation: {name: Test Works, country: CN}
period: {start: 2026-01-01, end: 2026-12-31}
"""

F = Fraction

GRID = F("0.605")


def whole(text: str) -> Calculation:
    calculation = calculate(read(HEAD + text))
    values = source_values(calculation.ledger)
    for good in calculation.goods:
        assert recompute(explain(good.graph, calculation.ledger, values)) == evaluate(good.graph, values)
    return calculation


CEMENT = """
processes:
  - {id: kiln, name: Kiln, category: Cement clinker, activity_level: 100000 t, electricity: 6000 MWh}
  - {id: mill, name: Mill, category: Cement, activity_level: 120000 t, electricity: 5000 MWh}
internal_flows: [{from: kiln, to: mill, amount: 90000 t}]
goods:
  - {cn: "25231000", process: kiln}
  - {cn: "25232900", process: mill, amount: 80000 t, clinker_content: 90 %}
  - {cn: "25239000", process: mill, amount: 40000 t, clinker_content: 45 %}
streams:
  - {id: raw, method: clinker, process: kiln, activity_data: 100000 t}
  - {id: coal, method: combustion, process: kiln, activity_data: 300 TJ, emission_factor: 95 tCO2/TJ}
  - {id: dryer, method: combustion, process: mill, activity_data: 10 TJ, emission_factor: 56.1 tCO2/TJ}
"""


def test_cement_goods_share_one_value_per_tonne_of_clinker() -> None:
    calculation = whole(CEMENT)
    clinker = calculation.good("kiln", "25231000").source
    assert clinker["see_direct"] == F(52500 + 28500, 100000)
    assert clinker["see_indirect"] == 6000 * GRID / 100000
    direct = F(561) + 90000 * F("0.81")
    indirect = 5000 * GRID + 90000 * 6000 * GRID / 100000
    per_unit = direct / (72000 + 18000)
    for cn, content in (("25232900", F("0.9")), ("25239000", F("0.45"))):
        source = calculation.good("mill", cn).source
        assert source["see_direct"] == per_unit * content
        assert source["see_indirect"] == indirect / 90000 * content
        assert source["see_total"] == source["see_direct"] + source["see_indirect"]
        assert source["see_direct_per_functional_unit"] == per_unit
    total = sum(
        calculation.good("mill", cn).source["see_direct"] * amount
        for cn, amount in (("25232900", 80000), ("25239000", 40000))
    )
    assert total == direct


STEEL = """
processes:
  - {id: sinter, name: Sinter, category: Sintered Ore, activity_level: 1000 t, electricity: 100 MWh}
  - {id: iron, name: Blast furnace, category: Pig iron, activity_level: 500 t, electricity: 20 MWh}
  - {id: steel, name: Oxygen steel, category: Crude steel, activity_level: 450 t, electricity: 60 MWh}
  - {id: coil, name: Rolling, category: Iron or steel products, activity_level: 400 t, electricity: 40 MWh}
internal_flows:
  - {from: sinter, to: iron, amount: 800 t}
  - {from: iron, to: steel, amount: 420 t}
  - {from: steel, to: coil, amount: 410 t}
goods: [{cn: "72083900", process: coil}]
streams:
  - {id: breeze, method: combustion, process: sinter, activity_data: 2 TJ, emission_factor: 107 tCO2/TJ}
  - {id: coke, method: mass-balance, process: iron, activity_data: 200 t, carbon_content: 0.88 tC/t}
  - {id: pig, method: mass-balance, direction: output, process: iron, activity_data: 500 t,
     carbon_content: 0.04 tC/t}
  - {id: bath, method: mass-balance, process: steel, activity_data: 420 t, carbon_content: 0.04 tC/t}
"""


def test_steel_takes_direct_emissions_of_the_whole_chain_and_indirect_ones_of_sinter_only() -> None:
    source = whole(STEEL).good("coil", "72083900").source
    sinter = F(214, 1000)
    iron = (F("3.664") * (176 - 20) + 800 * sinter) / 500
    steel = (F("3.664") * F("16.8") + 420 * iron) / 450
    assert source["see_direct"] == 410 * steel / 400
    ore = 100 * GRID / 1000
    in_scope = 410 * (420 * (800 * ore / 500) / 450) / 400
    assert source["see_indirect_in_scope"] == in_scope
    assert source["see_total"] == source["see_direct"] + in_scope
    everything = (40 * GRID + 410 * (60 * GRID + 420 * (20 * GRID + 800 * ore) / 500) / 450) / 400
    assert source["see_indirect"] == everything


def test_electric_arc_steel_from_scrap_reduced_iron_and_electrodes() -> None:
    text = """
processes: [{id: eaf, name: Arc furnace, category: Crude steel, routes: [Electric arc furnace],
             activity_level: 1000 t, electricity: 500 MWh}]
goods: [{cn: "72071111", process: eaf}]
streams:
  - {id: electrodes, method: mass-balance, process: eaf, activity_data: 2 t,
     standard_factor: EAF carbon electrodes}
  - {id: dri, method: mass-balance, process: eaf, activity_data: 300 t, standard_factor: Direct reduced iron (DRI)}
  - {id: scrap, method: mass-balance, process: eaf, activity_data: 800 t, standard_factor: Steel / steel scrap}
  - {id: out, method: mass-balance, direction: output, process: eaf, activity_data: 1000 t,
     standard_factor: Steel / steel scrap}
precursors:
  - {id: dri, cn: "72031000", country: IN, process: eaf, basis: verified, amount: 300 t,
     see_direct: 1.1 tCO2e/t, see_indirect: 0.2 tCO2e/t}
"""
    source = whole(text).goods[0].source
    carbon = 2 * F("0.8188") + 300 * F("0.0191") - 200 * F("0.0109")
    assert source["see_direct"] == (carbon * F("3.664") + 330) / 1000
    assert source["see_total"] == source["see_direct"]


def test_aluminium_counts_anodes_and_perfluorocarbons() -> None:
    text = """
processes: [{id: pots, name: Potlines, category: Unwrought aluminium, activity_level: 100000 t,
             electricity: 1400000 MWh}]
goods: [{cn: "76011010", process: pots}]
streams:
  - {id: anodes, method: mass-balance, process: pots, activity_data: 42000 t, carbon_content: 0.98 tC/t}
  - {id: pfc, method: pfc-slope, process: pots, activity_data: 100000 t, standard_factor: PFPB M,
     anode_effect_frequency: 0.1 1/cell-day, anode_effect_duration: 2 min}
"""
    source = whole(text).goods[0].source
    cf4 = F("0.2") * F("0.104") * 100
    assert source["attributed_direct"] == 42000 * F("0.98") * F("3.664") + cf4 * (6630 + F("0.057") * 11100)
    assert source["see_indirect"] == 14 * GRID
    assert source["see_total"] == source["see_direct"]


FERTILISER = """
processes:
  - {id: ammonia, name: Ammonia, category: Ammonia, activity_level: 10000 t, electricity: 1000 MWh}
  - {id: acid, name: Nitric acid, category: Nitric acid, activity_level: 8000 t, electricity: 500 MWh}
  - {id: granulation, name: Granulation, category: Mixed fertilisers, activity_level: 9000 t,
     electricity: 300 MWh}
internal_flows:
  - {from: ammonia, to: acid, amount: 2300 t}
  - {from: ammonia, to: granulation, amount: 1700 t}
  - {from: acid, to: granulation, amount: 6000 t}
goods:
  - {cn: "28141000", process: ammonia, nitrogen_content: 82.2 %}
  - {cn: "31023090", process: granulation, nitrogen_content: 34 %}
streams:
  - {id: gas, method: combustion, process: ammonia, activity_data: 8000 t, standard_factor: Natural gas}
  - {id: tail, method: measurement, gas: N2O, process: acid, ghg_concentration: 0.4 g/Nm3,
     operating_hours: 8000 h, flue_gas_flow: 20 1000Nm3/h}
"""


def test_fertilisers_per_tonne_and_per_kilogram_of_nitrogen() -> None:
    calculation = whole(FERTILISER)
    ammonia = 8000 * F("0.048") * F("56.1") / 10000
    acid = (64 * 265 + 2300 * ammonia) / 8000
    nitrate = (1700 * ammonia + 6000 * acid) / 9000
    source = calculation.good("granulation", "31023090").source
    assert source["see_direct"] == nitrate
    assert source["see_direct_per_functional_unit"] == nitrate / 340
    power = 1000 * GRID / 10000
    acid_power = (500 * GRID + 2300 * power) / 8000
    assert source["see_indirect"] == (300 * GRID + 1700 * power + 6000 * acid_power) / 9000
    assert source["see_total"] == source["see_direct"] + source["see_indirect"]


def test_ammonia_does_not_take_the_indirect_emissions_of_hydrogen() -> None:
    text = """
processes:
  - {id: h2, name: Electrolysis, category: Hydrogen, activity_level: 1000 t, electricity: 50000 MWh}
  - {id: nh3, name: Ammonia, category: Ammonia, activity_level: 5600 t, electricity: 4000 MWh}
internal_flows: [{from: h2, to: nh3, amount: 1000 t}]
goods: [{cn: "28141000", process: nh3}, {cn: "28041000", process: h2}]
"""
    calculation = whole(text)
    assert calculation.good("h2", "28041000").source["see_total"] == 0
    assert calculation.good("nh3", "28141000").source["see_indirect"] == 4000 * GRID / 5600


def test_electricity_is_counted_per_megawatthour() -> None:
    text = """
processes: [{id: plant, name: Power plant, category: Electricity, activity_level: 500000 MWh,
             electricity: 0 MWh}]
goods: [{cn: "27160000", process: plant}]
streams:
  - {id: coal, method: combustion, process: plant, activity_data: 4500 TJ, emission_factor: 94.6 tCO2/TJ}
"""
    good = whole(text).goods[0]
    assert good.source["see_direct"] == 4500 * F("94.6") / 500000
    assert good.graph[good.graph.outputs["see_direct"]].unit == "tCO2e/MWh"
    assert good.source["see_indirect"] == 0


ROUTES = """
processes:
  - {id: bof, name: Oxygen, activity_level: 600 t, electricity: 10 MWh, direct_emissions: 1200 tCO2e}
  - {id: eaf, name: Arc, activity_level: 400 t, electricity: 200 MWh, direct_emissions: 100 tCO2e}
goods: [{cn: "72071111", process: bof}, {cn: "72071111", process: eaf}]
"""


def test_all_routes_of_one_cn_code_are_averaged() -> None:
    calculation = whole(ROUTES)
    for good in calculation.goods:
        assert good.source["see_direct"] == F(1300, 1000)
        assert good.source["see_indirect"] == 210 * GRID / 1000
    transitional = calculate(
        read((HEAD + ROUTES).replace("2026", "2025").replace("2025-12-31", "2025-12-31"))
    )
    assert [good.source["see_direct"] for good in transitional.goods] == [2, F(1, 4)]


def test_routes_with_other_goods_need_the_amount_of_each() -> None:
    more = ROUTES.replace("process: eaf}]", 'process: eaf}, {cn: "72071210", process: eaf}]')
    with pytest.raises(Malformed) as caught:
        whole(more)
    assert caught.value.id == "good-amount-missing"
    stated = more.replace('{cn: "72071111", process: eaf}', '{cn: "72071111", process: eaf, amount: 300 t}')
    assert whole(stated).good("bof", "72071111").source["see_direct"] == F(1200 + 75, 900)


@pytest.mark.parametrize(("country", "direct"), [("IN", "1.859"), ("unknown", None), ("DE", "0")])
def test_default_precursors_come_from_the_acts_table(country: str, direct: str | None) -> None:
    text = f"""
processes: [{{id: p, name: P, activity_level: 100 t, electricity: 0 MWh, direct_emissions: 50 tCO2e}}]
goods: [{{cn: "72071111", process: p}}]
precursors: [{{id: femn, cn: "72021180", country: {country}, process: p, basis: default, amount: 10 t}}]
"""
    good = whole(text).goods[0]
    brought = good.source["see_direct"] * 100 - 50
    assert brought == 10 * F(direct) if direct is not None else brought > 0
    assert (good.source["default_share"] > 0) is (direct != "0")


def test_a_precursor_without_table_row_or_value_is_named() -> None:
    text = """
processes: [{id: p, name: P, activity_level: 100 t, electricity: 0 MWh, direct_emissions: 50 tCO2e}]
goods: [{cn: "72071111", process: p}]
precursors: [{id: x, category: Pig iron, country: IN, process: p, basis: default, amount: 10 t}]
"""
    with pytest.raises(Malformed) as caught:
        whole(text)
    assert caught.value.id == "precursor-missing-figure"


def test_free_allocation_follows_the_chain() -> None:
    text = STEEL.replace(
        "activity_level: 450 t", "routes: [Basic oxygen steelmaking], activity_level: 450 t"
    ).replace("goods: [", 'goods: [{cn: "72071111", process: steel}, {cn: "72011011", process: iron}, ')
    good = whole(text).good("coil", "72083900")
    assert good.allocation is not None
    share = F("0.975")
    iron = share * F("1.089") + 800 * share * F("0.086") / 500
    steel = share * F("0.188") + 420 * iron / 450
    assert good.allocation.source["sefa"] == share * F("0.044") + 410 * steel / 400
    assert good.allocation.graph is not None


def test_a_free_allocation_that_is_not_clear_says_why() -> None:
    good = whole(STEEL).good("coil", "72083900")
    assert good.allocation is not None
    assert good.allocation.problem is not None
    assert good.source["see_direct"] > 0


def test_cement_carries_the_allocation_of_its_clinker() -> None:
    calculation = whole(CEMENT.replace("name: Kiln,", "name: Kiln, routes: [grey clinker],"))
    good = calculation.good("mill", "25232900")
    assert good.allocation is not None
    assert good.allocation.source["sefa"] == F("0.975") * F("0.666") * 90000 / 120000


def test_a_suppliers_word_alone_is_named_from_2026_on() -> None:
    text = """
processes: [{id: p, name: P, activity_level: 100 t, electricity: 0 MWh, direct_emissions: 50 tCO2e}]
goods: [{cn: "72071111", process: p}]
precursors: [{id: x, cn: "72011011", country: IN, process: p, basis: measured, amount: 10 t,
              see_direct: 1.5 tCO2e/t, see_indirect: 0 tCO2e/t}]
"""
    assert "precursor-unverified" in [notice.id for notice in whole(text).notices]


def test_electricity_that_states_no_consumption_has_no_indirect_emissions() -> None:
    text = """
processes: [{id: plant, name: Plant, category: Electricity (export to EU), activity_level: 1000 MWh}]
goods: [{cn: "27160000", process: plant}]
streams:
  - {id: coal, method: combustion, process: plant, activity_data: 9 TJ, emission_factor: 95 tCO2/TJ}
"""
    calculation = whole(text)
    source = calculation.good("plant", "27160000").source
    assert source["see_direct"] == source["see_total"] == F("0.855")
    assert source["see_indirect"] == 0
    assert calculation.installation.source["indirect_emissions"] == 0


def test_a_precursor_known_by_its_category_brings_its_allocation_where_that_is_clear() -> None:
    text = """
processes: [{{id: acid, name: Acid, category: Nitric acid, activity_level: 1000 t, electricity: 0 MWh,
             direct_emissions: 900 tCO2e}}]
goods: [{{cn: "28080000", process: acid}}]
precursors: [{{id: bought, category: "{category}", country: IN, process: acid, basis: verified, amount: 290 t,
              see_direct: 2 tCO2e/t, see_indirect: 0.1 tCO2e/t}}]
"""
    bought = whole(text.format(category="Hydrogen")).good("acid", "28080000").allocation
    alone = (
        whole(text.format(category="Hydrogen").split("precursors:")[0]).good("acid", "28080000").allocation
    )
    assert bought is not None
    assert alone is not None
    assert bought.problem is None
    assert bought.source["sefa"] > alone.source["sefa"]
    for several in ("Iron or steel products", "Alloys (FeMn, FeCr, FeNi)"):
        unclear = whole(text.format(category=several)).good("acid", "28080000").allocation
        assert unclear is not None
        assert unclear.problem is not None
