"""The tree over a statement's leaves, with every full subtree kept: 2n hashes, no secret."""

from collections.abc import Sequence

from carbonport.attestation.commitments import LeafOpening
from carbonport.crypto.merkle import inclusion_proof, node_hash


class StatementTree:
    """The RFC 6962 tree over a statement's leaves.

    Building it commits to every opening again, so a node that answers many requests under one statement
    builds it once.
    """

    def __init__(self, openings: Sequence[LeafOpening]) -> None:
        """`openings` are all of the statement's, in leaf order."""
        self._positions = {opening.label.path: index for index, opening in enumerate(openings)}
        self._levels = [[opening.leaf().hash() for opening in openings]]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            pairs = zip(below[0::2], below[1::2], strict=False)
            self._levels.append([node_hash(left, right) for left, right in pairs])

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def position(self, path: str) -> int | None:
        """The index of the leaf of this path, if there is one."""
        return self._positions.get(path)

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """The path of leaf `index`, from the leaf upwards."""
        return tuple(inclusion_proof(index, self.size, lambda level, at: self._levels[level][at]))

    def subtree(self, low: int, high: int) -> bytes:
        """The hash over the leaves from `low` to `high`, which is a subtree of RFC 6962's division."""
        count = high - low
        level = (count - 1).bit_length()
        if count == 1 << level:
            return self._levels[level][low >> level]
        middle = low + (1 << (level - 1))
        return node_hash(self.subtree(low, middle), self.subtree(middle, high))
