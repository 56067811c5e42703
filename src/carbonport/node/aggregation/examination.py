"""What is checked on a roster before it is voted for, and again by whoever checks the result.

Everything rests on the signed plan and the trust list, nothing on the coordinator's word: that all members are invited
and consent, what may be released, how earlier attempts ended; then, of every contribution, its signature, that it is
the one the roster names, that it gives what its contributor's current statement says, and its proofs. Without the
proofs a contributor could submit the negative of others' ciphertexts and commitments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from carbonport.attestation.statement import Statement
from carbonport.classification.cohorts import Undertakings
from carbonport.classification.disclosure_control import Release
from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.sums.answers import RosterCommitments, answer_of_slots, check_answer
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.contribution import ContributionHead
from carbonport.crypto.sums.contribution_proofs import verify_heads
from carbonport.errors import FailedVerification
from carbonport.node.aggregation.answers import cohort_commitments
from carbonport.node.aggregation.closing import ClosingCertificate, check_closed
from carbonport.node.aggregation.consent import CONSENT, check_consent
from carbonport.node.aggregation.contribution import CONTRIBUTION, SignedContribution, check_contribution
from carbonport.node.aggregation.plan import SignedPlan
from carbonport.node.aggregation.roster import ROSTER, SignedRoster, check_roster
from carbonport.node.aggregation.verdict import check_verdict
from carbonport.node.sessions.signed_document import SealKeys

StatementOf = Callable[[str, str], Statement]
"""The current statement of a contributor, of this digest: signature, verifier and standing checked, or it raises."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An attempt as the coordinator proposes it: tokens, those of consents and contributions by contributor, the
    certificates of all earlier attempts in order, and the releaser's word where the plan has one."""

    roster: str
    consents: Mapping[str, str]
    contributions: Mapping[str, str]
    closed: Sequence[ClosingCertificate] = ()
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """A proposal that holds: what is released, and the released cohorts' summed commitments."""

    roster: SignedRoster
    release: Release
    heads: Mapping[str, ContributionHead]
    commitments: Mapping[str, RosterCommitments]


def examine(
    plan: SignedPlan,
    proposal: Proposal,
    *,
    undertakings: Undertakings,
    keys: SealKeys,
    statement_of: StatementOf,
    random_bytes: RandomBytes = system_random,
    as_releaser: bool = False,
) -> Examined:
    """Check everything about a proposal but the holder's own decryption; raises naming the one at fault.

    The plan's releaser calls it with `as_releaser`, before its own word is there.
    """
    roster = ROSTER.open(proposal.roster, plan.issuer, keys)
    if not as_releaser:
        check_verdict(plan, roster, proposal.verdict, keys)
    consents = {name: CONSENT.open(token, name, keys) for name, token in proposal.consents.items()}
    for consent in consents.values():
        check_consent(plan, consent)
    release = check_roster(plan, roster, consents, undertakings)
    _check_earlier(plan, roster, proposal.closed, keys)
    contributions = _contributions(roster, proposal.contributions, keys)
    submitted = [
        check_contribution(
            plan,
            roster.content.attempt,
            contribution,
            statement_of(contribution.issuer, contribution.content.statement),
        )
        for contribution in contributions
    ]
    verified = verify_heads(plan.content.parameters(plan.digest), submitted, random_bytes=random_bytes)
    heads = {head.contributor: head for head in verified}
    return Examined(roster, release, heads, cohort_commitments(plan, roster, heads))


def decrypt_totals(
    plan: SignedPlan, holder: int, examined: Examined, totals: Mapping[str, bytes], worker: BfvWorker
) -> Mapping[str, bytes]:
    """A holder's encoded answers by cohort, each checked against the commitments of exactly this roster.

    `worker` has the holder's secret context unlocked; `totals` passed `check_totals`. Raises `FailedVerification`: then
    the holder votes abort.
    """
    parameters = plan.content.parameters(plan.digest)
    shares = {}
    for name, ciphertext in totals.items():
        answer = answer_of_slots(parameters, holder, worker.decrypt(ciphertext, slots=parameters.slots).slots)
        check_answer(parameters, examined.commitments[name], answer)
        shares[name] = answer.encode()
    return shares


def _check_earlier(
    plan: SignedPlan, roster: SignedRoster, certificates: Sequence[ClosingCertificate], keys: SealKeys
) -> None:
    if tuple(certificate.digest for certificate in certificates) != roster.content.closed:
        raise FailedVerification(
            "aggregation-earlier-attempts",
            found="other closing certificates than the roster names",
            expected="the certificate of every earlier attempt, in order",
            remedy="Vote abort; ask the coordinator for the certificates.",
        )
    for attempt, certificate in enumerate(certificates):
        check_closed(plan, attempt, certificate, keys)


def _contributions(
    roster: SignedRoster, tokens: Mapping[str, str], keys: SealKeys
) -> list[SignedContribution]:
    named = {entry.id: entry.contribution for entry in roster.content.entries}
    opened = [CONTRIBUTION.open(tokens[name], name, keys) for name in named if name in tokens]
    if set(tokens) != set(named) or any(named[one.issuer] != one.digest for one in opened):
        raise FailedVerification(
            "aggregation-roster-contributions",
            found="other contributions than the roster names",
            expected="each member's contribution, by its hash",
            remedy="Vote abort; ask the coordinator for the contributions of this roster.",
        )
    return opened
