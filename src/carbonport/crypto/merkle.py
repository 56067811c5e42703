"""Merkle trees of RFC 6962 (section 2.1) over leaf *hashes*: roots, the right edge, proofs from stored nodes,
checks.

Promised: a proof is read from full subtrees only (`NodeReader`), which never change once written, so a store
needs no recomputation and a proof over n leaves reads at most 2 log2(n) nodes. The checks
(`verify_inclusion`, `verify_consistency`) are written from RFC 9162, sections 2.1.3.2 and 2.1.4.2,
independently of the makers of the proofs. Not promised: that a leaf says anything true, that a log is
complete, or that two clients see the same tree; those are for checkpoints, witnesses and audit.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from carbonport.errors import FailedVerification, Malformed, Misuse

HASH_BYTES = 32
"""The size of every SHA-256 hash here."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""

MAX_TREE_SIZE = 2**53 - 1
"""A bound on the number of leaves: sizes and indices stay exact in canonical JSON and in a signed 64-bit
column."""

MAX_PROOF_HASHES = 64
"""No proof in a tree of `MAX_TREE_SIZE` leaves is longer; checked before anything is hashed."""

NodeId = tuple[int, int]
"""(level, index): the root of the full subtree over leaves index * 2^level up to (index + 1) * 2^level."""

NodeReader = Callable[[int, int], bytes]
"""Gives the hash of the full subtree at (level, index); raises when it is not stored."""

Fold = tuple[NodeId, ...]
"""One hash of a proof: full subtrees, largest (leftmost) first, to be folded from the right."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over `leaf_hashes`, in order; `EMPTY_ROOT` for none."""
    frontier = Frontier()
    for leaf in leaf_hashes:
        frontier.append(leaf)
    return frontier.root()


class Frontier:
    """The right edge of a growing tree: the roots of its largest full subtrees, from left to right.

    Mutable and cheap (at most 53 hashes); a writer copies it before a batch and drops the copy when the batch
    fails.
    """

    __slots__ = ("_hashes", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._hashes: list[bytes] = []

    @classmethod
    def from_hashes(cls, size: int, hashes: Sequence[bytes]) -> "Frontier":
        """The edge of a tree of `size` leaves from its stored `hashes`; Malformed when their number cannot
        fit."""
        _require_size(size)
        if len(hashes) != size.bit_count():
            raise Malformed(
                "tree-frontier-shape",
                found=f"{len(hashes)} hashes for a tree of {size} leaves",
                expected=f"{size.bit_count()} hashes, one per full subtree of the right edge",
                remedy="Run `carbonport log fsck`; it derives the edge from the entries.",
            )
        frontier = cls()
        frontier._size = size
        frontier._hashes = [_require_hash(each) for each in hashes]
        return frontier

    @classmethod
    def read(cls, size: int, read: NodeReader) -> "Frontier":
        """The edge of a tree of `size` leaves from its stored nodes."""
        _require_size(size)
        return cls.from_hashes(size, [read(level, index) for level, index in full_subtrees(0, size)])

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The roots of the full subtrees, largest first; what `from_hashes` takes."""
        return tuple(self._hashes)

    def copy(self) -> "Frontier":
        """An independent edge with the same content."""
        twin = Frontier()
        twin._size = self._size
        twin._hashes = self._hashes.copy()
        return twin

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add one leaf hash; gives the full subtrees it completes as (level, index, hash), the leaf itself
        first."""
        if len(leaf) != HASH_BYTES:
            _require_hash(leaf)
        index = self._size
        hashes = self._hashes
        completed = [(0, index, leaf)]
        node = leaf
        level = 0
        # A set low bit of the index is a waiting left sibling, exactly as in adding one to a binary number.
        while index & 1:
            node = hashlib.sha256(b"\x01" + hashes.pop() + node).digest()
            index >>= 1
            level += 1
            completed.append((level, index, node))
        hashes.append(node)
        self._size += 1
        return completed

    def extend(self, leaves: Iterable[bytes]) -> list[tuple[int, int, bytes]]:
        """Add leaf hashes in order; gives all full subtrees they complete, as `append` does."""
        completed: list[tuple[int, int, bytes]] = []
        for leaf in leaves:
            completed.extend(self.append(leaf))
        return completed

    def root(self) -> bytes:
        """The root of the tree as it stands; it does not change the edge."""
        if not self._hashes:
            return EMPTY_ROOT
        return _fold(self._hashes)


def full_subtrees(begin: int, end: int) -> Iterator[NodeId]:
    """The largest full subtrees over leaves [begin, end), from left to right.

    `begin` is a multiple of the largest power of two not above `end - begin`, as it is for every range of RFC
    6962.
    """
    width = end - begin
    while width > 0:
        level = width.bit_length() - 1
        yield level, begin >> level
        begin += 1 << level
        width -= 1 << level


def inclusion_path(index: int, size: int) -> list[Fold]:
    """What PATH(index, D[size]) consists of: per proof hash the stored nodes to fold, from the leaf
    upwards."""
    _require_size(size)
    if not 0 <= index < size:
        raise Misuse(
            "tree-index-outside-tree",
            found=f"index {index} in a tree of {size} leaves",
            expected="0 <= index < size",
            remedy="Ask for an entry that the tree holds, or for a later tree.",
        )
    path: list[Fold] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(tuple(full_subtrees(middle, end)))
            end = middle
        else:
            path.append(tuple(full_subtrees(begin, middle)))
            begin = middle
    path.reverse()
    return path


def consistency_path(old: int, new: int) -> list[Fold]:
    """What PROOF(old, D[new]) consists of, like `inclusion_path`; Misuse unless 0 < old <= new."""
    _require_size(new)
    if not 0 < old <= new:
        raise Misuse(
            "tree-sizes-out-of-order",
            found=f"an old size of {old} and a new size of {new}",
            expected="0 < old size <= new size",
            remedy="Nothing needs to be proved from an empty tree; swap the sizes if they were exchanged.",
        )
    path: list[Fold] = []
    begin, end = 0, new
    whole = True
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append(tuple(full_subtrees(middle, end)))
            end = middle
        else:
            path.append(tuple(full_subtrees(begin, middle)))
            begin = middle
            whole = False
    if not whole:
        # The old tree's last part is no subtree that the verifier has already: its hash starts the proof.
        path.append(tuple(full_subtrees(begin, end)))
    path.reverse()
    return path


def inclusion_proof(index: int, size: int, read: NodeReader) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves, from the leaf upwards."""
    return [_fold([read(level, at) for level, at in fold]) for fold in inclusion_path(index, size)]


def consistency_proof(old: int, new: int, read: NodeReader) -> list[bytes]:
    """The proof that the tree of `old` leaves is a prefix of that of `new` leaves; empty when they are
    equal."""
    return [_fold([read(level, at) for level, at in fold]) for fold in consistency_path(old, new)]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf *hash* `leaf` stands at `index` in the tree of `size` leaves under `root`.

    Raises FailedVerification (`tree-inclusion`) when it does not, Malformed when a hash or a number has no
    valid form.
    """
    _require_size(size)
    _require_hash(leaf)
    _require_hash(root)
    _require_proof(proof)
    if not 0 <= index < size:
        raise _inclusion_failed(f"index {index} in a tree of {size} leaves")
    position, last = index, size - 1
    node = leaf
    for sibling in proof:
        if last == 0:
            raise _inclusion_failed("a proof longer than the way to the root")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise _inclusion_failed("a proof shorter than the way to the root")
    if node != root:
        raise _inclusion_failed("another root than the checkpoint's")


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree (`old_size`, `old_root`) is a prefix of (`new_size`, `new_root`).

    An old size of 0 fails, for nothing can be concluded from it; a witness that sees a log for the first time
    takes the checkpoint without calling this. Raises FailedVerification (`tree-consistency`), or Malformed as
    above.
    """
    _require_size(old_size)
    _require_size(new_size)
    _require_hash(old_root)
    _require_hash(new_root)
    _require_proof(proof)
    if not 0 < old_size <= new_size:
        raise _consistency_failed(f"an old size of {old_size} and a new size of {new_size}")
    if old_size == new_size:
        if proof:
            raise _consistency_failed("a proof between trees of the same size")
        if old_root != new_root:
            raise _consistency_failed("two roots for one size")
        return
    if not proof:
        raise _consistency_failed("no proof between trees of different sizes")
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    # When the old size is a power of two the old root itself starts the way up; RFC 6962 leaves it out of the
    # proof.
    start, rest = (old_root, proof) if not position else (proof[0], proof[1:])
    old_node = new_node = start
    for sibling in rest:
        if last == 0:
            raise _consistency_failed("a proof longer than the way to the root")
        if position & 1 or position == last:
            old_node = node_hash(sibling, old_node)
            new_node = node_hash(sibling, new_node)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new_node = node_hash(new_node, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise _consistency_failed("a proof shorter than the way to the root")
    if old_node != old_root:
        raise _consistency_failed("a proof that does not lead to the old root")
    if new_node != new_root:
        raise _consistency_failed("a proof that does not lead to the new root")


def _split(width: int) -> int:
    """The largest power of two below `width` (> 1): where RFC 6962 cuts a tree."""
    return 1 << ((width - 1).bit_length() - 1)


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The root over full subtrees given from left (largest) to right."""
    node = hashes[-1]
    for left in reversed(hashes[:-1]):
        node = node_hash(left, node)
    return node


def _require_hash(value: bytes) -> bytes:
    if len(value) != HASH_BYTES:
        raise Malformed(
            "tree-hash-length",
            found=f"a hash of {len(value)} bytes",
            expected=f"{HASH_BYTES} bytes",
            remedy="Ask the sender for the proof again; an empty or cut hash is never accepted.",
        )
    return value


def _require_size(size: int) -> None:
    if not 0 <= size <= MAX_TREE_SIZE:
        raise Malformed(
            "tree-size-range",
            found=f"a tree size of {size}",
            expected=f"0 to {MAX_TREE_SIZE}",
            remedy="Ask the sender for the checkpoint again.",
        )


def _require_proof(proof: Sequence[bytes]) -> None:
    if len(proof) > MAX_PROOF_HASHES:
        raise Malformed(
            "tree-proof-length",
            found=f"a proof of {len(proof)} hashes",
            expected=f"at most {MAX_PROOF_HASHES}",
            remedy="Ask the sender for the proof again.",
        )
    for each in proof:
        _require_hash(each)


def _inclusion_failed(found: str) -> FailedVerification:
    return FailedVerification(
        "tree-inclusion",
        found=found,
        expected="a proof that leads from the entry to the signed root",
        remedy="Do not rely on this entry; keep entry, proof and checkpoint, and ask the log's regulator.",
    )


def _consistency_failed(found: str) -> FailedVerification:
    return FailedVerification(
        "tree-consistency",
        found=found,
        expected="a proof that the older tree is the beginning of the newer",
        remedy="Keep both checkpoints, they show that the log was rewritten, and inform both regulators.",
    )
