"""A contributor as a state machine: it looks at the plan, consents, and gives each attempt one contribution.

Pure: each step gives what has to be durable before the document leaves. What leaves is decided by the gate (form
*aggregate*), and what was ever contributed by the register (`contribute_once`); both belong to whoever drives this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from carbonport.crypto.jws import SigningKey
from carbonport.crypto.sums.attested import AttestedValue
from carbonport.crypto.sums.contribution import Contribution
from carbonport.errors import Refused
from carbonport.node.aggregation.closing import ClosingCertificate, check_closed
from carbonport.node.aggregation.consent import CONSENT, Consent
from carbonport.node.aggregation.contribution import (
    CONTRIBUTION,
    ContributionEnvelope,
    GivenMetric,
    SignedContribution,
)
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, SignedPlan
from carbonport.node.sessions.signed_document import SealKeys, Signed, document_digest


@dataclass(frozen=True, slots=True)
class ContributorState:
    """Everything durable about one plan: the consent, each attempt's signed contribution, and the attempts that are
    known to be closed."""

    plan: SignedPlan
    consent: Signed[Consent]
    contributions: Mapping[int, SignedContribution] = field(default_factory=dict)
    closed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Contributor:
    """One contributor, with the seal that signs for it."""

    id: str
    key: SigningKey = field(repr=False)

    def join(
        self, plan: SignedPlan, *, small_cohorts: Sequence[str] = (), releaser: str = "", now: int
    ) -> ContributorState:
        """Consent to a plan that `open_plan` gave. `small_cohorts` and `releaser` are what its owner agreed to."""
        if self.id not in plan.content.invited:
            raise _refused("a plan to which this participant is not invited")
        if now >= plan.content.expires:
            raise _refused("a plan that has expired")
        if plan.content.rule.releaser != releaser:
            raise _refused(
                f"a plan whose releaser {plan.content.rule.releaser or 'nobody'} would learn all values"
            )
        own = [name for name, members in plan.content.cohorts.items() if self.id in members]
        if not set(small_cohorts) <= set(own):
            raise _refused("a consent to a cohort that this participant is not in")
        consent = CONSENT.sign(
            Consent(plan.digest, tuple(sorted(small_cohorts)), releaser), self.id, self.key
        )
        return ContributorState(plan, consent)

    def close(
        self, state: ContributorState, attempt: int, certificate: ClosingCertificate, keys: SealKeys
    ) -> ContributorState:
        """The state once a closing certificate of this attempt was checked."""
        check_closed(state.plan, attempt, certificate, keys)
        return replace(state, closed=state.closed | {attempt})

    def contribute(
        self,
        state: ContributorState,
        attempt: int,
        *,
        statement: str,
        given: Sequence[GivenMetric],
        made: Contribution,
        opening: bytes = b"",
        now: int,
    ) -> tuple[ContributorState, SignedContribution]:
        """Sign a contribution to an attempt whose predecessors are closed; the same attempt again gives the first one.

        `statement` is the token of the statement whose leaves are `given`; `made` is the mathematics' contribution,
        `opening` what `sealed_opening` gives for the plan's releaser.
        """
        if attempt in state.contributions:
            return state, state.contributions[attempt]
        if now >= state.plan.content.expires or not 0 <= attempt < MAX_ATTEMPTS:
            raise _refused("a plan that has expired, or an attempt beyond the last")
        if not set(range(attempt)) <= state.closed or attempt in state.closed:
            raise _refused("an attempt before which others were not closed, or that was closed itself")
        envelope = ContributionEnvelope(
            state.plan.digest, attempt, document_digest(statement), tuple(given), made.head, opening
        )
        signed = CONTRIBUTION.sign(envelope, self.id, self.key)
        return replace(state, contributions={**state.contributions, attempt: signed}), signed


def attested_values(values: Sequence[Sequence[AttestedValue]]) -> tuple[AttestedValue, ...]:
    """One attested value a metric, from those of its leaves: openings add up as commitments do."""
    summed = []
    for leaves in values:
        total = leaves[0].opening
        for one in leaves[1:]:
            total = total + one.opening
        summed.append(AttestedValue(total, leaves[0].decimals))
    return tuple(summed)


def _refused(found: str) -> Refused:
    return Refused(
        "aggregation-contributor",
        found=found,
        expected="a current plan that invites this participant, and what its owner agreed to",
        remedy="Read the plan again before agreeing to more; ask the coordinator for another one.",
    )
