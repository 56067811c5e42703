"""How a contributor takes part in a session: look, consent, contribute once, and take what it ends with.

Looking changes nothing. A contribution is made and kept whole before anything of it leaves; its crossing is logged
with the gate's decision in the transaction that enters its quantities into the register; then it is sent, as often as
it takes.
"""

from collections.abc import Sequence

from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType
from carbonport.node.aggregation.ending import OVER, WITHOUT_RESULT
from carbonport.node.aggregation.network.contribution_making import PreparedContribution, prepare
from carbonport.node.aggregation.network.contributor_ending import take_ending, take_result
from carbonport.node.aggregation.network.contributor_session import ContributorSession
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient
from carbonport.node.aggregation.network.opened_plan import known_plan, opened_plan
from carbonport.node.aggregation.plan import SignedPlan
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.records import Record, all_of


async def contributor_step(
    node: OpenNode,
    coordinator: str,
    session: str,
    *,
    agree: bool,
    small_cohorts: Sequence[str] = (),
    releaser: str = "",
) -> dict[str, Json]:
    """One step. Without `agree`, or a consent given before, it only looks and tells what the plan is.

    `releaser` is who the owner agreed may see its values; a plan with another one is refused. A session that is over
    is told to everyone who was invited, and nothing is consented to any more.
    """
    client = CoordinatorClient(node.peers, coordinator)
    state = (await client.plan(session)).state
    said: dict[str, Json] = {}
    if state.phase in OVER:
        one = ContributorSession(node, client, session, await known_plan(node, client, session), {})
        phase = state.phase
        said = await take_ending(one, state) if phase in WITHOUT_RESULT else await take_result(one)
    else:
        opened = await opened_plan(node, client, session)
        one = ContributorSession(node, client, session, opened.plan, opened.contexts)
        phase = "invited"
        if agree or one.find("consent", one.contributor.id) is not None:
            phase = state.phase
            await _consent(one, small_cohorts, releaser)
            if phase == "contributing":
                await _contribute(one, state.attempt)
                said = {"said": "contribution"}
    return {
        "session": session,
        "phase": phase,
        "attempt": state.attempt,
        "done": phase in OVER,
        "plan": plan_json(one.plan),
        **said,
    }


async def _consent(one: ContributorSession, small_cohorts: Sequence[str], releaser: str) -> None:
    """Consent once, and bring it; a consent that was given stands."""
    own = one.contributor.id
    kept = one.find("consent", own)
    if kept is None:
        state = one.contributor.join(
            one.plan, small_cohorts=small_cohorts, releaser=releaser, now=one.participant.clock()
        )
        # Whether there is anything to give, and the gate lets it, is known before anything is promised.
        await one.given(releaser)
        kept = state.consent.token.encode()
        await one.logged(EntryType.SESSION, Record("consent", own, kept))
    await one.client.submit_consent(one.name, kept.decode())


async def _contribute(one: ContributorSession, attempt: int) -> None:
    """The attempt's contribution: made once, logged, brought."""
    own = one.contributor.id
    kept = one.find(f"prepared:{attempt}")
    if kept is None and one.find(f"contribution:{attempt}", own) is not None:
        # Given before this node was restored from a backup: its coordinator has it.
        return
    prepared = await prepare(one, attempt) if kept is None else PreparedContribution.decode(kept)
    record = Record(f"contribution:{attempt}", own, prepared.contribution.encode())
    logged = await one.logged(EntryType.CROSSING, record, fields=prepared.fields, may=prepared.may)
    shown = b""
    if releaser := one.plan.content.rule.releaser:
        record = Record(f"opening:{attempt}", own, prepared.opening)
        crossed = await one.logged(
            EntryType.CROSSING, record, fields=prepared.shown_fields, counterparty=releaser
        )
        shown = crossed.receipt.encode()
    await one.client.submit_contribution(
        one.name, attempt, prepared.contribution, prepared.statement, logged.receipt.encode(), shown
    )
    with one.participant.store.reading() as connection:
        ciphertexts = all_of(connection, one.name, f"ciphertext:{attempt}")
    for index, data in ciphertexts.items():
        await one.client.submit_ciphertext(one.name, attempt, int(index), data)


def plan_json(plan: SignedPlan) -> Json:
    """A plan for a person to decide about."""
    content, threshold = plan.content, plan.content.holder_threshold
    return {
        "digest": plan.digest,
        "coordinator": plan.issuer,
        "purpose": content.purpose,
        "period": content.period,
        "expires": content.expires,
        "metrics": [f"{metric.name} [{metric.unit}] from {metric.source}" for metric in content.metrics],
        "invited": list(content.invited),
        "cohorts": {name: len(members) for name, members in content.cohorts.items()},
        "minimum_cohort": content.minimum_cohort,
        "holders": [holder.id for holder in content.holders],
        "rule": content.rule.kind,
        "releaser": content.rule.releaser,
        "threshold": threshold.threshold,
        "votes_needed": threshold.votes_needed,
        "absent_tolerated": threshold.absent_tolerated,
    }
