"""The owner's say about trainings: rows, gate, person, register and budget, on a member's real node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from training_world import World, new_stage, write_ledgers

from carbonport.crypto.log_entry import FieldName
from carbonport.errors import CarbonportError, Refused
from carbonport.federated.packaged_tasks import GAPS, PLAUSIBILITY_FOR_NOISE
from carbonport.node.demo.aggregate_cast import COORDINATOR, AggregateStage
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.operations import run_operation
from carbonport.node.training.membership import MEMBERSHIP, Membership
from carbonport.node.training.owner_permission import OwnerPermission
from carbonport.node.training.permission import Permit
from carbonport.node.training.plan import PLAN, Privacy, SignedPlan
from carbonport.node.training.row_register import TrainingClaim, given_trainings

MONTHS = 12
STATISTICS = "cd" * 32


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> AggregateStage:
    """Five exporters; the first has a year of a clinker kiln's ledgers."""
    made = new_stage(tmp_path_factory.mktemp("permission"), 5)
    write_ledgers(made.folder / made.exporters[0].key, MONTHS)
    return made


class Member:
    """The first exporter's node, and what a coordinator shows it."""

    def __init__(self, world: World) -> None:
        self.world, self.name = world, world.members[0]
        self.node, self.coordinator = world.nodes[self.name], world.nodes[COORDINATOR.id]
        self.owner = OwnerPermission(self.node)

    def plan(self, **changes: Any) -> SignedPlan:
        key = self.coordinator.participant.signing_key(KeyUse.SEAL)
        return PLAN.sign(self.world.plan(**changes), COORDINATOR.id, key)

    def noised(self, epsilon: str = "4", **changes: Any) -> SignedPlan:
        task, privacy = PLAUSIBILITY_FOR_NOISE, Privacy(Decimal(epsilon), Decimal("0.00001"), 2)
        return self.plan(
            task=task.name, version=task.version, definition=task.definition, privacy=privacy, **changes
        )

    async def refused(self, plan: SignedPlan) -> str:
        with pytest.raises(Refused) as caught:
            await self.owner.permit(plan)
        return caught.value.id

    async def approved(self, plan: SignedPlan) -> Permit:
        assert await self.refused(plan) == "training-awaits-approval"
        await run_operation(
            self.node, "approve", {"request": plan.digest, "by": "data officer", "days": "30"}
        )
        return await self.owner.permit(plan)

    def claim(
        self, plan: SignedPlan, permit: Permit, members: list[str] | None = None, statistics: str = STATISTICS
    ) -> TrainingClaim:
        listed = dict.fromkeys(self.world.members if members is None else members, STATISTICS)
        content = Membership(plan.digest, listed, dict.fromkeys(self.world.holders, STATISTICS), {})
        key = self.coordinator.participant.signing_key(KeyUse.SEAL)
        return self.owner.claim(plan, permit, MEMBERSHIP.sign(content, COORDINATOR.id, key), statistics)

    def enter(self, claim: TrainingClaim) -> None:
        with self.node.participant.store.writing() as connection:
            claim.require(connection)
            claim.enter(connection, 0)

    def not_entered(self, claim: TrainingClaim) -> str:
        with pytest.raises(CarbonportError) as caught:
            self.enter(claim)
        return caught.value.id

    def given(self) -> int:
        with self.node.participant.store.reading() as connection:
            return len(given_trainings(connection))


@asynccontextmanager
async def member_of(stage: AggregateStage) -> AsyncIterator[Member]:
    world = World(stage)
    try:
        for name in (world.members[0], COORDINATOR.id):
            await world.open(name)
        yield Member(world)
    finally:
        for name in list(world.nodes):
            await world.close(name)


def test_the_owners_say(stage: AggregateStage) -> None:
    """One node after the other of these, for opening one takes longer than asking it."""
    asyncio.run(_everything(stage))


async def _everything(stage: AggregateStage) -> None:
    async with member_of(stage) as member:
        await _what_nobody_can_permit_is_refused_at_once(member)
        await _a_person_decides_about_one_plan(member)
        await _rows_enter_a_task_once(member)
        await _noise_is_charged_and_a_spent_budget_refuses(member)


async def _what_nobody_can_permit_is_refused_at_once(member: Member) -> None:
    gaps = member.plan(task=GAPS.name, version=GAPS.version, definition=GAPS.definition)
    assert await member.refused(gaps) == "training-view"
    assert await member.refused(member.plan(minimum_rows=MONTHS + 1)) == "training-rows"
    shown = await run_operation(member.node, "requests", {})
    assert isinstance(shown, dict)
    assert shown["trainings"] == [], "nothing for a person to decide"
    assert await member.refused(gaps) == "training-not-permitted", "once refused, refused"


async def _a_person_decides_about_one_plan(member: Member) -> None:
    plan, other = member.plan(), member.plan()
    assert await member.refused(plan) == await member.refused(other) == "training-awaits-approval"
    shown: Any = await run_operation(member.node, "requests", {})
    assert {one["request"] for one in shown["trainings"]} == {plan.digest, other.digest}
    assert shown["trainings"][0]["reads"] == ["recalculated", "route", "see_indirect"]
    done: Any = await run_operation(
        member.node, "approve", {"request": plan.digest, "by": "data officer", "days": "30"}
    )
    assert done["expires_at"] == plan.content.expires, "no longer than the plan"
    permit = await member.owner.permit(plan)
    assert permit == await member.owner.permit(plan) == await OwnerPermission(member.node).permit(plan)
    assert permit.fields[FieldName.APPROVAL].decode() == done["approval"]
    assert b'"form":"model_update"' in permit.fields[FieldName.ITEMS]
    assert len(member.owner.rows(plan, permit)) == MONTHS
    assert await member.refused(other) == "training-awaits-approval", "an approval is for one plan"
    words = {"request": other.digest, "by": "data officer", "reason": "too many of our rivals"}
    await run_operation(member.node, "refuse", words)
    assert await member.refused(other) == "training-not-permitted"
    with pytest.raises(CarbonportError, match="request-not-pending"):
        await run_operation(member.node, "approve", {"request": other.digest, "by": "another"})
    member.world.later_s += 3600
    assert await member.refused(plan) == "approval-spent"
    member.world.later_s -= 3600


async def _rows_enter_a_task_once(member: Member) -> None:
    plan = member.plan()
    permit = await member.approved(plan)
    claim = member.claim(plan, permit)
    member.enter(claim)
    member.enter(claim)
    assert member.given() == 1, "a repeated letter is the same claim"
    members = member.world.members
    assert member.not_entered(member.claim(plan, permit, members[:-1])) == "training-differencing"
    assert member.not_entered(member.claim(plan, permit, statistics="ef" * 32)) == "training-differencing"
    again = member.plan()
    permit = await member.approved(again)
    for members_of, statistics, refusal in (
        (members[:-1], STATISTICS, "training-differencing"),
        (members, "ef" * 32, "training-differencing"),
        (["CN/894500OTHERMEMBER01", *members], STATISTICS, "training-differencing"),
        ([members[0], *(f"CN/894500OTHERMEMBER{n:02}" for n in range(9))], STATISTICS, "training-contributed-before"),
    ):  # fmt: skip
        assert member.not_entered(member.claim(again, permit, members_of, statistics)) == refusal
    member.enter(member.claim(again, permit))
    assert member.given() == 2, "the same sums once more tell nothing new"
    unused = replace(member.claim(member.plan(), permit), approval="none")
    assert member.not_entered(unused) == "approval-spent"


async def _noise_is_charged_and_a_spent_budget_refuses(member: Member) -> None:
    first, second = member.noised("3"), member.noised("2")
    permits = [await member.approved(plan) for plan in (first, second)]
    claim = member.claim(first, permits[0])
    member.enter(claim)
    member.enter(claim)
    assert member.not_entered(member.claim(second, permits[1])) == "privacy-budget"
    budget: Any = await run_operation(member.node, "federate-budget", {})
    (task,) = budget["tasks"]
    assert (task["spent"], task["left"]) == ("6", "2"), "two scores at epsilon 3, charged once"
    assert task["trainings"] == [{"training": first.digest, "epsilon": "6"}]
