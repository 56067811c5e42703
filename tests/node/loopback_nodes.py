"""Nodes for tests: home folders that share no file, real TLS on loopback, cards and lists exchanged as
text.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from carbonport.attestation.trust_list import WitnessRule
from carbonport.crypto.ambient import system_clock
from carbonport.node.config import NodeConfig, NodeSettings, load_config, write_config
from carbonport.node.identity.card import make_card, read_card
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import ParticipantName, Role, complete_lei
from carbonport.node.identity.node_identity import NodeIdentity
from carbonport.node.identity.trust_folder import TrustFolder
from carbonport.node.identity.trust_issue import Decisions, issue_next
from carbonport.node.transport.calls import CallLimits
from carbonport.node.transport.echo import EchoServicer
from carbonport.node.transport.parties import TrustedParties
from carbonport.node.transport.peers import Peers
from carbonport.node.transport.server import NodeServer
from carbonport.wire.v1 import echo_pb2, echo_pb2_grpc

ECHO = "/carbonport.wire.v1.EchoService/Echo"
LIMITS = CallLimits(max_message_bytes=2**20, max_concurrent_calls=100, max_deadline_s=60)


class MovableClock:
    """The system's time plus what a test adds; TLS itself always sees the system's."""

    def __init__(self) -> None:
        self.offset = 0

    def __call__(self) -> int:
        return system_clock() + self.offset


@dataclass
class LoopbackNode:
    """One home folder, opened."""

    home: Path
    identity: NodeIdentity
    trust: TrustFolder
    parties: TrustedParties
    peers: Peers
    clock: MovableClock

    @property
    def id(self) -> str:
        return str(self.identity.name)

    def config(self) -> NodeConfig:
        return load_config(self.home)

    def card(self) -> str:
        return make_card(self.identity, self.config())

    def server(self, limits: CallLimits = LIMITS, echo: object | None = None) -> NodeServer:
        server = NodeServer(self.identity, self.parties, limits)
        service = echo_pb2.DESCRIPTOR.services_by_name["EchoService"]
        server.add(echo_pb2_grpc.add_EchoServiceServicer_to_server, echo or EchoServicer(), service)
        return server

    def set_endpoint(self, port: int) -> None:
        """Listening took a free port: write it where the card takes it from."""
        config = self.config()
        write_config(self.home, replace(config, node=replace(config.node, endpoint=f"127.0.0.1:{port}")))

    async def echo(self, peer: "LoopbackNode | str", payload: bytes = b"x", **options: float) -> bytes:
        name = peer if isinstance(peer, str) else peer.id
        request = echo_pb2.EchoRequest(payload=payload)
        return (await self.peers.ask(name, ECHO, request, echo_pb2.EchoResponse, **options)).payload


def make_node(
    home: Path,
    jurisdiction: str,
    *roles: Role,
    clock: MovableClock | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> LoopbackNode:
    """Make a home folder with configuration, keys and an empty trust folder."""
    kind = "".join(role.value for role in roles).upper().replace("-", "")
    name = ParticipantName(jurisdiction, complete_lei(f"5299{kind:0<14}"[:18]))
    clock = clock or MovableClock()
    settings = NodeSettings(
        str(name),
        f"{kind} of {jurisdiction}",
        jurisdiction,
        tuple(role.value for role in roles),
        "127.0.0.1:1",
    )
    write_config(home, NodeConfig(settings))
    identity = NodeIdentity.create(home, name, roles, passphrase=None, clock=clock, random_bytes=random_bytes)
    trust = TrustFolder(home, clock)
    parties = TrustedParties(trust.store)
    peers = Peers(identity, parties, LIMITS, default_deadline_s=10)
    return LoopbackNode(home, identity, trust, parties, peers, clock)


def list_key(regulator: LoopbackNode) -> dict[str, str]:
    """What a regulator hands out to be pinned."""
    return regulator.identity.record(KeyUse.TRUST_LIST).jwk


def issue(regulator: LoopbackNode, *participants: LoopbackNode, **decisions: object) -> str:
    """The regulator's next list with these participants' cards."""
    now = regulator.clock()
    cards = [read_card(participant.card().encode(), now=now) for participant in participants]
    return issue_next(regulator.identity, Decisions(cards=cards, **decisions))  # type: ignore[arg-type]


@dataclass
class Country:
    """Both jurisdictions of most tests: an exporter and a regulator in CN, an importer and its regulator in
    EU.
    """

    exporter: LoopbackNode
    cn: LoopbackNode
    importer: LoopbackNode
    eu: LoopbackNode

    def all(self) -> tuple[LoopbackNode, ...]:
        return self.exporter, self.cn, self.importer, self.eu

    def publish(self, **decisions: object) -> None:
        """Both regulators issue new lists from new cards, and every node adds both."""
        tokens = [issue(self.cn, self.exporter, self.cn, **decisions), issue(self.eu, self.importer, self.eu)]
        for node in self.all():
            node.trust.add(tokens)


def make_country(folder: Path, clock: MovableClock | None = None) -> Country:
    """Four nodes, each in a folder of its own, that trust one another through two lists."""
    country = Country(
        make_node(folder / "exporter", "CN", Role.EXPORTER, clock=clock),
        make_node(folder / "cn", "CN", Role.REGULATOR, clock=clock),
        make_node(folder / "importer", "EU", Role.IMPORTER, clock=clock),
        make_node(folder / "eu", "EU", Role.REGULATOR, clock=clock),
    )
    for node in country.all():
        for regulator in (country.cn, country.eu):
            key = regulator.identity.record(KeyUse.TRUST_LIST)
            node.trust.pin(regulator.identity.name.jurisdiction, key.jwk, fingerprint=key.kid)
    return country


NO_WITNESS = WitnessRule(quorum=0, witnesses=())
