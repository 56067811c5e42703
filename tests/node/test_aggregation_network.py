"""Sessions between nodes: real TLS, real stores and logs, every role stepping; and what each refuses."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, event, select

from carbonport.crypto.ambient import system_clock, system_random
from carbonport.crypto.log_entry import EntryType
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.contributing import make_contribution
from carbonport.crypto.sums.contribution import Contribution, decode_head
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse, Refused, Unavailable
from carbonport.node.aggregation.answers import ANSWER, Answer
from carbonport.node.aggregation.closing import ClosingCertificate
from carbonport.node.aggregation.contributor import Contributor
from carbonport.node.aggregation.findings import FINDING, Finding
from carbonport.node.aggregation.given_proof import (
    GivenProof,
    ProvenContribution,
    given_file,
    proven_contribution,
    read_given_file,
)
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient
from carbonport.node.aggregation.network.coordinator_session import CoordinatorSession
from carbonport.node.aggregation.network.forgetting import (
    SECONDS_PER_DAY,
    SECRET_KINDS,
    WORKING_KINDS,
    forget_due,
)
from carbonport.node.aggregation.network.given_leaves import given_leaves
from carbonport.node.aggregation.network.listed_sessions import ListedSessions
from carbonport.node.aggregation.network.opened_plan import opened_plan
from carbonport.node.aggregation.network.plan_file import read_plan_file
from carbonport.node.aggregation.result_check import check_result_file
from carbonport.node.aggregation.result_statement import exact_sums
from carbonport.node.demo.aggregate_cast import (
    CN_KEEPER,
    COORDINATOR,
    OUTPUTS_T,
    POWER_MWH,
    VERIFIER,
    AggregateStage,
    plan_file,
    set_aggregate_stage,
    true_sums,
    verify_works,
)
from carbonport.node.demo.cast import Part
from carbonport.node.home import open_home
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.open_node import OpenNode
from carbonport.node.operations import run_operation
from carbonport.node.operator.accept_restore import accept_restore
from carbonport.node.operator.home_backup import back_up_home, restore_home
from carbonport.node.participant import Participant
from carbonport.node.services.aggregation_service import AggregationService
from carbonport.node.services.status_service import StatusService
from carbonport.node.sessions.holder_secret import sessions_with_secrets
from carbonport.node.sessions.parties import current_keys
from carbonport.node.sessions.records import Record, all_of, drop, find, keep, names_of, sessions_holding
from carbonport.node.sessions.session_log import keep_logged
from carbonport.node.sessions.signed_document import document_digest
from carbonport.node.status_lists import TOKEN_TTL_S, StatusLists
from carbonport.node.store.session_schema import session_records
from carbonport.wire.v1 import aggregation_pb2, aggregation_pb2_grpc, status_pb2, status_pb2_grpc
from whole_program import whole_program

EXPORTERS, HOLDERS = 5, 3


class Nodes:
    """Everybody's node, open in this process; coordinator and verifier listen. Each can be closed
    and opened again."""

    listed: ListedSessions
    """The coordinator's sessions as it tells parties that poll; kept until it is closed."""

    later_s = 0
    """How far everybody's clock is ahead."""

    def __init__(self, stage: AggregateStage) -> None:
        self.stage = stage
        self.opened: dict[str, OpenNode] = {}
        self.behind_s: dict[str, int] = {}
        """How far the clocks of single parts are behind everybody's."""
        self._servers: dict[str, Any] = {}

    async def open(self, part: Part) -> None:
        home = open_home(self.stage.folder / part.key, environ={})

        def clock() -> int:
            return system_clock() + Nodes.later_s - self.behind_s.get(part.key, 0)

        node = await OpenNode.open(Participant.open(home, clock=clock))
        self.opened[part.key] = node
        if part == COORDINATOR:
            self.listed = ListedSessions(node)
        if part not in (COORDINATOR, VERIFIER):
            return
        server = self._servers[part.key] = home.server()
        if part == COORDINATOR:
            server.add(
                aggregation_pb2_grpc.add_AggregationServiceServicer_to_server,
                AggregationService(node),
                aggregation_pb2.DESCRIPTOR.services_by_name["AggregationService"],
            )
        else:
            server.add(
                status_pb2_grpc.add_StatusServiceServicer_to_server,
                StatusService(StatusLists(node.participant), node.restore),
                status_pb2.DESCRIPTOR.services_by_name["StatusService"],
            )
        await server.start(home.config.node.listen)

    async def close(self, part: Part) -> None:
        if part.key in self._servers:
            await self._servers.pop(part.key).stop(0)
        await self.opened.pop(part.key).close()

    async def restart(self, part: Part) -> None:
        await self.close(part)
        await self.open(part)

    async def do(self, part: Part, operation: str, **arguments: Any) -> dict[str, Any]:
        result = await run_operation(self.opened[part.key], f"aggregate-{operation}", arguments)
        assert isinstance(result, dict)
        if (part, operation) == (COORDINATOR, "run"):
            self._polled()
        return dict(result)

    def _polled(self) -> None:
        """What is told of sessions is where they stand, and no content is read again when nothing has happened."""
        coordinator, holder = self.opened[COORDINATOR.key], self.stage.holders[0].id
        told = {one.session: one.standing for one in self.listed.of(holder)}
        assert told == {name: CoordinatorSession(coordinator, name).standing() for name in told}
        read: list[str] = []

        def remember(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "FROM session_records" in statement:
                read.append(statement)

        event.listen(Engine, "before_cursor_execute", remember)
        try:
            assert {one.session: one.standing for one in self.listed.of(holder)} == told
        finally:
            event.remove(Engine, "before_cursor_execute", remember)
        assert len(read) == 1 + len(told)
        assert not [statement for statement in read if "content" in statement]

    async def hold(self) -> list[dict[str, Any]]:
        return [
            (await self.do(part, "hold", coordinator=COORDINATOR.id))["sessions"][-1]
            for part in self.stage.holders
        ]

    async def join(self, session: str, **arguments: Any) -> list[dict[str, Any]]:
        return [
            await self.do(part, "join", coordinator=COORDINATOR.id, session=session, **arguments)
            for part in self.stage.exporters
        ]


@asynccontextmanager
async def all_nodes(stage: AggregateStage) -> AsyncIterator[Nodes]:
    nodes = Nodes(stage)
    try:
        for part in stage.serving:
            await nodes.open(part)
        yield nodes
    finally:
        for part in stage.serving:
            if part.key in nodes.opened:
                await nodes.close(part)


def new_stage(folder: Path, stores: Mapping[str, str] | None = None) -> AggregateStage:
    stage = set_aggregate_stage(folder, exporter_count=EXPORTERS, holder_count=HOLDERS, stores=stores)
    verify_works(stage)
    (stage.folder / "plan.toml").write_text(plan_file(stage, 2))
    return stage


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, new_postgresql_schema: Callable[[], str]
) -> AggregateStage:
    """One of each role keeps its store in PostgreSQL, the others in SQLite."""
    stores = {name: new_postgresql_schema() for name in ("coordinator", "exporter-2", "holder-3")}
    return new_stage(tmp_path_factory.mktemp("sum"), stores)


def test_a_plan_that_expires_ends_with_last_words_and_frees_what_was_given(tmp_path: Path) -> None:
    try:
        asyncio.run(_expiring(new_stage(tmp_path / "stage"), tmp_path))
    finally:
        Nodes.later_s = 0


async def _expiring(stage: AggregateStage, tmp_path: Path) -> None:
    """One contributes, the others never do. Afterwards another plan takes the same quantities."""
    async with all_nodes(stage) as nodes:
        exporter = nodes.opened[stage.exporters[0].key].participant
        back_up_home(exporter, tmp_path / "backup", tmp_path / "period-keys")
        session = (await nodes.do(COORDINATOR, "plan", path=str(stage.folder / "plan.toml")))["session"]
        await nodes.hold()
        await nodes.do(COORDINATOR, "run", session=session)
        early = stage.exporters[0]
        arguments = {"coordinator": COORDINATOR.id, "session": session}
        assert (await nodes.do(early, "join", agree=True, **arguments))["said"] == "contribution"
        for part in stage.holders[:2]:  # they hold the plan; the third only made its keys
            await nodes.do(part, "hold", coordinator=COORDINATOR.id)

        Nodes.later_s += 3 * 86_400
        ended = await nodes.do(COORDINATOR, "run", session=session)
        assert (ended["phase"], ended["aborted_by"]) == ("expired", [])
        assert "the plan ran until 20" in ended["why"]
        assert ended["why"].endswith("UTC; no votes")
        waiting = await nodes.do(early, "join", **arguments)
        assert (waiting["phase"], waiting["freed_attempts"]) == ("expired", 0), "no certificate yet"
        assert [state["said"] for state in await nodes.hold()] == ["keys destroyed"] * HOLDERS
        assert not list(stage.folder.glob("holder-*/aggregation/*.secret"))
        await _told_why(nodes, stage, session, ended["why"])
        for part in stage.holders:
            await nodes.restart(part)
        assert [state["said"] for state in await nodes.hold()] == ["last word"] * HOLDERS, (
            "as often as it takes"
        )
        await nodes.do(COORDINATOR, "run", session=session)
        await nodes.restart(COORDINATOR)
        await nodes.do(COORDINATOR, "run", session=session)
        freed = await nodes.do(early, "join", **arguments)
        assert (freed["said"], freed["freed_attempts"]) == ("freed", 1)

        again = (await nodes.do(COORDINATOR, "plan", path=str(stage.folder / "plan.toml")))["session"]
        await nodes.hold()
        await nodes.do(COORDINATOR, "run", session=again)
        given = await nodes.do(early, "join", agree=True, coordinator=COORDINATOR.id, session=again)
        assert given["said"] == "contribution"
        await _withdrawn_meanwhile(nodes, stage, again)
        await _restored_meanwhile(nodes, stage, tmp_path, (session, again))


async def _told_why(nodes: Nodes, stage: AggregateStage, session: str, why: str) -> None:
    """One that was invited and never looked is told how the session ended; agreeing comes too late and leaves nothing
    behind. Who is not named in the plan learns no more than that there is no result."""
    late, out = stage.exporters[1], str(stage.folder / "none.json")
    for agree in (False, True):
        told = await nodes.do(late, "join", coordinator=COORDINATOR.id, session=session, agree=agree)
        assert (told["phase"], told["done"], told["why"]) == ("expired", True, why)
    assert (await nodes.do(COORDINATOR, "run", session=session))["counts"]["consent"] == 1
    for part, named in ((COORDINATOR, ""), (late, COORDINATOR.id), (stage.holders[2], "")):
        with pytest.raises(Refused, match="aggregation-expired") as refused:
            await nodes.do(part, "result", session=session, coordinator=named, out=out)
        assert refused.value.found == why
    with pytest.raises(Refused, match="aggregation-phase"):
        await nodes.do(VERIFIER, "result", session=session, coordinator=COORDINATOR.id, out=out)


async def _withdrawn_meanwhile(nodes: Nodes, stage: AggregateStage, session: str) -> None:
    """The verifier withdraws a statement after it was given: holders see it before they vote, and then the door. While
    its list is too old nothing is taken, and while it does not answer nobody says anything."""
    arguments = {"coordinator": COORDINATOR.id, "session": session, "agree": True}
    late = stage.exporters[-1]
    nodes.behind_s[VERIFIER.key] = TOKEN_TTL_S + 60
    await nodes.restart(VERIFIER)
    with pytest.raises(FailedVerification, match="aggregation-statement-standing"):
        await nodes.do(late, "join", **arguments)
    nodes.behind_s.clear()
    await nodes.restart(VERIFIER)
    for part in stage.exporters[1:]:
        assert (await nodes.do(part, "join", **arguments))["said"] == "contribution"
    assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "voting"
    await nodes.close(VERIFIER)
    with pytest.raises(Unavailable):
        await nodes.hold()
    with nodes.opened[stage.holders[0].key].participant.store.reading() as connection:
        assert find(connection, session, "vote:0", stage.holders[0].id) is None, "neither for it nor abort"
    await nodes.open(VERIFIER)
    with nodes.opened[COORDINATOR.key].participant.store.reading() as connection:
        token = find(connection, session, "statement:0", late.id)
    assert token is not None
    withdrawal = {"statement": document_digest(token.decode()), "reason": "a meter was wrong"}
    await run_operation(nodes.opened[VERIFIER.key], "withdraw", withdrawal)

    said = await nodes.hold()
    assert [state["said"] for state in said] == ["abort", "last word", "last word"]
    assert said[0]["why"] == f"aggregation-statement-standing {late.id}"
    again = await nodes.do(COORDINATOR, "run", session=session)
    assert (again["phase"], again["attempt"]) == ("contributing", 1)
    searched = (await nodes.hold())[0]
    assert (searched["said"], searched["why"]) == ("finding", ""), "no sum failed, so no share was looked at"
    with pytest.raises(FailedVerification, match="aggregation-statement-standing"):
        await nodes.do(late, "join", **arguments)


async def _restored_meanwhile(
    nodes: Nodes, stage: AggregateStage, tmp_path: Path, sessions: tuple[str, str]
) -> None:
    """The exporter's disk is lost; its backup is older than both contributions. Nothing goes into a sum until what the
    coordinator holds is entered again and the operator has stated that this is all."""
    early, exported = stage.exporters[0], tmp_path / "given"
    arguments = {"coordinator": COORDINATOR.id, "agree": True}
    given = await nodes.do(early, "join", session=sessions[1], **arguments)
    assert (given["said"], given["attempt"]) == ("contribution", 1)
    await nodes.close(early)
    home = stage.folder / early.key
    home.rename(tmp_path / "lost")
    keys = tmp_path / "period-keys"
    restore_home(tmp_path / "backup", home, period_keys=keys, store_url="", clock=system_clock)
    reopen = partial(open_home, home, environ={})
    await accept_restore(reopen(), reopen, reason="a disk was lost", nothing_lost=False)
    await nodes.open(early)
    third = (await nodes.do(COORDINATOR, "plan", path=str(stage.folder / "plan.toml")))["session"]
    await nodes.hold()
    await nodes.do(COORDINATOR, "run", session=third)
    with pytest.raises(Refused, match="aggregation-after-restore"):
        await nodes.do(early, "join", session=third, **arguments)

    held = await nodes.do(COORDINATOR, "register-export", contributor=early.id, out=str(exported))
    assert held["contributions"] == 3
    await _what_proves_nothing(nodes, early, exported.read_bytes())
    shown = await nodes.do(early, "register-rebuild", coordinators=[COORDINATOR.id])
    assert (shown["contributions"], shown["added"], shown["complete"]) == (3, 6, False)
    listed = (await nodes.do(early, "register-list"))["entries"]
    assert sum(entry["closed"] for entry in listed) == 4, "two attempts have their certificates"
    with pytest.raises(Refused, match="aggregation-after-restore"):
        await nodes.do(early, "join", session=third, **arguments)

    whole = {"files": [str(exported)], "complete": True, "reason": "our only coordinator"}
    assert (await nodes.do(early, "register-rebuild", **whole))["added"] == 0, "all is known by now"
    with pytest.raises(Refused, match="aggregation-contributed-before"):
        await nodes.do(early, "join", session=third, **arguments)
    again = await nodes.do(early, "join", session=sessions[1], **arguments)
    assert again["said"] == "contribution", "what was given stands, and nothing else is made in its place"
    with pytest.raises(Misuse, match="aggregation-register-whole"):
        await nodes.do(early, "register-rebuild", **whole)


async def _what_proves_nothing(nodes: Nodes, early: Part, exported: bytes) -> None:
    """Files of others, of other documents than the contribution names, and certificates of another attempt."""
    node, other = nodes.opened[early.key], nodes.stage.exporters[1]
    first, _, third = read_given_file(exported, early.id)
    with pytest.raises(Malformed, match="aggregation-given-file"):
        read_given_file(exported, other.id)

    def proven(proof: GivenProof, contributor: str = early.id) -> ProvenContribution:
        keys = current_keys(node)
        return proven_contribution(proof, contributor, own_keys=keys, holder_keys=keys)

    assert all(entry.closed for entry in proven(first).quantities)
    assert not any(entry.closed for entry in proven(replace(third, certificate=first.certificate)).quantities)
    with pytest.raises(FailedVerification, match="session-document-digest"):
        proven(replace(first, plan=third.plan))
    with pytest.raises(FailedVerification, match="statement-other"):
        proven(replace(first, statement=first.plan))
    with pytest.raises(FailedVerification, match="key-unknown"):
        proven(first, other.id)
    foreign = nodes.stage.folder / "foreign"
    foreign.write_bytes(given_file(early.id, [replace(first, contribution=first.plan)]))
    with pytest.raises(FailedVerification, match="aggregation-given-key"):
        await nodes.do(early, "register-rebuild", files=[str(foreign)])
    assert not (await nodes.do(early, "register-list"))["entries"], "nothing is entered of it"


def test_a_session_between_nodes_restarted_at_every_step(stage: AggregateStage, tmp_path: Path) -> None:
    asyncio.run(_whole_session(stage, tmp_path))


async def _whole_session(stage: AggregateStage, tmp_path: Path) -> None:
    async with all_nodes(stage) as nodes:
        begun = await nodes.do(COORDINATOR, "plan", path=str(stage.folder / "plan.toml"))
        session = begun["session"]
        await nodes.restart(COORDINATOR)
        assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "keys"
        assert [state["said"] for state in await nodes.hold()] == ["keys"] * HOLDERS
        for part in stage.holders:
            await nodes.restart(part)
        assert [state["said"] for state in await nodes.hold()] == ["keys"] * HOLDERS, "the same again"
        assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "contributing"

        looked = (await nodes.join(session))[0]
        assert looked["phase"] == "invited"
        assert looked["plan"]["votes_needed"] == 3
        assert len(looked["plan"]["invited"]) == EXPORTERS
        await _one_lies(nodes, stage, session)

        for part in stage.exporters:
            await nodes.restart(part)
        assert [state["said"] for state in await nodes.join(session)] == ["contribution"] * EXPORTERS
        await nodes.restart(COORDINATOR)
        undecided = await nodes.do(COORDINATOR, "run", session=session)
        assert undecided["phase"] == "contributing", "somebody has to decide about whom a holder named"
        too_few = {"session": session, "left_out": [stage.exporters[2].id]}
        with pytest.raises(Refused, match="aggregation-nothing-released"):
            await nodes.do(COORDINATOR, "run", **too_few)
        standing = await nodes.do(COORDINATOR, "run", session=session, kept=[stage.exporters[2].id])
        assert (standing["phase"], standing["attempt"]) == ("voting", 1)
        assert standing["counts"]["contribution"] == EXPORTERS

        assert [state["said"] for state in await nodes.hold()] == ["vote"] * HOLDERS
        for part in stage.holders:
            await nodes.restart(part)
        assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "answering"
        liar = stage.holders[1]
        await _a_holder_lies(nodes, liar, session)
        assert [state.get("said") for state in await nodes.hold()] == ["answer", None, "answer"], (
            "one word stands"
        )
        await nodes.restart(COORDINATOR)
        done = await nodes.do(COORDINATOR, "run", session=session)
        assert (done["phase"], done["done"], done["lied"]) == ("done", True, [liar.id])

        for state in await nodes.join(session):
            assert state["said"] == "result", "checked with this contributor's own trust lists"
        assert [state["said"] for state in await nodes.hold()] == ["keys destroyed"] * HOLDERS
        assert not list(stage.folder.glob("holder-*/aggregation/*.secret"))
        with nodes.opened[COORDINATOR.key].participant.store.reading() as connection:
            assert not names_of(connection, session, "ciphertext:1:1"), "nobody needs them any more"
        out = tmp_path / "result.json"
        await nodes.do(COORDINATOR, "result", session=session, out=str(out))
        now = nodes.opened[COORDINATOR.key].participant.clock()
        checked = check_result_file(out.read_bytes(), now=now)
        assert checked.report.ok, checked.report.failed()
        assert checked.plan is not None
        assert checked.result is not None
        assert exact_sums(checked.plan, checked.result)["total"] == true_sums(EXPORTERS)

        await _logged_on_both_sides(nodes, stage, tmp_path)
        await _forgotten(nodes, stage, session, out)
        await _nothing_twice(nodes, stage)
        _no_figure_left(nodes, stage, out.read_bytes())


async def _a_holder_lies(nodes: Nodes, liar: Part, session: str) -> None:
    """A holder answers with a share that it did not decrypt. Any k of the others are enough."""
    node = nodes.opened[liar.key]
    client = CoordinatorClient(node.peers, COORDINATOR.id)
    plan = (await opened_plan(node, client, session)).plan
    with node.participant.store.reading() as connection:
        shares = all_of(connection, session, "share:1")
    roster = document_digest((await client.proposal(session, 1)).proposal.roster)
    false = {cohort: bytes((*share[:31], share[31] ^ 1, *share[32:])) for cohort, share in shares.items()}
    lie = ANSWER.sign(
        Answer(plan.digest, 1, roster, false), liar.id, node.participant.signing_key(KeyUse.SEAL)
    )
    await client.submit_words(session, 1, answer=lie.token)


async def _no_second_attempt_without_proof(nodes: Nodes, session: str, part: Part) -> None:
    """A coordinator that wants another sum before the first attempt is closed: shown no certificate, or one that closes
    nothing, no exporter contributes again."""
    participant = nodes.opened[COORDINATOR.key].participant
    for name, error in (("2", "aggregation-no-certificate"), ("0", "aggregation-not-closed")):
        empty = Record("certificate", name, ClosingCertificate.of([], []).encode())
        with participant.store.writing() as connection:
            keep(connection, session, empty, now=participant.clock())
        with pytest.raises(CarbonportError, match=error):
            await nodes.do(part, "join", coordinator=COORDINATOR.id, session=session, agree=True)
        with participant.store.writing() as connection:
            drop(connection, session, "certificate")
    with nodes.opened[part.key].participant.store.reading() as connection:
        assert find(connection, session, "contribution:1", part.id) is None


async def _one_lies(nodes: Nodes, stage: AggregateStage, session: str) -> None:
    """The first attempt: one exporter encrypts for the first holder another share than it committed to. That holder
    votes abort, all give their last word, and only with the certificate of that does anybody go on."""
    liar = stage.exporters[2]
    for part in stage.exporters:
        if part != liar:
            joined = await nodes.do(part, "join", coordinator=COORDINATOR.id, session=session, agree=True)
            assert joined["said"] == "contribution"
    node = nodes.opened[liar.key]
    client = CoordinatorClient(node.peers, COORDINATOR.id)
    opened = await opened_plan(node, client, session)
    given = await given_leaves(node, opened.plan)
    contributor = Contributor(liar.id, node.participant.signing_key(KeyUse.SEAL))
    now, parameters = node.participant.clock(), opened.plan.content.parameters(opened.plan.digest)
    state = contributor.join(opened.plan, now=now)
    with BfvWorker() as worker:
        for index, context in opened.contexts.items():
            worker.open_context(index, context)
        made, other = (
            make_contribution(
                parameters, liar.id, given.values, worker.encrypt, nonce_secret=system_random(32)
            )[0]
            for _ in range(2)
        )
    head = decode_head(parameters, liar.id, made.head)
    false = other.ciphertexts[1]
    hashes = (hashlib.sha256(false).digest(), *head.ciphertext_hashes[1:])
    lie = Contribution(
        replace(head, ciphertext_hashes=hashes).encode(parameters), {**made.ciphertexts, 1: false}
    )
    _, signed = contributor.contribute(
        state, 0, statement=given.statement, given=given.metrics, made=lie, now=now
    )
    record = Record("contribution:0", liar.id, signed.token.encode())
    logged = await keep_logged(
        node, EntryType.CROSSING, session, [record], sender=liar.id, counterparty=COORDINATOR.id
    )
    receipt = logged.receipt.encode()
    with pytest.raises(Refused, match="aggregation-phase"):
        await client.submit_contribution(session, 0, signed.token, given.statement, receipt)
    await client.submit_consent(session, state.consent.token)
    unlogged = contributor.contribute(
        state, 0, statement=given.statement, given=given.metrics, made=made, now=now
    )[1]
    with pytest.raises(CarbonportError, match="receipt-payload"):
        await client.submit_contribution(session, 0, unlogged.token, given.statement, receipt)
    await client.submit_contribution(session, 0, signed.token, given.statement, receipt)
    with pytest.raises(CarbonportError, match="sum-ciphertext-hash"):
        await client.submit_ciphertext(session, 0, 1, made.ciphertexts[1])
    for index, data in lie.ciphertexts.items():
        await client.submit_ciphertext(session, 0, index, data)
    await _no_second_attempt_without_proof(nodes, session, stage.exporters[0])

    assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "voting"
    said = await nodes.hold()
    assert [state["said"] for state in said] == ["abort", "last word", "last word"], (
        "no roster can pass any more"
    )
    assert said[0]["why"] == "sum-answer output"
    for part in stage.exporters:
        waiting = await nodes.do(part, "join", coordinator=COORDINATOR.id, session=session, agree=True)
        assert (waiting["phase"], "said" in waiting) == ("closing", False)
    again = await nodes.do(COORDINATOR, "run", session=session)
    assert (again["phase"], again["attempt"]) == ("contributing", 1)
    assert again["awaited"] == [stage.holders[0].id], "one of k - 1 holders, whose sum failed"
    await _the_pair_is_named(nodes, stage, session, liar)


async def _the_pair_is_named(nodes: Nodes, stage: AggregateStage, session: str, liar: Part) -> None:
    """Only the holder whose sum failed searches, and it says no more than whose share is false."""
    first, second = stage.holders[0], nodes.opened[stage.holders[1].key]
    bystander = CoordinatorClient(second.peers, COORDINATOR.id)
    with pytest.raises(Refused, match="aggregation-phase"):
        await bystander.share(session, 0, liar.id)
    plan = (await opened_plan(second, bystander, session)).plan
    roster = (await bystander.proposal(session, 0)).proposal.roster
    slander = FINDING.sign(
        Finding(plan.digest, 0, document_digest(roster), (stage.exporters[0].id,)),
        second.participant.id,
        second.participant.signing_key(KeyUse.SEAL),
    )
    with pytest.raises(CarbonportError, match="aggregation-finding"):
        await bystander.submit_words(session, 0, finding=slander.token)

    for _ in range(2):
        said = await nodes.hold()
        assert [state.get("said") for state in said] == ["finding", None, None]
        assert said[0]["why"] == liar.id
        await nodes.restart(first)
    waiting = await nodes.do(COORDINATOR, "run", session=session)
    assert (waiting["awaited"], waiting["named"]) == ([], {liar.id: [first.id]})


async def audit(nodes: Nodes, part: Part, folder: Path) -> dict[str, Any]:
    """What the regulator of a node's jurisdiction finds in its log, exported into the new folder."""
    await run_operation(nodes.opened[part.key], "log-export", {"out": str(folder)})
    home = open_home(nodes.stage.folder / CN_KEEPER.key, environ={})
    keeper = await OpenNode.open(Participant.open(home))
    try:
        found = await run_operation(keeper, "audit", {"target": str(folder)})
    finally:
        await keeper.close()
    assert isinstance(found, dict)
    return dict(found)


async def _logged_on_both_sides(nodes: Nodes, stage: AggregateStage, tmp_path: Path) -> None:
    """The regulator audits both logs: each contribution crossed as an aggregate, and arrived under the same
    exchange."""
    audits = {
        part.key: await audit(nodes, part, tmp_path / part.key) for part in (stage.exporters[0], COORDINATOR)
    }
    left, came = (
        {entry["exchange"]: entry for entry in audit["entries"] if entry["type"] == kind}
        for audit, kind in zip(audits.values(), ("crossing", "arrival"), strict=True)
    )
    # Nobody witnesses the lots of these exporters, and that is all there is to find.
    amiss = {
        check["id"]
        for found in audits.values()
        for lot in found["lots"]
        for check in lot["checks"]
        if not check["ok"]
    }
    assert amiss == {"lot-quorum"}
    assert len(left) == 2, "one contribution an attempt"
    assert len(came) == 2 * EXPORTERS
    for exchange, crossing in left.items():
        assert came[exchange]["recipient"] == stage.exporters[0].id
        assert {item["form"] for item in crossing["items"]} == {"aggregate"}
        assert {item["grade"] for item in crossing["items"]} == {"g4"}


async def _forgotten(nodes: Nodes, stage: AggregateStage, session: str, out: Path) -> None:
    """Long after its plan expired nobody holds more of a session than was signed, and whoever asks is answered."""
    parts = (COORDINATOR, *stage.exporters, *stage.holders)
    assert secrets_left(nodes, parts) == set()
    signed = {part.key: _kinds(nodes, part, session) - set(WORKING_KINDS) for part in parts}
    for days, forgotten in ((stage_days(nodes), False), (stage_days(nodes) + 2, True)):
        for part in parts:
            participant = nodes.opened[part.key].participant
            forget_due(participant, now=participant.clock() + days * SECONDS_PER_DAY)
            kinds = _kinds(nodes, part, session)
            assert signed[part.key] <= kinds
            assert (kinds == signed[part.key]) is forgotten, part.key
    assert {"contribution", "statement", "roster", "vote", "answer", "certificate", "result"} <= signed[
        COORDINATOR.key
    ]
    again = out.with_name("again.json")
    for part in (COORDINATOR, stage.exporters[0], stage.holders[0]):
        await nodes.do(part, "result", session=session, out=str(again))
        assert again.read_bytes() == out.read_bytes()
    assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "done"
    assert not [state for state in await nodes.hold() if "problem" in state]
    held = await nodes.do(COORDINATOR, "register-export", contributor=stage.exporters[0].id, out=str(again))
    assert held["contributions"] == 2, "of both attempts"


def stage_days(nodes: Nodes) -> int:
    return nodes.opened[COORDINATOR.key].participant.config.retention.sessions_days


def _kinds(nodes: Nodes, part: Part, session: str) -> set[str]:
    """The kinds of what a party holds of a session, whatever the attempt."""
    with nodes.opened[part.key].participant.store.reading() as connection:
        rows = connection.execute(select(session_records.c.kind).where(session_records.c.session == session))
        return {row.kind.partition(":")[0] for row in rows}


def secrets_left(nodes: Nodes, parts: Iterable[Part]) -> set[tuple[str, str]]:
    """Who still holds what could tell a value, of any session."""
    left: set[tuple[str, str]] = set()
    for part in parts:
        participant = nodes.opened[part.key].participant
        with participant.store.reading() as connection:
            left |= {(part.key, kind) for kind in SECRET_KINDS if sessions_holding(connection, (kind,))}
        left |= {(part.key, "keys") for _ in sessions_with_secrets(participant.home)}
    return left


async def _nothing_twice(nodes: Nodes, stage: AggregateStage) -> None:
    """A second plan over the same period, by whatever name: every exporter refuses before anything leaves, and one that
    is not invited is not shown that there is such a plan."""
    stranger = stage.exporters[-1]
    text = plan_file(stage, 2).replace('"output"', '"production"').replace(f', "{stranger.id}"', "")
    (stage.folder / "again.toml").write_text(text)
    again = (await nodes.do(COORDINATOR, "plan", path=str(stage.folder / "again.toml")))["session"]
    await nodes.hold()
    assert (await nodes.do(COORDINATOR, "run", session=again))["phase"] == "contributing"
    for part in stage.exporters[:-1]:
        with pytest.raises(Refused, match="aggregation-contributed-before"):
            await nodes.do(part, "join", coordinator=COORDINATOR.id, session=again, agree=True)
    with pytest.raises(CarbonportError, match="aggregation-session-unknown"):
        await nodes.do(stranger, "join", coordinator=COORDINATOR.id, session=again, agree=True)
    listed = (await nodes.do(stranger, "sessions", coordinator=COORDINATOR.id))["sessions"]
    assert again not in {one["session"] for one in listed}
    assert (await nodes.do(COORDINATOR, "run", session=again))["counts"]["contribution"] == 0


def _no_figure_left(nodes: Nodes, stage: AggregateStage, result: bytes) -> None:
    """Neither the result nor the coordinator's or a holder's store has an exporter's figure."""
    places = [result]
    for part in (COORDINATOR, *stage.holders):
        places += [path.read_bytes() for path in (stage.folder / part.key / "data").iterdir()]
        with nodes.opened[part.key].participant.store.reading() as connection:
            places += [bytes(row.content) for row in connection.execute(select(session_records))]
    assert len(places) > 20
    for figure in (*OUTPUTS_T[:EXPORTERS], *POWER_MWH[:EXPORTERS]):
        for form in (figure, figure.replace(".", "")):
            assert not any(form.encode() in place for place in places), figure
    assert (stage.folder / "exporter-1/data/carbonport.sqlite").read_bytes().count(OUTPUTS_T[0].encode())


def carbonport(*arguments: object, exit_code: int = 0) -> dict[str, Any]:
    """A command with --json, on a node that does not serve."""
    result = CliRunner().invoke(whole_program(), [*map(str, arguments), "--json"])
    code = getattr(result.exception, "exit_code", result.exit_code)
    assert code == exit_code, result.output + repr(result.exception)
    return dict(json.loads(result.stdout)) if result.stdout else {}


def test_the_commands_of_a_coordinator(stage: AggregateStage, tmp_path: Path) -> None:
    """After the session above: what the commands say, and what they refuse."""
    home = stage.folder / COORDINATOR.key
    listed = carbonport("aggregate", "sessions", "--home", home)["sessions"]
    assert [one["phase"] for one in listed] == ["done", "contributing"]
    done, open_one = (one["session"] for one in listed)
    assert carbonport("aggregate", "run", "--session", done, "--home", home)["done"] is True
    waiting = carbonport("aggregate", "run", "--session", open_one, "--once", "--home", home)
    assert (waiting["phase"], waiting["counts"]["contribution"]) == ("contributing", 0)
    out = tmp_path / "result.json"
    carbonport("aggregate", "result", done, "--out", out, "--home", home)
    for reader in (home, stage.folder / stage.exporters[1].key):
        shown = carbonport("verify", out, "--home", reader)
        assert shown["ok"] is True
        assert shown["released"]["total"] == {
            name: format(value, "f") for name, value in true_sums(EXPORTERS).items()
        }
    carbonport("aggregate", "result", open_one, "--out", out, "--home", home, exit_code=3)
    carbonport("aggregate", "run", "--session", "00" * 32, "--home", home, exit_code=2)
    carbonport("aggregate", "run", "--home", home, exit_code=2)
    begun = carbonport("aggregate", "plan", stage.folder / "plan.toml", "--home", home)
    assert len(begun["invited"]) == EXPORTERS
    exporter = stage.folder / stage.exporters[0].key
    carbonport("aggregate", "plan", stage.folder / "plan.toml", "--home", exporter, exit_code=2)
    carbonport("aggregate", "hold", COORDINATOR.id, "--once", "--home", exporter, exit_code=2)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("threshold = 2", "threshold = 9"), "sum-threshold"),
        (("days = 2", "days = 0"), "document-field"),
        (("purpose", "porpuse"), "document-field"),
        (("[[metrics]]", "[[matrics]]"), "document-field"),
        (('period = "2026-01-01/2026-12-31"', 'period = "2026-12-31/2026-01-01"'), "aggregation-period"),
        (("threshold = 2", "threshold = "), "aggregation-plan-file"),
    ],
)
def test_a_plan_file_that_cannot_be_meant_is_refused(
    stage: AggregateStage, tmp_path: Path, change: tuple[str, str], error: str
) -> None:
    with pytest.raises(CarbonportError, match=error):
        read_plan_file(plan_file(stage, 2).replace(*change).encode(), where="plan.toml")
