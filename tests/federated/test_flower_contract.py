"""What Carbonport relies on in Flower's private parts, said out loud: this fails first when Flower moves."""

import hashlib
import importlib.metadata
import inspect
import select
import time
from pathlib import Path

import pytest
from flwr.app import ConfigRecord, Context, Error, Message, RecordDict
from flwr.common.config import get_fab_config, get_metadata_from_config, validate_config
from flwr.serverapp import Grid
from flwr.supercore.fab_format_version import normalize_and_validate_fab_format
from flwr.superlink.grid import HttpGrid
from flwr.supernode import start_client_internal
from flwr.supernode.runtime import run_clientapp as client_task

from carbonport.federated.flower import adapter, bundle, front
from carbonport.federated.flower.bell import Bell


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


def test_the_front_knows_every_fleet_route_and_passes_all_but_registration() -> None:
    routes = {path.encode() for path in adapter.fleet_routes()}
    assert routes - front.ROUTES == {b"/v1/fleet/register-node", b"/v1/fleet/unregister-node"}
    assert routes >= front.ROUTES
    assert {frozenset(methods) for methods in adapter.fleet_routes().values()} == {frozenset({"POST"})}
    assert front.KEY_HEADER.decode() == adapter.FLEET_HTTP_PUBLIC_KEY_HEADER
    assert {adapter.FLEET_HTTP_PUBLIC_KEY_HEADER, adapter.FLEET_HTTP_SIGNATURE_HEADER} <= {
        header.decode() for header in front.PASSED_HEADERS
    }


def test_the_bundle_is_one_that_flower_takes_and_the_same_everywhere() -> None:
    config = get_fab_config(bundle.app_bundle())
    assert get_metadata_from_config(config) == ("carbonport/carbonport-letters", bundle.CARRIER_VERSION)
    assert validate_config(config, check_module=False) == (True, [], [])
    normalize_and_validate_fab_format(config)
    # A change of these bytes is another app: nodes of other versions refuse it. Then CARRIER_VERSION changes too.
    assert bundle.APP_HASH == "22436766bf300fe34851b933013d74f138c82a7be485c5accd5025f5361e37b2"
    assert bundle.is_allowed(bundle.APP_HASH, bundle.app_bundle())
    assert not bundle.is_allowed(bundle.APP_HASH, bundle.app_bundle() + b"x")
    assert not bundle.is_allowed(hashlib.sha256(b"x").hexdigest(), b"x")


def test_the_names_that_the_processes_touch_are_there() -> None:
    assert parameters(client_task.pull_task_input) == ["client"]
    assert parameters(client_task.push_message) == ["client", "message", "context"]
    assert parameters(client_task.push_task_output) == ["client", "context", "sub_status", "details"]
    assert parameters(HttpGrid.__init__)[1:] == [
        "runtime_api_address", "insecure", "root_certificates", "token",
    ]  # fmt: skip
    # The two waits that ours take the place of, and the module through which the loop waits.
    source = inspect.getsource(start_client_internal)
    assert source.count("time.sleep(3)") == 1
    assert source.count("time.sleep(0.5)") == 2
    assert source.count("time.sleep(") == 3
    assert vars(start_client_internal)["time"] is time


def test_a_supernode_rings_for_an_answer_and_waits_only_where_no_front_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    now = [100.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Bell(tmp_path / "bell") as bell:
        waits = adapter.WaitsWithBells(tmp_path / "bell")
        waits.sleep(3)
        assert (slept.pop(), select.select([bell], [], [], 0)[0]) == (3, [])
        now[0] += 5  # the front kept the question
        waits.sleep(3)
        assert slept == []
        waits.sleep(3)  # it did not
        assert slept.pop() == 3
        waits.sleep(0.5)
        assert (slept.pop(), select.select([bell], [], [], 0)[0]) == (waits.FOR_AN_ANSWER_S, [bell])
