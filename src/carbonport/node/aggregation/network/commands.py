"""What a coordinator's, contributor's, holder's and releaser's operator can have the node do in aggregation sessions.

Each is an operation (`carbonport.node.operations`) that takes a session as far as it goes now; commands repeat it.
"""

from collections.abc import Mapping
from pathlib import Path

from carbonport.crypto.canonical import Json
from carbonport.node.aggregation.network.contributor_steps import contributor_step
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient
from carbonport.node.aggregation.network.coordinator_inbox import coordinated, wrong_phase
from carbonport.node.aggregation.network.coordinator_steps import begin, coordinator_step
from carbonport.node.aggregation.network.holder_steps import holder_step
from carbonport.node.aggregation.network.plan_file import MAX_PLAN_FILE_BYTES, read_plan_file
from carbonport.node.aggregation.network.releaser_steps import releaser_step
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, PLAN
from carbonport.node.aggregation.verdict import VERDICT, require_pass
from carbonport.node.bounded_file import read_bounded
from carbonport.node.file_problem import require_place
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import write_public
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.parties import current_keys
from carbonport.node.sessions.records import find

Arguments = Mapping[str, Json]


async def plan(node: OpenNode, arguments: Arguments) -> Json:
    """Begin a session over a plan file; holders and contributors find it here from now on."""
    node.participant.require_role(Role.COORDINATOR)
    path = Path(str(arguments["path"]))
    draft = read_plan_file(read_bounded(path, MAX_PLAN_FILE_BYTES), where=str(path))
    session = begin(node, draft)
    return {"session": session, "holders": list(draft.holders), "invited": list(draft.invited)}


async def run(node: OpenNode, arguments: Arguments) -> Json:
    """One step of a session as its coordinator."""
    node.participant.require_role(Role.COORDINATOR)
    left_out, kept = arguments.get("left_out"), arguments.get("kept")
    return await coordinator_step(
        node,
        str(arguments["session"]),
        go_without=bool(arguments.get("go_without")),
        left_out=[str(name) for name in left_out] if isinstance(left_out, list) else [],
        kept=[str(name) for name in kept] if isinstance(kept, list) else [],
    )


async def sessions(node: OpenNode, arguments: Arguments) -> Json:
    """The sessions that this node coordinates, or those that another coordinator has for it."""
    coordinator = str(arguments.get("coordinator") or "")
    if coordinator:
        found = await CoordinatorClient(node.peers, coordinator).sessions()
        listed: list[Json] = [
            {"session": one.session, "phase": one.phase, "attempt": one.attempt} for one in found
        ]
        return {"sessions": listed}
    node.participant.require_role(Role.COORDINATOR)
    with node.participant.store.reading() as connection:
        names = coordinated(connection)
    return {"sessions": [await coordinator_step(node, name) for name in names]}


async def join(node: OpenNode, arguments: Arguments) -> Json:
    """One step of a session as a contributor; looks only, until it is told to agree."""
    node.participant.require_role(Role.EXPORTER)
    small = arguments.get("small_cohorts")
    return await contributor_step(
        node,
        str(arguments["coordinator"]),
        str(arguments["session"]),
        agree=bool(arguments.get("agree")),
        small_cohorts=[str(name) for name in small] if isinstance(small, list) else [],
        releaser=str(arguments.get("releaser") or ""),
    )


async def hold(node: OpenNode, arguments: Arguments) -> Json:
    """One step in every session that a coordinator has for this key holder."""
    node.participant.require_role(Role.KEY_HOLDER)
    states: list[Json] = list(await holder_step(node, str(arguments["coordinator"])))
    return {"sessions": states}


async def release(node: OpenNode, arguments: Arguments) -> Json:
    """One step in every session that a coordinator has for this releaser."""
    node.participant.require_role(Role.REGULATOR)
    states: list[Json] = list(await releaser_step(node, str(arguments["coordinator"])))
    return {"sessions": states}


async def result(node: OpenNode, arguments: Arguments) -> Json:
    """Write a session's result file: of this coordinator's own session, or fetched from another.

    Raises `Refused`: `aggregation-dominant` when the releaser refused it, `aggregation-phase` when there is none yet.
    """
    out, session = Path(str(arguments["out"])), str(arguments["session"])
    coordinator = str(arguments.get("coordinator") or "")
    require_place(out)
    with node.participant.store.reading() as connection:
        data = find(connection, session, "result")
    if data is None:
        _require_not_refused(node, session)
    if data is None and coordinator:
        data = await CoordinatorClient(node.peers, coordinator).result(session)
    if data is None:
        raise wrong_phase("no result here", "a session that is done, or --coordinator with whom it is")
    write_public(out, data)
    return {"result": str(out), "bytes": len(data)}


def _require_not_refused(node: OpenNode, session: str) -> None:
    """Raise when a refusal was kept here, as the session's coordinator or contributor."""
    own, keys = node.participant.id, current_keys(node)
    with node.participant.store.reading() as connection:
        token = find(connection, session, "plan")
        if token is None:
            return
        coordinator = (find(connection, session, "coordinator") or own.encode()).decode()
        plan = PLAN.open(token.decode(), coordinator, keys)
        releaser = plan.content.rule.releaser
        kept = [find(connection, session, f"verdict:{attempt}", releaser) for attempt in range(MAX_ATTEMPTS)]
    for verdict in kept:
        if verdict is not None:
            require_pass(plan, VERDICT.open(verdict.decode(), releaser, keys))
