"""The coordinator's carrier: keeps the members' SuperNodes registered, and runs the ServerApp for each training.

It waits for the node to open its relay, which is the beginning of a training; starts a run of our bundle at the
SuperLink and takes the ServerApp's task itself, so that nothing is unpacked here either; carries each exchange that the
node hands out; and ends the run when the training ends. When the SuperLink fails on the way this process ends, is
started again by whoever watches it, and is handed the open exchange again.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from carbonport.federated.flower.adapter import TaskType, acquired_tasks
from carbonport.federated.flower.apps import Exchange, server_app
from carbonport.federated.flower.bell import ring
from carbonport.federated.flower.bundle import APP_HASH, app_bundle
from carbonport.federated.flower.members import MemberKeys
from carbonport.federated.flower.messages import MAX_OBJECTS
from carbonport.federated.flower.superlink import Link
from carbonport.federated.letter_sockets import CarrierSocket

logger = logging.getLogger("carbonport.federated.flower.carrier")
"""What went wrong here."""

LOOK_S: Final = 0.5
"""How often to look for members and for a training."""

TASK_WAIT_S: Final = 0.05
TASK_LOOKS: Final = 200
"""Looks for the task of a run that was just started, and the wait between them."""


def carry_trainings(link: Link, relay: Path, members: MemberKeys, bell: Path) -> None:
    """Carry one training after another, until the process is told to end. `bell` is the front's."""
    registered = Registered(link, members)
    registered.look()
    threading.Thread(target=registered.follow, daemon=True).start()
    while True:
        try:
            socket = CarrierSocket(relay)
        except OSError:  # no training
            time.sleep(LOOK_S)
            continue
        with socket:
            carry_training(link, socket, registered.number_of, bell)


class Registered:
    """The members' SuperNodes as the SuperLink knows them, kept like the folder of enrolled keys."""

    def __init__(self, link: Link, members: MemberKeys) -> None:
        self._link, self._members = link, members
        self._seen: dict[str, bytes] | None = None
        self._numbers: dict[str, int] = {}

    def number_of(self, participant: str) -> int | None:
        """The number of a member's SuperNode."""
        return self._numbers.get(participant)

    def look(self) -> None:
        """Register what is new and nobody else."""
        listed = self._members.listed()
        if listed != self._seen:
            by_key = self._link.keep_members(listed.values())
            self._numbers = {name: by_key[key] for name, key in listed.items()}
            self._seen = listed
            logger.info("members: %s", json.dumps(sorted(listed)))

    def follow(self) -> None:
        """Look again and again; a SuperLink that does not answer is asked again."""
        while True:
            time.sleep(LOOK_S)
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - it is being started again, or this process soon is
                logger.warning("members could not be registered: %s", type(error).__name__)


def carry_training(
    link: Link, socket: CarrierSocket, number_of: Callable[[str], int | None], bell: Path
) -> None:
    """One run for one training: from the first exchange that the node hands out to the end it tells."""

    def exchanges() -> Iterator[Exchange]:
        for carried in socket.exchanges():
            yield Exchange(carried.kind, carried.letters, carried.timeout_seconds, socket.hand_back)

    run_id = link.start_run(app_bundle(), APP_HASH)
    for token in _tokens(link):
        with link.server_task(token, max_objects=MAX_OBJECTS, sent=lambda: ring(bell)) as task:
            if task.run_id == run_id:
                server_app(exchanges(), number_of)(task.grid, task.context)
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
