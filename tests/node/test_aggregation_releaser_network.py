"""A releaser in sessions between nodes: one bit on the true values, restarted at every step; what ends without it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from seal_rotation import revoke_first_seals, rotate_seals
from sqlalchemy import delete, select
from test_aggregation_network import Nodes, all_nodes, audit, secrets_left
from warm_programs import programs

from carbonport.classification.egress import EgressRefused
from carbonport.classification.forms import Form
from carbonport.classification.policy import Policy
from carbonport.crypto.ambient import system_clock, system_random
from carbonport.crypto.log_entry import Entry, EntryType
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.contributing import make_contribution
from carbonport.errors import CarbonportError, FailedVerification, Refused
from carbonport.node.aggregation.ballots import ABORT, VOTE, Vote
from carbonport.node.aggregation.contributor import Contributor
from carbonport.node.aggregation.ending import shown_ending
from carbonport.node.aggregation.network.contributor_steps import contributor_step
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient
from carbonport.node.aggregation.network.forgetting import forget_due
from carbonport.node.aggregation.network.given_leaves import given_leaves
from carbonport.node.aggregation.network.opened_plan import known_plan, opened_plan
from carbonport.node.aggregation.network.plan_file import read_plan_file
from carbonport.node.aggregation.network.register_rows import read_register
from carbonport.node.aggregation.plan import MAX_ATTEMPTS
from carbonport.node.aggregation.releaser import sealed_opening
from carbonport.node.aggregation.result_check import check_result_file
from carbonport.node.aggregation.result_statement import exact_sums
from carbonport.node.aggregation.verdict import VERDICT, Verdict
from carbonport.node.demo.aggregate_cast import (
    COORDINATOR,
    EU_KEEPER,
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
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.sessions.parties import current_keys
from carbonport.node.sessions.records import Record, drop, find, names_of
from carbonport.node.sessions.session_log import keep_logged
from carbonport.node.store.backup import RESTORED_AT
from carbonport.node.store.facts import write_fact
from carbonport.node.store.schema import store_facts
from carbonport.node.store.session_schema import session_records

RELEASER = EU_KEEPER

EXPORTERS, HOLDERS = 3, 2
"""As few as may be, all consenting: each costs time. Their output fails the rule of dominance with 85.03 %, their power
passes p%."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> AggregateStage:
    folder = tmp_path_factory.mktemp("released")
    made = set_aggregate_stage(folder, exporter_count=EXPORTERS, holder_count=HOLDERS)
    verify_works(made)
    return made


@asynccontextmanager
async def with_releaser(stage: AggregateStage) -> AsyncIterator[Nodes]:
    async with all_nodes(stage) as nodes:
        await nodes.open(RELEASER)
        try:
            yield nodes
        finally:
            await nodes.close(RELEASER)


def ruled_plan(stage: AggregateStage, metric: str, rule: str, releaser: str = RELEASER.id) -> str:
    """The demo's plan over one of its two metrics, with a rule and a releaser."""
    head, *metrics = plan_file(stage, 2).split("\n[[metrics]]\n")
    (wanted,) = (one for one in metrics if f'name = "{metric}"' in one)
    head = f"{head}minimum_cohort = {EXPORTERS}\n"
    return f'{head}rule = "{rule}"\nreleaser = "{releaser}"\n\n[[metrics]]\n{wanted}'


async def planned(nodes: Nodes, text: str) -> str:
    """A session over this plan, with its holders' keys."""
    path = nodes.stage.folder / "ruled.toml"
    path.write_text(text)
    session = str((await nodes.do(COORDINATOR, "plan", path=str(path)))["session"])
    await nodes.hold()
    assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "contributing"
    return session


async def give(nodes: Nodes, parts: Iterable[Part], session: str) -> None:
    for part in parts:
        joined = await nodes.do(
            part,
            "join",
            coordinator=COORDINATOR.id,
            session=session,
            agree=True,
            releaser=RELEASER.id,
            small_cohorts=["total"],
        )
        assert joined["said"] == "contribution"


async def released(nodes: Nodes) -> dict[str, Any]:
    return dict((await nodes.do(RELEASER, "release", coordinator=COORDINATOR.id))["sessions"][-1])


def test_a_sum_is_released_by_the_releasers_word_restarted_at_every_step(
    stage: AggregateStage, tmp_path: Path
) -> None:
    asyncio.run(_released_session(stage, tmp_path))


async def _released_session(stage: AggregateStage, tmp_path: Path) -> None:
    async with with_releaser(stage) as nodes:
        session = await planned(nodes, ruled_plan(stage, "electricity", "p-percent-10"))
        looked = await nodes.do(
            stage.exporters[0], "join", coordinator=COORDINATOR.id, session=session, agree=False
        )
        assert (looked["plan"]["rule"], looked["plan"]["releaser"]) == ("p-percent-10", RELEASER.id)
        for other in ("", COORDINATOR.id):
            with pytest.raises(Refused, match="aggregation-contributor"):
                await nodes.do(
                    stage.exporters[0],
                    "join",
                    coordinator=COORDINATOR.id,
                    session=session,
                    agree=True,
                    releaser=other,
                )
        await _a_policy_may_forbid_the_releaser(nodes, stage, session)
        await _one_seals_another_value(nodes, stage, session)

        killed = stage.exporters[2]
        agreed = ("--agree", "--releaser", RELEASER.id, "--small-cohort", "total")
        await killed_before(nodes, killed, "submit_contribution", "join", session, *agreed)
        given = _kept(nodes, killed, session, "contribution:1")
        await give(nodes, stage.exporters, session)
        assert _kept(nodes, COORDINATOR, session, "contribution:1", killed.id) == given, (
            "what was logged goes"
        )
        assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "releasing"
        assert all("said" not in state for state in await nodes.hold()), "no vote before the releaser's word"
        await _others_cannot_speak_for_it(nodes, stage, session)
        await _a_restored_releaser_says_nothing(nodes)

        await killed_before(nodes, RELEASER, "submit_verdict", "release")
        word = _kept(nodes, RELEASER, session, "verdict:1")
        assert (await released(nodes))["said"] == "release"
        assert _kept(nodes, COORDINATOR, session, "verdict:1", RELEASER.id) == word
        await nodes.restart(RELEASER)
        await released(nodes)
        await nodes.restart(COORDINATOR)
        assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "voting"
        holder = stage.holders[0]
        await killed_before(nodes, holder, "submit_words", "hold")
        vote = _kept(nodes, holder, session, "vote:1")
        assert [state["said"] for state in await nodes.hold()] == ["vote"] * HOLDERS
        assert _kept(nodes, COORDINATOR, session, "vote:1", holder.id) == vote
        assert [state["said"] for state in await nodes.hold()] == ["answer"] * HOLDERS
        assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "done"
        out = tmp_path / "result.json"
        await nodes.do(COORDINATOR, "result", session=session, out=str(out))
        checked = check_result_file(out.read_bytes(), now=nodes.opened[COORDINATOR.key].participant.clock())
        assert checked.report.ok, checked.report.failed()
        assert checked.plan is not None
        assert checked.result is not None
        sums = exact_sums(checked.plan, checked.result)["total"]
        assert sums == {"electricity": true_sums(EXPORTERS)["electricity"]}
        await _openings_are_on_both_logs(nodes, stage, tmp_path)
        _no_value_is_kept(nodes, session)
        parts = (COORDINATOR, RELEASER, *stage.exporters, *stage.holders)
        assert secrets_left(nodes, parts), "exporters and holders have not looked since"
        assert checked.plan is not None
        for part in parts:
            forget_due(nodes.opened[part.key].participant, now=checked.plan.content.expires)
        assert secrets_left(nodes, parts) == set(), "when the plan expires they go unasked"


async def killed_before(nodes: Nodes, part: Part, method: str, command: str, *arguments: str) -> None:
    """A command of a party, killed when everything is kept and logged and nothing sent; its node opens again."""
    await nodes.close(part)
    killed = await asyncio.to_thread(
        programs().run,
        *("aggregate", command, COORDINATOR.id, *arguments, "--once", "--json"),
        *("--home", nodes.stage.folder / part.key),
        dying_party=method,
    )
    assert killed.code == -signal.SIGKILL, killed
    await nodes.open(part)


def _kept(nodes: Nodes, part: Part, session: str, kind: str, name: str = "") -> bytes:
    with nodes.opened[part.key].participant.store.reading() as connection:
        found = find(connection, session, kind, name or part.id)
    assert found is not None, f"{kind} of {name or part.id}"
    return found


async def _a_restored_releaser_says_nothing(nodes: Nodes) -> None:
    """It may have said another word since the backup, and a second word on a plan would tell more than one bit."""
    store = nodes.opened[RELEASER.key].participant.store
    with store.writing() as connection:
        write_fact(connection, RESTORED_AT, str(system_clock()))
    problem = (await released(nodes))["problem"]
    assert (problem["id"], "restored" in problem["found"]) == ("aggregation-releaser", True)
    with store.writing() as connection:
        connection.execute(delete(store_facts).where(store_facts.c.name == RESTORED_AT))


async def _a_policy_may_forbid_the_releaser(nodes: Nodes, stage: AggregateStage, session: str) -> None:
    """Showing values to a releaser is an egress of its own: a node whose policy forbids it promises nothing, though the
    same policy lets the contribution go; and without the owner's consent by name no policy lets it."""
    node = nodes.opened[stage.exporters[0].key]
    text = files("carbonport.classification.data").joinpath("policy.cedar").read_text()
    rule = '@id("none-is-shown") @reason("We show nobody.") forbid (principal, action == Action::"opening", resource);'
    policy = node.participant.home / "own.cedar"
    policy.write_text(text + rule)
    strict = replace(node, policy=Policy.load(policy))
    size = node.log.size
    with pytest.raises(EgressRefused, match="We show nobody") as refused:
        await contributor_step(
            strict,
            COORDINATOR.id,
            session,
            agree=True,
            small_cohorts=["total"],
            releaser=RELEASER.id,
        )
    decision = refused.value.decision
    assert (decision.recipient.id, decision.form, decision.policy_hash) == (
        RELEASER.id,
        Form.OPENING,
        strict.policy.hash,
    )
    assert node.log.size == size + 1, "the refusal, and no consent"
    assert (await nodes.do(COORDINATOR, "run", session=session))["counts"]["consent"] == 0
    opened = await opened_plan(node, CoordinatorClient(node.peers, COORDINATOR.id), session)
    for nobody in ("", COORDINATOR.id):
        with pytest.raises(EgressRefused, match="for another recipient"):
            await given_leaves(node, opened.plan, releaser=nobody)


async def _one_seals_another_value(nodes: Nodes, stage: AggregateStage, session: str) -> None:
    """The first attempt: one exporter seals the opening of another value than it committed to. The releaser names it
    and says nothing; the coordinator gives the attempt up, and its certificate lets the next begin."""
    liar, others = stage.exporters[1], (stage.exporters[0], *stage.exporters[2:])
    await give(nodes, others, session)
    node = nodes.opened[liar.key]
    client = CoordinatorClient(node.peers, COORDINATOR.id)
    opened = await opened_plan(node, client, session)
    given = await given_leaves(node, opened.plan, releaser=RELEASER.id)
    contributor = Contributor(liar.id, node.participant.signing_key(KeyUse.SEAL))
    now = node.participant.clock()
    state = contributor.join(opened.plan, small_cohorts=["total"], releaser=RELEASER.id, now=now)
    with BfvWorker() as worker:
        for index, context in opened.contexts.items():
            worker.open_context(index, context)
        made, openings = make_contribution(
            opened.plan.content.parameters(opened.plan.digest),
            liar.id,
            given.values,
            worker.encrypt,
            nonce_secret=system_random(32),
        )
    false = sealed_opening(opened.plan, 0, liar.id, [replace(openings[0], value=openings[0].value + 1)])
    signed = contributor.contribute(
        state, 0, statement=given.statement, given=given.metrics, made=made, opening=false, now=now
    )[1]
    receipts = []
    for kind, content, to in (
        ("contribution:0", signed.token.encode(), COORDINATOR.id),
        ("opening:0", false, RELEASER.id),
    ):
        record = Record(kind, liar.id, content)
        logged = await keep_logged(
            node, EntryType.CROSSING, session, [record], sender=liar.id, counterparty=to
        )
        receipts.append(logged.receipt.encode())
    await client.submit_consent(session, state.consent.token)
    await client.submit_contribution(session, 0, signed.token, given.statement, *receipts)
    for index, data in made.ciphertexts.items():
        await client.submit_ciphertext(session, 0, index, data)

    assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "releasing"
    problem = (await released(nodes))["problem"]
    assert (problem["id"], problem["where"]) == ("aggregation-opening", liar.id)
    given_up = await nodes.do(COORDINATOR, "run", session=session, left_out=[liar.id])
    assert given_up["phase"] == "closing"
    assert [one["said"] for one in await nodes.hold()] == ["last word"] * HOLDERS
    again = await nodes.do(COORDINATOR, "run", session=session)
    assert (again["phase"], again["attempt"]) == ("contributing", 1)


async def _others_cannot_speak_for_it(nodes: Nodes, stage: AggregateStage, session: str) -> None:
    """A word that a holder signed is not the releaser's; and the door is not open to it."""
    holder = nodes.opened[stage.holders[0].key]
    client = CoordinatorClient(holder.peers, COORDINATOR.id)
    proposal = (await client.proposal(session, 1)).proposal
    opened = await opened_plan(holder, client, session)
    word = Verdict(opened.plan.digest, 1, "0" * 64, passes=True)
    forged = VERDICT.sign(word, RELEASER.id, holder.participant.signing_key(KeyUse.SEAL))
    with pytest.raises(CarbonportError, match="role"):
        await client.submit_verdict(session, 1, forged.token)
    assert not proposal.verdict
    own = nodes.opened[RELEASER.key]
    for plan, roster in ((opened.plan.digest, "0" * 64), ("0" * 64, "0" * 64)):
        other = VERDICT.sign(
            Verdict(plan, 1, roster, passes=True), RELEASER.id, own.participant.signing_key(KeyUse.SEAL)
        )
        with pytest.raises(Refused, match="session-document-place"):
            await CoordinatorClient(own.peers, COORDINATOR.id).submit_verdict(session, 1, other.token)
    with pytest.raises(FailedVerification):
        await CoordinatorClient(own.peers, COORDINATOR.id).submit_verdict(session, 1, forged.token)


async def _openings_are_on_both_logs(nodes: Nodes, stage: AggregateStage, tmp_path: Path) -> None:
    """Each opening that left stands in the contributor's log, under a decision of its own, and its arrival under the
    same exchange in the releaser's."""
    left = _exchanges(nodes, stage.exporters[0], EntryType.CROSSING)
    came = _exchanges(nodes, RELEASER, EntryType.ARRIVAL)
    assert len(left) == 4, "a contribution and an opening an attempt"
    assert len(came) == 2 * EXPORTERS
    assert len(left & came) == 2
    audited = await audit(nodes, stage.exporters[0], tmp_path / "exported")
    forms = {
        entry["exchange"]: (entry["recipient"], {item["form"] for item in entry["items"]})
        for entry in audited["entries"]
        if entry["type"] == "crossing"
    }
    assert {forms[exchange][0] for exchange in left & came} == {RELEASER.id}
    for recipient, form in forms.values():
        assert form == ({"opening"} if recipient == RELEASER.id else {"aggregate"})


def _exchanges(nodes: Nodes, part: Part, kind: EntryType) -> set[str]:
    with nodes.opened[part.key].log.stored.reading() as rows:
        return {row.exchange for row in rows.full_rows(0, 500) if Entry.parse(row.entry).type is kind}


def _no_value_is_kept(nodes: Nodes, session: str) -> None:
    """The releaser has said its word and holds no opening any more, and its store never a figure."""
    node = nodes.opened[RELEASER.key]
    places = [path.read_bytes() for path in (nodes.stage.folder / RELEASER.key / "data").iterdir()]
    with node.participant.store.reading() as connection:
        assert not names_of(connection, session, "opening:1")
        places += [bytes(row.content) for row in connection.execute(select(session_records))]
    for figure in (*OUTPUTS_T[:EXPORTERS], *POWER_MWH[:EXPORTERS]):
        for form in (figure, figure.replace(".", "")):
            assert not any(form.encode() in place for place in places), figure


def test_three_attempts_without_an_answer_are_told_to_everyone(stage: AggregateStage, tmp_path: Path) -> None:
    asyncio.run(_failed_session(stage, tmp_path))


async def _failed_session(stage: AggregateStage, tmp_path: Path) -> None:
    """A holder votes abort each time. Afterwards everybody learns so, what was given is free again, and a coordinator
    that says so too early, or of a session that was refused, is not believed."""
    async with with_releaser(stage) as nodes:
        text = ruled_plan(stage, "output", "p-percent-10")
        for named in ('rule = "p-percent-10"', f'releaser = "{RELEASER.id}"'):
            text = text.replace(named, "")
        session = await planned(nodes, text)
        holder = nodes.opened[stage.holders[0].key]
        client = CoordinatorClient(holder.peers, COORDINATOR.id)
        agreed = {
            "coordinator": COORDINATOR.id,
            "session": session,
            "agree": True,
            "small_cohorts": ["total"],
        }
        early = stage.exporters[0]
        for attempt in range(MAX_ATTEMPTS):
            for part in stage.exporters:
                assert (await nodes.do(part, "join", **agreed))["said"] == "contribution"
            assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "voting"
            plan = await known_plan(holder, client, session)
            with pytest.raises(FailedVerification, match="aggregation-not-closed"):
                shown_ending(plan, "failed", [await client.ballot(session, 0)], current_keys(holder))
            with pytest.raises(Refused, match="in the phase voting"):
                await nodes.do(early, "result", session=session, out=str(tmp_path / "none.json"))
            vote = VOTE.sign(
                Vote(plan.digest, attempt, ABORT),
                holder.participant.id,
                holder.participant.signing_key(KeyUse.SEAL),
            )
            await client.submit_words(session, attempt, vote=vote.token)
            assert [one["said"] for one in await nodes.hold()] == ["last word"] * HOLDERS
            ended = await nodes.do(COORDINATOR, "run", session=session)
        assert (ended["phase"], ended["aborted_by"]) == ("failed", [holder.participant.id])
        assert ended["why"].endswith(f"attempt 3: abort by {holder.participant.id}")
        await _everyone_is_told(nodes, stage, session, "aggregation-failed", ended["why"])
        for part in stage.exporters:
            told = await nodes.do(part, "join", **agreed)
            assert (told["said"], told["freed_attempts"], told["why"]) == ("freed", 3, ended["why"])
        with pytest.raises(FailedVerification, match="aggregation-verdict"):
            shown_ending(plan, "refused", [await client.ballot(session, 0)], current_keys(holder))


async def _everyone_is_told(nodes: Nodes, stage: AggregateStage, session: str, error: str, why: str) -> None:
    """Whoever asks for the result is told why there is none: the coordinator, an exporter that did not look since, a
    holder and a releaser; and whoever steps once more."""
    parts = [COORDINATOR, stage.exporters[-1], stage.holders[0]]
    if error == "aggregation-dominant":
        parts.append(RELEASER)
    for part in parts:
        with pytest.raises(Refused, match=error) as refused:
            await nodes.do(part, "result", session=session, out=str(stage.folder / "none.json"))
        assert refused.value.found == why
    assert [one["why"] for one in await nodes.hold()] == [why] * HOLDERS
    if error == "aggregation-dominant":
        assert (await released(nodes))["why"] == why


def test_a_refusal_ends_the_session_and_uses_the_contributions_up(stage: AggregateStage) -> None:
    asyncio.run(_refused_session(stage))


async def _refused_session(stage: AggregateStage) -> None:
    text = ruled_plan(stage, "output", "dominance-2-85")
    async with with_releaser(stage) as nodes:
        session = await planned(nodes, text)
        await give(nodes, stage.exporters, session)
        assert (await nodes.do(COORDINATOR, "run", session=session))["phase"] == "releasing"
        assert (await released(nodes))["said"] == "refusal"
        await nodes.restart(COORDINATOR)
        ended = await nodes.do(COORDINATOR, "run", session=session)
        assert (ended["phase"], ended["done"], ended["refused_by"]) == ("refused", True, RELEASER.id)
        assert [one["said"] for one in await nodes.hold()] == ["keys destroyed"] * HOLDERS
        await _everyone_is_told(nodes, stage, session, "aggregation-dominant", ended["why"])
        for part in stage.exporters:
            told = await nodes.do(part, "join", coordinator=COORDINATOR.id, session=session, agree=True)
            assert (told["phase"], told["done"], told["said"]) == ("refused", True, "refusal")
            assert (told["refused_by"], told["rule"]) == (RELEASER.id, "dominance-2-85")
        assert secrets_left(nodes, (COORDINATOR, RELEASER, *stage.exporters, *stage.holders)) == set()
        for part in (COORDINATOR, *stage.exporters):
            with pytest.raises(Refused, match="aggregation-dominant"):
                await nodes.do(part, "result", session=session, out=str(stage.folder / "none.json"))
        with nodes.opened[stage.exporters[0].key].participant.store.reading() as connection:
            entries = [
                one for one in read_register(connection).entries if "activity_level" in one.quantity.path
            ]
            closed = read_register(connection).close(entries[0].plan, 0)
        with pytest.raises(Refused, match="aggregation-contributed-before"):
            closed.contribute([entries[0].quantity], plan="f" * 64, attempt=0)
        await _all_rotate_their_seals(nodes, stage)
        listed = (await nodes.do(COORDINATOR, "sessions"))["sessions"]
        assert [one["phase"] for one in listed] == ["done", "failed", "refused"]
        await _everyone_is_told(nodes, stage, session, "aggregation-dominant", ended["why"])
        failed, late = listed[1], stage.exporters[1]
        with nodes.opened[late.key].participant.store.writing() as connection:
            drop(connection, failed["session"], "ending")
        told = await nodes.do(late, "join", coordinator=COORDINATOR.id, session=failed["session"])
        assert (told["why"], told["freed_attempts"]) == (failed["why"], 3)

        revoking = revoke_first_seals(stage, EU_KEEPER, (stage.holders[0], RELEASER))
        stage.home(late).trust.add([revoking])
        await nodes.restart(late)
        with nodes.opened[late.key].participant.store.writing() as connection:
            drop(connection, failed["session"], "ending")
        with pytest.raises(FailedVerification, match="key-not-valid-then"):
            await nodes.do(late, "join", coordinator=COORDINATOR.id, session=failed["session"])
        stage.home(COORDINATOR).trust.add([revoking])
        await nodes.restart(COORDINATOR)
        listed = (await nodes.do(COORDINATOR, "sessions"))["sessions"]
        assert [one["phase"] for one in listed] == ["done", "failed", "unreadable"]
        told = await nodes.do(late, "sessions", coordinator=COORDINATOR.id)
        assert [one["phase"] for one in told["sessions"]] == ["done", "failed"], (
            "a refusal under a revoked key is none"
        )


async def _all_rotate_their_seals(nodes: Nodes, stage: AggregateStage) -> None:
    """What was signed before stays what it is: those keys were succeeded, not revoked."""
    parts = (COORDINATOR, RELEASER, *stage.exporters, *stage.holders)
    for part in parts:
        await nodes.close(part)
    await rotate_seals(stage, parts, readers=(*parts, VERIFIER))
    for part in parts:
        await nodes.open(part)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (('rule = "p-percent-10"', 'rule = "p-percent-1"'), "document-field"),
        (('rule = "p-percent-10"\n', ""), "aggregation-plan"),
        ((f'releaser = "{RELEASER.id}"\n', ""), "aggregation-plan"),
    ],
)
def test_a_rule_without_its_releaser_is_refused(
    stage: AggregateStage, change: tuple[str, str], error: str
) -> None:
    text = ruled_plan(stage, "output", "p-percent-10").replace(*change)
    with pytest.raises(CarbonportError, match=error):
        read_plan_file(text.encode(), where="plan.toml")
