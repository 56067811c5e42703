"""Small invented tables for training tests: a target that follows from a fuel and two numbers, with noise."""

import numpy as np

from carbonport.federated.features import Category, PublicRange, Rows
from carbonport.federated.ridge import RidgeTask

LEVELS = {"coal": 1.0, "gas": 0.45, "lignite": 1.25}


def ridge_task(minimum_cohort: int = 5, *, slopes: bool = False) -> RidgeTask:
    return RidgeTask(
        numbers={"load": PublicRange(0.0, 1.0), "size": PublicRange(5.0, 1000.0, "log")},
        categories={"fuel": Category(("coal", "gas", "lignite"))},
        target=PublicRange(0.2, 2.5, "log"),
        squares=not slopes,
        slopes_by="fuel" if slopes else None,
        minimum_cohort=minimum_cohort,
    )


def plants(seed: int, count: int, fuels: tuple[str, ...] = ("coal", "gas")) -> Rows:
    """Rows of one participant."""
    drawn = np.random.default_rng(seed)
    fuel = drawn.choice(np.array(fuels), count)
    load, size = drawn.uniform(0.2, 0.95, count), np.exp(drawn.uniform(2.5, 6.5, count))
    level = np.array([LEVELS.get(str(name), 0.8) for name in fuel])
    target = level * np.exp(0.15 * (0.8 - load) - 0.02 * np.log(size) + drawn.normal(0, 0.03, count))
    return Rows({"load": load, "size": size}, {"fuel": fuel}, target)


def cohort(members: int, rows: int = 15, fuels: tuple[str, ...] = ("coal", "gas")) -> dict[str, Rows]:
    return {f"exporter-{number}": plants(number, rows, fuels) for number in range(members)}


def together(parts: dict[str, Rows]) -> Rows:
    return Rows.together(list(parts.values()))
