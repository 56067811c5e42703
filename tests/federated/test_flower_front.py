"""The front before a SuperLink: what passes is a member's request to a fleet route, written anew; nothing else does."""

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from carbonport.federated.flower import front as front_module
from carbonport.federated.flower.front import MAX_REQUEST_BYTES, Front
from carbonport.federated.flower.tls import ServerCertificate, member_key, serving, trusting

NOW = 1_790_000_000
LISTED, UNLISTED = member_key()[1], member_key()[1]
PULL = "/v1/fleet/pull-messages"
LEAVES = b"leaves"
"""The body of a request whose sender does not wait for the answer."""


class Upstream:
    """A server on loopback that says what it got."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            length = next(
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            )
            self.requests.append(head + await reader.readexactly(length))
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/protobuf\r\nserver: uvicorn\r\n"
                b"content-length: 6\r\n\r\nanswer"
            )
            await writer.drain()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context."""
    folder: Path = tmp_path_factory.mktemp("front")
    made = ServerCertificate.made(["127.0.0.1"], NOW)
    (folder / "crt").write_bytes(made.certificate)
    (folder / "key").write_bytes(made.private_key)
    return serving(str(folder / "crt"), str(folder / "key")), trusting(made.certificate)


Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
Sent = Callable[[bytes], Awaitable[bytes]]


def with_front(
    certificates: Contexts,
    talk: Callable[[Sent], Awaitable[None]],
    upstream: Upstream | None = None,
    ring: list[Callable[[], None]] | None = None,
) -> list[bytes]:
    """Run `talk` against a front; what reached the SuperLink behind it. `ring` is filled with what tells the front that
    letters are there."""
    upstream = upstream or Upstream()

    async def run() -> None:
        server, client = certificates
        behind = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=server)
        front = Front(f"127.0.0.1:{behind.sockets[0].getsockname()[1]}", client, lambda: {LISTED})
        port = await front.start("127.0.0.1", 0, server)
        if ring is not None:
            ring.append(front.letters_are_there)

        async def send(data: bytes) -> bytes:
            """Everything that comes back until the front closes, or the first answer."""
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
            writer.write(data)
            received = b""
            if data.endswith(LEAVES):
                await asyncio.sleep(0.1)
                writer.close()
                return received
            while more := await asyncio.wait_for(reader.read(65536), 5):
                received += more
                if received.endswith(b"answer"):
                    break
            writer.close()
            return received

        try:
            await talk(send)
        finally:
            await front.stop()
            behind.close()

    asyncio.run(run())
    return upstream.requests


def request(
    target: str = PULL,
    body: bytes = b"body",
    *,
    method: str = "POST",
    key: bytes | None = LISTED,
    more: str = "",
) -> bytes:
    stated = f"flwr-public-key: {base64.b64encode(key).decode()}\r\n" if key is not None else ""
    return (
        f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/protobuf\r\n{stated}{more}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_members_request_passes_with_what_it_needs_and_nothing_else(certificates: Contexts) -> None:
    more = "flwr-signature: c2ln\r\nflwr-timestamp: 2026\r\nCookie: a=b\r\nX-Forwarded-For: 1.2.3.4\r\n"

    async def talk(send: Sent) -> None:
        answer = await send(request(more=more))
        assert status(answer) == 200
        assert answer.endswith(b"answer")
        assert b"uvicorn" not in answer

    (reached,) = with_front(certificates, talk)
    head, _, body = reached.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/fleet/pull-messages HTTP/1.1\r\n")
    assert body == b"body"
    assert b"flwr-signature: c2ln" in head
    assert b"cookie" not in head.lower()
    assert b"1.2.3.4" not in head


REFUSED: dict[str, tuple[bytes, int]] = {
    "control": (request("/v1/control/start-run"), 404),
    "runtime": (request("/v1/runtime/acquire-task"), 404),
    "responses": (request("/v1/runtime/responses"), 404),
    "register": (request("/v1/fleet/register-node"), 404),
    "docs": (request("/docs", method="GET"), 404),
    "health": (request("/health", method="GET"), 404),
    "two-slashes": (request("//v1/control/start-run"), 404),
    "two-slashes-inside": (request("/v1//fleet/pull-messages"), 404),
    "dots": (request("/v1/fleet/../control/start-run"), 404),
    "dots-encoded": (request("/v1/fleet/%2e%2e/control/start-run"), 404),
    "dots-encoded-back": (request("/v1/control/%2e%2e/fleet/pull-messages"), 404),
    "letters-encoded": (request("/v1/fleet/pull%2Dmessages"), 404),
    "query": (request(PULL + "?x=/v1/control/start-run"), 404),
    "fragment": (request(PULL + "#/v1/control"), 404),
    "trailing-slash": (request(PULL + "/"), 404),
    "capitals": (request("/V1/FLEET/PULL-MESSAGES"), 404),
    "semicolon": (request(PULL + ";/../../control/start-run"), 404),
    "backslash": (request("/v1/fleet\\..\\control\\start-run"), 404),
    "absolute": (request("https://127.0.0.1/v1/control/start-run"), 404),
    "absolute-fleet": (request("https://127.0.0.1" + PULL), 404),
    "authority": (request("127.0.0.1:443", method="CONNECT"), 404),
    "get": (request(method="GET"), 405),
    "put": (request(method="PUT"), 405),
    "nobody": (request(key=None), 401),
    "another-key": (request(key=UNLISTED), 401),
    "no-base64": (request(key=None, more="flwr-public-key: %%%\r\n"), 401),
    "two-keys": (request(more=f"flwr-public-key: {base64.b64encode(UNLISTED).decode()}\r\n"), 400),
    "json": (request().replace(b"application/protobuf", b"application/json"), 415),
    "chunked": (
        request().replace(
            b"Content-Length: 4\r\n\r\nbody", b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
        ),
        400,
    ),
    "chunked-and-length": (
        request(
            more="Transfer-Encoding: chunked\r\n",
            body=b"0\r\n\r\nPOST /v1/control/start-run HTTP/1.1\r\n\r\n",
        ),
        400,
    ),
    "chunked-oddly": (request(more="Transfer-Encoding: xchunked\r\n"), 501),
    "two-lengths": (request(more="Content-Length: 5\r\n"), 400),
    "negative-length": (request().replace(b"Content-Length: 4", b"Content-Length: -4"), 400),
    "no-length": (request().replace(b"Content-Length: 4\r\n", b""), 411),
    "too-long": (
        request().replace(b"Content-Length: 4", b"Content-Length: %d" % (MAX_REQUEST_BYTES + 1)),
        413,
    ),
    "pipelined": (request() + request("/v1/control/start-run"), 400),
    "pipelined-fleet": (request() + request(), 400),
    "upgrade": (request(more="Upgrade: h2c\r\nConnection: Upgrade\r\n"), 400),
    "expect": (request(more="Expect: 100-continue\r\n"), 400),
    "old-version": (request().replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "folded-header": (request(more="X-A: b\r\n Transfer-Encoding: chunked\r\n"), 200),
    "line-feeds": (request(more="X-A: b\nTransfer-Encoding: chunked\r\n"), 400),
    "header-too-long": (request(more=f"X-A: {'a' * 9000}\r\n"), 431),
    "no-http": (b"\x16\x03\x01 nonsense\r\n\r\n", 400),
}


def test_everything_else_is_answered_here_and_reaches_no_superlink(certificates: Contexts) -> None:
    answered: dict[str, int] = {}

    async def talk(send: Sent) -> None:
        for name, (data, _) in REFUSED.items():
            answered[name] = status(await send(data))

    reached = with_front(certificates, talk)
    assert answered == {name: expected for name, (_, expected) in REFUSED.items()}
    # h11 joins a folded line into one header value, as RFC 9112 5.2 has it; the request written anew has neither.
    assert [head.split(b"\r\n")[0] for head in reached] == [b"POST /v1/fleet/pull-messages HTTP/1.1"]
    assert b"chunked" not in reached[0]


def test_who_is_slow_or_one_too_many_is_dropped(
    certificates: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_module, "REQUEST_S", 0.2)
    monkeypatch.setattr(front_module, "IDLE_S", 0.2)

    async def slow(send: Sent) -> None:
        for cut in (b"", request()[:20], request()[:-1]):
            assert await send(cut) == b""
        monkeypatch.setattr(front_module, "MAX_CONNECTIONS", 0)
        assert await send(request()) == b""

    assert with_front(certificates, slow) == []


def test_a_second_question_for_letters_waits_until_there_may_be_one(certificates: Contexts) -> None:
    upstream, rings = Upstream(), list[Callable[[], None]]()

    async def talk(send: Sent) -> None:
        (ring,) = rings
        assert status(await send(request())) == 200
        held = asyncio.ensure_future(send(request()))
        # Others are not held, nor is another question.
        assert status(await send(request("/v1/fleet/push-messages"))) == 200
        await asyncio.sleep(0.1)
        assert (held.done(), len(upstream.requests)) == (False, 2)
        ring()
        assert status(await held) == 200
        # Rung between two questions: the next is answered at once.
        ring()
        assert status(await send(request())) == 200

    assert len(with_front(certificates, talk, upstream, rings)) == 4


def test_a_question_for_letters_is_not_held_for_ever_nor_asked_for_one_who_left(
    certificates: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings = list[Callable[[], None]]()

    async def talk(send: Sent) -> None:
        (ring,) = rings
        await send(request())
        await send(request(body=LEAVES))
        await asyncio.sleep(0.1)
        ring()
        await asyncio.sleep(0.1)
        monkeypatch.setattr(front_module, "HOLD_S", 0.1)
        for _ in range(2):
            assert status(await send(request(body=b"stays"))) == 200

    reached = with_front(certificates, talk, None, rings)
    assert [body.partition(b"\r\n\r\n")[2] for body in reached] == [b"body", b"stays", b"stays"]
