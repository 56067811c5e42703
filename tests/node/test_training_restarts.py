"""Every party of a training is killed after some step, and its coordinator after each, with the replies lost."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from training_world import World, all_open, new_stage

from carbonport.crypto.log_entry import Entry, EntryType
from carbonport.errors import CarbonportError
from carbonport.federated.packaged_tasks import PLAUSIBILITY
from carbonport.federated.plausibility_model import verify_model
from carbonport.federated.plausibility_tasks import INDEPENDENT_TASK
from carbonport.federated.relay import InProcessRelay, Reply
from carbonport.federated.training import Participants, train
from carbonport.node.demo.aggregate_cast import COORDINATOR
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.store.backup import RESTORED_AT
from carbonport.node.store.facts import write_fact
from carbonport.node.store.schema import log_entries
from carbonport.node.training.parcel import pack
from carbonport.node.training.session import TrainingSession

MEMBERS = 5


class KilledError(Exception):
    """The coordinator's process is gone, and with it what came back."""


@dataclass
class DeadlyRelay:
    """Brings letters, and has the coordinator die with the replies in its hands, once a kind and content."""

    world: World
    seen: set[tuple[str, bytes]]

    async def exchange(
        self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
    ) -> Mapping[str, Reply]:
        replies = await InProcessRelay(self.world.desks).exchange(
            kind, letters, timeout_seconds=timeout_seconds
        )
        step = (kind, min(letters.values(), default=b""))
        if step not in self.seen:
            self.seen.add(step)
            raise KilledError
        return replies


def test_everybody_is_killed_and_goes_on_where_it_was(
    tmp_path: Path, new_postgresql_schema: Callable[[], str]
) -> None:
    """One of each role keeps its store in PostgreSQL, the others in SQLite."""
    stores = {name: new_postgresql_schema() for name in ("coordinator", "exporter-2", "holder-3")}
    stage = new_stage(tmp_path, MEMBERS, stores=stores)

    async def play() -> None:
        async with all_open(stage) as world:
            session = await world.begin()
            relay, kills = DeadlyRelay(world, set()), 0
            while True:
                try:
                    status = await world.run(session, relay)
                    break
                except KilledError:
                    others = (*world.members, *world.holders)
                    for name in (COORDINATOR.id, others[kills % len(others)]):
                        await world.restart(name)
                    kills += 1
            exchanges = status["exchanges"]
            assert (status["phase"], status["named"]) == ("done", [])
            assert kills == len(relay.seen) == 4 + 2 * exchanges, (
                "plan, vote, begin, model; each exchange twice"
            )
            assert kills >= len(world.parts) - 1, "everybody was"
            token = world.coordinator(session).model()
            assert token is not None
            jwk = world.nodes[COORDINATOR.id].participant.signing_key(KeyUse.SEAL).public_jwk
            rows = {
                name: owner.given.take(PLAUSIBILITY.usable(owner.given))
                for name, owner in world.owners.items()
            }
            pooled = train(INDEPENDENT_TASK.training(), Participants(INDEPENDENT_TASK, rows).sum_of)
            assert verify_model(token.decode(), jwk).independent.integers() == pooled.integers()
            for name in world.members:
                assert world.owners[name].entered == [world.owners[name].entered[0]], "used up once"
                assert crossings(world, name) == exchanges, "each contribution left once"
            await after_a_restore(world)

    asyncio.run(play())


def crossings(world: World, name: str) -> int:
    with world.nodes[name].participant.store.reading() as connection:
        entries = [Entry.parse(bytes(row.entry)) for row in connection.execute(select(log_entries.c.entry))]
    return sum(entry.type is EntryType.CROSSING for entry in entries)


async def after_a_restore(world: World) -> None:
    """A node that was restored from a backup may have said more than it remembers: it says nothing in older plans."""
    session = await world.begin()
    relay = DeadlyRelay(world, set())
    with pytest.raises(KilledError):
        await world.run(session, relay)
    with pytest.raises(KilledError):
        await world.run(session, relay)
    for name in (world.members[0], world.holders[0]):
        participant = world.nodes[name].participant
        with participant.store.writing() as connection:
            write_fact(connection, RESTORED_AT, str(participant.clock()))
    status = await world.run(session)
    assert status["refused"][world.holders[0]] == "training-over"
    assert status["phase"] == "voting"
    own = TrainingSession(world.nodes[world.members[0]], session)
    with pytest.raises(CarbonportError, match="training-over"):
        own.current_plan()
    await fetched_anew(world, world.holders[1])


async def fetched_anew(world: World, holder: str) -> None:
    """A plan from before the restore of which the backup has nothing: the holder may have endorsed a membership."""
    session = await world.begin()
    participant = world.nodes[holder].participant
    with participant.store.writing() as connection:
        write_fact(connection, RESTORED_AT, str(participant.clock()))
    await asyncio.sleep(1)  # so that it is fetched in a later second
    plan = TrainingSession(world.nodes[COORDINATOR.id], session).plan
    letter = pack({"session": session, "coordinator": plan.issuer, "plan": plan.token})
    with pytest.raises(CarbonportError, match="training-over"):
        await world.desks[holder].answer("plan", letter)
