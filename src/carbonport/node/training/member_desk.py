"""How a member answers the letters of a training: it accepts, and contributes to what the task itself asks next.

A contribution is made and kept whole before anything of it leaves. Its crossing is logged with the gate's decision; the
first one enters what the training uses up (`permission.Claim`). A repeated letter gets the same bytes; another attempt
gets fresh polynomials of the same integers, for a second draw of noise would be a second release.
"""

import asyncio
import hashlib

from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.crypto.sums.fast_sum import seal_shares
from carbonport.errors import Refused
from carbonport.federated.course import Asked
from carbonport.federated.features import Rows
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.sessions.records import Record, drop
from carbonport.node.training.contribution import (
    HEAD,
    ContributionHead,
    Place,
    contribution_bytes,
    fast_exchange,
    read_contribution,
)
from carbonport.node.training.joining import ACCEPTANCE, Acceptance
from carbonport.node.training.parcel import pack
from carbonport.node.training.permission import Claim, Permission, Permit
from carbonport.node.training.plan import SignedPlan
from carbonport.node.training.record_kinds import CONTRIBUTED, VECTOR
from carbonport.node.training.session import TrainingSession, out_of_order

ACCEPTED = "training-accepted"
CLAIMED = "training-claimed"
"""Kinds of records: the acceptance, and the hash of the rows."""


class MemberDesk:
    """One member in one training."""

    def __init__(self, session: TrainingSession, permission: Permission) -> None:
        self._session, self._permission = session, permission
        self._participant, self._id = session.node.participant, session.id

    async def accept(self, plan: SignedPlan) -> bytes:
        """The signed acceptance, once policy and owner permit and there are rows enough; the first stands."""
        self._permission.rows(plan, await self._permission.permit(plan))
        kept = self._session.find(ACCEPTED, self._id)
        if kept is None:
            key = self._participant.signing_key(KeyUse.SEAL)
            kept = ACCEPTANCE.sign(Acceptance(plan.digest), self._id, key).token.encode()
            await self._session.logged(EntryType.SESSION, [Record(ACCEPTED, self._id, kept)], self._id)
        return pack({}, [kept])

    async def contribute(self, fields: StrictFields, sums: tuple[bytes, ...]) -> bytes:
        """The contribution to what the task asks now, with the receipt of its crossing."""
        plan, place = await self._session.arrive(fields, sums)
        asked = self._session.begun.course.asked_of(self._id)
        if asked is None:
            raise out_of_order("a question to a member whose bucket is done")
        permit = await self._permission.permit(plan)
        kept = self._session.find(_kind(place), self._id)
        claim, records = None, []
        if kept is None:
            rows = self._permission.rows(plan, permit)
            claim = self._claim(plan, permit, rows)
            vector = await asyncio.to_thread(self._vector, asked, place, rows)
            kept = await asyncio.to_thread(self._sealed, plan, place, asked, vector)
            records = [Record(f"{VECTOR}:{place.exchange}", "", _vector_bytes(vector))]
            if claim is not None:
                records.append(Record(CLAIMED, "", statistics_of(rows).encode()))
        head = HEAD.open(read_contribution(kept)[0], self._id, self._session.keys).content
        entry = self._session.record(plan, place.attempt, contributions={self._id: head.sealed})
        logged = await self._session.logged(
            EntryType.CROSSING,
            [Record(_kind(place), self._id, kept), *records],
            self._id,
            fields={**permit.fields, FieldName.TRAINING: entry.encode()},
            write=None if claim is None else claim.enter,
            condition=claim,
        )
        if place.exchange:
            self.forget(place.exchange - 1)
        return pack({}, [kept, logged.receipt.encode()])

    def forget(self, exchange: int) -> None:
        """Drop what was contributed to an exchange whose sums are known: nobody asks for it again."""
        with self._participant.store.writing() as connection:
            for kind in (CONTRIBUTED, VECTOR):
                drop(connection, self._session.session, f"{kind}:{exchange}")

    def forget_all(self) -> None:
        """Drop everything that was contributed, when the training is over."""
        with self._participant.store.writing() as connection:
            for kind in (CONTRIBUTED, VECTOR):
                drop(connection, self._session.session, kind)

    def _claim(self, plan: SignedPlan, permit: Permit, rows: Rows) -> Claim | None:
        """What the first contribution uses up; none for a later one, whose rows must be the same."""
        statistics, claimed = statistics_of(rows), self._session.find(CLAIMED)
        if claimed is None:
            return self._permission.claim(plan, permit, self._session.begun.membership, statistics)
        if claimed.decode() != statistics:
            raise Refused(
                "training-rows-changed",
                found="other rows than the training began with",
                expected="the same rows in every exchange of a training",
                remedy="Leave the training: sums of other rows would tell the difference.",
            )
        return None

    def _vector(self, asked: Asked, place: Place, rows: Rows) -> tuple[int, ...]:
        """The integers for this exchange: those that were drawn before, if there are any."""
        kept = self._session.find(f"{VECTOR}:{place.exchange}")
        if kept is not None:
            return tuple(int(value) for value in kept.split())
        return self._session.begun.course.vector(asked, rows, self._participant.random_bytes)

    def _sealed(self, plan: SignedPlan, place: Place, asked: Asked, vector: tuple[int, ...]) -> bytes:
        exchange = fast_exchange(plan, place, asked)
        keys = self._session.begun.holder_keys
        sealed = seal_shares(exchange, self._id, vector, keys, self._participant.random_bytes)
        shares = [sealed[index] for index in exchange.threshold.indices]
        head = ContributionHead(place, tuple(hashlib.sha256(share).hexdigest() for share in shares))
        key = self._participant.signing_key(KeyUse.SEAL)
        return contribution_bytes(HEAD.sign(head, self._id, key).token, shares)


def statistics_of(rows: Rows) -> str:
    """SHA-256 (hex) of rows: columns by name, and the target."""
    digest = hashlib.sha256()
    for name, column in [*sorted(rows.numbers.items()), ("", rows.target)]:
        digest.update(f"{name}\n".encode() + column.tobytes())
    for name, words in sorted(rows.words.items()):
        digest.update("\n".join([name, *map(str, words), ""]).encode())
    return digest.hexdigest()


def _kind(place: Place) -> str:
    return f"{CONTRIBUTED}:{place.exchange}:{place.attempt}"


def _vector_bytes(vector: tuple[int, ...]) -> bytes:
    return " ".join(map(str, vector)).encode()
