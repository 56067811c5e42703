"""An importer and an exporter that does not keep to the protocol, or a line that breaks: what is kept, what repeats."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from life_stage import DATA, LifeStage

from carbonport.errors import CarbonportError, Unavailable
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.exact_decimal import decimal_text
from carbonport.footprint.intake import read_ledger
from carbonport.node.demo.cast import EXPORTER, IMPORTER, REGULATOR, VERIFIER
from carbonport.node.importer import commands as importer
from carbonport.node.importer.queries import query_of
from carbonport.node.open_node import OpenNode
from carbonport.node.participant import Participant

Ask = Callable[..., Awaitable[Any]]


class LyingPeers:
    """The importer's peers, with an exporter whose requests and answers `bend` may change."""

    def __init__(self, peers: Any, bend: Callable[[str, Message, Ask], Awaitable[Any]]) -> None:
        self._peers = peers
        self._bend = bend

    async def ask(
        self, peer: str, method: str, request: Message, answer_type: type[Message], **options: float
    ) -> Any:
        async def pass_on(sent: Message) -> Any:
            return await self._peers.ask(peer, method, sent, answer_type, **options)

        return await self._bend(method, request, pass_on)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LifeStage]:
    made = LifeStage.make(tmp_path_factory.mktemp("receiving") / "stage")
    with ExitStack() as nodes:
        made.serve(nodes, EXPORTER, VERIFIER, REGULATOR)
        made.verify_on_site()
        yield made


async def _as_importer(
    stage: LifeStage,
    bend: Callable[[str, Message, Ask], Awaitable[Any]],
    act: Callable[[OpenNode], Awaitable[Any]],
) -> Any:
    node = await OpenNode.open(Participant.open(stage.home(IMPORTER)))
    try:
        return await act(replace(node, peers=LyingPeers(node.peers, bend)))  # type: ignore[arg-type]
    finally:
        await node.close()


def _crossings(stage: LifeStage) -> int:
    audit = stage.do(REGULATOR, "audit", {"target": EXPORTER.id})
    assert audit["ok"]
    return sum(entry["type"] == "crossing" for entry in audit["entries"])


def _question(stage: LifeStage, consignment: str) -> dict[str, Any]:
    return {
        "exporter": EXPORTER.id,
        "purpose": "cbam-declaration",
        "cn": stage.good,
        "period_start": stage.period[0],
        "period_end": stage.period[1],
        "consignment": consignment,
        "net_mass_t": "12.5",
        "items": [],
    }


def test_an_attestation_of_another_consignment_is_no_answer(stage: LifeStage, tmp_path: Path) -> None:
    sold, other = stage.query("SOLD-1"), stage.query("SOLD-2")

    async def swap(method: str, request: Any, pass_on: Ask) -> Any:
        if method == importer.FETCH:
            request.attestation_id = sold["attestation"]
        return await pass_on(request)

    arguments = {"request": other["request"], "out": str(tmp_path / "bundle.json")}
    with pytest.raises(CarbonportError) as caught:
        asyncio.run(_as_importer(stage, swap, lambda node: importer.fetch(node, arguments)))
    assert caught.value.id == "answer-not-asked"
    assert "consignment" in caught.value.found
    assert not (tmp_path / "bundle.json").exists()


def test_an_answer_to_another_request_changes_nothing(stage: LifeStage) -> None:
    asked = stage.query("SOLD-3")

    async def bend(method: str, request: Any, pass_on: Ask) -> Any:
        answer = await pass_on(request)
        if method == importer.REQUEST:
            answer.request.request_id = asked["request"]
        return answer

    async def act(node: OpenNode) -> None:
        with pytest.raises(CarbonportError) as caught:
            await importer.query(node, _question(stage, "SOLD-4"))
        assert caught.value.id == "answer-request"
        with node.participant.store.reading() as connection:
            kept = query_of(connection, asked["request"])
        assert kept.attestation == asked["attestation"]

    asyncio.run(_as_importer(stage, bend, act))


def test_a_fetch_that_broke_off_is_repeated_as_the_same_crossing(stage: LifeStage, tmp_path: Path) -> None:
    asked = stage.query("SOLD-5")
    arguments = {"request": asked["request"], "out": str(tmp_path / "bundle.json")}
    before = _crossings(stage)

    async def break_off(method: str, request: Any, pass_on: Ask) -> Any:
        answer = await pass_on(request)
        if method == importer.FETCH:
            raise Unavailable("transport-unavailable", found="a cut line", expected="", remedy="")
        return answer

    with pytest.raises(Unavailable):
        asyncio.run(_as_importer(stage, break_off, lambda node: importer.fetch(node, arguments)))
    assert _crossings(stage) == before + 1
    assert stage.do(IMPORTER, "fetch", arguments)["ok"]
    assert _crossings(stage) == before + 1
    # A fetch after a complete one is asked for on purpose, and is a crossing of its own.
    assert stage.do(IMPORTER, "fetch", arguments)["ok"]
    assert _crossings(stage) == before + 2


def test_a_query_that_broke_off_is_repeated_as_the_same_request(stage: LifeStage) -> None:
    async def break_off(method: str, request: Any, pass_on: Ask) -> Any:
        await pass_on(request)
        raise Unavailable("transport-unavailable", found="a cut line", expected="", remedy="")

    question = _question(stage, "SOLD-6")
    with pytest.raises(Unavailable):
        asyncio.run(_as_importer(stage, break_off, lambda node: importer.query(node, question)))
    answered = stage.do(IMPORTER, "query", question)
    inbox = stage.do(EXPORTER, "requests", {"all": True})["requests"]
    assert [item["request"] for item in inbox if item["consignment"] == "SOLD-6"] == [answered["request"]]


@pytest.mark.parametrize(("consignment", "net_mass_t"), [("C-{}", "12.5"), ("GUESS-{1}", "{}")])
def test_guesses_at_protected_values_are_not_answered(
    stage: LifeStage, consignment: str, net_mass_t: str
) -> None:
    # A protected amount that the lot holds: a mass beyond the production is refused, whatever it is a guess at.
    ledger = read_ledger(DATA, Catalogue.load())
    amount = decimal_text(ledger.records["precursor/pig-iron-purchased/precursor_amount"].value)
    right, wrong = amount, f"{amount[0]}7{amount[2:]}"
    assert right != wrong
    answers = []
    for number, guess in enumerate((right, wrong)):
        name = consignment.format(guess, number)
        question = {**_question(stage, name), "net_mass_t": net_mass_t.format(guess)}
        answers.append(stage.do(IMPORTER, "query", question)["state"])
    # A refusal of the right one alone would give the value away, some digits at a time.
    assert answers == ["issued", "issued"]


def test_nothing_crosses_for_a_file_that_cannot_be_written(stage: LifeStage, tmp_path: Path) -> None:
    asked, before = stage.query("SOLD-7"), _crossings(stage)
    for out in (tmp_path, tmp_path / "none" / "bundle.json"):
        with pytest.raises(CarbonportError) as caught:
            stage.do(IMPORTER, "fetch", {"request": asked["request"], "out": str(out)})
        assert caught.value.id == "file-problem"
    assert _crossings(stage) == before
