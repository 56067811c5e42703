"""The importer's check of its consignment, against the statement it has verified and its own request.

In order: the lot's origin and checkpoint; all entries up to the checkpoint's size and their rules; the own entry (key,
recipient tag, quantity); the statement in force where the remainder is proved, and its activity level; the range proofs
of every consignment up to there and of the remainder, in one batch; then the outcome. A check that returns says: this
consignment is in the one log that the lot's quorum has seen, nothing in it is negative, and together it is no more than
the verified production. Other outcomes raise, and only when everything else held:

    lot-cancelled    the consignment was given back
    lot-superseded   a corrected statement is in force; ask for the attestation under it
    lot-unwitnessed  the statement names no witness: other importers may have been shown another lot
    lot-provisional  cosignatures are missing: does not count until `later_checkpoint` confirmed it

Not said: anything about goods that leave without an entry, or a production verified under a second name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from carbonport.attestation.lots.activity_level import check_level
from carbonport.attestation.lots.consignment_key import recipient_tag
from carbonport.attestation.lots.lot_history import LotHistory
from carbonport.attestation.lots.lot_presentation import LotPresentation
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.lot_witnessing import (
    FindParticipant,
    lot_log_keys,
    lot_requirement,
    open_lot_checkpoint,
)
from carbonport.attestation.lots.range_contexts import consignment_claim, remainder_context
from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.group import Point
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.range_verifier import RangeClaim
from carbonport.crypto.proofs.ranges import verify_range_claims
from carbonport.errors import FailedVerification

VerifyRanges: TypeAlias = Callable[[Sequence[RangeClaim[Point]]], None]
"""Raises unless every claim holds; a node may split the claims among its processors."""


@dataclass(frozen=True, slots=True)
class OwnConsignment:
    """What the importer knows of its own: its id and consignment as it asked for them, the quantity in units of the
    lot's last decimal, and the public half of the key it made."""

    importer: str
    consignment: str
    quantity: int = field(repr=False)
    key: bytes


@dataclass(frozen=True, slots=True)
class SeenConsignment:
    """Consignment `k` as it was seen under a checkpoint: what is kept to hold every later checkpoint against."""

    k: int
    entry: bytes
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class LotView:
    """All entries of a lot under a checkpoint that its log signed; no quorum yet."""

    checkpoint: Checkpoint
    note: SignedNote
    history: LotHistory


def check_consignment(
    presentation: LotPresentation,
    stated: StatedLot,
    own: OwnConsignment,
    *,
    node_keys: Sequence[VerifierKey],
    participant: FindParticipant,
    verify_ranges: VerifyRanges = verify_range_claims,
) -> int:
    """The whole check; gives the time (unix seconds) that the quorum vouches for.

    `stated` is from the verified statement, `node_keys` are all keys of the exporter's own log. Raises `Malformed` or
    `FailedVerification`; see the module for the outcomes that are no failures of the lot.
    """
    view = check_sale(presentation, stated, own, node_keys=node_keys, verify_ranges=verify_ranges)
    return require_counting(view, presentation.k, stated, participant)


def check_sale(
    presentation: LotPresentation,
    stated: StatedLot,
    own: OwnConsignment,
    *,
    node_keys: Sequence[VerifierKey],
    verify_ranges: VerifyRanges = verify_range_claims,
) -> LotView:
    """All of the check but the outcome: what a *provisional* sale is kept with (`seen`)."""
    view = read_view(presentation.note, presentation.entries, stated, node_keys)
    check_own_entry(view.history, presentation, own)
    verify_ranges(range_claims(view.history, presentation, stated))
    return view


def read_view(
    note: SignedNote, entries: Sequence[bytes], stated: StatedLot, node_keys: Sequence[VerifierKey]
) -> LotView:
    """The lot's entries, once they give the root that the lot's log signed."""
    checkpoint = open_lot_checkpoint(note, lot_log_keys(stated, node_keys))
    history = LotHistory.read(stated.lot, entries)
    if (history.size, history.root) != (checkpoint.size, checkpoint.root):
        raise FailedVerification(
            "lot-root",
            found=f"{history.size} entries that do not give the root of a checkpoint over {checkpoint.size}",
            expected="every entry of the lot up to the checkpoint, in order",
            remedy="Ask the seller for all entries; if it insists, inform the lot's witnesses.",
        )
    return LotView(checkpoint, note, history)


def seen(view: LotView, k: int) -> SeenConsignment:
    """What to keep of a consignment that was checked."""
    return SeenConsignment(k, view.history.encoded[k], view.checkpoint)


def require_counting(view: LotView, k: int, stated: StatedLot, participant: FindParticipant) -> int:
    """The time of the quorum; raises unless consignment k counts under this view, as the module says."""
    history = view.history
    if k in history.returned:
        raise FailedVerification(
            "lot-cancelled",
            found=f"a give-back of consignment {k}, signed by its importer",
            expected="a consignment that was not returned",
            remedy="Do not use the attestation: its quantity may have been sold again.",
            where=f"entry {history.returned[k]}",
        )
    if history.statement(history.last).digest.hex() != stated.digest:
        raise FailedVerification(
            "lot-superseded",
            found=f"version {history.statement(history.last).version} of the statement in force",
            expected=f"version {stated.version}, under which the attestation was made",
            remedy="Ask the seller for the attestation under the corrected statement.",
        )
    if stated.terms.quorum == 0:
        raise FailedVerification(
            "lot-unwitnessed",
            found="a lot without witnesses",
            expected="a lot whose statement names witnesses and their quorum",
            remedy="Ask for a statement that names witnesses; without them there may be two versions of the lot.",
        )
    try:
        time = lot_requirement(stated, participant).check(view.note)
    except FailedVerification as error:
        if error.id != "witness-quorum":
            raise
        raise FailedVerification(
            "lot-provisional",
            found=error.found,
            expected=f"the cosignatures of {stated.terms.quorum} of the lot's witnesses",
            remedy="Keep the consignment and fetch it again: it counts once a cosigned checkpoint holds its entry.",
        ) from None
    assert time is not None, "a quorum of at least one vouches for a time"
    return time


def check_own_entry(history: LotHistory, presentation: LotPresentation, own: OwnConsignment) -> None:
    """Raise `FailedVerification` unless entry k holds the importer's own key, tag and quantity."""
    entry = history.consignment(presentation.k)
    if entry.key != own.key:
        raise FailedVerification(
            "lot-key",
            found=f"an entry {entry.k} with another key than the one made for this consignment",
            expected="an entry of its own for every consignment",
            remedy="Do not rely on the consignment: the entry was made for somebody else.",
        )
    if entry.tag != recipient_tag(presentation.salt, own.importer, own.consignment):
        raise FailedVerification(
            "lot-recipient",
            found=f"an entry {entry.k} for another recipient or consignment",
            expected=f"the recipient tag of {own.importer} and this consignment",
            remedy="Do not rely on the consignment: the entry was made for somebody else.",
        )
    if commit(Opening(own.quantity, presentation.blinding)) != entry.commitment:
        raise FailedVerification(
            "lot-quantity-opening",
            found=f"an entry {entry.k} that hides another quantity",
            expected="the quantity of this consignment",
            remedy="Do not rely on the consignment; ask the seller for the opening of its entry.",
        )


def range_claims(
    history: LotHistory, presentation: LotPresentation, stated: StatedLot
) -> list[RangeClaim[Point]]:
    """Every claim of the lot up to the position of the remainder; raises unless all proofs are there and the activity
    level is the one of the statement in force."""
    at, lot_id, bits = presentation.position, stated.lot.id, stated.terms.bits
    if not presentation.k <= at < history.size:
        raise FailedVerification(
            "lot-remainder-position",
            found=f"a remainder at {at} for consignment {presentation.k} of {history.size} entries",
            expected="a remainder proved at the consignment's entry or later",
            remedy="Ask the seller for the consignment again.",
        )
    in_force = history.statement(at)
    if (in_force.digest.hex(), in_force.version) != (stated.digest, stated.version):
        raise FailedVerification(
            "lot-statement",
            found=f"version {in_force.version} of a statement in force at entry {at}",
            expected=f"version {stated.version} of the statement that came with the attestation",
            remedy="Ask the seller for the statement that the lot's log names, or for the attestation under it.",
        )
    superseded = history.superseded(at)
    if superseded is not None and superseded.digest.hex() != stated.supersedes:
        raise FailedVerification(
            "lot-correction-chain",
            found=f"a statement that does not supersede version {superseded.version}, which the lot goes by before",
            expected="a correction of exactly the statement before it",
            remedy="Do not rely on the consignment: two statements may cover one production. Tell the verifier.",
        )
    remainder = history.remainder(at, check_level(presentation.level, stated))
    consignments = history.consignments(at)
    if set(presentation.proofs) != {entry.k for entry in consignments}:
        raise FailedVerification(
            "lot-proof-missing",
            found=f"{len(presentation.proofs)} range proofs for {len(consignments)} consignments",
            expected="the proof of every consignment up to the remainder's, and no other",
            remedy="Ask the seller for all proofs: a consignment without one may be negative.",
        )
    claims = [consignment_claim(lot_id, entry, bits, presentation.proofs[entry.k]) for entry in consignments]
    context = remainder_context(lot_id, at, history.encoded[at], in_force.digest, remainder, bits)
    return [*claims, RangeClaim((remainder,), (bits,), context, presentation.remainder_proof)]
