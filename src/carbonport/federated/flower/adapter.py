"""Every private name of Flower that Carbonport touches, here and in `superlink`: what an upgrade of Flower has to be
read against.

Flower 1.41.0. Its public doors (`flwr.app`, `flwr.clientapp`, `flwr.serverapp`) are imported where they are used; what
stands here may move with any release. `tests/federated/test_flower_contract.py` says what is relied on.

What Flower's own processes do and ours do not: unpack a bundle and run it, install anything, send the text of an
exception, and wait in steps of three seconds.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from flwr.app import Context, Message
from flwr.common.constant import SUPERLINK_NODE_ID, ErrorCode, SubStatus
from flwr.proto.runtime_pb2 import AcquireTaskRequest
from flwr.supercore.constant import (
    FLEET_HTTP_PUBLIC_KEY_HEADER,
    FLEET_HTTP_SIGNATURE_HEADER,
    TaskType,
)
from flwr.supercore.heartbeat import HeartbeatSender, make_task_heartbeat_fn_http
from flwr.supercore.interceptors import (
    RuntimeTokenHttpInterceptor,
    RuntimeVersionHttpInterceptor,
    SuperExecAuthHttpInterceptor,
)
from flwr.supercore.protobuf.client import ProtobufClientInterceptor
from flwr.supercore.retry import make_simple_http_retry_invoker
from flwr.supercore.run import Run
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.supercore.task_identity import TaskIdentity
from flwr.supernode.runtime import run_clientapp as client_task

from carbonport.federated.flower.bell import ring

FLOWER_VERSION: Final = "1.41.0"
"""The version whose private parts these are."""

ACQUIRE_TASK: Final = "/flwr.proto.Runtime/AcquireTask"
"""The call that needs the executor's secret."""

COMPONENT: Final = "carbonport"
"""How our processes call themselves."""

RETRY_SECONDS: Final = 20.0
"""How long a call to a SuperLink or SuperNode that does not answer is repeated; then the process ends and is started
again."""

IDLE_STEP_S: Final = 3.0
"""How long Flower's SuperNode waits when there was no message."""

__all__ = [
    "FLEET_HTTP_PUBLIC_KEY_HEADER",
    "FLEET_HTTP_SIGNATURE_HEADER",
    "FLOWER_VERSION",
    "ErrorCode",
    "ParticipantTask",
    "Run",
    "TaskType",
    "WaitsWithBells",
    "acquired_tasks",
    "act_as_server",
    "number_message",
    "participant_task",
    "run_superlink",
    "run_supernode",
]


def act_as_server(run_id: int) -> None:
    """Let messages made in this process come from the ServerApp of a run."""
    TaskIdentity.task_id = TaskIdentity.run_id = run_id
    TaskIdentity.node_id = SUPERLINK_NODE_ID


def number_message(message: Message, identity: str) -> None:
    """Give a message the id under which its reply will be asked for; a SuperLink does it by the message's hash."""
    message.metadata.__dict__["_message_id"] = identity


# --- a participant's process: tasks of its SuperNode -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ParticipantTask:
    """A message for the ClientApp with the bundle that came with it; nothing of the bundle was opened."""

    message: Message
    context: Context
    app_hash: str
    app: bytes = field(repr=False)
    _client: RuntimeHttpClient = field(repr=False)

    def answer(self, reply: Message) -> None:
        """Send the reply, and end the task: well, or with an error that has no text."""
        client_task.push_message(self._client, reply, self.context)
        failed = reply.has_error()
        client_task.push_task_output(
            self._client, self.context, SubStatus.FAILED if failed else SubStatus.COMPLETED, ""
        )


def acquired_tasks(
    address: str, task_type: TaskType, secret: bytes, root_certificates: bytes | None = None
) -> Iterator[str | None]:
    """Tokens of tasks of a SuperNode or SuperLink as they come; None each time there is none."""
    signed = SuperExecAuthHttpInterceptor(master_secret=secret, protected_methods={ACQUIRE_TASK})
    with _runtime(address, root_certificates, signed) as client:
        while True:
            acquired = client.AcquireTask(AcquireTaskRequest(supported_task_types=[task_type]))
            yield acquired.token or None


@contextmanager
def participant_task(address: str, token: str) -> Iterator[ParticipantTask]:
    """The task behind a token, kept alive while it is worked on."""
    with _runtime(address, None, RuntimeTokenHttpInterceptor(token)) as client:
        heartbeat = HeartbeatSender(make_task_heartbeat_fn_http(client))
        message, context, run, app = client_task.pull_task_input(client)
        stated = app.hash_str if app.hash_str == run.fab_hash else ""
        heartbeat.start()
        try:
            yield ParticipantTask(message, context, stated, app.content, client)
        finally:
            heartbeat.stop()


@contextmanager
def _runtime(
    address: str, root_certificates: bytes | None, authenticated: ProtobufClientInterceptor
) -> Iterator[RuntimeHttpClient]:
    retry = make_simple_http_retry_invoker()
    retry.max_time = RETRY_SECONDS
    client = RuntimeHttpClient.from_server_address(
        server_address=address,
        insecure=root_certificates is None,
        root_certificates=root_certificates,
        interceptors=[RuntimeVersionHttpInterceptor(component_name=COMPONENT), authenticated],
        retry_invoker=retry,
    )
    with client:
        yield client


# --- Flower's own processes ------------------------------------------------------------------------------------------


class WaitsWithBells:
    """Stands for the `time` module in the SuperNode's loop, which waits 3 s when it had no message and 0.5 s for the
    answer to one: with two such waits in every exchange a training would mostly sleep.

    No message is no reason to wait when the front has held the question for one; and whoever waits for an answer has
    laid a message down, which the executor is told.
    """

    FOR_AN_ANSWER_S: Final = 0.02
    """Between looking whether the executor has answered; it lies in this process's memory."""

    HELD_S: Final = 1.0
    """A question that took so long was kept by the front, which keeps it for five seconds."""

    def __init__(self, bell: Path) -> None:
        self._bell, self._waited = bell, time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait shortly for an answer, and for a message as long as Flower would unless the front did."""
        if seconds < IDLE_STEP_S:
            ring(self._bell)
            time.sleep(self.FOR_AN_ANSWER_S)
        elif time.monotonic() - self._waited < self.HELD_S:
            time.sleep(seconds)
        self._waited = time.monotonic()


def run_superlink(arguments: Sequence[str]) -> None:
    """Be Flower's SuperLink."""
    from flwr.superlink.cli.flower_superlink import flower_superlink

    sys.argv = ["flower-superlink", *arguments]
    flower_superlink()


def run_supernode(arguments: Sequence[str], bell: Path) -> None:
    """Be Flower's SuperNode; `bell` is its executor's."""
    from flwr.supernode import start_client_internal
    from flwr.supernode.cli.flower_supernode import flower_supernode

    vars(start_client_internal)["time"] = WaitsWithBells(bell)
    sys.argv = ["flower-supernode", *arguments]
    flower_supernode()


def fleet_routes() -> Mapping[str, frozenset[str]]:
    """Every fleet route of a SuperLink and its methods: what a front has to know of."""
    from flwr.superlink.routers.fleet.router import router

    return {route.path: frozenset(route.methods) for route in router.routes}  # type: ignore[attr-defined]
