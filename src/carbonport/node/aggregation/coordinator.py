"""The coordinator as a state machine without state: it writes plans, proposes rosters and publishes results.

It adds ciphertexts up and can read none of them. Whatever it writes is checked by holders, contributors and readers of
the result against the plan; nothing here is trusted by anyone else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from carbonport.classification.cohorts import Undertakings
from carbonport.crypto.jws import SigningKey
from carbonport.errors import Refused
from carbonport.node.aggregation.answers import SignedAnswer, cohort_members, combined
from carbonport.node.aggregation.ballots import SignedVote, require_quorum
from carbonport.node.aggregation.closing import ClosingCertificate
from carbonport.node.aggregation.consent import Consent
from carbonport.node.aggregation.contribution import SignedContribution
from carbonport.node.aggregation.examination import Examined
from carbonport.node.aggregation.plan import PLAN, Plan, SignedPlan
from carbonport.node.aggregation.result_statement import RESULT, SignedResult, result_of
from carbonport.node.aggregation.roster import (
    ROSTER,
    Roster,
    RosterEntry,
    SignedRoster,
    nothing_released,
    release_of,
)
from carbonport.node.aggregation.totals import TOTALS, TotalsNote, totals_note
from carbonport.node.sessions.signed_document import Signed


@dataclass(frozen=True, slots=True)
class Coordinator:
    """One coordinator, with the seal that signs for it."""

    id: str
    key: SigningKey = field(repr=False)

    def plan(self, content: Plan) -> SignedPlan:
        """Sign a plan."""
        return PLAN.sign(content, self.id, self.key)

    def propose(
        self,
        plan: SignedPlan,
        attempt: int,
        consents: Mapping[str, Signed[Consent]],
        contributions: Mapping[str, SignedContribution],
        undertakings: Undertakings,
        closed: Sequence[ClosingCertificate] = (),
    ) -> SignedRoster:
        """The roster of exactly these contributions; raises `Refused` when none of its sums could be released."""
        members = {name: consents[name] for name in sorted(contributions)}
        release = release_of(plan, members, undertakings)
        if not release.released:
            raise nothing_released(release)
        content = Roster(
            plan=plan.digest,
            attempt=attempt,
            entries=tuple(
                RosterEntry(name, contributions[name].digest, consent.digest)
                for name, consent in members.items()
            ),
            released=release.released,
            withheld={name: refusal.code for name, refusal in release.refused.items()},
            closed=tuple(certificate.digest for certificate in closed),
        )
        return ROSTER.sign(content, self.id, self.key)

    def note(
        self, plan: SignedPlan, roster: SignedRoster, holder: str, totals: Mapping[str, bytes]
    ) -> Signed[TotalsNote]:
        """The signed note about the ciphertexts for one holder."""
        return TOTALS.sign(totals_note(plan, roster, holder, totals), self.id, self.key)

    def publish(
        self,
        plan: SignedPlan,
        examined: Examined,
        votes: Sequence[SignedVote],
        answers: Sequence[SignedAnswer],
        *,
        now: int,
    ) -> SignedResult:
        """The result from k answers or more, each checked; raises naming the holder of a false one."""
        roster = examined.roster
        require_quorum(plan, roster, votes)
        if len({answer.issuer for answer in answers}) < plan.content.threshold:
            raise Refused(
                "aggregation-answers",
                found=f"answers of {len(answers)} holders",
                expected=f"answers of {plan.content.threshold}",
                remedy="Ask the holders again; they keep their answers and send the same.",
            )
        sums = combined(plan, roster, examined.commitments, answers)
        sizes = {name: len(cohort_members(plan, roster, name)) for name in sums}
        content = result_of(plan, roster, sums, sizes, examined.release.refused, now=now)
        return RESULT.sign(content, self.id, self.key)
