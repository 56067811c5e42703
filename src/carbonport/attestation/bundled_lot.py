"""The lot of a bundle: what was shown of it, the importer's key of the consignment, and the steps of its check.

The public key is the importer's own word, under its seal: that the entry holds it is what no other importer's bundle
over the same entry can show. A statement that names no lot for the process (one that is not measured in tonnes) has
nothing to be checked, and the checks say so; a bundle without the lot that its statement names fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from carbonport.attestation.credential import Attestation
from carbonport.attestation.lots.consignment_check import (
    LotView,
    OwnConsignment,
    VerifyRanges,
    check_own_entry,
    range_claims,
    read_view,
    require_counting,
)
from carbonport.attestation.lots.consignment_key import KEY_BYTES
from carbonport.attestation.lots.lot_identity import NO_PLACE, LotPlace
from carbonport.attestation.lots.lot_presentation import LotPresentation, read_lot_presentation
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.lot_witnessing import lot_log_keys
from carbonport.attestation.statement_draft import read_hex
from carbonport.attestation.strict_fields import StrictFields
from carbonport.attestation.trust_store import TrustStore
from carbonport.crypto.canonical import Json
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.errors import FailedVerification

NO_SALE = "a claim about the good sells nothing"
"""Found by the checks of the lot of a claim."""

NO_LOT = "the statement names no lot for this process: nothing is said of how often its tonnes are sold"
"""Found by the checks of a lot that does not exist."""


@dataclass(frozen=True, slots=True)
class BundledLot:
    """`key` is the public half of the key that the importer made for the consignment."""

    key: bytes
    presentation: LotPresentation

    def to_json(self) -> Json:
        """As it stands in a bundle."""
        return {"key": self.key.hex(), "presentation": self.presentation.to_json()}


def read_bundled_lot(value: Json) -> BundledLot | None:
    """The part out of a bundle; None where a bundle has no lot."""
    if value is None:
        return None
    fields = StrictFields(value, "bundle: lot")
    found = BundledLot(
        read_hex(fields, "key", KEY_BYTES), read_lot_presentation(fields.value("presentation"))
    )
    fields.finish()
    return found


def node_log_keys(store: TrustStore, participant: str, *, now: int) -> list[VerifierKey]:
    """Every key of a participant's own log that the trust lists hold, retired or not."""
    listed = store.participant(participant, now=now)
    return [VerifierKey.parse(key.text) for key in listed.keys if key.usage == "log"]


def lot_note_keys(store: TrustStore, stated: StatedLot, *, now: int) -> list[VerifierKey]:
    """The keys whose lines may stand under a lot's checkpoint: the lot's own, and those of its witnesses."""
    keys = list(lot_log_keys(stated, node_log_keys(store, stated.exporter, now=now)))
    for name in stated.terms.witnesses:
        try:
            listed = store.participant(name, now=now)
        except FailedVerification:
            continue
        keys += [VerifierKey.parse(key.text) for key in listed.keys if key.usage == "witness"]
    return keys


@dataclass
class LotSteps:
    """The check of a bundle's lot, step by step; `stated` is from the verified statement, None when it names no lot and
    for a claim about the good, which sells nothing."""

    bundled: BundledLot | None
    stated: StatedLot | None
    attestation: Attestation
    store: TrustStore
    now: int
    _view: LotView | None = field(default=None, repr=False)

    @property
    def _nothing(self) -> str:
        return NO_SALE if self.attestation.bounds else NO_LOT

    @property
    def place(self) -> LotPlace:
        """Where the consignment is said to stand in the lot that the statement names: what the proof of the results is
        bound to. `own_entry` finds out whether it stands there."""
        return NO_PLACE if self.stated is None else self.stated.lot.at(self._shown().k)

    def entries(self) -> str:
        """The lot's entries are what its log signed, and nobody unknown signed with it."""
        if self.stated is None:
            if self.bundled is not None:
                raise _superfluous()
            return self._nothing
        shown = self._shown()
        known = lot_note_keys(self.store, self.stated, now=self.now)
        _require_known_lines(shown.note, known)
        node_keys = node_log_keys(self.store, self.stated.exporter, now=self.now)
        self._view = read_view(shown.note, shown.entries, self.stated, node_keys)
        return f"{self._view.history.size} entries of the lot of {self.stated.lot.process}"

    def own_entry(self) -> str:
        """Entry k is this importer's alone, over this consignment and quantity."""
        if self.stated is None:
            return self._nothing
        shown, key = self._shown(), self.bundled.key if self.bundled is not None else b""
        own = OwnConsignment(
            importer=self.attestation.header.importer,
            consignment=self.attestation.text("consignment"),
            quantity=self.stated.terms.quantity(self.attestation.text("net_mass")),
            key=key,
        )
        check_own_entry(self._seen().history, shown, own)
        return f"entry {shown.k}"

    def within_production(self, verify_ranges: VerifyRanges) -> str:
        """Nothing in the lot is negative, and together it is no more than the verified production."""
        if self.stated is None:
            return self._nothing
        claims = range_claims(self._seen().history, self._shown(), self.stated)
        verify_ranges(claims)
        return f"{len(claims) - 1} sold so far, and what remains of the production: none negative"

    def standing(self) -> str:
        """The lot's quorum has seen it, and the consignment was neither returned nor superseded."""
        if self.stated is None:
            return self._nothing
        find = partial(self.store.participant, now=self.now)
        time = require_counting(self._seen(), self._shown().k, self.stated, find)
        return f"cosigned by {self.stated.terms.quorum} of {len(self.stated.terms.witnesses)} witnesses at {time}"

    def _shown(self) -> LotPresentation:
        if self.bundled is None:
            raise FailedVerification(
                "bundle-lot-missing",
                found="a bundle without the lot that its statement names",
                expected="the lot's entries and proofs, and the consignment's place among them",
                remedy="Ask the importer for the whole bundle; without the lot its tonnes may be sold twice.",
            )
        return self.bundled.presentation

    def _seen(self) -> LotView:
        assert self._view is not None, "the entries were checked before"
        return self._view


def _require_known_lines(note: SignedNote, keys: Sequence[VerifierKey]) -> None:
    unknown = [line.name for line in note.signatures if not any(line.is_of(key) for key in keys)]
    if unknown:
        raise FailedVerification(
            "bundle-unknown-cosignature",
            found=f"{len(unknown)} signature lines of keys that are neither the lot's nor its witnesses'",
            expected="lines of the lot's log and of the witnesses that the statement names",
            remedy="Ask the importer for a bundle written by the program, which drops such lines.",
        )


def _superfluous() -> FailedVerification:
    return FailedVerification(
        "bundle-lot-unstated",
        found="a lot in the bundle that its statement does not name",
        expected="no lot, or the one that the verifier named",
        remedy="Do not rely on the bundle; ask the exporter for the consignment again.",
    )
