"""Rows of invented plants, as an exporter's node makes them of its ledgers."""

import numpy as np

from carbonport.examples.plants.ledgers import EmissionsEngine
from carbonport.examples.plants.recipes import Plant
from carbonport.examples.plants.table import plant_rows
from carbonport.federated.features import Rows
from carbonport.federated.plausibility_tasks import RECALCULATED, ROUTE, SEE_INDIRECT

SEED = "bench"
"""Of the plants."""

MONTHS = 12
"""Months of each plant."""


def member_rows(plant: Plant, engine: EmissionsEngine) -> Rows:
    """A row for each month."""
    rows = list(plant_rows(SEED, plant, engine, months=MONTHS))
    return Rows(
        {
            RECALCULATED: np.array([row.recalculated for row in rows]),
            SEE_INDIRECT: np.array([row.see_indirect for row in rows]),
        },
        {ROUTE: np.array([row.route.name for row in rows])},
        np.array([row.see for row in rows]),
    )
