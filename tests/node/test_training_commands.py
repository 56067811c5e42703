"""A training as operators carry it out, through the sockets of serving nodes; and how it ends for who hears nothing."""

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from training_world import LyingRelay, World, all_open, log_of, new_stage, refusals

from carbonport.crypto.canonical import Json
from carbonport.errors import Refused
from carbonport.examples.plants.ledgers import EmissionsEngine, ledger_text
from carbonport.examples.plants.routes import CLINKER
from carbonport.examples.plants.table import draw_cohort, plant_rows
from carbonport.federated.letter_sockets import CarrierSocket, DeskSocket
from carbonport.federated.plausibility_model import verify_model
from carbonport.federated.relay import NO_REPLY, TOLD_OF_APP, UNLISTED_APP, InProcessRelay, Reply
from carbonport.node.cli.federate_processes import FIRST_PAUSE_S, LONGEST_PAUSE_S, Pauses
from carbonport.node.config import TrainingSettings, load_config, write_config
from carbonport.node.demo.aggregate_cast import COORDINATOR, AggregateStage
from carbonport.node.federation.desk_door import open_desk
from carbonport.node.federation.folder import link_files, member_files
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.operations import run_operation
from carbonport.node.sessions.records import labels_of
from carbonport.node.training.expired_secrets import erase_expired_secrets
from carbonport.node.training.member_desk import CLAIMED
from carbonport.node.training.record_kinds import CONTRIBUTED, ENDING_KEPT, VECTOR
from carbonport.node.training.retelling import untold_sessions
from carbonport.node.training.session import TrainingSession

MEMBERS, MONTHS = 5, 10


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> AggregateStage:
    """Five kilns with ten monthly ledgers each, three holders, a coordinator."""
    made, engine = new_stage(tmp_path_factory.mktemp("commands"), MEMBERS), EmissionsEngine()
    plants = draw_cohort("commands", ((CLINKER, MEMBERS),))
    for part, plant in zip(made.exporters, plants, strict=True):
        home = made.folder / part.key
        (home / "ledgers").mkdir()
        for row in plant_rows("commands", plant, engine, months=MONTHS):
            (home / "ledgers" / f"{row.month.number:02}.yaml").write_text(ledger_text(row.month))
        write_config(home, replace(load_config(home), training=TrainingSettings(ledgers="ledgers")))
    return made


@contextmanager
def carrying(relay: Path, desks: Mapping[str, DeskSocket]) -> Iterator[list[str]]:
    """A carrier that brings letters from the coordinator's socket to the members', as Flower's processes do.

    Of each kind of letter the first exchange is lost with the SuperLink: everybody has answered, and nothing comes
    back. Another carrier is there at once and is handed what is open. Gives the kinds that were lost.
    """
    over, lost = threading.Event(), list[str]()

    def carry() -> None:
        while not over.is_set():
            try:
                socket = CarrierSocket(relay)
            except OSError:
                time.sleep(0.02)
                continue
            # A relay may give way to another before it has taken this carrier in.
            with socket, suppress(ConnectionError):
                for one in socket.exchanges():
                    answers = {
                        name: desks[name].answer(one.kind, letter) for name, letter in one.letters.items()
                    }
                    if one.kind not in lost:
                        lost.append(one.kind)
                        break
                    socket.hand_back(answers)

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    yield lost
    over.set()
    thread.join(10)


def plan_text(stage: AggregateStage) -> str:
    members, holders = ([part.id for part in parts] for parts in (stage.exporters, stage.holders))
    return (
        'task = "plausibility"\nversion = 1\npurpose = "A test"\nyear = 2026\n'
        f"members = {members}\nholders = {holders}\nthreshold = 2\n"
    )


def test_a_plan_file_becomes_a_signed_model_once_persons_have_approved(
    stage: AggregateStage, tmp_path: Path
) -> None:
    async def play() -> None:
        async with all_open(stage) as world, AsyncExitStack() as stack:
            for name in (*world.members, *world.holders):
                await stack.enter_async_context(open_desk(world.nodes[name]))
            desks = {
                name: DeskSocket(member_files(stage.folder / world.parts[name].key).desk)
                for name in (*world.members, *world.holders)
            }
            lost = stack.enter_context(carrying(link_files(stage.folder / COORDINATOR.key).relay, desks))
            exchanges = await _from_plan_to_model(world, tmp_path)
            assert lost == ["plan", "vote", "begin", "question", "shares", "model"]
            for app in ("ab" * 32, "cd" * 32):
                # As executors tell it; the process that runs one has no way into the log.
                told = await asyncio.to_thread(desks[world.members[0]].answer, TOLD_OF_APP, app.encode())
                assert told == Reply(letter=b"")
            for name in world.members:
                log = await log_of(world, name, tmp_path)
                refused = [UNLISTED_APP] if name == world.members[0] else []
                assert refusals(log) == refused, "once a day, whatever a coordinator sends"
                crossed = [entry for entry in log["entries"] if entry["type"] == "crossing"]
                assert len(crossed) == exchanges, "each contribution left once"

    asyncio.run(play())


async def _from_plan_to_model(world: World, folder: Path) -> int:
    """Gives how many exchanges it took."""
    coordinator = world.nodes[COORDINATOR.id]
    file, out = folder / "plan.toml", folder / "made.model"
    file.write_text(plan_text(world.stage))
    begun = await run_operation(coordinator, "federate-plan", {"path": str(file)})
    assert isinstance(begun, dict)
    arguments: dict[str, Json] = {**begun, "out": str(out)}

    async def run() -> dict[str, Any]:
        state = await run_operation(coordinator, "federate-run", arguments)
        assert isinstance(state, dict)
        return dict(state)

    first = asyncio.create_task(run())
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="training-running"):
        await run()
    state = await first
    assert state["phase"] == "accepting"
    assert state["refused"] == dict.fromkeys(world.members, "training-awaits-approval")
    assert not out.exists()
    for name in world.members:
        node = world.nodes[name]
        listed = await run_operation(node, "requests", {})
        assert isinstance(listed, dict)
        (request,) = listed["trainings"]
        assert isinstance(request, dict)
        await run_operation(
            node, "approve", {"request": request["request"], "by": "data officer", "days": "30"}
        )
    state = await run()
    assert (state["phase"], state["members"], state["refused"]) == ("done", MEMBERS, {})
    jwk = coordinator.participant.signing_key(KeyUse.SEAL).public_jwk
    assert verify_model(out.read_text(), jwk).card.rows == MEMBERS * MONTHS
    assert secrets(world) == []
    return int(state["exchanges"])


def secrets(world: World) -> list[Path]:
    return sorted(world.stage.folder.glob("holder-*/aggregation/*.secret"))


class Deaf:
    """A relay in process that brings nothing to one participant."""

    def __init__(self, world: World, missing: str) -> None:
        self._relay, self.missing = InProcessRelay(world.desks), missing
        self.asked: list[tuple[str, str]] = []

    async def exchange(
        self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
    ) -> Mapping[str, Reply]:
        self.asked += [(kind, name) for name in letters]
        there = {name: letter for name, letter in letters.items() if name != self.missing}
        replies = (
            dict(await self._relay.exchange(kind, there, timeout_seconds=timeout_seconds)) if there else {}
        )
        return {name: replies.get(name, Reply(error=NO_REPLY)) for name in letters}


def test_an_ending_that_was_not_heard_is_told_again_after_a_restart(stage: AggregateStage) -> None:
    async def play() -> None:
        async with all_open(stage) as world:
            holder = world.holders[0]
            session = await world.begin()
            relay = Deaf(world, "")
            for owner in world.owners.values():
                owner.refuses = "training-awaits-approval"
            await world.run(session, relay)
            assert len(secrets(world)) == len(world.holders)
            relay.missing = holder
            state = await world.coordinator(session, relay).give_up()
            assert (state["phase"], state["unanswered"]) == ("ended", [holder])
            assert [path.parts[-3] for path in secrets(world)] == [world.parts[holder].key]
            await world.restart(COORDINATOR.id)
            coordinator = world.nodes[COORDINATOR.id]
            assert untold_sessions(coordinator) == [session]
            desks = {holder: DeskSocket(member_files(stage.folder / world.parts[holder].key).desk)}
            relay_path = link_files(stage.folder / COORDINATOR.key).relay
            async with open_desk(coordinator):
                while not relay_path.exists():
                    await asyncio.sleep(0.01)
                # Nothing carries it yet; an operator's run takes the node's place, and the holder is still away.
                operators = asyncio.create_task(
                    run_operation(coordinator, "federate-run", {"session": session})
                )
                await asyncio.sleep(0)
                with carrying(relay_path, desks):
                    found: Any = await operators
            assert (found["phase"], found["unanswered"]) == ("ended", [holder])
            with carrying(relay_path, desks) as lost:
                # As serving nodes do it, when they start.
                async with open_desk(world.nodes[holder]), open_desk(coordinator):
                    while untold_sessions(coordinator):
                        await asyncio.sleep(0.01)
            assert lost == ["end"], "the first time on the way; the others have heard of it"
            assert TrainingSession(world.nodes[holder], session).find(ENDING_KEPT) is not None
            assert secrets(world) == []
            relay.asked = []
            await world.run(session, relay)
            assert relay.asked == []

    asyncio.run(play())


def test_keys_and_integers_of_who_hears_nothing_go_when_the_plan_expires(stage: AggregateStage) -> None:
    async def play() -> None:
        async with all_open(stage) as world:
            session = await world.begin()
            # Holders' answers never arrive, so that everybody has what is secret until the end of the plan.
            relay = LyingRelay(world, replies=lambda kind, _, reply: b"lost" if kind == "shares" else reply)
            await world.run(session, relay)
            member, holder = world.members[0], world.holders[0]
            everybody = (*world.members, *world.holders)
            vector = TrainingSession(world.nodes[member], session).find(f"{VECTOR}:0")
            assert vector is not None
            assert len(secrets(world)) == len(world.holders)
            for name in everybody:
                assert erase_expired_secrets(world.nodes[name].participant) == []
            world.later_s = 3601
            for name in everybody:
                await world.restart(name)
            # As serving nodes do it, when they start.
            async with open_desk(world.nodes[holder]), open_desk(world.nodes[member]):
                while len(secrets(world)) == len(world.holders) or kept(world, member, session):
                    await asyncio.sleep(0.01)
            for name in everybody:
                erased = erase_expired_secrets(world.nodes[name].participant)
                assert erased == ([] if name in (member, holder) else [session])
                assert not kept(world, name, session)
            assert secrets(world) == []
            assert TrainingSession(world.nodes[member], session).find(CLAIMED) is not None, (
                "what was given stays so"
            )

    asyncio.run(play())


def kept(world: World, name: str, session: str) -> frozenset[tuple[str, str]]:
    with world.nodes[name].participant.store.reading() as connection:
        return labels_of(connection, session, [VECTOR, CONTRIBUTED])


def test_who_waits_for_persons_asks_ever_less_often_until_the_training_moves() -> None:
    pauses, waiting, training = Pauses(), {"phase": "accepting"}, {"phase": "training"}
    waits = [pauses.after(dict(waiting)) for _ in range(6)]
    assert waits == [min(FIRST_PAUSE_S * 2**run, LONGEST_PAUSE_S) for run in range(6)]
    assert waits[-1] == LONGEST_PAUSE_S
    assert [pauses.after(state) for state in (training, training)] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S]
