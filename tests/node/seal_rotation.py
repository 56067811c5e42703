"""Seals that are rotated in the midst of what was signed with them, as operators and trust-list keepers do it."""

import asyncio
from collections.abc import Iterable

from carbonport.crypto.ambient import system_clock
from carbonport.node.demo.aggregate_cast import CN_KEEPER, EU_KEEPER, AggregateStage
from carbonport.node.demo.cast import Part
from carbonport.node.identity.card import make_card, read_card
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.trust_issue import Decisions, issue_next


async def rotate_seals(stage: AggregateStage, parts: Iterable[Part], readers: Iterable[Part]) -> None:
    """Succeed everyone's seal at once; everybody who reads lists gets those that say so. Nodes must be closed."""
    rotated = list(parts)
    for part in rotated:
        stage.home(part).identity.rotate(KeyUse.SEAL, effective_at=system_clock() + 1)
    await asyncio.sleep(1.1)
    lists = []
    for keeper in (CN_KEEPER, EU_KEEPER):
        cards = [
            read_card(
                make_card(stage.home(part).identity, stage.home(part).config).encode(), now=system_clock()
            )
            for part in rotated
            if part.jurisdiction == keeper.jurisdiction
        ]
        lists.append(issue_next(stage.home(keeper).identity, Decisions(cards=cards)))
    for part in readers:
        stage.home(part).trust.add(lists)


def revoke_first_seals(stage: AggregateStage, keeper: Part, parts: Iterable[Part]) -> str:
    """The keeper's next list, in which the first seal of each is revoked."""
    stolen = [stage.home(part).identity.ring.records(KeyUse.SEAL)[0].kid for part in parts]
    return issue_next(stage.home(keeper).identity, Decisions(revoked_keys=stolen))
