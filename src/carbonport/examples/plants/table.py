"""Rows of many invented plants: what a model may read of each month, and what the plant claims.

An honest claim is the real value with the error of a statement (`CLAIM_NOISE`). A *simple* lie claims a share of the
real value and leaves the ledger as it is. A *consistent* lie states the carbon inputs too low by the same share too, so
that a recalculation agrees with the claim.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from carbonport.examples.plants.ledgers import EmissionsEngine, MeteredMonth, metered
from carbonport.examples.plants.recipes import Plant, PlantMonth, Route, draw_months, draw_plant
from carbonport.examples.plants.routes import COHORT

CLAIM_NOISE = 0.01
"""Standard deviation of the error of an honest claim, as a share."""

MONTHS = 36
"""Months of a full history."""

COLUMNS = (
    "exporter",
    "month",
    "route",
    "sector",
    "recalculated",
    "electricity_mwh_per_t",
    "see_indirect",
    "grid_factor",
    "capacity_kt",
    "utilisation",
    "see",
)
"""Columns of a row as text."""


@dataclass(frozen=True, slots=True)
class PlantRow:
    """A month: `recalculated` from amounts with standard factors, `see_indirect` what the electricity of a tonne
    emits where it is made, `see` the claim; all in tCO2e/t."""

    month: MeteredMonth
    route: Route
    recalculated: float
    electricity_mwh_per_t: float
    see_indirect: float
    grid_factor: float
    capacity_kt: float
    utilisation: float
    see: float

    def cells(self) -> list[str]:
        """The row in the order of `COLUMNS`."""
        numbers = (
            self.recalculated,
            self.electricity_mwh_per_t,
            self.see_indirect,
            self.grid_factor,
            self.capacity_kt,
            self.utilisation,
            self.see,
        )
        labels = [self.month.plant.name, str(self.month.number), self.route.name, self.route.sector]
        return labels + [f"{number:.6f}" for number in numbers]


def draw_cohort(seed: str, cohort: tuple[tuple[Route, int], ...] = COHORT) -> list[Plant]:
    """Plants of every route; the same seed gives the same plants."""
    return [
        draw_plant(f"{route.name.lower()}-{number + 1:02d}", route, Random(f"{seed}/{route.name}/{number}"))  # noqa: S311
        for route, count in cohort
        for number in range(count)
    ]


def plant_rows(
    seed: str,
    plant: Plant,
    engine: EmissionsEngine,
    *,
    months: int = MONTHS,
    claimed: float = 1.0,
    consistent: bool = False,
) -> Iterator[PlantRow]:
    """The rows of a plant that claims `claimed` times the real value; `consistent` lies in the ledger too."""
    random = Random(f"{seed}/{plant.name}/months")  # noqa: S311 - invented figures need no secrecy
    for month in draw_months(plant, months, random):
        real = engine.see(metered(month, None))
        read = metered(month, random)
        if consistent:
            read = _with_carbon(read, claimed)
        yield _row(month, read, engine, claimed * real * math.exp(random.gauss(0, CLAIM_NOISE)))


def _row(month: PlantMonth, read: MeteredMonth, engine: EmissionsEngine, claim: float) -> PlantRow:
    plant = month.plant
    electricity = float(read.amounts["electricity"] / read.production_t)
    return PlantRow(
        month=read,
        route=plant.route,
        recalculated=engine.see(read, standard=True),
        electricity_mwh_per_t=electricity,
        see_indirect=electricity * plant.grid_factor,
        grid_factor=plant.grid_factor,
        capacity_kt=plant.capacity_kt,
        utilisation=month.utilisation,
        see=claim,
    )


def _with_carbon(month: MeteredMonth, share: float) -> MeteredMonth:
    factor = Decimal(f"{share:.6f}")
    kept: Mapping[str, Decimal] = {
        name: amount
        if name in ("electricity", "anode_effect_minutes", "pfc")
        else (amount * factor).quantize(Decimal("0.000001"))
        for name, amount in month.amounts.items()
    }
    return replace(month, amounts=kept)
