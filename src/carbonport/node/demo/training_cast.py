"""Who plays in the demo of a training: five arc furnaces of one country, an association that coordinates, and three
independent key holders: an importer, a regulator, and one that does nothing else (a verifier's home has no other role).

All plants have one production route, for a route is learned where five exporters have it. Names and plants are
invented, the plants by the generator of `carbonport federate example`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from carbonport.examples.plants.ledgers import EmissionsEngine, ledger_text
from carbonport.examples.plants.recipes import Plant
from carbonport.examples.plants.routes import ARC_FURNACE
from carbonport.examples.plants.table import draw_cohort, plant_rows
from carbonport.node.config import NodeConfig, TrainingSettings
from carbonport.node.demo.aggregate_cast import COORDINATOR, exporters, holders
from carbonport.node.demo.cast import AUTHORITY, IMPORTER, REGULATOR, Part
from carbonport.node.demo.homes_with_lists import homes_with_lists
from carbonport.node.home import NodeHome
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import make_private_folder, write_private

MEMBERS = exporters(5)
"""The exporters: the least cohort of a training."""

HOLDERS = (
    *(replace(part, further=(Role.KEY_HOLDER,)) for part in (IMPORTER, REGULATOR)),
    *holders(1),
)
"""Holders of keys, independent of one another and of the coordinator."""

SERVING = (COORDINATOR, *MEMBERS, *HOLDERS)
"""Whose nodes run. The regulator keeps China's list besides, an authority without a node that of the EU."""

THRESHOLD = 2
"""Holders that together could read a contribution."""

SEED = "1"
"""Of the plants. Fixed: the demo shows one cohort, and another would have other figures."""

MONTHS = 12
"""Ledgers of each exporter; a training asks for ten rows at least."""

HELD_OUT_PLANTS = 10
"""Plants of the same kind that are in no training; on them the models are judged."""

LEDGER_FOLDER = "ledgers"
"""In an exporter's home folder."""


@dataclass(frozen=True)
class TrainingStage:
    """The homes of everybody below one folder, by part; `plants` of the exporters in their order, and those that are
    in no training."""

    folder: Path
    homes: Mapping[str, NodeHome] = field(repr=False)
    plants: tuple[Plant, ...] = field(repr=False)
    held_out: tuple[Plant, ...] = field(repr=False)

    def home(self, part: Part) -> NodeHome:
        """The opened home of a part."""
        return self.homes[part.key]


def set_training_stage(folder: Path) -> TrainingStage:
    """Make all homes with lists, and a year of monthly ledgers in each exporter's own."""
    homes = homes_with_lists(
        folder,
        (*SERVING, AUTHORITY),
        keepers=(REGULATOR, AUTHORITY),
        configure=lambda part, node: NodeConfig(
            node, training=TrainingSettings(ledgers=LEDGER_FOLDER if part in MEMBERS else "")
        ),
    )
    plants = draw_cohort(SEED, ((ARC_FURNACE, len(MEMBERS) + HELD_OUT_PLANTS),))
    engine = EmissionsEngine()
    for part, plant in zip(MEMBERS, plants[: len(MEMBERS)], strict=True):
        write_ledgers(homes[part.key].path / LEDGER_FOLDER, plant, engine)
    return TrainingStage(folder, homes, tuple(plants[: len(MEMBERS)]), tuple(plants[len(MEMBERS) :]))


def write_ledgers(folder: Path, plant: Plant, engine: EmissionsEngine) -> None:
    """A ledger for each month of a plant."""
    make_private_folder(folder)
    for row in plant_rows(SEED, plant, engine, months=MONTHS):
        write_private(folder / f"month-{row.month.number + 1:02}.yaml", ledger_text(row.month).encode())


def training_plan_file() -> str:
    """The coordinator's plan."""
    members = ", ".join(f'"{part.id}"' for part in MEMBERS)
    keyed = ", ".join(f'"{part.id}"' for part in HOLDERS)
    return (
        'task = "plausibility"\nversion = 1\npurpose = "Plausibility of arc furnace steel, 2026 (demo)"\n'
        f"year = 2026\ndays = 2\nmembers = [{members}]\nholders = [{keyed}]\nthreshold = {THRESHOLD}\n"
    )
