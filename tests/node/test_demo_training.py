"""The demo of a training without its processes: the same cast, plan, persons and table, letters carried in here."""

import asyncio
import io
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from carbonport.crypto.ambient import system_clock, system_random
from carbonport.errors import Misuse
from carbonport.federated.flower.bundle import APP_HASH
from carbonport.federated.relay import InProcessRelay
from carbonport.node.cli.demo_of_a_training import print_training
from carbonport.node.cli.program import app, register_groups
from carbonport.node.demo.aggregate_cast import COORDINATOR
from carbonport.node.demo.cast import IMPORTER
from carbonport.node.demo.resident_memory import resident_memory
from carbonport.node.demo.training_cast import (
    HOLDERS,
    MEMBERS,
    SERVING,
    set_training_stage,
    training_plan_file,
)
from carbonport.node.demo.training_judgement import judge
from carbonport.node.demo.training_play import TrainingOutcome, judged_checks
from carbonport.node.open_node import OpenNode
from carbonport.node.operations import run_operation
from carbonport.node.participant import Participant
from carbonport.node.plausibility.model_files import read_listed_model
from carbonport.node.training.coordinator import TrainingCoordinator, begin_training
from carbonport.node.training.desk import TrainingDesk
from carbonport.node.training.owner_permission import OwnerPermission
from carbonport.node.training.plan_file import read_plan_file


@pytest.fixture(scope="module", autouse=True)
def _registered() -> None:
    if not app.registered_groups:
        register_groups()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> TrainingOutcome:
    return asyncio.run(played(tmp_path_factory.mktemp("training")))


async def played(folder: Path) -> TrainingOutcome:
    stage = set_training_stage(folder)
    async with AsyncExitStack() as stack:
        nodes: dict[str, OpenNode] = {}
        for part in SERVING:
            nodes[part.id] = await OpenNode.open(Participant.open(stage.home(part)))
            stack.push_async_callback(nodes[part.id].close)
        desks = {
            part.id: TrainingDesk(nodes[part.id], OwnerPermission(nodes[part.id]), [APP_HASH])
            for part in (*MEMBERS, *HOLDERS)
        }
        plan = read_plan_file(
            training_plan_file().encode(),
            where="plan",
            nonce=system_random(32),
            now=system_clock(),
            app=APP_HASH,
        )
        coordinator = nodes[COORDINATOR.id]
        training = TrainingCoordinator(
            coordinator, await begin_training(coordinator, plan), InProcessRelay(desks)
        )
        assert (await training.run())["phase"] == "accepting"
        for part in MEMBERS:
            listed: Any = await run_operation(nodes[part.id], "requests", {})
            (asked,) = listed["trainings"]
            approval = {"request": asked["request"], "by": "data officer", "days": "2"}
            await run_operation(nodes[part.id], "approve", approval)
        state: Any = await training.run()
        assert state["phase"] == "done", state
    path, token = folder / "model", training.model()
    assert token is not None
    path.write_bytes(token)
    believed = stage.home(IMPORTER).trust.store()
    judged = judge(stage, read_listed_model(path, believed, own=IMPORTER.id, now=system_clock()))
    return TrainingOutcome(
        folder, 0, 0, state["exchanges"], path, judged, resident_memory(), judged_checks(judged)
    )


def test_the_federated_model_is_the_pooled_one_and_better_than_any_exporters_own(
    outcome: TrainingOutcome,
) -> None:
    answer = outcome.as_json()
    assert answer["ok"], answer["checks"]
    results = answer["training"]["results"]
    assert list(results) == ["local", "federated", "pooled", "default"]
    assert results["federated"] == results["pooled"]
    assert answer["training"]["max_weight_difference"] == 0
    assert results["federated"]["auc_20"] > 0.85 > results["local"]["auc_20"]
    # What the table does not hide: whoever sees amounts needs no model.
    assert answer["training"]["amounts_seen"]["rmse"] < results["federated"]["rmse"] / 2


def test_what_is_said_of_an_honest_and_of_a_planted_claim(outcome: TrainingOutcome) -> None:
    claims = outcome.as_json()["training"]["claims"]
    assert [claims[name]["worth_asking"] for name in ("honest", "planted")] == [False, True]
    assert [one["model"] for one in claims["planted"]["expectations"]] == ["independent"]


def test_the_demo_shows_four_models_two_claims_and_every_check(outcome: TrainingOutcome) -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    print_training(outcome, console)
    text = console.export_text()
    for name, scores in outcome.judged.results.items():
        (row,) = [line for line in text.splitlines() if line.split()[1:2] == [name]]
        assert f"{scores.rmse:.3f}" in row
    assert "amounts seen, no model" in text
    assert "nothing to ask about" in text
    assert "worth a question" in text
    assert [f"ok  {check['id']}" in text for check in outcome.checks] == [True] * len(outcome.checks)


@pytest.mark.parametrize("words", [("--federate",), ("--aggregate", "--holders", "5", "--threshold", "3")])
def test_the_demos_are_known_and_touch_no_folder_of_others(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        done = CliRunner().invoke(app, ["demo", *words, "--dir", str(tmp_path), "--json"])
        both = CliRunner().invoke(app, ["demo", "--federate", "--aggregate", "--dir", str(tmp_path)])
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert isinstance(done.exception, Misuse)
    assert done.exception.id == "demo-folder"
    assert isinstance(both.exception, Misuse)
    assert both.exception.id == "demo-which"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
