"""Lies in a training between nodes: each is refused or survived, and nobody is blamed without evidence."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_world import MONTHS, LyingRelay, World, all_open, log_of, member_rows, new_stage, refusals

from carbonport.crypto.jws import SigningKey
from carbonport.crypto.sums.fast_sum import MODULUS, open_share
from carbonport.crypto.sums.polynomials import lagrange_weights
from carbonport.errors import CarbonportError
from carbonport.federated.course import Course
from carbonport.federated.features import Rows
from carbonport.federated.packaged_tasks import INDEPENDENT, PLAUSIBILITY
from carbonport.federated.ridge import RidgeModel
from carbonport.node.demo.aggregate_cast import COORDINATOR
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.sessions.holder_secret import HolderSecret
from carbonport.node.training.answers import ANSWER, HolderAnswer
from carbonport.node.training.contribution import (
    HEAD,
    ContributionHead,
    contribution_bytes,
    fast_exchange,
    read_contribution,
    read_place,
)
from carbonport.node.training.membership import MEMBERSHIP, Membership
from carbonport.node.training.parcel import pack, read_tokens, unpack
from carbonport.node.training.record_kinds import SUMS_KEPT
from carbonport.node.training.session import TrainingSession, read_sums

MEMBERS = 6


class Running:
    """One world for all lies; every test has a session of its own in it. Logs are exported to `folder`."""

    def __init__(self, runner: asyncio.Runner, world: World, folder: Path) -> None:
        self._runner, self.world, self.folder = runner, world, folder

    async def log(self, name: str) -> dict[str, Any]:
        """One log as the regulator of its country reads it now."""
        return await log_of(self.world, name, self.folder)

    def __call__(self, test: Callable[[World], Awaitable[None]]) -> None:
        async def run() -> None:
            await test(self.world)

        self._runner.run(run())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    stage = new_stage(tmp_path_factory.mktemp("lies"), MEMBERS)
    with asyncio.Runner() as runner:
        opening = all_open(stage)
        yield Running(runner, runner.run(opening.__aenter__()), tmp_path_factory.mktemp("logs"))
        runner.run(opening.__aexit__(None, None, None))


def seal(world: World, name: str) -> SigningKey:
    return world.nodes[name].participant.signing_key(KeyUse.SEAL)


def keys_of(world: World) -> Callable[[str, str], dict[str, object]]:
    return lambda name, kid: dict(seal(world, name).public_jwk)  # noqa: ARG005


def shifted(world: World, holder: str, reply: bytes) -> bytes:
    """A holder's answer with another first sum, under its own seal."""
    fields, (sums,) = unpack(reply)
    token = fields.text("answer", max_chars=10**6)
    honest = ANSWER.open(token, holder, keys_of(world)).content  # type: ignore[arg-type]
    other = ((int.from_bytes(sums[:8], "big") + 1) % MODULUS).to_bytes(8, "big") + sums[8:]
    lie = HolderAnswer(honest.place, honest.contributions, hashlib.sha256(other).hexdigest())
    return pack({"answer": ANSWER.sign(lie, holder, seal(world, holder)).token}, [other])


def read_together(world: World, session: str, member: str, reply: bytes) -> list[int]:
    """What the first two holders read together in a member's contribution: all of it, which is why there are three."""
    token, shares = read_contribution(unpack(reply)[1][0])
    place = HEAD.open(token, member, keys_of(world)).content.place  # type: ignore[arg-type]
    own = TrainingSession(world.nodes[member], session)
    asked = own.begun.course.asked_of(member)
    assert asked is not None
    exchange = fast_exchange(own.plan, place, asked)
    opened = []
    for index in (1, 2):
        holder = world.nodes[world.holders[index - 1]].participant
        private = HolderSecret(holder, session).read(own.begun.holder_keys[index])
        opened.append(open_share(exchange, member, index, private, shares[index - 1]))
    weights = lagrange_weights([1, 2], 0, MODULUS)
    values = [
        sum(w * v for w, v in zip(weights, column, strict=True)) % MODULUS
        for column in zip(*opened, strict=True)
    ]
    return [value if value <= MODULUS // 2 else value - MODULUS for value in values]


def test_a_holder_that_shifts_its_answer_is_noticed_and_the_same_integers_are_shared_again(
    running: Running,
) -> None:
    async def lie(world: World) -> None:
        session, lies, given = await world.begin(), list[str](), list[list[int]]()
        sealed = set()

        def replies(kind: str, name: str, reply: bytes) -> bytes:
            if kind == "question" and name == world.members[0] and len(given) < 2:
                given.append(read_together(world, session, name, reply))
                sealed.add(read_contribution(unpack(reply)[1][0])[1])
            if kind == "shares" and name == world.holders[1] and not lies:
                lies.append(name)
                return shifted(world, name, reply)
            return reply

        status = await world.run(session, LyingRelay(world, replies=replies))
        assert (status["phase"], status["named"], status["exchanges"]) == ("done", [], 4)
        assert given[0] == given[1], "the same integers"
        assert len(sealed) == 2, "of fresh polynomials"
        (told,) = [one for one in (await running.log(COORDINATOR.id))["trainings"] if one["model"]]
        assert [(one["exchange"], one["attempt"], one["failed"]) for one in told["exchanges"][:2]] == [
            (0, 0, "fast-sum-contradiction"),
            (0, 1, ""),
        ]

    running(lie)


def test_a_holder_that_always_shifts_ends_the_training_and_nobody_is_named(running: Running) -> None:
    async def lie(world: World) -> None:
        def replies(kind: str, name: str, reply: bytes) -> bytes:
            lies = kind == "shares" and name == world.holders[1]
            return shifted(world, name, reply) if lies else reply

        session = await world.begin()
        status = await world.run(session, LyingRelay(world, replies=replies))
        assert (status["phase"], status["reason"]) == ("ended", "fast-sum-contradiction")
        assert (status["named"], status["exchanges"]) == ([], 0)
        for name in (COORDINATOR.id, world.members[0], world.holders[0]):
            reasons = [one["reason"] for one in (await running.log(name))["entries"]]
            assert reasons[-1] == "fast-sum-contradiction", name
        for name in (*world.members, *world.holders):
            with pytest.raises(CarbonportError, match="training-over"):
                TrainingSession(world.nodes[name], session).current_plan()
        assert not list(world.stage.folder.glob(f"holder-*/aggregation/{session}*")), "keys are gone"

    running(lie)


def test_a_share_that_is_none_names_the_pair(running: Running) -> None:
    """A member seals nothing for the second holder, under its own seal: that holder says so; who lied is open."""

    async def lie(world: World) -> None:
        member, session = world.members[2], await world.begin()

        def replies(kind: str, name: str, reply: bytes) -> bytes:
            if kind != "question" or name != member:
                return reply
            _, (content, receipt) = unpack(reply)
            token, shares = read_contribution(content)
            place = HEAD.open(token, member, keys_of(world)).content.place  # type: ignore[arg-type]
            false = (shares[0], bytes(len(shares[1])), shares[2])
            head = ContributionHead(place, tuple(hashlib.sha256(share).hexdigest() for share in false))
            signed = HEAD.sign(head, member, seal(world, member)).token
            assert receipt, "of another contribution: the coordinator would not take it"
            return pack({}, [contribution_bytes(signed, false), receipt])

        relay = LyingRelay(world, replies=replies)
        status = await world.run(session, relay)
        assert (status["phase"], status["exchanges"]) == ("training", 0)
        assert status["refused"] == {member: "receipt-payload"}, "nothing is taken that its log does not hold"

        def letters(kind: str, name: str, letter: bytes) -> bytes:
            """Past the coordinator's own check: the holder gets the lie."""
            if kind != "shares" or name != world.holders[1]:
                return letter
            fields, parts = unpack(letter)
            heads = read_tokens(fields, "heads", max_chars=10**6)
            place = HEAD.open(heads[member], member, keys_of(world)).content.place  # type: ignore[arg-type]
            false = bytes(len(parts[2]))
            head = HEAD.open(heads[member], member, keys_of(world)).content  # type: ignore[arg-type]
            hashes = (head.shares[0], hashlib.sha256(false).hexdigest(), head.shares[2])
            heads[member] = HEAD.sign(ContributionHead(place, hashes), member, seal(world, member)).token
            rest = {name: fields.value(name) for name in ("session", "place", "released", "answers")}
            return pack({**rest, "heads": heads}, [*parts[:2], false, *parts[3:]])

        status = await world.run(session, LyingRelay(world, letters=letters))
        assert (status["phase"], status["reason"]) == ("ended", "training-contribution-place")
        assert status["named"] == [world.holders[1], member]

    running(lie)


def test_another_membership_shown_to_two_holders_gets_no_quorum_and_no_second_vote(running: Running) -> None:
    async def lie(world: World) -> None:
        session = await world.begin()

        def letters(kind: str, name: str, letter: bytes) -> bytes:
            if kind != "vote" or name != world.holders[1]:
                return letter
            fields, _ = unpack(letter)
            token, accepted = fields.text("membership", max_chars=10**6), fields.value("acceptances")
            honest = MEMBERSHIP.open(token, COORDINATOR.id, keys_of(world)).content  # type: ignore[arg-type]
            members = dict(list(honest.members.items())[1:])
            other = Membership(honest.plan, members, honest.holders, {world.members[0]: "relay-no-reply"})
            lie = MEMBERSHIP.sign(other, COORDINATOR.id, seal(world, COORDINATOR.id)).token
            return pack({"session": session, "membership": lie, "acceptances": accepted})

        relay = LyingRelay(world, letters=letters)
        status = await world.run(session, relay)
        assert (status["phase"], status["exchanges"]) == ("voting", 0)
        assert status["refused"] == {world.holders[1]: "training-reply"}
        status = await world.run(session)
        assert status["phase"] == "voting"
        assert status["refused"] == {world.holders[1]: "training-membership"}, "its first word stands"
        other = next(
            letter for kind, name, letter, _ in relay.seen if (kind, name) == ("vote", world.holders[1])
        )
        with pytest.raises(CarbonportError, match="training-membership"):
            await world.desks[world.holders[0]].answer("vote", other)
        for holder in world.holders[:2]:
            assert refusals(await running.log(holder))[-1] == "vote: training-membership"

    running(lie)


def test_a_member_that_leaves_after_the_vote_ends_the_training(running: Running) -> None:
    async def leave(world: World) -> None:
        session, leaver = await world.begin(), world.members[1]

        def letters(kind: str, name: str, letter: bytes) -> bytes:
            world.owners[leaver].refuses = (
                "" if kind in ("plan", "vote", "begin") else "training-not-permitted"
            )
            return letter

        relay = LyingRelay(world, letters=letters)
        status = await world.run(session, relay)
        world.owners[leaver].refuses = ""
        assert (status["phase"], status["reason"]) == ("ended", "training-member-left")
        assert status["named"] == [leaver]
        vote = next(letter for kind, _, letter, _ in relay.seen if kind == "vote")
        with pytest.raises(CarbonportError, match="training-over"):
            await world.desks[world.holders[0]].answer("vote", vote)
        assert (await world.run(session))["phase"] == "ended", "it does not go on without it either"
        log = await running.log(world.members[0])
        assert log["entries"][-1]["reason"] == f"training-member-left {leaver}", "all logs say who left"

    running(leave)


def test_a_cell_that_one_exporter_alone_fills_is_in_no_sum_and_no_model(running: Running) -> None:
    """One kiln has an arc furnace besides: whoever sees all sums learns that there is one, and nothing of it."""

    async def fill(world: World) -> None:
        alone = world.members[0]
        usual = world.owners[alone].given
        world.owners[alone].given = Rows.together([usual, member_rows(7, ("EAF",))])
        session = await world.begin()
        status = await world.run(session)
        world.owners[alone].given = usual
        assert (status["phase"], status["refused"]) == ("done", {})
        begun = TrainingSession(world.nodes[COORDINATOR.id], session)
        course, asked = Course(PLAUSIBILITY, list(begun.begun.membership.content.members)), list[str]()
        for exchange in range(status["exchanges"]):
            (one,) = course.asked
            if "cells" in one.question.parameters:
                asked.append(str(one.question.parameters["cells"]))
            kept = begun.find(f"{SUMS_KEPT}:{exchange}")
            assert kept is not None
            course.take(read_sums(kept))
        assert asked
        assert not any("EAF" in one for one in asked), "no sum is asked for it"
        independent = course.models[INDEPENDENT]
        assert isinstance(independent, RidgeModel)
        assert independent.rows == MEMBERS * MONTHS, "nor are its rows in any other"
        assert np.isnan(independent.predict(member_rows(7, ("EAF",)))).all()
        assert np.isfinite(independent.predict(usual)).all()

    running(fill)


def test_members_answer_only_what_the_task_asks_now_and_the_same_letter_alike(running: Running) -> None:
    async def ask(world: World) -> None:
        session, member = await world.begin(), world.members[0]
        stop = 2

        def replies(kind: str, name: str, reply: bytes) -> bytes:
            done = sum(kind == "question" and who == member for kind, who, _, _ in relay.seen)
            if kind == "shares" and done > stop:
                return b"carried off"
            return reply

        relay = LyingRelay(world, replies=replies)
        status = await world.run(session, relay)
        assert (status["phase"], status["exchanges"]) == ("training", stop)
        asked = [
            (letter, reply)
            for kind, name, letter, reply in relay.seen
            if (kind, name) == ("question", member)
        ]
        desk, (now, given) = world.desks[member], asked[-1]
        assert await desk.answer("question", now) == given, "byte for byte"
        for old, _ in asked[:-1]:
            if old != now:
                with pytest.raises(CarbonportError, match="training-order"):
                    await desk.answer("question", old)
        fields, sums = unpack(now)
        place, released = read_place(fields.nested("place")).as_json(), fields.value("released")
        for change in (
            {"asked": "00" * 32},
            {"exchange": 0},
            {"membership": "00" * 32},
        ):
            letter = pack({"session": session, "place": {**place, **change}, "released": released}, sums)
            with pytest.raises(CarbonportError, match="training-order"):
                await desk.answer("question", letter)
        with pytest.raises(CarbonportError, match="training-letter-kind"):
            await desk.answer("shares", now)
        skipped = pack(
            {"session": session, "place": {**place, "exchange": stop + 1}, "released": released}, sums
        )
        with pytest.raises(CarbonportError, match="training-answer"):
            await desk.answer("question", skipped)

    running(ask)


def test_sums_that_holders_did_not_answer_lead_nowhere(running: Running) -> None:
    """A coordinator that makes up the answers to the first question, to choose the second, has no holder's seal."""

    async def lie(world: World) -> None:
        session, member = await world.begin(), world.members[3]

        def letters(kind: str, name: str, letter: bytes) -> bytes:
            if kind != "question" or name != member:
                return letter
            fields, sums = unpack(letter)
            rest = {name: fields.value(name) for name in ("session", "place", "released")}
            return pack(rest, [bytes(len(one)) for one in sums])

        status = await world.run(session, LyingRelay(world, letters=letters))
        assert (status["phase"], status["reason"]) == ("ended", "training-member-left")
        assert status["named"] == [member], (
            "the coordinator's own word; the member's log has no second contribution"
        )
        own = TrainingSession(world.nodes[member], session)
        assert own.find("training-contribution:1:0", member) is None

    running(lie)


def test_what_the_coordinator_sees_tells_no_contribution_and_two_holders_together_all_of_it(
    running: Running,
) -> None:
    async def look(world: World) -> None:
        session, member = await world.begin(), world.members[4]
        vectors = []

        def replies(kind: str, name: str, reply: bytes) -> bytes:
            if kind == "question" and name == member:
                vectors.append(read_together(world, session, name, reply))
            return reply

        relay = LyingRelay(world, replies=replies)
        await world.run(session, relay)
        owner = world.owners[member]
        gram = max(vectors, key=len)
        assert gram[0] == len(owner.given) << 24, (
            "with k holders: the rows counted, in fixed point, and all the rest"
        )
        seen = b"".join(letter + reply for _, _, letter, reply in relay.seen)
        database = world.stage.folder / COORDINATOR.key / "data"
        seen += b"".join(path.read_bytes() for path in database.iterdir())
        large = [value for value in gram if abs(value) > 1 << 20 and value % 4096]  # none that zeros could be
        assert len(large) > 5
        for value in large:
            for form in ((value % MODULUS).to_bytes(8, "big"), str(value).encode()):
                assert form not in seen

    running(look)


def test_a_carrier_that_swaps_replies_ends_nothing(running: Running) -> None:
    async def swap(world: World) -> None:
        session = await world.begin()
        kept: dict[tuple[str, str], bytes] = {}

        def replies(kind: str, name: str, reply: bytes) -> bytes:
            kept[kind, name] = reply
            first, second = world.members[:2]
            return kept[kind, first] if (kind, name) == ("question", second) else reply

        status = await world.run(session, LyingRelay(world, replies=replies))
        assert (status["phase"], status["named"]) == ("training", [])
        assert list(status["refused"]) == [world.members[1]]
        assert (await world.run(session))["phase"] == "done"

    running(swap)


def test_a_plan_that_this_node_has_no_business_with_is_refused(running: Running) -> None:
    async def look(world: World) -> None:
        member, future = world.members[0], world.nodes[world.members[0]].participant.clock() + 3600
        for changes, error in (
            ({"members": tuple(world.members[1:])}, "training-plan"),
            ({"app": "cd" * 32}, "training-app"),
            ({"definition": "cd" * 32}, "training-plan"),
            ({"task": "gossip"}, "training-task"),
            ({"issued_at": future, "expires": future + 1}, "training-plan"),
        ):
            relay = LyingRelay(world)
            session = await world.begin(**changes)
            await world.run(session, relay)
            letter = relay.seen[0][2]
            with pytest.raises(CarbonportError, match=error):
                await world.desks[member].answer("plan", letter)
            assert refusals(await running.log(member))[-1] == f"plan: {error}"
        with pytest.raises(CarbonportError, match="training-unknown"):
            await world.desks[member].answer("question", pack({"session": "00" * 32}))
        with pytest.raises(CarbonportError, match="training-parcel"):
            await world.desks[member].answer("question", b"\x00\x00\xff\xffhello")

    running(look)
