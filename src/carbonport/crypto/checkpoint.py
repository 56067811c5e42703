"""Checkpoints of a log (C2SP tlog-checkpoint), their cosignatures, and proof bundles (C2SP tlog-proof).

Promised: a checkpoint is read in one form only (size without leading zeros, root in canonical base64, origin
equal to the name of the key that signs it). Stricter than the specification: extension lines are refused, for
no monitor could audit them. Not promised: that a checkpoint is consistent with an earlier one (see
`carbonport.crypto.merkle`), and signing one says nothing about durability: **the log signs only what is on
disk**, which is its own rule to keep.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from carbonport.crypto.canonical import b64_decode, b64_encode
from carbonport.crypto.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    MAX_PROOF_HASHES,
    MAX_TREE_SIZE,
    verify_inclusion,
)
from carbonport.crypto.notes import (
    MAX_NAME_BYTES,
    MAX_NOTE_BYTES,
    NoteSignature,
    NoteSigner,
    SignedNote,
    VerifierKey,
    verify,
)
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import FailedVerification, Malformed

__all__ = [
    "Checkpoint",
    "TlogProof",
    "WitnessPolicy",
    "cosign",
    "cosignature",
    "cosignature_times",
    "encode_tlog_proof",
    "open_checkpoint",
    "parse_tlog_proof",
    "sign_checkpoint",
]

MAX_EXTRA_BYTES = 16_384
"""A bound on the opaque extra data of a proof bundle."""

MAX_TLOG_PROOF_BYTES = MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES + 64 * MAX_PROOF_HASHES
"""A bound on a whole proof bundle, checked first."""

_PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its origin (a name without newlines), its number of entries, and the root over
    them."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or "\n" in self.origin or len(self.origin.encode()) > MAX_NAME_BYTES:
            raise _malformed("an empty or overlong origin")
        if not 0 <= self.size <= MAX_TREE_SIZE or len(self.root) != HASH_BYTES:
            raise _malformed("a size or root out of range")
        if (self.size == 0) != (self.root == EMPTY_ROOT):
            raise _malformed("an empty tree with entries, or the other way round")

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read the text of a note as a checkpoint; whether it may be believed is `open_checkpoint`'s
        question."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise _malformed("another number of lines than three")
        return cls(lines[0], _decimal(lines[1]), b64_decode(lines[2]))

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64_encode(self.root)}\n"


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> SignedNote:
    """Sign as the log (key of type 01, named like the origin). Only after the tree is durable."""
    _require_origin(checkpoint, signer.verifier)
    text = checkpoint.text()
    return SignedNote(text, (signer.sign(text),))


def open_checkpoint(note: SignedNote, log_key: VerifierKey) -> Checkpoint:
    """The checkpoint in `note`, once the signature of `log_key` holds.

    Raises FailedVerification (`note-unsigned`, `note-signature`, `checkpoint-origin`) or Malformed.
    """
    verify(note, [log_key])
    checkpoint = Checkpoint.parse(note.text)
    _require_origin(checkpoint, log_key)
    return checkpoint


def cosignature(note: SignedNote, signer: NoteSigner, timestamp: int) -> NoteSignature:
    """A witness's line (key of type 04) for the checkpoint in `note`, at `timestamp` in seconds since 1970.

    The witness has checked the log's signature and the consistency with what it recorded, and recorded this
    one.
    """
    Checkpoint.parse(note.text)
    return signer.cosign(note.text, timestamp)


def cosign(note: SignedNote, signer: NoteSigner, timestamp: int) -> SignedNote:
    """`note` with the line that `cosignature` gives; an earlier line of the same witness gives way."""
    return note.with_signature(cosignature(note, signer, timestamp))


def cosignature_times(note: SignedNote, witness_keys: Iterable[VerifierKey]) -> dict[str, int]:
    """The time each of `witness_keys` cosigned at, by the name of the key; witnesses that did not are left
    out.

    Raises FailedVerification (`note-signature`) when the line of a known witness does not hold. When a name
    has two keys (a rotation) the later time stands.
    """
    times: dict[str, int] = {}
    for each in verify(note, witness_keys, at_least=0):
        if each.timestamp is not None:
            times[each.key.name] = max(each.timestamp, times.get(each.key.name, 0))
    return times


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A self-contained proof that an entry is in a log: index, hashes from the leaf upwards, checkpoint note.

    `extra` is opaque, unauthenticated data; None when the bundle has no such line.
    """

    index: int
    hashes: tuple[bytes, ...]
    note: SignedNote
    extra: bytes | None = None

    def verify(self, leaf: bytes, log_key: VerifierKey, policy: WitnessPolicy) -> int | None:
        """Check log signature, inclusion of the leaf *hash* and witness quorum; gives the time of
        `policy.check`."""
        checkpoint = open_checkpoint(self.note, log_key)
        verify_inclusion(leaf, self.index, checkpoint.size, self.hashes, checkpoint.root)
        return policy.check(self.note)


def encode_tlog_proof(proof: TlogProof) -> bytes:
    """The bundle as text; parsing it gives the same proof."""
    extra = [] if proof.extra is None else [f"extra {b64_encode(proof.extra)}"]
    head = [_PROOF_HEADER, *extra, f"index {proof.index}", *map(b64_encode, proof.hashes), "", ""]
    return "\n".join(head).encode() + proof.note.encode()


def parse_tlog_proof(data: bytes) -> TlogProof:
    """Read a bundle; Malformed when it is too large or not exactly of the form. Nothing is verified yet."""
    if len(data) > MAX_TLOG_PROOF_BYTES:
        raise _malformed_proof(f"{len(data)} bytes")
    head, separator, note = data.partition(b"\n\n")
    if not separator:
        raise _malformed_proof("no blank line before the checkpoint")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise _malformed_proof("bytes that are not ASCII before the checkpoint") from None
    if lines.pop(0) != _PROOF_HEADER:
        raise _malformed_proof("another first line")
    extra: bytes | None = None
    if lines and lines[0].startswith("extra "):
        extra = b64_decode(lines.pop(0).removeprefix("extra "))
        if len(extra) > MAX_EXTRA_BYTES:
            raise _malformed_proof(f"{len(extra)} bytes of extra data")
    if not lines or not lines[0].startswith("index "):
        raise _malformed_proof("no index line")
    index = _decimal(lines.pop(0).removeprefix("index "))
    return TlogProof(index, _hashes(lines), SignedNote.parse(note), extra)


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > MAX_PROOF_HASHES:
        raise _malformed_proof(f"{len(lines)} hashes")
    hashes = tuple(b64_decode(line) for line in lines)
    if any(len(each) != HASH_BYTES for each in hashes):
        raise _malformed_proof("a hash of another length than 32 bytes")
    return hashes


def _decimal(text: str) -> int:
    if not _DECIMAL.fullmatch(text):
        raise _malformed("a number with leading zeros, or too large, or none")
    return int(text)


def _require_origin(checkpoint: Checkpoint, key: VerifierKey) -> None:
    if checkpoint.origin != key.name:
        raise FailedVerification(
            "checkpoint-origin",
            found=f"the origin {checkpoint.origin!r} under a key of {key.name!r}",
            expected="an origin that is the name of the log's key",
            remedy="Check which log the key belongs to; a key signs for one log only.",
        )


def _malformed(found: str) -> Malformed:
    return Malformed(
        "checkpoint-format",
        found=found,
        expected="origin, size and base64 root on three lines, without extension lines",
        remedy="Ask the log for its checkpoint again.",
    )


def _malformed_proof(found: str) -> Malformed:
    return Malformed(
        "tlog-proof-format",
        found=found,
        expected=f"a C2SP tlog-proof bundle of at most {MAX_TLOG_PROOF_BYTES} bytes",
        remedy="Ask the sender for the proof again.",
    )
