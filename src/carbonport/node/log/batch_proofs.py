"""Inclusion proofs for many entries of one tree: what they share is folded once.

In the tree of n leaves the way of every leaf to the root meets the ragged right edge at most once; the rest
are full subtrees. A batch's receipts all stand under the same root, so the folds of the edge are computed
once for all of them. The proofs are those of `carbonport.crypto.merkle.inclusion_proof` (RFC 6962), which the
tests hold this to.
"""

from carbonport.crypto.merkle import NodeReader, full_subtrees, node_hash


class BatchProver:
    """Proofs in the tree of `size` leaves, from stored full subtrees."""

    def __init__(self, size: int, read: NodeReader) -> None:
        """Reads the edge (at most 53 nodes); whatever `read` raises goes to the caller."""
        self._size = size
        self._read = read
        edge = list(full_subtrees(0, size))
        hashes = [read(level, index) for level, index in edge]
        # rights[i]: the hash of everything to the right of the i-th subtree of the edge; lefts are the
        # subtrees.
        rights: list[bytes] = []
        folded = b""
        for digest in reversed(hashes):
            rights.append(folded)
            folded = node_hash(digest, folded) if folded else digest
        rights.reverse()
        self._edge = edge
        self._hashes = hashes
        self._rights = rights

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The proof for leaf `index` (below the size), from the leaf upwards."""
        place = 0
        while self._edge[place][1] + 1 << self._edge[place][0] <= index:
            place += 1
        level = self._edge[place][0]
        read = self._read
        path = [read(height, index >> height ^ 1) for height in range(level)]
        if self._rights[place]:
            path.append(self._rights[place])
        path.extend(reversed(self._hashes[:place]))
        return tuple(path)
