"""What a coordinator's operator can have the node do in trainings: begin one from a plan file, take it further, end it.

Letters travel through the node's relay socket, for which `carbonport federate serve` has a carrier. A run takes a
training as far as it goes now and may be ended at any time; the next goes on from there. What is over and not everybody
has heard of is told again by the node itself (`retelling`), which makes way for a run.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from carbonport.crypto.canonical import Json
from carbonport.errors import Refused
from carbonport.federated.flower.bundle import APP_HASH
from carbonport.federated.letter_sockets import RelaySocket
from carbonport.node.bounded_file import read_bounded
from carbonport.node.federation.folder import link_files
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import write_public
from carbonport.node.open_node import OpenNode
from carbonport.node.training_extra import require_extra

NONCE_BYTES: Final = 32
"""Length of the random bytes that name a session."""

_running: set[Path] = set()
"""Homes whose relay is open in this process for an operator's run."""

_telling: dict[Path, asyncio.Task[Json]] = {}
"""Homes whose relay is open for what is told again."""


async def plan(node: OpenNode, arguments: Mapping[str, Json]) -> Json:
    """Sign and keep a plan; gives the session's name."""
    require_extra()
    # Only here and below: a node starts without numpy, and works without the extra.
    from carbonport.node.training.coordinator import begin_training
    from carbonport.node.training.plan_file import MAX_PLAN_FILE_BYTES, read_plan_file

    participant = node.participant
    participant.require_role(Role.COORDINATOR)
    path = Path(str(arguments["path"]))
    content = read_plan_file(
        read_bounded(path, MAX_PLAN_FILE_BYTES),
        where=str(path),
        nonce=participant.random_bytes(NONCE_BYTES),
        now=participant.clock(),
        app=APP_HASH,
    )
    return {"session": await begin_training(node, content)}


async def run(node: OpenNode, arguments: Mapping[str, Json]) -> Json:
    """Take a training as far as it goes now; with `out`, write its model file once there is one."""
    require_extra()
    participant = node.participant
    participant.require_role(Role.COORDINATOR)
    home = participant.home.resolve()
    if home in _running:
        raise Refused(
            "training-running",
            found="a training of this coordinator that is being carried at this moment",
            expected="one at a time",
            remedy="Wait for the other command, or end it; trainings go on where they were.",
        )
    _running.add(home)
    try:
        telling = _telling.get(home)
        if telling is not None:
            telling.cancel()
            await asyncio.wait([telling])
        return await _carried(node, arguments)
    finally:
        _running.discard(home)


async def tell_again(node: OpenNode, session: str) -> None:
    """Tell a training's end to who has not heard of it, unless an operator's run is there or comes; a
    `CarbonportError` when nothing carries it."""
    home = node.participant.home.resolve()
    if home in _running or home in _telling:
        return
    _telling[home] = task = asyncio.create_task(_carried(node, {"session": session}))
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()
        await asyncio.wait([task])
        del _telling[home]
    if not task.cancelled():
        task.result()


async def _carried(node: OpenNode, arguments: Mapping[str, Json]) -> Json:
    """One run over the node's relay socket."""
    from carbonport.node.training.coordinator import TrainingCoordinator

    async with RelaySocket(link_files(node.participant.home.resolve()).relay) as relay:
        training = TrainingCoordinator(node, str(arguments["session"]), relay)
        if arguments.get("give_up"):
            status = await training.give_up()
        else:
            status = await training.run(without_absent=bool(arguments.get("without_absent")))
    model, out = training.model(), str(arguments.get("out") or "")
    if model is not None and out:
        write_public(Path(out), model)
        status["out"] = out
    return status
