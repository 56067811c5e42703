"""Opening a log again: the last published note must be one of this log's own, over a tree that is still
there."""

from collections.abc import Sequence

from sqlalchemy import Connection

from carbonport.crypto.merkle import Frontier
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.errors import CarbonportError, FailedVerification
from carbonport.node.log.log_keys import open_with_any
from carbonport.node.log.tree_rows import Head, node_reader


def require_known_note(connection: Connection, head: Head, keys: Sequence[VerifierKey]) -> None:
    """FailedVerification (`log-note-mismatch`) unless the stored note was signed by one of `keys` over a
    prefix.

    The right edge was checked before (`read_frontier`); this catches a store whose rows were replaced by
    those of another log, or by a shorter history with a newer note.
    """
    if not head.note:
        return
    try:
        checkpoint = open_with_any(SignedNote.parse(head.note), keys)
    except CarbonportError:
        raise _mismatch(head.origin) from None
    if checkpoint.size > head.size or checkpoint.size != head.note_size:
        raise _mismatch(head.origin)
    if checkpoint.root != Frontier.read(checkpoint.size, node_reader(connection, head.log)).root():
        raise _mismatch(head.origin)


def _mismatch(origin: str) -> FailedVerification:
    return FailedVerification(
        "log-note-mismatch",
        where=origin,
        found="a last checkpoint that this log's keys did not sign, or over another tree than the stored one",
        expected="the checkpoint that this node published last, over entries that are still there",
        remedy="Sign nothing: run `carbonport log fsck`, keep the store, and restore the last backup.",
    )
