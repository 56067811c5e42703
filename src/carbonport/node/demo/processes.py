"""The demo's nodes as processes: started together, stopped together, whatever ends the demo."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from carbonport.errors import Unavailable

START_SECONDS = 60.0
"""How long a node may take until it answers."""

STOP_SECONDS = 10.0
"""How long a node may take to stop before it is killed."""

LAUNCHER: Sequence[str] = (sys.executable, "-m", "carbonport")
"""How a node's process is started; tests put a recorder in between."""


class NodeProcesses:
    """`carbonport serve` processes by name; leaving the context stops them all."""

    def __init__(self, launchers: dict[str, Sequence[str]] | None = None) -> None:
        """`launchers` gives single nodes another way of starting."""
        self._launchers = launchers or {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, homes: dict[str, Path]) -> None:
        """Start a node per home, at once, and return when all answer."""
        for name, home in homes.items():
            command = [*self._launchers.get(name, LAUNCHER), "serve", "--home", str(home), "--json"]
            output = (home / "serve.log").open("wb")
            # A session of its own: Ctrl-C reaches the demo alone, which then stops its nodes in order.
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
            output.close()
        deadline = time.monotonic() + START_SECONDS
        for name, process in self._running.items():
            self._await_ready(name, process, homes[name], deadline)

    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {name: process.pid for name, process in self._running.items()}

    def stop(self) -> None:
        """Ask every node to stop, and kill those that do not."""
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._running.clear()

    def _await_ready(self, name: str, process: subprocess.Popen[bytes], home: Path, deadline: float) -> None:
        assert process.stdout is not None, "it was started with a pipe"
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if selector.select(max(0.0, deadline - time.monotonic())):
                line = process.stdout.readline()
                if line and json.loads(line).get("ok"):
                    return
        raise Unavailable(
            "demo-node-not-ready",
            found=f"the {name}'s process did not answer",
            expected="a node that serves within a minute",
            remedy="Read serve.log in its home folder.",
            where=str(home),
        )
