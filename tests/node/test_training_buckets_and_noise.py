"""Trainings of a larger cohort between nodes: buckets against members that poison, and noise that is drawn once and
charged. One member's own ledgers, gate, person, register and budget decide; the others agree."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_world import (
    APP,
    LyingRelay,
    World,
    all_open,
    log_of,
    member_rows,
    new_stage,
    refusals,
    write_ledgers,
)

from carbonport.crypto.ambient import system_clock
from carbonport.federated.bucket_ridge import BucketRidge
from carbonport.federated.course import Asked
from carbonport.federated.features import Rows
from carbonport.federated.packaged_tasks import PLAUSIBILITY_FOR_NOISE
from carbonport.federated.plausibility_model import PlausibilityModel
from carbonport.federated.plausibility_tasks import CLAIMS, RECALCULATED, SEE_INDIRECT
from carbonport.node.demo.aggregate_cast import COORDINATOR
from carbonport.node.operations import run_operation
from carbonport.node.plausibility.claim_assessment import Claim, assessment
from carbonport.node.plausibility.model_files import read_listed_model
from carbonport.node.training.contribution import Place
from carbonport.node.training.desk import TrainingDesk
from carbonport.node.training.holder_desk import HolderDesk
from carbonport.node.training.member_desk import MemberDesk
from carbonport.node.training.plan import Privacy, SignedPlan
from carbonport.node.training.record_kinds import ENDING_KEPT, VECTOR
from carbonport.node.training.session import TrainingSession

MEMBERS = 21
"""Twenty for the quartiles of a recalculation, and one more."""

UNSEEN = member_rows(99, months=200)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, World]]:
    stage = new_stage(tmp_path_factory.mktemp("large"), MEMBERS)
    write_ledgers(stage.folder / stage.exporters[-1].key)
    with asyncio.Runner() as runner:
        opening = all_open(stage)
        world = runner.run(opening.__aenter__())
        world.deciding.add(decider(world))
        runner.run(world.restart(decider(world)))
        yield runner, world
        runner.run(opening.__aexit__(None, None, None))


def decider(world: World) -> str:
    """The member that decides for itself."""
    return world.members[-1]


async def begun(world: World, **changes: Any) -> str:
    """A session whose plan the deciding member's person has approved."""
    session = await world.begin(**changes)
    status = await world.run(session)
    assert status["refused"] == {decider(world): "training-awaits-approval"}
    request = TrainingSession(world.nodes[COORDINATOR.id], session).plan.digest
    words = {"request": request, "by": "data officer", "days": "30"}
    await run_operation(world.nodes[decider(world)], "approve", words)
    return session


async def begun_with_noise(world: World) -> str:
    return await begun(
        world,
        task=PLAUSIBILITY_FOR_NOISE.name,
        definition=PLAUSIBILITY_FOR_NOISE.definition,
        privacy=Privacy(Decimal(4), Decimal("0.00001"), 10),
        minimum_cohort=20,
        members=tuple(world.members[1:]),
    )


def crossed(log: dict[str, Any]) -> int:
    return sum(entry["type"] == "crossing" for entry in log["entries"])


def believed_model(world: World, session: str, folder: Path) -> PlausibilityModel:
    """The model as another participant reads it: whose it is, is the trust list's word."""
    token, path = world.coordinator(session).model(), folder / "network.model"
    assert token is not None
    path.write_bytes(token)
    reader = world.nodes[world.members[0]].participant
    return read_listed_model(path, reader.trust, own=reader.id, now=system_clock())


def of_honest_and_low(model: PlausibilityModel) -> tuple[bool, bool]:
    """What `carbonport plausible` says of a claim like those of the training, and of one far too low."""
    asked = []
    for claim in (0.87, 0.5):
        told: Any = assessment(Claim("clinker", claim, 0.05, None), model)
        (expected,) = told["expectations"]
        assert float(expected["low"]) < float(expected["predicted"]) < float(expected["high"])
        assert expected["reasons"]
        asked.append(bool(told["worth_asking"]))
    return asked[0], asked[1]


def error(model: PlausibilityModel) -> float:
    return float(np.sqrt(np.mean(np.log(model.independent.predict(UNSEEN) / UNSEEN.target) ** 2)))


class Multiplying(MemberDesk):
    """A member whose contributions are many times what its rows say, beyond any bound of honest rows."""

    def _vector(self, asked: Asked, place: Place, rows: Rows) -> tuple[int, ...]:
        most = asked.question.bound
        return tuple(min(max(-700_001 * value, -most), most) for value in super()._vector(asked, place, rows))


class LyingDesk(TrainingDesk):
    """A member's desk with `Multiplying` in it."""

    def _desk(self, session: TrainingSession, plan: SignedPlan) -> MemberDesk | HolderDesk:
        return self._desks.setdefault(session.session, Multiplying(session, self._permission))


def inside_the_bounds(world: World, name: str) -> None:
    """A member whose rows are as far off as public ranges let them be, and a hundred times as many."""
    rows = 100 * len(world.owners[name].given)
    far = {RECALCULATED: np.full(rows, CLAIMS.high), SEE_INDIRECT: np.full(rows, 0.05)}
    words = {column: np.full(rows, "clinker") for column in world.owners[name].given.words}
    world.owners[name].given = Rows(far, words, np.full(rows, CLAIMS.low))


def beyond_the_bounds(world: World, name: str) -> None:
    world.desks[name] = LyingDesk(world.nodes[name], world.owners[name], [APP])


def test_a_poisoned_member_costs_little_in_buckets_that_nobody_chose(
    opened: tuple[asyncio.Runner, World], tmp_path: Path
) -> None:
    runner, world = opened

    async def trained() -> PlausibilityModel:
        session = await world.begin(bucket_size=5, members=tuple(world.members[:15]))
        status = await world.run(session)
        assert (status["phase"], status["refused"]) == ("done", {}), status
        model = believed_model(world, session, tmp_path)
        assert isinstance(model.independent, BucketRidge)
        assert len(model.independent.models) == 3
        assert of_honest_and_low(model) == (False, True)
        return model

    async def play() -> None:
        liar = world.members[3]
        honest, given = error(await trained()), world.owners[liar].given
        inside_the_bounds(world, liar)
        assert error(await trained()) <= 1.05 * honest
        world.owners[liar].given = given
        beyond_the_bounds(world, liar)
        assert error(await trained()) <= 1.05 * honest
        await world.restart(liar)

    runner.run(play())


def test_sums_that_no_rows_give_end_a_training_and_name_nobody(
    opened: tuple[asyncio.Runner, World], tmp_path: Path
) -> None:
    runner, world = opened

    async def play() -> None:
        liar = world.members[0]
        beyond_the_bounds(world, liar)
        session = await world.begin(members=tuple(world.members[:20]))
        status = await world.run(session)
        assert (status["phase"], status["reason"], status["named"]) == ("ended", "training-counts", [])
        await world.restart(liar)
        await world.restart(COORDINATOR.id)
        assert await world.run(session) == status, "also for a coordinator that reads it all again"
        for name in (*world.members[:20], *world.holders):
            assert TrainingSession(world.nodes[name], session).find(ENDING_KEPT) is not None
        log = await log_of(world, COORDINATOR.id, tmp_path)
        (told,) = [one for one in log["trainings"] if one["exchanges"] and not one["model"]]
        assert told["exchanges"][-1]["sums"], "what was released stays on record"

    runner.run(play())


def test_noise_is_drawn_once_and_charged_and_a_spent_budget_refuses(
    opened: tuple[asyncio.Runner, World], tmp_path: Path
) -> None:
    runner, world = opened

    async def play() -> None:
        member, drawn, letters = decider(world), list[bytes | None](), set[bytes]()
        session = await begun_with_noise(world)

        def replies(kind: str, name: str, reply: bytes) -> bytes:
            if kind == "question" and name == member:
                drawn.append(TrainingSession(world.nodes[member], session).find(f"{VECTOR}:0"))
                letters.add(reply)
            # Every holder's answer is lost on the way, so that the coordinator has to ask again.
            return b"lost" if kind == "shares" else reply

        for _ in range(2):
            status = await world.run(session, LyingRelay(world, replies=replies))
            assert (status["phase"], status["exchanges"]) == ("training", 0)
            await world.restart(member)
        assert drawn[0] is not None
        assert drawn[0] == drawn[1]
        assert len(letters) == 1, "not even fresh polynomials for the same attempt"
        status = await world.run(session)
        assert (status["phase"], status["members"]) == ("done", 20), status
        model = believed_model(world, session, tmp_path)
        assert "epsilon 4, delta 0.00001 for each of 2 models, if 10 of the minimum" in model.card.privacy
        assert of_honest_and_low(model) == (False, True)
        budget: Any = await run_operation(world.nodes[member], "federate-budget", {})
        assert [(one["spent"], one["left"]) for one in budget["tasks"]] == [("8", "0")]
        before = await log_of(world, member, tmp_path)
        assert crossed(before) == status["exchanges"]
        assert {one["epsilon"] for one in before["trainings"]} == {"8"}
        await _one_more(world, member, tmp_path)

    runner.run(play())


async def _one_more(world: World, member: str, folder: Path) -> None:
    """Another training with noise in the same year: a person approves it, and the budget refuses it all the same."""
    status = await world.run(await begun_with_noise(world))
    assert (status["phase"], status["reason"], status["named"]) == ("ended", "training-member-left", [member])
    assert status["refused"] == {member: "privacy-budget"}
    after = await log_of(world, member, folder)
    assert refusals(after) == ["question: privacy-budget"]
    assert len(after["trainings"]) == 1, "nothing crossed"


def test_a_cohort_that_differs_by_one_or_mixes_rows_anew_is_refused_by_the_member_and_logged(
    opened: tuple[asyncio.Runner, World], tmp_path: Path
) -> None:
    runner, world = opened
    member = decider(world)
    cohort = [*world.members[:5], member]

    async def refused(members: list[str], error_id: str) -> None:
        status = await world.run(await begun(world, members=tuple(members)))
        assert (status["phase"], status["named"]) == ("ended", [member]), "the sums are never made"
        assert status["refused"] == {member: error_id}

    async def play() -> None:
        status = await world.run(await begun(world, members=tuple(cohort)))
        assert status["phase"] == "done", status
        before = await log_of(world, member, tmp_path)
        await refused(cohort[1:], "training-differencing")
        await refused([*cohort, world.members[6]], "training-differencing")
        await refused([*world.members[8:13], member], "training-contributed-before")
        after = await log_of(world, member, tmp_path)
        assert crossed(after) == crossed(before)
        assert refusals(after)[len(refusals(before)) :] == [
            "question: training-differencing",
            "question: training-differencing",
            "question: training-contributed-before",
        ]

    runner.run(play())
