"""Rows of the invented plants as the plausibility tasks read them."""

from collections.abc import Iterable

import numpy as np

from carbonport.examples.plants.ledgers import EmissionsEngine
from carbonport.examples.plants.table import PlantRow, draw_cohort, plant_rows
from carbonport.federated.features import Rows
from carbonport.federated.plausibility_tasks import RECALCULATED, ROUTE, SEE_INDIRECT

ENGINE = EmissionsEngine()


def as_rows(listed: Iterable[PlantRow]) -> Rows:
    rows = list(listed)
    numbers = (RECALCULATED, SEE_INDIRECT)
    return Rows(
        {name: np.array([getattr(row, name) for row in rows]) for name in numbers},
        {ROUTE: np.array([row.route.name for row in rows])},
        np.array([row.see for row in rows]),
    )


def drawn(seed: str, months: int, *, claimed: float = 1.0, consistent: bool = False) -> dict[str, Rows]:
    """A cohort's rows by exporter."""
    return {
        plant.name: as_rows(
            plant_rows(seed, plant, ENGINE, months=months, claimed=claimed, consistent=consistent)
        )
        for plant in draw_cohort(seed)
    }


def claiming(rows: Rows, share: float) -> Rows:
    """The same rows with a simple lie."""
    return Rows(rows.numbers, rows.words, rows.target * share)
