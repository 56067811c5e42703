"""What Carbonport relies on in Flower's private parts, said out loud: this fails first when Flower moves."""

import importlib.metadata
import inspect

from flwr.app import ConfigRecord, Context, Error, Message, RecordDict
from flwr.serverapp import Grid

from carbonport.federated.flower import adapter


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_the_version_is_the_one_that_was_read() -> None:
    assert importlib.metadata.version("flwr") == adapter.FLOWER_VERSION


def test_a_grid_is_the_interface_that_ours_implements() -> None:
    assert Grid.__abstractmethods__ == {
        "set_run", "run", "create_message", "get_node_ids", "push_messages", "pull_messages", "send_and_receive",
    }  # fmt: skip
    assert parameters(Context) == ["run_id", "node_id", "node_config", "state", "run_config", "series_id"]


def test_messages_carry_what_replies_are_checked_by() -> None:
    adapter.act_as_server(7)
    asked = Message(
        RecordDict({"r": ConfigRecord({"k": b"v"})}), dst_node_id=5, message_type="query.letter", ttl=9
    )
    adapter.number_message(asked, "an id")
    reply = Message(Error(adapter.ErrorCode.INVALID_FAB, "why"), reply_to=asked)
    assert (reply.metadata.reply_to_message_id, reply.metadata.src_node_id) == ("an id", 5)
    assert (reply.metadata.run_id, reply.metadata.message_type) == (7, "query.letter")
    assert reply.has_error()
    assert not reply.has_content()
