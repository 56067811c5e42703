"""Runs `carbonport` with recorders in place: every message in plaintext, twice, and every file written.

    python recording_launcher.py RECORD_DIR PRIVATE_DIR [--plant VALUE PLANTED_FILE] -- ARGUMENTS OF CARBONPORT

`RECORD_DIR/serialiser` holds what Carbonport's own hook sees leave, `RECORD_DIR/grpc` what gRPC's Python layer is given
(messages, statuses of refusals, answers at the operator's socket), one file each. Files opened for writing outside
PRIVATE_DIR are listed in `RECORD_DIR/files`; one that is moved into place is kept in `RECORD_DIR/moved` as it was then,
for whoever receives it may delete it. `RECORD_DIR/children` lists the arguments of processes that were started.

`--plant` hides a value in the answer to every request for an attestation, and in a file that is deleted again: the
recorders must find both, else they are blind.
"""

import itertools
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from carbonport.node.home import NodeHome
from carbonport.node.identity.private_files import write_public
from carbonport.node.services import exchange_service
from carbonport.node.transport.calls import Outgoing
from carbonport.node.transport.peers import Peers
from carbonport.node.transport.server import NodeServer

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Recorder:
    """Keeps what it is given as files of a folder that it does not record itself."""

    def __init__(self, record: Path, private: Path) -> None:
        self.record, self.private = record.resolve(), private.resolve()
        self._numbers = itertools.count()
        for name in ("serialiser", "grpc", "moved"):
            (self.record / name).mkdir(parents=True, exist_ok=True)

    def keep(self, folder: str, kind: str, data: bytes) -> None:
        name = f"{os.getpid()}-{next(self._numbers):06d}-{kind.rpartition('/')[2]}"
        self._append(self.record / folder / name, data)

    def note(self, name: str, line: str) -> None:
        self._append(self.record / name, f"{line}\n".encode())

    def outside(self, path: str | bytes | os.PathLike[str]) -> Path | None:
        """The absolute path of a file, unless it is private or the recorder's own."""
        absolute = Path(os.fsdecode(path)).absolute()
        hidden = self.private in absolute.parents or self.record in absolute.parents
        return None if hidden else absolute

    def _append(self, path: Path, data: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, data)
        os.close(descriptor)


def install(record: Path, private: Path, planted: str = "", planted_file: Path | None = None) -> None:
    """Put the recorders in place in this process."""
    sys.dont_write_bytecode = True
    recorder = Recorder(record, private)
    _record_at_the_serialiser(recorder)
    _record_at_grpc(recorder)
    if planted and planted_file is not None:
        _plant(planted, planted_file)
    _record_files(recorder)


def install_named(words: list[str]) -> None:
    """The same from words: record folder, private folder, and perhaps what is planted and where."""
    record, private, *planted = words
    install(Path(record), Path(private), planted[0] if planted else "", Path(planted[1]) if planted else None)


def _record_at_the_serialiser(recorder: Recorder) -> None:
    server, peers = NodeHome.server, NodeHome.peers

    def keep(method: str, data: bytes) -> None:
        recorder.keep("serialiser", method, data)

    def recorded_server(self: NodeHome, outgoing: Outgoing | None = None) -> NodeServer:
        assert outgoing is None
        return server(self, keep)

    def recorded_peers(self: NodeHome, outgoing: Outgoing | None = None) -> Peers:
        assert outgoing is None
        return peers(self, keep)

    NodeHome.server = recorded_server  # type: ignore[method-assign]
    NodeHome.peers = recorded_peers  # type: ignore[method-assign]


class _RecordedContext:
    """A servicer context that shows what a refused call sends."""

    def __init__(self, context: Any, recorder: Recorder) -> None:
        self._context = context
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> None:
        self._recorder.keep("grpc", "status-details", details.encode())
        for _key, value in trailing_metadata:
            self._recorder.keep("grpc", "status", value if isinstance(value, bytes) else value.encode())
        await self._context.abort(code, details, trailing_metadata)


def _record_at_grpc(recorder: Recorder) -> None:
    channel_class: Any = import_module("grpc.aio._channel").Channel
    handler, channel_call = grpc.unary_unary_rpc_method_handler, channel_class.unary_unary

    def recording_handler(behavior: Any, *rest: Any, **options: Any) -> Any:
        async def recorded(request: Any, context: Any) -> Any:
            answer = await behavior(request, _RecordedContext(context, recorder))
            if isinstance(answer, Message):
                recorder.keep("grpc", type(answer).__name__, answer.SerializeToString())
            else:
                recorder.keep("grpc", "answer", answer)
            return answer

        return handler(recorded, *rest, **options)

    def recording_call(channel: Any, method: str, serializer: Any = None, *rest: Any, **options: Any) -> Any:
        def recorded(message: Any) -> bytes:
            data: bytes = message if serializer is None else serializer(message)
            recorder.keep("grpc", "request", data)
            return data

        return channel_call(channel, method, recorded, *rest, **options)

    grpc.unary_unary_rpc_method_handler = recording_handler
    channel_class.unary_unary = recording_call


def _record_files(recorder: Recorder) -> None:
    def note_written(event: str, details: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(details[0], str | bytes) and (details[2] or 0) & WRITING:
            path = recorder.outside(details[0])
            if path is not None:
                recorder.note("files", str(path))
        elif event == "os.rename":
            path = recorder.outside(details[1])
            if path is not None:
                recorder.keep("moved", path.name, Path(os.fsdecode(details[0])).read_bytes())
                recorder.note("files", str(path))
        elif event == "sqlite3.connect" and isinstance(details[0], str | bytes):
            name = os.fsdecode(details[0]).removeprefix("file:").partition("?")[0]
            if name != ":memory:" and recorder.outside(name) is not None:
                recorder.note("files", name)
        elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system"):
            recorder.note("children", f"{event} {details[1]!r}")

    sys.addaudithook(note_written)


def _plant(value: str, file: Path) -> None:
    message: Callable[..., Any] = exchange_service._message

    def planting(entry: Any) -> Any:
        write_public(file, f'{{"amount": {value}}}'.encode())
        file.unlink()
        told = message(entry)
        told.reason = value
        return told

    exchange_service._message = planting


def main() -> None:
    split = sys.argv.index("--")
    options, arguments = sys.argv[1:split], sys.argv[split + 1 :]
    install_named([*options[:2], *options[3:]])
    from carbonport.node.cli import main as carbonport

    sys.argv = ["carbonport", *arguments]
    carbonport()


if __name__ == "__main__":
    main()
