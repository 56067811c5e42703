"""The gRPC server of a node: mutual TLS with the trust list's roots, guarded calls, health, reflection,
graceful stop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakMethod

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

from carbonport.errors import Misuse, Unavailable
from carbonport.node.identity.certificates import TlsMaterial, certificate_pem
from carbonport.node.identity.node_identity import NodeIdentity
from carbonport.node.transport.admission import Admission
from carbonport.node.transport.calls import CallGuard, CallLimits, Outgoing
from carbonport.node.transport.counters import CallCounters
from carbonport.node.transport.methods import METHODS
from carbonport.node.transport.parties import Parties

MAX_METADATA_BYTES = 16 * 1024
"""Largest header block of a call."""

MAX_CONNECTION_AGE_MS = 3600 * 1000
"""A connection is closed, without loss, after an hour: the next handshake sees the newest certificates and
roots.
"""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the last TLS configuration was made of, and until when its roots hold."""

    material: TlsMaterial
    version: int
    until: int


class NodeServer:
    """One listening server. `outgoing`, if given, sees every message that leaves, for recorders."""

    def __init__(
        self,
        identity: NodeIdentity,
        parties: Parties,
        limits: CallLimits,
        *,
        counters: CallCounters | None = None,
        outgoing: Outgoing | None = None,
    ) -> None:
        self._identity = identity
        self._parties = parties
        self.counters = counters or CallCounters()
        guard = CallGuard(Admission(parties, identity.clock), limits, self.counters, outgoing)
        self._server = grpc.aio.server(
            interceptors=[guard],
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", limits.max_message_bytes),
                ("grpc.max_send_message_length", limits.max_message_bytes),
                ("grpc.max_metadata_size", MAX_METADATA_BYTES),
                ("grpc.max_connection_age_ms", MAX_CONNECTION_AGE_MS),
                ("grpc.max_connection_age_grace_ms", limits.max_deadline_s * 1000),
            ],
        )
        self._names = [health.SERVICE_NAME, reflection.SERVICE_NAME]
        self._health = health.aio.HealthServicer()
        self._shown: _Shown | None = None

    def add(self, register: Callable[[Any, Any], None], servicer: object, service: ServiceDescriptor) -> None:
        """Serve a service: the generated `add_...Servicer_to_server`, the servicer, and the service's
        descriptor.
        """
        unruled = [
            method.name for method in service.methods if f"/{service.full_name}/{method.name}" not in METHODS
        ]
        if unruled:
            raise Misuse(
                "transport-method-unruled",
                found=f"no rule for {', '.join(unruled)}",
                expected="every method of a served service in the table of methods",
                remedy="Add the rule to carbonport.node.transport.methods.",
                where=service.full_name,
            )
        register(servicer, self._server)
        self._names.append(service.full_name)

    async def start(self, listen: str) -> int:
        """Listen on `host:port` and serve; returns the port (asked for with port 0)."""
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(self._names, self._server)
        configuration = self._configuration()
        # The stubs leave out that a fetcher may say "unchanged" with None
        # (grpc.dynamic_ssl_server_credentials).
        # Weakly held: gRPC keeps the fetcher, and a server that keeps itself alive takes two seconds to leave
        # with the interpreter.
        changed = WeakMethod(self._changed_configuration)

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            method = changed()
            return None if method is None else method()

        fetcher = cast("Callable[[], grpc.ServerCertificateConfiguration]", fetch)
        credentials = grpc.dynamic_ssl_server_credentials(
            configuration, fetcher, require_client_authentication=True
        )
        try:
            port = self._server.add_secure_port(listen, credentials)
        except RuntimeError:
            port = 0
        if port == 0:
            raise Unavailable(
                "transport-listen",
                found="an address that cannot be listened on",
                expected="a free address of this machine",
                remedy="Stop the process that listens there, or change [node] listen.",
                where=listen,
            )
        await self._server.start()
        await self.report(serving=True)
        return port

    async def report(self, *, serving: bool) -> None:
        """Tell health checks whether the node does its work; it answers calls in either case."""
        word = (
            health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for name in ("", *self._names):
            await self._health.set(name, word)

    async def stop(self, grace_s: float) -> None:
        """Report NOT_SERVING, take no new calls, and let running ones end within `grace_s` seconds."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)

    async def wait(self) -> None:
        """Return when the server has stopped."""
        await self._server.wait_for_termination()

    def _changed_configuration(self) -> grpc.ServerCertificateConfiguration | None:
        """Asked by gRPC at every handshake, on a thread of its own; None when nothing changed since."""
        material, version = self._identity.tls.current(), self._parties.version()
        shown = self._shown
        if shown is not None and shown.material is material and shown.version == version:
            return None if self._identity.clock() < shown.until else self._configuration()
        return self._configuration()

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        """The certificate and the roots in force."""
        material, version = self._identity.tls.current(), self._parties.version()
        parties = list(self._parties.all(self._identity.clock()))
        roots = [certificate_pem(anchor) for party in parties for anchor in party.anchors]
        # Never an empty root set: some TLS libraries then take the machine's own.
        roots.append(self._identity.own_anchor_pem())
        until = min((party.until for party in parties), default=material.not_after)
        self._shown = _Shown(material, version, until)
        return grpc.ssl_server_certificate_configuration(
            [(material.private_key_pem, material.chain_pem)], b"".join(roots)
        )
