"""A bell between two processes of one machine: "there may be something", without a word of what.

Flower's processes find letters by asking again and again, and what is asked five times a second by eight members costs
more than the training that they wait for. Who lays something down rings; who waits for it sleeps until then. A bell is
a hint: nobody is believed who rings, and one that is lost costs the wait that would otherwise have been the rule. It is
a datagram socket in a node's private folder. Nothing here imports Flower.
"""

import contextlib
import select
import socket
from pathlib import Path
from types import TracebackType
from typing import Final, Self

BELL_MODE: Final = 0o600
"""The owner of the folder alone."""

_STROKE: Final = b"\0"


class Bell:
    """The end that is rung, at `path`; an earlier one at the same path is forgotten."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(path))
        path.chmod(BELL_MODE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """For a loop that waits for several things: readable when it was rung."""
        return self._socket.fileno()

    def heard(self) -> None:
        """Forget every stroke so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(len(_STROKE))

    def wait(self, seconds: float) -> None:
        """Until it is rung, or was since the last time, and so many seconds at most."""
        if select.select([self._socket], [], [], seconds)[0]:
            self.heard()


def ring(path: Path) -> None:
    """Ring, if anybody is there; one who has strokes enough waiting needs no further one."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.setblocking(False)
        bell.sendto(_STROKE, str(path))
