"""What a plant of each production route consumes, month by month.

Specific consumptions are drawn around typical values of the route (t, GJ or MWh per tonne of product, or per tonne of
hot metal or reduced iron where that is the usual base); utilisation follows its own past, and below full load a plant
needs more heat for a tonne. The carbon in a plant's own fuels and materials differs from the standard factors: by what
is usual in its sector, and by what is its own (`OWN_DEVIATION`), which no reader of the ledger's amounts can see.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

OWN_DEVIATION = 0.03
"""Standard deviation of a plant's own factors around what is usual in its sector."""

PART_LOAD_PENALTY = 0.12
"""Additional heat per tonne, as a share, for each unit of utilisation below full load."""

MONTHLY_VARIATION = 0.02
"""Standard deviation of a month's specific consumption around the plant's own level."""

UTILISATION_MEMORY = 0.7
"""How much of a month's departure from the plant's usual utilisation is left a month later."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A normal distribution, drawn again while outside three standard deviations or below `low`."""

    mean: float
    deviation: float
    low: float = 0.0

    def draw(self, random: Random) -> float:
        """One value."""
        while True:
            value = random.gauss(self.mean, self.deviation)
            if value >= self.low and abs(value - self.mean) <= 3 * self.deviation:
                return value


@dataclass(frozen=True, slots=True)
class StreamKind:
    """A source stream of a route: its method and unit, the row of standard factors, and the value that a plant of the
    sector usually finds for its own material, in which `factor` of the ledger. `further` is what else it states.
    """

    id: str
    label: str
    method: str
    unit: str
    standard: str
    factor: str
    factor_unit: str
    usual_factor: float
    further: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """A production route: its good, its streams, and how a plant's year is drawn.

    `typical` draws the plant's own level of each consumption; `amounts` turns such levels and a load penalty into
    amounts per tonne of product, by stream id (and `electricity`, `waste_gas_export`).
    """

    name: str
    sector: str
    cn: str
    category: str
    capacity_kt: tuple[float, float]
    utilisation: Spread
    streams: tuple[StreamKind, ...]
    typical: Callable[[Random], dict[str, float]]
    amounts: Callable[[Mapping[str, float], float], dict[str, float]]
    counts_electricity: bool = False


@dataclass(frozen=True, slots=True)
class Plant:
    """One plant: its route, its size, its own factors, its levels of consumption and the grid it is on (tCO2/MWh)."""

    name: str
    route: Route
    capacity_kt: float
    usual_utilisation: float
    grid_factor: float
    levels: Mapping[str, float]
    factors: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PlantMonth:
    """A month of a plant: production in t, utilisation, and what was really consumed, in the streams' units."""

    plant: Plant
    number: int
    utilisation: float
    production_t: float
    amounts: Mapping[str, float]


def draw_plant(name: str, route: Route, random: Random) -> Plant:
    """A plant of `route`."""
    low, high = (math.log(end) for end in route.capacity_kt)
    levels = route.typical(random)
    return Plant(
        name=name,
        route=route,
        capacity_kt=math.exp(random.uniform(low, high)),
        usual_utilisation=route.utilisation.draw(random),
        grid_factor=levels.pop("grid_factor", 0.5),
        levels=levels,
        factors={
            kind.id: kind.usual_factor * math.exp(random.gauss(0, OWN_DEVIATION)) for kind in route.streams
        },
    )


def draw_months(plant: Plant, months: int, random: Random) -> list[PlantMonth]:
    """`months` consecutive months of a plant."""
    result = []
    departure = 0.0
    for number in range(months):
        departure = UTILISATION_MEMORY * departure + random.gauss(0, 0.04)
        utilisation = min(0.99, max(0.4, plant.usual_utilisation + departure))
        levels = {
            name: level * math.exp(random.gauss(0, MONTHLY_VARIATION)) for name, level in plant.levels.items()
        }
        penalty = 1 + PART_LOAD_PENALTY * (1 - utilisation)
        production = plant.capacity_kt * 1000 / 12 * utilisation
        per_tonne = plant.route.amounts(levels, penalty)
        amounts = {stream: amount * production for stream, amount in per_tonne.items()}
        result.append(PlantMonth(plant, number, utilisation, production, amounts))
    return result
