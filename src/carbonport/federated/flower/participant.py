"""The executor of a participant: answers letters for the SuperNode beside it by asking the node at its socket.

It takes tasks as Flower's own executor does, but does not leave: the bundle of a task is compared with the allow-list
by its hash and never opened, and what runs is the installed app. It holds no data and no key. A failure is answered
with its kind and nothing else.
"""

import logging
from pathlib import Path
from typing import Final

from flwr.clientapp import ClientApp

from carbonport.federated.flower.adapter import ParticipantTask, TaskType, acquired_tasks, participant_task
from carbonport.federated.flower.apps import client_app, failure, refusal
from carbonport.federated.flower.bell import Bell
from carbonport.federated.flower.bundle import is_allowed
from carbonport.federated.letter_sockets import DeskSocket
from carbonport.federated.relay import TOLD_OF_APP

logger = logging.getLogger("carbonport.federated.flower.participant")
"""What went wrong here; it stays on this machine."""

UNRUNG_S: Final = 5.0
"""Wait between asking for a task when nobody rings. The SuperNode rings as long as it waits for an answer."""


def answer_tasks(runtime: str, secret: bytes, desk: Path, bell: Bell) -> None:
    """Answer tasks of the SuperNode whose runtime listens at `runtime` and that rings `bell` when there is one, until
    the process is told to end."""
    node = DeskSocket(desk)
    app = client_app(node.answer)
    for token in acquired_tasks(runtime, TaskType.CLIENT_APP, secret):
        if token is None:
            bell.wait(UNRUNG_S)
            continue
        try:
            with participant_task(runtime, token) as task:
                answer_task(task, app, node)
        except Exception:
            logger.exception("a task was not finished")  # the next one may be


def answer_task(task: ParticipantTask, app: ClientApp, node: DeskSocket) -> None:
    """Answer one task: with a refusal when its app is not on the list, of which the node hears for its log."""
    if not is_allowed(task.app_hash, task.app):
        logger.warning("a run of an app that is not on the list was refused: %s", task.app_hash[:64])
        node.answer(TOLD_OF_APP, task.app_hash[:64].encode("ascii", errors="replace"))
        task.answer(refusal(task.message))
        return
    try:
        reply = app(task.message, task.context)
    except Exception:
        logger.exception("a letter was not answered")
        reply = failure(task.message)
    task.answer(reply)
