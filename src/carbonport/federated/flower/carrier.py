"""The coordinator's carrier: keeps the members' SuperNodes registered, and runs the ServerApp for each training.

It waits for the node to open its relay, which is the beginning of a training; starts a run of our bundle at the
SuperLink and takes the ServerApp's task itself, so that nothing is unpacked here either; carries each exchange that the
node hands out; and ends the run when the training ends. When the SuperLink fails on the way this process ends, is
started again by whoever watches it, and is handed the open exchange again.
"""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from carbonport.federated.flower.adapter import Link, TaskType, acquired_tasks
from carbonport.federated.flower.apps import Exchange, server_app
from carbonport.federated.flower.bundle import APP_HASH, app_bundle
from carbonport.federated.flower.members import MemberKeys
from carbonport.federated.flower.messages import MAX_OBJECTS
from carbonport.federated.letter_sockets import CarrierSocket

logger = logging.getLogger("carbonport.federated.flower.carrier")
"""What went wrong here."""

LOOK_S: Final = 0.5
"""How often to look for new members and for a training."""

TASK_WAIT_S: Final = 0.05
TASK_LOOKS: Final = 200
"""Looks for the task of a run that was just started, and the wait between them."""


def carry_trainings(link: Link, relay: Path, members: MemberKeys) -> None:
    """Carry one training after another, until the process is told to end."""
    numbers: dict[str, int] = {}
    seen: dict[str, bytes] | None = None
    while True:
        listed = members.listed()
        if listed != seen:
            by_key = link.keep_members(listed.values())
            numbers.clear()
            numbers |= {name: by_key[key] for name, key in listed.items()}
            seen = listed
            logger.info("members: %s", json.dumps(sorted(listed)))
        try:
            socket = CarrierSocket(relay)
        except OSError:  # no training
            time.sleep(LOOK_S)
            continue
        with socket:
            carry_training(link, socket, numbers)


def carry_training(link: Link, socket: CarrierSocket, numbers: dict[str, int]) -> None:
    """One run for one training: from the first exchange that the node hands out to the end it tells."""

    def exchanges() -> Iterator[Exchange]:
        for carried in socket.exchanges():
            yield Exchange(carried.kind, carried.letters, carried.timeout_seconds, socket.hand_back)

    run_id = link.start_run(app_bundle(), APP_HASH)
    for token in _tokens(link):
        with link.server_task(token, max_objects=MAX_OBJECTS) as task:
            if task.run_id == run_id:
                server_app(exchanges(), numbers.get)(task.grid, task.context)
                return
            logger.warning("the task of a run that is not ours was ended")


def _tokens(link: Link) -> Iterator[str]:
    """Tokens of the tasks that wait at the SuperLink; RuntimeError when ours does not come."""
    looks = 0
    for token in acquired_tasks(link.address, TaskType.SERVER_APP, link.secret, link.root_certificates):
        if token is not None:
            yield token
        elif looks < TASK_LOOKS:
            looks += 1
            time.sleep(TASK_WAIT_S)
        else:
            raise RuntimeError("the SuperLink gave no task for a run that it started")
