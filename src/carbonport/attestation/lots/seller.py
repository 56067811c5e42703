"""The seller's side of a lot: sales, give-backs and corrections as pure functions over an explicit state.

Each function takes a `LotState` and gives the next one with what is to be written; nothing is stored, signed or sent
here. Whoever calls writes the entry, the consignment's opening (quantity, blinding, salt) and the proofs in **one
transaction**, before the lot's checkpoint is signed and anything is published, and only when the log still has the size
that the state has: of two sales prepared from the same state one is written, the other is made again from the new one.

A sale is refused when it would leave less than nothing (`lot-sold-out`), while the lot is oversold after a correction
(`lot-closed`: give-backs only, until the remainder is not negative any more), and while the opening of a counting
consignment is missing (`lot-openings-missing`, after a restore). Blindings and salts are fresh random. Making the two
proofs of a sale takes tens of milliseconds that depend on secrets: it belongs off the request path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from carbonport.attestation.lots.consignment_key import KEY_BYTES, SALT_BYTES, recipient_tag
from carbonport.attestation.lots.lot_history import LotHistory
from carbonport.attestation.lots.lot_leaves import (
    MAX_LOT_ENTRIES,
    ConsignmentEntry,
    GiveBackEntry,
    StatementEntry,
    proof_digest,
)
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.range_contexts import consignment_context, remainder_context
from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.group import random_scalar
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.ranges import prove_openings
from carbonport.errors import Misuse, Refused


class ProveOpenings(Protocol):
    """As `prove_openings`; a node may have the proof made in a process of its own."""

    def __call__(
        self,
        openings: Sequence[Opening],
        widths: Sequence[int],
        context: bytes,
        *,
        nonce_secret: bytes,
        random_bytes: RandomBytes = ...,
    ) -> bytes:
        """One range proof of these openings."""


@dataclass(frozen=True, slots=True, repr=False)
class ConsignmentOpening:
    """What opens a consignment's entry: secret, and not derived from anything. The importer gets it too."""

    quantity: int
    blinding: int
    salt: bytes

    @property
    def of_commitment(self) -> Opening:
        """The opening of `Q_k` alone."""
        return Opening(self.quantity, self.blinding)


@dataclass(frozen=True, slots=True)
class ConsignmentRequest:
    """What an importer asks for: `quantity` in units of the lot's last decimal, `key` the public half of the key it
    made for this consignment."""

    importer: str
    consignment: str
    quantity: int = field(repr=False)
    key: bytes


@dataclass(frozen=True)
class LotState:
    """All a seller knows of one lot. `level` opens the *scaled* commitment of the statement in force; it and
    `openings` (of consignments, by k) are secret. `proofs` (of quantities, by k) and `remainders` (by position) are
    what importers and audit are shown."""

    stated: StatedLot
    history: LotHistory
    level: Opening = field(repr=False)
    openings: Mapping[int, ConsignmentOpening] = field(repr=False)
    proofs: Mapping[int, bytes] = field(repr=False)
    remainders: Mapping[int, bytes] = field(repr=False)

    @property
    def missing(self) -> tuple[int, ...]:
        """The counting consignments whose opening or proof is not here: then nothing can be sold or proved."""
        return tuple(
            entry.k
            for entry in self.history.sold(self.history.last)
            if entry.k not in self.openings or entry.k not in self.proofs
        )

    @property
    def remainder(self) -> Opening:
        """The opening of `R` at the last entry; its value is negative in a lot that a correction closed. Secret.

        Raises `Refused` (`lot-openings-missing`).
        """
        if self.missing:
            raise Refused(
                "lot-openings-missing",
                found=f"{len(self.missing)} consignments of the lot without their openings",
                expected="the opening of every consignment that counts",
                remedy="Get the missing ones back from their importers, each of which holds its own.",
            )
        total = self.level
        for entry in self.history.sold(self.history.last):
            total = total + -1 * self.openings[entry.k].of_commitment
        return total

    @property
    def closed(self) -> bool:
        """Whether more is sold than the production in force: give-backs only."""
        return self.remainder.value < 0


@dataclass(frozen=True)
class LotStep:
    """An entry to be written, and the state once it is."""

    state: LotState
    entry: bytes

    @property
    def position(self) -> int:
        """Where the entry stands; its k when it is a consignment."""
        return self.state.history.last


def open_lot(stated: StatedLot, level: Opening) -> LotStep:
    """Begin a lot's log with its statement. `level` opens the scaled commitment of its activity level."""
    history = LotHistory.begin(stated.lot, _statement_entry(stated))
    return _step(LotState(stated, history, level, {}, {}, {}))


def sell(
    state: LotState,
    request: ConsignmentRequest,
    *,
    nonce_secret: bytes,
    random_bytes: RandomBytes = system_random,
    prove: ProveOpenings = prove_openings,
) -> LotStep:
    """Sell one consignment; its opening and both proofs are in the new state under the step's position.

    Raises `Refused` as the module says, and `Misuse` (`lot-request`) for a quantity or key that cannot be meant.
    """
    if request.quantity < 0 or len(request.key) != KEY_BYTES:
        raise Misuse(
            "lot-request",
            found="a negative quantity, or a key of another length",
            expected=f"a quantity from 0 and an Ed25519 key of {KEY_BYTES} bytes",
            remedy="Ask the importer for a request that follows the format.",
        )
    remainder = state.remainder
    if remainder.value < 0:
        raise Refused(
            "lot-closed",
            found="a lot of which more is sold than its corrected production",
            expected="a lot with something left",
            remedy="Take consignments back, or have the production verified again; until then nothing is sold.",
        )
    if request.quantity > remainder.value:
        raise Refused(
            "lot-sold-out",
            found="a consignment larger than what is left of the lot",
            expected="no more than the verified production in total",
            remedy="Ask for less, or for a consignment of another period or process.",
        )
    k = _require_room(state)
    salt, blinding = random_bytes(SALT_BYTES), random_scalar(random_bytes)
    opening = ConsignmentOpening(request.quantity, blinding, salt)
    commitment = commit(opening.of_commitment)
    tag = recipient_tag(salt, request.importer, request.consignment)
    bits = state.stated.terms.bits
    proof = prove(
        [opening.of_commitment],
        [bits],
        consignment_context(state.stated.lot.id, k, tag, commitment, bits),
        nonce_secret=nonce_secret,
        random_bytes=random_bytes,
    )
    entry = ConsignmentEntry(k, commitment, tag, request.key, proof_digest(proof))
    sold = replace(
        state,
        history=state.history.extended(entry),
        openings={**state.openings, k: opening},
        proofs={**state.proofs, k: proof},
    )
    return _step(prove_remainder(sold, nonce_secret=nonce_secret, random_bytes=random_bytes, prove=prove))


def give_back(state: LotState, k: int, signature: bytes, *, attestation_revoked: bool) -> LotStep:
    """Take consignment k back: the importer's signature, and only after its attestation was revoked."""
    if not attestation_revoked:
        raise Refused(
            "lot-give-back-unrevoked",
            found=f"a give-back of consignment {k} whose attestation still stands",
            expected="the attestation revoked before its tonnes count as unsold",
            remedy="Revoke the attestation first; the give-back can be written then.",
        )
    _require_room(state)
    return _step(replace(state, history=state.history.extended(GiveBackEntry(k, signature))))


def correct(
    state: LotState,
    stated: StatedLot,
    level: Opening,
    *,
    nonce_secret: bytes,
    random_bytes: RandomBytes = system_random,
    prove: ProveOpenings = prove_openings,
) -> LotStep:
    """Go over to a newer version of the statement; `level` opens its scaled activity level.

    The remainder is proved anew, so that attestations can be made again under the new version; when more is sold than
    the corrected production, no such proof exists and the lot is closed. Raises `Refused` (`lot-correction-terms`) for
    a statement of another lot, with other units, or that does not supersede the one in force.
    """
    same_lot = stated.lot == state.stated.lot and stated.terms.scale_terms == state.stated.terms.scale_terms
    if not same_lot or stated.supersedes != state.stated.digest:
        raise Refused(
            "lot-correction-terms",
            found="a statement of another lot, of other units or width, or that supersedes another version",
            expected="the next version of the same lot's statement",
            remedy="Enter every version in turn, and ask for corrections that leave the lot's terms as they are.",
        )
    _require_room(state)
    history = state.history.extended(_statement_entry(stated))
    corrected = replace(state, stated=stated, history=history, level=level)
    if corrected.missing or corrected.closed:
        return _step(corrected)
    return _step(
        prove_remainder(corrected, nonce_secret=nonce_secret, random_bytes=random_bytes, prove=prove)
    )


def prove_remainder(
    state: LotState,
    *,
    nonce_secret: bytes,
    random_bytes: RandomBytes = system_random,
    prove: ProveOpenings = prove_openings,
) -> LotState:
    """The state with a proof of the remainder at its last entry; `Refused` (`lot-closed`) when it is negative."""
    remainder, position, terms = state.remainder, state.history.last, state.stated.terms
    if remainder.value < 0:
        raise Refused(
            "lot-closed",
            found="a lot of which more is sold than its corrected production",
            expected="a remainder that is not negative",
            remedy="Take consignments back, or have the production verified again.",
        )
    context = remainder_context(
        state.stated.lot.id,
        position,
        state.history.encoded[position],
        bytes.fromhex(state.stated.digest),
        commit(remainder),
        terms.bits,
    )
    proof = prove([remainder], [terms.bits], context, nonce_secret=nonce_secret, random_bytes=random_bytes)
    return replace(state, remainders={**state.remainders, position: proof})


def _statement_entry(stated: StatedLot) -> StatementEntry:
    return StatementEntry(stated.version, bytes.fromhex(stated.digest))


def _require_room(state: LotState) -> int:
    """The position of the next entry."""
    if state.history.size >= MAX_LOT_ENTRIES:
        raise Refused(
            "lot-full",
            found=f"a lot of {state.history.size} entries",
            expected=f"at most {MAX_LOT_ENTRIES}",
            remedy="Sell larger consignments; a lot's log has no continuation.",
        )
    return state.history.size


def _step(state: LotState) -> LotStep:
    return LotStep(state, state.history.encoded[-1])
