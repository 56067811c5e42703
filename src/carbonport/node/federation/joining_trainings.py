"""`carbonport federate join`: a member's or key holder's SuperNode and the executor beside it, watched.

    coordinator's front <--TLS-- SuperNode <--loopback-- executor --socket--> the node

The node must serve: it alone answers letters, and decides about every one. Every start of the SuperNode has a fresh
key, which is enrolled over the node's own mutual TLS; the coordinator answers where its front is and what it shows. A
key lives no longer than its process, so a SuperNode that was killed is not waited for: a SuperLink holds it for present
during 42 seconds more, and takes its key from nobody else meanwhile.
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from carbonport.crypto.ambient import system_random
from carbonport.errors import Unavailable
from carbonport.federated.flower.processes import flower_environment, free_port
from carbonport.federated.flower.tls import member_key
from carbonport.node.federation.enrolment import FrontPlace
from carbonport.node.federation.folder import fresh_secret, member_files
from carbonport.node.federation.serving_trainings import until_listening
from carbonport.node.federation.watched_process import WatchedProcess
from carbonport.node.home import NodeHome
from carbonport.node.identity.private_files import write_private
from carbonport.node.transport.peers import Peers
from carbonport.wire.v1 import federation_pb2 as pb

ENROL = "/carbonport.wire.v1.FederationService/Enrol"
"""The call by which a member's key becomes known."""


async def join_trainings(home: NodeHome, coordinator: str, ready: Callable[[str], None]) -> None:
    """Take part until this is cancelled. `ready` is told the front's address once the SuperNode runs."""
    files = member_files(home.path)
    folder = files.folder
    require_desk(files.desk)
    fresh_secret(files.secret, system_random)
    environment, port = flower_environment(folder), free_port()
    peers = home.peers()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(peers.close)
        supernode = WatchedProcess("supernode", (), environment, folder)

        async def prepare() -> str:
            private, public = member_key()
            place = await enrol_with(peers, coordinator, public)
            write_private(files.key, private)
            write_private(files.front_certificate, place.certificate)
            supernode.command = files.supernode(place.address, port)
            return place.address

        # The first time its errors are the command's: a coordinator that refuses, or does not serve.
        address = await prepare()
        supernode.prepare = prepare
        executor = WatchedProcess("executor", files.participant(port), environment, folder)
        tasks = [asyncio.create_task(supernode.run())]
        stack.push_async_callback(_cancel, tasks)
        await until_listening(port, "supernode", folder)
        tasks.append(asyncio.create_task(executor.run()))
        ready(address)
        await asyncio.gather(*tasks)


def require_desk(desk: Path) -> None:
    """Unavailable (`federation-node-not-serving`) unless the node of this home serves."""
    if not desk.exists():
        raise Unavailable(
            "federation-node-not-serving",
            found="a home folder whose node does not serve, or has no part in trainings",
            expected="the node of an exporter or key holder, serving",
            remedy="Start `carbonport serve` with this home first; it answers the letters of trainings.",
            where=str(desk),
        )


async def enrol_with(peers: Peers, coordinator: str, key: bytes) -> FrontPlace:
    """Tell a coordinator this node's SuperNode key, and learn where its front is."""
    answer = await peers.ask(coordinator, ENROL, pb.EnrolRequest(key=key), pb.EnrolResponse)
    return FrontPlace(answer.address, answer.certificate, answer.app).checked(coordinator)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
