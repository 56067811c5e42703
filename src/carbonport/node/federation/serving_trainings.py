"""`carbonport federate serve`: a coordinator's SuperLink, the front before it and the carrier beside it, watched.

    members' SuperNodes --TLS--> front (this process) --TLS, loopback--> SuperLink <-- carrier --socket--> the node

They hold no data and no key of the node. What was registered and what is open survives a restart of each: members in
their files, the training in the node.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from carbonport.crypto.ambient import system_random
from carbonport.errors import Misuse, Unavailable
from carbonport.federated.flower.bell import Bell
from carbonport.federated.flower.bundle import APP_HASH
from carbonport.federated.flower.front import Front
from carbonport.federated.flower.members import MemberKeys
from carbonport.federated.flower.processes import LOOPBACK, LinkFiles, flower_environment, free_port
from carbonport.federated.flower.tls import ServerCertificate, serving, trusting
from carbonport.node.federation.enrolment import PLACE_FILE, FrontPlace
from carbonport.node.federation.folder import fresh_secret, link_files
from carbonport.node.federation.watched_process import WatchedProcess
from carbonport.node.home import NodeHome
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import make_private_folder, read_private, write_private

START_S: Final = 120.0
"""How long a process may take until it listens; on a busy machine Flower's take half a minute."""

LOOK_S: Final = 0.2
"""How often to look whether it does."""

MEMBERS_S: Final = 1.0
"""How often the front reads who is enrolled."""

MAX_PEM_BYTES: Final = 16_384
"""A certificate or key of ours."""

Ready = Callable[[str], None]
"""Told the front's address once members can reach it."""


async def serve_trainings(home: NodeHome, listen: str, address: str, ready: Ready) -> None:
    """Serve until this is cancelled; then everything that was started ends."""
    require_coordinator(home)
    files, clock = link_files(home.path), home.identity.clock
    folder = files.folder
    environment = flower_environment(folder)
    make_private_folder(files.members)
    link = ServerCertificate.made([LOOPBACK], clock())
    write_private(files.certificate, link.certificate)
    write_private(files.key, link.private_key)
    fresh_secret(files.secret, system_random)
    host, _, port = listen.rpartition(":")
    link_port = free_port()
    members = _Members(MemberKeys(files.members))
    front = Front(f"{LOOPBACK}:{link_port}", trusting(link.certificate), members.keys)
    superlink = WatchedProcess("superlink", files.superlink(link_port), environment, folder)
    carrier = WatchedProcess("carrier", files.carrier(link_port), environment, folder)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_ringing(files.bell, front))
        stack.callback((folder / PLACE_FILE).unlink, missing_ok=True)
        stack.push_async_callback(front.stop)
        tasks = [asyncio.create_task(superlink.run())]
        stack.push_async_callback(_cancel, tasks)
        await until_listening(link_port, "superlink", folder)
        tasks += [asyncio.create_task(carrier.run()), asyncio.create_task(members.follow())]
        stated, _, stated_port = address.rpartition(":")
        context = _front_context(files, stated.strip("[]"), clock())
        bound = await front.start(host.strip("[]"), int(port), context)
        reached = f"{stated}:{bound if stated_port == '0' else stated_port}"
        FrontPlace(reached, files.front_certificate.read_bytes(), APP_HASH).write(folder)
        ready(reached)
        await asyncio.gather(*tasks)


def require_coordinator(home: NodeHome) -> None:
    """Refuse on a node that coordinates nothing."""
    if Role.COORDINATOR not in home.config.roles:
        raise Misuse(
            "participant-role",
            found=f"a node with the roles {', '.join(sorted(home.config.roles))}",
            expected=f"a node with the role {Role.COORDINATOR}",
            remedy="Name the right home folder with --home, or make a node with that role.",
            where=str(home.path),
        )


@contextlib.contextmanager
def _ringing(path: Path, front: Front) -> Iterator[None]:
    """Tell the front when the carrier rings."""
    loop = asyncio.get_running_loop()
    with Bell(path) as bell:

        def rung() -> None:
            bell.heard()
            front.letters_are_there()

        loop.add_reader(bell, rung)
        try:
            yield
        finally:
            loop.remove_reader(bell)


class _Members:
    """The enrolled keys, read again and again."""

    def __init__(self, members: MemberKeys) -> None:
        self._members = members
        self._listed: frozenset[bytes] = frozenset(members.listed().values())

    def keys(self) -> Collection[bytes]:
        """Those enrolled a second ago."""
        return self._listed

    async def follow(self) -> None:
        """Read them until this is cancelled."""
        while True:
            self._listed = frozenset((await asyncio.to_thread(self._members.listed)).values())
            await asyncio.sleep(MEMBERS_S)


async def until_listening(port: int, name: str, folder: Path) -> None:
    """Wait until a process listens on loopback; Unavailable (`federation-start`) when it takes too long."""
    end = asyncio.get_running_loop().time() + START_S
    while asyncio.get_running_loop().time() < end:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            await asyncio.sleep(LOOK_S)
            continue
        writer.close()
        return
    raise Unavailable(
        "federation-start",
        found=f"a process ({name}) that does not listen",
        expected="one that listens after two minutes at most",
        remedy="Read its output in the named file; it is started again until this command ends.",
        where=str(folder / f"{name}.log"),
    )


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _front_context(files: LinkFiles, host: str, now: int) -> ssl.SSLContext:
    """The front's certificate: the one it has as long as it fits, for members hold on to it."""
    if not files.front_key.exists() or not _held(files).serves(host, now):
        made = ServerCertificate.made([host], now)
        write_private(files.front_key, made.private_key)
        write_private(files.front_certificate, made.certificate)
    return serving(str(files.front_certificate), str(files.front_key))


def _held(files: LinkFiles) -> ServerCertificate:
    return ServerCertificate(
        read_private(files.front_certificate, max_bytes=MAX_PEM_BYTES),
        read_private(files.front_key, max_bytes=MAX_PEM_BYTES),
    )
