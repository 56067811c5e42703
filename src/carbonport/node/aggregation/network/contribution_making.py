"""A contribution as it is made and kept whole before anything of it leaves: what is sent later is read from there."""

import asyncio
from dataclasses import dataclass, field
from datetime import date

from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, canonical_bytes, parse_canonical
from carbonport.crypto.sums.bfv_worker import BfvWorker
from carbonport.crypto.sums.contributing import make_contribution
from carbonport.crypto.tuplehash import kmac256
from carbonport.errors import Refused
from carbonport.node.aggregation.consent import CONSENT
from carbonport.node.aggregation.contribute_once import Quantity
from carbonport.node.aggregation.contribution import CONTRIBUTION
from carbonport.node.aggregation.contributor import ContributorState
from carbonport.node.aggregation.network.contributor_session import ContributorSession
from carbonport.node.aggregation.network.given_leaves import decided_fields
from carbonport.node.aggregation.network.register_rows import MayContribute, close_attempt
from carbonport.node.aggregation.plan import MAX_ATTEMPTS
from carbonport.node.aggregation.releaser import sealed_opening
from carbonport.node.own_log import own_key
from carbonport.node.sessions.records import Record, keep

NONCE_DOMAIN = b"carbonport/aggregation-nonces/v1"
"""Domain of the secret that hedges the nonces of proofs."""

MAX_PREPARED_BYTES = 16 * 1024 * 1024
"""Longest prepared contribution: statement, envelope and decisions; ciphertexts are records of their own."""


@dataclass(frozen=True, slots=True)
class PreparedContribution:
    """A signed contribution with its statement, the opening sealed to a releaser (empty without one), the fields of the
    log entries of both crossings, and the condition under which it leaves."""

    contribution: str
    statement: str
    opening: bytes
    fields: dict[str, bytes] = field(repr=False)
    shown_fields: dict[str, bytes] = field(repr=False)
    may: MayContribute

    def encode(self) -> bytes:
        """As it is kept: canonical JSON."""
        return canonical_bytes(
            {
                "contribution": self.contribution,
                "statement": self.statement,
                "opening": b64url_encode(self.opening),
                "fields": _packed(self.fields),
                "shown_fields": _packed(self.shown_fields),
                "plan": self.may.plan,
                "attempt": self.may.attempt,
                "shown": int(self.may.shown),
                "quantities": [
                    [one.installation, one.path, one.start.isoformat(), one.end.isoformat()]
                    for one in self.may.quantities
                ],
            }
        )

    @classmethod
    def decode(cls, content: bytes) -> "PreparedContribution":
        """What `encode` wrote."""
        value = parse_canonical(content, max_bytes=MAX_PREPARED_BYTES)
        assert isinstance(value, dict), "this module wrote it"
        quantities = value["quantities"]
        assert isinstance(quantities, list), "this module wrote it"
        read = tuple(
            Quantity(installation, path, date.fromisoformat(start), date.fromisoformat(end))
            for installation, path, start, end in quantities
        )
        return cls(
            contribution=str(value["contribution"]),
            statement=str(value["statement"]),
            opening=b64url_decode(str(value["opening"])),
            fields=_unpacked(value["fields"]),
            shown_fields=_unpacked(value["shown_fields"]),
            may=MayContribute(
                read, str(value["plan"]), int(str(value["attempt"])), shown=value["shown"] == 1
            ),
        )


async def prepare(session: ContributorSession, attempt: int) -> PreparedContribution:
    """Make a contribution to an attempt whose predecessors are closed, and keep all of it.

    Raises `Refused` when a quantity of it was given before, or by the gate.
    """
    plan, participant = session.plan, session.participant
    state = await _state(session, attempt)
    given = await session.given(state.consent.content.releaser)
    may = MayContribute(given.quantities, plan.digest, attempt, shown=bool(plan.content.rule.releaser))
    with participant.store.reading() as connection:
        may.require(connection)

    def make() -> tuple[PreparedContribution, dict[int, bytes]]:
        with BfvWorker() as worker:
            for index, context in session.contexts.items():
                worker.open_context(index, context)
            made, openings = make_contribution(
                plan.content.parameters(plan.digest),
                session.contributor.id,
                given.values,
                worker.encrypt,
                nonce_secret=kmac256(own_key(participant), session.name.encode(), 32, NONCE_DOMAIN),
                random_bytes=participant.random_bytes,
            )
        opening = sealed_opening(plan, attempt, session.contributor.id, openings)
        _, signed = session.contributor.contribute(
            state,
            attempt,
            statement=given.statement,
            given=given.metrics,
            made=made,
            opening=opening,
            now=participant.clock(),
        )
        prepared = PreparedContribution(
            contribution=signed.token,
            statement=given.statement,
            opening=opening,
            fields=decided_fields(given.decision),
            shown_fields={} if given.shown is None else decided_fields(given.shown),
            may=may,
        )
        return prepared, dict(made.ciphertexts)

    prepared, ciphertexts = await asyncio.to_thread(make)
    now = participant.clock()
    with participant.store.writing() as connection:
        for index, data in ciphertexts.items():
            keep(connection, session.name, Record(f"ciphertext:{attempt}", str(index), data), now=now)
        keep(connection, session.name, Record(f"prepared:{attempt}", "", prepared.encode()), now=now)
    return prepared


async def _state(session: ContributorSession, attempt: int) -> ContributorState:
    """The state before this attempt: consent, earlier contributions, and their closing certificates, checked."""
    plan, keys, own = session.plan, session.keys, session.contributor.id
    consent = session.find("consent", own)
    assert consent is not None, "consent comes first"
    tokens = {number: session.find(f"contribution:{number}", own) for number in range(MAX_ATTEMPTS)}
    contributions = {
        number: CONTRIBUTION.open(token.decode(), own, keys)
        for number, token in tokens.items()
        if token is not None
    }
    state = ContributorState(plan, CONSENT.open(consent.decode(), own, keys), contributions)
    for number in range(attempt):
        certificate = (await session.client.ballot(session.name, number)).certificate
        if certificate is None:
            raise Refused(
                "aggregation-no-certificate",
                found=f"no closing certificate of attempt {number}",
                expected="proof that the attempt before can never be answered",
                remedy="Do not contribute again without it.",
                where=session.client.coordinator,
            )
        state = session.contributor.close(state, number, certificate, keys)
        with session.participant.store.writing() as connection:
            close_attempt(connection, plan.digest, number)
    return state


def _packed(fields: dict[str, bytes]) -> dict[str, Json]:
    return {name: b64url_encode(value) for name, value in fields.items()}


def _unpacked(fields: Json) -> dict[str, bytes]:
    assert isinstance(fields, dict), "this module wrote it"
    return {name: b64url_decode(str(text)) for name, text in fields.items()}
