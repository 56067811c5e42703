"""Seals that are rotated or revoked while trainings go on, and after them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from seal_rotation import revoke_first_seals, rotate_seals
from training_world import LyingRelay, World, all_open, new_stage

from carbonport.errors import FailedVerification
from carbonport.node.demo.aggregate_cast import CN_KEEPER, COORDINATOR
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.sessions.records import drop
from carbonport.node.training.joining import HOLDER_KEY, HolderKey
from carbonport.node.training.parcel import pack
from carbonport.node.training.record_kinds import DELIVERED, MODEL_KEPT
from carbonport.node.training.retelling import untold_sessions
from carbonport.node.training.session import TrainingSession

MEMBERS = 5


class KilledError(Exception):
    """The coordinator's process is gone, and with it what came back."""


@dataclass
class Dying:
    """Passes replies on until a holder answers a kind of letter once more than `after` times: the coordinator dies."""

    kind: str
    holder: str
    after: int = 0

    def __call__(self, kind: str, name: str, reply: bytes) -> bytes:
        if (kind, name) == (self.kind, self.holder):
            if not self.after:
                raise KilledError
            self.after -= 1
        return reply


def test_trainings_go_on_when_everybody_rotated_its_seal_and_never_under_a_revoked_one(
    tmp_path: Path,
) -> None:
    stage = new_stage(tmp_path, MEMBERS)

    async def play() -> None:
        async with all_open(stage) as world:
            late, holder = world.members[0], world.holders[0]
            voting, begun, untold = [await world.begin() for _ in range(3)]
            for session, dying in (
                (voting, Dying("vote", holder)),
                (begun, Dying("shares", holder, after=1)),
            ):
                with pytest.raises(KilledError):
                    await world.run(session, LyingRelay(world, replies=dying))
            without = LyingRelay(world, letters=lambda kind, name, letter: lost(kind, name, late, letter))
            assert (await world.run(untold, without))["phase"] == "done"

            before = world.nodes[holder].participant.signing_key(KeyUse.SEAL)
            await everybody_rotates(world)
            for session in (voting, begun, untold):
                status = await world.run(session)
                assert (status["phase"], status["refused"], status["unanswered"]) == ("done", {}, [])
            assert TrainingSession(world.nodes[late], untold).find(MODEL_KEPT) is not None

            def under_the_old_seal(kind: str, name: str, reply: bytes) -> bytes:
                if (kind, name) != ("plan", holder):
                    return reply
                plan = TrainingSession(world.nodes[holder], later).plan
                return pack(
                    {}, [HOLDER_KEY.sign(HolderKey(plan.digest, bytes(32)), holder, before).token.encode()]
                )

            later = await world.begin()
            status = await world.run(later, LyingRelay(world, replies=under_the_old_seal))
            assert status["refused"] == {holder: "key-not-valid-then"}, "succeeded before this training"

            world.desks.clear()
            given_up = sorted([later, await world.begin()])
            for session in given_up:
                await world.coordinator(session).give_up()
            forget_telling(world, voting)
            assert untold_sessions(world.nodes[COORDINATOR.id]) == sorted([voting, *given_up])
            world.stage.home(COORDINATOR).trust.add([revoke_first_seals(stage, CN_KEEPER, [COORDINATOR])])
            await world.restart(COORDINATOR.id)
            with pytest.raises(FailedVerification, match="key-not-valid-then"):
                world.coordinator(voting).status()
            assert untold_sessions(world.nodes[COORDINATOR.id]) == given_up, "a revoked plan hides no other"

    asyncio.run(play())


def forget_telling(world: World, session: str) -> None:
    """Have a training's end untold once more."""
    with world.nodes[COORDINATOR.id].participant.store.writing() as connection:
        drop(connection, session, DELIVERED)


def lost(kind: str, name: str, late: str, letter: bytes) -> bytes:
    """A model that arrives as something else."""
    return b"" if (kind, name) == ("model", late) else letter


async def everybody_rotates(world: World) -> None:
    """One holder's, one member's and the coordinator's seal among them."""
    for name in world.parts:
        await world.close(name)
    parts = list(world.parts.values())
    await rotate_seals(world.stage, parts, readers=parts)
    for name in world.parts:
        await world.open(name)
