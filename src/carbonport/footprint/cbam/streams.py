"""Emissions of one source stream, by its method; and the three methods that count carbon (2547 Annex II B.3).

    combustion     Em = FQ × NCV × EF × OF × (1 - BF)        Eq 5, 6, 10
                   Em = FQ × EF × OF × (1 - BF)              EF per tonne or 1000Nm3; or EF = CC × f, Eq 9
    process        Em = AD × EF × CF × (1 - BF)              Eq 11; or EF = CC × f. Method A: carbonates in,
                                                             method B: oxides out, each with its own EF
    mass balance   Em = f × AD × CC × (1 - BF)               Eq 12-15, outputs subtracted by the sum above

OF and CF that a stream does not state are 1 (always allowed), BF is 0 (unknown biomass counts as fossil).
Biomass is zero-rated only with proof of sustainability: stating BF is the operator's claim, checking it is
the verifier's task. The other methods are in `clinker`, `perfluorocarbons` and `continuous_measurement`.
"""

from carbonport.footprint.cbam.clinker import clinker_emissions, kiln_dust_emissions
from carbonport.footprint.cbam.continuous_measurement import measured_emissions
from carbonport.footprint.cbam.perfluorocarbons import overvoltage_emissions, slope_emissions
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.cbam.stream_figures import PER, Figure, StreamEmissions, StreamFigures
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Direction, Ledger, SourceStream
from carbonport.footprint.tables.rule_tables import RuleTables
from carbonport.footprint.units import unit_named

COMBUSTION, PROCESS, MASS_BALANCE = "combustion", "process", "mass-balance"

METHODS = (
    COMBUSTION,
    PROCESS,
    MASS_BALANCE,
    "clinker",
    "kiln-dust",
    "pfc-slope",
    "pfc-overvoltage",
    "measurement",
)
"""Every method of a source stream."""


def stream_emissions(
    builder: GraphBuilder,
    stream: SourceStream,
    ledger: Ledger,
    tables: RuleTables,
    scope: Scope = Scope.DEFINITIVE,
) -> StreamEmissions:
    """Add the emissions of `stream`; `Malformed` when a factor is missing or its unit does not fit the
    activity.
    """
    figures = StreamFigures(builder, stream, ledger, tables)
    if stream.method != MASS_BALANCE and stream.direction is not Direction.INPUT:
        raise figures.bad("an output that is no mass-balance stream", "outputs in mass balances only")
    match stream.method:
        case "mass-balance" | "combustion" | "process":
            return _CarbonRule(figures).emissions()
        case "clinker":
            return clinker_emissions(figures)
        case "kiln-dust":
            return kiln_dust_emissions(figures)
        case "pfc-slope":
            return slope_emissions(figures)
        case "pfc-overvoltage":
            return overvoltage_emissions(figures)
        case "measurement":
            return measured_emissions(figures, scope)
        case _:
            raise figures.bad(f"the method {stream.method[:40]!r}", ", ".join(METHODS))


class _CarbonRule:
    def __init__(self, figures: StreamFigures) -> None:
        self._figures, self._builder, self._stream = figures, figures.builder, figures.stream
        self._base = figures.base
        self._activity = figures.needed("activity_data", "activity data")
        self._activity_kind = unit_named(self._activity.unit).kind

    def emissions(self) -> StreamEmissions:
        if self._stream.method == MASS_BALANCE:
            return self.mass_balance()
        return self.combustion() if self._stream.method == COMBUSTION else self.process()

    def combustion(self) -> StreamEmissions:
        emission_factor = self._emission_factor()
        if emission_factor is None:
            equation, factors = "Eq 5, 9: Em = FQ × CC × f", self._carbon()
        elif (
            unit_named(emission_factor.unit).kind == "emissions per energy"
            and self._activity_kind != "energy"
        ):
            heat = self._figures.needed("net_calorific_value", "net calorific value")
            self._figures.fits(heat, "energy " + self._per(), self._activity)
            equation, factors = "Eq 5, 6: Em = FQ × NCV × EF", [heat.node, emission_factor.node]
        else:
            self._figures.fits(emission_factor, "emissions " + self._per(), self._activity)
            equation, factors = "Eq 5: Em = FQ × EF", [emission_factor.node]
        oxidation = self._figures.figure("oxidation_factor", "oxidation factor")
        return self._emissions(equation, factors, oxidation, "OF")

    def process(self) -> StreamEmissions:
        emission_factor = self._emission_factor()
        if emission_factor is None:
            equation, factors = "Eq 11, 9: Em = AD × CC × f", self._carbon()
        elif (
            unit_named(emission_factor.unit).kind == "emissions per energy"
            and self._activity_kind != "energy"
            and self._figures.has("net_calorific_value")
        ):
            heat = self._figures.needed("net_calorific_value", "net calorific value")
            self._figures.fits(heat, "energy " + self._per(), self._activity)
            equation, factors = "Eq 11: Em = AD × NCV × EF", [heat.node, emission_factor.node]
        else:
            self._figures.fits(emission_factor, "emissions " + self._per(), self._activity)
            equation, factors = "Eq 11: Em = AD × EF", [emission_factor.node]
        conversion = self._figures.figure("conversion_factor", "conversion factor")
        return self._emissions(equation, factors, conversion, "CF")

    def mass_balance(self) -> StreamEmissions:
        return self._emissions("Eq 12-15: Em = AD × CC × f", self._carbon(), None, "")

    def _emissions(
        self, equation: str, factors: list[NodeId], share: Figure | None, letter: str
    ) -> StreamEmissions:
        stream, builder, base = self._stream, self._builder, self._base
        parts = [self._activity.node, *factors]
        if share is not None:
            parts.append(share.node)
            equation += f" × {letter}"
        elif letter:
            equation += f", {letter} = 1"
        biomass_fraction = self._figures.figure("biomass_fraction", "biomass fraction")
        act = "2547 Annex II "
        sign = -1 if stream.direction is Direction.OUTPUT else 1
        label = (
            f"Carbon in {stream.label} as CO2"
            if stream.method == MASS_BALANCE
            else f"CO2 from {stream.label}"
        )
        if biomass_fraction is None:
            fossil = builder.product(
                f"{base}/emissions", "tCO2e", parts, label=label, equation=act + equation
            )
            return StreamEmissions(fossil, None, sign)
        self._figures.fits(biomass_fraction, "ratio", self._activity)
        share_id = builder.sum(
            f"{base}/fossil_share",
            "1",
            [(1, builder.one()), (-1, biomass_fraction.node)],
            label=f"Fossil share of {stream.label}",
            equation=f"{act}Eq 10: 1 - BF",
        )
        fossil = builder.product(
            f"{base}/emissions",
            "tCO2e",
            [*parts, share_id],
            label=f"{label}, fossil",
            equation=f"{act}{equation} × (1 - BF), Eq 10",
        )
        biomass = builder.product(
            f"{base}/biomass_emissions",
            "tCO2e",
            [*parts, biomass_fraction.node],
            label=f"{label}, biomass (zero-rated)",
            equation=f"{act}{equation} × BF",
        )
        return StreamEmissions(fossil, biomass, sign)

    def _emission_factor(self) -> Figure | None:
        """The stated EF; without one, a stated CC goes first, then the standard EF."""
        if "emission_factor" not in self._stream.records and "carbon_content" in self._stream.records:
            return None
        return self._figures.figure("emission_factor", "emission factor")

    def _carbon(self) -> list[NodeId]:
        carbon = self._figures.needed("carbon_content", "carbon content")
        self._figures.fits(carbon, "carbon " + self._per(), self._activity)
        f = self._figures.constant("carbon_to_co2", "f, tonnes of CO2 per tonne of C")
        return [carbon.node, f]

    def _per(self) -> str:
        per = PER.get(self._activity_kind)
        if per is None:
            raise self._figures.bad(f"an activity in {self._activity.unit}", "t, 1000Nm3 or TJ")
        return per
