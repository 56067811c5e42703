"""The membership: exactly whose rows are in a training, fixed before the first exchange and never changed.

Two trainings over memberships that differ in one member tell that member's statistics by their difference. So the
membership is one document, holders endorse one for a plan, ever, and a member that leaves afterwards ends the training.
It names everyone by what they signed: members by their acceptances, holders by their keys; and who refused, and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.participants import PARTICIPANT_ID, SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.classification.cohorts import Undertakings
from carbonport.crypto.canonical import Json
from carbonport.crypto.sums.threshold import MAX_HOLDERS
from carbonport.errors import Refused
from carbonport.federated.relay import ERROR_ID
from carbonport.node.sessions.signed_document import DocumentKind, Signed
from carbonport.node.training.plan import AREA, MAX_MEMBERS, SignedPlan

MAX_MEMBERSHIP_BYTES = 256 * 1024
"""Longest membership as a token."""


@dataclass(frozen=True, slots=True)
class Membership:
    """`plan` is a digest; `members` maps ids, in the plan's order, to the digests of their acceptances, `holders` to
    those of their keys; `refused` maps who of the plan is not in it to the error's id."""

    plan: str
    members: Mapping[str, str]
    holders: Mapping[str, str]
    refused: Mapping[str, str]


SignedMembership = Signed[Membership]


def check_membership(plan: SignedPlan, membership: SignedMembership, undertakings: Undertakings) -> int:
    """The cohort: how many independent groups of undertakings the members are. Raises `Refused`
    (`training-membership`) unless the membership keeps to its plan."""
    content = membership.content
    members = set(content.members)
    cohort = undertakings.independent(members)
    problems = {
        "a membership of another plan": content.plan != plan.digest,
        "members that the plan does not invite, or in another order": list(content.members)
        != [name for name in plan.content.members if name in members],
        "other holders than the plan's": tuple(content.holders) != plan.content.holders,
        "somebody that neither is in it nor refused": members | set(content.refused)
        != set(plan.content.members),
        f"{cohort} independent members": cohort < plan.content.minimum_cohort,
    }
    for found, present in problems.items():
        if present:
            raise refused_membership(found)
    return cohort


def refused_membership(found: str) -> Refused:
    """The refusal of a membership."""
    return Refused(
        "training-membership",
        found=found,
        expected="the one membership of the plan, with its minimum cohort of independent members",
        remedy="Do not take part in it; a training among others needs another plan, and everyone's consent anew.",
    )


def _write(membership: Membership) -> Mapping[str, Json]:
    return {
        "plan": membership.plan,
        "members": [{"id": name, "acceptance": digest} for name, digest in membership.members.items()],
        "holders": [{"id": name, "keys": digest} for name, digest in membership.holders.items()],
        "refused": [{"id": name, "error": error} for name, error in sorted(membership.refused.items())],
    }


def _read(fields: StrictFields) -> Membership:
    def named(what: str, word: str, form: str, most: int) -> dict[str, str]:
        found = fields.each(
            what,
            lambda one: (
                one.text("id", pattern=PARTICIPANT_ID),
                one.text(word, pattern=ERROR_ID if form == "error" else SHA256_HEX),
            ),
            max_items=most,
        )
        if len(dict(found)) != len(found):
            raise refused_membership("a participant twice")
        return dict(found)

    return Membership(
        plan=fields.text("plan", pattern=SHA256_HEX),
        members=named("members", "acceptance", "digest", MAX_MEMBERS),
        holders=named("holders", "keys", "digest", MAX_HOLDERS),
        refused=named("refused", "error", "error", MAX_MEMBERS),
    )


MEMBERSHIP = DocumentKind[Membership]("membership", MAX_MEMBERSHIP_BYTES, _write, _read, AREA)
"""A membership, signed by its coordinator."""
