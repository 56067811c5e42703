"""The request and the outcomes of a witness's `add-checkpoint` (C2SP tlog-witness), without a transport.

The request's body is text: `old N`, up to 63 proof lines in base64, an empty line, the signed checkpoint. The
outcomes keep the specification's HTTP status numbers, whatever carries them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from carbonport.crypto.canonical import b64_decode, b64_encode
from carbonport.crypto.merkle import HASH_BYTES
from carbonport.crypto.notes import MAX_NOTE_BYTES, SignedNote, VerifierKey
from carbonport.errors import FailedVerification, Malformed, Unavailable

MAX_PROOF_LINES = 63
"""The specification's bound on the proof of an add-checkpoint request."""

MAX_REQUEST_BYTES = MAX_NOTE_BYTES + 64 * MAX_PROOF_LINES
"""A bound on the whole request, checked first."""

_OLD = re.compile(r"old (0|[1-9][0-9]{0,15})")


class Status(IntEnum):
    """What a witness answers."""

    OK = 200
    """Recorded and cosigned."""
    MALFORMED = 400
    """Not of the form, or the old size is above the new."""
    UNTRUSTED = 403
    """No signature of a key that this witness trusts for the origin."""
    UNKNOWN_ORIGIN = 404
    """This witness does not know the log."""
    CONFLICT = 409
    """The old size is not what this witness recorded; `size` says what is."""
    BAD_PROOF = 422
    """The new tree does not continue the recorded one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`cosignature` is a note's signature line with its newline when OK; `size` the recorded size of a
    conflict."""

    status: Status
    cosignature: bytes = b""
    size: int = 0

    def require_ok(self) -> bytes:
        """The cosignature line; raises the error for any other status (a door that speaks errors uses
        this)."""
        if self.status is Status.OK:
            return self.cosignature
        raise _refusal(self)


class Cosigner(Protocol):
    """A witness as a log sees it, across whatever transport."""

    @property
    def key(self) -> VerifierKey:
        """Its cosignature key (type 04)."""

    async def add_checkpoint(self, request: bytes) -> Outcome:
        """Send an encoded request; Unavailable when the witness does not answer."""

    async def witnessed_size(self, origin: str) -> int:
        """The last size it cosigned for the origin, 0 for none; Unavailable when it does not answer."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size the log believes to be recorded, the consistency proof from it, the signed
    checkpoint."""

    old_size: int
    proof: tuple[bytes, ...]
    note: SignedNote

    def encode(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old_size}", *map(b64_encode, self.proof), "", ""]
        return "\n".join(lines).encode() + self.note.encode()

    @classmethod
    def parse(cls, data: bytes) -> "AddCheckpoint":
        """Read a request; Malformed when it is too large or not of the form."""
        if len(data) > MAX_REQUEST_BYTES:
            raise _malformed(f"{len(data)} bytes")
        head, separator, note = data.partition(b"\n\n")
        if not separator:
            raise _malformed("no empty line before the checkpoint")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise _malformed("bytes that are not ASCII before the checkpoint") from None
        old = _OLD.fullmatch(first)
        if old is None or len(lines) > MAX_PROOF_LINES:
            raise _malformed("no old size in the first line, or too many proof lines")
        proof = tuple(b64_decode(line) for line in lines)
        if any(len(each) != HASH_BYTES for each in proof):
            raise _malformed("a proof line that is no hash")
        return cls(int(old.group(1)), proof, SignedNote.parse(note))


def encode_request(old_size: int, proof: Sequence[bytes], note: SignedNote) -> bytes:
    """The body of a request."""
    return AddCheckpoint(old_size, tuple(proof), note).encode()


def _refusal(outcome: Outcome) -> Malformed | FailedVerification | Unavailable:
    match outcome.status:
        case Status.UNTRUSTED | Status.UNKNOWN_ORIGIN:
            return FailedVerification(
                "witness-unknown-log",
                found=f"a checkpoint of an unknown log or key (status {outcome.status})",
                expected="a log of the witness's trust lists, signing with the key listed there",
                remedy="Have the log's key entered into the trust list that the witness reads.",
            )
        case Status.CONFLICT:
            return FailedVerification(
                "witness-conflict",
                found="an old size that is not the recorded one",
                expected=f"the recorded size {outcome.size}",
                remedy="Ask the witness for its size and send the proof from there.",
            )
        case Status.BAD_PROOF:
            return FailedVerification(
                "witness-bad-proof",
                found="a checkpoint that does not continue what the witness recorded",
                expected="a consistency proof from the recorded tree",
                remedy="Stop signing; keep the store and the checkpoints, and ask both regulators.",
            )
        case _:
            return _malformed("a request that the witness cannot read")


def _malformed(found: str) -> Malformed:
    return Malformed(
        "witness-request-format",
        found=found,
        expected="the body of an add-checkpoint request, its old size not above the checkpoint's",
        remedy="This is a defect of the log that asked; nothing was recorded.",
    )
