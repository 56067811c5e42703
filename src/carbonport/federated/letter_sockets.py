"""Sockets in a node's folder through which a carrier's processes reach the node: for a desk, and for a relay.

The node listens; Flower's executors, which have no data and no keys, connect. Whoever can open a socket file owns the
node's folder (mode 0700, sockets 0600), as with the operator's own socket. What travels is a frame each way.

    desk    executor -> node: {"kind"} + letter        node -> executor: {} + letter, or {"error"}
    relay   node -> carrier: {"kind", "wait_ms"} + letters by participant, or {"end": true}
            carrier -> node: {"errors": {participant: id}} + letters by participant

A carrier that connects anew takes over: it is handed the exchange that is open, so that a training outlives the process
that carries it. The same letter may then come to a participant twice.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from carbonport.errors import CarbonportError, Malformed, Unavailable
from carbonport.federated.frames import LENGTH, Frame, Header, header_length, read_header
from carbonport.federated.relay import ERROR_ID, NO_REPLY, Desk, Reply, check_exchange, reply_of

SOCKET_MODE: Final = 0o600
"""The owner of the folder alone."""

LETTER: Final = "letter"
"""Name of the one body of a desk's frame."""

MAX_FRAME_BYTES: Final = 1 << 29
"""All letters of one exchange together: 512 MB, 40 contributors of 1.6 MB are 64."""

DESK_WAIT_S: Final = 600.0
"""How long an executor waits for its node's answer; an exchange has an end of its own before that."""

HAND_BACK_GRACE_S: Final = 15.0
"""How much longer than an exchange the node waits for the carrier to hand back what there is."""

BACKLOG: Final = 8
"""Executors that may be about to connect: there is one."""


async def serve_desk(path: Path, desk: Desk) -> asyncio.Server:
    """Listen at `path` for letters to `desk`; the caller closes the server and removes the file."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, CarbonportError):
            while True:
                frame = await _read(reader)
                kind, letter = frame.about.get("kind"), frame.bodies.get(LETTER)
                if not isinstance(kind, str) or letter is None:
                    break
                reply = await reply_of(desk, kind, letter)
                answer = (
                    Frame({"error": reply.error})
                    if reply.letter is None
                    else Frame({}, {LETTER: reply.letter})
                )
                writer.write(answer.encode())
                await writer.drain()
        writer.close()

    return await _listen(path, serve)


class DeskSocket:
    """An executor's way to the desk of its node; blocking, one letter at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def answer(self, kind: str, letter: bytes) -> Reply:
        """The desk's reply; `relay-no-reply` while the node does not run. Raises nothing."""
        try:
            with _connect(self._path, DESK_WAIT_S) as connection:
                connection.sendall(Frame({"kind": kind}, {LETTER: letter}).encode())
                frame = _receive(connection)
        except (OSError, CarbonportError):
            return Reply(error=NO_REPLY)
        error = frame.about.get("error")
        if isinstance(error, str) and ERROR_ID.fullmatch(error):
            return Reply(error=error)
        return Reply(letter=frame.bodies[LETTER]) if LETTER in frame.bodies else Reply(error=NO_REPLY)


@dataclass(slots=True)
class _Open:
    """The exchange that is open: what to hand out, and where the replies go."""

    frame: Frame
    names: frozenset[str]
    handed_back: asyncio.Future[dict[str, Reply]] = field(repr=False)


class RelaySocket:
    """A relay at a socket: the node opens it for one training, and a carrier takes what it is to carry."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None
        self._open: _Open | None = None
        self._changed = asyncio.Condition()
        self._ended = False
        self._newest = 0
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._server = await _listen(self._path, self._serve)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._changed:
            self._ended = True
            self._changed.notify_all()
        assert self._server is not None, "entered before"
        self._server.close()
        self._path.unlink(missing_ok=True)

    async def exchange(
        self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
    ) -> Mapping[str, Reply]:
        """See `carbonport.federated.relay.Relay`. Unavailable (`training-carrier`) when no carrier ever came."""
        check_exchange(kind, letters)
        async with self._turn:
            work = _Open(
                Frame({"kind": kind, "wait_ms": round(timeout_seconds * 1000)}, letters),
                frozenset(letters),
                asyncio.get_running_loop().create_future(),
            )
            await self._set(work)
            try:
                return await asyncio.wait_for(work.handed_back, timeout_seconds + HAND_BACK_GRACE_S)
            except TimeoutError:
                if self._newest:
                    return {name: Reply(error=NO_REPLY) for name in letters}
                raise Unavailable(
                    "training-carrier",
                    found="no process that carries letters",
                    expected="`carbonport federate serve` beside this node",
                    remedy="Start `carbonport federate serve` with this home, and run the training again.",
                    where=str(self._path),
                ) from None
            finally:
                await self._set(None)

    async def _set(self, work: _Open | None) -> None:
        async with self._changed:
            self._open = work
            self._changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._newest += 1
        me = self._newest
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, CarbonportError):
            async with self._changed:
                self._changed.notify_all()
            while (work := await self._next(me)) is not None:
                writer.write(work.frame.encode())
                await writer.drain()
                replies = _replies_in(await _read(reader), work.names)
                if not work.handed_back.done():
                    work.handed_back.set_result(replies)
            if self._ended:
                writer.write(Frame({"end": True}).encode())
                await writer.drain()
        writer.close()

    async def _next(self, me: int) -> _Open | None:
        """The open exchange, when there is one; None when the training ended or a newer carrier came."""

        def ready() -> bool:
            waiting = self._open is not None and not self._open.handed_back.done()
            return waiting or self._ended or self._newest != me

        async with self._changed:
            await self._changed.wait_for(ready)
            return None if self._ended or self._newest != me else self._open


@dataclass(frozen=True, slots=True)
class Carried:
    """One exchange as a carrier takes it from the node."""

    kind: str
    letters: Mapping[str, bytes] = field(repr=False)
    timeout_seconds: float


class CarrierSocket:
    """A carrier's connection to the relay of its node, for one training; blocking."""

    def __init__(self, path: Path) -> None:
        """Connects; OSError while there is no training."""
        self._connection = _connect(path, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def exchanges(self) -> Iterator[Carried]:
        """Every exchange until the training ends; each must be handed back before the next."""
        while True:
            frame = _receive(self._connection)
            match frame.about:
                case {"end": True}:
                    return
                case {"kind": str(kind), "wait_ms": int(wait_ms)}:
                    yield Carried(kind, frame.bodies, wait_ms / 1000)
                case _:
                    raise _malformed("a frame that is no exchange")

    def hand_back(self, replies: Mapping[str, Reply]) -> None:
        """Give the node its replies."""
        errors = {name: reply.error for name, reply in replies.items() if reply.error is not None}
        letters = {name: reply.letter for name, reply in replies.items() if reply.letter is not None}
        self._connection.sendall(Frame({"errors": errors}, letters).encode())


def _replies_in(frame: Frame, names: frozenset[str]) -> dict[str, Reply]:
    """A reply of each of `names`; Malformed for anything else."""
    errors = frame.about.get("errors")
    if not isinstance(errors, dict) or errors.keys() | frame.bodies.keys() != names:
        raise _malformed("replies of others than those asked")
    replies = {name: Reply(letter=letter) for name, letter in frame.bodies.items()}
    for name, error in errors.items():
        if name in replies or not isinstance(error, str) or not ERROR_ID.fullmatch(error):
            raise _malformed("an error that is none")
        replies[name] = Reply(error=error)
    return replies


async def _listen(
    path: Path, serve: "asyncio.streams._ClientConnectedCallback", backlog: int = BACKLOG
) -> asyncio.Server:
    path.unlink(missing_ok=True)
    # Bound and closed to others before it listens.
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(str(path))
        path.chmod(SOCKET_MODE)
        return await asyncio.start_unix_server(serve, sock=listening, backlog=backlog)
    except BaseException:
        listening.close()
        raise


async def _read(reader: asyncio.StreamReader) -> Frame:
    length = header_length(await reader.readexactly(LENGTH.size))
    header = _bounded(read_header(await reader.readexactly(length)))
    return header.with_bodies(await reader.readexactly(header.following))


def _connect(path: Path, timeout: float | None) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout)
        connection.connect(str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _receive(connection: socket.socket) -> Frame:
    length = header_length(_exactly(connection, LENGTH.size))
    header = _bounded(read_header(_exactly(connection, length)))
    return header.with_bodies(_exactly(connection, header.following))


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray(count)
    view, place = memoryview(received), 0
    while place < count:
        taken = connection.recv_into(view[place:])
        if not taken:
            raise ConnectionResetError("the other end closed")
        place += taken
    return bytes(received)


def _bounded(header: Header) -> Header:
    if header.following > MAX_FRAME_BYTES:
        raise _malformed(f"letters of {header.following} bytes together")
    return header


def _malformed(found: str) -> Malformed:
    return Malformed(
        "letter-frame",
        found=found,
        expected="the frames of this version",
        remedy="Run the same version of Carbonport at both ends.",
    )
