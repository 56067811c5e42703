"""What a coordinator's, contributor's, holder's and releaser's operator can have the node do in aggregation sessions.

Each is an operation (`carbonport.node.operations`) that takes a session as far as it goes now; commands repeat it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError, Refused
from carbonport.node.aggregation.ending import WITHOUT_RESULT, Ending
from carbonport.node.aggregation.network.contributor_steps import contributor_step
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient, SessionState
from carbonport.node.aggregation.network.coordinator_session import (
    CoordinatorSession,
    Standing,
    coordinated,
    wrong_phase,
)
from carbonport.node.aggregation.network.coordinator_steps import begin, coordinator_step
from carbonport.node.aggregation.network.forgetting import forget_due
from carbonport.node.aggregation.network.holder_steps import holder_step
from carbonport.node.aggregation.network.opened_plan import known_plan
from carbonport.node.aggregation.network.plan_file import MAX_PLAN_FILE_BYTES, read_plan_file
from carbonport.node.aggregation.network.releaser_steps import releaser_step
from carbonport.node.aggregation.network.told_ending import ENDING_KEPT, told_ending
from carbonport.node.bounded_file import read_bounded
from carbonport.node.file_problem import require_place
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import write_public
from carbonport.node.open_node import OpenNode
from carbonport.node.sessions.records import find

Arguments = Mapping[str, Json]

PLANNED_ROLES = frozenset({Role.EXPORTER, Role.KEY_HOLDER, Role.REGULATOR})
"""Roles in which a session can name a node."""


@contextmanager
def _forgetting(node: OpenNode) -> Iterator[None]:
    """Afterwards forget what is due, for a node that does not serve: also when the step fails."""
    try:
        yield
    finally:
        forget_due(node.participant, now=node.participant.clock())


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
    with _forgetting(node):
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
    return {"sessions": [await _own_session(node, name) for name in names]}


async def _own_session(node: OpenNode, session: str) -> Json:
    """Where a session stands after a step; a problem in one does not hide the others."""
    try:
        return await coordinator_step(node, session)
    except CarbonportError as problem:
        standing = Standing("unreadable")
        with suppress(CarbonportError):
            standing = CoordinatorSession(node, session).standing()
        return {
            "session": session,
            "phase": standing.phase,
            "attempt": standing.attempt,
            "problem": dict(problem.as_dict()),
        }


async def join(node: OpenNode, arguments: Arguments) -> Json:
    """One step of a session as a contributor; looks only, until it is told to agree."""
    node.participant.require_role(Role.EXPORTER)
    small = arguments.get("small_cohorts")
    with _forgetting(node):
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
    with _forgetting(node):
        states: list[Json] = list(await holder_step(node, str(arguments["coordinator"])))
    return {"sessions": states}


async def release(node: OpenNode, arguments: Arguments) -> Json:
    """One step in every session that a coordinator has for this releaser."""
    node.participant.require_role(Role.REGULATOR)
    with _forgetting(node):
        states: list[Json] = list(await releaser_step(node, str(arguments["coordinator"])))
    return {"sessions": states}


async def result(node: OpenNode, arguments: Arguments) -> Json:
    """Write a session's result file: of this coordinator's own session, or fetched from another.

    The coordinator of a session that this node looked at is known; `coordinator` names it for another's. Raises
    `Refused`: `aggregation-dominant` when the releaser refused the result, `aggregation-failed` or
    `aggregation-expired` when the session ended without one otherwise, `aggregation-phase` when there is none yet.
    """
    out, session = Path(str(arguments["out"])), str(arguments["session"])
    require_place(out)
    with node.participant.store.reading() as connection:
        data = find(connection, session, "result")
        own = find(connection, session, "draft") is not None
        known = find(connection, session, "coordinator") or b""
    coordinator = str(arguments.get("coordinator") or "") or known.decode()
    if data is None and own:
        raise _no_result(CoordinatorSession(node, session))
    if data is None and not coordinator:
        raise wrong_phase("no result here", "a session that is done, or --coordinator with whom it is")
    if data is None:
        data = await _fetched_result(node, CoordinatorClient(node.peers, coordinator), session)
    write_public(out, data)
    return {"result": str(out), "bytes": len(data)}


def _no_result(session: CoordinatorSession) -> Refused:
    """Why this coordinator's session has no result."""
    ending = session.ending()
    return _not_yet(session.standing()) if ending is None else ending.error()


async def _fetched_result(node: OpenNode, client: CoordinatorClient, session: str) -> bytes:
    """The result as its coordinator has it. Where there is none, those whom the session names are told why."""
    with node.participant.store.reading() as connection:
        kept = find(connection, session, ENDING_KEPT)
    if kept is not None:
        raise Ending.decode(kept).error()
    try:
        return await client.result(session)
    except Refused as none_yet:
        states = [state for state in await _named_in(node, client) if state.session == session]
        if none_yet.id != "aggregation-phase" or not states:
            raise
        if states[0].phase not in WITHOUT_RESULT:
            raise _not_yet(states[0]) from None
    plan = await known_plan(node, client, session)
    raise (await told_ending(node, client, states[0], plan)).error()


async def _named_in(node: OpenNode, client: CoordinatorClient) -> list[SessionState]:
    """The sessions that name this node, if it has a role in which one can."""
    return await client.sessions() if PLANNED_ROLES & set(node.participant.config.roles) else []


def _not_yet(standing: Standing | SessionState) -> Refused:
    return wrong_phase(
        f"no result yet: the session is in the phase {standing.phase}, attempt {standing.attempt + 1}",
        "a session that is done",
    )
