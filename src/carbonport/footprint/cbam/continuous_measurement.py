"""Continuous measurement of CO2 and N2O in a stack (2547 Annex II B.6).

    Eq 16   t = concentration × hours × flow                        yearly means, or
            t = sum over hours of concentration × flow
    Eq 19   an hour with less than 80 % of valid data gets          mean + 2 × standard deviation
            of the concentrations of the valid hours
    Eq 18   Em = t N2O, to three decimals × 265                     transitional scope: not rounded
    Eq 29   V_flue = V_air × (1 - 0.2095) / (1 - O2_flue)           nitric acid plants without a flow meter

Biomass in measured CO2 is a stated fraction. The standard deviation is that of a sample (n - 1), its root
taken to `ROOT_DECIMALS` decimals. The flow of every hour has to be known: what replaces a missing one comes
from a mass or energy balance, which is the operator's own.
"""

from decimal import Decimal

from carbonport.errors import Malformed
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.cbam.stream_figures import StreamEmissions, StreamFigures
from carbonport.footprint.graph_builder import NodeId
from carbonport.footprint.ledger import MeasuredHour
from carbonport.footprint.tables.rule_tables import PublishedNumber

ACT = "2547 Annex II B.6"

GASES = ("CO2", "N2O")

VALID_SHARE = Decimal("0.8")
"""2547 Annex II B.6: an hour with at least this share of its data points is taken pro rata."""

MAX_HOURS = 8_784
"""Hours of a leap year."""

ROOT_DECIMALS = 12
"""Decimals of a standard deviation in g/Nm3: far below what any meter resolves."""

GAS_DECIMALS = 3
"""2547 Annex II Eq 18: tonnes of N2O are stated to three decimals."""


def measured_emissions(figures: StreamFigures, scope: Scope) -> StreamEmissions:
    """The stack's emissions in CO2e, fossil and biomass."""
    gas, stream = figures.stream.gas, figures.stream
    if gas not in GASES:
        raise figures.bad(f"the measured gas {gas[:20]!r}", " or ".join(GASES))
    tonnes = _hourly(figures) if stream.hours else _yearly(figures)
    builder, base = figures.builder, figures.base
    equation = f"{ACT} Eq 16: t × GWP"
    if gas == "N2O" and scope is Scope.DEFINITIVE:
        tonnes = builder.round(
            f"{base}/gas_rounded",
            tonnes,
            GAS_DECIMALS,
            label=f"{stream.label}: {gas}, as stated",
            equation=f"{ACT} Eq 18: tonnes to three decimals",
        )
        equation = f"{ACT} Eq 18: t × GWP"
    parts = [tonnes, figures.constant(f"gwp_{gas.lower()}", f"global warming potential of {gas}")]
    biomass_fraction = figures.figure("biomass_fraction", "biomass fraction")
    label = f"{gas} from {stream.label}"
    if biomass_fraction is None:
        node = builder.product(f"{base}/emissions", "tCO2e", parts, label=label, equation=equation)
        return StreamEmissions(node, None, 1)
    share = builder.sum(
        f"{base}/fossil_share",
        "1",
        [(1, builder.one()), (-1, biomass_fraction.node)],
        label=f"Fossil share of {stream.label}",
        equation="2547 Annex II Eq 10: 1 - BF",
    )
    fossil = builder.product(
        f"{base}/emissions",
        "tCO2e",
        [*parts, share],
        label=f"{label}, fossil",
        equation=f"{equation} × (1 - BF)",
    )
    biomass = builder.product(
        f"{base}/biomass_emissions",
        "tCO2e",
        [*parts, biomass_fraction.node],
        label=f"{label}, biomass (zero-rated)",
        equation=f"{equation} × BF",
    )
    return StreamEmissions(fossil, biomass, 1)


def _yearly(figures: StreamFigures) -> NodeId:
    """Mean concentration × hours × mean flow; g/Nm3 are kg per 1000Nm3."""
    return figures.builder.product(
        f"{figures.base}/gas",
        f"t{figures.stream.gas}",
        [
            figures.needed("ghg_concentration", "mean hourly concentration").node,
            figures.needed("operating_hours", "hours of operation").node,
            _flow(figures),
            figures.constant("tonnes_per_kilogram", "tonnes per kilogram"),
        ],
        label=f"{figures.stream.label}: {figures.stream.gas}",
        equation=f"{ACT} Eq 16: g/Nm3 × h × 1000Nm3/h × 0.001",
    )


def _flow(figures: StreamFigures) -> NodeId:
    if figures.has("flue_gas_flow") or not figures.has("air_flow"):
        return figures.needed("flue_gas_flow", "mean flue gas flow").node
    builder, base, name = figures.builder, figures.base, figures.stream.label
    inert = builder.sum(
        f"{base}/inert_share_of_air",
        "1",
        [(1, builder.one()), (-1, figures.constant("oxygen_share_of_air", "oxygen in dry air"))],
        label="Share of air that passes the process unchanged",
        equation="2547 Annex II Eq 29: 1 - 0.2095",
    )
    rest = builder.sum(
        f"{base}/inert_share_of_flue_gas",
        "1",
        [(1, builder.one()), (-1, figures.needed("oxygen_share", "oxygen in the flue gas").node)],
        label=f"{name}: share of the flue gas that is not oxygen",
        equation="2547 Annex II Eq 29: 1 - O2_flue",
    )
    air = builder.product(
        f"{base}/inert_flow",
        "1000Nm3/h",
        [figures.needed("air_flow", "flow of dry air").node, inert],
        label=f"{name}: inert gas through the process",
        equation="2547 Annex II Eq 29: V_air × (1 - 0.2095)",
    )
    return builder.quotient(
        f"{base}/flue_gas_flow_by_oxygen",
        "1000Nm3/h",
        air,
        rest,
        label=f"{name}: flue gas flow",
        equation="2547 Annex II Eq 29: V_air × (1 - 0.2095) / (1 - O2_flue)",
    )


def _hourly(figures: StreamFigures) -> NodeId:
    stream, builder, base = figures.stream, figures.builder, figures.base
    if len(stream.hours) > MAX_HOURS:
        raise figures.bad(f"{len(stream.hours)} hours", f"at most {MAX_HOURS}, the hours of a year")
    valid = [hour for hour in stream.hours if _is_valid(figures, hour)]
    missing = [hour for hour in stream.hours if not _is_valid(figures, hour)]
    terms = [(1, _hour(figures, hour, figures.at(hour.concentration, "concentration"))) for hour in valid]
    if missing:
        substitute = _substitute(figures, valid)
        terms += [(1, _hour(figures, hour, substitute)) for hour in missing]
    kilograms = builder.sum(
        f"{base}/gas_kilograms",
        f"kg{stream.gas}",
        terms,
        label=f"{stream.label}: {stream.gas} of all hours",
        equation=f"{ACT} Eq 16: sum of g/Nm3 × 1000Nm3",
    )
    return builder.product(
        f"{base}/gas",
        f"t{stream.gas}",
        [kilograms, figures.constant("tonnes_per_kilogram", "tonnes per kilogram")],
        label=f"{stream.label}: {stream.gas}",
        equation=f"{ACT} Eq 16: × 0.001",
    )


def _is_valid(figures: StreamFigures, hour: MeasuredHour) -> bool:
    if not hour.concentration:
        return False
    return not hour.data_share or figures.value(hour.data_share) >= VALID_SHARE


def _hour(figures: StreamFigures, hour: MeasuredHour, concentration: NodeId) -> NodeId:
    return figures.builder.product(
        f"{hour.flow.rpartition('/')[0]}/kilograms",
        f"kg{figures.stream.gas}",
        [concentration, figures.at(hour.flow, "flue gas of the hour")],
        label=f"{figures.stream.label}: {figures.stream.gas} of one hour",
        equation=f"{ACT} Eq 16: g/Nm3 × 1000Nm3",
    )


def _substitute(figures: StreamFigures, valid: list[MeasuredHour]) -> NodeId:
    """mean + 2 × standard deviation of the valid hours' concentrations."""
    if len(valid) < 2:
        raise Malformed(
            "measurement-too-few-hours",
            found=f"{len(valid)} hours with valid data",
            expected="at least two, to replace the concentration of the others",
            remedy="Enter the hours that were measured, or use a calculation-based method.",
            where=figures.where(),
        )
    builder, base, name = figures.builder, figures.base, figures.stream.label
    readings = [figures.at(hour.concentration, "concentration") for hour in valid]
    count = _count(figures, "valid_hours", len(valid), "hours with valid data")
    total = builder.sum(
        f"{base}/concentrations",
        "g/Nm3",
        [(1, reading) for reading in readings],
        label=f"{name}: concentrations of the valid hours",
        equation=f"{ACT} Eq 19: sum of c",
    )
    mean = builder.quotient(
        f"{base}/mean_concentration",
        "g/Nm3",
        total,
        count,
        label=f"{name}: mean concentration",
        equation=f"{ACT} Eq 19: mean of c",
    )
    # sum of (c - mean)^2 = sum of c^2 - (sum of c) × mean: two nodes per hour fewer.
    squares = builder.sum(
        f"{base}/squared_concentrations",
        "(g/Nm3)^2",
        [
            (
                1,
                builder.product(
                    f"{reading}/squared",
                    "(g/Nm3)^2",
                    [reading, reading],
                    label=f"{name}: squared concentration of one hour",
                    equation="c²",
                ),
            )
            for reading in readings
        ]
        + [
            (
                -1,
                builder.product(
                    f"{base}/mean_times_sum",
                    "(g/Nm3)^2",
                    [mean, total],
                    label=f"{name}: mean × sum of concentrations",
                    equation="mean × sum of c",
                ),
            )
        ],
        label=f"{name}: squared deviations from the mean",
        equation=f"{ACT} Eq 19: sum of (c - mean)²",
    )
    variance = builder.quotient(
        f"{base}/variance",
        "(g/Nm3)^2",
        squares,
        _count(figures, "degrees_of_freedom", len(valid) - 1, "valid hours less one"),
        label=f"{name}: variance of the concentration",
        equation=f"{ACT} Eq 19: sum of (c - mean)² / (n - 1)",
    )
    deviation = builder.root(
        f"{base}/standard_deviation",
        "g/Nm3",
        variance,
        ROOT_DECIMALS,
        label=f"{name}: standard deviation of the concentration",
        equation=f"{ACT} Eq 19: square root, to {ROOT_DECIMALS} decimals",
    )
    added = builder.product(
        f"{base}/two_deviations",
        "g/Nm3",
        [figures.constant("substitution_deviations", "standard deviations added"), deviation],
        label=f"{name}: two standard deviations",
        equation=f"{ACT} Eq 19: 2 × σ",
    )
    return builder.sum(
        f"{base}/substitute_concentration",
        "g/Nm3",
        [(1, mean), (1, added)],
        label=f"{name}: concentration of hours without valid data",
        equation=f"{ACT} Eq 19: mean + 2 × σ",
    )


def _count(figures: StreamFigures, name: str, count: int, label: str) -> NodeId:
    number = PublishedNumber(Decimal(count), "1", "counted in the ledger")
    return figures.builder.constant(f"{figures.base}/{name}", number, f"{figures.stream.label}: {label}")
