"""Cohorts: whose values a released sum covers, and how many independent groups of undertakings that is.

The cohorts of a plan are announced before anyone contributes and are nested or disjoint: of such a family it can be
said exactly what follows from the sums that are released (`carbonport.classification.disclosure_control`). Members
are contributors, named by their ids. What counts is not members but *independent groups of undertakings*: two plants of
one owner are one, for the owner knows both, and the coordinator's and key holders' own plants count as none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from carbonport.errors import Misuse

MAX_COHORTS = 1_024
"""Most cohorts of one plan."""

MAX_MEMBERS = 100_000
"""Most members of one plan: below 2^17, where sums of the shares' limbs would outgrow a BFV slot."""


@dataclass(frozen=True, slots=True)
class Undertakings:
    """Which group of undertakings a contributor belongs to, and which groups do not count in this plan.

    `groups` maps a contributor to its group's name; one that is missing is a group of its own. `not_counted` are the
    groups of the coordinator and the key holders.
    """

    groups: Mapping[str, str]
    not_counted: frozenset[str] = frozenset()

    def independent(self, members: Iterable[str]) -> int:
        """The number of independent groups of undertakings among `members`."""
        return len({self.groups.get(member, member) for member in members} - self.not_counted)


class CohortFamily:
    """The announced cohorts of a plan by name, held to be nested or disjoint."""

    def __init__(self, cohorts: Mapping[str, Iterable[str]]) -> None:
        """Raises `Misuse` (`cohorts-not-nested`, `cohorts-bounds`) for a family that cannot be announced."""
        named = {name: frozenset(members) for name, members in sorted(cohorts.items())}
        everyone = frozenset[str]().union(*named.values())
        if not 1 <= len(named) <= MAX_COHORTS or len(everyone) > MAX_MEMBERS or not all(named.values()):
            raise Misuse(
                "cohorts-bounds",
                found=f"{len(named)} cohorts of {len(everyone)} members, or a cohort of nobody",
                expected=f"1 to {MAX_COHORTS} cohorts, none of them empty, with at most {MAX_MEMBERS} members",
                remedy="Announce fewer cohorts; leave out those without members.",
            )
        _require_nested_or_disjoint(named)
        self.cohorts: Mapping[str, frozenset[str]] = MappingProxyType(named)
        """Members by cohort."""
        self.members = everyone
        """Everyone in any cohort."""

    def around(self, member: str) -> frozenset[str]:
        """The names of the cohorts that this contributor is in."""
        return frozenset(name for name, members in self.cohorts.items() if member in members)

    def among(self, present: frozenset[str]) -> Mapping[frozenset[str], tuple[str, ...]]:
        """The names of the cohorts by what is left of them among `present`; cohorts of nobody are left out.

        Two cohorts that differ only in who is absent are one roster with two names: their sum is the same number.
        """
        rosters: dict[frozenset[str], tuple[str, ...]] = {}
        for name, members in self.cohorts.items():
            left = members & present
            if left:
                rosters[left] = (*rosters.get(left, ()), name)
        return MappingProxyType(rosters)


def _require_nested_or_disjoint(cohorts: Mapping[str, frozenset[str]]) -> None:
    """From the largest to the smallest, each member remembers the smallest cohort around it so far: the members of a
    cohort that is nested or disjoint all remember the same one."""
    around: dict[str, str] = {}
    for name in sorted(cohorts, key=lambda name: (-len(cohorts[name]), name)):
        outer = {around.get(member, "") for member in cohorts[name]}
        if len(outer) > 1:
            crossing = " and ".join(sorted(outer - {""})[:2])
            raise Misuse(
                "cohorts-not-nested",
                found=f"the cohort {name}, which crosses the border of {crossing}",
                expected="cohorts of which any two are nested or have no member in common",
                remedy="Announce one grouping, or groupings each of which refines the one before.",
                where=name,
            )
        around.update(dict.fromkeys(cohorts[name], name))
