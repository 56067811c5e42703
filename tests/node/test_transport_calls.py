# ruff: noqa: N802 - gRPC method names are the contract's
"""Calls between nodes over real TLS: who gets in, what is refused, and what a peer learns from an error."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped]
from loopback_nodes import ECHO, LIMITS, LoopbackNode, MovableClock, issue, make_country, make_node

from carbonport.errors import (
    CarbonportError,
    FailedVerification,
    Malformed,
    Misuse,
    Refused,
    Unavailable,
)
from carbonport.node.identity.certificates import certificate_pem, issue_tls
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import Role
from carbonport.node.transport.calls import caller
from carbonport.node.transport.methods import METHODS
from carbonport.node.transport.peers import Peers
from carbonport.node.transport.rich_errors import Overloaded, RequestMalformed, from_rpc_error
from carbonport.wire.v1 import echo_pb2, exchange_pb2, exchange_pb2_grpc


class RefusingExchange:
    """An exchange whose methods raise an error with a secret in it."""

    async def RequestAttestation(self, request: Any, context: Any) -> Any:
        raise Refused("exchange-nothing", found="secret 1234567", expected="e", remedy="r", where="/private")

    RequestThreshold = GetRequest = FetchAttestation = RequestAttestation


class Scene:
    """The four nodes with the exporter listening; closes everything."""

    def __init__(self, folder: Path, **server_options: Any) -> None:
        self.clock = MovableClock()
        self.country = make_country(folder, self.clock)
        self.exporter, self.importer = self.country.exporter, self.country.importer
        self.server = self.exporter.server(**server_options)
        service = exchange_pb2.DESCRIPTOR.services_by_name["ExchangeService"]
        self.server.add(exchange_pb2_grpc.add_ExchangeServiceServicer_to_server, RefusingExchange(), service)

    async def __aenter__(self) -> "Scene":
        self.port = await self.server.start("127.0.0.1:0")
        self.exporter.set_endpoint(self.port)
        self.country.publish()
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in self.country.all():
            await node.peers.close()
        await self.server.stop(0)


def run(folder: Path, test: Callable[[Scene], Awaitable[None]], **server_options: Any) -> None:
    async def scene() -> None:
        async with Scene(folder, **server_options) as opened:
            await test(opened)

    asyncio.run(scene())


async def refused(call: Awaitable[object], error_id: str, family: type[CarbonportError]) -> CarbonportError:
    with pytest.raises(CarbonportError) as caught:
        await call
    assert caught.value.id == error_id, str(caught.value)
    assert isinstance(caught.value, family)
    return caught.value


def raw_channel(scene: Scene, key: bytes | None, chain: bytes | None) -> grpc.aio.Channel:
    """A client that trusts the exporter but presents what a test gives it."""
    party = scene.importer.parties.party(scene.exporter.identity.name, scene.clock())
    roots = b"".join(certificate_pem(anchor) for anchor in party.anchors)
    return grpc.aio.secure_channel(
        f"127.0.0.1:{scene.port}",
        grpc.ssl_channel_credentials(roots, key, chain),
        options=[("grpc.ssl_target_name_override", party.name.tls_host), ("grpc.enable_http_proxy", 0)],
    )


async def raw_echo(channel: grpc.aio.Channel, content: bytes = b"", timeout: float | None = 5) -> bytes:
    try:
        return bytes(await channel.unary_unary(ECHO)(content, timeout=timeout))  # type: ignore[arg-type]
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error, "peer") from None
    finally:
        await channel.close()


def test_listed_participants_reach_each_other(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        callers = (scene.importer, scene.country.cn, scene.country.eu)
        for node in callers:
            assert await node.echo(scene.exporter, b"hello") == b"hello"
        counts = scene.server.counters
        assert counts.calls[(ECHO, "ok")] == 3
        assert counts.in_flight == 0
        shown = counts.as_prometheus() + str(counts.as_json())
        assert f'carbonport_calls_total{{method="{ECHO}",outcome="ok"}} 3' in shown
        assert not any(node.identity.name.lei in shown for node in callers), "no participant in the counters"

    run(tmp_path, test)


def test_no_file_is_shared(tmp_path: Path) -> None:
    country = make_country(tmp_path)
    country.publish()
    inodes: dict[int, Path] = {}
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert path.stat().st_ino not in inodes
            inodes[path.stat().st_ino] = path
            assert not path.is_symlink()


def test_a_client_without_a_certificate_is_not_heard(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        await refused(raw_echo(raw_channel(scene, None, None)), "transport-peer-unreachable", Unavailable)
        assert scene.server.counters.calls.total() == 0

    run(tmp_path, test)


def test_an_unlisted_node_is_not_heard(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        stranger = make_node(tmp_path / "stranger", "EU", Role.EXPORTER, Role.IMPORTER)
        material = stranger.identity.tls.current()
        channel = raw_channel(scene, material.private_key_pem, material.chain_pem)
        await refused(raw_echo(channel), "transport-peer-unreachable", Unavailable)

    run(tmp_path, test)


def test_a_participant_cannot_take_anothers_name(tmp_path: Path) -> None:
    """The importer's own issuer key signs a certificate that names the EU regulator."""

    async def test(scene: Scene) -> None:
        key = scene.importer.identity.p256(KeyUse.TLS_ISSUER)
        regulator = scene.country.eu.identity.name
        now = scene.clock()
        forged = issue_tls(key, regulator, now=now, not_after=now + 3600)
        channel = raw_channel(scene, forged.private_key_pem, forged.chain_pem)
        await refused(raw_echo(channel), "transport-peer-unreachable", Unavailable)

    run(tmp_path, test)


def test_an_expired_certificate_is_not_heard(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        key, now = scene.importer.identity.p256(KeyUse.TLS_ISSUER), scene.clock()
        old = issue_tls(key, scene.importer.identity.name, now=now - 7200, not_after=now - 3600)
        channel = raw_channel(scene, old.private_key_pem, old.chain_pem)
        await refused(raw_echo(channel), "transport-peer-unreachable", Unavailable)

    run(tmp_path, test)


def test_a_certificate_that_ends_during_a_connection_ends_it(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        material = scene.importer.identity.tls.current()
        channel = raw_channel(scene, material.private_key_pem, material.chain_pem)
        call: Any = channel.unary_unary(ECHO)
        await call(b"", timeout=5)
        scene.clock.offset = 8 * 86_400
        await refused(raw_echo(channel), "transport-peer-certificate", Refused)

    run(tmp_path, test)


def test_the_client_accepts_no_other_node_at_the_address(tmp_path: Path) -> None:
    """The importer's list leads the EU regulator's name to the exporter's address: TLS refuses."""

    async def test(scene: Scene) -> None:
        misled = Peers(
            scene.importer.identity,
            scene.importer.parties,
            LIMITS,
            default_deadline_s=3,
            endpoints={scene.country.eu.id: f"127.0.0.1:{scene.port}"},
        )
        request = echo_pb2.EchoRequest()
        await refused(
            misled.ask(scene.country.eu.id, ECHO, request, echo_pb2.EchoResponse),
            "transport-peer-unreachable",
            Unavailable,
        )
        await misled.close()

    run(tmp_path, test)


def test_a_dropped_participant_is_refused_on_its_open_connection(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        material = scene.importer.identity.tls.current()
        channel = raw_channel(scene, material.private_key_pem, material.chain_pem)
        call: Any = channel.unary_unary(ECHO)
        await call(b"", timeout=5)
        scene.clock.offset = 2
        token = issue(scene.country.eu, removed=[scene.importer.id])
        scene.exporter.trust.add([token])
        error = await refused(raw_echo(channel), "transport-peer-unlisted", Refused)
        assert "trust add" in error.remedy

    run(tmp_path, test)


def test_an_expired_trust_list_closes_the_door(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        await scene.importer.echo(scene.exporter)
        scene.clock.offset = 31 * 86_400
        await refused(scene.importer.echo(scene.exporter), "transport-peer-unlisted", Refused)

    run(tmp_path, test)


def test_roles_are_the_lists_word(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        request = exchange_pb2.GetRequestRequest(request_id="0" * 32)
        method = "/carbonport.wire.v1.ExchangeService/GetRequest"
        error = await refused(
            scene.country.eu.peers.ask(scene.exporter.id, method, request, exchange_pb2.GetRequestResponse),
            "transport-role",
            Refused,
        )
        assert "importer" in error.expected
        assert error.found == f"so says {scene.exporter.id}", "a peer never learns what was found"
        await refused(
            scene.importer.peers.ask(scene.exporter.id, method, request, exchange_pb2.GetRequestResponse),
            "exchange-nothing",
            Refused,
        )

    run(tmp_path, test)


def test_every_call_needs_a_deadline(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        for timeout in (None, 120.0):
            material = scene.importer.identity.tls.current()
            channel = raw_channel(scene, material.private_key_pem, material.chain_pem)
            await refused(raw_echo(channel, timeout=timeout), "transport-deadline-missing", Misuse)

    run(tmp_path, test)


def test_a_late_answer_is_unavailable(tmp_path: Path) -> None:
    cancelled = asyncio.Event()

    class Slow:
        async def Echo(self, request: echo_pb2.EchoRequest, context: object) -> echo_pb2.EchoResponse:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            return echo_pb2.EchoResponse()

    async def test(scene: Scene) -> None:
        await scene.importer.peers.channel(scene.exporter.id).channel_ready()
        await refused(scene.importer.echo(scene.exporter, deadline_s=0.3), "transport-deadline", Unavailable)
        await asyncio.wait_for(cancelled.wait(), 5)

    run(tmp_path, test, echo=Slow())


def test_oversized_messages_are_refused_before_parsing(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        await refused(scene.importer.echo(scene.exporter, bytes(2 * 2**20)), "transport-message-size", Misuse)
        material = scene.importer.identity.tls.current()
        channel = grpc.aio.secure_channel(
            f"127.0.0.1:{scene.port}",
            grpc.ssl_channel_credentials(
                b"".join(
                    certificate_pem(anchor)
                    for anchor in scene.importer.parties.party(
                        scene.exporter.identity.name, scene.clock()
                    ).anchors
                ),
                material.private_key_pem,
                material.chain_pem,
            ),
            options=[("grpc.ssl_target_name_override", scene.exporter.identity.name.tls_host)],
        )
        await refused(raw_echo(channel, bytes(3 * 2**20)), "transport-message-size", Misuse)

    run(tmp_path, test)


def test_a_method_has_a_size_of_its_own(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        request = exchange_pb2.GetRequestRequest(request_id="0" * 100_000)
        method = "/carbonport.wire.v1.ExchangeService/GetRequest"
        await refused(
            scene.importer.peers.ask(scene.exporter.id, method, request, exchange_pb2.GetRequestResponse),
            "request-size",
            Malformed,
        )

    run(tmp_path, test)


@pytest.mark.parametrize("content", [b"\xff", b"\x0a\xff", b"\x12\x01x"])
def test_bytes_that_are_no_message(tmp_path: Path, content: bytes) -> None:
    async def test(scene: Scene) -> None:
        material = scene.importer.identity.tls.current()
        channel = raw_channel(scene, material.private_key_pem, material.chain_pem)
        with pytest.raises(Malformed) as caught:
            await raw_echo(channel, content)
        assert caught.value.id in ("request-encoding", "request-malformed")

    run(tmp_path, test)


ERRORS: list[CarbonportError] = [
    Malformed(
        "some-shape", found="secret 1234567", expected="a thing", remedy="Do it.", where="/private/path"
    ),
    FailedVerification("some-proof", found="secret 1234567", expected="a thing", remedy="Do it."),
    Misuse("some-use", found="secret 1234567", expected="a thing", remedy="Do it."),
    Refused("some-policy", found="secret 1234567", expected="a thing", remedy="Do it."),
    Overloaded("some-queue", found="secret 1234567", expected="a thing", remedy="Do it.", retry_after_s=7),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.family)
def test_errors_arrive_as_what_they_were_without_what_was_found(
    tmp_path: Path, error: CarbonportError
) -> None:
    class Failing:
        async def Echo(self, request: echo_pb2.EchoRequest, context: object) -> echo_pb2.EchoResponse:
            raise error

    async def test(scene: Scene) -> None:
        told = await refused(scene.importer.echo(scene.exporter), error.id, type(error))
        assert (told.expected, told.remedy, told.where) == ("a thing", "Do it.", scene.exporter.id)
        assert "1234567" not in str(told.as_dict())
        assert "private" not in str(told.as_dict())
        if isinstance(error, Overloaded):
            assert isinstance(told, Overloaded)
            assert told.retry_after_s == 7

    run(tmp_path, test, echo=Failing())


def test_a_defect_tells_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Defective:
        async def Echo(self, request: echo_pb2.EchoRequest, context: object) -> echo_pb2.EchoResponse:
            raise ValueError("secret 1234567")

    async def test(scene: Scene) -> None:
        error = await refused(scene.importer.echo(scene.exporter), "internal-error", Unavailable)
        assert "1234567" not in str(error)

    with caplog.at_level("DEBUG"):
        run(tmp_path, test, echo=Defective())
    assert "ValueError" in caplog.text
    assert "1234567" not in caplog.text
    assert "PRIVATE" not in caplog.text


def test_unavailable_is_tried_again_and_nothing_else_is(tmp_path: Path) -> None:
    class Counting:
        calls = 0
        error: type[CarbonportError] = Unavailable

        async def Echo(self, request: echo_pb2.EchoRequest, context: object) -> echo_pb2.EchoResponse:
            self.calls += 1
            if self.calls < 3:
                raise self.error("some-lock", found="f", expected="e", remedy="r")
            return echo_pb2.EchoResponse(payload=request.payload)

    service = Counting()

    async def test(scene: Scene) -> None:
        assert await scene.importer.echo(scene.exporter, b"again") == b"again"
        assert service.calls == 3
        service.calls, service.error = 0, Refused
        await refused(scene.importer.echo(scene.exporter), "some-lock", Refused)
        assert service.calls == 1

    run(tmp_path, test, echo=service)


def test_a_node_that_is_not_there(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        await scene.server.stop(0)
        await refused(
            scene.importer.echo(scene.exporter, deadline_s=5), "transport-peer-unreachable", Unavailable
        )
        await refused(scene.importer.echo("CN/5299NOBODY00000000"), "identity-lei", Malformed)
        verifier = make_node(tmp_path / "v", "CN", Role.VERIFIER)
        await refused(scene.importer.echo(verifier), "transport-peer-unlisted", Refused)

    run(tmp_path, test)


def test_too_many_calls_at_once(tmp_path: Path) -> None:
    release = asyncio.Event()
    entered = asyncio.Event()

    class Waiting:
        async def Echo(self, request: echo_pb2.EchoRequest, context: object) -> echo_pb2.EchoResponse:
            entered.set()
            await release.wait()
            return echo_pb2.EchoResponse()

    async def test(scene: Scene) -> None:
        first = asyncio.create_task(scene.importer.echo(scene.exporter))
        await entered.wait()
        error = await refused(scene.importer.echo(scene.exporter), "transport-busy", Overloaded)
        assert isinstance(error, Overloaded)
        release.set()
        await first

    run(tmp_path, test, echo=Waiting(), limits=replace(LIMITS, max_concurrent_calls=1))


def test_the_handler_knows_its_caller(tmp_path: Path) -> None:
    class Naming:
        async def Echo(self, request: echo_pb2.EchoRequest, context: object) -> echo_pb2.EchoResponse:
            party = caller()
            await asyncio.sleep(0)
            assert caller() is party
            return echo_pb2.EchoResponse(payload=f"{party.id} {sorted(party.roles)}".encode())

    async def test(scene: Scene) -> None:
        nodes: list[LoopbackNode] = [scene.importer, scene.country.eu] * 10
        answers = await asyncio.gather(*(node.echo(scene.exporter) for node in nodes))
        assert answers == [f"{node.id} {sorted(node.config().node.roles)}".encode() for node in nodes]

    run(tmp_path, test, echo=Naming())


def test_health_and_graceful_stop(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        stub = health_pb2_grpc.HealthStub(scene.importer.peers.channel(scene.exporter.id))
        for service in ("", "carbonport.wire.v1.EchoService"):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        stopping = asyncio.create_task(scene.server.stop(5))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        await stopping
        await scene.server.wait()

    run(tmp_path, test)


def test_reflection_lists_the_services(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        stub = reflection_pb2_grpc.ServerReflectionStub(scene.importer.peers.channel(scene.exporter.id))
        call = stub.ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=5
        )
        names = [service.name async for answer in call for service in answer.list_services_response.service]
        assert "carbonport.wire.v1.EchoService" in names
        without_deadline = stub.ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await without_deadline.read()
        assert from_rpc_error(caught.value, "peer").id == "transport-deadline-missing"

    run(tmp_path, test)


def test_renewal_and_rotation_go_on_without_interruption(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        await scene.importer.echo(scene.exporter)
        before = scene.exporter.identity.tls.current()
        scene.exporter.identity.tls.renew()
        scene.importer.identity.tls.renew()
        await scene.importer.echo(scene.exporter)
        assert scene.exporter.identity.tls.current() is not before, "a new TLS key needs no new list"
        scene.clock.offset = 2
        now = scene.clock()
        scene.exporter.identity.rotate(KeyUse.TLS_ISSUER, effective_at=now + 300)
        scene.importer.identity.rotate(KeyUse.TLS_ISSUER, effective_at=now + 300)
        scene.country.publish()
        await scene.importer.echo(scene.exporter)
        before = scene.exporter.identity.tls.current()
        scene.clock.offset += 400  # within the ten minutes by which TLS forgives clocks
        assert scene.exporter.identity.tls.current() is not before
        await scene.importer.echo(scene.exporter)

    run(tmp_path, test)


def test_violations_name_fields_and_rules() -> None:
    door = METHODS["/carbonport.wire.v1.ExchangeService/RequestAttestation"].door
    good = exchange_pb2.RequestAttestationRequest(
        request_id="ab" * 16,
        purpose="cbam-declaration",
        cn="72071210",
        period_start="2026-01-01",
        period_end="2026-12-31",
        consignment="consignment 1",
        net_mass_t="1200.5",
        consignment_key=b"k" * 32,
    )
    door.admit(good)
    for short in (b"", b"k" * 31, b"k" * 33):
        wrong = exchange_pb2.RequestAttestationRequest()
        wrong.CopyFrom(good)
        wrong.consignment_key = short
        with pytest.raises(RequestMalformed) as caught:
            door.admit(wrong)
        assert [violation.field for violation in caught.value.violations] == ["consignment_key"]
    for field, value in [
        ("request_id", "AB" * 16),
        ("request_id", ""),
        ("purpose", "x y"),
        ("cn", "7207121"),
        ("period_start", "2026-1-1"),
        ("period_end", "2026-02-30"),
        ("consignment", ""),
        ("consignment", "a\x1b[2J"),
        ("net_mass_t", "1e9"),
        ("net_mass_t", "-1"),
        ("net_mass_t", "١"),
    ]:
        wrong = exchange_pb2.RequestAttestationRequest()
        wrong.CopyFrom(good)
        setattr(wrong, field, value)
        with pytest.raises(RequestMalformed) as caught:
            door.admit(wrong)
        assert [violation.field for violation in caught.value.violations] == [field]
        assert value == "" or value not in str(caught.value)
    wrong = exchange_pb2.RequestAttestationRequest.FromString(good.SerializeToString() + b"\xf8\x07\x01")
    with pytest.raises(RequestMalformed) as caught:
        door.admit(wrong)
    assert caught.value.violations[0].field == "(unknown)"
    wrong.CopyFrom(good)
    wrong.items.extend(["a"] * 201)
    with pytest.raises(RequestMalformed):
        door.admit(wrong)


def test_violations_cross_the_wire(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        request = exchange_pb2.GetRequestRequest(request_id="nonsense")
        method = "/carbonport.wire.v1.ExchangeService/GetRequest"
        error = await refused(
            scene.importer.peers.ask(scene.exporter.id, method, request, exchange_pb2.GetRequestResponse),
            "request-malformed",
            RequestMalformed,
        )
        assert isinstance(error, RequestMalformed)
        assert error.violations[0].field == "request_id"

    run(tmp_path, test)


def test_what_leaves_can_be_recorded(tmp_path: Path) -> None:
    async def test(scene: Scene) -> None:
        seen: list[tuple[str, bytes]] = []
        recorded = Peers(
            scene.importer.identity,
            scene.importer.parties,
            LIMITS,
            default_deadline_s=5,
            outgoing=lambda method, content: seen.append((method, content)),
        )
        await recorded.ask(
            scene.exporter.id, ECHO, echo_pb2.EchoRequest(payload=b"needle"), echo_pb2.EchoResponse
        )
        await recorded.close()
        assert seen == [(ECHO, b"\x0a\x06needle")]

    run(tmp_path, test)
