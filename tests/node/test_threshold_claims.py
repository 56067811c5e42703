"""Threshold claims from buyer to bundle, over real nodes: a bound without the value, once, and nothing else."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from life_stage import DATA, LifeStage

from carbonport.attestation.bundle import read_bundle
from carbonport.attestation.checks import verify_bundle
from carbonport.attestation.lots.lot_identity import NO_PLACE
from carbonport.attestation.presentation import Presentation
from carbonport.classification.egress import EgressRefused
from carbonport.crypto.ambient import system_clock
from carbonport.errors import Malformed
from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.graph import Graph, Root, Round
from carbonport.footprint.intake import read_ledger
from carbonport.node.cli import main
from carbonport.node.config import ExchangeSettings, write_config
from carbonport.node.demo.cast import EXPORTER, IMPORTER, REGULATOR, VERIFIER
from carbonport.node.exporter.answering import CLAIM_REFUSAL_S, AnswerDesk
from carbonport.node.exporter.inbox import AttestationRequest, RequestState, entry_of, receive, settle
from carbonport.node.exporter.person_decides import approve, refuse
from carbonport.node.exporter.refusal_bound import MAX_REFUSED_A_DAY, SECONDS_PER_DAY, is_reached
from carbonport.node.exporter.threshold_history import (
    ClaimedGood,
    admitted_places,
    claimed_good,
    times_asked,
)
from carbonport.node.open_node import OpenNode
from carbonport.node.participant import Participant
from carbonport.node.proving.result_evidence import EvidenceMaker
from carbonport.node.restored import LOST, decide_restore
from carbonport.node.store import Store
from carbonport.node.store.backup import RESTORED_AT
from carbonport.node.store.facts import write_fact
from carbonport.node.transport.rich_errors import Overloaded

HOLDING, EXCEEDED = "default-values", "benchmarks"
"""The example's coil and bars emit less than the default value and more than the benchmark."""

OTHER_GOOD = "72142000"


@pytest.fixture(scope="module")
def exporters_process() -> Iterator[ExitStack]:
    with ExitStack() as running:
        yield running


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, exporters_process: ExitStack) -> Iterator[LifeStage]:
    """Everybody serves, and a statement is signed."""
    made = LifeStage.make(tmp_path_factory.mktemp("t") / "stage")
    with ExitStack() as others:
        made.serve(others, VERIFIER, REGULATOR, IMPORTER)
        made.serve(exporters_process, EXPORTER)
        made.verify_on_site()
        yield made


@pytest.fixture
def exporters_own(stage: LifeStage, exporters_process: ExitStack) -> LifeStage:
    """The same with the exporter's process stopped, for whoever opens its node here."""
    exporters_process.close()
    return stage


def at_the_exporters(
    stage: LifeStage, work: Callable[[OpenNode, AnswerDesk], Awaitable[None]], pauses: list[float]
) -> None:
    """Run something on the exporter's node, opened here, with a desk that takes its pauses down instead of waiting."""

    async def run() -> None:
        node = await OpenNode.open(Participant.open(stage.home(EXPORTER)))

        async def pause(seconds: float) -> None:
            pauses.append(seconds)

        node.answers.pause = pause
        try:
            await work(node, node.answers)
        finally:
            await node.close()

    asyncio.run(run())


def ask(stage: LifeStage, table: str, cn: str = "", request_id: str = "") -> dict[str, Any]:
    arguments = {
        "exporter": EXPORTER.id,
        "purpose": "cbam-declaration",
        "cn": cn or stage.good,
        "period_start": stage.period[0],
        "period_end": stage.period[1],
        "table": table,
        "request_id": request_id,
    }
    return stage.do(IMPORTER, "query-threshold", arguments)


def history(stage: LifeStage, cn: str) -> tuple[tuple[str, ...], int]:
    home = stage.home(EXPORTER)
    store = Store.open_read_only(home.config.store_url(home.path).removeprefix("sqlite:///"))
    good = ClaimedGood(IMPORTER.id, cn, *stage.period)
    try:
        with store.reading() as connection:
            return admitted_places(connection, good), times_asked(connection, good)
    finally:
        store.close()


def emissions(cn: str) -> str:
    goods = calculate(read_ledger(DATA, Catalogue.load())).goods
    return next(good.attested("see_direct") for good in goods if good.cn == cn)


def test_a_bound_is_proved_without_the_value_and_verifies(stage: LifeStage) -> None:
    answer = ask(stage, HOLDING)
    assert answer["state"] == "issued"
    bundle = stage.fetch(answer["request"], "claim")
    report = stage.verify(bundle)
    assert report.ok, [check for check in report.checks if not check.ok]
    assert report.check("published-threshold").found.startswith(
        "see_direct at most 3.50570, default-values/2026-1740"
    )
    assert report.check("result-proof").found.startswith("proved: bounds of see_direct follow from")
    assert "opened" not in report.check("result-proof").found
    assert report.check("consignment-binding").found.startswith("none: a claim about the good")
    value = emissions(stage.good)
    disclosure = read_bundle(bundle.read_bytes()).presentation
    assert value.encode() not in disclosure
    assert value.replace(".", "").encode() not in disclosure
    assert Presentation.decode(disclosure).evidence.kind == "proof"
    # For another consignment's sake it is no attestation.
    home = stage.home(IMPORTER)
    bound = verify_bundle(
        bundle.read_bytes(), now=system_clock(), anchors=home.trust.anchors(), consignment="LOT-1"
    )
    assert bound.failed() == ("consignment-binding",)


def test_the_same_is_answered_again_and_another_table_never(stage: LifeStage) -> None:
    first = ask(stage, HOLDING)
    again = ask(stage, HOLDING, request_id="0" * 31 + "7")
    assert first["state"] == again["state"] == "issued"
    other = ask(stage, EXCEEDED)
    assert (other["state"], other["reason"], other["attestation"]) == ("refused", "egress-refused", "")
    assert len(other["decision"]) == 32
    places, asked = history(stage, stage.good)
    assert len(places) == 1
    assert places[0].startswith("default-values/")
    assert asked >= 2


def test_what_does_not_hold_is_answered_as_what_is_not_admitted_and_counts(stage: LifeStage) -> None:
    above = ask(stage, EXCEEDED, OTHER_GOOD)
    places, asked = history(stage, OTHER_GOOD)
    assert asked == 1
    assert places[0].startswith("benchmarks/")
    after = ask(stage, HOLDING, OTHER_GOOD)
    assert history(stage, OTHER_GOOD) == (places, 1)
    for answer in (above, after):
        assert (answer["state"], answer["reason"], answer["attestation"]) == ("refused", "egress-refused", "")
        assert len(answer["decision"]) == 32
    assert above.keys() == after.keys()
    # Sent again, each has the answer it had.
    assert ask(stage, EXCEEDED, OTHER_GOOD, above["request"]) == above


def test_the_log_tells_the_regulator_which_bound_crossed(stage: LifeStage) -> None:
    request = ask(stage, HOLDING)["request"]
    stage.fetch(request, "logged")
    audit = stage.do(REGULATOR, "audit", {"target": EXPORTER.id})
    crossed = [entry for entry in audit["entries"] if entry["type"] == "crossing"]
    forms = {item["field"]: item["form"] for item in crossed[-1]["items"]}
    assert forms["see_direct"] == "banded"
    assert forms["cn"] == forms["country"] == "raw"


def test_a_revoked_claim_fails(stage: LifeStage) -> None:
    answer = ask(stage, HOLDING, request_id="0" * 31 + "9")
    stage.fetch(answer["request"], "revoked")
    stage.do(EXPORTER, "revoke", {"attestation": answer["attestation"], "reason": "a wrong meter"})
    bundle = stage.folder / "refreshed.json"
    refreshed = stage.do(IMPORTER, "refresh", {"request": answer["request"], "out": str(bundle)})
    assert refreshed["state"] == "revoked"
    assert "attestation-status" in stage.verify(bundle).failed()


def test_only_published_tables_can_be_named(stage: LifeStage) -> None:
    with pytest.raises(Malformed, match="request-malformed"):
        ask(stage, "1.79766")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ([], "query-consignment"),
        (["--consignment", "C-1"], "query-consignment"),
        (["--claim-at-most", HOLDING, "--net-mass-t", "1"], "query-claim"),
        (["--claim-at-most", HOLDING, "--item", "route"], "query-claim"),
    ],
)
def test_a_command_asks_one_question(
    options: list[str], error: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["query", EXPORTER.id, "--cn", OTHER_GOOD, "--period", "2026-01-01/2026-12-31", *options]
    monkeypatch.setattr("sys.argv", ["carbonport", *words, "--json"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert json.loads(capsys.readouterr().out)["error"]["id"] == error


def request_of(stage: LifeStage, buyer: str, table: str, number: int = 1) -> AttestationRequest:
    """What arrives when a buyer asks: who it is says the transport."""
    return AttestationRequest(
        id=f"{number:032x}",
        importer=buyer,
        purpose="cbam-declaration",
        cn=stage.good,
        period_start=stage.period[0],
        period_end=stage.period[1],
        consignment="",
        net_mass_t="",
        items=(),
        threshold=table,
    )


def test_refusals_differ_neither_in_words_nor_in_time(exporters_own: LifeStage) -> None:
    """One buyer asks what does not hold, another has asked before: what they get, and what is waited, is alike."""
    stage, pauses = exporters_own, list[float]()

    async def work(_: OpenNode, desk: AnswerDesk) -> None:
        above = await desk.answer(request_of(stage, "EU/529900000000BUYERA00", EXCEEDED))
        assert len(pauses) == 1
        held = await desk.answer(request_of(stage, "EU/529900000000BUYERB00", HOLDING))
        assert (held.state, len(pauses)) == (RequestState.ISSUED, 1)
        again = await desk.answer(request_of(stage, "EU/529900000000BUYERB00", EXCEEDED, 2))
        assert len(pauses) == 2
        assert (above.state, above.reason) == (again.state, again.reason)
        assert (above.state, above.reason) == (RequestState.REFUSED, "egress-refused")
        assert len(above.decision) == len(again.decision) == 32
        assert above.attestation == again.attestation == ""

    at_the_exporters(stage, work, pauses)
    assert all(0 < pause <= CLAIM_REFUSAL_S for pause in pauses)


def test_of_two_values_asked_at_once_one_is_admitted(exporters_own: LifeStage) -> None:
    stage = exporters_own

    async def work(node: OpenNode, desk: AnswerDesk) -> None:
        asked = [
            request_of(stage, "EU/529900000000BUYERC00", table, n)
            for n, table in enumerate((HOLDING, EXCEEDED), 1)
        ]
        answers = await asyncio.gather(*(desk.answer(request) for request in asked))
        with node.participant.store.reading() as connection:
            places = admitted_places(connection, claimed_good(asked[0]))
        assert len(places) == 1
        issued = [answer for answer in answers if answer.state is RequestState.ISSUED]
        assert len(issued) == (1 if places[0].startswith(HOLDING) else 0)

    at_the_exporters(stage, work, [])


def test_a_person_refuses_in_the_words_of_the_gate(exporters_own: LifeStage) -> None:
    stage = exporters_own
    person = ExchangeSettings(approval="person")

    async def work(node: OpenNode, desk: AnswerDesk) -> None:
        pending = await desk.answer(request_of(stage, "EU/529900000000BUYERD00", HOLDING))
        assert pending.state is RequestState.PENDING
        with node.participant.store.reading() as connection:
            assert not admitted_places(connection, claimed_good(pending.request))
        said = {"request": pending.request.id, "by": "Lin", "reason": "not this buyer"}
        assert (await refuse(node, said))["reason"] == "egress-refused"  # type: ignore[index,call-overload]
        with node.participant.store.reading() as connection:
            entry = entry_of(connection, pending.request.importer, pending.request.id)
            assert admitted_places(connection, claimed_good(pending.request))
        assert entry is not None
        assert len(entry.decision) == 32
        # The next question does not tell it from a value that does not hold: nothing waits for a person any more.
        other = await desk.answer(request_of(stage, pending.request.importer, EXCEEDED, 2))
        assert (other.state, other.reason) == (RequestState.REFUSED, "egress-refused")

    home = stage.home(EXPORTER)
    write_config(home.path, replace(home.config, exchange=person))
    try:
        at_the_exporters(stage, work, [])
    finally:
        write_config(home.path, home.config)


def test_an_importer_cannot_fill_the_log_with_refusals(exporters_own: LifeStage) -> None:
    stage, hostile, honest = exporters_own, "EU/529900000000BUYERH00", "EU/529900000000BUYERI00"

    def no_such_good(buyer: str, number: int) -> AttestationRequest:
        return replace(request_of(stage, buyer, "", number), cn="99999999", consignment="C", net_mass_t="1")

    async def work(node: OpenNode, desk: AnswerDesk) -> None:
        first = await desk.answer(no_such_good(hostile, 0))
        assert (first.state, first.reason) == (RequestState.REFUSED, "request-good")
        now = node.participant.clock()
        with node.participant.store.writing() as connection:
            for number in range(1, MAX_REFUSED_A_DAY):
                entry = receive(connection, no_such_good(hostile, number), now=now)
                settle(connection, entry, RequestState.REFUSED, now=now, reason="request-good")
            assert is_reached(connection, hostile, now=now)
            assert not is_reached(connection, hostile, now=now + SECONDS_PER_DAY)
            assert not is_reached(connection, honest, now=now)
        logged = node.log.size
        for number in range(MAX_REFUSED_A_DAY, MAX_REFUSED_A_DAY + 5):
            with pytest.raises(Overloaded, match="request-refusals") as turned_away:
                await desk.answer(no_such_good(hostile, number))
            assert 0 < turned_away.value.retry_after_s <= SECONDS_PER_DAY
        assert node.log.size == logged + 1, "one entry for all that were turned away"
        with node.participant.store.reading() as connection:
            assert entry_of(connection, hostile, f"{MAX_REFUSED_A_DAY:032x}") is None
        # What was answered before is answered again; another importer is heard.
        assert await desk.answer(no_such_good(hostile, 0)) == first
        assert (await desk.answer(no_such_good(honest, 0))).state is RequestState.REFUSED

    at_the_exporters(stage, work, [])


def test_a_person_approves_and_only_then_it_counts(exporters_own: LifeStage) -> None:
    stage = exporters_own

    async def work(node: OpenNode, desk: AnswerDesk) -> None:
        buyer = "EU/529900000000BUYERF00"
        asked = [request_of(stage, buyer, table, n) for n, table in enumerate((HOLDING, EXCEEDED), 21)]
        for request in asked:
            assert (await desk.answer(request)).state is RequestState.PENDING
        with node.participant.store.reading() as connection:
            assert not admitted_places(connection, claimed_good(asked[0]))
        by = {"by": "Lin", "days": "", "uses": ""}
        first = await approve(node, {"request": asked[0].id, **by})
        second = await approve(node, {"request": asked[1].id, **by})
        assert isinstance(first, dict)
        assert isinstance(second, dict)
        assert first["state"] == "issued"
        assert (second["state"], second["reason"]) == ("refused", "egress-refused")

    home = stage.home(EXPORTER)
    write_config(home.path, replace(home.config, exchange=ExchangeSettings(approval="person")))
    try:
        at_the_exporters(stage, work, [])
    finally:
        write_config(home.path, home.config)


def test_what_cannot_be_proved_is_refused_before_the_result_is_looked_at(exporters_own: LifeStage) -> None:
    """A graph without a sealed form, and one whose result is computed by a root: the same refusal above and below."""
    stage = exporters_own

    async def work(node: OpenNode, _: AnswerDesk) -> None:
        participant = node.participant
        evidence = EvidenceMaker(
            participant.id,
            participant.config.exchange.proof,
            node.worker,
            lambda recipient: participant.key_of(recipient, "hpke"),
        )
        for number, table in enumerate((HOLDING, EXCEEDED), 31):
            asked = request_of(stage, f"EU/529900000000BUYERG{number}", table, number)
            composition = await node.composer.compose(asked, None)
            figures = composition.prepared.figures
            subject = composition.egress.subject
            good = figures.good(subject.process, subject.cn)
            for sealed, reason in ((None, "proof-not-sealed"), (_rooted(good.sealed), "proof-node-kind")):
                other = replace(figures, goods=(replace(good, sealed=sealed),))
                unprovable = replace(composition, prepared=replace(composition.prepared, figures=other))
                with pytest.raises(EgressRefused) as refused:
                    await evidence.make(unprovable, NO_PLACE)
                assert refused.value.id == "egress-refused"
                assert refused.value.decision.reason == f"It could not be proved: {reason}."

    at_the_exporters(stage, work, [])


def _rooted(graph: Graph | None) -> Graph:
    """The graph with a square root under its direct emissions, which nobody can prove."""
    assert graph is not None
    rounding = graph[graph.outputs["see_direct_rounded"]]
    assert isinstance(rounding, Round)
    root = Root("root", "tCO2e/t", "", "", rounding.of, 5)
    changed = replace(rounding, of="root")
    nodes = [changed if node.id == rounding.id else node for node in graph.nodes]
    at = nodes.index(changed)
    return Graph((*nodes[:at], root, *nodes[at:]), graph.outputs)


def test_after_a_lost_restore_no_claim_about_the_time_before_is_admitted(exporters_own: LifeStage) -> None:
    """Last, for it changes the store: which values were asked since the backup is not known."""
    stage = exporters_own

    async def work(node: OpenNode, desk: AnswerDesk) -> None:
        with node.participant.store.writing() as connection:
            write_fact(connection, RESTORED_AT, str(node.participant.clock()))
            decide_restore(connection, LOST)
        answer = await desk.answer(request_of(stage, "EU/529900000000BUYERE00", HOLDING))
        assert (answer.state, answer.reason) == (RequestState.REFUSED, "egress-refused")
        known = await desk.answer(request_of(stage, "EU/529900000000BUYERB00", HOLDING, 3))
        assert known.state is RequestState.ISSUED

    at_the_exporters(stage, work, [])
