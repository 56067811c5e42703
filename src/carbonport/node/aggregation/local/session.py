"""A local aggregation, from the plan to the checked result file: the same documents, checks and ciphertexts as between
nodes, with every party played in this process and its workers."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from carbonport.classification.disclosure_control import DEFAULT_MINIMUM_COHORT
from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.canonical import b64url_encode
from carbonport.crypto.sums.bfv_worker import BfvWorker, HolderContext
from carbonport.crypto.sums.contributing import make_contribution
from carbonport.errors import Misuse
from carbonport.node.aggregation.answers import SignedAnswer
from carbonport.node.aggregation.ballots import SignedVote
from carbonport.node.aggregation.consent import Consent
from carbonport.node.aggregation.contribution import SignedContribution
from carbonport.node.aggregation.contributor import Contributor, attested_values
from carbonport.node.aggregation.coordinator import Coordinator
from carbonport.node.aggregation.examination import Examined, Proposal, decrypt_totals, examine
from carbonport.node.aggregation.holder import Holder, HolderState
from carbonport.node.aggregation.holder_keys import HOLDER_KEYS, HolderKeys
from carbonport.node.aggregation.local.local_cast import LOCAL_COORDINATOR, LOCAL_RELEASER, LocalCast
from carbonport.node.aggregation.local.row_table import Row, RowTable
from carbonport.node.aggregation.plan import (
    COHORT_SIZE,
    PLAN_NONCE_BYTES,
    DisclosureRule,
    Metric,
    Plan,
    PlannedHolder,
    SignedPlan,
)
from carbonport.node.aggregation.plan_opening import open_plan
from carbonport.node.aggregation.releaser import Releaser, ReleaserState, sealed_opening
from carbonport.node.aggregation.result_check import CheckedResult, check_result_file
from carbonport.node.aggregation.result_file import ResultFile
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.aggregation.totals import TOTALS, add_up, check_totals
from carbonport.node.aggregation.trust_lookups import listed_statements
from carbonport.node.aggregation.verdict import require_pass
from carbonport.node.sessions.parties import directory, seal_keys
from carbonport.node.sessions.signed_document import SealKeys, Signed

TOTAL = "total"
"""The cohort of everyone."""

PLAN_LIFETIME_S = 24 * 3600
"""How long a local plan is open; it ends with the run."""

NONCE_SECRET_BYTES = 32

Tell = Callable[[str, int, int], None]
"""Says how far a step is: its words, how much is done, of how much."""


@dataclass(frozen=True, slots=True)
class LocalOrder:
    """What is asked for. `consents` are groups, or the total, all of whose members consent to being few; `total` adds
    everyone's sum; `rule` is one of the plan's rules, of which some bring a releaser."""

    table: RowTable
    period: str
    total: bool = False
    consents: tuple[str, ...] = ()
    holders: int = 3
    threshold: int = 2
    minimum: int = DEFAULT_MINIMUM_COHORT
    rule: str = COHORT_SIZE


@dataclass(frozen=True, slots=True)
class LocalOutcome:
    """The result file and its check."""

    data: bytes
    checked: CheckedResult


def run_local(
    order: LocalOrder, *, now: int, tell: Tell, random_bytes: RandomBytes = system_random
) -> LocalOutcome:
    """Play the whole session. Raises `Refused` when no sum may be released, and whatever a party refuses or finds."""
    cast = LocalCast(
        order.table, holders=order.holders, period=order.period, now=now, random_bytes=random_bytes
    )
    with ExitStack() as stack:
        session = _LocalSession(order, cast, now, tell, random_bytes, stack)
        return session.play()


class _LocalSession:
    """The parties' steps in order; what one leaves, the next takes."""

    def __init__(
        self,
        order: LocalOrder,
        cast: LocalCast,
        now: int,
        tell: Tell,
        random_bytes: RandomBytes,
        stack: ExitStack,
    ) -> None:
        self._order, self._cast, self._now, self._tell = order, cast, now, tell
        self._cohorts = _cohorts(order, cast.contributors)
        self._random_bytes = random_bytes
        store = cast.store()
        self._keys: SealKeys = seal_keys(store, at=now, now=now)
        self._directory = directory(store, now=now)
        self._store = store
        # One worker for contributors and coordinator, who read nothing; one for each holder's secret key.
        self._sender = stack.enter_context(BfvWorker())
        self._readers = {name: stack.enter_context(BfvWorker()) for name in cast.holders}
        self._coordinator = Coordinator(LOCAL_COORDINATOR, cast.keys[LOCAL_COORDINATOR])
        self._statements: dict[str, str] = {}
        # 0.4 MB each, one a contributor and holder: more than memory holds of a long table.
        self._ciphertexts = Path(stack.enter_context(TemporaryDirectory(prefix="carbonport-aggregate-")))

    def play(self) -> LocalOutcome:
        """From keys to the checked file."""
        plan, contexts = self._plan()
        plan, undertakings = open_plan(
            plan.token, LOCAL_COORDINATOR, contexts=contexts, keys=self._keys, directory=self._directory
        )
        consents, contributions = self._contribute(plan)
        roster = self._coordinator.propose(plan, 0, consents, contributions, undertakings)
        proposal = Proposal(
            roster.token,
            {name: one.token for name, one in consents.items()},
            {name: one.token for name, one in contributions.items()},
        )

        def examined(as_releaser: bool = False) -> Examined:
            return examine(
                plan,
                proposal,
                undertakings=undertakings,
                keys=self._keys,
                statement_of=listed_statements(self._statements, self._store, at=self._now, now=self._now),
                random_bytes=self._random_bytes,
                as_releaser=as_releaser,
            )

        if plan.content.rule.releaser:
            self._tell("test the rule on true values", 0, 1)
            releaser = Releaser(
                LOCAL_RELEASER, self._cast.keys[LOCAL_RELEASER], self._cast.releaser_hpke.private
            )
            _, verdict = releaser.judge(
                ReleaserState(plan), examined(True), contributions, undertakings, now=self._now
            )
            require_pass(plan, verdict)
            proposal = replace(proposal, verdict=verdict.token)
        votes, answers, own = self._hold(plan, roster, examined)
        result = self._coordinator.publish(plan, own, votes, answers, now=self._now)
        file = ResultFile(
            coordinator=LOCAL_COORDINATOR,
            issued_at=self._now,
            plan=plan.token,
            consents=proposal.consents,
            contributions=proposal.contributions,
            statements=self._statements,
            roster=roster.token,
            closed=(),
            votes={vote.issuer: vote.token for vote in votes},
            answers={answer.issuer: answer.token for answer in answers},
            result=result.token,
            anchors={name: tuple(keys) for name, keys in self._store.anchors.items()},
            trust_lists=(self._cast.trust_list,),
            verdict=proposal.verdict,
        )
        data = file.encode()
        self._tell("check the result", 0, 1)
        return LocalOutcome(data, check_result_file(data, now=self._now))

    def _plan(self) -> tuple[SignedPlan, Mapping[str, tuple[str, bytes]]]:
        """The holders' keys for a fresh nonce, then the plan that names them."""
        nonce = self._random_bytes(PLAN_NONCE_BYTES)
        contexts: dict[str, tuple[str, bytes]] = {}
        planned = []
        for index, (name, reader) in enumerate(self._readers.items(), start=1):
            self._tell("make the holders' keys", index - 1, len(self._readers))
            context: HolderContext = reader.generate()
            reader.unlock(context.secret)
            self._sender.open_context(index, context.public)
            digest = hashlib.sha256(context.public).hexdigest()
            announcement = HOLDER_KEYS.sign(HolderKeys(nonce, digest), name, self._cast.keys[name])
            contexts[name] = (announcement.token, context.public)
            planned.append(PlannedHolder(name, announcement.digest))
        table = self._order.table
        plan = Plan(
            nonce=nonce,
            issued_at=self._now,
            expires=self._now + PLAN_LIFETIME_S,
            purpose="local aggregation of a table",
            period=self._order.period,
            metrics=tuple(Metric(c.name, "", c.decimals, c.bits, c.name) for c in table.columns),
            invited=tuple(self._cast.contributors),
            cohorts=self._cohorts,
            holders=tuple(planned),
            threshold=self._order.threshold,
            minimum_cohort=self._order.minimum,
            rule=self._rule(),
        )
        return self._coordinator.plan(plan), contexts

    def _rule(self) -> DisclosureRule:
        if self._order.rule == COHORT_SIZE:
            return DisclosureRule()
        return DisclosureRule(
            self._order.rule, LOCAL_RELEASER, b64url_encode(self._cast.releaser_hpke.public)
        )

    def _contribute(
        self, plan: SignedPlan
    ) -> tuple[dict[str, Signed[Consent]], dict[str, SignedContribution]]:
        parameters = plan.content.parameters(plan.digest)
        consents: dict[str, Signed[Consent]] = {}
        contributions: dict[str, SignedContribution] = {}
        for done, (name, row) in enumerate(self._cast.contributors.items()):
            self._tell("contribute", done, len(self._cast.contributors))
            contributor = Contributor(name, self._cast.keys[name])
            agreed = [group for group in (row.group, TOTAL) if group in self._order.consents]
            releaser = plan.content.rule.releaser
            state = contributor.join(plan, small_cohorts=agreed, releaser=releaser, now=self._now)
            statement = self._cast.sign_row(name)
            made, openings = make_contribution(
                parameters,
                name,
                attested_values([[one] for one in statement.attested()]),
                self._sender.encrypt,
                nonce_secret=self._random_bytes(NONCE_SECRET_BYTES),
                random_bytes=self._random_bytes,
            )
            state, signed = contributor.contribute(
                state,
                0,
                statement=statement.token,
                given=statement.given(),
                made=made,
                opening=sealed_opening(plan, 0, name, openings),
                now=self._now,
            )
            consents[name], contributions[name] = state.consent, signed
            self._statements[name] = statement.token
            for holder, data in made.ciphertexts.items():
                self._place(name, holder).write_bytes(data)
        return consents, contributions

    def _place(self, contributor: str, holder: int) -> Path:
        """Where a ciphertext lies until it was added up."""
        return self._ciphertexts / f"{contributor.replace('/', '-')}.{holder}"

    def _hold(
        self, plan: SignedPlan, roster: SignedRoster, examined: Callable[[], Examined]
    ) -> tuple[Sequence[SignedVote], Sequence[SignedAnswer], Examined]:
        """The coordinator adds up; each holder examines, decrypts and votes; with the quorum they answer."""
        own = examined()
        votes: list[SignedVote] = []
        voted = []
        for index, (name, reader) in enumerate(self._readers.items(), start=1):
            self._tell("check and vote", index - 1, len(self._readers))
            totals = add_up(
                plan,
                roster,
                own.heads,
                index,
                lambda who, j: self._place(who, j).read_bytes(),
                self._sender,
            )
            note = self._coordinator.note(plan, roster, name, totals)
            opened = TOTALS.open(note.token, LOCAL_COORDINATOR, self._keys)
            check_totals(plan, roster, opened, name, totals)
            shares = decrypt_totals(plan, index, examined(), totals, reader)
            holder = Holder(name, self._cast.keys[name])
            state, vote = holder.vote(HolderState(plan, self._now), 0, roster.digest, now=self._now)
            votes.append(vote)
            voted.append((holder, state, shares))
        answers = []
        for holder, state, shares in voted[: plan.content.threshold]:
            _, answer = holder.answer(state, roster, votes, shares, now=self._now)
            answers.append(answer)
        return votes, answers, own


def _cohorts(order: LocalOrder, contributors: Mapping[str, Row]) -> Mapping[str, tuple[str, ...]]:
    """The members of every group and, if it is asked for, of the total."""
    cohorts: dict[str, tuple[str, ...]] = {}
    for group in order.table.groups:
        if group:
            cohorts[group] = tuple(name for name, row in contributors.items() if row.group == group)
    called_total = TOTAL in cohorts
    if order.total or not cohorts:
        cohorts[TOTAL] = tuple(contributors)
    unknown = [name for name in order.consents if name not in cohorts]
    if unknown or called_total:
        raise Misuse(
            "aggregate-groups",
            found=f"a group that is called {TOTAL!r}" if called_total else f"no group {unknown[0]!r}",
            expected=f"groups out of {', '.join(cohorts)[:200]}",
            remedy="Name groups as the table does; `total` stands for everyone, where everyone's sum is asked for.",
        )
    return cohorts
