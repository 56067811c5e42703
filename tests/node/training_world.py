"""Everybody's node of one training, open in this process: real stores, logs, trust lists; letters carried in process.

Tests take the honest parts and put one lie in their place.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from carbonport.classification.policy import Policy
from carbonport.crypto.ambient import system_clock, system_random
from carbonport.crypto.log_entry import FieldName
from carbonport.errors import Refused
from carbonport.examples.plants.ledgers import EmissionsEngine, ledger_text
from carbonport.examples.plants.routes import CLINKER
from carbonport.examples.plants.table import draw_cohort, plant_rows
from carbonport.federated.features import Rows
from carbonport.federated.packaged_tasks import PLAUSIBILITY
from carbonport.federated.plausibility_tasks import RECALCULATED, ROUTE, SEE_INDIRECT
from carbonport.federated.relay import Desk, InProcessRelay, Relay, Reply
from carbonport.node.config import TrainingSettings, load_config, write_config
from carbonport.node.demo.aggregate_cast import (
    CN_KEEPER,
    COORDINATOR,
    EU_KEEPER,
    AggregateStage,
    set_aggregate_stage,
)
from carbonport.node.demo.cast import Part
from carbonport.node.home import open_home
from carbonport.node.open_node import OpenNode
from carbonport.node.operations import run_operation
from carbonport.node.participant import Participant
from carbonport.node.training.coordinator import TrainingCoordinator, begin_training
from carbonport.node.training.desk import TrainingDesk
from carbonport.node.training.membership import SignedMembership
from carbonport.node.training.owner_permission import OwnerPermission
from carbonport.node.training.permission import Claim, Permit
from carbonport.node.training.plan import SignedPlan, TrainingPlan

APP = "ab" * 32
POLICY = Policy.load().hash
MONTHS = 12


def member_rows(seed: int, routes: tuple[str, ...] = ("clinker",), months: int = MONTHS) -> Rows:
    """Plausible rows of one plant, months of one of the routes or of several."""
    drawn = np.random.default_rng(seed)
    route = np.array([routes[(seed + month) % len(routes)] for month in range(months)])
    level = np.array([{"clinker": 0.84, "EAF": 0.35}.get(str(name), 1.0) for name in route])
    recalculated = level * np.exp(drawn.normal(0, 0.05, months))
    claims = recalculated * 1.04 * np.exp(drawn.normal(0, 0.02, months))
    indirect = np.where(route == "EAF", 0.2, 0.05) * np.exp(drawn.normal(0, 0.1, months))
    return Rows({RECALCULATED: recalculated, SEE_INDIRECT: indirect}, {ROUTE: route}, claims)


@dataclass(frozen=True)
class EnteredClaim:
    """A claim that notes that it was entered."""

    entered: list[str] = field(hash=False, compare=False)
    plan: str = ""

    def require(self, connection: Connection) -> None:
        """Nothing stands against it."""

    def enter(self, connection: Connection, index: int) -> None:
        self.entered.append(self.plan)


@dataclass
class Agreeing:
    """An owner who agrees to every plan, or to none."""

    given: Rows
    refuses: str = ""
    entered: list[str] = field(default_factory=list)

    async def permit(self, plan: SignedPlan) -> Permit:
        if self.refuses:
            raise Refused(self.refuses, found="no", expected="yes", remedy="ask")
        return Permit("test", {FieldName.POLICY: POLICY.encode()})

    def rows(self, plan: SignedPlan, permit: Permit) -> Rows:
        return self.given.take(plan.content.packaged.usable(self.given))

    def claim(self, plan: SignedPlan, permit: Permit, membership: SignedMembership, statistics: str) -> Claim:
        return EnteredClaim(self.entered, plan.digest)


class World:
    """The stage, whoever is open, and each one's desk; everyone can be closed and opened again."""

    def __init__(self, stage: AggregateStage, rows: Callable[[int], Rows] = member_rows) -> None:
        self.stage = stage
        self.later_s = 0
        self.nodes: dict[str, OpenNode] = {}
        self.desks: dict[str, Desk] = {}
        self.owners = {part.id: Agreeing(rows(number)) for number, part in enumerate(stage.exporters)}
        self.deciding: set[str] = set()
        """Members whose own ledgers, gate, people and registers decide, in place of an owner who agrees."""
        self.parts: Mapping[str, Part] = {
            part.id: part for part in (COORDINATOR, *stage.exporters, *stage.holders)
        }

    @property
    def members(self) -> list[str]:
        return [part.id for part in self.stage.exporters]

    @property
    def holders(self) -> list[str]:
        return [part.id for part in self.stage.holders]

    async def open(self, name: str) -> None:
        home = open_home(self.stage.folder / self.parts[name].key, environ={})
        node = await OpenNode.open(Participant.open(home, clock=lambda: system_clock() + self.later_s))
        self.nodes[name] = node
        if name != COORDINATOR.id:
            owner = self.owners.get(name) or Agreeing(member_rows(0))
            permission = OwnerPermission(node) if name in self.deciding else owner
            self.desks[name] = TrainingDesk(node, permission, [APP])

    async def close(self, name: str) -> None:
        self.desks.pop(name, None)
        await self.nodes.pop(name).close()

    async def restart(self, name: str) -> None:
        await self.close(name)
        await self.open(name)

    def plan(self, **changes: Any) -> TrainingPlan:
        """A plan among everybody, beginning now."""
        now = self.nodes[COORDINATOR.id].participant.clock()
        fields: dict[str, Any] = {
            "nonce": system_random(32),
            "issued_at": now,
            "expires": now + 3600,
            "purpose": "a test",
            "year": 2026,
            "task": PLAUSIBILITY.name,
            "version": PLAUSIBILITY.version,
            "definition": PLAUSIBILITY.definition,
            "members": tuple(self.members),
            "holders": tuple(self.holders),
            "threshold": 2,
            "app": APP,
        }
        return TrainingPlan(**{**fields, **changes})

    async def begin(self, **changes: Any) -> str:
        return await begin_training(self.nodes[COORDINATOR.id], self.plan(**changes))

    def coordinator(self, session: str, relay: Relay | None = None) -> TrainingCoordinator:
        carried = InProcessRelay(self.desks) if relay is None else relay
        return TrainingCoordinator(self.nodes[COORDINATOR.id], session, carried)

    async def run(self, session: str, relay: Relay | None = None, **options: Any) -> dict[str, Any]:
        return dict(await self.coordinator(session, relay).run(**options))


def new_stage(
    folder: Path, members: int, holders: int = 3, stores: Mapping[str, str] | None = None
) -> AggregateStage:
    return set_aggregate_stage(folder, exporter_count=members, holder_count=holders, stores=stores)


def write_ledgers(home: Path, months: int = MONTHS) -> None:
    """A clinker kiln's monthly ledgers in a node's home, for trainings to read."""
    engine, folder = EmissionsEngine(), home / "ledgers"
    (plant,) = draw_cohort("permission", ((CLINKER, 1),))
    folder.mkdir(parents=True)
    for row in plant_rows("permission", plant, engine, months=months):
        (folder / f"{row.month.number:02}.yaml").write_text(ledger_text(row.month))
    write_config(home, replace(load_config(home), training=TrainingSettings(ledgers="ledgers")))


@asynccontextmanager
async def all_open(stage: AggregateStage, rows: Callable[[int], Rows] = member_rows) -> AsyncIterator[World]:
    """Everybody's node of the stage."""
    world = World(stage, rows)
    try:
        for name in world.parts:
            await world.open(name)
        yield world
    finally:
        for name in list(world.nodes):
            await world.close(name)


@dataclass
class LyingRelay:
    """An in-process relay that passes everything on, with what a test puts in place of letters or replies.

    `letters` and `replies` are asked with kind, name and bytes; `seen` has everything that passed.
    """

    world: World
    letters: Callable[[str, str, bytes], bytes] = lambda kind, name, letter: letter  # noqa: ARG005
    replies: Callable[[str, str, bytes], bytes] = lambda kind, name, reply: reply  # noqa: ARG005
    seen: list[tuple[str, str, bytes, bytes]] = field(default_factory=list)

    async def exchange(
        self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
    ) -> Mapping[str, Reply]:
        changed = {name: self.letters(kind, name, letter) for name, letter in letters.items()}
        replies = await InProcessRelay(self.world.desks).exchange(
            kind, changed, timeout_seconds=timeout_seconds
        )
        answered = {}
        for name, reply in replies.items():
            self.seen.append((kind, name, changed[name], reply.letter or b""))
            answered[name] = (
                reply if reply.letter is None else Reply(letter=self.replies(kind, name, reply.letter))
            )
        return answered


async def audited(world: World, keeper: Part, first: Path, *others: Path) -> dict[str, Any]:
    """Exported logs as a regulator reads them."""
    node = await OpenNode.open(Participant.open(open_home(world.stage.folder / keeper.key, environ={})))
    try:
        shown = await run_operation(
            node, "audit", {"target": str(first), "others": [str(each) for each in others]}
        )
    finally:
        await node.close()
    assert isinstance(shown, dict)
    return dict(shown)


async def log_of(world: World, name: str, folder: Path) -> dict[str, Any]:
    """One log as the regulator of its country reads it today, without a finding."""
    out = folder / f"{name.replace('/', '-')}-{len(list(folder.iterdir()))}"
    await run_operation(world.nodes[name], "log-export", {"out": str(out)})
    told = await audited(world, CN_KEEPER if name.startswith("CN/") else EU_KEEPER, out)
    assert told["ok"], told["findings"]
    return told


def refusals(log: Mapping[str, Any]) -> list[str]:
    """Why a node refused, by its log."""
    return [entry["reason"] for entry in log["entries"] if entry["type"] == "refusal"]
