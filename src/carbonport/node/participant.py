"""A participant: an opened home folder with its store, and what every operation of its roles asks of it.

Time and randomness come in here and go down from here. The exchange log is opened by whoever becomes its writer
(`carbonport.node.open_node`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from carbonport.attestation.trust_list import TrustedKey
from carbonport.attestation.trust_store import TrustStore
from carbonport.crypto.ambient import Clock, RandomBytes, system_clock, system_random
from carbonport.crypto.jws import SigningKey
from carbonport.errors import Misuse
from carbonport.node.config import NodeConfig
from carbonport.node.home import NodeHome
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import Role
from carbonport.node.identity.node_identity import NodeIdentity
from carbonport.node.store import Store

SQLITE_PREFIX = "sqlite:///"
"""How the configuration writes a file; the store takes the path alone."""

ID_BYTES = 16
"""Length of the ids this node draws, written in lowercase hex."""


@dataclass(frozen=True)
class Participant:
    """An opened home folder and its store."""

    opened: NodeHome
    store: Store
    clock: Clock
    random_bytes: RandomBytes

    @classmethod
    def open(
        cls, opened: NodeHome, *, clock: Clock = system_clock, random_bytes: RandomBytes = system_random
    ) -> Self:
        """Open the store that the home's configuration names."""
        location = opened.config.store_url(opened.path).removeprefix(SQLITE_PREFIX)
        return cls(opened, Store.open(location, clock=clock), clock, random_bytes)

    @property
    def home(self) -> Path:
        """The home folder."""
        return self.opened.path

    @property
    def config(self) -> NodeConfig:
        """The configuration."""
        return self.opened.config

    @property
    def identity(self) -> NodeIdentity:
        """The keys."""
        return self.opened.identity

    @property
    def id(self) -> str:
        """`<jurisdiction>/<LEI>`."""
        return self.config.node.participant

    @property
    def trust(self) -> TrustStore:
        """The trust lists believed now."""
        return self.opened.trust.store()

    def new_id(self) -> str:
        """A fresh id: 16 random bytes in hex."""
        return self.random_bytes(ID_BYTES).hex()

    def signing_key(self, use: KeyUse) -> SigningKey:
        """The JWS key of this use that is in force now."""
        return SigningKey.from_pem(self.identity.signing_pem(use))

    def key_of(self, participant_id: str, usage: str) -> TrustedKey:
        """The newest key that another participant uses now for `usage`."""
        now = self.clock()
        keys = self.trust.participant(participant_id, now=now).keys_at(usage, now)
        if not keys:
            raise Misuse(
                "participant-key-missing",
                found=f"no {usage} key of {participant_id} in the trust list",
                expected="a key valid now",
                remedy="Ask the participant to have its card listed.",
            )
        return max(keys, key=lambda key: key.valid_from)

    def require_role(self, role: Role) -> None:
        """Refuse an operation that belongs to another role."""
        if role not in self.config.roles:
            raise Misuse(
                "participant-role",
                found=f"a node with the roles {', '.join(sorted(self.config.roles))}",
                expected=f"a node with the role {role}",
                remedy="Name the right home folder with --home, or make a node with that role.",
                where=str(self.home),
            )

    def close(self) -> None:
        """Close the store."""
        self.store.close()
