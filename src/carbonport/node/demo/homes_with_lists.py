"""The homes of a cast in two jurisdictions, each of which has a trust list of its own; nobody witnesses.

Both list-keepers sign their list, recognise the other's key, and everybody pins both and adds both lists.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from carbonport.attestation.trust_list import WitnessRule
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import Json
from carbonport.node.config import NodeConfig, NodeSettings
from carbonport.node.demo.cast import ACCREDITED_FOR_DAYS, SECONDS_PER_DAY, Part, free_ports
from carbonport.node.home import NodeHome, make_home, open_home
from carbonport.node.identity.card import make_card, read_card
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.private_files import write_public
from carbonport.node.identity.trust_issue import Decisions, issue_next


def homes_with_lists(
    folder: Path,
    parts: Sequence[Part],
    *,
    keepers: tuple[Part, Part],
    verifier: Part | None = None,
    configure: Callable[[Part, NodeSettings], NodeConfig],
) -> Mapping[str, NodeHome]:
    """Make all homes by the parts' keys, exchange cards, issue both lists, and have everybody believe both.

    `keepers`, one of each jurisdiction, are among the parts; a `verifier` is accredited by the list of its own.
    """
    for part, port in zip(parts, free_ports(len(parts)), strict=True):
        address = f"127.0.0.1:{port}"
        node = NodeSettings(part.id, part.name, part.country, part.roles, address, address)
        make_home(folder / part.key, configure(part, node), passphrase=None)
    homes = {part.key: open_home(folder / part.key, environ={}) for part in parts}
    lists = _issue_lists(homes, parts, keepers, verifier)
    (folder / "trust").mkdir(exist_ok=True)
    for keeper, token in zip(keepers, lists, strict=True):
        write_public(folder / "trust" / f"{keeper.jurisdiction}.trust-list.jws", token.encode())
    for home in homes.values():
        for keeper in keepers:
            anchor = homes[keeper.key].identity.record(KeyUse.TRUST_LIST)
            home.trust.pin(keeper.jurisdiction, anchor.jwk, fingerprint=anchor.kid)
        home.trust.add(lists)
    return homes


def _issue_lists(
    homes: Mapping[str, NodeHome], parts: Sequence[Part], keepers: tuple[Part, Part], verifier: Part | None
) -> list[str]:
    now = system_clock()
    cards = {
        part.key: read_card(make_card(homes[part.key].identity, homes[part.key].config).encode(), now=now)
        for part in parts
    }
    accreditation: Json = {
        "body": "Demo Accreditation Body",
        "certificate": "DEMO V0001",
        "scheme": "ISO 14065:2020",
        "activityGroups": ["Iron or steel products"],
        "validFrom": now - SECONDS_PER_DAY,
        "validUntil": now + ACCREDITED_FOR_DAYS * SECONDS_PER_DAY,
        "suspensions": [],
    }
    lists = []
    for keeper, other in (keepers, keepers[::-1]):
        key = homes[other.key].identity.record(KeyUse.TRUST_LIST).jwk
        decisions = Decisions(
            cards=[cards[part.key] for part in parts if part.jurisdiction == keeper.jurisdiction],
            accreditations={verifier.id: accreditation}
            if verifier is not None and verifier.jurisdiction == keeper.jurisdiction
            else {},
            recognised={other.jurisdiction: (key,)},
            witness_rule=WitnessRule(quorum=0, witnesses=()),
        )
        lists.append(issue_next(homes[keeper.key].identity, decisions))
    return lists
