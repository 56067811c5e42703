"""The releaser: the one party that learns every value, where a rule has to be tested on true ones.

A regulator by the trust list and nothing else in the plan; everyone consented to it by name. Contributors seal the
openings of their A_0 to its key, so it tests exactly the values that are summed: an opening of something else is
found. What it says is one bit for a roster (`verdict`); what it learned it keeps to itself and forgets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from carbonport.classification.cohorts import Undertakings
from carbonport.classification.dominance import passes_dominance, passes_p_percent
from carbonport.crypto.canonical import b64url_decode
from carbonport.crypto.group import SCALAR_BYTES, decode_scalar, encode_scalar
from carbonport.crypto.jws import SigningKey
from carbonport.crypto.pedersen import Opening, check_opening
from carbonport.crypto.sealing import hpke_open, hpke_seal
from carbonport.crypto.sums.contribution import ContributionHead
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import CarbonportError, FailedVerification, Refused
from carbonport.node.aggregation.answers import cohort_members
from carbonport.node.aggregation.contribution import SignedContribution
from carbonport.node.aggregation.examination import Examined
from carbonport.node.aggregation.plan import P_PERCENT_RULE, SignedPlan
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.aggregation.verdict import VERDICT, SignedVerdict, Verdict

OPENING_DOMAIN = "carbonport/releaser-opening/v1"
"""Domain string of the openings' seals."""


def sealed_opening(plan: SignedPlan, attempt: int, contributor: str, openings: Sequence[Opening]) -> bytes:
    """The openings of a contribution's A_0, one a metric, sealed to the plan's releaser; nothing without one."""
    if not plan.content.rule.releaser:
        return b""
    plain = b"".join(encode_scalar(one.value) + encode_scalar(one.blinding) for one in openings)
    return hpke_seal(b64url_decode(plan.content.rule.key), _info(plan, attempt, contributor), plain)


@dataclass(frozen=True, slots=True)
class ReleaserState:
    """Everything durable about one plan: the verdicts by attempt."""

    plan: SignedPlan
    verdicts: Mapping[int, SignedVerdict] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Releaser:
    """One releaser: the seal that signs for it, and the private half of the key that the plan names."""

    id: str
    key: SigningKey = field(repr=False)
    hpke_private: bytes = field(repr=False)

    def judge(
        self,
        state: ReleaserState,
        examined: Examined,
        contributions: Mapping[str, SignedContribution],
        undertakings: Undertakings,
        *,
        now: int,
    ) -> tuple[ReleaserState, SignedVerdict]:
        """The verdict on a roster that `examine` let through; the first one on an attempt stands.

        Raises `FailedVerification` naming a contributor whose sealed opening does not open its commitments, and
        `Refused` for an expired plan or one of which this releaser refused a roster before.
        """
        plan, roster = state.plan, examined.roster
        attempt = roster.content.attempt
        if attempt in state.verdicts:
            return state, state.verdicts[attempt]
        refused = any(not verdict.content.passes for verdict in state.verdicts.values())
        if refused or now >= plan.content.expires or plan.content.rule.releaser != self.id:
            raise Refused(
                "aggregation-releaser",
                found="a plan that is over, of another releaser, or of which a roster was refused",
                expected="an open plan of this releaser",
                remedy="Make no other attempt: each refusal tells something about the values.",
            )
        values = {
            name: self._opened(plan, attempt, head, contributions[name])
            for name, head in examined.heads.items()
        }
        passes = all(
            self._passes(plan, [(name, values[name][metric]) for name in members], undertakings)
            for members in _sums_that_follow(plan, roster)
            for metric in range(len(plan.content.metrics))
        )
        verdict = VERDICT.sign(Verdict(plan.digest, attempt, roster.digest, passes), self.id, self.key)
        return replace(state, verdicts={**state.verdicts, attempt: verdict}), verdict

    def _opened(
        self, plan: SignedPlan, attempt: int, head: ContributionHead, contribution: SignedContribution
    ) -> list[int]:
        who = head.contributor
        try:
            plain = hpke_open(self.hpke_private, _info(plan, attempt, who), contribution.content.opening)
            scalars = [
                decode_scalar(plain[at : at + SCALAR_BYTES]) for at in range(0, len(plain), SCALAR_BYTES)
            ]
            values = scalars[::2]
            for points, value, blinding in zip(head.commitments, values, scalars[1::2], strict=True):
                check_opening(points[0], Opening(value, blinding))
        except (CarbonportError, ValueError):
            raise FailedVerification(
                "aggregation-opening",
                found="a sealed opening that does not open the contribution's commitments",
                expected="the values and blindings that were committed, sealed to this releaser",
                remedy="Leave the contribution out of the roster and tell its contributor.",
                where=who,
            ) from None
        return values

    @staticmethod
    def _passes(plan: SignedPlan, members: Sequence[tuple[str, int]], undertakings: Undertakings) -> bool:
        test = passes_p_percent if plan.content.rule.kind == P_PERCENT_RULE else passes_dominance
        return test(dict(members), undertakings)


def _sums_that_follow(plan: SignedPlan, roster: SignedRoster) -> list[frozenset[str]]:
    """The members of every sum that can be computed from the released ones: each of them, and each rest of one without
    the released sums inside it."""
    released = {frozenset(cohort_members(plan, roster, name)) for name in roster.content.released}
    rests = {one.difference(*(other for other in released if other < one)) for one in released}
    return sorted((released | rests) - {frozenset()}, key=sorted)


def _info(plan: SignedPlan, attempt: int, contributor: str) -> bytes:
    return tuple_hash(OPENING_DOMAIN, plan.digest, attempt, contributor, plan.content.rule.releaser)
