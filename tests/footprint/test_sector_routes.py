"""Routes and sectors beyond `test_sectors`: invented plants, each result computed again in plain floating point.

Every expected number is arithmetic of this page, written from the acts; nothing of the engine is used for it.
"""

import math

import pytest
from small_ledgers import read

from carbonport.footprint.calculation import calculate

HEAD = """carbonport: ledger/v1
installation: {name: Route Works, country: CN}
period: {start: 2026-01-01, end: 2026-12-31}
"""

GRID, F_CARBON = 0.605, 3.664

SMELTING = """
processes: [{id: corex, name: Smelting reduction, category: Pig iron, routes: [Smelting reduction],
             activity_level: 300000 t, electricity: 45000 MWh, waste_gas_export: 2000 TJ}]
goods: [{cn: "72011019", process: corex}]
streams:
  - {id: coal, method: mass-balance, process: corex, activity_data: 310000 t, carbon_content: 0.762 tC/t}
  - {id: dolomite, method: process, process: corex, activity_data: 40000 t, emission_factor: 0.477 tCO2/t,
     conversion_factor: 96 %}
  - {id: iron, method: mass-balance, direction: output, process: corex, activity_data: 300000 t,
     carbon_content: 0.0448 tC/t}
"""

SMELTING_EXPECTED = (
    F_CARBON * (310000 * 0.762 - 300000 * 0.0448) + 40000 * 0.477 * 0.96 - 2000 * 56.1 * 0.667
) / 300000

ALLOY = """
processes: [{{id: furnace, name: Submerged arc, category: "{category}", activity_level: 52000 t,
              electricity: 180000 MWh}}]
goods: [{{cn: "{cn}", process: furnace}}]
streams:
  - {{id: coke, method: mass-balance, process: furnace, activity_data: {coke} t, carbon_content: 0.871 tC/t}}
  - {{id: paste, method: mass-balance, process: furnace, activity_data: 900 t, carbon_content: 0.94 tC/t}}
  - {{id: ore, method: mass-balance, process: furnace, activity_data: 130000 t, carbon_content: 0.0113 tC/t}}
  - {{id: alloy, method: mass-balance, direction: output, process: furnace, activity_data: 52000 t,
     carbon_content: {carbon} tC/t}}
"""


def alloy_expected(coke: float, carbon: float) -> float:
    return F_CARBON * (coke * 0.871 + 900 * 0.94 + 130000 * 0.0113 - 52000 * carbon) / 52000


SECONDARY = """
processes:
  - {id: melt, name: Remelting, category: Unwrought aluminium, routes: [Secondary melting (recycling)],
     activity_level: 64000 t, electricity: 21000 MWh}
  - {id: press, name: Extrusion, category: Aluminium products, activity_level: 50000 t, electricity: 30000 MWh,
     heat_import: 40 TJ, heat_import_factor: 62.3 tCO2/TJ}
internal_flows: [{from: melt, to: press, amount: 51500 t}]
goods: [{cn: "76012030", process: melt}, {cn: "76042990", process: press}]
precursors:
  - {id: primary, cn: "76011010", country: AE, process: melt, basis: verified, amount: 6400 t,
     see_direct: 1.73 tCO2e/t, see_indirect: 7.1 tCO2e/t}
streams:
  - {id: gas, method: combustion, process: melt, activity_data: 5200 1000Nm3, net_calorific_value: 36.1 GJ/1000Nm3,
     emission_factor: 56.1 tCO2/TJ, oxidation_factor: 99.5 %}
  - {id: coating, method: mass-balance, process: melt, activity_data: 700 t, carbon_content: 0.61 tC/t}
"""

MELT = (5200 * 36.1 / 1000 * 56.1 * 0.995 + 700 * 0.61 * F_CARBON + 6400 * 1.73) / 64000

REDUCED = """
processes: [{id: shaft, name: Shaft furnace, category: Direct reduced iron, activity_level: 410000 t,
             electricity: 50000 MWh}]
goods: [{cn: "72031000", process: shaft}]
streams:
  - {id: gas, method: mass-balance, process: shaft, activity_data: 121000 1000Nm3, carbon_content: 0.553 tC/1000Nm3}
  - {id: dri, method: mass-balance, direction: output, process: shaft, activity_data: 410000 t,
     carbon_content: 0.0191 tC/t}
precursors:
  - {id: pellets, cn: "26011200", country: BR, process: shaft, basis: verified, amount: 570000 t,
     see_direct: 0.071 tCO2e/t, see_indirect: 0.019 tCO2e/t}
"""

CLAY = """
processes: [{id: kiln, name: Clay kiln, category: Calcined clays, activity_level: 90000 t, electricity: 7000 MWh}]
goods: [{cn: "25070080", process: kiln}]
streams:
  - {id: lignite, method: combustion, process: kiln, activity_data: 21000 t, net_calorific_value: 11.9 GJ/t,
     emission_factor: 101 tCO2/TJ}
  - {id: sludge, method: combustion, process: kiln, activity_data: 4000 t, net_calorific_value: 10 GJ/t,
     emission_factor: 110 tCO2/TJ, biomass_fraction: 85 %}
"""

ALUMINOUS = """
processes: [{id: furnace, name: Fusion, category: Aluminous cement, activity_level: 30000 t, electricity: 4400 MWh}]
goods: [{cn: "25233000", process: furnace}]
streams:
  - {id: limestone, method: process, process: furnace, activity_data: 19000 t, emission_factor: 0.44 tCO2/t}
  - {id: oil, method: combustion, process: furnace, activity_data: 3300 t, net_calorific_value: 40.4 GJ/t,
     emission_factor: 77.4 tCO2/TJ}
"""

REFORMING = """
processes: [{id: smr, name: Reformer, category: Hydrogen, routes: [Steam reforming], activity_level: 36000 t,
             electricity: 9000 MWh, heat_export: 510 TJ, heat_export_factor: 62.333 tCO2/TJ}]
goods: [{cn: "28041000", process: smr}]
streams:
  - {id: feed, method: mass-balance, process: smr, activity_data: 101000 t, carbon_content: 0.7344 tC/t}
  - {id: fuel, method: combustion, process: smr, activity_data: 900 TJ, emission_factor: 56.1 tCO2/TJ}
"""

UREA = """
processes:
  - {id: nh3, name: Ammonia, category: Ammonia, routes: [Haber-Bosch process], activity_level: 120000 t,
     electricity: 20000 MWh}
  - {id: urea, name: Urea, category: Urea, activity_level: 150000 t, electricity: 24000 MWh}
internal_flows: [{from: nh3, to: urea, amount: 86000 t}]
goods: [{cn: "28141000", process: nh3}, {cn: "31021090", process: urea}]
streams:
  - {id: gas, method: combustion, process: nh3, activity_data: 3600 TJ, emission_factor: 56.1 tCO2/TJ}
  - {id: steam, method: combustion, process: urea, activity_data: 420 TJ, emission_factor: 94.6 tCO2/TJ}
"""

NH3 = 3600 * 56.1 / 120000

PLANTS = {
    "smelting reduction": (SMELTING, "corex", "72011019", SMELTING_EXPECTED, 45000 * GRID / 300000, 0.0),
    "ferro-manganese": (
        ALLOY.format(category="FeMn", cn="72021120", coke=24000, carbon=0.066),
        "furnace", "72021120", alloy_expected(24000, 0.066), 180000 * GRID / 52000, 0.0,
    ),
    "ferro-chromium": (
        ALLOY.format(category="Alloys (FeMn, FeCr, FeNi)", cn="72024910", coke=26500.5, carbon=0.0812),
        "furnace", "72024910", alloy_expected(26500.5, 0.0812), 180000 * GRID / 52000, 0.0,
    ),
    "ferro-nickel": (
        ALLOY.format(category="FeNi", cn="72026000", coke=31250, carbon=0.0171),
        "furnace", "72026000", alloy_expected(31250, 0.0171), 180000 * GRID / 52000, 0.0,
    ),
    "secondary aluminium": (SECONDARY, "melt", "76012030", MELT, (21000 * GRID + 6400 * 7.1) / 64000, 0.0),
    "aluminium products": (
        SECONDARY, "press", "76042990", (40 * 62.3 + 51500 * MELT) / 50000,
        (30000 * GRID + 51500 * (21000 * GRID + 6400 * 7.1) / 64000) / 50000, 0.0,
    ),
    "direct reduced iron": (
        REDUCED, "shaft", "72031000",
        (F_CARBON * (121000 * 0.553 - 410000 * 0.0191) + 570000 * 0.071) / 410000,
        (50000 * GRID + 570000 * 0.019) / 410000, 570000 * 0.019 / 410000,
    ),
    "calcined clay": (
        CLAY, "kiln", "25070080",
        (21000 * 11.9 * 101 / 1000 + 4000 * 10 * 110 / 1000 * 0.15) / 90000, 7000 * GRID / 90000, 7000 * GRID / 90000,
    ),
    "aluminous cement": (
        ALUMINOUS, "furnace", "25233000", (19000 * 0.44 + 3300 * 40.4 * 77.4 / 1000) / 30000,
        4400 * GRID / 30000, 4400 * GRID / 30000,
    ),
    "hydrogen by reforming": (
        REFORMING, "smr", "28041000", (101000 * 0.7344 * F_CARBON + 900 * 56.1 - 510 * 62.333) / 36000,
        9000 * GRID / 36000, 0.0,
    ),
    "ammonia": (UREA, "nh3", "28141000", NH3, 20000 * GRID / 120000, 20000 * GRID / 120000),
    "urea": (
        UREA, "urea", "31021090", (420 * 94.6 + 86000 * NH3) / 150000,
        (24000 * GRID + 86000 * 20000 * GRID / 120000) / 150000,
        (24000 * GRID + 86000 * 20000 * GRID / 120000) / 150000,
    ),
}  # fmt: skip
"""Ledger, process, CN code, SEE direct, SEE indirect (all of it), and what of that is in scope."""


@pytest.mark.parametrize("name", PLANTS)
def test_a_route_gives_what_the_arithmetic_of_the_acts_gives(name: str) -> None:
    text, process, cn, direct, indirect, counted = PLANTS[name]
    good = calculate(read(HEAD + text)).good(process, cn)
    assert math.isclose(float(good.source["see_direct"]), direct, rel_tol=1e-9)
    assert math.isclose(float(good.source["see_indirect"]), indirect, rel_tol=1e-9)
    assert math.isclose(float(good.source["see_total"]), direct + counted, rel_tol=1e-9)
    assert not good.problems
