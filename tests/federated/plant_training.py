"""Rows of the invented plants as the tasks read them, and the two plausibility tasks over them."""

from collections.abc import Iterable

import numpy as np

from carbonport.examples.plants.ledgers import EmissionsEngine
from carbonport.examples.plants.table import PlantRow, draw_cohort, plant_rows
from carbonport.federated.features import Category, PublicRange, Rows
from carbonport.federated.recalculation import RecalculationTask
from carbonport.federated.ridge import RidgeTask

ROUTES = Category(("BF-BOF", "EAF", "DRI-EAF", "aluminium", "clinker"))
CLAIMS = PublicRange(0.02, 5.0, "log")
RECALCULATION = RecalculationTask("recalculated", "route", ROUTES, CLAIMS)
INDEPENDENT = RidgeTask(
    numbers={
        "electricity_t_per_t": PublicRange(0.002, 20.0, "log"),
        "electricity_mwh_per_t": PublicRange(0.03, 20.0, "log"),
    },
    categories={"route": ROUTES},
    target=CLAIMS,
    squares=False,
    slopes_by="route",
)
ENGINE = EmissionsEngine()


def as_rows(listed: Iterable[PlantRow]) -> Rows:
    rows = list(listed)
    numbers = ("recalculated", "electricity_t_per_t", "electricity_mwh_per_t")
    return Rows(
        {name: np.array([getattr(row, name) for row in rows]) for name in numbers},
        {"route": np.array([row.route.name for row in rows])},
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
