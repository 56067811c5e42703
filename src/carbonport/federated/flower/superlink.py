"""The coordinator's side of Flower: who is registered with its SuperLink, and the grid over which letters go.

With `adapter` the only module that has private names of Flower's. It stands apart because Flower's grid brings a
database's machinery along, which takes an executor as long to import as all the rest.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flwr.app import Context, Error, Message, RecordDict
from flwr.common.constant import SUPERLINK_NODE_ID, ErrorCode, SubStatus
from flwr.common.serde import context_from_proto, context_to_proto, run_from_proto
from flwr.proto.control_pb2 import (
    ListNodesRequest,
    RegisterNodeRequest,
    StartRunRequest,
    UnregisterNodeRequest,
)
from flwr.proto.fab_pb2 import Fab
from flwr.proto.message_pb2 import ConfirmMessageReceivedRequest
from flwr.proto.runtime_pb2 import PullAppMessagesRequest, PullTaskInputRequest, PushTaskOutputRequest
from flwr.supercore.control.control_http_client import ControlHttpClient
from flwr.supercore.heartbeat import HeartbeatSender, make_task_heartbeat_fn_http
from flwr.supercore.inflatable.inflatable_object import iterate_object_tree
from flwr.supercore.inflatable.inflatable_protobuf_utils import make_pull_object_fn_protobuf
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents, pull_objects
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.grid import HttpGrid

from carbonport.federated.flower.adapter import COMPONENT, RETRY_SECONDS, number_message


@dataclass(frozen=True, slots=True)
class Link:
    """The SuperLink on this machine: where it listens, the certificate it shows, the secret of its executors."""

    address: str
    root_certificates: bytes = field(repr=False)
    secret: bytes = field(repr=False)

    @contextmanager
    def _control(self) -> Iterator[ControlHttpClient]:
        client = ControlHttpClient.from_server_address(
            server_address=self.address,
            insecure=False,
            root_certificates=self.root_certificates,
            interceptors=[RuntimeVersionHttpInterceptor(component_name=COMPONENT)],
        )
        with client:
            yield client

    def keep_members(self, keys: Iterable[bytes]) -> dict[bytes, int]:
        """Register these SuperNode keys (PEM) and no others; the number of each."""
        wanted = set(keys)
        with self._control() as control:
            listed = control.ListNodes(ListNodesRequest()).nodes_info
            known = {node.public_key: node.node_id for node in listed if node.status != "unregistered"}
            for key in known.keys() - wanted:
                control.UnregisterNode(UnregisterNodeRequest(node_id=known.pop(key)))
            for key in wanted - known.keys():
                known[key] = control.RegisterNode(RegisterNodeRequest(public_key=key)).node_id
        return known

    def start_run(self, bundle: bytes, bundle_hash: str) -> int:
        """Start a run of a bundle; its number."""
        with self._control() as control:
            answer = control.StartRun(StartRunRequest(fab=Fab(hash_str=bundle_hash, content=bundle)))
        return int(answer.run_id)

    @contextmanager
    def server_task(
        self, token: str, *, max_objects: int, sent: Callable[[], None] = lambda: None
    ) -> Iterator["ServerTask"]:
        """The ServerApp's task behind a token; it ends well when the block does, and with a failure otherwise. `sent`
        is called when letters are there for SuperNodes."""
        grid = LetterGrid(
            self.address,
            root_certificates=self.root_certificates,
            token=token,
            max_objects=max_objects,
            sent=sent,
        )
        client = grid.runtime_client
        heartbeat = HeartbeatSender(make_task_heartbeat_fn_http(client))
        outcome = SubStatus.FAILED
        try:
            given = client.PullTaskInput(PullTaskInputRequest())
            TaskIdentity.task_id = given.task_id
            TaskIdentity.run_id = given.run.run_id
            TaskIdentity.node_id = given.context.node_id
            run, context = run_from_proto(given.run), context_from_proto(given.context)
            grid.set_run(run)
            heartbeat.start()
            yield ServerTask(grid, context, run.run_id)
            outcome = SubStatus.COMPLETED
            client.PushTaskOutput(
                PushTaskOutputRequest(context=context_to_proto(context), sub_status=outcome, details="")
            )
        finally:
            if outcome != SubStatus.COMPLETED:
                grid.try_once()
                client.PushTaskOutput(PushTaskOutputRequest(sub_status=outcome, details=""))
            if heartbeat.is_running:
                heartbeat.stop()
            grid.close()


class LetterGrid(HttpGrid):
    """Flower's grid, which looks at each reply by itself: one that cannot be read is its sender's failure alone.

    Flower's own reads all replies in one go and raises at the first that is damaged.
    """

    def __init__(
        self,
        address: str,
        *,
        root_certificates: bytes,
        token: str,
        max_objects: int,
        sent: Callable[[], None],
    ) -> None:
        """A reply of more than `max_objects` objects is not fetched."""
        super().__init__(address, insecure=False, root_certificates=root_certificates, token=token)
        self._max_objects, self._sent = max_objects, sent
        self._retry_invoker.max_time = RETRY_SECONDS

    @property
    def runtime_client(self) -> RuntimeHttpClient:
        """Calls to the SuperLink with the token of this task."""
        return self._runtime_client

    def try_once(self) -> None:
        """Repeat no call from now on."""
        self._retry_invoker.max_tries = 1

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """See `Grid`; then `sent` is called."""
        identities = list(super().push_messages(messages))
        self._sent()
        return identities

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """The replies that are there. What is no message comes as an error of Flower's."""
        client, run_id = self._runtime_client, self.run.run_id
        pulled = client.PullMessages(PullAppMessagesRequest(message_ids=message_ids))
        pull_object = make_pull_object_fn_protobuf(client.PullObject, self.node, run_id)
        messages = []
        for stated, tree in zip(pulled.messages_list, pulled.message_object_trees, strict=True):
            asked = stated.metadata.reply_to_message_id
            identity = stated.metadata.message_id
            try:
                objects = [part.object_id for part in iterate_object_tree(tree)]
                if len(objects) > self._max_objects:
                    raise ValueError("too many objects")
                contents = pull_objects(objects, pull_object)
                client.ConfirmMessageReceived(
                    ConfirmMessageReceivedRequest(node=self.node, run_id=run_id, message_object_id=identity)
                )
                message = inflate_object_from_contents(identity, contents)
                if not isinstance(message, Message) or message.metadata.reply_to_message_id != asked:
                    raise ValueError("no reply")
            except Exception:  # noqa: BLE001 - whatever a participant sent, it is that participant's failure
                message = _unreadable(asked)
            messages.append(message)
        return messages


@dataclass(frozen=True, slots=True)
class ServerTask:
    """What the ServerApp of a run is called with."""

    grid: LetterGrid
    context: Context
    run_id: int


def _unreadable(asked: str) -> Message:
    question = Message(RecordDict(), dst_node_id=SUPERLINK_NODE_ID, message_type="query")
    number_message(question, asked)
    return Message(Error(ErrorCode.UNKNOWN, ""), reply_to=question)
