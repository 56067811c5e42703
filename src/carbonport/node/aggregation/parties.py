"""Who may play which part in a plan, by the trust list: roles, and independence of one another.

Holders keep each other in check only if they are not one: no two in one group of undertakings, and none in that of the
coordinator or the releaser. The releaser learns all values, so it is a regulator that takes no other part.
"""

from collections.abc import Callable
from dataclasses import dataclass

from carbonport.classification.cohorts import Undertakings
from carbonport.errors import Refused
from carbonport.node.aggregation.plan import SignedPlan
from carbonport.node.identity.names import Role


@dataclass(frozen=True, slots=True)
class Party:
    """A participant as the trust list names it; `undertaking` is its group's head, `hpke` its valid HPKE keys."""

    id: str
    roles: frozenset[str]
    undertaking: str
    hpke: frozenset[str] = frozenset()


Directory = Callable[[str], Party]
"""Looks a participant up in the current trust lists; raises `FailedVerification` for an unknown one."""


def check_parties(plan: SignedPlan, directory: Directory) -> Undertakings:
    """The groups of the invited for disclosure control, once everyone may play its part; raises `Refused` otherwise.

    Contributors and holders both call it, each with its own trust lists, before they have anything to do with a plan.
    """
    content = plan.content
    coordinator = directory(plan.issuer)
    holders = [directory(holder.id) for holder in content.holders]
    invited = [directory(name) for name in content.invited]
    _require_role(coordinator, Role.COORDINATOR)
    for party in holders:
        _require_role(party, Role.KEY_HOLDER)
    for party in invited:
        _require_role(party, Role.EXPORTER)
    taken = {coordinator.undertaking: coordinator.id}
    if content.rule.releaser:
        releaser = directory(content.rule.releaser)
        _require_role(releaser, Role.REGULATOR)
        if content.rule.key not in releaser.hpke:
            raise _refused(f"a key for openings that is not {releaser.id}'s")
        for party in (coordinator, *invited):
            if party.undertaking == releaser.undertaking:
                raise _refused(f"the releaser {releaser.id} in one group of undertakings with {party.id}")
        taken[releaser.undertaking] = releaser.id
    for party in holders:
        if party.undertaking in taken:
            raise _refused(f"{party.id} and {taken[party.undertaking]} in one group of undertakings")
        taken[party.undertaking] = party.id
    return Undertakings({party.id: party.undertaking for party in invited}, frozenset(taken))


def _require_role(party: Party, role: Role) -> None:
    if role.value not in party.roles:
        raise _refused(f"{party.id}, whose trust list does not name it {role.value}")


def _refused(found: str) -> Refused:
    return Refused(
        "aggregation-parties",
        found=found,
        expected="listed parties in their roles; holders independent of each other, the coordinator and the releaser",
        remedy="Do not take part; ask the coordinator for a plan with independent holders.",
    )
