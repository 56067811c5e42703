"""A consignment held against a later checkpoint of its lot: provisional ones confirmed, forks found, cancelled and
superseded ones told.

A sale before the quorum is provisional, and its importer keeps what it saw (`SeenConsignment`). It counts once a
cosigned checkpoint holds the same entry at the same position and continues the one seen. Since the importer takes all
entries anyway, continuing is checked by rebuilding the earlier root from them; the range proofs were checked before and
are not needed again. The same function tells what became of a confirmed consignment: `verify` and audit use it.
"""

from collections.abc import Sequence

from carbonport.attestation.lots.consignment_check import (
    LotView,
    SeenConsignment,
    read_view,
    require_counting,
)
from carbonport.attestation.lots.lot_leaves import MAX_ENTRY_BYTES
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.lot_witnessing import FindParticipant
from carbonport.attestation.statement_draft import read_hex
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode
from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.merkle import HASH_BYTES, MAX_TREE_SIZE, verify_consistency
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.errors import FailedVerification


def confirm(
    kept: SeenConsignment,
    note: SignedNote,
    entries: Sequence[bytes],
    stated: StatedLot,
    *,
    node_keys: Sequence[VerifierKey],
    participant: FindParticipant,
) -> int:
    """Hold a consignment that was checked before against a later checkpoint and all entries under it.

    Gives the time its quorum vouches for. Raises `FailedVerification`: `lot-forked` when the later lot does not
    continue the one seen, or as `consignment_check.require_counting` does (still provisional, cancelled, superseded).
    """
    view = read_view(note, entries, stated, node_keys)
    require_continued(kept, view)
    return require_counting(view, kept.k, stated, participant)


def require_continued(kept: SeenConsignment, later: LotView) -> None:
    """Raise `FailedVerification` (`lot-forked`) unless `later` holds the same entry in a longer same history."""
    before, history = kept.checkpoint, later.history
    if (
        before.origin != later.checkpoint.origin
        or history.size < before.size
        or history.root_at(before.size) != before.root
        or history.encoded[kept.k] != kept.entry
    ):
        raise _forked()


def require_same_log(earlier: Checkpoint, later: Checkpoint, proof: Sequence[bytes]) -> None:
    """Hold two checkpoints of one lot against each other without its entries, by a consistency proof (RFC 6962); what
    importers that meet, or two regulators, do."""
    if earlier.origin != later.origin:
        raise _forked()
    try:
        verify_consistency(earlier.size, earlier.root, later.size, later.root, proof)
    except FailedVerification:
        raise _forked() from None


def seen_to_json(kept: SeenConsignment) -> Json:
    """What an importer keeps of a consignment, as a document."""
    before = kept.checkpoint
    return {
        "k": kept.k,
        "entry": b64url_encode(kept.entry),
        "origin": before.origin,
        "size": before.size,
        "root": before.root.hex(),
    }


def read_seen(fields: StrictFields) -> SeenConsignment:
    """The same, read; the caller finishes the object."""
    return SeenConsignment(
        k=fields.integer("k", minimum=1, maximum=MAX_TREE_SIZE),
        entry=b64url_decode(fields.text("entry", max_chars=2 * MAX_ENTRY_BYTES)),
        checkpoint=Checkpoint(
            fields.text("origin"),
            fields.integer("size", minimum=1, maximum=MAX_TREE_SIZE),
            read_hex(fields, "root", HASH_BYTES),
        ),
    )


def _forked() -> FailedVerification:
    return FailedVerification(
        "lot-forked",
        found="a lot that does not continue what was shown before",
        expected="the same entries, and new ones behind them",
        remedy="Keep both checkpoints: they show that the lot was told in two versions. Inform both regulators.",
    )
