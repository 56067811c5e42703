"""What a coordinator's operator can have the node do in trainings: begin one from a plan file, take it further, end it.

Letters travel through the node's relay socket, for which `carbonport federate serve` has a carrier. A run takes a
training as far as it goes now and may be ended at any time; the next goes on from there.
"""

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
"""Homes whose relay is open in this process."""


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
    from carbonport.node.training.coordinator import TrainingCoordinator

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
        async with RelaySocket(link_files(home).relay) as relay:
            training = TrainingCoordinator(node, str(arguments["session"]), relay)
            if arguments.get("give_up"):
                status = await training.give_up()
            else:
                status = await training.run(without_absent=bool(arguments.get("without_absent")))
    finally:
        _running.discard(home)
    model, out = training.model(), str(arguments.get("out") or "")
    if model is not None and out:
        write_public(Path(out), model)
        status["out"] = out
    return status
