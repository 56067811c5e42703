"""The seller's desk: sales, corrections and give-backs of lots, prepared off the event loop.

What is prepared names the size its lot had, and is written in the transaction of its log entry only when the lot has
that size still (`lot-moved` otherwise, and it is prepared anew): of two sales for the last tonnes, whichever process
made them, one is written and the other is refused. A refusal is an error id; it tells nothing of what remains.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from sqlalchemy import Connection

from carbonport.attestation.lots.lot_identity import LotPlace
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.seller import (
    ConsignmentRequest,
    LotState,
    LotStep,
    ProveOpenings,
    correct,
    give_back,
    open_lot,
    prove_remainder,
    sell,
)
from carbonport.attestation.lots.stated_lots import stated_lot
from carbonport.crypto.canonical import canonical_bytes
from carbonport.errors import Misuse, Refused, Unavailable
from carbonport.node.exporter import issued
from carbonport.node.exporter.inbox import AttestationRequest
from carbonport.node.exporter.lots import lot_rows
from carbonport.node.exporter.lots.lot_rows import EntryRow, OpeningRow, StatementRow
from carbonport.node.exporter.lots.lot_states import LotStates, level_opening, lots_of, shown_level
from carbonport.node.exporter.lots.lot_witnesses import LotWitnesses
from carbonport.node.exporter.lots.sale_turns import SaleTurns
from carbonport.node.exporter.prepared_statement import PreparedStatement
from carbonport.node.own_log import own_key
from carbonport.node.participant import Participant

NONCE_SECRET_INFO = b"carbonport/lot-proof-nonces/v1"
"""Domain of the secret that hedges the nonces of range proofs."""

MAX_TRIES = 8
"""How often a sale is prepared, with the proof that names its place, because another process's came between."""

CLOSED_FOR_NOW = frozenset({"lot-openings-missing", "lot-behind-witness"})
"""Refusals that are no answer to a request: it stays pending until the lot is whole again."""


@dataclass(frozen=True, slots=True)
class Sale:
    """A consignment in its lot: prepared, or found there when it was sold before (`step` None)."""

    stated: StatedLot
    importer: str
    consignment: str
    k: int
    salt: bytes
    step: LotStep | None

    @property
    def place(self) -> LotPlace:
        """What the proof of the consignment's results is bound to."""
        return self.stated.lot.at(self.k)

    def write(self, connection: Connection, attestation_id: str) -> None:
        """The consignment's rows, in the transaction of the attestation's log entry."""
        lot_id = self.stated.lot.id.hex()
        if self.step is not None:
            opening = self.step.state.openings[self.k]
            lot_rows.append_entries(connection, lot_id, [entry_row(self.step)])
            lot_rows.add_opening(
                connection, lot_id, OpeningRow(self.k, self.importer, self.consignment, opening)
            )
        lot_rows.bind_attestation(connection, attestation_id, lot_id, self.k)

    def log_field(self) -> bytes:
        """What the log entry says of the sale, for the regulator who audits the lot."""
        return canonical_bytes(
            {
                "origin": self.stated.terms.origin,
                "k": self.k,
                "consignment": self.consignment,
                "salt": self.salt.hex(),
                "statement": self.stated.digest,
            }
        )


@dataclass(frozen=True, slots=True)
class StatedEntry:
    """A lot's entry for a statement that is about to be added, with the leaf of its activity level."""

    stated: StatedLot
    step: LotStep
    begins: bool
    level: bytes

    def write(self, connection: Connection, statement_id: str) -> None:
        """The entry's rows, in the transaction that makes the statement the current one."""
        lot, origin = self.stated.lot, self.stated.terms.origin
        if self.begins:
            lot_rows.found_lot(connection, lot, origin)
        lot_rows.append_entries(connection, lot.id.hex(), [entry_row(self.step)])
        lot_rows.add_statement(
            connection, lot.id.hex(), StatementRow(self.step.position, statement_id, self.level)
        )


class LotDesk:
    """Sells from the lots of one node."""

    def __init__(self, participant: Participant, witnesses: LotWitnesses, prove: ProveOpenings) -> None:
        """`prove` is called in threads: a proof takes tens of milliseconds that depend on secrets."""
        self._participant = participant
        self._witnesses = witnesses
        self._prove = prove
        self._states = LotStates()
        self._nonce_secret = own_key(participant, NONCE_SECRET_INFO)
        self._one_at_a_time = asyncio.Lock()
        self._turns = SaleTurns()

    def forget(self) -> None:
        """Drop what is kept in memory: openings may have been erased or brought back."""
        self._states.forget()

    def turn(self, prepared: PreparedStatement, process: str) -> AbstractAsyncContextManager[None]:
        """Held from preparing a sale until it is written; `Unavailable` (`lot-busy`) when too many wait."""
        return self._turns.turn(stated_lot(prepared.statement, prepared.version.digest, process))

    async def sale(
        self, request: AttestationRequest, prepared: PreparedStatement, process: str
    ) -> Sale | None:
        """The consignment of a request, ready to be written; None when the statement names no lot for it.

        Raises Refused: `lot-sold-out`, `lot-closed`, `lot-openings-missing`, `lot-consignment-sold`,
        `lot-consignment-key`; Unavailable when the lot's witnesses cannot say that nothing of it was lost.
        """
        stated = stated_lot(prepared.statement, prepared.version.digest, process)
        if stated is None:
            return None
        async with self._one_at_a_time:
            state = await asyncio.to_thread(self._state, prepared, stated)
            await self._witnesses.require_not_behind(stated, state.history.size)
            return await asyncio.to_thread(self._sale, request, state)

    async def statement_entries(
        self, prepared: PreparedStatement, before: Sequence[StatedLot]
    ) -> Sequence[StatedEntry]:
        """The entries with which the lots of a statement begin, or go over to it from those of the version before.

        Raises Refused (`lot-correction-terms`) when a lot of the version before is not carried on.
        """
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._statement_entries, prepared, before)

    async def returned(
        self, prepared: PreparedStatement, stated: StatedLot, k: int, signature: bytes
    ) -> LotStep:
        """The give-back of consignment k, ready to be written; whether its attestation is revoked is looked at with
        `require_revoked` in the transaction."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._returned, prepared, stated, k, signature)

    def _state(self, prepared: PreparedStatement, stated: StatedLot) -> LotState:
        with self._participant.store.reading() as connection:
            state = self._states.read(connection, stated, level_opening(prepared, stated))
        if state is None or state.history.statement(state.history.last).digest.hex() != stated.digest:
            raise Unavailable(
                lot_rows.MOVED,
                found="a lot that goes by another version of its statement",
                expected="the current statement",
                remedy="Try again: the statement was replaced at the same time.",
            )
        return state

    def _sale(self, request: AttestationRequest, state: LotState) -> Sale:
        key, quantity = (
            bytes.fromhex(request.consignment_key),
            state.stated.terms.quantity(request.net_mass_t),
        )
        known = self._sold_before(request, state, key, quantity)
        if known is not None:
            return known
        wanted = ConsignmentRequest(request.importer, request.consignment, quantity, key)
        step = sell(
            state,
            wanted,
            nonce_secret=self._nonce_secret,
            random_bytes=self._participant.random_bytes,
            prove=self._prove,
        )
        salt = step.state.openings[step.position].salt
        return Sale(state.stated, request.importer, request.consignment, step.position, salt, step)

    def _sold_before(
        self, request: AttestationRequest, state: LotState, key: bytes, quantity: int
    ) -> Sale | None:
        """The entry of a consignment that is asked for again: it is not sold a second time."""
        if not key:
            raise _refused_key("a request without the key of its consignment")
        with self._participant.store.reading() as connection:
            openings = lot_rows.openings_of(connection, state.stated.lot.id.hex())
        for entry in state.history.consignments(state.history.last):
            row, returned = openings.get(entry.k), entry.k in state.history.returned
            same_name = row is not None and (row.importer, row.consignment) == (
                request.importer,
                request.consignment,
            )
            if entry.key == key:
                if returned or row is None or not same_name:
                    raise _refused_key(
                        "a key that stands in the entry of another consignment, or a returned one"
                    )
                if row.opening.quantity != quantity:
                    raise _sold_already("a consignment that is sold with another quantity")
                if not any(at >= entry.k and at in state.remainders for at in _current(state)):
                    raise _nothing_left()
                return Sale(
                    state.stated, request.importer, request.consignment, entry.k, row.opening.salt, None
                )
            if same_name and not returned:
                raise _sold_already("a consignment that is sold under another key")
        return None

    def _statement_entries(
        self, prepared: PreparedStatement, before: Sequence[StatedLot]
    ) -> Sequence[StatedEntry]:
        earlier = {each.lot.id: each for each in before}
        found = []
        for stated in lots_of(prepared):
            self._witnesses.require_own(stated)
            level = level_opening(prepared, stated)
            known = earlier.pop(stated.lot.id, None)
            state = None
            if known is not None:
                with self._participant.store.reading() as connection:
                    state = self._states.read(connection, known, level)
            step = (
                open_lot(stated, level)
                if state is None
                else correct(state, stated, level, nonce_secret=self._nonce_secret, prove=self._prove)
            )
            shown = canonical_bytes(shown_level(prepared, stated).to_json())
            found.append(StatedEntry(stated, step, state is None, shown))
        if earlier:
            raise Refused(
                "lot-correction-terms",
                found=f"a version without {len(earlier)} lots of the version before",
                expected="every lot of the version before, from which consignments may be sold",
                remedy="Have the verifier state the processes of the version before too.",
            )
        return found

    def _returned(self, prepared: PreparedStatement, stated: StatedLot, k: int, signature: bytes) -> LotStep:
        state = self._state(prepared, stated)
        step = give_back(state, k, signature, attestation_revoked=True)
        after = step.state
        proved = any(at in after.remainders for at in _current(after))
        if proved or after.missing or after.closed:
            return step
        # The lot fits its corrected production again: from here on attestations can be made under it.
        return LotStep(prove_remainder(after, nonce_secret=self._nonce_secret, prove=self._prove), step.entry)


def entry_row(step: LotStep) -> EntryRow:
    """The row of a step's entry."""
    state, at = step.state, step.position
    return EntryRow(at, step.entry, state.proofs.get(at, b""), state.remainders.get(at, b""))


def require_revoked(connection: Connection, lot_id: str, k: int) -> None:
    """Refuse a give-back while an attestation of the consignment stands; runs in its transaction."""
    for attestation_id in lot_rows.attestations_of(connection, lot_id, k):
        standing = issued.standing_of(connection, attestation_id)
        if standing is not None and not standing.revoked_at:
            raise Refused(
                "lot-give-back-unrevoked",
                found=f"a give-back of consignment {k} whose attestation still stands",
                expected="the attestation revoked before its tonnes count as unsold",
                remedy="Ask the exporter to revoke the attestation, then give the consignment back.",
            )


def _current(state: LotState) -> range:
    """The positions at which the statement in force is in force."""
    return range(state.history.statements()[-1][0], state.history.size)


def _refused_key(found: str) -> Refused:
    return Refused(
        "lot-consignment-key",
        found=found,
        expected="a fresh key for every consignment",
        remedy="Ask again with a key that was made for this consignment.",
    )


def _nothing_left() -> Refused:
    return Refused(
        "lot-closed",
        found="a lot of which more is sold than its corrected production",
        expected="a lot whose remainder can be proved",
        remedy="Take consignments back, or have the production verified again.",
    )


def _sold_already(found: str) -> Refused:
    return Refused(
        "lot-consignment-sold",
        found=found,
        expected="the quantity and key that the consignment was sold with",
        remedy="Have the attestation revoked and give the consignment back before it is asked for anew.",
    )


def unknown_consignment() -> Misuse:
    """The error of an attestation that is not the caller's, or that has no lot."""
    return Misuse(
        "consignment-unknown",
        found="no consignment of a lot for this attestation and caller",
        expected="an attestation that was issued to the caller, under a statement that names a lot",
        remedy="Use the id that the request was answered with.",
    )
