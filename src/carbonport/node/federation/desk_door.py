"""The socket at which a serving node answers the letters of trainings, for its executor."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from carbonport.federated.letter_sockets import serve_desk
from carbonport.federated.relay import TOLD_OF_APP, Desk
from carbonport.node.federation.folder import member_files
from carbonport.node.identity.names import Role
from carbonport.node.open_node import OpenNode
from carbonport.node.training.expired_secrets import keep_erasing
from carbonport.node.training.refusals import log_unlisted_app
from carbonport.node.training.retelling import keep_telling


class _LateDesk:
    """The training desk, made with the first letter: a node that is in no training loads nothing for one."""

    def __init__(self, node: OpenNode) -> None:
        self._node = node
        self._desk: Desk | None = None
        self._making = asyncio.Lock()

    async def answer(self, kind: str, letter: bytes) -> bytes:
        """See `carbonport.federated.relay.Desk`."""
        if kind == TOLD_OF_APP:
            await log_unlisted_app(self._node, letter)
            return b""
        async with self._making:
            if self._desk is None:
                self._desk = _training_desk(self._node)
        return await self._desk.answer(kind, letter)


def _training_desk(node: OpenNode) -> Desk:
    from carbonport.node.training_extra import require_extra

    require_extra()
    from carbonport.federated.flower.bundle import ALLOWED
    from carbonport.node.training.desk import TrainingDesk
    from carbonport.node.training.owner_permission import OwnerPermission

    return TrainingDesk(node, OwnerPermission(node), ALLOWED)


@contextlib.asynccontextmanager
async def open_desk(node: OpenNode) -> AsyncIterator[None]:
    """Answer letters while the context is open, and erase secrets of plans that expire, on a node that can be named in
    a plan; tell who has not heard of it how a training ended, on a coordinator's; nothing on others."""
    roles = set(node.participant.config.roles)
    async with contextlib.AsyncExitStack() as stack:
        if {Role.EXPORTER, Role.KEY_HOLDER} & roles:
            path = member_files(node.participant.home).desk
            server = await serve_desk(path, _LateDesk(node))
            stack.callback(path.unlink, missing_ok=True)
            stack.callback(server.close)
            stack.push_async_callback(_ended, asyncio.create_task(keep_erasing(node.participant)))
        if Role.COORDINATOR in roles:
            stack.push_async_callback(_ended, asyncio.create_task(keep_telling(node)))
        yield


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
