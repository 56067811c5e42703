"""A log's keys over time: a checkpoint counts when the present key or a retired one has signed it."""

from collections.abc import Sequence

from carbonport.crypto.checkpoint import Checkpoint, open_checkpoint
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.errors import FailedVerification


def open_with_any(note: SignedNote, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint in `note`, signed by one of `keys` (newest first, at least one).

    A key that did not sign is passed over; a line of a known key that fails rejects the note at once. Raises
    what `open_checkpoint` raises.
    """
    for key in keys[:-1]:
        try:
            return open_checkpoint(note, key)
        except FailedVerification as error:
            if error.id != "note-unsigned":
                raise
    return open_checkpoint(note, keys[-1])
