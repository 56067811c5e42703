"""A process of its own for preparing entries, seen from the node: the interpreter's lock is free while it works.

It starts when a batch is large enough to be worth it, and is used once it has said that it is ready; until then, and
where it cannot start, the node prepares by itself. Promised: nothing of it outlives the node, for it ends when the
node's end of the socket is closed, and it is killed when it does not answer. A process that died took no entry with it:
preparing writes nothing.
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

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
    """One preparing process at a time, which answers what it is asked in order; belongs to one event loop."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._conversation: _Conversation | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._failures = 0

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def answers(self) -> bool:
        """Whether the process has said that it is ready."""
        return self._conversation is not None and self._conversation.greeted

    def ready(self) -> bool:
        """Whether orders are answered now; starts the process when there is none."""
        if self._process is None and self._failures < MAX_FAILURES:
            self._start()
        return self.answers

    async def prepare(self, origin: str, orders: Sequence[EntryOrder]) -> list[Answer]:
        """The entries that were ordered; Unavailable (`log-preparation-lost`) when the process died or hangs. Several
        callers may ask at the same time."""
        answers: list[Answer] = []
        for part in _in_messages(orders):
            conversation = self._conversation
            if conversation is None or not conversation.greeted:
                raise _lost(origin)
            answers += await conversation.ask(origin, part)
        self._failures = 0
        return answers

    def close(self) -> None:
        """End the process, and wait until it has ended; whoever still waits for an answer learns that it was lost."""
        process, conversation, connecting = self._process, self._conversation, self._connecting
        self._process, self._conversation, self._connecting = None, None, None
        if connecting is not None:
            connecting.cancel()
        if conversation is not None:
            conversation.end()
        if process is not None:
            # It has nothing to finish.
            process.kill()
            process.wait()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
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
        self._conversation = _Conversation(self._over)
        self._connecting = asyncio.create_task(_connect(ours, self._conversation))

    def _over(self, conversation: "_Conversation") -> None:
        """Count the failure; unless it is one that ended long ago."""
        if conversation is self._conversation:
            self._failures += 1
            self.close()


@dataclass(frozen=True, slots=True)
class _Expected:
    """Answers that the process owes: to so many orders of the log `origin`."""

    origin: str
    count: int
    answers: "asyncio.Future[list[Answer]]"


class _Conversation(asyncio.Protocol):
    """The node's end of the socket to one process: its greeting, then answers in the order of the questions.

    `over` is told once nothing more is to be expected: the socket was closed, what came is no answer, or none came
    in time.
    """

    def __init__(self, over: "Callable[[_Conversation], None]") -> None:
        self._over = over
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = bytearray()
        self._expected: deque[_Expected] = deque()
        self._patience: asyncio.TimerHandle | None = None
        self.greeted = False

    def ask(self, origin: str, orders: Sequence[EntryOrder]) -> "asyncio.Future[list[Answer]]":
        """The answers that will come, or `log-preparation-lost`."""
        assert self._transport is not None, "it has greeted"
        expected = _Expected(origin, len(orders), asyncio.get_running_loop().create_future())
        self._expected.append(expected)
        if self._patience is None:
            self._wait_for_the_next()
        self._transport.write(orders_message(origin, orders))
        return expected.answers

    def end(self) -> None:
        """Say nothing more, and tell all who wait."""
        if self._transport is not None:
            self._transport.abort()
        lost, self._expected = self._expected, deque()
        self._wait_for_the_next()
        for each in lost:
            if not each.answers.done():
                each.answers.set_exception(_lost(each.origin))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - asyncio's own name
        self._over(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while len(self._buffer) >= LENGTH_BYTES:
                end = LENGTH_BYTES + message_length(bytes(self._buffer[:LENGTH_BYTES]))
                if len(self._buffer) < end:
                    return
                content = bytes(self._buffer[LENGTH_BYTES:end])
                del self._buffer[:end]
                self._receive(content)
        except (CarbonportError, ValueError, IndexError):
            self._over(self)

    def _receive(self, content: bytes) -> None:
        if not self.greeted:
            (version,) = split_message(content)
            if version != __version__.encode():
                raise ValueError("a process of another version")
            self.greeted = True
            return
        answers = read_answers(content, self._expected[0].count)
        expected = self._expected.popleft()
        self._wait_for_the_next()
        if not expected.answers.done():
            expected.answers.set_result(answers)

    def _wait_for_the_next(self) -> None:
        """Begin the time that the next answer may take, if one is expected."""
        if self._patience is not None:
            self._patience.cancel()
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(ANSWER_TIMEOUT_S, self._over, self) if self._expected else None


async def _connect(ours: socket.socket, conversation: _Conversation) -> None:
    try:
        await asyncio.get_running_loop().create_unix_connection(lambda: conversation, sock=ours)
    except OSError as error:
        ours.close()
        conversation.connection_lost(error)


def _lost(origin: str) -> Unavailable:
    return Unavailable(
        "log-preparation-lost",
        where=origin,
        found="a preparing process that ended, or did not answer as it should",
        expected=f"an answer within {ANSWER_TIMEOUT_S:g} seconds",
        remedy="Try again: nothing was logged, and the process is started anew.",
    )


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
