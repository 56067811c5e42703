"""The roster of one attempt: exactly whose contributions are summed, and which sums are released.

One document for all: every vote names its digest, and the digest covers each contributor's whole signed message and its
consent, the released and the withheld cohorts, and how the attempts before it were closed. Groups follow from the plan,
whose digest is in it. Every holder computes the release decision itself and compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.participants import PARTICIPANT_ID, SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.classification.cohorts import Undertakings
from carbonport.classification.disclosure_control import (
    DEFAULT_MINIMUM_COHORT,
    Release,
    decide_release,
)
from carbonport.crypto.canonical import Json
from carbonport.errors import FailedVerification, Refused
from carbonport.node.aggregation.consent import Consent, small_cohort_consents
from carbonport.node.aggregation.plan import (
    COHORT_NAME,
    MAX_ATTEMPTS,
    MAX_INVITED,
    MAX_PLAN_COHORTS,
    SignedPlan,
)
from carbonport.node.sessions.signed_document import DocumentKind, Signed

MAX_ROSTER_BYTES = 8 * 1024 * 1024
"""Longest roster as a token."""


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """One contributor with the digests of its contribution and its consent."""

    id: str
    contribution: str
    consent: str


@dataclass(frozen=True, slots=True)
class Roster:
    """`plan` is a digest, `entries` stand in the order of their ids, `withheld` maps cohorts to the refusal's code,
    `closed` are the digests of the closing certificates of all attempts before this one."""

    plan: str
    attempt: int
    entries: tuple[RosterEntry, ...]
    released: tuple[str, ...]
    withheld: Mapping[str, str]
    closed: tuple[str, ...]


SignedRoster = Signed[Roster]


def release_of(
    plan: SignedPlan, consents: Mapping[str, Signed[Consent]], undertakings: Undertakings
) -> Release:
    """The release decision when exactly those in `consents` contribute; their consents are checked already."""
    return decide_release(
        plan.content.family,
        frozenset(consents),
        undertakings=undertakings,
        consents=small_cohort_consents(tuple(consents.values())),
        minimum=_minimum(plan, consents),
    )


def _minimum(plan: SignedPlan, consents: Mapping[str, Signed[Consent]]) -> int:
    """The plan's minimum; below the default only if every contributor consented to each of its cohorts being small.

    Without that a coordinator could plan small cohorts and small rests for people who never said a word about them.
    """
    planned = plan.content.minimum_cohort
    everyone_consents = all(
        plan.content.family.around(member) <= set(consent.content.small_cohorts)
        for member, consent in consents.items()
    )
    return planned if everyone_consents else max(planned, DEFAULT_MINIMUM_COHORT)


def check_roster(
    plan: SignedPlan,
    roster: SignedRoster,
    consents: Mapping[str, Signed[Consent]],
    undertakings: Undertakings,
) -> Release:
    """The release decision of a roster that keeps to its plan; raises `FailedVerification` or `Refused` otherwise.

    `consents` are the checked consents of exactly its members. Contributions are checked elsewhere.
    """
    content = roster.content
    members = [entry.id for entry in content.entries]
    problems = {
        "a roster of another plan": content.plan != plan.digest,
        "members out of order, or one twice": members != sorted(set(members)),
        "a member that is not invited": not set(members) <= set(plan.content.invited),
        "members without their consents": set(consents) != set(members)
        or any(
            consents[entry.id].digest != entry.consent for entry in content.entries if entry.id in consents
        ),
        "another number of closed attempts than come before it": len(content.closed) != content.attempt,
    }
    for found, present in problems.items():
        if present:
            raise _refused(found)
    release = release_of(plan, consents, undertakings)
    if content.released != release.released or content.withheld != {
        name: refusal.code for name, refusal in release.refused.items()
    }:
        raise _refused("other released cohorts than follow from plan, consents and roster")
    if not release.released:
        raise nothing_released(release)
    return release


def nothing_released(release: Release) -> Refused:
    """The refusal of a roster of which no sum may be released."""
    reasons = "; ".join(f"{name}: {refusal.reason}" for name, refusal in list(release.refused.items())[:5])
    return Refused(
        "aggregation-nothing-released",
        found=f"a roster of which no sum may be released ({reasons})",
        expected="at least one cohort that disclosure control lets through",
        remedy="Invite more independent contributors, or ask for their consent to smaller cohorts.",
    )


def _refused(found: str) -> FailedVerification:
    return FailedVerification(
        "aggregation-roster",
        found=found,
        expected="a roster that keeps to its plan",
        remedy="Vote abort; the coordinator made a mistake or tries to learn more than was planned.",
    )


def _write(roster: Roster) -> Mapping[str, Json]:
    return {
        "plan": roster.plan,
        "attempt": roster.attempt,
        "contributors": [
            {"id": entry.id, "contribution": entry.contribution, "consent": entry.consent}
            for entry in roster.entries
        ],
        "released": list(roster.released),
        "withheld": [{"cohort": name, "code": code} for name, code in roster.withheld.items()],
        "closed": list(roster.closed),
    }


def _read(fields: StrictFields) -> Roster:
    return Roster(
        plan=fields.text("plan", pattern=SHA256_HEX),
        attempt=fields.integer("attempt", maximum=MAX_ATTEMPTS - 1),
        entries=fields.each("contributors", _read_entry, max_items=MAX_INVITED),
        released=fields.texts("released", pattern=COHORT_NAME, max_items=MAX_PLAN_COHORTS),
        withheld=dict(fields.each("withheld", _read_withheld, max_items=MAX_PLAN_COHORTS)),
        closed=fields.texts("closed", pattern=SHA256_HEX, max_items=MAX_ATTEMPTS),
    )


def _read_entry(fields: StrictFields) -> RosterEntry:
    return RosterEntry(
        fields.text("id", pattern=PARTICIPANT_ID),
        fields.text("contribution", pattern=SHA256_HEX),
        fields.text("consent", pattern=SHA256_HEX),
    )


def _read_withheld(fields: StrictFields) -> tuple[str, str]:
    return fields.text("cohort", pattern=COHORT_NAME), fields.text("code")


ROSTER = DocumentKind[Roster]("roster", MAX_ROSTER_BYTES, _write, _read)
"""A roster, signed by its coordinator."""
