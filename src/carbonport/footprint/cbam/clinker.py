"""Process emissions of cement kilns by output (2547 Annex II B.9.2, method B).

    clinker        Em = Cli × EF × CF                                              EF 0.525 unless stated
                   Cli = (Cem_delivered - Cem_opening + Cem_closing) × CCR - Cli_supplied + Cli_dispatched
                         - Cli_opening + Cli_closing                               Eq 27
    kiln dust      Em = CKD × EF                                                   EF 0.525 unless stated
                   EF_CKD = x × d / (1 - x × d),  x = EF_cli / (1 + EF_cli)        Eq 28

The act writes stock variations; opening and closing stock say the same without a sign to mistake.
"""

from carbonport.footprint.cbam.stream_figures import StreamEmissions, StreamFigures
from carbonport.footprint.graph_builder import NodeId

ACT = "2547 Annex II B.9.2"

STOCKS = (
    ("clinker_supplied", -1, "clinker supplied from outside"),
    ("clinker_dispatched", 1, "clinker dispatched"),
    ("clinker_stock_opening", -1, "clinker in stock on the first day"),
    ("clinker_stock_closing", 1, "clinker in stock on the last day"),
)

CEMENT = (
    ("cement_delivered", 1, "cement delivered"),
    ("cement_stock_opening", -1, "cement in stock on the first day"),
    ("cement_stock_closing", 1, "cement in stock on the last day"),
)


def clinker_emissions(figures: StreamFigures) -> StreamEmissions:
    """Clinker produced times its factor."""
    factor = _clinker_factor(figures)
    parts = [_clinker(figures), factor]
    equation = "method B: Cli × EF"
    conversion = figures.figure("conversion_factor", "conversion factor")
    if conversion is not None:
        parts.append(conversion.node)
        equation += " × CF"
    node = figures.builder.product(
        f"{figures.base}/emissions",
        "tCO2e",
        parts,
        label=f"CO2 from {figures.stream.label}",
        equation=f"{ACT} {equation}",
    )
    return StreamEmissions(node, None, 1)


def kiln_dust_emissions(figures: StreamFigures) -> StreamEmissions:
    """Dust that leaves the kiln times its factor."""
    dust = figures.needed("activity_data", "kiln dust that leaves the kiln")
    figures.fits(dust, "mass", dust)
    node = figures.builder.product(
        f"{figures.base}/emissions",
        "tCO2e",
        [dust.node, _dust_factor(figures)],
        label=f"CO2 from {figures.stream.label}",
        equation=f"{ACT}.3: CKD × EF_CKD",
    )
    return StreamEmissions(node, None, 1)


def _clinker(figures: StreamFigures) -> NodeId:
    if figures.has("activity_data"):
        return figures.needed("activity_data", "clinker produced").node
    builder, base, name = figures.builder, figures.base, figures.stream.label
    cement = builder.sum(
        f"{base}/cement_produced",
        "t",
        _terms(figures, CEMENT, needed=("cement_delivered",)),
        label=f"{name}: cement produced",
        equation=f"{ACT} Eq 27: Cem_delivered - Cem_stock",
    )
    contained = builder.product(
        f"{base}/clinker_in_cement",
        "t",
        [cement, figures.needed("clinker_share", "clinker to cement ratio").node],
        label=f"{name}: clinker in that cement",
        equation=f"{ACT} Eq 27: (Cem_delivered - Cem_stock) × CCR",
    )
    return builder.sum(
        f"{base}/clinker_produced",
        "t",
        [(1, contained), *_terms(figures, STOCKS)],
        label=f"{name}: clinker produced",
        equation=f"{ACT} Eq 27: clinker in cement - Cli_supplied + Cli_dispatched - Cli_stock",
    )


def _terms(
    figures: StreamFigures, fields: tuple[tuple[str, int, str], ...], needed: tuple[str, ...] = ()
) -> list[tuple[int, NodeId]]:
    terms = []
    for field, sign, label in fields:
        found = figures.needed(field, label) if field in needed else figures.figure(field, label)
        if found is not None:
            terms.append((sign, found.node))
    return terms


def _clinker_factor(figures: StreamFigures) -> NodeId:
    stated = figures.figure("emission_factor", "emission factor of clinker")
    if stated is not None:
        return stated.node
    return figures.standard_factor("Cement clinker", "emission_factor", "emission factor of clinker")


def _dust_factor(figures: StreamFigures) -> NodeId:
    builder, base, name = figures.builder, figures.base, figures.stream.label
    degree = figures.figure("calcination_degree", "degree of calcination")
    if degree is None:
        stated = figures.figure("emission_factor", "emission factor of kiln dust")
        if stated is not None:
            return stated.node
        return figures.standard_factor("Cement kiln dust", "emission_factor", "emission factor of kiln dust")
    clinker = _clinker_factor(figures)
    x = builder.quotient(
        f"{base}/x",
        "1",
        clinker,
        builder.sum(
            f"{base}/one_plus_factor",
            "1",
            [(1, builder.one()), (1, clinker)],
            label=f"{name}: raw meal per tonne of clinker",
            equation=f"{ACT} Eq 28: 1 + EF_cli",
        ),
        label=f"{name}: carbonate CO2 per tonne of raw meal",
        equation=f"{ACT} Eq 28: x = EF_cli / (1 + EF_cli)",
    )
    lost = builder.product(
        f"{base}/x_times_d",
        "1",
        [x, degree.node],
        label=f"{name}: CO2 driven out of the dust",
        equation=f"{ACT} Eq 28: x × d",
    )
    return builder.quotient(
        f"{base}/dust_factor",
        "tCO2/t",
        lost,
        builder.sum(
            f"{base}/one_minus_xd",
            "1",
            [(1, builder.one()), (-1, lost)],
            label=f"{name}: what is left of the raw meal",
            equation=f"{ACT} Eq 28: 1 - x × d",
        ),
        label=f"{name}: emission factor of kiln dust",
        equation=f"{ACT} Eq 28: x × d / (1 - x × d)",
    )
