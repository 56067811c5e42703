"""The processes of a training with Flower: a SuperLink behind its front, three SuperNodes with executors, all over TLS.

Everything that carries letters is what a coordinator and its members run: the coordinator's node, `carbonport federate
serve` and three times `carbonport federate join`, enrolled over mutual TLS by two trust lists. Beside the SuperNodes no
node serves: the bench itself answers at their sockets, which a node does in a training.
"""

import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from carbonport.federated.letter_sockets import RelaySocket, serve_desk
from carbonport.federated.relay import Desk, Relay, Reply
from carbonport.node.bench.carried_ridge import PLACES
from carbonport.node.config import NodeConfig
from carbonport.node.demo.aggregate_cast import CN_KEEPER, COORDINATOR, EU_KEEPER, exporters
from carbonport.node.demo.homes_with_lists import homes_with_lists
from carbonport.node.demo.processes import NodeProcesses
from carbonport.node.demo.training_play import CARRY, JOIN
from carbonport.node.federation.folder import link_files, member_files

MEMBERS = exporters(len(PLACES))
"""Whose SuperNodes carry."""


@dataclass
class FlowerStage:
    """Running processes, and a relay over them whose participants are `PLACES`."""

    homes: Mapping[str, Path]
    started_s: float
    desks: dict[str, Desk] = field(default_factory=dict)
    _relay: Relay | None = None

    @asynccontextmanager
    async def run_of_flower(self) -> AsyncIterator[None]:
        """A run of Flower, over which trainings go; it begins with the first letter."""
        async with RelaySocket(link_files(self.homes[COORDINATOR.key]).relay) as relay:
            self._relay = relay
            yield
            self._relay = None

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Letters are answered by the desks while this is open."""
        async with contextlib.AsyncExitStack() as stack:
            for place, part in zip(PLACES, MEMBERS, strict=True):
                path = member_files(self.homes[part.key]).desk
                server = await serve_desk(path, self.desks[place])
                stack.callback(server.close)
            yield

    async def exchange(
        self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
    ) -> Mapping[str, Reply]:
        """See `carbonport.federated.relay.Relay`."""
        assert self._relay is not None, "inside a run of Flower"
        ids = {place: part.id for place, part in zip(PLACES, MEMBERS, strict=True)}
        replies = await self._relay.exchange(
            kind, {ids[place]: letter for place, letter in letters.items()}, timeout_seconds=timeout_seconds
        )
        return {place: replies[ids[place]] for place in letters}


@contextmanager
def flower_stage() -> Iterator[FlowerStage]:
    """Start everything in a folder of its own; it is stopped, and the folder removed, at the end."""
    with tempfile.TemporaryDirectory(prefix="carbonport-bench-") as folder:
        parts = (COORDINATOR, *MEMBERS, CN_KEEPER, EU_KEEPER)
        homes = homes_with_lists(
            Path(folder), parts, keepers=(CN_KEEPER, EU_KEEPER), configure=lambda _, node: NodeConfig(node)
        )
        paths = {key: home.path for key, home in homes.items()}
        for part in MEMBERS:
            member_files(paths[part.key]).desk.touch()  # a member's node has its socket there before it joins
        with NodeProcesses() as processes:
            began = time.monotonic()
            coordinator = {COORDINATOR.key: paths[COORDINATOR.key]}
            carrier = {"carrier": paths[COORDINATOR.key]}
            processes.launch(carrier, CARRY)
            processes.start(coordinator)
            processes.await_ready(carrier, CARRY)
            processes.start({part.key: paths[part.key] for part in MEMBERS}, JOIN)
            yield FlowerStage(paths, time.monotonic() - began)
