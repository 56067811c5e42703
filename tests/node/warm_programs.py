"""`carbonport` commands and nodes as real processes, started from a warm one (`warm_launcher.py`)."""

import atexit
import contextlib
import functools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).resolve().parent
PATIENCE_S = 60
"""How long a process may take to answer or end before the test fails; never how long a test waits."""


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    arguments: tuple[str, ...]
    code: int
    output: str
    errors: str

    def json(self) -> dict[str, Any]:
        """Its one JSON object."""
        found: dict[str, Any] = json.loads(self.output)
        return found

    def expect(self, code: int = 0) -> dict[str, Any]:
        """Its JSON object, once its exit code and manners are as they must be."""
        assert "Traceback" not in self.errors, self
        assert self.code == code, self
        return self.json()


class Process:
    """One running command."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")
        self.pid = int(self._lines.readline())
        self._code: int | None = None

    def wait(self) -> int:
        """The exit status; negative for a signal."""
        if self._code is None:
            self._connection.settimeout(PATIENCE_S)
            self._code = int(self._lines.readline())
            self._lines.close()
            self._connection.close()
        return self._code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it, unless it was seen to end."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Programs:
    """The warm process; leaving the program ends it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="carbonport-warm-")
        self._socket = str(Path(self._folder.name) / "s")
        self._server = subprocess.Popen(
            [sys.executable, str(HERE / "warm_launcher.py"), self._socket],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"ready\n"

    def close(self) -> None:
        """End the warm process; those started from it live on until they are stopped."""
        for stream in (self._server.stdin, self._server.stdout):
            if stream is not None:
                stream.close()
        self._server.wait()
        self._folder.cleanup()

    def start(self, output: int, errors: int, *arguments: str, **launcher: Any) -> Process:
        """Start a command with these descriptors as standard output and error."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._socket)
        asked = json.dumps({"arguments": arguments, **launcher}).encode()
        socket.send_fds(connection, [asked], [output, errors])
        return Process(connection)

    def run(self, *arguments: str | bytes | Path, **launcher: Any) -> Finished:
        """Run a command to its end."""
        words = tuple(os.fsdecode(argument) for argument in arguments)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            code = self.start(output.fileno(), errors.fileno(), *words, **launcher).wait()
            output.seek(0)
            errors.seek(0)
            return Finished(words, code, output.read().decode(), errors.read().decode())

    def serve(self, home: Path, **launcher: Any) -> "Node":
        """`carbonport serve` on a home folder; returns when it answers."""
        reading, writing = os.pipe()
        with (home / "serve.log").open("ab") as errors:
            process = self.start(writing, errors.fileno(), "serve", "--home", str(home), "--json", **launcher)
        os.close(writing)
        with os.fdopen(reading, "rb") as output, selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            line = output.readline() if selector.select(PATIENCE_S) else b""
        node = Node(home, process)
        if not line:
            node.kill()
            raise AssertionError((home / "serve.log").read_text())
        assert json.loads(line)["ok"], line
        return node


@dataclass(frozen=True)
class Node:
    """A serving process; leaving the context stops it."""

    home: Path
    process: Process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Ask it to stop, and wait; gives its exit status."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait()

    def kill(self) -> int:
        """End it at once."""
        self.process.signal(signal.SIGKILL)
        return self.process.wait()


@functools.cache
def programs() -> Programs:
    """The one warm process of a test run."""
    started = Programs()
    atexit.register(started.close)
    return started
