"""Emissions of one source stream: combustion, process emissions, mass balance (2547 Annex II B.3).

    combustion     Em = FQ × NCV × EF × OF × (1 - BF)        Eq 5, 6, 10
                   Em = FQ × EF × OF × (1 - BF)              EF per tonne or 1000Nm3; or EF = CC × f, Eq 9
    process        Em = AD × EF × CF × (1 - BF)              Eq 11; or EF = CC × f
    mass balance   Em = f × AD × CC × (1 - BF)               Eq 12-15, outputs subtracted by the sum above

OF and CF that a stream does not state are 1 (always allowed), BF is 0 (unknown biomass counts as fossil).
Biomass is zero-rated only with proof of sustainability: stating BF is the operator's claim, checking it is
the verifier's task.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.errors import Malformed
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Direction, Ledger, SourceStream
from carbonport.footprint.tables.rule_tables import PublishedNumber, RuleTables
from carbonport.footprint.units import base_unit, convert, unit_named

COMBUSTION, PROCESS, MASS_BALANCE = "combustion", "process", "mass-balance"

_PER = {"mass": "per mass", "volume": "per volume", "energy": "per energy"}
"""What a factor has to be per, for an activity of each kind."""


@dataclass(frozen=True, slots=True)
class StreamEmissions:
    """The nodes of a stream: fossil emissions, biomass emissions (None: no biomass stated), the sign in a
    sum.
    """

    fossil: NodeId
    biomass: NodeId | None
    sign: int


@dataclass(frozen=True, slots=True)
class _Factor:
    node: NodeId
    unit: str
    label: str


def stream_emissions(
    builder: GraphBuilder, stream: SourceStream, ledger: Ledger, tables: RuleTables
) -> StreamEmissions:
    """Add the emissions of `stream`; `Malformed` when a factor is missing or its unit does not fit the
    activity.
    """
    rule = _StreamRule(builder, stream, ledger, tables)
    if stream.method == MASS_BALANCE:
        return rule.mass_balance()
    if stream.direction is not Direction.INPUT:
        raise rule.bad("an output that is no mass-balance stream", "outputs in mass balances only")
    if stream.method == COMBUSTION:
        return rule.combustion()
    if stream.method == PROCESS:
        return rule.process()
    raise rule.bad(f"the method {stream.method[:40]!r}", f"{COMBUSTION}, {PROCESS} or {MASS_BALANCE}")


class _StreamRule:
    def __init__(
        self, builder: GraphBuilder, stream: SourceStream, ledger: Ledger, tables: RuleTables
    ) -> None:
        self._builder = builder
        self._stream = stream
        self._ledger = ledger
        self._tables = tables
        self._base = f"stream/{stream.id}"
        self._activity = self._needed("activity_data", "activity data")
        self._activity_kind = unit_named(self._activity.unit).kind

    def combustion(self) -> StreamEmissions:
        emission_factor = self._emission_factor()
        if emission_factor is None:
            equation, factors = "Eq 5, 9: Em = FQ × CC × f", self._carbon()
        elif (
            unit_named(emission_factor.unit).kind == "emissions per energy"
            and self._activity_kind != "energy"
        ):
            heat = self._needed("net_calorific_value", "net calorific value")
            self._fits(heat, "energy " + self._per())
            equation, factors = "Eq 5, 6: Em = FQ × NCV × EF", [heat.node, emission_factor.node]
        else:
            self._fits(emission_factor, "emissions " + self._per())
            equation, factors = "Eq 5: Em = FQ × EF", [emission_factor.node]
        oxidation = self._factor("oxidation_factor", "oxidation factor")
        return self._emissions(equation, factors, oxidation, "OF")

    def process(self) -> StreamEmissions:
        emission_factor = self._emission_factor()
        if emission_factor is None:
            equation, factors = "Eq 11, 9: Em = AD × CC × f", self._carbon()
        else:
            self._fits(emission_factor, "emissions " + self._per())
            equation, factors = "Eq 11: Em = AD × EF", [emission_factor.node]
        conversion = self._factor("conversion_factor", "conversion factor")
        return self._emissions(equation, factors, conversion, "CF")

    def mass_balance(self) -> StreamEmissions:
        return self._emissions("Eq 12-15: Em = AD × CC × f", self._carbon(), None, "")

    def bad(self, found: str, expected: str) -> Malformed:
        return Malformed(
            "stream-unusable",
            found=found,
            expected=expected,
            remedy="Correct the source stream in the workbook or ledger file.",
            where=self._where(),
        )

    def _emissions(
        self, equation: str, factors: list[NodeId], share: _Factor | None, letter: str
    ) -> StreamEmissions:
        stream, builder, base = self._stream, self._builder, self._base
        parts = [self._activity.node, *factors]
        if share is not None:
            parts.append(share.node)
            equation += f" × {letter}"
        elif letter:
            equation += f", {letter} = 1"
        biomass_fraction = self._factor("biomass_fraction", "biomass fraction")
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
        self._fits(biomass_fraction, "ratio")
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

    def _emission_factor(self) -> _Factor | None:
        """The stated EF; without one, a stated CC goes first, then the standard EF."""
        if "emission_factor" not in self._stream.records and "carbon_content" in self._stream.records:
            return None
        return self._factor("emission_factor", "emission factor")

    def _carbon(self) -> list[NodeId]:
        carbon = self._needed("carbon_content", "carbon content")
        self._fits(carbon, "carbon " + self._per())
        f = self._builder.constant(
            "constant/carbon_to_co2",
            self._tables.constant("carbon_to_co2"),
            "f, tonnes of CO2 per tonne of C",
        )
        return [carbon.node, f]

    def _needed(self, field: str, label: str) -> _Factor:
        factor = self._factor(field, label)
        if factor is None:
            raise Malformed(
                "stream-missing-factor",
                found=f"no {label}",
                expected=f"a {label} for the method {self._stream.method}",
                remedy="State it for the stream, or name a standard factor that has it.",
                where=self._where(),
            )
        return factor

    def _factor(self, field: str, label: str) -> _Factor | None:
        path = self._stream.records.get(field)
        name = f"{self._stream.label}: {label}"
        if path is not None:
            return _Factor(self._builder.input(path, name), self._ledger.records[path].unit, label)
        number = self._standard().get(field)
        if number is None:
            return None
        unit = unit_named(number.unit)
        base = base_unit(unit.kind)
        converted = PublishedNumber(convert(number.value, unit, base), base.name, number.source)
        node = self._builder.constant(
            f"{self._base}/{field}", converted, f"{name} of {self._stream.standard}"
        )
        return _Factor(node, base.name, label)

    def _standard(self) -> Mapping[str, PublishedNumber]:
        if not self._stream.standard:
            return {}
        factors = self._tables.standard_factors.get(self._stream.standard)
        if factors is None:
            raise self.bad(
                f"the standard factor {self._stream.standard[:60]!r}",
                f"a name of {self._tables.versions['standard_factors']}",
            )
        return factors

    def _per(self) -> str:
        per = _PER.get(self._activity_kind)
        if per is None:
            raise self.bad(f"an activity in {self._activity.unit}", "t, 1000Nm3 or TJ")
        return per

    def _fits(self, factor: _Factor, kind: str) -> None:
        found = unit_named(factor.unit).kind
        if found != kind:
            raise Malformed(
                "unit-does-not-fit",
                found=f"the {factor.label} in {factor.unit}, the activity in {self._activity.unit}",
                expected=f"a {factor.label} that is {kind}",
                remedy="State the factor per unit of the activity.",
                where=self._where(),
            )

    def _where(self) -> str:
        path = self._stream.records.get("activity_data")
        place = f", {self._ledger.records[path].source.place}" if path else ""
        return f"source stream {self._stream.id}{place}"
