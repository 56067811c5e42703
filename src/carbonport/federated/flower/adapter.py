"""Every private name of Flower that Carbonport touches, in one place: what an upgrade of Flower has to be read against.

Flower 1.41.0. Its public doors (`flwr.app`, `flwr.clientapp`, `flwr.serverapp`) are imported where they are used; what
stands here may move with any release. `tests/federated/test_flower_contract.py` says what is relied on.
"""

from typing import Final

from flwr.app import Message
from flwr.common.constant import SUPERLINK_NODE_ID, ErrorCode
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

FLOWER_VERSION: Final = "1.41.0"
"""The version whose private parts these are."""

__all__ = ["FLOWER_VERSION", "ErrorCode", "Run", "act_as_server", "number_message"]


def act_as_server(run_id: int) -> None:
    """Let messages made in this process come from the ServerApp of a run."""
    TaskIdentity.task_id = TaskIdentity.run_id = run_id
    TaskIdentity.node_id = SUPERLINK_NODE_ID


def number_message(message: Message, identity: str) -> None:
    """Give a message the id under which its reply will be asked for; a SuperLink does it by the message's hash."""
    message.metadata.__dict__["_message_id"] = identity
