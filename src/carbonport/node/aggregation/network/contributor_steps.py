"""How a contributor takes part in a session: look, consent, contribute once, fetch the result.

Looking changes nothing. A contribution is made and kept whole before anything of it leaves; its crossing is logged
with the gate's decision in the transaction that enters its quantities into the register; then it is sent, as often as
it takes.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import date

from carbonport.classification.egress import EgressRefused
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, canonical_bytes, parse_canonical
from carbonport.crypto.log_entry import EXCHANGE_ID_CHARACTERS, EntryType
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.contributing import make_contribution
from carbonport.crypto.tuplehash import kmac256
from carbonport.errors import FailedVerification, Refused
from carbonport.node.aggregation.closing import check_closed
from carbonport.node.aggregation.consent import CONSENT
from carbonport.node.aggregation.contribute_once import Quantity
from carbonport.node.aggregation.contribution import CONTRIBUTION
from carbonport.node.aggregation.contributor import Contributor, ContributorState
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient
from carbonport.node.aggregation.network.given_leaves import GivenLeaves, decided_fields, given_leaves
from carbonport.node.aggregation.network.opened_plan import OpenedPlan, opened_plan
from carbonport.node.aggregation.network.register_rows import MayContribute, close_attempt
from carbonport.node.aggregation.plan import MAX_ATTEMPTS, SignedPlan
from carbonport.node.aggregation.releaser import sealed_opening
from carbonport.node.aggregation.result_check import check_result_file
from carbonport.node.aggregation.result_statement import exact_sums
from carbonport.node.exporter.log_fields import refusal_fields
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.log.draft import Draft, Logged
from carbonport.node.open_node import OpenNode
from carbonport.node.own_log import own_key
from carbonport.node.sessions.parties import current_keys
from carbonport.node.sessions.records import Record, all_of, drop, find, keep
from carbonport.node.sessions.session_log import PURPOSE, keep_logged

NONCE_DOMAIN = b"carbonport/aggregation-nonces/v1"
"""Domain of the secret that hedges the nonces of proofs."""

MAX_PREPARED_BYTES = 8 * 1024 * 1024
"""Longest prepared contribution: statement, envelope and decision; ciphertexts are records of their own."""


async def contributor_step(
    node: OpenNode,
    coordinator: str,
    session: str,
    *,
    agree: bool,
    small_cohorts: Sequence[str] = (),
    releaser: str = "",
) -> dict[str, Json]:
    """One step. Without `agree`, or a consent given before, it only looks and tells what the plan is.

    `releaser` is who the owner agreed may see its values; a plan with another one is refused.
    """
    client = CoordinatorClient(node.peers, coordinator)
    parcel = await client.plan(session)
    opened = await opened_plan(node, client, session)
    steps = _Steps(node, client, session, opened)
    state, phase = parcel.state, parcel.state.phase
    said: dict[str, Json] = {}
    if steps.consented or agree:
        await steps.consent(small_cohorts, releaser)
        if phase == "contributing":
            await steps.contribute(state.attempt)
            said = {"said": "contribution"}
        elif phase == "done":
            said = {"said": "result", **await steps.result()}
        elif phase in ("failed", "expired"):
            freed = await steps.free()
            said = {"said": "freed" if freed else "", "freed_attempts": freed}
    return {
        "session": session,
        "phase": phase if steps.consented else "invited",
        "attempt": state.attempt,
        "done": phase in ("done", "refused", "failed", "expired"),
        "plan": plan_json(opened.plan),
        **said,
    }


class _Steps:
    def __init__(self, node: OpenNode, client: CoordinatorClient, session: str, opened: OpenedPlan) -> None:
        self._node, self._client, self._session, self._opened = node, client, session, opened
        self._participant = node.participant
        self._contributor = Contributor(self._participant.id, self._participant.signing_key(KeyUse.SEAL))

    @property
    def consented(self) -> bool:
        """Whether this node has consented to this plan."""
        with self._participant.store.reading() as connection:
            return find(connection, self._session, "consent", self._contributor.id) is not None

    async def consent(self, small_cohorts: Sequence[str], releaser: str) -> None:
        """Consent once, and bring it; a consent that was given stands."""
        with self._participant.store.reading() as connection:
            kept = find(connection, self._session, "consent", self._contributor.id)
        if kept is None:
            state = self._contributor.join(
                self._opened.plan,
                small_cohorts=small_cohorts,
                releaser=releaser,
                now=self._participant.clock(),
            )
            # Whether there is anything to give, and the gate lets it, is known before anything is promised.
            await self._given(releaser)
            kept = state.consent.token.encode()
            await self._logged(EntryType.SESSION, Record("consent", self._contributor.id, kept))
        await self._client.submit_consent(self._session, kept.decode())

    async def contribute(self, attempt: int) -> None:
        """The attempt's contribution: made once, logged, brought."""
        with self._participant.store.reading() as connection:
            prepared = find(connection, self._session, f"prepared:{attempt}")
            given = find(connection, self._session, f"contribution:{attempt}", self._contributor.id)
        if prepared is None and given is not None:
            # Given before this node was restored from a backup: its coordinator has it.
            return
        if prepared is None:
            prepared = await self._prepare(attempt)
        token, statement, opening, fields, shown_fields, may = _read_prepared(prepared)
        record = Record(f"contribution:{attempt}", self._contributor.id, token.encode())
        logged = await self._logged(EntryType.CROSSING, record, fields=fields, may=may)
        shown = b""
        if releaser := self._opened.plan.content.rule.releaser:
            record = Record(f"opening:{attempt}", self._contributor.id, opening)
            crossed = await self._logged(
                EntryType.CROSSING, record, fields=shown_fields, counterparty=releaser
            )
            shown = crossed.receipt.encode()
        await self._client.submit_contribution(
            self._session, attempt, token, statement, logged.receipt.encode(), shown
        )
        with self._participant.store.reading() as connection:
            ciphertexts = all_of(connection, self._session, f"ciphertext:{attempt}")
        for index, data in ciphertexts.items():
            await self._client.submit_ciphertext(self._session, attempt, int(index), data)

    async def result(self) -> dict[str, Json]:
        """The result, fetched, checked with this node's own trust lists, and kept; its sums."""
        with self._participant.store.reading() as connection:
            kept = find(connection, self._session, "result")
        data = await self._client.result(self._session) if kept is None else kept
        checked = await asyncio.to_thread(
            check_result_file, data, now=self._participant.clock(), store=self._participant.trust
        )
        plan, result = checked.plan, checked.result
        if not checked.report.ok or plan is None or result is None or plan.digest != self._opened.plan.digest:
            raise FailedVerification(
                "aggregation-result-refused",
                found=f"a result whose checks fail: {', '.join(checked.report.failed()) or 'another plan'}",
                expected="the result of this plan, every check of which holds",
                remedy="Keep the file and show it to the holders; do not use the sums.",
                where=self._client.coordinator,
            )
        if kept is None:
            record = Record("result", "", data)
            await self._logged(EntryType.SESSION, record, sender=self._client.coordinator)
            with self._participant.store.writing() as connection:
                drop(connection, self._session, "ciphertext")
        sums: dict[str, Json] = {
            cohort: {metric: format(value, "f") for metric, value in one.items()}
            for cohort, one in exact_sums(plan, result).items()
        }
        return {"released": sums}

    async def free(self) -> int:
        """After a session without a result: free what went into attempts that provably were never answered; says how
        many those are."""
        plan, keys = self._opened.plan, current_keys(self._node)
        freed = 0
        for attempt in range(MAX_ATTEMPTS):
            with self._participant.store.reading() as connection:
                given = find(connection, self._session, f"contribution:{attempt}", self._contributor.id)
            if given is None:
                continue
            _, certificate = await self._client.ballot(self._session, attempt)
            if certificate is not None:
                check_closed(plan, attempt, certificate, keys)
                with self._participant.store.writing() as connection:
                    close_attempt(connection, plan.digest, attempt)
                freed += 1
        return freed

    async def _prepare(self, attempt: int) -> bytes:
        """Make a contribution and keep all of it, before anything leaves."""
        plan = self._opened.plan
        state = await self._state(attempt)
        given = await self._given(state.consent.content.releaser)
        may = MayContribute(given.quantities, plan.digest, attempt, shown=bool(plan.content.rule.releaser))
        with self._participant.store.reading() as connection:
            may.require(connection)

        def make() -> tuple[bytes, dict[int, bytes]]:
            with BfvWorker() as worker:
                for index, context in self._opened.contexts.items():
                    worker.open_context(index, context)
                made, openings = make_contribution(
                    plan.content.parameters(plan.digest),
                    self._contributor.id,
                    given.values,
                    worker.encrypt,
                    nonce_secret=kmac256(
                        own_key(self._participant), self._session.encode(), 32, NONCE_DOMAIN
                    ),
                    random_bytes=self._participant.random_bytes,
                )
            opening = sealed_opening(plan, attempt, self._contributor.id, openings)
            _, signed = self._contributor.contribute(
                state,
                attempt,
                statement=given.statement,
                given=given.metrics,
                made=made,
                opening=opening,
                now=self._participant.clock(),
            )
            return _prepared(signed.token, opening, given, may), dict(made.ciphertexts)

        prepared, ciphertexts = await asyncio.to_thread(make)
        now = self._participant.clock()
        with self._participant.store.writing() as connection:
            for index, data in ciphertexts.items():
                keep(connection, self._session, Record(f"ciphertext:{attempt}", str(index), data), now=now)
            keep(connection, self._session, Record(f"prepared:{attempt}", "", prepared), now=now)
        return prepared

    async def _state(self, attempt: int) -> ContributorState:
        """The state before this attempt: consent, earlier contributions, and their closing certificates, checked."""
        plan, keys, own = self._opened.plan, current_keys(self._node), self._contributor.id
        with self._participant.store.reading() as connection:
            consent = find(connection, self._session, "consent", own)
            tokens = {
                number: find(connection, self._session, f"contribution:{number}", own)
                for number in range(MAX_ATTEMPTS)
            }
        assert consent is not None, "consent comes first"
        contributions = {
            number: CONTRIBUTION.open(token.decode(), own, keys)
            for number, token in tokens.items()
            if token is not None
        }
        state = ContributorState(plan, CONSENT.open(consent.decode(), own, keys), contributions)
        for number in range(attempt):
            _, certificate = await self._client.ballot(self._session, number)
            if certificate is None:
                raise Refused(
                    "aggregation-no-certificate",
                    found=f"no closing certificate of attempt {number}",
                    expected="proof that the attempt before can never be answered",
                    remedy="Do not contribute again without it.",
                    where=self._client.coordinator,
                )
            state = self._contributor.close(state, number, certificate, keys)
            with self._participant.store.writing() as connection:
                close_attempt(connection, plan.digest, number)
        return state

    async def _given(self, releaser: str) -> GivenLeaves:
        """What the plan asks for, if the gate lets it go to the coordinator and, where the owner consented to one, to
        the releaser; a refusal is logged."""
        plan = self._opened.plan
        try:
            return await given_leaves(self._node, plan, releaser=releaser)
        except EgressRefused as refusal:
            decision = refusal.decision
            await self._node.log.append(
                Draft(
                    type=EntryType.REFUSAL,
                    exchange=self._session[:EXCHANGE_ID_CHARACTERS],
                    request_digest=hashlib.sha256(
                        f"{plan.digest}\n{decision.recipient.id}".encode()
                    ).digest(),
                    fields=refusal_fields(decision.recipient.id, PURPOSE, decision.reason, decision),
                )
            )
            raise

    async def _logged(
        self,
        entry: EntryType,
        record: Record,
        *,
        fields: dict[str, bytes] | None = None,
        may: MayContribute | None = None,
        sender: str = "",
        counterparty: str = "",
    ) -> Logged:
        """Keep and log a document: this contributor's own before it leaves, or one that came from `sender`; it is for
        the coordinator unless `counterparty` says otherwise."""
        return await keep_logged(
            self._node,
            entry,
            self._session,
            [record],
            sender=sender or self._contributor.id,
            counterparty=counterparty or self._client.coordinator,
            fields=fields,
            write=None if may is None else may.enter,
            condition=may,
        )


def plan_json(plan: SignedPlan) -> Json:
    """A plan for a person to decide about."""
    content, threshold = plan.content, plan.content.holder_threshold
    return {
        "digest": plan.digest,
        "coordinator": plan.issuer,
        "purpose": content.purpose,
        "period": content.period,
        "expires": content.expires,
        "metrics": [f"{metric.name} [{metric.unit}] from {metric.source}" for metric in content.metrics],
        "invited": list(content.invited),
        "cohorts": {name: len(members) for name, members in content.cohorts.items()},
        "minimum_cohort": content.minimum_cohort,
        "holders": [holder.id for holder in content.holders],
        "rule": content.rule.kind,
        "releaser": content.rule.releaser,
        "threshold": threshold.threshold,
        "votes_needed": threshold.votes_needed,
        "absent_tolerated": threshold.absent_tolerated,
    }


def _prepared(token: str, opening: bytes, given: GivenLeaves, may: MayContribute) -> bytes:
    return canonical_bytes(
        {
            "contribution": token,
            "statement": given.statement,
            "opening": b64url_encode(opening),
            "fields": _packed(decided_fields(given.decision)),
            "shown_fields": {} if given.shown is None else _packed(decided_fields(given.shown)),
            "plan": may.plan,
            "attempt": may.attempt,
            "shown": int(may.shown),
            "quantities": [
                [one.installation, one.path, one.start.isoformat(), one.end.isoformat()]
                for one in may.quantities
            ],
        }
    )


def _read_prepared(
    content: bytes,
) -> tuple[str, str, bytes, dict[str, bytes], dict[str, bytes], MayContribute]:
    value = parse_canonical(content, max_bytes=2 * MAX_PREPARED_BYTES)
    assert isinstance(value, dict), "this module wrote it"
    quantities = value["quantities"]
    assert isinstance(quantities, list), "this module wrote it"
    read = tuple(
        Quantity(installation, path, date.fromisoformat(start), date.fromisoformat(end))
        for installation, path, start, end in quantities
    )
    return (
        str(value["contribution"]),
        str(value["statement"]),
        b64url_decode(str(value.get("opening", ""))),
        _unpacked(value["fields"]),
        _unpacked(value["shown_fields"]),
        MayContribute(read, str(value["plan"]), int(str(value["attempt"])), shown=value.get("shown") == 1),
    )


def _packed(fields: dict[str, bytes]) -> dict[str, Json]:
    return {name: b64url_encode(value) for name, value in fields.items()}


def _unpacked(fields: Json) -> dict[str, bytes]:
    assert isinstance(fields, dict), "this module wrote it"
    return {name: b64url_decode(str(text)) for name, text in fields.items()}
