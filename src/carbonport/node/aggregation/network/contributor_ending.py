"""How a session ends for a contributor: with a result, or with why there is none and what is free again.

Each is fetched from the coordinator, checked with this node's own trust lists, and kept.
"""

import asyncio

from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType
from carbonport.errors import FailedVerification
from carbonport.node.aggregation.closing import check_closed
from carbonport.node.aggregation.network.contributor_session import ContributorSession
from carbonport.node.aggregation.network.coordinator_client import SessionState
from carbonport.node.aggregation.network.forgetting import forget_secrets
from carbonport.node.aggregation.network.register_rows import close_attempt
from carbonport.node.aggregation.network.told_ending import told_ending
from carbonport.node.aggregation.plan import MAX_ATTEMPTS
from carbonport.node.aggregation.result_check import check_result_file
from carbonport.node.aggregation.result_statement import exact_sums
from carbonport.node.sessions.records import Record


async def take_result(session: ContributorSession) -> dict[str, Json]:
    """The result, fetched, checked and kept; its sums."""
    kept = session.find("result")
    data = await session.client.result(session.name) if kept is None else kept
    checked = await asyncio.to_thread(
        check_result_file, data, now=session.participant.clock(), store=session.participant.trust
    )
    plan, result = checked.plan, checked.result
    if not checked.report.ok or plan is None or result is None or plan.digest != session.plan.digest:
        raise FailedVerification(
            "aggregation-result-refused",
            found=f"a result whose checks fail: {', '.join(checked.report.failed()) or 'another plan'}",
            expected="the result of this plan, every check of which holds",
            remedy="Keep the file and show it to the holders; do not use the sums.",
            where=session.client.coordinator,
        )
    if kept is None:
        await session.logged(EntryType.SESSION, Record("result", "", data), sender=session.client.coordinator)
    with session.participant.store.writing() as connection:
        forget_secrets(connection, session.name)
    sums: dict[str, Json] = {
        cohort: {metric: format(value, "f") for metric, value in one.items()}
        for cohort, one in exact_sums(plan, result).items()
    }
    return {"said": "result", "released": sums}


async def take_ending(session: ContributorSession, state: SessionState) -> dict[str, Json]:
    """Why there is no result, and unless the releaser refused it, how many attempts are free again."""
    ending = await told_ending(session.node, session.client, state, session.plan)
    with session.participant.store.writing() as connection:
        forget_secrets(connection, session.name)
    if state.phase == "refused":
        return {"said": "refusal", **ending.as_json()}
    freed = await free_closed(session)
    return {"said": "freed" if freed else "", "freed_attempts": freed, **ending.as_json()}


async def free_closed(session: ContributorSession) -> int:
    """After a session without a result: free what went into attempts that provably were never answered; says how many
    those are."""
    freed = 0
    for attempt in range(MAX_ATTEMPTS):
        if session.find(f"contribution:{attempt}", session.contributor.id) is None:
            continue
        certificate = (await session.client.ballot(session.name, attempt)).certificate
        if certificate is not None:
            check_closed(session.plan, attempt, certificate, session.keys)
            with session.participant.store.writing() as connection:
                close_attempt(connection, session.plan.digest, attempt)
            freed += 1
    return freed
