"""Perfluorocarbons of primary aluminium (2547 Annex II B.7).

    slope          AEM = frequency × duration,  CF4 = AEM × SEF/1000 × Al          Eq 21-22
    overvoltage    CF4 = OVC × (AEO / CE) × Al × 0.001,  CE in percent             Eq 24
    both           C2F6 = CF4 × F                                                  Eq 23, 25
                   Em = (CF4 × GWP + C2F6 × GWP) / collection efficiency           Eq 20, 26

A collection efficiency that is not stated is 1. A technology named as standard factor (CWPB, SWPB, PFPB L,
...) supplies SEF, OVC and F of Annex II Tables 2 and 3.
"""

from carbonport.footprint.cbam.stream_figures import StreamEmissions, StreamFigures
from carbonport.footprint.graph_builder import NodeId

ACT = "2547 Annex II B.7"


def slope_emissions(figures: StreamFigures) -> StreamEmissions:
    """CF4 by the slope method, and what follows from it."""
    aluminium = figures.needed("activity_data", "primary aluminium produced")
    minutes = figures.builder.product(
        f"{figures.base}/anode_effect_minutes",
        "min/cell-day",
        [
            figures.needed("anode_effect_frequency", "anode effects per cell and day").node,
            figures.needed("anode_effect_duration", "minutes per anode effect").node,
        ],
        label=f"{figures.stream.label}: anode effect minutes per cell and day",
        equation=f"{ACT} Eq 21: AEM = frequency × duration",
    )
    slope = figures.needed("slope_factor", "slope emission factor of CF4").node
    return _emissions(figures, [minutes, slope, aluminium.node], "slope", "Eq 22: AEM × SEF/1000 × Al")


def overvoltage_emissions(figures: StreamFigures) -> StreamEmissions:
    """CF4 by the overvoltage method, and what follows from it."""
    aluminium = figures.needed("activity_data", "primary aluminium produced")
    percent = figures.builder.product(
        f"{figures.base}/current_efficiency_percent",
        "%",
        [
            figures.needed("current_efficiency", "current efficiency").node,
            figures.constant("percent_of_whole", "percent"),
        ],
        label=f"{figures.stream.label}: current efficiency in percent",
        equation=f"{ACT} Eq 24: CE in percent",
    )
    per_efficiency = figures.builder.quotient(
        f"{figures.base}/overvoltage_per_efficiency",
        "mV",
        figures.needed("anode_effect_overvoltage", "anode effect overvoltage").node,
        percent,
        label=f"{figures.stream.label}: overvoltage per percent of current efficiency",
        equation=f"{ACT} Eq 24: AEO / CE",
    )
    coefficient = figures.needed("overvoltage_coefficient", "overvoltage coefficient").node
    factors = [coefficient, per_efficiency, aluminium.node]
    return _emissions(figures, factors, "overvoltage", "Eq 24: OVC × (AEO/CE) × Al × 0.001")


def _emissions(figures: StreamFigures, factors: list[NodeId], kind: str, equation: str) -> StreamEmissions:
    builder, base, name = figures.builder, figures.base, figures.stream.label
    cf4 = builder.product(
        f"{base}/cf4",
        "tCF4",
        [*factors, figures.constant("tonnes_per_kilogram", "tonnes per kilogram")],
        label=f"{name}: CF4",
        equation=f"{ACT} {equation}",
    )
    ratio = figures.needed("c2f6_ratio", "weight ratio of C2F6 to CF4", f"{kind}_c2f6_ratio").node
    c2f6 = builder.product(
        f"{base}/c2f6",
        "tC2F6",
        [cf4, ratio],
        label=f"{name}: C2F6",
        equation=f"{ACT} Eq 23, 25: CF4 × F",
    )
    parts = [
        builder.product(
            f"{base}/{gas}_emissions",
            "tCO2e",
            [node, figures.constant(f"gwp_{gas}", f"global warming potential of {gas.upper()}")],
            label=f"{name}: {gas.upper()} as CO2e",
            equation=f"{ACT} Eq 26: t × GWP",
        )
        for gas, node in (("cf4", cf4), ("c2f6", c2f6))
    ]
    efficiency = figures.figure("collection_efficiency", "collection efficiency of the duct")
    duct = builder.sum(
        f"{base}/emissions" if efficiency is None else f"{base}/duct_emissions",
        "tCO2e",
        [(1, part) for part in parts],
        label=f"Perfluorocarbons from {name}" + ("" if efficiency is None else ", in the duct"),
        equation=f"{ACT} Eq 26: CF4 and C2F6",
    )
    if efficiency is None:
        return StreamEmissions(duct, None, 1)
    whole = builder.quotient(
        f"{base}/emissions",
        "tCO2e",
        duct,
        efficiency.node,
        label=f"Perfluorocarbons from {name}",
        equation=f"{ACT} Eq 20: duct emissions / collection efficiency",
    )
    return StreamEmissions(whole, None, 1)
