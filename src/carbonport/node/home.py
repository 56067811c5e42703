"""A home folder, opened: configuration, identity and trust together, and the transport that they make."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from carbonport.crypto.ambient import Clock, RandomBytes, system_clock, system_random
from carbonport.errors import Misuse
from carbonport.node.config import (
    CONFIG_NAME,
    NodeConfig,
    config_text,
    find_home,
    load_config,
    parse_config,
    write_config,
)
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import ParticipantName
from carbonport.node.identity.node_identity import NodeIdentity
from carbonport.node.identity.passphrase import Passphrase, find_passphrase
from carbonport.node.identity.private_files import make_private_folder, require_private_folder
from carbonport.node.identity.trust_folder import TrustFolder
from carbonport.node.transport.calls import CallLimits, Outgoing
from carbonport.node.transport.parties import TrustedParties
from carbonport.node.transport.peers import Peers
from carbonport.node.transport.server import NodeServer

DATA_FOLDER = "data"
"""Where the store stands by default, inside the home folder."""

PASSPHRASE_MISSING = "identity-passphrase-missing"  # noqa: S105 - an error id
"""Error id on which a person at a terminal is asked for the passphrase."""


@dataclass(frozen=True)
class NodeHome:
    """An opened home folder."""

    path: Path
    config: NodeConfig
    identity: NodeIdentity
    trust: TrustFolder
    parties: TrustedParties

    @property
    def name(self) -> ParticipantName:
        """The participant this node speaks for."""
        return self.identity.name

    def limits(self) -> CallLimits:
        """The bounds of the configuration on calls."""
        limits = self.config.limits
        return CallLimits(limits.max_message_bytes, limits.max_concurrent_calls, limits.max_deadline_s)

    def server(self, outgoing: Outgoing | None = None) -> NodeServer:
        """A server for this node; services are added to it, then it is started."""
        return NodeServer(self.identity, self.parties, self.limits(), outgoing=outgoing)

    def peers(self, outgoing: Outgoing | None = None) -> Peers:
        """Calls to other nodes."""
        return Peers(
            self.identity,
            self.parties,
            self.limits(),
            default_deadline_s=self.config.limits.default_deadline_s,
            endpoints=self.config.peers,
            outgoing=outgoing,
        )


def open_home(
    option: Path | None,
    *,
    passphrase_file: Path | None = None,
    prompt: Callable[[], str] | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock = system_clock,
    random_bytes: RandomBytes = system_random,
) -> NodeHome:
    """Open the home folder of `--home` or CARBONPORT_HOME.

    The passphrase of encrypted keys comes from the file, the environment, or `prompt` when given.
    """
    variables = os.environ if environ is None else environ
    path = find_home(option, variables)
    require_private_folder(path)
    config = load_config(path)

    def identity(prompt: Callable[[], str] | None) -> NodeIdentity:
        return NodeIdentity.open(
            path,
            config.name,
            passphrase=find_passphrase(passphrase_file, environ=variables, prompt=prompt),
            clock=clock,
            random_bytes=random_bytes,
            tls_lifetime_s=config.tls.lifetime_hours * 3600,
        )

    try:
        opened = identity(None)
    except Misuse as problem:
        if problem.id != PASSPHRASE_MISSING or prompt is None:
            raise
        opened = identity(prompt)
    trust = TrustFolder(path, clock)
    return NodeHome(path, config, opened, trust, TrustedParties(trust.store))


def make_home(
    path: Path,
    config: NodeConfig,
    *,
    passphrase: Passphrase | None,
    clock: Clock = system_clock,
    random_bytes: RandomBytes = system_random,
) -> NodeIdentity:
    """Make a new home folder: keys, certificate, data folder and configuration; a regulator pins its own list key."""
    parse_config(config_text(config).encode(), where="carbonport init")
    if (path / CONFIG_NAME).exists():
        raise Misuse(
            "identity-exists",
            found="a home folder that was already made",
            expected="a new folder",
            remedy="Use `carbonport key rotate` for new keys, or another --home.",
            where=str(path),
        )
    make_private_folder(path)
    identity = NodeIdentity.create(
        path, config.name, config.roles, passphrase=passphrase, clock=clock, random_bytes=random_bytes
    )
    make_private_folder(path / DATA_FOLDER)
    if identity.ring.holds(KeyUse.TRUST_LIST):
        own = identity.record(KeyUse.TRUST_LIST)
        TrustFolder(path, clock).pin(config.name.jurisdiction, own.jwk, fingerprint=own.kid)
    # Last, because its presence says that the home is complete.
    write_config(path, config)
    return identity
