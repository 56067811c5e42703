"""A log whose readers elsewhere have witnesses of their own: their lines are in the receipt, as long as they answer."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from log_world import ORIGIN, FickleWitness, LogWorld, crossing

from carbonport.crypto.notes import TYPE_COSIGNATURE, NoteSigner
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.node.log.add_checkpoint import Outcome
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.log.settings import LogSettings
from carbonport.node.log.witness import LocalWitness, LogWitness
from carbonport.node.store import Store

HOURS_S = 24 * 3600
"""Longer than any test."""

FOREIGN = NoteSigner.generate("foreign-regulator.example", TYPE_COSIGNATURE)


class SlowWitness(FickleWitness):
    """One that answers after the home witness has."""

    async def add_checkpoint(self, request: bytes) -> Outcome:
        for _ in range(50):
            await asyncio.sleep(0.001)
        return await super().add_checkpoint(request)


class SilentWitness(FickleWitness):
    """One that cannot be reached at first, and then takes requests and never answers."""

    async def add_checkpoint(self, request: bytes) -> Outcome:
        if self.cut:
            return await super().add_checkpoint(request)
        self.requests.append(request)
        await asyncio.Event().wait()
        raise AssertionError


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LogWorld]:
    made = LogWorld(tmp_path)
    yield made
    made.close()


def _foreign(world: LogWorld, folder: Path, kind: type[FickleWitness]) -> FickleWitness:
    keys = [world.signer.verifier]
    inner = LogWitness(
        Store.open(folder), FOREIGN, lambda origin: keys if origin == ORIGIN else [], clock=world.clock
    )
    return kind(LocalWitness(inner))


async def _open(world: LogWorld, store: Store, foreign: FickleWitness, timeout_s: int) -> ExchangeLog:
    return await ExchangeLog.open(
        store,
        origin=ORIGIN,
        signer=world.signer,
        own_key=world.own_key,
        readers={},
        policy=world.policy,
        sought=[WitnessPolicy.of(1, [FOREIGN.verifier])],
        cosigners=[world.witness, foreign],
        settings=LogSettings(witness_timeout_s=timeout_s),
        clock=world.clock,
    )


def test_a_receipt_waits_for_the_witness_of_the_readers_jurisdiction(world: LogWorld, tmp_path: Path) -> None:
    async def run() -> None:
        log = await _open(
            world, Store.open(tmp_path / "log"), _foreign(world, tmp_path / "foreign", SlowWitness), HOURS_S
        )
        try:
            logged = await log.append(crossing(1))
        finally:
            await log.close()
        assert WitnessPolicy.of(1, [FOREIGN.verifier]).check(logged.receipt.checkpoint)
        assert not logged.provisional

    asyncio.run(run())


def test_one_that_did_not_answer_is_not_waited_for_again(world: LogWorld, tmp_path: Path) -> None:
    async def run() -> None:
        silent = _foreign(world, tmp_path / "foreign", SilentWitness)
        silent.cut = True
        log = await _open(world, Store.open(tmp_path / "log"), silent, HOURS_S)
        try:
            assert not (await log.append(crossing(1))).provisional
            silent.cut = False
            # Were it waited for, this would take as long as the witnesses may take.
            assert not (await log.append(crossing(2))).provisional
            assert silent.requests
        finally:
            await log.close()

    asyncio.run(run())
