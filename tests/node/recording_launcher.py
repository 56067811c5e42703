"""Runs `carbonport` with a recorder in place: every message in plaintext at the serialiser, every file written.

    python recording_launcher.py RECORD_DIR PRIVATE_DIR [--plant VALUE] -- ARGUMENTS OF CARBONPORT

Messages are written to RECORD_DIR/messages, one file each; the paths of files opened for writing outside PRIVATE_DIR
are listed in RECORD_DIR/files. `--plant` hides a value in every attestation request's answer: the recorder must find
it, else it is blind.
"""

import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc import aio

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    split = sys.argv.index("--")
    record, private = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    planted = sys.argv[4].encode() if split > 3 else b""
    arguments = sys.argv[split + 1 :]
    messages = record / "messages"
    messages.mkdir(parents=True, exist_ok=True)
    numbers = itertools.count()

    def keep(kind: str, data: bytes) -> None:
        name = f"{os.getpid()}-{next(numbers):06d}-{kind}"
        descriptor = os.open(messages / name, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(descriptor, data)
        os.close(descriptor)

    def recorded(serialise: Callable[[Message], bytes]) -> Callable[[Message], bytes]:
        def serialise_and_keep(message: Message) -> bytes:
            if planted and type(message).__name__ == "RequestAttestationResponse":
                message.request.reason = planted.decode()  # type: ignore[attr-defined]
            data = serialise(message)
            keep(type(message).__name__, data)
            return data

        return serialise_and_keep

    handler = grpc.unary_unary_rpc_method_handler

    def recording_handler(behavior: Any, request_deserializer: Any = None, response_serializer: Any = None) -> Any:
        return handler(behavior, request_deserializer, recorded(response_serializer))

    grpc.unary_unary_rpc_method_handler = recording_handler

    unary = aio.Channel.unary_unary

    def recording_unary(channel: Any, method: str, request_serializer: Any = None, *rest: Any, **options: Any) -> Any:
        return unary(channel, method, recorded(request_serializer), *rest, **options)

    aio._channel.Channel.unary_unary = recording_unary  # type: ignore[method-assign]

    files = os.open(record / "files", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note_written(event: str, details: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(details[0], str | bytes) or not (details[2] or 0) & WRITING:
            return
        path = Path(os.fsdecode(details[0])).absolute()
        if private not in path.parents and record.resolve() not in path.parents:
            os.write(files, f"{path}\n".encode())

    sys.addaudithook(note_written)

    from carbonport.node.cli import main as carbonport

    sys.argv = ["carbonport", *arguments]
    carbonport()


if __name__ == "__main__":
    main()
