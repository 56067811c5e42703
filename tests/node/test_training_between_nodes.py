"""Trainings between nodes: real stores and logs, letters carried in process, from plan to model."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
from training_world import APP, POLICY, World, all_open, audited, new_stage

from carbonport.federated.packaged_tasks import PLAUSIBILITY
from carbonport.federated.plausibility_model import verify_model
from carbonport.federated.plausibility_tasks import INDEPENDENT_TASK
from carbonport.federated.training import Participants, train
from carbonport.node.demo.aggregate_cast import CN_KEEPER, COORDINATOR, EU_KEEPER, AggregateStage
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.operations import run_operation
from carbonport.node.training.record_kinds import MODEL_KEPT
from carbonport.node.training.session import TrainingSession

MEMBERS = 6


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> AggregateStage:
    return new_stage(tmp_path_factory.mktemp("training"), MEMBERS)


def test_a_training_ends_with_the_model_of_the_pooled_rows_on_everyones_record(
    stage: AggregateStage, tmp_path: Path
) -> None:
    asyncio.run(_whole(stage, tmp_path))


async def _whole(stage: AggregateStage, tmp_path: Path) -> None:
    async with all_open(stage) as world:
        session = await world.begin()
        status = await world.run(session)
        assert (status["phase"], status["members"], status["refused"]) == ("done", MEMBERS, {})
        again = await world.run(session)
        assert again == status, "whatever is done twice changes nothing"

        rows = {
            name: owner.given.take(PLAUSIBILITY.usable(owner.given)) for name, owner in world.owners.items()
        }
        pooled = train(INDEPENDENT_TASK.training(), Participants(INDEPENDENT_TASK, rows).sum_of)
        coordinator = world.nodes[COORDINATOR.id]
        token = world.coordinator(session).model()
        assert token is not None
        model = verify_model(token.decode(), coordinator.participant.signing_key(KeyUse.SEAL).public_jwk)
        assert model.independent.integers() == pooled.integers()
        assert model.card.participants == MEMBERS
        assert model.card.rows == sum(len(one) for one in rows.values())
        assert set(model.card.scores) == {"default_error_in_sample", "independent_error_in_sample"}
        for name in (*world.members, *world.holders):
            assert TrainingSession(world.nodes[name], session).find(MODEL_KEPT) == token, name
        assert not list(stage.folder.glob("holder-*/aggregation/*.secret")), "keys of one plan"
        assert [owner.entered for owner in world.owners.values()] == [
            [TrainingSession(coordinator, session).plan.digest]
        ] * MEMBERS, "each used its rows up once"
        await _on_record(world, tmp_path, status)


async def _on_record(world: World, tmp_path: Path, status: dict[str, Any]) -> None:
    """Every exchange stands in all logs alike, and each contribution that left arrived."""
    for name in (*world.members[:2], COORDINATOR.id, world.holders[0]):
        await run_operation(world.nodes[name], "log-export", {"out": str(folder_of(name, tmp_path))})
    chinese = [folder_of(name, tmp_path) for name in (COORDINATOR.id, *world.members[:2])]
    told = await audited(world, CN_KEEPER, *chinese)
    exchanges, digest = status["exchanges"], status["model"]
    assert told["ok"]
    assert told["findings"] == []
    assert [(one["sender"], one["matched"]) for one in told["reconciled"]] == [
        (name, exchanges) for name in world.members[:2]
    ]
    coordinator, *members = told["logs"]
    arrived = [one for one in coordinator["entries"] if one["type"] == "arrival"]
    assert len(arrived) == exchanges * MEMBERS
    holder = await audited(world, EU_KEEPER, folder_of(world.holders[0], tmp_path))
    for log in (coordinator, *members, holder):
        (training,) = log["trainings"]
        assert (training["task"], training["cohort"], training["model"]) == (
            "plausibility 1",
            MEMBERS,
            digest,
        )
        assert training["app"] == APP
        assert [one["exchange"] for one in training["exchanges"]] == list(range(exchanges))
    for log in (coordinator, holder):
        for one in log["trainings"][0]["exchanges"]:
            assert set(one["contributions"]) == set(world.members)
    for name, log in zip(world.members, members, strict=False):
        for one, released in zip(
            log["trainings"][0]["exchanges"], coordinator["trainings"][0]["exchanges"], strict=True
        ):
            assert one["policy"] == POLICY
            assert one["contributions"] == {name: released["contributions"][name]}
    assert hashlib.sha256(world.coordinator(status["session"]).model() or b"").hexdigest() == digest


def folder_of(name: str, tmp_path: Path) -> Path:
    return tmp_path / name.replace("/", "-")
