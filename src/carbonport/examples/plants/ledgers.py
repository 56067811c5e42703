"""A month of an invented plant as a ledger in Carbonport's own form, and its emissions by our own engine.

What a meter shows is the real amount with an error (`METER_NOISE`). A ledger holds what meters show, with the plant's
own factors. With the standard ones in their place (`standard=True`) it gives what a recalculation from amounts alone
sees.
"""

import math
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from carbonport.examples.plants.recipes import Plant, PlantMonth
from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.evaluate import Values, evaluate_outputs
from carbonport.footprint.graph import Graph
from carbonport.footprint.intake.yaml_ledger import parse_yaml_ledger
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.standard_recalculation import with_standard_factors
from carbonport.footprint.tables.rule_tables import RuleTables

METER_NOISE = 0.01
"""Standard deviation of a month's meter error, as a share."""

FIRST_YEAR = 2023
"""Months count from January of this year: a period in which the stated grid factor is used."""

PROCESS = "main"


@dataclass(frozen=True, slots=True)
class MeteredMonth:
    """Figures of a ledger: activity level in t, amounts by stream, electricity in MWh, exported gas in TJ."""

    plant: Plant
    number: int
    production_t: Decimal
    amounts: Mapping[str, Decimal]


def metered(month: PlantMonth, random: Random | None) -> MeteredMonth:
    """What the meters of the plant show; without `random` they show the truth."""

    def reading(amount: float) -> Decimal:
        error = 1.0 if random is None else math.exp(random.gauss(0, METER_NOISE))
        return _figure(amount * error)

    amounts = {name: reading(amount) for name, amount in month.amounts.items()}
    production = _figure(month.production_t)
    if "pfc" in amounts:
        amounts["pfc"] = production  # the slope method counts the metal itself
        amounts["anode_effect_minutes"] = _figure(month.plant.levels["anode_effect_minutes"])
    return MeteredMonth(month.plant, month.number, production, amounts)


def ledger_text(month: MeteredMonth) -> str:
    """The month as a YAML ledger, every name and figure invented."""
    plant, route = month.plant, month.plant.route
    year, place = divmod(month.number, 12)
    first = f"{FIRST_YEAR + year}-{place + 1:02d}"
    lines = [
        "# An invented plant. No figure is a real plant's.",
        "carbonport: ledger/v1",
        f"installation: {{name: {plant.name}, country: CN}}",
        f"period: {{start: {first}-01, end: {first}-{monthrange(FIRST_YEAR + year, place + 1)[1]}}}",
        "processes:",
        f"  - id: {PROCESS}",
        f"    name: {route.name}",
        f"    category: {route.category}",
        "    direct_emissions_from: streams",
        f"    activity_level: {month.production_t} t",
        f"    electricity: {month.amounts['electricity']} MWh",
        f"    electricity_factor: {_figure(plant.grid_factor)} tCO2/MWh",
    ]
    if "waste_gas_export" in month.amounts:
        lines.append(f"    waste_gas_export: {month.amounts['waste_gas_export']} TJ")
    lines += ["goods:", f'  - {{cn: "{route.cn}", process: {PROCESS}}}', "streams:"]
    for kind in route.streams:
        parts = [
            f"id: {kind.id}",
            f"name: {kind.label}",
            f"method: {kind.method}",
            f"process: {PROCESS}",
            f"activity_data: {month.amounts[kind.id]} {kind.unit}",
            f"standard_factor: {kind.standard}",
            f"{kind.factor}: {_figure(plant.factors[kind.id])} {kind.factor_unit}",
        ]
        if kind.further:
            parts.append(kind.further)
        if kind.id == "pfc":
            parts.append(f"anode_effect_frequency: {month.amounts['anode_effect_minutes']} 1/cell-day")
            parts.append("anode_effect_duration: 1 min")
        lines.append("  - {" + ", ".join(parts) + "}")
    return "\n".join(lines) + "\n"


@dataclass(slots=True)
class EmissionsEngine:
    """Specific embedded emissions by the calculation graph of each route, which is built once."""

    catalogue: Catalogue = field(default_factory=Catalogue.load)
    tables: RuleTables = field(default_factory=RuleTables.load)
    _graphs: dict[tuple[str, bool], tuple[Graph, Values]] = field(default_factory=dict)

    def ledger(self, month: MeteredMonth, *, standard: bool = False) -> Ledger:
        """The month as the engine reads it."""
        ledger = parse_yaml_ledger(ledger_text(month).encode(), f"{month.plant.name}.yaml", self.catalogue)
        return with_standard_factors(ledger) if standard else ledger

    def see(self, month: MeteredMonth, *, standard: bool = False) -> float:
        """tCO2e per tonne of product: direct, and indirect too where the route's electricity counts."""
        key = (month.plant.route.name, standard)
        if key not in self._graphs:
            ledger = self.ledger(month, standard=standard)
            good = calculate(ledger, None, self.tables).goods[0]
            self._graphs[key] = good.graph, {path: record.value for path, record in ledger.records.items()}
        graph, values = self._graphs[key]
        results = evaluate_outputs(graph, {**values, **_values(month)})
        total = results["see_direct"]
        if month.plant.route.counts_electricity:
            total += results["see_indirect"]
        return float(total)


def _values(month: MeteredMonth) -> dict[str, Decimal]:
    """The figures that differ between months and plants of one route, by ledger path."""
    plant = month.plant
    values = {f"stream/{kind.id}/activity_data": month.amounts[kind.id] for kind in plant.route.streams}
    for kind in plant.route.streams:
        values[f"stream/{kind.id}/{kind.factor}"] = _figure(plant.factors[kind.id])
    values[f"process/{PROCESS}/electricity_factor"] = _figure(plant.grid_factor)
    if "anode_effect_minutes" in month.amounts:
        values["stream/pfc/anode_effect_frequency"] = month.amounts["anode_effect_minutes"]
    values[f"process/{PROCESS}/activity_level"] = month.production_t
    values[f"process/{PROCESS}/electricity"] = month.amounts["electricity"]
    if "waste_gas_export" in month.amounts:
        values[f"process/{PROCESS}/waste_gas_export"] = month.amounts["waste_gas_export"]
    return values


def _figure(value: float) -> Decimal:
    """A figure as a document states it: six decimals."""
    return Decimal(f"{value:.6f}")
