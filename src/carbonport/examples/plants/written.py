"""Invented plants as files: a ledger for each month, one table of rows, one of meter readings."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from carbonport.examples.plants.ledgers import EmissionsEngine, ledger_text
from carbonport.examples.plants.load_curves import CURVE_COLUMNS, draw_habits, draw_load_curve
from carbonport.examples.plants.recipes import Plant
from carbonport.examples.plants.routes import COHORT
from carbonport.examples.plants.table import COLUMNS, draw_cohort, plant_rows

TABLE_FILE, CURVES_FILE, LEDGER_FOLDER = "plants.csv", "load-curves.csv", "ledgers"


@dataclass(frozen=True, slots=True)
class Written:
    """How much was written."""

    plants: int
    ledgers: int
    readings: int


def write_plants(
    folder: Path,
    seed: str,
    *,
    months: int,
    days: int,
    cohorts: int = 1,
    progress: Callable[[Plant], None] = lambda _: None,
) -> Written:
    """Write so many cohorts into `folder`, which is made; files there of the same names are replaced."""
    engine = EmissionsEngine()
    plants = draw_cohort(seed, tuple((route, cohorts * count) for route, count in COHORT))
    ledgers = readings = 0
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / TABLE_FILE).open("w", newline="", encoding="utf-8") as rows_file:
        rows = csv.writer(rows_file)
        rows.writerow(COLUMNS)
        for plant in plants:
            own = folder / LEDGER_FOLDER / plant.name
            own.mkdir(parents=True, exist_ok=True)
            for row in plant_rows(seed, plant, engine, months=months):
                rows.writerow(row.cells())
                path = own / f"month-{row.month.number + 1:02d}.yaml"
                path.write_text(ledger_text(row.month), encoding="utf-8")
                ledgers += 1
            progress(plant)
    with (folder / CURVES_FILE).open("w", newline="", encoding="utf-8") as curves_file:
        curves = csv.writer(curves_file)
        curves.writerow(CURVE_COLUMNS)
        for plant in plants:
            random = Random(f"{seed}/{plant.name}/load")  # noqa: S311 - invented figures need no secrecy
            for reading in draw_load_curve(draw_habits(random), days, random):
                curves.writerow([plant.name, reading.day, reading.slot, f"{reading.kwh:.3f}"])
                readings += 1
    return Written(len(plants), ledgers, readings)
