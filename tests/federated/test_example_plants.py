"""The invented plants: the same for the same seed, ledgers our own engine calculates, figures that fit together."""

import csv
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
import typer
from typer.testing import CliRunner

from carbonport.errors import Misuse
from carbonport.examples.plants.ledgers import EmissionsEngine, ledger_text, metered
from carbonport.examples.plants.load_curves import SLOTS_PER_DAY, draw_habits, draw_load_curve
from carbonport.examples.plants.recipes import draw_months
from carbonport.examples.plants.table import PlantRow, draw_cohort, plant_rows
from carbonport.examples.plants.written import write_plants
from carbonport.footprint.calculation import calculate
from carbonport.footprint.intake.yaml_ledger import parse_yaml_ledger
from carbonport.footprint.standard_recalculation import with_standard_factors
from carbonport.node.cli.federate import register

PLAUSIBLE = {
    "BF-BOF": (1.2, 2.5),
    "EAF": (0.07, 0.55),
    "DRI-EAF": (0.75, 1.6),
    "aluminium": (1.4, 2.8),
    "clinker": (0.65, 1.0),
}
"""What a tonne of each route emits, with room on both sides."""


@pytest.fixture(scope="module")
def engine() -> EmissionsEngine:
    return EmissionsEngine()


@pytest.fixture(scope="module")
def rows(engine: EmissionsEngine) -> list[PlantRow]:
    return [row for plant in draw_cohort("test") for row in plant_rows("test", plant, engine, months=6)]


def test_a_full_cohort_has_forty_plants_of_five_routes(rows: list[PlantRow]) -> None:
    plants = {row.month.plant.name: row.route.name for row in rows}
    assert len(plants) == 40
    assert set(plants.values()) == set(PLAUSIBLE)


def test_claims_are_plausible_and_near_what_the_ledger_gives(
    rows: list[PlantRow], engine: EmissionsEngine
) -> None:
    for row in rows:
        low, high = PLAUSIBLE[row.route.name]
        assert low < row.see < high, row.month.plant.name
        assert engine.see(row.month) == pytest.approx(row.see, rel=0.08)
        # Standard factors are off by what the sector's own materials differ, and no further.
        assert row.recalculated == pytest.approx(row.see, rel=0.2)


def test_production_follows_from_capacity_and_utilisation(rows: list[PlantRow]) -> None:
    for row in rows:
        tonnes = row.capacity_kt * 1000 / 12 * row.utilisation
        assert float(row.month.production_t) == pytest.approx(tonnes, rel=1e-6)
        assert 0.4 <= row.utilisation <= 0.99


def test_the_engine_calculates_the_ledgers_that_are_written(engine: EmissionsEngine) -> None:
    for plant in draw_cohort("test"):
        months = draw_months(plant, 3, Random(5))
        for month in (metered(months[0], Random(6)), metered(months[2], Random(7))):
            for standard in (False, True):
                ledger = parse_yaml_ledger(ledger_text(month).encode(), "plant.yaml", engine.catalogue)
                ledger = with_standard_factors(ledger) if standard else ledger
                results = calculate(ledger, None, engine.tables).goods[0].source
                whole = results["see_direct"] + (
                    results["see_indirect"] if plant.route.counts_electricity else 0
                )
                assert engine.see(month, standard=standard) == float(whole)


def test_plants_of_two_seeds_with_one_name_are_two_plants(engine: EmissionsEngine) -> None:
    for seed in ("test", "another"):
        for plant in draw_cohort(seed):
            month = metered(draw_months(plant, 1, Random(5))[0], None)
            assert engine.see(month) == EmissionsEngine(engine.catalogue, engine.tables).see(month)


def test_below_full_load_a_tonne_needs_more_heat(engine: EmissionsEngine) -> None:
    plant = replace(draw_cohort("test")[0], usual_utilisation=0.95)
    busy = draw_months(plant, 24, Random(1))
    slack = draw_months(replace(plant, usual_utilisation=0.5), 24, Random(1))
    mean = [sum(engine.see(metered(month, None)) for month in months) / 24 for months in (busy, slack)]
    assert mean[1] > 1.03 * mean[0]


def test_lies_are_planted(engine: EmissionsEngine) -> None:
    plant = draw_cohort("test")[0]
    honest, simple, consistent = (
        list(plant_rows("test", plant, engine, months=3, **lie))  # type: ignore[arg-type]
        for lie in ({}, {"claimed": 0.8}, {"claimed": 0.8, "consistent": True})
    )
    for true, lied, hidden in zip(honest, simple, consistent, strict=True):
        assert lied.see == pytest.approx(0.8 * true.see)
        assert lied.recalculated == true.recalculated
        assert hidden.recalculated == pytest.approx(0.8 * true.recalculated, rel=0.02)
        assert hidden.electricity_mwh_per_t == true.electricity_mwh_per_t


def test_load_curves_have_batches_weekends_and_maintenance() -> None:
    random = Random(3)
    habits = draw_habits(random)
    readings = list(draw_load_curve(habits, 28, random))
    assert len(readings) == 28 * SLOTS_PER_DAY
    assert min(reading.kwh for reading in readings) > 0
    by_day = [sum(reading.kwh for reading in readings if reading.day == day) for day in range(28)]
    workdays = sorted(load for day, load in enumerate(by_day) if day % 7 < 5)
    weekends = [load for day, load in enumerate(by_day) if day % 7 >= 5]
    assert max(weekends) < workdays[len(workdays) // 2]
    assert by_day[habits.maintenance_weekday] < workdays[len(workdays) // 2]


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in ("a", "b", "c"))
    for folder, seed in ((first, "7"), (second, "7"), (other, "8")):
        written = write_plants(folder, seed, months=2, days=1)
        assert (written.plants, written.ledgers, written.readings) == (40, 80, 40 * SLOTS_PER_DAY)
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) == 82
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)
    assert (first / "plants.csv").read_bytes() != (other / "plants.csv").read_bytes()


def test_the_command_writes_a_table_that_can_be_evaluated(tmp_path: Path) -> None:
    app = typer.Typer()
    register(app)
    out = tmp_path / "plants"
    words = ["federate", "example", "--out", str(out), "--months", "3", "--days", "1", "--json"]
    answer = json.loads(CliRunner().invoke(app, words, catch_exceptions=False).stdout)
    assert answer["ledgers"] == 120
    with (out / "plants.csv").open(newline="") as stream:
        listed = list(csv.DictReader(stream))
    assert len(listed) == 120
    assert all(Decimal(row["see"]) > 0 for row in listed)
    with pytest.raises(Misuse) as caught:
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert caught.value.id == "example-folder"
