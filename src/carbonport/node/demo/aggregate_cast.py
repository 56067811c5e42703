"""Who plays in the demo of a sum: steelworks of one country, an association that coordinates, independent key holders.

The steelworks, their verifier and the association are in China, the key holders in the EU. Each jurisdiction's
list-keeper signs a list and has no process, and nobody witnesses: the sum is what is shown here. All names and
figures are invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

from carbonport.node.config import NodeConfig, StoreSettings
from carbonport.node.demo.cast import Part
from carbonport.node.demo.homes_with_lists import homes_with_lists
from carbonport.node.home import NodeHome
from carbonport.node.identity.names import Role, complete_lei
from carbonport.node.operations import perform

WORKS = ("Yanhai", "Qingfeng", "Baiyun", "Longmen", "Taihang", "Jinhe", "Donglin")
"""Names of the invented steelworks, one an exporter."""

OUTPUTS_T = (
    "4836291.472",
    "2210445.905",
    "7719302.118",
    "1543876.640",
    "3398120.077",
    "905517.250",
    "6120034.861",
)
"""Their invented outputs of the year in tonnes."""

POWER_MWH = (
    "1671948.263",
    "840221.117",
    "2905530.404",
    "611902.950",
    "1290077.381",
    "355410.008",
    "2201965.572",
)
"""And the electricity they used."""

EXAMPLE_OUTPUT, EXAMPLE_POWER = "4836291.472", "1671948.263"
"""The figures in the packaged ledger that the others take the place of."""

COORDINATOR = Part(
    "coordinator",
    "Steel Association (demo)",
    "CN",
    "CN",
    complete_lei("894500DEMOCOORDCN0"),
    Role.COORDINATOR,
)
VERIFIER = Part(
    "verifier",
    "Northern Verification (demo)",
    "CN",
    "CN",
    complete_lei("894500DEMOVERIFCN0"),
    Role.VERIFIER,
)
CN_KEEPER = Part(
    "cn-keeper",
    "Ecology Office (demo)",
    "CN",
    "CN",
    complete_lei("894500DEMOKEEPRCN0"),
    Role.REGULATOR,
    serves=False,
)
EU_KEEPER = Part(
    "eu-keeper",
    "EU List Authority (demo)",
    "EU",
    "BE",
    complete_lei("894500DEMOKEEPREU0"),
    Role.REGULATOR,
    serves=False,
)


def exporters(count: int) -> tuple[Part, ...]:
    """The first steelworks."""
    return tuple(
        Part(
            f"exporter-{number}",
            f"{WORKS[(number - 1) % len(WORKS)]} Iron and Steel",
            "CN",
            "CN",
            complete_lei(f"894500DEMOSTEEL{number:03}"),
            Role.EXPORTER,
        )
        for number in range(1, count + 1)
    )


def holders(count: int) -> tuple[Part, ...]:
    """Key holders, each of its own."""
    return tuple(
        Part(
            f"holder-{number}",
            f"Key Holder {number} (demo)",
            "EU",
            ("DE", "FR", "NL", "IT", "PL")[(number - 1) % 5],
            complete_lei(f"894500DEMOHOLDER{number:02}"),
            Role.KEY_HOLDER,
        )
        for number in range(1, count + 1)
    )


@dataclass(frozen=True)
class AggregateStage:
    """The homes of everybody below one folder, with the trust lists added everywhere."""

    folder: Path
    exporters: tuple[Part, ...]
    holders: tuple[Part, ...]
    homes: Mapping[str, NodeHome] = field(repr=False)

    @property
    def serving(self) -> tuple[Part, ...]:
        """Those that run as processes."""
        return (COORDINATOR, VERIFIER, *self.holders, *self.exporters)

    def home(self, part: Part) -> NodeHome:
        """The opened home of a part."""
        return self.homes[part.key]


def set_aggregate_stage(
    folder: Path, *, exporter_count: int, holder_count: int, stores: Mapping[str, str] | None = None
) -> AggregateStage:
    """Make all homes, exchange cards, issue both lists, pin the anchors and add the lists everywhere.

    `stores` gives single parts, by key, a database URL other than SQLite in their own folder.
    """
    works, keyed = exporters(exporter_count), holders(holder_count)
    urls, default = stores or {}, StoreSettings().url
    parts = (COORDINATOR, VERIFIER, CN_KEEPER, EU_KEEPER, *works, *keyed)
    homes = homes_with_lists(
        folder,
        parts,
        keepers=(CN_KEEPER, EU_KEEPER),
        verifier=VERIFIER,
        configure=lambda part, node: NodeConfig(node, store=StoreSettings(urls.get(part.key, default))),
    )
    return AggregateStage(folder, works, keyed, homes)


def verify_works(stage: AggregateStage) -> None:
    """Every steelworks' ledger is taken in, recomputed on site and signed by the verifier; no node serves yet."""
    handover = stage.folder / "handover"
    handover.mkdir(exist_ok=True)
    for number, part in enumerate(stage.exporters):
        ledger = handover / f"{part.key}.yaml"
        ledger.write_text(works_ledger(number))
        home = stage.home(part)
        openings, statement = handover / f"{part.key}.sealed", handover / f"{part.key}.statement.json"
        perform(home, "intake", {"path": str(ledger)})
        perform(home, "commit", {"verifier": VERIFIER.id, "out": str(openings)})
        perform(
            stage.home(VERIFIER),
            "sign",
            {
                "store": home.config.store_url(home.path).removeprefix("sqlite:///"),
                "openings": str(openings),
                "out": str(statement),
                "opinion": "satisfactory",
            },
        )
        openings.unlink()
        perform(home, "statement-add", {"path": str(statement)})


def works_ledger(number: int) -> str:
    """The packaged steelworks' ledger with another name, output and power demand."""
    text = (files("carbonport") / "examples" / "steelworks.yaml").read_text()
    for old, new in (
        ("Yanhai Integrated Steelworks", f"{WORKS[number]} Integrated Steelworks"),
        ("Hebei Yanhai Iron and Steel Co., Ltd.", f"{WORKS[number]} Iron and Steel Co., Ltd."),
        ("EXAMPLE01X", f"EXAMPLE0{number + 1}X"),
        (EXAMPLE_OUTPUT, OUTPUTS_T[number]),
        (EXAMPLE_POWER, POWER_MWH[number]),
    ):
        text = text.replace(old, new)
    return text


def true_sums(count: int) -> Mapping[str, Decimal]:
    """What the sums have to be, which only the demo knows."""
    return {
        "output": sum((Decimal(text) for text in OUTPUTS_T[:count]), Decimal(0)),
        "electricity": sum((Decimal(text) for text in POWER_MWH[:count]), Decimal(0)),
    }


def plan_file(stage: AggregateStage, threshold: int) -> str:
    """The coordinator's plan."""
    holder_ids = ", ".join(f'"{part.id}"' for part in stage.holders)
    invited = ", ".join(f'"{part.id}"' for part in stage.exporters)
    return (
        'purpose = "Output and power of the steelworks, 2026 (demo)"\n'
        'period = "2026-01-01/2026-12-31"\n'
        "days = 2\n"
        f"threshold = {threshold}\n"
        f"holders = [{holder_ids}]\n"
        f"invited = [{invited}]\n"
        '\n[[metrics]]\nname = "output"\nunit = "t"\ndecimals = 3\nbits = 48\n'
        'source = "process/*/activity_level"\n'
        '\n[[metrics]]\nname = "electricity"\nunit = "MWh"\ndecimals = 3\nbits = 48\n'
        'source = "process/*/electricity"\n'
    )
