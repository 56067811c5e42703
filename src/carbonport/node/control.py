"""The operator's own door: commands reach a serving node through a socket file in its private folder.

One process may write a node's log, so a command such as `carbonport revoke` hands its operation to the process that
serves (decision 0003). Who can open the socket owns the folder with the keys in it: there is no further authentication,
and errors travel in full. Nothing here is reachable from the network.
"""

import hashlib
import logging
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
from grpc import aio

from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.errors import CarbonportError, Malformed, Misuse, Unavailable, error_from_dict
from carbonport.node.file_problem import file_problem
from carbonport.wire.v1 import control_pb2, control_pb2_grpc

logger = logging.getLogger("carbonport.node.control")
"""Operations that failed by a defect; the trace stays on this machine."""

SOCKET_NAME = "control.sock"
"""The socket file inside the home folder."""

MAX_SOCKET_PATH_BYTES = 100
"""Below what Linux allows for a socket's path (107 bytes and a terminator); longer homes use the temporary folder."""

MAX_MESSAGE_BYTES = 64 * 2**20
"""Largest operation or result: a ledger with 10^5 source streams fits."""

DEFAULT_WAIT_SECONDS = 120
"""How long a command waits for the serving process."""

RunOperation = Callable[[str, Json], Awaitable[Json]]


def socket_path(home: Path) -> Path:
    """Where the socket of this home stands: inside it, or in a private temporary folder when the path is too long."""
    return short_enough(home.resolve() / SOCKET_NAME)


def short_enough(path: Path) -> Path:
    """`path`, or one in a private temporary folder that stands for it when it is too long for a socket."""
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        return path
    folder = Path(tempfile.gettempdir()) / f"carbonport-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise Misuse(
            "control-folder-not-private",
            found="a folder for control sockets that others may enter",
            expected="a folder of this user with mode 0700",
            remedy="Remove the folder, or choose a home folder with a shorter path.",
            where=str(folder),
        )
    return folder / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.sock"


def is_serving(home: Path) -> bool:
    """Whether a process listens at the control socket of this home."""
    path = socket_path(home)
    if not path.exists():
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


class _ControlService(control_pb2_grpc.ControlServiceServicer):
    def __init__(self, run: RunOperation) -> None:
        self._run = run

    async def RunOperation(  # noqa: N802 - the name in the wire contract
        self, request: control_pb2.RunOperationRequest, context: object
    ) -> control_pb2.RunOperationResponse:
        try:
            arguments = parse_canonical(request.arguments, max_bytes=MAX_MESSAGE_BYTES)
            answer: Json = {"result": await self._run(request.operation, arguments)}
        except CarbonportError as error:
            answer = {"error": dict(error.as_dict())}
        except OSError as problem:
            answer = {"error": dict(file_problem(problem).as_dict())}
        except Exception as error:
            logger.exception("the operation %s failed", request.operation)
            answer = {"error": dict(_defect(error).as_dict())}
        return control_pb2.RunOperationResponse(result=canonical_bytes(answer))


async def serve_control(home: Path, run: RunOperation) -> aio.Server:
    """Listen at the home's control socket; the caller stops the server."""
    path = socket_path(home)
    path.unlink(missing_ok=True)
    server = aio.server(options=_message_options())
    control_pb2_grpc.add_ControlServiceServicer_to_server(_ControlService(run), server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    path.chmod(0o600)
    return server


async def call_control(
    home: Path, operation: str, arguments: Json, *, wait_seconds: float = DEFAULT_WAIT_SECONDS
) -> Json:
    """Run an operation in the serving process; its error comes back as it was raised there."""
    async with aio.insecure_channel(f"unix:{socket_path(home)}", options=_message_options()) as channel:
        request = control_pb2.RunOperationRequest(operation=operation, arguments=canonical_bytes(arguments))
        try:
            response = await control_pb2_grpc.ControlServiceStub(channel).RunOperation(
                request, timeout=wait_seconds
            )
        except aio.AioRpcError as error:
            raise _not_answering(error.code(), home) from None
    answer = parse_canonical(response.result, max_bytes=MAX_MESSAGE_BYTES)
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
        raise error_from_dict({name: str(text) for name, text in answer["error"].items()})
    if not isinstance(answer, dict) or "result" not in answer:
        raise Malformed(
            "control-answer",
            found="an answer without result or error",
            expected="the answer of a serving node of this version",
            remedy="Restart the serving process after an upgrade.",
            where=str(home),
        )
    result: Json = answer["result"]
    return result


def _defect(error: Exception) -> Unavailable:
    return Unavailable(
        "control-defect",
        found=f"an unexpected {type(error).__name__} in the serving process",
        expected="an operation that ends in a result or a known error",
        remedy="This is a defect in Carbonport; its trace is in the serving process's output.",
    )


def _not_answering(code: grpc.StatusCode, home: Path) -> Unavailable:
    return Unavailable(
        "control-not-answering",
        found=f"the serving process ended the call with {code.name}",
        expected="an answer at the control socket",
        remedy="Look at the serving process's output; stop and start it if it hangs.",
        where=str(home),
    )


def _message_options() -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ]
