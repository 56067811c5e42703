"""Opening a plan: what contributors and holders check before they have anything to do with it."""

import hashlib
from collections.abc import Mapping

from carbonport.classification.cohorts import Undertakings
from carbonport.errors import FailedVerification
from carbonport.node.aggregation.holder_keys import HOLDER_KEYS
from carbonport.node.aggregation.parties import check_parties
from carbonport.node.aggregation.plan import PLAN, SignedPlan
from carbonport.node.sessions.parties import Directory
from carbonport.node.sessions.signed_document import SealKeys


def open_plan(
    token: str,
    coordinator: str,
    *,
    contexts: Mapping[str, tuple[str, bytes]],
    keys: SealKeys,
    directory: Directory,
) -> tuple[SignedPlan, Undertakings]:
    """A plan with everything that hangs on it checked, for contributors and holders alike.

    `contexts` has each holder's announcement and public context as they travelled. Raises `Refused` for parties that
    may not play their parts, `FailedVerification` for keys that are not the plan's.
    """
    plan = PLAN.open(token, coordinator, keys)
    undertakings = check_parties(plan, directory)
    for planned in plan.content.holders:
        announcement_token, context = contexts.get(planned.id, ("", b""))
        announcement = HOLDER_KEYS.open(announcement_token, planned.id, keys)
        if (
            announcement.digest != planned.keys
            or announcement.content.nonce != plan.content.nonce
            or announcement.content.context != hashlib.sha256(context).hexdigest()
        ):
            raise FailedVerification(
                "aggregation-holder-keys",
                found="a holder's keys that are not those of this plan",
                expected="the context that the holder signed for this plan's nonce, as the plan names it",
                remedy="Do not take part; ask the coordinator where the keys come from.",
                where=planned.id,
            )
    contexts_named = {contexts[planned.id][1] for planned in plan.content.holders}
    if len(contexts_named) != len(plan.content.holders):
        raise FailedVerification(
            "aggregation-holder-contexts",
            found="two holders with one context",
            expected="a context of its own for every holder",
            remedy="Do not take part: one of them could read the other's shares.",
        )
    return plan, undertakings
