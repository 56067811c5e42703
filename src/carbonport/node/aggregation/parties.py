"""Who may play which part in a plan, by the trust list: roles, and independence of one another.

Holders keep each other in check only if they are not one: no two in one group of undertakings, and none in that of the
coordinator or the releaser. The releaser learns all values, so it is a regulator that takes no other part.
"""

from carbonport.classification.cohorts import Undertakings
from carbonport.node.aggregation.plan import SignedPlan
from carbonport.node.identity.names import Role
from carbonport.node.sessions.parties import Directory, refused_parties, require_independent, require_role


def check_parties(plan: SignedPlan, directory: Directory) -> Undertakings:
    """The groups of the invited for disclosure control, once everyone may play its part; raises `Refused` otherwise.

    Contributors and holders both call it, each with its own trust lists, before they have anything to do with a plan.
    """
    content = plan.content
    coordinator = directory(plan.issuer)
    holders = [directory(holder.id) for holder in content.holders]
    invited = [directory(name) for name in content.invited]
    require_role(coordinator, Role.COORDINATOR)
    for party in holders:
        require_role(party, Role.KEY_HOLDER)
    for party in invited:
        require_role(party, Role.EXPORTER)
    apart = [coordinator]
    if content.rule.releaser:
        releaser = directory(content.rule.releaser)
        require_role(releaser, Role.REGULATOR)
        if content.rule.key not in releaser.hpke:
            raise refused_parties(f"a key for openings that is not {releaser.id}'s")
        for party in (coordinator, *invited):
            if party.undertaking == releaser.undertaking:
                raise refused_parties(
                    f"the releaser {releaser.id} in one group of undertakings with {party.id}"
                )
        apart.append(releaser)
    taken = require_independent([*apart, *holders])
    return Undertakings({party.id: party.undertaking for party in invited}, taken)
