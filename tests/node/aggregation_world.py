"""One aggregation in memory, with everything real: a table's rows as contributors, holders with their own workers.

Tests take the honest parts and put one lie in their place.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from carbonport.classification.cohorts import Undertakings
from carbonport.crypto.ambient import system_random
from carbonport.crypto.pedersen import Opening
from carbonport.crypto.sums.attested import AttestedValue
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.contributing import make_contribution
from carbonport.crypto.sums.contribution import Contribution
from carbonport.node.aggregation.consent import Consent
from carbonport.node.aggregation.contribution import SignedContribution
from carbonport.node.aggregation.contributor import Contributor, ContributorState
from carbonport.node.aggregation.coordinator import Coordinator
from carbonport.node.aggregation.examination import Examined, Proposal, examine
from carbonport.node.aggregation.holder import Holder
from carbonport.node.aggregation.holder_keys import HOLDER_KEYS, HolderKeys
from carbonport.node.aggregation.local.local_cast import LOCAL_COORDINATOR, LocalCast, RowStatement
from carbonport.node.aggregation.local.row_table import Column, Row, RowTable
from carbonport.node.aggregation.plan import Metric, Plan, PlannedHolder, SignedPlan
from carbonport.node.aggregation.plan_opening import open_plan
from carbonport.node.aggregation.roster import SignedRoster
from carbonport.node.aggregation.totals import add_up
from carbonport.node.aggregation.trust_lookups import listed_statements
from carbonport.node.sessions.parties import directory, seal_keys
from carbonport.node.sessions.signed_document import SealKeys, Signed

NOW = 1_800_000_000
"""The moment of every session."""

EXPIRES = NOW + 3600

PERIOD = "2026-01-01/2026-12-31"

VALUES = (101, 202, 303, 404, 505, 606)
"""One metric of six contributors, in units of the first decimal."""


def table(values: Sequence[int] = VALUES) -> RowTable:
    rows = tuple(Row(f"plant {index}", "", (value,)) for index, value in enumerate(values))
    return RowTable((Column("tonnes", 1, 32),), rows)


@dataclass
class World:
    """A session of one cohort over everyone, up to any point."""

    cast: LocalCast
    workers: Mapping[str, BfvWorker]
    sender: BfvWorker
    threshold: int = 2
    contexts: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    @classmethod
    def build(cls, workers: Sequence[BfvWorker], *, values: Sequence[int] = VALUES) -> "World":
        """`workers` are a sender's and one of each holder's."""
        sender, *readers = workers
        cast = LocalCast(
            table(values), holders=len(readers), period=PERIOD, now=NOW, random_bytes=system_random
        )
        return cls(cast, dict(zip(cast.holders, readers, strict=True)), sender)

    @cached_property
    def keys(self) -> SealKeys:
        return seal_keys(self.cast.store(), at=NOW, now=NOW)

    @property
    def contributors(self) -> list[str]:
        return list(self.cast.contributors)

    @cached_property
    def plan(self) -> SignedPlan:
        """The honest plan, as everybody opened it."""
        opened, _ = open_plan(
            self.coordinator.plan(self.plan_content).token,
            LOCAL_COORDINATOR,
            contexts=self.contexts,
            keys=self.keys,
            directory=directory(self.cast.store(), now=NOW),
        )
        return opened

    @cached_property
    def plan_content(self) -> Plan:
        nonce = system_random(32)
        planned = []
        for index, (name, worker) in enumerate(self.workers.items(), start=1):
            context = worker.generate()
            worker.unlock(context.secret)
            self.sender.open_context(index, context.public)
            keys = HolderKeys(nonce, hashlib.sha256(context.public).hexdigest())
            announcement = HOLDER_KEYS.sign(keys, name, self.cast.keys[name])
            self.contexts[name] = (announcement.token, context.public)
            planned.append(PlannedHolder(name, announcement.digest))
        return Plan(
            nonce=nonce,
            issued_at=NOW,
            expires=EXPIRES,
            purpose="a test",
            period=PERIOD,
            metrics=(Metric("tonnes", "", 1, 32, "tonnes"),),
            invited=tuple(self.contributors),
            cohorts={"total": tuple(self.contributors)},
            holders=tuple(planned),
            threshold=self.threshold,
        )

    @property
    def undertakings(self) -> Undertakings:
        return Undertakings({name: name for name in self.contributors})

    @property
    def coordinator(self) -> Coordinator:
        return Coordinator(LOCAL_COORDINATOR, self.cast.keys[LOCAL_COORDINATOR])

    def holder(self, name: str) -> Holder:
        return Holder(name, self.cast.keys[name])

    def index(self, holder: str) -> int:
        return self.plan.content.holder_index(holder)

    @cached_property
    def statements(self) -> dict[str, RowStatement]:
        return {name: self.cast.sign_row(name) for name in self.contributors}

    def made(self, name: str, attested: Sequence[AttestedValue] | None = None) -> Contribution:
        """A fresh contribution of the statement's values, or of others."""
        values = self.statements[name].attested() if attested is None else attested
        contribution, _ = make_contribution(
            self.plan.content.parameters(self.plan.digest),
            name,
            list(values),
            self.sender.encrypt,
            nonce_secret=system_random(32),
        )
        return contribution

    def state(self, name: str, small: Sequence[str] = ()) -> ContributorState:
        return Contributor(name, self.cast.keys[name]).join(self.plan, small_cohorts=small, now=NOW)

    def signed(self, name: str, made: Contribution, *, attempt: int = 0) -> SignedContribution:
        state = replace(self.state(name), closed=frozenset(range(attempt)))
        statement = self.statements[name]
        return Contributor(name, self.cast.keys[name]).contribute(
            state, attempt, statement=statement.token, given=statement.given(), made=made, now=NOW
        )[1]

    @cached_property
    def given(self) -> dict[str, Contribution]:
        return {name: self.made(name) for name in self.contributors}

    @cached_property
    def contributions(self) -> dict[str, SignedContribution]:
        return {name: self.signed(name, made) for name, made in self.given.items()}

    @cached_property
    def consents(self) -> dict[str, Signed[Consent]]:
        return {name: self.state(name).consent for name in self.contributors}

    @cached_property
    def roster(self) -> SignedRoster:
        return self.coordinator.propose(self.plan, 0, self.consents, self.contributions, self.undertakings)

    def proposal(self, roster: SignedRoster | None = None, **contributions: SignedContribution) -> Proposal:
        """What the coordinator sends to holders about a roster's members."""
        roster = self.roster if roster is None else roster
        members = [entry.id for entry in roster.content.entries]
        tokens = {name: self.contributions[name].token for name in members}
        return Proposal(roster.token, {name: self.consents[name].token for name in members}, tokens)

    def examined(self, proposal: Proposal) -> Examined:
        tokens = {name: statement.token for name, statement in self.statements.items()}
        return examine(
            self.plan,
            proposal,
            undertakings=self.undertakings,
            keys=self.keys,
            statement_of=listed_statements(tokens, self.cast.store(), at=NOW, now=NOW),
        )

    def totals(
        self,
        examined: Examined,
        holder: str,
        replaced: Mapping[str, bytes] | None = None,
    ) -> Mapping[str, bytes]:
        """The coordinator's sums for a holder; `replaced` are other ciphertexts than the contributors'."""
        index = self.index(holder)

        def ciphertext(name: str, j: int) -> bytes:
            return (replaced or {}).get(name) or self.given[name].ciphertexts[j]

        return add_up(self.plan, examined.roster, examined.heads, index, ciphertext, self.sender)


def other_value(statement: RowStatement, change: int) -> list[AttestedValue]:
    """The attested values of a statement, the first changed: nobody attested that."""
    first, *rest = statement.attested()
    opening = Opening(first.opening.value + change, first.opening.blinding)
    return [AttestedValue(opening, first.decimals), *rest]
