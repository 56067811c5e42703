"""The demo's nodes as processes: started together, stopped together, whatever ends the demo."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from carbonport.errors import Unavailable

STOP_SECONDS = 20.0
"""How long a process may take to stop before it is killed; what it started has eight seconds of them."""

LAUNCHER: Sequence[str] = (sys.executable, "-m", "carbonport")
"""How a node's process is started; tests put a recorder in between."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a process does: the command's words, the file in its home folder that takes its errors, and how long it may
    take until it says that it is ready."""

    words: tuple[str, ...]
    log: str
    start_seconds: float


SERVE = Service(("serve",), "serve.log", 60.0)
"""A node."""


class NodeProcesses:
    """Processes of homes by name, nodes unless said otherwise; leaving the context stops them all."""

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

    def start(self, homes: Mapping[str, Path], service: Service = SERVE) -> None:
        """Start a process per home, at once, and return when all are ready."""
        self.launch(homes, service)
        self.await_ready(homes, service)

    def launch(self, homes: Mapping[str, Path], service: Service = SERVE) -> None:
        """Start a process per home, at once; `await_ready` waits for them."""
        for name, home in homes.items():
            command = [*self._launchers.get(name, LAUNCHER), *service.words, "--home", str(home), "--json"]
            output = (home / service.log).open("wb")
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

    def await_ready(self, homes: Mapping[str, Path], service: Service = SERVE) -> None:
        """Return when all of these that were launched are ready."""
        deadline = time.monotonic() + service.start_seconds
        for name, home in homes.items():
            self._await_ready(name, home, service, deadline)

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

    def _await_ready(self, name: str, home: Path, service: Service, deadline: float) -> None:
        process = self._running[name]
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
            expected=f"a process that is ready within {service.start_seconds:.0f} s",
            remedy=f"Read {service.log} in its home folder.",
            where=str(home),
        )
