"""What of a SuperLink can be reached from outside: the routes that a registered SuperNode needs, over TLS.

A SuperLink has its Fleet, Control and Runtime routes on one port, and the latter two need no credentials: whoever
reaches them can run code on every ordinary SuperNode. So it listens on loopback alone, and this front stands before it.
It takes a whole request, looks at it, and writes one of its own to the SuperLink: nothing is passed through, so nothing
that two parsers read differently can mean two things. Passed is exactly a POST of protobuf with a stated length to one
of ten paths, compared byte for byte, with the key of an enrolled member in its header; the SuperLink checks the
signature. Everything else is answered here. A question for letters is kept a while when there are none, so that nobody
has to ask often. Nothing here imports Flower.
"""

import asyncio
import base64
import binascii
import contextlib
import logging
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import h11
import httpx

logger = logging.getLogger("carbonport.federated.flower.front")
"""Refusals, without what was sent."""

ROUTES: Final = frozenset(
    b"/v1/fleet/" + name
    for name in (
        b"activate-node",
        b"deactivate-node",
        b"send-node-heartbeat",
        b"pull-messages",
        b"push-messages",
        b"get-run",
        b"get-fab",
        b"push-object",
        b"pull-object",
        b"confirm-message-received",
    )
)
"""What a SuperNode with a registered key calls. Registering is not among it: the coordinator's node does that."""

MEDIA_TYPE: Final = b"application/protobuf"
"""The only form of a request and of an answer that is passed on."""

KEY_HEADER: Final = b"flwr-public-key"
"""Where a SuperNode states its key: base64 of PEM."""

PASSED_HEADERS: Final = frozenset(
    (
        KEY_HEADER,
        b"flwr-signature",
        b"flwr-timestamp",
        b"flwr-package-name",
        b"flwr-package-version",
        b"flwr-component-name",
    )
)
"""Headers of a request that reach the SuperLink."""

MAX_HEAD_BYTES: Final = 8192
"""Request line and headers together; those of a SuperNode have 900 bytes."""

MAX_REQUEST_BYTES: Final = 2 << 20
"""A part of a letter (1 MB) with what lies around it."""

MAX_ANSWER_BYTES: Final = 11 << 20
"""Flower's largest bundle (10 MB); ours has a kilobyte, and a part of a letter 1 MB."""

PULL_MESSAGES: Final = b"/v1/fleet/pull-messages"
"""The route by which a SuperNode asks for a letter, again and again."""

HOLD_S: Final = 5.0
"""How long it waits here when there is none; a SuperNode waits 30 s for an answer, its signature holds 300 s."""

MAX_CONNECTIONS: Final = 1024
"""A member's SuperNode has two or three."""

HANDSHAKE_S: Final = 10.0
"""For TLS."""

REQUEST_S: Final = 30.0
"""From the first byte of a request to its last."""

IDLE_S: Final = 60.0
"""Between two requests of a connection."""

UPSTREAM_S: Final = 30.0
"""For the SuperLink's answer."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes = b""
    media_type: bytes = MEDIA_TYPE


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.answer = _Answer(status)


class Front:
    """The listening end. `members` gives the keys (PEM) that are enrolled at this moment."""

    def __init__(
        self, upstream: str, upstream_tls: ssl.SSLContext, members: Callable[[], Collection[bytes]]
    ) -> None:
        self._members = members
        self._client = httpx.AsyncClient(
            base_url=f"https://{upstream}",
            verify=upstream_tls,
            timeout=UPSTREAM_S,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=64, keepalive_expiry=4.0),
        )
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._asked: set[bytes] = set()
        self._rung = asyncio.Event()

    async def start(self, host: str, port: int, tls: ssl.SSLContext) -> int:
        """Listen; the port is given, which matters when 0 was asked for."""
        self._server = await asyncio.start_server(
            self._take, host, port, ssl=tls, ssl_handshake_timeout=HANDSHAKE_S, backlog=128
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening and end what is open."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._client.aclose()

    def letters_are_there(self) -> None:
        """Let everybody who waits for a letter ask the SuperLink."""
        self._asked.clear()
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "called by the server in a task"
        self._connections.add(task)
        try:
            if len(self._connections) <= MAX_CONNECTIONS:
                await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the peer left, or took too long; or the front stops
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        while True:
            try:
                first = await asyncio.wait_for(reader.read(MAX_HEAD_BYTES), IDLE_S)
                if not first:
                    return
                connection.receive_data(first)
                async with asyncio.timeout(REQUEST_S):
                    request, body = await _whole_request(connection, reader)
                key = self._member(request)
                if request.target == PULL_MESSAGES:
                    await self._hold(key, reader)
                answer = await self._forward(request, body)
            except _Refused as refused:
                answer = refused.answer
            except h11.RemoteProtocolError as error:
                answer = _Answer(error.error_status_hint)
            passed = answer.status < 400
            await _write(connection, writer, answer, keep=passed)
            if not passed or connection.our_state is not h11.DONE:
                return
            connection.start_next_cycle()

    def _member(self, request: h11.Request) -> bytes:
        """The enrolled key that a request states."""
        key = _key_in(dict(request.headers).get(KEY_HEADER, b""))
        if key not in self._members():
            raise _Refused(401)
        return key

    async def _hold(self, key: bytes, reader: asyncio.StreamReader) -> None:
        """Keep a question for letters until there may be one, if its sender asked already since that last was so."""
        if key in self._asked:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), HOLD_S)
            if reader.at_eof():
                raise ConnectionResetError("the peer left")  # a letter that it fetched now would be lost
        if len(self._asked) >= MAX_CONNECTIONS:
            self._asked.clear()  # of members that enrolled anew meanwhile
        self._asked.add(key)

    async def _forward(self, request: h11.Request, body: bytes) -> _Answer:
        headers = {name: value for name, value in request.headers if name in PASSED_HEADERS}
        headers |= {b"content-type": MEDIA_TYPE, b"accept": MEDIA_TYPE}
        try:
            async with self._client.stream(
                "POST", request.target.decode("ascii"), content=body, headers=headers
            ) as answer:
                received = bytearray()
                async for chunk in answer.aiter_bytes():
                    received += chunk
                    if len(received) > MAX_ANSWER_BYTES:
                        raise _Refused(502)
                media_type = answer.headers.get("content-type", "").encode("ascii", "replace")
        except httpx.HTTPError:
            raise _Refused(502) from None
        return _Answer(answer.status_code, bytes(received), media_type)


async def _whole_request(
    connection: h11.Connection, reader: asyncio.StreamReader
) -> tuple[h11.Request, bytes]:
    """The request and its body, judged before the body is read."""
    request = await _next(connection, reader)
    if not isinstance(request, h11.Request):
        raise _Refused(400)
    length = _judged_length(request)
    body = bytearray()
    while not isinstance(event := await _next(connection, reader), h11.EndOfMessage):
        assert isinstance(event, h11.Data), "what h11 gives between a request and its end"
        body += event.data
    if len(body) != length or connection.trailing_data[0]:
        raise _Refused(400)  # bytes of a further request, before this one was answered
    return request, bytes(body)


async def _next(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(1 << 16))
    if isinstance(event, h11.ConnectionClosed):
        raise ConnectionResetError("the peer left")
    return event


def _judged_length(request: h11.Request) -> int:
    """The stated length of a request that may be passed on."""
    names = [name for name, _ in request.headers]
    if len(request.target) + sum(len(name) + len(value) for name, value in request.headers) > MAX_HEAD_BYTES:
        raise _Refused(431)
    if len(set(names)) != len(names) or request.http_version != b"1.1":
        raise _Refused(400)
    if request.target not in ROUTES:
        raise _Refused(404)
    if request.method != b"POST":
        raise _Refused(405)
    headers = dict(request.headers)
    if headers.get(b"content-type") != MEDIA_TYPE:
        raise _Refused(415)
    if b"transfer-encoding" in headers or b"upgrade" in headers or b"expect" in headers:
        raise _Refused(400)
    length = headers.get(b"content-length", b"")
    if not length.isdigit():
        raise _Refused(411)
    if int(length) > MAX_REQUEST_BYTES:
        raise _Refused(413)
    return int(length)


def _key_in(stated: bytes) -> bytes:
    try:
        return base64.b64decode(stated, validate=True)
    except binascii.Error:
        return b""


async def _write(
    connection: h11.Connection, writer: asyncio.StreamWriter, answer: _Answer, *, keep: bool
) -> None:
    if connection.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
        return
    headers = [(b"content-length", str(len(answer.body)).encode())]
    if answer.body:
        headers.append((b"content-type", answer.media_type))
    if not keep:
        headers.append((b"connection", b"close"))
        logger.info("a request was answered with %d", answer.status)
    parts = (
        connection.send(h11.Response(status_code=answer.status, headers=headers)),
        connection.send(h11.Data(data=answer.body)),
        connection.send(h11.EndOfMessage()),
    )
    writer.write(b"".join(part for part in parts if part))
    await asyncio.wait_for(writer.drain(), REQUEST_S)
