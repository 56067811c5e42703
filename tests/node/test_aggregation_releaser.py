"""A releaser tests dominance on true values: what it sees, what it says, and that nothing is released without it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aggregation_world import EXPIRES, NOW, World
from warm_programs import Finished, programs

from carbonport.crypto.ambient import system_random
from carbonport.crypto.canonical import b64url_encode
from carbonport.crypto.pedersen import Opening
from carbonport.crypto.sealing import hpke_generate
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.contributing import make_contribution
from carbonport.errors import FailedVerification, Malformed, Refused
from carbonport.node.aggregation.consent import Consent, check_consent
from carbonport.node.aggregation.contribute_once import Quantity, Register, interval_of
from carbonport.node.aggregation.contribution import SignedContribution
from carbonport.node.aggregation.contributor import Contributor
from carbonport.node.aggregation.examination import Examined, Proposal, examine
from carbonport.node.aggregation.local.local_cast import LOCAL_RELEASER
from carbonport.node.aggregation.parties import check_parties
from carbonport.node.aggregation.plan import (
    DOMINANCE_RULE,
    P_PERCENT_RULE,
    DisclosureRule,
    Plan,
    SignedPlan,
)
from carbonport.node.aggregation.releaser import Releaser, ReleaserState, sealed_opening
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.aggregation.trust_lookups import listed_statements
from carbonport.node.aggregation.verdict import VERDICT, SignedVerdict, check_refusal, require_pass
from carbonport.node.sessions.parties import directory
from carbonport.node.sessions.signed_document import Signed

EVEN = (100, 110, 120, 130, 140, 150, 160, 170, 180, 190)
LARGE_REST = (5000, 5100, 5200, 5300, 5400, 9000, 900, 20, 30, 5)
"""The first five pass both rules, and so do all ten; the other five, whose sum follows, pass neither."""


@dataclass
class Session:
    """An attempt of a plan with a releaser and the cohorts `first` (five) and `total` (ten)."""

    world: World
    plan: SignedPlan
    openings: Mapping[str, Sequence[Opening]] = field(default_factory=dict)
    consents: dict[str, Signed[Consent]] = field(default_factory=dict)
    contributions: dict[str, SignedContribution] = field(default_factory=dict)

    @property
    def releaser(self) -> Releaser:
        cast = self.world.cast
        return Releaser(LOCAL_RELEASER, cast.keys[LOCAL_RELEASER], cast.releaser_hpke.private)

    def contribute(self) -> SignedRoster:
        for name in self.world.contributors:
            contributor = Contributor(name, self.world.cast.keys[name])
            state = contributor.join(self.plan, releaser=LOCAL_RELEASER, now=NOW)
            statement = self.world.statements[name]
            made, true = make_contribution(
                self.plan.content.parameters(self.plan.digest),
                name,
                list(statement.attested()),
                self.world.sender.encrypt,
                nonce_secret=system_random(32),
            )
            _, self.contributions[name] = contributor.contribute(
                state,
                0,
                statement=statement.token,
                given=statement.given(),
                made=made,
                opening=sealed_opening(self.plan, 0, name, self.openings.get(name, true)),
                now=NOW,
            )
            self.consents[name] = state.consent
        return self.world.coordinator.propose(
            self.plan, 0, self.consents, self.contributions, self.world.undertakings
        )

    def examined(self, roster: SignedRoster, verdict: str = "", *, as_releaser: bool = False) -> Examined:
        statements = {name: one.token for name, one in self.world.statements.items()}
        proposal = Proposal(
            roster.token,
            {name: one.token for name, one in self.consents.items()},
            {name: one.token for name, one in self.contributions.items()},
            verdict=verdict,
        )
        return examine(
            self.plan,
            proposal,
            undertakings=self.world.undertakings,
            keys=self.world.keys,
            statement_of=listed_statements(statements, self.world.cast.store(), at=NOW, now=NOW),
            as_releaser=as_releaser,
        )

    def judged(self, roster: SignedRoster, state: ReleaserState | None = None) -> SignedVerdict:
        return self.releaser.judge(
            state or ReleaserState(self.plan),
            self.examined(roster, as_releaser=True),
            self.contributions,
            self.world.undertakings,
            now=NOW,
        )[1]


@pytest.fixture(scope="module")
def workers() -> Iterator[list[BfvWorker]]:
    pytest.importorskip("tenseal")
    started = [BfvWorker() for _ in range(4)]
    yield started
    for worker in started:
        worker.close()


def planned(world: World, rule: str) -> Plan:
    key = b64url_encode(world.cast.releaser_hpke.public)
    everyone = tuple(world.contributors)
    return replace(
        world.plan_content,
        cohorts={"first": everyone[:5], "total": everyone},
        rule=DisclosureRule(rule, LOCAL_RELEASER, key),
    )


def session(
    workers: Sequence[BfvWorker], values: Sequence[int], rule: str = P_PERCENT_RULE
) -> tuple[Session, SignedRoster]:
    world = World.build(workers, values=values)
    found = Session(world, world.coordinator.plan(planned(world, rule)))
    return found, found.contribute()


@pytest.mark.parametrize("rule", [P_PERCENT_RULE, DOMINANCE_RULE])
def test_even_values_pass_and_holders_take_the_verdict(workers: list[BfvWorker], rule: str) -> None:
    even, roster = session(workers, EVEN, rule)
    verdict = even.judged(roster)
    require_pass(even.plan, verdict)
    with pytest.raises(FailedVerification, match="aggregation-verdict"):
        check_refusal(even.plan, verdict.token, even.world.keys)
    examined = even.examined(roster, verdict.token)
    assert set(examined.commitments) == {"first", "total"}
    # without the releaser's word, or with another one, no holder gets as far as a vote
    other = even.world.coordinator.propose(
        even.plan, 1, even.consents, even.contributions, even.world.undertakings
    )
    elsewhere = VERDICT.sign(replace(verdict.content, roster=other.digest), LOCAL_RELEASER, even.releaser.key)
    refusal = VERDICT.sign(replace(verdict.content, passes=False), LOCAL_RELEASER, even.releaser.key)
    for token in ("", elsewhere.token, refusal.token):
        with pytest.raises(FailedVerification) as caught:
            even.examined(roster, token)
        assert caught.value.id == "aggregation-verdict"
    forged = VERDICT.sign(verdict.content, LOCAL_RELEASER, even.world.coordinator.key)
    with pytest.raises(FailedVerification):
        even.examined(roster, forged.token)


@pytest.mark.parametrize("rule", [P_PERCENT_RULE, DOMINANCE_RULE])
def test_a_rest_that_tells_a_large_member_is_refused_as_a_whole_and_for_good(
    workers: list[BfvWorker], rule: str
) -> None:
    """`first` is even, so the refusal says nothing about it alone: it is of everything."""
    uneven, roster = session(workers, LARGE_REST, rule)
    state, verdict = uneven.releaser.judge(
        ReleaserState(uneven.plan),
        uneven.examined(roster, as_releaser=True),
        uneven.contributions,
        uneven.world.undertakings,
        now=NOW,
    )
    assert not verdict.content.passes
    with pytest.raises(Refused) as caught:
        require_pass(uneven.plan, verdict)
    assert caught.value.id == "aggregation-dominant"
    assert "ROW" not in str(caught.value)
    again = uneven.releaser.judge(
        state,
        uneven.examined(roster, as_releaser=True),
        uneven.contributions,
        uneven.world.undertakings,
        now=NOW,
    )
    assert again == (state, verdict)
    with pytest.raises(Refused) as over:  # a second roster, without somebody, would tell by its verdict
        uneven.judged(roster, replace(state, verdicts={3: verdict}))
    assert over.value.id == "aggregation-releaser"


def test_an_opening_of_something_else_is_named(workers: list[BfvWorker]) -> None:
    world = World.build(workers, values=EVEN)
    liar = world.contributors[4]
    plan = world.coordinator.plan(planned(world, P_PERCENT_RULE))
    lying = Session(world, plan, openings={liar: [Opening(100, 5)]})
    roster = lying.contribute()
    with pytest.raises(FailedVerification) as caught:
        lying.judged(roster)
    assert (caught.value.id, caught.value.where) == ("aggregation-opening", liar)
    stranger = replace(lying.releaser, hpke_private=hpke_generate().private)
    with pytest.raises(FailedVerification):
        stranger.judge(
            ReleaserState(plan),
            lying.examined(roster, as_releaser=True),
            lying.contributions,
            world.undertakings,
            now=NOW,
        )
    with pytest.raises(Refused):
        lying.releaser.judge(
            ReleaserState(plan),
            lying.examined(roster, as_releaser=True),
            lying.contributions,
            world.undertakings,
            now=EXPIRES,
        )


def test_a_releaser_is_a_regulator_with_its_listed_key_and_everyone_consents_by_name(
    workers: list[BfvWorker],
) -> None:
    world = World.build(workers, values=EVEN)
    content = planned(world, P_PERCENT_RULE)
    known = directory(world.cast.store(), now=NOW)
    check_parties(world.coordinator.plan(content), known)
    for lie in (
        replace(content.rule, key=b64url_encode(hpke_generate().public)),
        replace(content.rule, releaser=world.contributors[0]),
        replace(content.rule, releaser=content.holders[0].id),
    ):
        with pytest.raises(Refused):
            check_parties(world.coordinator.plan(replace(content, rule=lie)), known)
    for half in (
        replace(content.rule, key=""),
        replace(content.rule, releaser=""),
        DisclosureRule("cohort-size", LOCAL_RELEASER, content.rule.key),
    ):
        with pytest.raises(Malformed):
            replace(content, rule=half)
    plan = world.coordinator.plan(content)
    silent = Contributor(world.contributors[0], world.cast.keys[world.contributors[0]])
    with pytest.raises(Refused):
        silent.join(plan, now=NOW)
    agreed = silent.join(plan, releaser=LOCAL_RELEASER, now=NOW).consent
    check_consent(plan, agreed)
    with pytest.raises(FailedVerification):
        check_consent(plan, replace(agreed, content=replace(agreed.content, releaser="")))


def test_what_a_releaser_saw_is_used_up_for_every_other_plan() -> None:
    quantity = Quantity("mill", "direct", *interval_of("2026-01-01/2026-12-31"))
    register = Register().contribute([quantity], plan="p", attempt=0, shown=True).close("p", 0)
    register.contribute([quantity], plan="p", attempt=1, shown=True)
    with pytest.raises(Refused):
        register.contribute([quantity], plan="another", attempt=0)


def test_the_command_brings_a_releaser_and_the_file_is_checked_with_its_word(tmp_path: Path) -> None:
    def run(values: Sequence[int], *options: str) -> Finished:
        table = tmp_path / "table.csv"
        rows = "\n".join(f"p{i},{value}" for i, value in enumerate(values))
        table.write_text(f"plant,t\n{rows}\n")
        options = ("--sum", "t", "--total", "--json", *options)
        return programs().run("aggregate", "run", "--local", table, *options)

    passed = run(EVEN[:5], "--rule", P_PERCENT_RULE)
    assert passed.code == 0, passed.output
    assert json.loads(passed.output)["released"] == {"total": {"t": "600"}}
    assert json.loads(passed.output)["verified"] is True
    refused = run(LARGE_REST[5:], "--rule", DOMINANCE_RULE)
    assert refused.code == 3
    assert json.loads(refused.output)["error"]["id"] == "aggregation-dominant"
    assert json.loads(run(EVEN[:5], "--rule", "guess").output)["error"]["id"] == "aggregate-rule"
