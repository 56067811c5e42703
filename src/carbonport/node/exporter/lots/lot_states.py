"""A lot as its seller knows it: from its rows, and the opening of its activity level in the prepared statement.

The last state of each lot is kept: decoding a thousand entries takes some 60 ms, and usually one is new.
"""

from dataclasses import replace

from sqlalchemy import Connection

from carbonport.attestation.lots.activity_level import ShownLevel, scaled_level
from carbonport.attestation.lots.lot_history import LotHistory
from carbonport.attestation.lots.lot_leaves import decode_entry
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.seller import LotState
from carbonport.attestation.lots.stated_lots import stated_lots
from carbonport.crypto.pedersen import Opening
from carbonport.errors import FailedVerification
from carbonport.node.exporter.lots import lot_rows
from carbonport.node.exporter.prepared_statement import PreparedStatement

MAX_KEPT = 64
"""Lots whose last state is kept in memory."""


class LotStates:
    """Reads states of lots; used from one thread at a time."""

    def __init__(self) -> None:
        self._kept: dict[str, LotState] = {}

    def read(self, connection: Connection, stated: StatedLot, level: Opening) -> LotState | None:
        """The lot as the store has it now, under a statement whose scaled activity level `level` opens; None when it
        has no entry yet."""
        stored = lot_rows.stored_lot(connection, stated.lot.id.hex())
        if stored is None:
            return None
        known = self._kept.get(stored.id)
        if known is not None and (
            known.stated != stated or known.history.size > stored.size or known.missing
        ):
            known = None
        state = _read_on(connection, stored.id, known, stated, level)
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[stored.id] = state
        return state

    def forget(self) -> None:
        """Drop what is kept: openings may have been erased or brought back."""
        self._kept = {}


def lots_of(prepared: PreparedStatement) -> tuple[StatedLot, ...]:
    """The lots of a prepared statement."""
    return stated_lots(prepared.statement, prepared.version.digest)


def level_opening(prepared: PreparedStatement, stated: StatedLot) -> Opening:
    """The opening of the lot's scaled production. Secret."""
    opening = prepared.openings[_place(prepared, stated)]
    return scaled_level(Opening(opening.value, opening.blinding), opening.label.decimals, stated.terms)


def shown_level(prepared: PreparedStatement, stated: StatedLot) -> ShownLevel:
    """The leaf of the activity level with its way to the statement's root."""
    index = _place(prepared, stated)
    opening = prepared.openings[index]
    return ShownLevel(
        decimals=opening.label.decimals,
        bits=opening.label.bits,
        commitment=opening.leaf().commitment,
        salt=opening.salt,
        index=index,
        path=prepared.tree.inclusion_proof(index),
    )


def _place(prepared: PreparedStatement, stated: StatedLot) -> int:
    index = prepared.tree.position(stated.terms.path)
    if index is None:
        raise FailedVerification(
            "statement-lot-level",
            found="a lot over a figure that the statement does not commit to",
            expected="the activity level of the lot's process",
            remedy="Ask the verifier for a corrected statement.",
            where=stated.terms.path,
        )
    return index


def _read_on(
    connection: Connection, lot_id: str, known: LotState | None, stated: StatedLot, level: Opening
) -> LotState:
    """The state with the entries behind those that are known."""
    rows = lot_rows.entries_of(connection, lot_id, 0 if known is None else known.history.size)
    if known is None:
        history = LotHistory.read(stated.lot, [row.entry for row in rows])
        known = LotState(stated, history, level, {}, {}, {})
    else:
        history = known.history
        for row in rows:
            history = history.extended(decode_entry(row.entry))
    openings = known.openings
    if rows:
        openings = {k: row.opening for k, row in lot_rows.openings_of(connection, lot_id).items()}
    return replace(
        known,
        history=history,
        level=level,
        openings=openings,
        proofs={**known.proofs, **{row.position: row.proof for row in rows if row.proof}},
        remainders={**known.remainders, **{row.position: row.remainder for row in rows if row.remainder}},
    )
