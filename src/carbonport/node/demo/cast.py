"""Who plays in the demo: five participants of two jurisdictions, their home folders, and the trust lists between them.

The steelworks and its regulator are in China, the importer and the verifier in the EU, whose list-keeping authority
signs a list and then has no process. The regulator witnesses every log; both lists ask for its cosignature. All names
are invented; the LEIs have valid check digits and belong to nobody.
"""

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from carbonport.attestation.trust_list import WitnessRule
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import Json
from carbonport.node.config import ExchangeSettings, LimitSettings, NodeConfig, NodeSettings, StoreSettings
from carbonport.node.home import NodeHome, make_home, open_home
from carbonport.node.identity.card import make_card, read_card
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import Role, complete_lei
from carbonport.node.identity.private_files import write_public
from carbonport.node.identity.trust_issue import Decisions, issue_next

ACCREDITED_FOR_DAYS = 365
"""Length of the demo verifier's accreditation."""

SECONDS_PER_DAY = 86_400

ANSWER_S = 45
"""How long a node of the demo waits for an answer. The first query of a fresh clone waits for a process to start, for
modules to be compiled and for a proof, while other nodes do the like: on a busy machine more than ten seconds."""


@dataclass(frozen=True, slots=True)
class Part:
    """One participant of the play. `serves` says whether it runs as a process; `further` are roles beside the first."""

    key: str
    name: str
    jurisdiction: str
    country: str
    lei: str
    role: Role
    serves: bool = True
    further: tuple[Role, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """All its roles, as a configuration names them."""
        return tuple(role.value for role in (self.role, *self.further))

    @property
    def id(self) -> str:
        """`<jurisdiction>/<LEI>`."""
        return f"{self.jurisdiction}/{self.lei}"


EXPORTER = Part(
    "exporter", "Hebei Yanhai Iron and Steel", "CN", "CN", complete_lei("894500DEMOSTEELCN0"), Role.EXPORTER
)
REGULATOR = Part(
    "regulator", "Ecology Office (demo)", "CN", "CN", complete_lei("894500DEMOREGULCN0"), Role.REGULATOR
)
VERIFIER = Part(
    "verifier", "Rheinische Pruefstelle (demo)", "EU", "DE", complete_lei("894500DEMOVERIFEU0"), Role.VERIFIER
)
IMPORTER = Part(
    "importer", "Nordsee Stahlimport (demo)", "EU", "NL", complete_lei("894500DEMOIMPOREU0"), Role.IMPORTER
)
AUTHORITY = Part(
    "authority",
    "EU List Authority (demo)",
    "EU",
    "BE",
    complete_lei("894500DEMOAUTHOEU0"),
    Role.REGULATOR,
    serves=False,
)
CAST = (EXPORTER, VERIFIER, IMPORTER, REGULATOR, AUTHORITY)


@dataclass(frozen=True)
class Stage:
    """The homes of the cast below one folder, with the trust lists added everywhere."""

    folder: Path
    homes: dict[str, NodeHome]

    def home(self, part: Part) -> NodeHome:
        """The opened home of a part."""
        return self.homes[part.key]


def set_stage(
    folder: Path, activity_groups: tuple[str, ...], stores: Mapping[str, str] = MappingProxyType({})
) -> Stage:
    """Make five homes, exchange cards, issue both jurisdictions' lists, pin the anchors and add the lists.

    `stores` gives single parts, by key, a database URL other than SQLite in their own folder.
    """
    ports = dict(zip([part.key for part in CAST], free_ports(len(CAST)), strict=True))
    for part in CAST:
        make_home(folder / part.key, _config(part, ports[part.key], stores.get(part.key)), passphrase=None)
    homes = {part.key: open_home(folder / part.key, environ={}) for part in CAST}
    stage = Stage(folder, homes)
    lists = _issue_lists(stage, activity_groups)
    (folder / "trust").mkdir()
    for name, token in lists.items():
        write_public(folder / "trust" / f"{name}.trust-list.jws", token.encode())
    for part in CAST:
        home = stage.home(part)
        keeper = stage.home(REGULATOR if part.jurisdiction == "CN" else AUTHORITY)
        anchor = keeper.identity.record(KeyUse.TRUST_LIST)
        home.trust.pin(part.jurisdiction, anchor.jwk, fingerprint=anchor.kid)
        other = "EU" if part.jurisdiction == "CN" else "CN"
        home.trust.add([lists[part.jurisdiction], lists[other]])
    return stage


def _issue_lists(stage: Stage, activity_groups: tuple[str, ...]) -> dict[str, str]:
    now = system_clock()
    rule = WitnessRule(quorum=1, witnesses=(REGULATOR.id,))
    cards = {
        part.key: read_card(make_card(stage.home(part).identity, stage.home(part).config).encode(), now=now)
        for part in CAST
    }
    list_keys = {
        "CN": stage.home(REGULATOR).identity.record(KeyUse.TRUST_LIST).jwk,
        "EU": stage.home(AUTHORITY).identity.record(KeyUse.TRUST_LIST).jwk,
    }
    accreditation: Json = {
        "body": "Demo Accreditation Body",
        "certificate": "D-VS-00000-01-00",
        "scheme": "ISO 14065:2020, Regulation (EU) 2025/2546",
        "activityGroups": list(activity_groups),
        "validFrom": now - SECONDS_PER_DAY,
        "validUntil": now + ACCREDITED_FOR_DAYS * SECONDS_PER_DAY,
        "suspensions": [],
    }
    china = Decisions(
        cards=(cards["regulator"], cards["exporter"]),
        recognised={"EU": (list_keys["EU"],)},
        witness_rule=rule,
    )
    europe = Decisions(
        cards=(cards["authority"], cards["verifier"], cards["importer"]),
        accreditations={VERIFIER.id: accreditation},
        recognised={"CN": (list_keys["CN"],)},
        witness_rule=rule,
    )
    return {
        "CN": issue_next(stage.home(REGULATOR).identity, china),
        "EU": issue_next(stage.home(AUTHORITY).identity, europe),
    }


def _config(part: Part, port: int, store: str | None) -> NodeConfig:
    return NodeConfig(
        node=NodeSettings(
            part.id, part.name, part.country, part.roles, f"127.0.0.1:{port}", f"127.0.0.1:{port}"
        ),
        store=StoreSettings() if store is None else StoreSettings(store),
        exchange=ExchangeSettings(approval="policy"),
        limits=LimitSettings(default_deadline_s=ANSWER_S),
    )


def free_ports(count: int) -> list[int]:
    """Ports that are free now; all are held until all are chosen, so that none is chosen twice."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def invented_consignment() -> str:
    """A name for the demo's consignment."""
    return f"DEMO-{secrets.token_hex(4).upper()}"
