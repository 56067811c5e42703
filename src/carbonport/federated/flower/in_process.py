"""The unchanged apps in one process: a grid that calls ClientApps in threads, and a relay on top of it.

For tests and `carbonport federate evaluate`. There is no SuperLink, no network and no bundle; messages, their types and
their checks are the real ones.
"""

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid

from carbonport.federated.flower.adapter import Run, act_as_server, number_message
from carbonport.federated.flower.apps import Exchange, client_app, failure, server_app
from carbonport.federated.relay import Desk, Reply, check_exchange, reply_of

RUN_ID: Final = 1
"""The one run of a grid in process."""

THREADS: Final = 8
"""Apps that answer at the same time."""


class InProcessGrid(Grid):
    """A grid whose nodes are ClientApps in this process, by number."""

    def __init__(self, apps: Mapping[int, ClientApp], pool: ThreadPoolExecutor) -> None:
        super().__init__()
        self._apps = dict(apps)
        self._pool = pool
        self._run = Run.create_empty(RUN_ID)
        self._pushed = 0
        self._waiting: dict[str, Future[Message]] = {}
        act_as_server(RUN_ID)

    def set_run(self, run: Run) -> None:
        """See `Grid`."""
        self._run = run

    @property
    def run(self) -> Run:
        """See `Grid`."""
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """See `Grid`."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """See `Grid`."""
        return list(self._apps)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Start an app on each message. One to a node that is not there gets no id, as from a SuperLink."""
        return [self._push(message) for message in messages]

    def _push(self, message: Message) -> str:
        number = message.metadata.dst_node_id
        if number not in self._apps:
            return ""
        self._pushed += 1
        identity = str(self._pushed)
        number_message(message, identity)
        context = Context(RUN_ID, number, {}, RecordDict(), {})
        self._waiting[identity] = self._pool.submit(_run_app, self._apps[number], message, context)
        return identity

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """The replies that are there; each is given once."""
        done = [
            identity
            for identity in message_ids
            if identity in self._waiting and self._waiting[identity].done()
        ]
        return [self._waiting.pop(identity).result() for identity in done]

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """Wait for every reply, as long as it takes: an app in process ends."""
        identities = [identity for identity in self.push_messages(messages) if identity]
        return [self._waiting.pop(identity).result(timeout) for identity in identities]


def _run_app(app: ClientApp, message: Message, context: Context) -> Message:
    """A node's reply; an app that fails is answered for as a node answers for it."""
    try:
        return app(message, context)
    except Exception:  # noqa: BLE001 - whatever it was, its text does not travel
        return failure(message)


class InProcessFlower:
    """A relay: desks behind ClientApps, and the ServerApp run once for each exchange."""

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        self._desks = dict(desks)
        self._numbers = {name: number for number, name in enumerate(self._desks, start=2)}

    async def exchange(
        self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
    ) -> Mapping[str, Reply]:
        """See `carbonport.federated.relay.Relay`."""
        check_exchange(kind, letters)
        loop = asyncio.get_running_loop()

        def app_of(desk: Desk) -> ClientApp:
            return client_app(
                lambda kind, letter: asyncio.run_coroutine_threadsafe(
                    reply_of(desk, kind, letter), loop
                ).result()
            )

        handed_back: dict[str, Reply] = {}
        exchange = Exchange(kind, letters, timeout_seconds, handed_back.update)
        pool = ThreadPoolExecutor(THREADS)
        try:
            grid = InProcessGrid(
                {self._numbers[name]: app_of(self._desks[name]) for name in letters if name in self._desks},
                pool,
            )
            app = server_app([exchange], self._numbers.get)
            await asyncio.to_thread(app, grid, Context(RUN_ID, 0, {}, RecordDict(), {}))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # a desk that is too late is not waited for
        return handed_back
