"""A seller's state from what others hold, after a restore to a backup that is behind the lot's witnesses.

The entries up to the witnessed size are with every importer that came last, and with the regulator; each importer holds
the opening of its own consignment. The state made here sells nothing until every counting consignment has its opening
and proof again (`LotState.missing` names them), so that nothing is sold twice by forgetting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from carbonport.attestation.lots.lot_history import LotHistory
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.range_contexts import consignment_claim
from carbonport.attestation.lots.seller import ConsignmentOpening, LotState
from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.pedersen import Opening, check_opening
from carbonport.crypto.proofs.ranges import verify_range_claims
from carbonport.errors import FailedVerification


def restore_lot(
    stated: StatedLot,
    level: Opening,
    *,
    witnessed: Checkpoint,
    encoded: Sequence[bytes],
    openings: Mapping[int, ConsignmentOpening],
    proofs: Mapping[int, bytes],
) -> LotState:
    """The state at the checkpoint that the witnesses recorded last, with the openings and proofs that are at hand.

    Raises `FailedVerification` (`lot-restore`) when entries and checkpoint differ, or the last statement is another.
    """
    history = LotHistory.read(stated.lot, encoded)
    statement = history.statement(history.last)
    same = (witnessed.size, witnessed.root) == (history.size, history.root)
    if not same or (statement.digest.hex(), statement.version) != (stated.digest, stated.version):
        raise FailedVerification(
            "lot-restore",
            found="entries that do not give the witnessed checkpoint, or end under another statement",
            expected="all entries of the lot up to what its witnesses cosigned",
            remedy="Ask the importer of the last consignment, or the regulator, for the lot's entries.",
        )
    state = LotState(stated, history, level, {}, {}, {})
    for k, opening in openings.items():
        if k in proofs:
            state = with_opening(state, k, opening, proofs[k])
    return state


def with_opening(state: LotState, k: int, opening: ConsignmentOpening, proof: bytes) -> LotState:
    """The state with the opening and proof of consignment k back; both are held against its entry."""
    entry = state.history.consignment(k)
    check_opening(entry.commitment, opening.of_commitment, where=f"consignment {k}")
    verify_range_claims([consignment_claim(state.stated.lot.id, entry, state.stated.terms.bits, proof)])
    return replace(state, openings={**state.openings, k: opening}, proofs={**state.proofs, k: proof})
