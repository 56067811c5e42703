"""The witnesses that a statement names for a lot: what makes one accept its log, and the quorum a reader asks for.

A witness knows logs by the trust list; a lot's log it accepts when it is shown the statement that names it: the origin
lies under the origin of the exporter's own log and is the one of this statement's installation, process and period,
and this witness is among the lot's. (Whether the statement holds, the witness has checked before, as for any
statement.) A reader holds a lot's checkpoints against the statement's witnesses alone, with keys valid when they
cosigned: the rule is the same for every importer, wherever it is.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.participants import Participant
from carbonport.attestation.trust_list import WitnessRule
from carbonport.attestation.witness_rules import WitnessRequirement
from carbonport.crypto.checkpoint import Checkpoint, open_checkpoint
from carbonport.crypto.notes import TYPE_ED25519, SignedNote, VerifierKey
from carbonport.errors import FailedVerification, Refused

FindParticipant: TypeAlias = Callable[[str], Participant]
"""A participant of the trust lists by id; raises for an unknown one."""


def lot_log_keys(stated: StatedLot, node_keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """The keys that sign the lot's checkpoints, from all keys of the exporter's own log.

    The lot's origin is the one of its statement, also when the exporter's own log had to begin anew under another: any
    key that its log has had may sign under it. Raises `FailedVerification` (`lot-origin`) when the statement names an
    origin that follows from none of them.
    """
    if all(stated.lot.origin(key.name) != stated.terms.origin for key in node_keys):
        raise FailedVerification(
            "lot-origin",
            found="a lot whose origin is not below the exporter's log, or is another production's",
            expected="the origin of the exporter's log, /lot/ and the id of this installation, process and period",
            remedy="Do not rely on the lot; ask the verifier for a corrected statement.",
        )
    return tuple(VerifierKey(stated.terms.origin, TYPE_ED25519, key.public) for key in node_keys)


def accepted_lot_keys(
    stated: StatedLot, node_keys: Sequence[VerifierKey], *, witness: str
) -> tuple[VerifierKey, ...]:
    """What the participant `witness` takes for the lot's log keys once it was shown the statement; raises `Refused`
    (`lot-not-witnessed-here`) when the statement does not name it."""
    if witness not in stated.terms.witnesses:
        raise Refused(
            "lot-not-witnessed-here",
            found=f"a lot that does not name {witness} as its witness",
            expected="a statement that names this witness for the lot",
            remedy="Ask the witnesses that the statement names.",
        )
    return lot_log_keys(stated, node_keys)


def lot_requirement(stated: StatedLot, participant: FindParticipant) -> WitnessRequirement:
    """The quorum that the statement asks of the lot's checkpoints; it asks for none when the lot is unwitnessed."""
    terms = stated.terms
    rule = WitnessRule(terms.quorum, terms.witnesses)
    return WitnessRequirement(((rule, tuple(participant(name) for name in terms.witnesses)),))


def open_lot_checkpoint(note: SignedNote, lot_keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint in `note` once a key of the lot's log signed it."""
    signed = [key for key in lot_keys if any(line.is_of(key) for line in note.signatures)]
    return open_checkpoint(note, (signed or list(lot_keys))[0])
