"""Heat and electricity from the installation's own boilers and cogeneration (2547 Annex III A.2.2).

    boiler         EF_heat = EF_mix / eta,  EF_mix = Em / E_in,  eta = Q / E_in     Eq 44, 45
    cogeneration   eta_h = Q / E_in,  eta_el = E_el / E_in                          Eq 46, 47
                   F_h = (eta_h / ref_h) / (eta_h / ref_h + eta_el / ref_el), F_el likewise   Eq 48, 49
                   EF_heat = Em × F_h / Q,  EF_el = Em × F_el / E_el                Eq 50-52

Em is the sum of the unit's source streams, or its own record. A waste gas counts here with at most 56.1
tCO2/TJ: what it has above that stays with the process that made it. Without measured energies the
efficiencies are 0.55 and 0.25, a boiler's is 0.90. Heat of exothermic chemical reactions carries nothing: it
needs no utility.
"""

from dataclasses import dataclass

from carbonport.errors import Malformed
from carbonport.footprint.cbam.owned_streams import owned_part
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.cbam.streams import COMBUSTION, stream_emissions
from carbonport.footprint.graph_builder import GraphBuilder, NodeId
from carbonport.footprint.ledger import Ledger, SourceStream, Utility
from carbonport.footprint.tables.rule_tables import RuleTables
from carbonport.footprint.units import unit_named

ACT = "2547 Annex III A.2.2"

BOILER, COGENERATION = "boiler", "chp"


@dataclass(frozen=True, slots=True)
class UtilityFactors:
    """Emission factors of what a utility delivers: heat in tCO2/TJ, electricity in tCO2/MWh (a boiler: None)."""

    heat: NodeId
    electricity: NodeId | None


def utility_factors(
    builder: GraphBuilder, utility_id: str, ledger: Ledger, tables: RuleTables, scope: Scope
) -> UtilityFactors:
    """Add the factors of the utility `utility_id`."""
    utility = next(utility for utility in ledger.utilities if utility.id == utility_id)
    rule = _UtilityRule(builder, utility, ledger, tables, scope)
    return rule.cogeneration() if utility.kind == COGENERATION else rule.boiler()


class _UtilityRule:
    def __init__(
        self, builder: GraphBuilder, utility: Utility, ledger: Ledger, tables: RuleTables, scope: Scope
    ) -> None:
        self._builder, self._utility, self._ledger = builder, utility, ledger
        self._tables, self._scope = tables, scope
        self._base = f"utility/{utility.id}"
        if utility.kind not in (BOILER, COGENERATION):
            raise Malformed(
                "utility-unusable",
                found=f"a utility of the kind {utility.kind[:40]!r}",
                expected=f"{BOILER} or {COGENERATION}",
                remedy="Say what the utility is.",
                where=f"utility {utility.id}",
            )

    def boiler(self) -> UtilityFactors:
        mix = self._builder.quotient(
            f"{self._base}/mix_factor",
            "tCO2/TJ",
            self._emissions(),
            self._needed("fuel_input", "fuel energy"),
            label=f"{self._utility.label}: emission factor of the fuel mix",
            equation=f"{ACT} Eq 45: EF_mix = Em / E_in",
        )
        heat = self._builder.quotient(
            f"{self._base}/heat_factor",
            "tCO2/TJ",
            mix,
            self._efficiency("heat_efficiency", "heat_produced", "boiler_efficiency", "heat"),
            label=f"{self._utility.label}: emission factor of its heat",
            equation=f"{ACT} Eq 44: EF_mix / eta",
        )
        return UtilityFactors(heat, None)

    def cogeneration(self) -> UtilityFactors:
        emissions = self._emissions()
        ratios = {
            kind: self._builder.quotient(
                f"{self._base}/{kind}_ratio",
                "1",
                self._efficiency(f"{kind}_efficiency", produced, f"chp_{kind}_efficiency", what),
                self._reference(kind),
                label=f"{self._utility.label}: efficiency of {what} to its reference",
                equation=f"{ACT} Eq 48, 49: eta / eta_ref",
            )
            for kind, produced, what in (
                ("heat", "heat_produced", "heat"),
                ("electric", "electricity_produced", "electricity"),
            )
        }
        both = self._builder.sum(
            f"{self._base}/ratios",
            "1",
            [(1, ratio) for ratio in ratios.values()],
            label=f"{self._utility.label}: both ratios",
            equation=f"{ACT} Eq 48, 49: eta_h / ref_h + eta_el / ref_el",
        )
        return UtilityFactors(
            heat=self._factor(emissions, ratios["heat"], both, "heat", "heat_produced", "tCO2/TJ"),
            electricity=self._factor(
                emissions, ratios["electric"], both, "electricity", "electricity_produced", "tCO2/MWh"
            ),
        )

    def _factor(
        self, emissions: NodeId, ratio: NodeId, both: NodeId, what: str, produced: str, unit: str
    ) -> NodeId:
        share = self._builder.quotient(
            f"{self._base}/{what}_share",
            "1",
            ratio,
            both,
            label=f"{self._utility.label}: share of {what} in its emissions",
            equation=f"{ACT} Eq 48, 49: F = (eta / ref) / (eta_h / ref_h + eta_el / ref_el)",
        )
        part = self._builder.product(
            f"{self._base}/{what}_emissions",
            "tCO2e",
            [emissions, share],
            label=f"{self._utility.label}: emissions of its {what}",
            equation=f"{ACT} Eq 50: Em × F",
        )
        return self._builder.quotient(
            f"{self._base}/{what}_factor",
            unit,
            part,
            self._needed(produced, f"{what} produced"),
            label=f"{self._utility.label}: emission factor of its {what}",
            equation=f"{ACT} Eq 51, 52: Em × F / amount produced",
        )

    def _efficiency(self, stated: str, produced: str, default: str, what: str) -> NodeId:
        records, name = self._utility.records, self._utility.label
        if stated in records:
            return self._builder.input(records[stated], f"{name}: efficiency of {what}")
        if produced not in records or "fuel_input" not in records:
            return self._builder.constant(
                f"constant/{default}", self._tables.constant(default), f"efficiency of {what} by default"
            )
        energy = self._builder.input(records[produced], f"{name}: {what} produced")
        if self._ledger.records[records[produced]].unit == "MWh":
            energy = self._builder.product(
                f"{self._base}/electricity_in_terajoules",
                "TJ",
                [
                    energy,
                    self._builder.constant(
                        "constant/terajoules_per_megawatthour",
                        self._tables.constant("terajoules_per_megawatthour"),
                        "TJ per MWh",
                    ),
                ],
                label=f"{name}: electricity produced, in TJ",
                equation="1 MWh = 0.0036 TJ",
            )
        return self._builder.quotient(
            f"{self._base}/{what}_efficiency",
            "1",
            energy,
            self._needed("fuel_input", "fuel energy"),
            label=f"{name}: efficiency of {what}",
            equation=f"{ACT} Eq 46, 47: energy produced / E_in",
        )

    def _reference(self, kind: str) -> NodeId:
        field, name = f"{kind}_reference_efficiency", self._utility.label
        if field in self._utility.records:
            return self._builder.input(self._utility.records[field], f"{name}: reference efficiency, {kind}")
        reference = self._tables.cogeneration.get(self._utility.reference)
        if reference is None:
            raise Malformed(
                "utility-reference",
                found=f"the reference {self._utility.reference[:40]!r}"
                if self._utility.reference
                else "none",
                expected=f"a row of {self._tables.versions['cogeneration_references']}, or both efficiencies",
                remedy="Name fuel, years and medium, such as G10/from-2016/steam.",
                where=f"utility {self._utility.id}",
            )
        number = reference.heat if kind == "heat" else reference.electricity
        return self._builder.constant(
            f"{self._base}/{field}", number, f"{name}: reference efficiency, {kind}"
        )

    def _emissions(self) -> NodeId:
        if "direct_emissions" in self._utility.records:
            return self._needed("direct_emissions", "emissions")
        owned = self._ledger.streams_of(self._utility.id)
        terms = []
        for stream in owned:
            emissions = stream_emissions(self._builder, stream, self._ledger, self._tables, self._scope)
            whole = emissions.fossil if not stream.waste_gas else self._capped(stream, emissions.fossil)
            part = owned_part(self._builder, stream, self._utility.id, whole, self._ledger)
            terms.append((emissions.sign, part))
        if not terms:
            raise self._missing("source streams or emissions")
        return self._builder.sum(
            f"{self._base}/emissions",
            "tCO2e",
            terms,
            label=f"{self._utility.label}: emissions of its fuels",
            equation="2547 Annex II Eq 4: sum over source streams",
        )

    def _capped(self, stream: SourceStream, emissions: NodeId) -> NodeId:
        """min(Em, energy × 56.1), written as Em - max(0, Em - energy × 56.1)."""
        builder, base = self._builder, f"stream/{stream.id}"
        activity = self._ledger.records[stream.records["activity_data"]]
        kind = unit_named(activity.unit).kind
        if stream.method != COMBUSTION or (kind != "energy" and "net_calorific_value" not in stream.records):
            raise Malformed(
                "waste-gas-energy",
                found="a waste gas without its energy",
                expected="a combustion stream in TJ, or with its own net calorific value",
                remedy="State the net calorific value of the waste gas.",
                where=f"source stream {stream.id}",
            )
        factors = [builder.input(activity.path, f"{stream.label}: activity data")]
        if kind != "energy":
            path = stream.records["net_calorific_value"]
            factors.append(builder.input(path, f"{stream.label}: net calorific value"))
        factors.append(
            builder.constant(
                "constant/waste_gas_factor",
                self._tables.constant("waste_gas_factor"),
                "emission factor of natural gas",
            )
        )
        at_most = builder.product(
            f"{base}/as_natural_gas",
            "tCO2e",
            factors,
            label=f"{stream.label}: emissions at 56.1 tCO2/TJ",
            equation=f"{ACT}: energy × 56.1",
        )
        above = builder.floor(
            f"{base}/above_natural_gas",
            "tCO2e",
            builder.sum(
                f"{base}/less_natural_gas",
                "tCO2e",
                [(1, emissions), (-1, at_most)],
                label=f"{stream.label}: emissions less those at 56.1 tCO2/TJ",
                equation="Em - energy × 56.1",
            ),
            label=f"{stream.label}: what stays with the process that made the gas",
            equation="never below 0",
        )
        return builder.sum(
            f"{base}/capped_emissions",
            "tCO2e",
            [(1, emissions), (-1, above)],
            label=f"{stream.label}: emissions, at most 56.1 tCO2/TJ",
            equation=f"{ACT}: an emission factor above 56.1 counts as 56.1",
        )

    def _needed(self, field: str, label: str) -> NodeId:
        path = self._utility.records.get(field)
        if path is None:
            raise self._missing(label)
        return self._builder.input(path, f"{self._utility.label}: {label}")

    def _missing(self, what: str) -> Malformed:
        return Malformed(
            "utility-missing-figure",
            found=f"no {what}",
            expected=f"the {what} of the utility",
            remedy="State it in the ledger file.",
            where=f"utility {self._utility.id}",
        )
