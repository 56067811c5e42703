"""The five production routes of the invented plants, with the typical figures of each."""

from collections.abc import Mapping
from random import Random

from carbonport.examples.plants.recipes import Route, Spread, StreamKind

COKE = "Coke oven coke and lignite coke"
HARD_COAL = "Other bituminous coal"
NATURAL_GAS = "Natural gas"
COKE_HEAT_GJ = 28.2
"""Net calorific value of a tonne of coke, of which the share of exported gas is taken."""

MAX_ANODE_EFFECT_MINUTES = 0.6
"""Anode effect minutes per cell and day that a modern smelter stays below."""


def _natural_gas() -> StreamKind:
    return StreamKind(
        "natural-gas",
        "Natural gas",
        "combustion",
        "TJ",
        NATURAL_GAS,
        "emission_factor",
        "tCO2/TJ",
        56.1 * 1.03,
    )


def _flux() -> StreamKind:
    return StreamKind(
        "flux", "Limestone and dolomite", "process", "t", "CaCO3", "emission_factor", "tCO2/t", 0.44 * 1.02
    )


def _charge_carbon() -> StreamKind:
    return StreamKind(
        "carbon",
        "Charge carbon",
        "mass-balance",
        "t",
        "EAF charge carbon",
        "carbon_content",
        "tC/t",
        0.8297 * 1.06,
    )


def _blast_furnace_levels(random: Random) -> dict[str, float]:
    return {
        "hot_metal": Spread(0.90, 0.04).draw(random),
        "coke": Spread(0.40, 0.035).draw(random),
        "coal": Spread(0.15, 0.03).draw(random),
        "natural_gas": Spread(1.2, 0.5).draw(random),
        "flux": Spread(0.12, 0.03).draw(random),
        "breeze": Spread(0.07, 0.015).draw(random),
        "exported": max(0.0, random.gauss(0.05, 0.05)),
        "electricity": Spread(0.35, 0.05).draw(random),
        "grid_factor": random.uniform(0.3, 0.85),
    }


def _blast_furnace_amounts(levels: Mapping[str, float], penalty: float) -> dict[str, float]:
    hot_metal = levels["hot_metal"]
    coke = hot_metal * levels["coke"] * penalty
    return {
        "coke": coke,
        "coal": hot_metal * levels["coal"],
        "natural-gas": hot_metal * levels["natural_gas"] * penalty / 1000,
        "flux": hot_metal * levels["flux"],
        "breeze": hot_metal * levels["breeze"] * penalty,
        "waste_gas_export": coke * COKE_HEAT_GJ * levels["exported"] / 1000,
        # Blowers and the sinter strand go with the fuel, so that power tells something of the furnace.
        "electricity": levels["electricity"]
        * (0.4 + 0.6 * hot_metal * (levels["coke"] + levels["coal"]) / 0.495)
        * penalty,
    }


BLAST_FURNACE = Route(
    name="BF-BOF",
    sector="steel",
    cn="72083900",
    category="Iron or steel products",
    capacity_kt=(1500, 9000),
    utilisation=Spread(0.84, 0.06),
    streams=(
        StreamKind("coke", "Coke", "combustion", "t", COKE, "carbon_content", "tC/t", 0.8235 * 1.06),
        StreamKind(
            "coal", "Pulverised coal", "combustion", "t", HARD_COAL, "carbon_content", "tC/t", 0.6661 * 1.08
        ),
        _natural_gas(),
        _flux(),
        StreamKind("breeze", "Coke breeze", "combustion", "t", COKE, "carbon_content", "tC/t", 0.8235 * 1.04),
    ),
    typical=_blast_furnace_levels,
    amounts=_blast_furnace_amounts,
)


def _arc_furnace_levels(random: Random) -> dict[str, float]:
    return {
        "electricity": Spread(0.43, 0.06).draw(random),
        "natural_gas": Spread(0.45, 0.2, 0.05).draw(random),
        "carbon": Spread(0.012, 0.005, 0.001).draw(random),
        "pig": abs(random.gauss(0.04, 0.04)),
        "flux": Spread(0.04, 0.01).draw(random),
        "grid_factor": random.uniform(0.03, 0.75),
    }


def _arc_furnace_amounts(levels: Mapping[str, float], penalty: float) -> dict[str, float]:
    return {
        "electricity": levels["electricity"] * penalty,
        "natural-gas": levels["natural_gas"] * penalty / 1000,
        "carbon": levels["carbon"],
        "pig": levels["pig"],
        "flux": levels["flux"],
    }


ARC_FURNACE = Route(
    name="EAF",
    sector="steel",
    cn="72142000",
    category="Iron or steel products",
    capacity_kt=(300, 2000),
    utilisation=Spread(0.78, 0.08),
    streams=(
        _natural_gas(),
        _charge_carbon(),
        StreamKind(
            "pig", "Pig iron", "mass-balance", "t", "Pig iron", "carbon_content", "tC/t", 0.0409 * 1.05
        ),
        _flux(),
    ),
    typical=_arc_furnace_levels,
    amounts=_arc_furnace_amounts,
    counts_electricity=True,
)


def _reduced_iron_levels(random: Random) -> dict[str, float]:
    return {
        "reduced_iron": Spread(0.95, 0.08).draw(random),
        "natural_gas": Spread(11.2, 0.7).draw(random),
        "electricity": Spread(0.72, 0.07).draw(random),
        "carbon": Spread(0.012, 0.004, 0.001).draw(random),
        "flux": Spread(0.05, 0.01).draw(random),
        "grid_factor": random.uniform(0.35, 0.85),
    }


def _reduced_iron_amounts(levels: Mapping[str, float], penalty: float) -> dict[str, float]:
    return {
        "electricity": levels["electricity"] * penalty,
        "natural-gas": levels["reduced_iron"] * levels["natural_gas"] * penalty / 1000,
        "carbon": levels["carbon"],
        "flux": levels["flux"],
    }


REDUCED_IRON = Route(
    name="DRI-EAF",
    sector="steel",
    cn="72142000",
    category="Iron or steel products",
    capacity_kt=(600, 2500),
    utilisation=Spread(0.82, 0.07),
    streams=(_natural_gas(), _charge_carbon(), _flux()),
    typical=_reduced_iron_levels,
    amounts=_reduced_iron_amounts,
    counts_electricity=True,
)


def _smelter_levels(random: Random) -> dict[str, float]:
    minutes = MAX_ANODE_EFFECT_MINUTES
    while minutes >= MAX_ANODE_EFFECT_MINUTES:
        minutes = random.lognormvariate(-1.7, 0.7)
    return {
        "anodes": Spread(0.425, 0.014).draw(random),
        "anode_effect_minutes": minutes,
        "electricity": Spread(14.2, 0.5).draw(random),
        "grid_factor": random.uniform(0.02, 0.9),
    }


def _smelter_amounts(levels: Mapping[str, float], penalty: float) -> dict[str, float]:
    return {
        "anodes": levels["anodes"],
        "pfc": 1.0,
        # An anode effect takes power without making metal.
        "electricity": levels["electricity"]
        * (1 + 0.1 * levels["anode_effect_minutes"])
        * (0.9 + 0.1 * penalty),
    }


ALUMINIUM = Route(
    name="aluminium",
    sector="aluminium",
    cn="76011010",
    category="Unwrought aluminium",
    capacity_kt=(150, 900),
    utilisation=Spread(0.93, 0.03),
    streams=(
        StreamKind(
            "anodes",
            "Anodes",
            "mass-balance",
            "t",
            "Petroleum coke (as material)",
            "carbon_content",
            "tC/t",
            0.8706 * 1.08,
        ),
        StreamKind(
            "pfc",
            "Potlines",
            "pfc-slope",
            "t",
            "PFPB L",
            "slope_factor",
            "kgCF4/t/(min/cell-day)",
            0.122 * 1.02,
        ),
    ),
    typical=_smelter_levels,
    amounts=_smelter_amounts,
)


def _kiln_levels(random: Random) -> dict[str, float]:
    return {
        "lime": Spread(0.652, 0.007).draw(random),
        "magnesia": Spread(0.018, 0.006, 0.001).draw(random),
        "heat": Spread(3.55, 0.28).draw(random),
        "alternative": random.betavariate(1.3, 5),
        "electricity": Spread(0.065, 0.007).draw(random),
        "grid_factor": random.uniform(0.1, 0.85),
    }


def _kiln_amounts(levels: Mapping[str, float], penalty: float) -> dict[str, float]:
    heat = levels["heat"] * penalty / 1000
    alternative = min(0.9, levels["alternative"])
    return {
        "lime": levels["lime"],
        "magnesia": levels["magnesia"],
        "coal": heat * (1 - alternative),
        "alternative": heat * alternative,
        "electricity": levels["electricity"] * (0.5 + 0.5 * levels["heat"] / 3.55),
    }


CLINKER = Route(
    name="clinker",
    sector="cement",
    cn="25231000",
    category="Cement clinker",
    capacity_kt=(500, 3500),
    utilisation=Spread(0.80, 0.08),
    streams=(
        StreamKind(
            "lime", "Lime in clinker", "process", "t", "CaO", "emission_factor", "tCO2/t", 0.785 * 1.03
        ),
        StreamKind(
            "magnesia",
            "Magnesia in clinker",
            "process",
            "t",
            "MgO",
            "emission_factor",
            "tCO2/t",
            1.092 * 1.03,
        ),
        StreamKind(
            "coal", "Kiln coal", "combustion", "TJ", HARD_COAL, "emission_factor", "tCO2/TJ", 94.6 * 1.05
        ),
        StreamKind(
            "alternative",
            "Alternative fuels",
            "combustion",
            "TJ",
            "Waste tyres",
            "emission_factor",
            "tCO2/TJ",
            85 * 1.05,
            further="biomass_fraction: 40 %",
        ),
    ),
    typical=_kiln_levels,
    amounts=_kiln_amounts,
)

COHORT: tuple[tuple[Route, int], ...] = (
    (BLAST_FURNACE, 8),
    (ARC_FURNACE, 12),
    (REDUCED_IRON, 6),
    (ALUMINIUM, 6),
    (CLINKER, 8),
)
"""Forty exporters: how many plants of each route a full cohort has."""
