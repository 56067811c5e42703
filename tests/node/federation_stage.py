"""A coordinator and members whose processes carry letters: real TLS, a real SuperLink, real SuperNodes, in a thread.

The nodes are reduced to what a carrier meets: the coordinator's gRPC door, a relay's socket, a desk's socket for each
member. What they answer is the test's.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from loopback_nodes import LoopbackNode, issue, make_node

from carbonport.federated.flower.processes import LinkFiles, MemberFiles
from carbonport.federated.letter_sockets import RelaySocket, serve_desk
from carbonport.federated.relay import Reply
from carbonport.node.federation.folder import link_files, member_files
from carbonport.node.federation.joining_trainings import join_trainings
from carbonport.node.federation.serving_trainings import serve_trainings
from carbonport.node.home import open_home
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import Role
from carbonport.node.services.federation_service import FederationService
from carbonport.wire.v1 import federation_pb2, federation_pb2_grpc

R = TypeVar("R")

START_S = 180.0
"""For everything to be up on a busy machine."""


class TestDesk:
    """A desk whose next answers a test decides; otherwise it echoes."""

    __test__ = False

    def __init__(self) -> None:
        self.instead: Callable[[str, bytes], Awaitable[bytes]] | None = None
        self.asked: list[tuple[str, int]] = []

    async def answer(self, kind: str, letter: bytes) -> bytes:
        self.asked.append((kind, len(letter)))
        if self.instead is not None:
            return await self.instead(kind, letter)
        return kind.encode() + b" " + letter


class FederationStage:
    """Everything up; `call` runs a coroutine in the stage's loop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.coordinator = make_node(folder / "coordinator", "EU", Role.COORDINATOR)
        self.members = {
            "cn": make_node(folder / "cn", "CN", Role.EXPORTER),
            "eu": make_node(folder / "eu", "EU", Role.EXPORTER),
            "holder": make_node(folder / "holder", "CN", Role.KEY_HOLDER),
        }
        self.outsider = make_node(folder / "importer", "EU", Role.IMPORTER)
        self.desks = {name: TestDesk() for name in self.members}
        self.front = ""
        self.joined: dict[str, asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._ends: list[Callable[[], Awaitable[object]]] = []

    def __enter__(self) -> "FederationStage":
        self._thread.start()
        self.call(self._start(), START_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._stop(), 60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def submit(self, work: Coroutine[Any, Any, R]) -> "Future[R]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Any, Any, R], timeout: float = 120) -> R:
        return self.submit(work).result(timeout)

    @property
    def link(self) -> LinkFiles:
        return link_files(self.coordinator.home)

    def member(self, name: str) -> MemberFiles:
        return member_files(self.members[name].home)

    def names(self) -> dict[str, str]:
        """The members' participant ids by their short names."""
        return {name: node.id for name, node in self.members.items()}

    async def exchange(
        self, letters: Mapping[str, bytes], *, kind: str = "question", timeout_seconds: float = 60
    ) -> dict[str, Reply]:
        """One training of one exchange, by short names."""
        ids = self.names()
        async with RelaySocket(self.link.relay) as relay:
            replies = await relay.exchange(
                kind, {ids[name]: letter for name, letter in letters.items()}, timeout_seconds=timeout_seconds
            )
        return {name: replies[ids[name]] for name in letters}

    def pids(self, word: str, home: LoopbackNode) -> list[int]:
        """Processes of a federation by the word of their command line, of one home."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    command = (folder / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                of_home = any(str(home.home.resolve()).encode() in part for part in command)
                if b"carbonport.federated.flower" in command and word.encode() in command and of_home:
                    found.append(int(folder.name))
        return found

    def logs(self) -> str:
        """The output of every process so far."""
        return "\n".join(
            f"== {path}\n{path.read_text(errors='replace')}"
            for path in sorted(self.folder.glob("*/federation/*.log"))
        )

    async def _start(self) -> None:
        door = self.coordinator.server()
        door.add(
            federation_pb2_grpc.add_FederationServiceServicer_to_server,
            FederationService(self.coordinator.home),
            federation_pb2.DESCRIPTOR.services_by_name["FederationService"],
        )
        port = await door.start("127.0.0.1:0")
        self._ends.append(lambda: door.stop(1))
        self.coordinator.set_endpoint(port)
        self._publish()
        serving = await self._started(
            lambda ready: serve_trainings(
                open_home(self.coordinator.home), "127.0.0.1:0", "127.0.0.1:0", ready
            )
        )
        self._ends.append(lambda: _ended(serving))
        for name, node in self.members.items():
            server = await serve_desk(self.member(name).desk, self.desks[name])
            self._ends.append(lambda server=server: _closed(server))  # type: ignore[misc]
            self.joined[name] = await self._started(
                lambda ready, node=node: join_trainings(  # type: ignore[misc]
                    open_home(node.home), self.coordinator.id, ready
                )
            )
            self._ends.append(lambda name=name: _ended(self.joined[name]))  # type: ignore[misc]

    async def _started(self, work: Callable[[Callable[[str], None]], Coroutine[Any, Any, None]]) -> Any:
        """A task, once it says that it is ready."""
        ready: asyncio.Future[str] = self._loop.create_future()
        task = self._loop.create_task(work(ready.set_result))
        task.add_done_callback(lambda ended: None if ready.done() else ready.set_exception(_why(ended)))
        self.front = await ready
        return task

    def _publish(self) -> None:
        nodes = [self.coordinator, *self.members.values(), self.outsider]
        cn = make_node(self.folder / "keeper-cn", "CN", Role.REGULATOR)
        eu = make_node(self.folder / "keeper-eu", "EU", Role.REGULATOR)
        tokens = [
            issue(keeper, *(node for node in [*nodes, keeper] if node.identity.name.jurisdiction == land))
            for keeper, land in ((cn, "CN"), (eu, "EU"))
        ]
        for node in nodes:
            for keeper in (cn, eu):
                key = keeper.identity.record(KeyUse.TRUST_LIST)
                node.trust.pin(keeper.identity.name.jurisdiction, key.jwk, fingerprint=key.kid)
            node.trust.add(tokens)

    async def _stop(self) -> None:
        for end in reversed(self._ends):
            await end()


def _why(ended: "asyncio.Task[None]") -> BaseException:
    """Why a command ended before it was ready."""
    return RuntimeError("cancelled") if ended.cancelled() else ended.exception() or RuntimeError("ended")


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _closed(server: asyncio.Server) -> None:
    server.close()
