"""Trainings of a larger cohort between nodes: buckets that holders draw together, and noise that is drawn once."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest
from training_world import LyingRelay, World, all_open, member_rows, new_stage

from carbonport.federated.bucket_ridge import BucketRidge
from carbonport.federated.packaged_tasks import PLAUSIBILITY_FOR_NOISE
from carbonport.federated.plausibility_model import verify_model
from carbonport.node.demo.aggregate_cast import COORDINATOR
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.training.member_desk import VECTOR
from carbonport.node.training.plan import Privacy
from carbonport.node.training.session import TrainingSession

MEMBERS = 20


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, World]]:
    stage = new_stage(tmp_path_factory.mktemp("large"), MEMBERS)
    with asyncio.Runner() as runner:
        opening = all_open(stage)
        yield runner, runner.run(opening.__aenter__())
        runner.run(opening.__aexit__(None, None, None))


def test_a_score_is_trained_in_buckets_that_nobody_chose(
    opened: tuple[asyncio.Runner, World],
) -> None:
    runner, world = opened

    async def play() -> None:
        session = await world.begin(bucket_size=5, members=tuple(world.members[:15]))
        status = await world.run(session)
        assert status["phase"] == "done", status
        token = world.coordinator(session).model()
        assert token is not None
        jwk = world.nodes[COORDINATOR.id].participant.signing_key(KeyUse.SEAL).public_jwk
        model = verify_model(token.decode(), jwk)
        assert isinstance(model.independent, BucketRidge)
        assert len(model.independent.models) == 3
        rows = member_rows(99)
        assert abs(model.independent.predict(rows) / rows.target - 1).max() < 0.5

    runner.run(play())


def test_a_repeated_exchange_gets_the_noise_that_was_drawn(opened: tuple[asyncio.Runner, World]) -> None:
    runner, world = opened

    async def play() -> None:
        session = await world.begin(
            task=PLAUSIBILITY_FOR_NOISE.name,
            definition=PLAUSIBILITY_FOR_NOISE.definition,
            privacy=Privacy(Decimal(4), Decimal("0.00001"), 2),
        )
        member, drawn, letters = world.members[0], list[bytes | None](), set[bytes]()

        def replies(kind: str, name: str, reply: bytes) -> bytes:
            if kind == "question" and name == member:
                drawn.append(TrainingSession(world.nodes[member], session).find(f"{VECTOR}:0"))
                letters.add(reply)
            # Every holder's answer is lost on the way, so that the coordinator has to ask again.
            return b"lost" if kind == "shares" else reply

        for _ in range(2):
            status = await world.run(session, LyingRelay(world, replies=replies))
            assert (status["phase"], status["exchanges"]) == ("training", 0)
        assert drawn[0] is not None
        assert drawn[0] == drawn[1]
        assert len(letters) == 1, "not even fresh polynomials for the same attempt"

    runner.run(play())
