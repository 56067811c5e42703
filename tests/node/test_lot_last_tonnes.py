"""The last tonnes of a lot, wanted twice at the same time: one attestation and one clear refusal, on both stores.

At one serving process; at two processes on one store (on PostgreSQL both serve, on SQLite two commands take turns); and
between two processes of which each has prepared its sale before the other wrote its own.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from played_demo import EXPORTER, IMPORTER, REGULATOR, VERIFIER, do, played_demo, question
from warm_programs import Finished, programs

from carbonport.classification.policy import Policy
from carbonport.errors import Refused, Unavailable
from carbonport.node.config import ExchangeSettings, StoreSettings, load_config, write_config
from carbonport.node.exporter import inbox
from carbonport.node.exporter.composition import Composer
from carbonport.node.exporter.lots.lot_desk import LotDesk, Sale
from carbonport.node.exporter.lots.lot_witnesses import LotWitnesses
from carbonport.node.home import open_home
from carbonport.node.participant import Participant
from carbonport.node.proving.proving_worker import ProvingWorker
from carbonport.node.proving.worker_ranges import WorkerRanges
from carbonport.node.store import Store
from carbonport.node.store.backup import back_up, restore

ELSEWHERE = "store-writer-elsewhere"


@pytest.fixture(params=["sqlite", "postgresql"])
def homes(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Path]:
    """The demo's homes, the exporter's store where the parameter says."""
    found = played_demo().copy_homes(tmp_path)
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgresql_schema")
        home, url = found[EXPORTER.key], make()
        here, there = Store.open(str(home / "data")), Store.open(url)
        back_up(here, tmp_path / "moving")
        restore(tmp_path / "moving", there)
        here.close()
        there.close()
        write_config(home, replace(load_config(home), store=StoreSettings(url)))
    return found


async def ask_both(homes: dict[str, Path], name: str, mass: str) -> list[dict[str, Any]]:
    asked = [
        do(homes[IMPORTER.key], "query", **{**question(consignment=f"{name}-{n}"), "net_mass_t": mass})
        for n in (1, 2)
    ]
    return list(await asyncio.gather(*asked))


def outcomes(answers: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((answer["state"], answer["reason"]) for answer in answers)


def approve(homes: dict[str, Path], request: str) -> Finished:
    """A node process of its own; one that finds the other at work tries again, as its message says."""
    while True:
        done = programs().run("approve", request, "--by", "B", "--home", homes[EXPORTER.key], "--json")
        if done.code != 4 or done.json()["error"]["id"] != ELSEWHERE:
            return done


async def approve_both(at: Sequence[Path], pending: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At the same time, each at the serving process of a home."""
    asked = [
        do(home, "approve", request=each["request"], by="A") for home, each in zip(at, pending, strict=True)
    ]
    return list(await asyncio.gather(*asked))


def second_process(home: Path) -> Path:
    """A home for another process of the same node, on the same store."""
    copy = Path(shutil.copytree(home, home.with_name("second")))
    config = load_config(copy)
    write_config(copy, replace(config, node=replace(config.node, listen="127.0.0.1:0")))
    return copy


def by_two_serving_processes(homes: dict[str, Path], pending: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers; then each shows what the other one did, and the log is one."""
    first, second = homes[EXPORTER.key], second_process(homes[EXPORTER.key])
    with programs().serve(first), programs().serve(second), programs().serve(homes[VERIFIER.key]):
        found = asyncio.run(approve_both((first, second), pending))
        small = asyncio.run(ask_both(homes, "SMALL", "0.01"))
        small = asyncio.run(approve_both((second, first), small))
        for number, asked in enumerate(small):
            # The importer knows the first process alone.
            out = homes[IMPORTER.key] / f"small-{number}.json"
            fetched = asyncio.run(do(homes[IMPORTER.key], "fetch", request=asked["request"], out=str(out)))
            assert fetched["state"] == "complete"
        audit: dict[str, Any] = asyncio.run(do(homes[REGULATOR.key], "audit", target=EXPORTER.id))
        assert (audit["ok"], audit["lots"][0]["unclaimed"]) == (True, [])
        programs().run("log", "fsck", "--home", second, "--json").expect()
    return found


def by_two_commands(homes: dict[str, Path], pending: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers."""
    with ThreadPoolExecutor(2) as two:
        done = list(two.map(lambda asked: approve(homes, asked["request"]), pending))
    return [each.expect() for each in done]


def test_the_last_tonnes_are_sold_once(homes: dict[str, Path]) -> None:
    exporter = homes[EXPORTER.key]
    config = load_config(exporter)
    write_config(exporter, replace(config, exchange=ExchangeSettings(approval="person")))
    with ExitStack() as serving:
        serving.enter_context(programs().serve(homes[REGULATOR.key]))
        serving.enter_context(programs().serve(homes[IMPORTER.key]))
        with programs().serve(exporter):
            pending = asyncio.run(ask_both(homes, "SERVED", "4833840.472"))
            later = asyncio.run(ask_both(homes, "APPROVED", "0.4"))
            assert outcomes(pending) == outcomes(later) == [("pending", ""), ("pending", "")]
            served = asyncio.run(approve_both((exporter, exporter), pending))
            assert outcomes(served) == [("issued", ""), ("refused", "lot-sold-out")]
        is_shared = config.store.url != load_config(homes[IMPORTER.key]).store.url
        done = (by_two_serving_processes if is_shared else by_two_commands)(homes, later)
        assert outcomes(done) == [("issued", ""), ("refused", "lot-sold-out")]
        asyncio.run(_interleaved(exporter))
    listed = programs().run("lot", "list", "--home", exporter, "--json").expect()
    (lot,) = listed["lots"]
    sold = 6 if is_shared else 4
    assert (lot["consignments"], lot["entries"], lot["missing_openings"]) == (sold, sold + 1, [])


async def _interleaved(home: Path) -> None:
    """Two processes' desks on one store, each with a sale of more than half of what is left, prepared at once."""
    desks = [_Desk(home, number) for number in (1, 2)]
    # Preparing the statement takes seconds, and gives the same to everybody.
    desks[1].composer = desks[0].composer
    try:
        first, second = [await desk.prepared("0.07") for desk in desks]
        desks[0].write(first)
        with pytest.raises(Unavailable) as moved:
            desks[1].write(second)
        assert moved.value.id == "lot-moved"
        with pytest.raises(Refused) as sold_out:
            await desks[1].prepared("0.07")
        assert sold_out.value.id == "lot-sold-out"
        assert "0.0" not in str(sold_out.value)
    finally:
        for desk in desks:
            await desk.close()


class _Desk:
    """The selling part of a node process, without its log."""

    def __init__(self, home: Path, number: int) -> None:
        opened = open_home(home, environ={})
        self._participant = Participant.open(opened)
        self._peers = opened.peers()
        self._witnesses = LotWitnesses(self._participant, self._peers)
        self.composer = Composer(self._participant, Policy.load())
        self._worker = ProvingWorker()
        self._desk = LotDesk(self._participant, self._witnesses, WorkerRanges(self._worker))
        self._number = number

    async def prepared(self, mass: str) -> Sale:
        asked = question(consignment=f"DESK-{self._number}")
        request = inbox.AttestationRequest(
            id=f"{self._number:032x}",
            importer=IMPORTER.id,
            purpose=str(asked["purpose"]),
            cn=str(asked["cn"]),
            period_start=str(asked["period_start"]),
            period_end=str(asked["period_end"]),
            consignment=str(asked["consignment"]),
            net_mass_t=mass,
            items=(),
            consignment_key=f"{self._number:064x}",
        )
        composition = await self.composer.compose(request, None)
        sale = await self._desk.sale(request, composition.prepared, composition.egress.subject.process)
        assert sale is not None
        return sale

    def write(self, sale: Sale) -> None:
        with self._participant.store.writing() as connection:
            sale.write(connection, f"{self._number:032x}")

    async def close(self) -> None:
        await self._worker.close()
        await self._witnesses.close()
        await self._peers.close()
        self._participant.close()
