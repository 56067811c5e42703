"""One step in every session that a coordinator has for a node, whatever the node's role in them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError, Unavailable
from carbonport.node.aggregation.ending import OVER
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient, SessionState

Step: TypeAlias = Callable[[SessionState], Awaitable[Mapping[str, Json]]]
"""Does what can be done now in a session, and says what was."""


async def step_every_session(client: CoordinatorClient, step: Step) -> list[dict[str, Json]]:
    """The state of every session after its step; a problem in one does not stop the others. Raises `Unavailable` when
    the coordinator, or whom the step asks, does not answer."""
    states = []
    for state in await client.sessions():
        try:
            said = await step(state)
        except Unavailable:
            raise
        except CarbonportError as problem:
            said = {"problem": dict(problem.as_dict())}
        states.append(
            {
                "session": state.session,
                "phase": state.phase,
                "attempt": state.attempt,
                "done": state.phase in OVER,
                **said,
            }
        )
    return states
