"""A process of its own for preparing entries, seen from the node: the interpreter's lock is free while it works.

It starts when a batch is large enough to be worth it, and is used once it has said that it is ready; until then, and
where it cannot start, the node prepares by itself. Promised: nothing of it outlives the node, for it ends when the
node's end of the socket is closed, and it is killed when it does not answer. A process that died took no entry with it:
preparing writes nothing.
"""

import contextlib
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence

from carbonport import __version__
from carbonport.errors import CarbonportError, Unavailable
from carbonport.node.log.preparation_messages import (
    LENGTH_BYTES,
    MAX_ORDERS,
    MAX_VALUE_BYTES,
    Answer,
    message_length,
    orders_message,
    read_answers,
    split_message,
)
from carbonport.node.log.sealed_entry import EntryOrder

MODULE = "carbonport.node.log.preparation_process"
"""What the process runs."""

ANSWER_TIMEOUT_S = 10.0
"""How long one message of orders may take: a thousand times what it takes."""

MAX_FAILURES = 3
"""After so many failures in a row no further process is started."""

SOCKET_BUFFER_BYTES = 2**20
"""Asked for in both directions, so that a batch passes in few pieces; the system may give less."""

ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
"""What the process inherits of the node's environment, which may hold a passphrase."""


class PreparationWorker:
    """One preparing process at a time; used from one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._ready = False
        self._failures = 0

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def answers(self) -> bool:
        """Whether the process has said that it is ready."""
        return self._ready

    def ready(self) -> bool:
        """Whether orders are answered now; starts the process when there is none."""
        if self._ready:
            return True
        if self._socket is None:
            if self._failures < MAX_FAILURES:
                self._start()
            return False
        if select.select([self._socket], [], [], 0)[0]:
            try:
                (version,) = split_message(self._receive(self._socket))
                self._ready = version == __version__.encode()
            except (OSError, ValueError, CarbonportError):
                self._ready = False
            if not self._ready:
                self._fail()
        return self._ready

    def prepare(self, origin: str, orders: Sequence[EntryOrder]) -> list[Answer]:
        """The entries that were ordered; Unavailable (`log-preparation-lost`) when the process died or hangs."""
        assert self._socket is not None, "asked when it was ready"
        answers: list[Answer] = []
        try:
            for part in _in_messages(orders):
                self._socket.sendall(orders_message(origin, part))
                answers += read_answers(self._receive(self._socket), len(part))
        except (OSError, CarbonportError) as error:
            self._fail()
            raise Unavailable(
                "log-preparation-lost",
                where=origin,
                found=f"a preparing process that ended or did not answer ({type(error).__name__})",
                expected=f"an answer within {ANSWER_TIMEOUT_S:g} seconds",
                remedy="Try again: nothing was logged, and the process is started anew.",
            ) from None
        self._failures = 0
        return answers

    def close(self) -> None:
        """End the process, and wait until it has ended."""
        connection, process = self._socket, self._process
        self._socket, self._process, self._ready = None, None, False
        if connection is not None:
            connection.close()
        if process is not None:
            # It has nothing to finish.
            process.kill()
            process.wait()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        ours.settimeout(ANSWER_TIMEOUT_S)
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-m", MODULE],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    # A trace could quote a value.
                    stderr=subprocess.DEVNULL,
                    env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
                )
            except OSError:
                ours.close()
                self._failures += 1
                return
        self._socket = ours

    def _receive(self, connection: socket.socket) -> bytes:
        return _exactly(connection, message_length(_exactly(connection, LENGTH_BYTES)))

    def _fail(self) -> None:
        self._failures += 1
        self.close()


def _in_messages(orders: Sequence[EntryOrder]) -> Iterator[Sequence[EntryOrder]]:
    """The orders in as many messages as their bounds ask for."""
    part, size = list[EntryOrder](), 0
    for order in orders:
        values = sum(map(len, order.fields.values()))
        if part and (len(part) == MAX_ORDERS or size + values > MAX_VALUE_BYTES):
            yield part
            part, size = [], 0
        part.append(order)
        size += values
    if part:
        yield part


def _exactly(connection: socket.socket, length: int) -> bytes:
    content = bytearray(length)
    view, at = memoryview(content), 0
    while at < length:
        read = connection.recv_into(view[at:])
        if not read:
            raise ConnectionResetError("closed by the other end")
        at += read
    return bytes(content)
