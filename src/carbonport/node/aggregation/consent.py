"""A contributor's consent: it has seen the plan with everyone who is invited, and takes part.

By signing, it agrees to the whole plan, for the plan's digest stands in it. What needs a word of its own is named: the
cohorts it agrees to be summed in although they may turn out smaller than the plan's minimum (never below three), and
the releaser, who learns its value. A contributor consents before it contributes, or never joins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbonport.attestation.participants import PARTICIPANT_ID, SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.errors import FailedVerification
from carbonport.node.aggregation.plan import COHORT_NAME, MAX_PLAN_COHORTS, SignedPlan
from carbonport.node.sessions.signed_document import DocumentKind, Signed

MAX_CONSENT_BYTES = 64 * 1024
"""Longest consent as a token."""


@dataclass(frozen=True, slots=True)
class Consent:
    """`plan` is the plan's digest; `small_cohorts` are names out of it; `releaser` is its releaser, or empty."""

    plan: str
    small_cohorts: tuple[str, ...] = ()
    releaser: str = ""


def check_consent(plan: SignedPlan, consent: Signed[Consent]) -> None:
    """Raise unless this is the consent of somebody invited, to exactly this plan, its releaser included."""
    content = plan.content
    problems = {
        "a consent to another plan": consent.content.plan != plan.digest,
        "a consent of somebody who is not invited": consent.issuer not in content.invited,
        "a consent that does not name the plan's releaser": consent.content.releaser != content.rule.releaser,
        "a consent to a cohort that the plan does not announce": not set(consent.content.small_cohorts)
        <= set(content.cohorts),
    }
    for found, present in problems.items():
        if present:
            raise FailedVerification(
                "aggregation-consent",
                found=found,
                expected="the consent of an invited contributor to this plan",
                remedy="Ask the contributor for its consent to this plan.",
                where=consent.issuer,
            )


def small_cohort_consents(consents: Sequence[Signed[Consent]]) -> Mapping[str, frozenset[str]]:
    """Who consented to which cohort being small, as disclosure control takes it."""
    agreed: dict[str, set[str]] = {}
    for consent in consents:
        for name in consent.content.small_cohorts:
            agreed.setdefault(name, set()).add(consent.issuer)
    return {name: frozenset(members) for name, members in agreed.items()}


def _write(consent: Consent) -> Mapping[str, Json]:
    return {
        "plan": consent.plan,
        "smallCohorts": list(consent.small_cohorts),
        "releaser": consent.releaser,
    }


def _read(fields: StrictFields) -> Consent:
    return Consent(
        plan=fields.text("plan", pattern=SHA256_HEX),
        small_cohorts=fields.texts("smallCohorts", pattern=COHORT_NAME, max_items=MAX_PLAN_COHORTS),
        releaser=fields.text("releaser", pattern=PARTICIPANT_ID, empty=True),
    )


CONSENT = DocumentKind[Consent]("consent", MAX_CONSENT_BYTES, _write, _read)
"""A consent, signed by its contributor."""
