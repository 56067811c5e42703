"""Calls to other nodes: one channel per peer, trusting that peer's issuer keys and no others.

Channels are reused (a new one costs a handshake) and replaced when this node's certificate was renewed or
the trust list changed the peer. Every call has a deadline; failures come back as errors of Carbonport.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message

from carbonport.errors import Malformed, Misuse
from carbonport.node.identity.certificates import TlsMaterial, certificate_pem
from carbonport.node.identity.names import ParticipantName
from carbonport.node.identity.node_identity import NodeIdentity
from carbonport.node.transport.calls import CallLimits, Outgoing
from carbonport.node.transport.methods import METHODS, retry_policy
from carbonport.node.transport.parties import Parties, Party
from carbonport.node.transport.rich_errors import from_rpc_error

MAX_RECONNECT_BACKOFF_MS = 2000
"""Longest pause between attempts to connect to a peer."""

Answer = TypeVar("Answer", bound=Message)


@dataclass(slots=True)
class _Held:
    channel: grpc.aio.Channel
    party: Party
    endpoint: str
    material: TlsMaterial
    version: int
    until: int
    methods: dict[str, Callable[..., Any]] = field(default_factory=dict)


class Peers:
    """The peers of one node. `endpoints` overrides the trust list's endpoints by participant id."""

    def __init__(
        self,
        identity: NodeIdentity,
        parties: Parties,
        limits: CallLimits,
        *,
        default_deadline_s: float,
        endpoints: Mapping[str, str] | None = None,
        outgoing: Outgoing | None = None,
    ) -> None:
        self._identity = identity
        self._parties = parties
        self._limits = limits
        self._default_deadline_s = default_deadline_s
        self._endpoints = dict(endpoints or {})
        self._outgoing = outgoing
        self._held: dict[str, _Held] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def ask(
        self,
        peer: str,
        method: str,
        request: Message,
        answer_type: type[Answer],
        *,
        deadline_s: float | None = None,
    ) -> Answer:
        """Call `method` (`/carbonport.wire.v1.EchoService/Echo`) of the participant `peer`; its answer.

        Raises the peer's own error, or one of the transport (`transport-...`, family Unavailable when
        another try may succeed). Idempotent methods are tried again within the deadline while the peer is
        unavailable.
        """
        if method not in METHODS:
            raise Misuse(
                "transport-method-unruled",
                found=f"no rule for {method[:100]}",
                expected="a method of the table of methods",
                remedy="Add the rule to carbonport.node.transport.methods.",
            )
        held = self._channel(peer)
        call = held.methods.get(method)
        if call is None:
            call = held.methods[method] = cast("Callable[..., Any]", held.channel.unary_unary(method))
        content = request.SerializeToString()
        if self._outgoing is not None:
            self._outgoing(method, content)
        try:
            answer: bytes = await call(content, timeout=deadline_s or self._default_deadline_s)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, peer) from None
        try:
            return answer_type.FromString(answer)
        except DecodeError:
            raise Malformed(
                "transport-answer",
                found="bytes that are no message of this type",
                expected=f"a protobuf message {answer_type.DESCRIPTOR.name}",
                remedy="Check that both nodes run compatible versions.",
                where=peer,
            ) from None

    def channel(self, peer: str) -> grpc.aio.Channel:
        """The channel to a peer, for generated stubs (health, reflection); prefer `ask`."""
        return self._channel(peer).channel

    async def close(self) -> None:
        """Close every channel."""
        held, self._held = self._held, {}
        for item in held.values():
            await item.channel.close()
        if self._closing:
            await asyncio.gather(*self._closing)

    def _channel(self, peer: str) -> _Held:
        material, version = self._identity.tls.current(), self._parties.version()
        now = self._identity.clock()
        held = self._held.get(peer)
        if held is not None and held.material is material and held.version == version and now < held.until:
            return held
        try:
            party = self._parties.party(ParticipantName.parse(peer), now)
        except BaseException:
            self._retire(peer)
            raise
        endpoint = self._endpoints.get(peer, party.endpoint)
        if (
            held is not None
            and held.material is material
            and held.party.anchors == party.anchors
            and held.endpoint == endpoint
        ):
            held.party, held.version, held.until = party, version, party.until
            return held
        self._retire(peer)
        held = _Held(self._open(endpoint, party, material), party, endpoint, material, version, party.until)
        self._held[peer] = held
        return held

    def _retire(self, peer: str) -> None:
        """Close a replaced channel once its running calls have ended."""
        held = self._held.pop(peer, None)
        if held is not None:
            task = asyncio.get_running_loop().create_task(held.channel.close(self._limits.max_deadline_s))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _open(self, endpoint: str, party: Party, material: TlsMaterial) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(
            b"".join(certificate_pem(anchor) for anchor in party.anchors),
            material.private_key_pem,
            material.chain_pem,
        )
        options = [
            ("grpc.ssl_target_name_override", party.name.tls_host),
            ("grpc.service_config", json.dumps(retry_policy())),
            ("grpc.max_receive_message_length", self._limits.max_message_bytes),
            ("grpc.max_send_message_length", self._limits.max_message_bytes),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", MAX_RECONNECT_BACKOFF_MS),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_http_proxy", 0),
        ]
        return grpc.aio.secure_channel(endpoint, credentials, options=options)
