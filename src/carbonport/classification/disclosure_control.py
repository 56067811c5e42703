"""Disclosure control: which of the announced sums are released, so that no refused one follows from the others.

Three rules, in this order.

1. *Size.* A cohort counts its independent groups of undertakings. Below `LEAST_COHORT` it is refused; below the plan's
   minimum it is refused unless every member has signed its consent to this cohort. (Of lognormal plants, cohorts of
   three fail the p% rule in 36 % of cases, of five in 4 %.)
2. *Residuals.* From a cohort's sum and the released sums inside it, the sum over the rest follows. So a rest that is
   not empty has at least the minimum too. If it has fewer, the released cohort inside it with the fewest members whose
   union with the rest reaches the minimum is withheld, ties by name, never by value: a choice by value would itself
   tell something. If no single one reaches it, the surrounding sum is withheld.
3. *Nothing more is refused than is hidden.* A cohort that is exactly made up of released ones is released, for anyone
   can add.

For cohorts that are nested or disjoint these rules are exact: every number that follows from the released sums is made
of rests, each with enough members. They do not know values: a dominant member is the matter of
`carbonport.classification.dominance`. Nor do they know other plans: that is what contributing once is for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from carbonport.classification.cohorts import CohortFamily, Undertakings
from carbonport.errors import Misuse

DEFAULT_MINIMUM_COHORT = 5
"""Independent groups of undertakings of a released sum, unless the plan asks for more."""

LEAST_COHORT = 3
"""With everyone's consent a sum may be as small; of two, each would know the other's value."""


@dataclass(frozen=True, slots=True)
class CohortRefusal:
    """Why a cohort's sum is not released: a stable word, and the same as a sentence."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """The decision over a family: names of released cohorts, and the others with their reasons, both in order."""

    released: tuple[str, ...]
    refused: Mapping[str, CohortRefusal]


def decide_release(
    family: CohortFamily,
    present: frozenset[str],
    *,
    undertakings: Undertakings,
    consents: Mapping[str, frozenset[str]] | None = None,
    minimum: int = DEFAULT_MINIMUM_COHORT,
) -> Release:
    """Which cohorts of `family` are released when exactly `present` contributed.

    `consents` are the members that signed their consent to a cohort smaller than `minimum`, by cohort. Anyone who has
    the plan, the consents and the roster comes to the same decision. Raises `Misuse` (`cohort-minimum`) for a minimum
    below `LEAST_COHORT`.
    """
    if minimum < LEAST_COHORT:
        raise Misuse(
            "cohort-minimum",
            found=f"a minimum cohort of {minimum}",
            expected=f"at least {LEAST_COHORT}; {DEFAULT_MINIMUM_COHORT} where not everyone consents",
            remedy="Raise the plan's minimum cohort.",
        )
    deciding = _Deciding(family.among(present), undertakings, consents or {}, minimum)
    for roster in sorted(deciding.names, key=lambda roster: (len(roster), deciding.names[roster])):
        deciding.judge(roster)
    refused = {name: CohortRefusal("empty", "nobody in it contributed") for name in family.cohorts}
    released: list[str] = []
    for roster, names in deciding.names.items():
        for name in names:
            del refused[name]
            if roster in deciding.refused:
                refused[name] = deciding.refused[roster]
            else:
                released.append(name)
    return Release(tuple(sorted(released)), MappingProxyType(dict(sorted(refused.items()))))


class _Deciding:
    """One decision, from the smallest roster to the largest; `refused` grows on the way."""

    def __init__(
        self,
        names: Mapping[frozenset[str], tuple[str, ...]],
        undertakings: Undertakings,
        consents: Mapping[str, frozenset[str]],
        minimum: int,
    ) -> None:
        self.names = names
        self.refused: dict[frozenset[str], CohortRefusal] = {}
        self._judged: list[frozenset[str]] = []
        self._undertakings, self._consents, self._minimum = undertakings, consents, minimum

    def judge(self, roster: frozenset[str]) -> None:
        """Rules 1 and 3 for this roster, then rule 2 for the rest inside it."""
        hidden = self._hidden_in(roster)
        refusal = self._too_small(roster) if hidden else None
        if refusal is not None:
            self.refused[roster] = refusal
        elif hidden and hidden != roster and self._count(hidden) < self._minimum:
            self._widen(roster, hidden)
        self._judged.append(roster)

    def _too_small(self, roster: frozenset[str]) -> CohortRefusal | None:
        count = self._count(roster)
        members = f"{count} independent contributors" if count != 1 else "1 independent contributor"
        if count >= self._minimum:
            return None
        if count < LEAST_COHORT:
            return CohortRefusal("too-small", f"{members}; at least {LEAST_COHORT} in any case")
        if all(roster <= self._consents.get(name, frozenset()) for name in self.names[roster]):
            return None
        return CohortRefusal(
            "no-consent",
            f"{members}; below {self._minimum} every one of them has to consent, and not every one did",
        )

    def _widen(self, roster: frozenset[str], hidden: frozenset[str]) -> None:
        """Withhold the smallest released cohort that hides the rest well enough, or the surrounding sum."""
        around = " and ".join(self.names[roster])
        rest = f"otherwise the sum over {self._count(hidden)} independent contributors would follow from {around}"
        for inner in sorted(
            self._released_in(roster), key=lambda inner: (self._count(inner), self.names[inner])
        ):
            if self._count(hidden | self._hidden_in(inner)) >= self._minimum:
                self.refused[inner] = CohortRefusal(
                    "withheld",
                    f"withheld: {rest}; of the cohorts that hide it, this has the fewest members, ties by name",
                )
                return
        self.refused[roster] = CohortRefusal(
            "withheld", f"withheld: {rest}, and no single cohort inside it would hide it"
        )

    def _released_in(self, roster: frozenset[str]) -> list[frozenset[str]]:
        """The largest released rosters strictly inside this one; they are disjoint."""
        found: list[frozenset[str]] = []
        covered: set[str] = set()
        for other in reversed(self._judged):
            if other not in self.refused and other < roster and covered.isdisjoint(other):
                found.append(other)
                covered |= other
        return found

    def _hidden_in(self, roster: frozenset[str]) -> frozenset[str]:
        return roster.difference(*self._released_in(roster))

    def _count(self, members: frozenset[str]) -> int:
        return self._undertakings.independent(members)
