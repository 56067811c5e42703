"""Decision trees whose splits are drawn in public, before anybody looks at data, and the cells they cut.

Each node's feature and threshold follow from a seed (SHAKE256 over it), so that everybody draws the same trees and no
split tells anything of a participant. What is learned is only what a leaf says. Splits that are worth little cost
little when there are many trees (P. Geurts, D. Ernst and L. Wehenkel, Machine Learning 63, 2006).

A leaf that few participants reach would tell of them. So leaves are merged, each with its sibling, until every cell has
the minimum cohort; a merged cell is an inner node of the tree. Nodes are numbered from the root 0, the children of
`k` being `2k + 1` and `2k + 2`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from carbonport.federated.features import Integers

WORD_BYTES = 4
"""Bytes of the stream for one drawn number; the bias of a modulus below 100 is below 2^-25."""

REMEMBERED_CELLS = 4096
"""Tables from leaves to cells that are kept: a participant is asked about the same trees again and again."""

DRAW_DOMAIN = b"carbonport/drawn-trees/v1\x00"
"""In front of the seed."""


@dataclass(frozen=True)
class DrawnTrees:
    """`trees` trees of `depth` levels over features with `bins` (a number of bins for each feature)."""

    seed: str
    trees: int
    depth: int
    bins: tuple[int, ...]

    @property
    def nodes(self) -> int:
        """Inner nodes of a tree."""
        return (1 << self.depth) - 1

    @property
    def leaves(self) -> int:
        """Leaves of a tree."""
        return 1 << self.depth

    @cached_property
    def splits(self) -> tuple[Integers, Integers]:
        """Feature and threshold of every inner node, by tree: a row goes right when its bin is above the threshold."""
        count = 2 * self.trees * self.nodes
        stream = hashlib.shake_256(DRAW_DOMAIN + self.seed.encode()).digest(count * WORD_BYTES)
        words = np.frombuffer(stream, dtype=">u4").astype(np.int64).reshape(self.trees, self.nodes, 2)
        features = words[:, :, 0] % len(self.bins)
        thresholds = words[:, :, 1] % (np.array(self.bins, dtype=np.int64)[features] - 1)
        return features, thresholds

    def leaves_of(self, binned: Integers, first: int = 0, last: int | None = None) -> Integers:
        """The leaf (from 0) that each row reaches in each tree from `first` to before `last`."""
        features, thresholds = (part[first:last] for part in self.splits)
        rows, trees = len(binned), len(features)
        node = np.zeros((rows, trees), dtype=np.int64)
        tree = np.arange(trees)[None, :]
        row = np.arange(rows)[:, None]
        for _ in range(self.depth):
            right = binned[row, features[tree, node]] > thresholds[tree, node]
            node = 2 * node + 1 + right
        return node - self.nodes

    def merged_cells(self, participants: Sequence[int], minimum: int) -> tuple[tuple[int, ...], ...]:
        """For each tree the nodes that are its cells, given how many participants reach each leaf.

        A node whose child would be a cell of too few becomes a cell itself. How many reach it is at least what its
        larger child has, which is all that is known and all that is needed.
        """
        return tuple(
            self._cells(participants[tree * self.leaves : (tree + 1) * self.leaves], minimum)
            for tree in range(self.trees)
        )

    def _cells(self, reached: Sequence[int], minimum: int) -> tuple[int, ...]:
        def cut(node: int) -> tuple[tuple[int, ...], int]:
            """Cells below a node, and how many participants reach the node at least."""
            if node >= self.nodes:
                return (node,), reached[node - self.nodes]
            (left, at_left), (right, at_right) = cut(2 * node + 1), cut(2 * node + 2)
            at_least = max(at_left, at_right)
            # Below a node that was cut further every cell has enough already.
            return ((node,), at_least) if min(at_left, at_right) < minimum else (left + right, at_least)

        cells, at_least = cut(0)
        return cells if at_least >= minimum else ()

    def cell_of_leaf(self, cells: Sequence[int]) -> Integers:
        """The place in `cells` of the cell that each leaf of one tree lies in; -1 for none."""
        return _cell_of_leaf(self.depth, tuple(cells))

    def box(self, tree: int, node: int) -> tuple[Integers, Integers]:
        """The lowest and highest bin of each feature that reach a node; an impossible node has a low above a high."""
        features, thresholds = self.splits
        low = np.zeros(len(self.bins), dtype=np.int64)
        high = np.array(self.bins, dtype=np.int64) - 1
        path = []
        while node:
            path.append((node, (node - 1) // 2))
            node = (node - 1) // 2
        for child, parent in reversed(path):
            feature, threshold = features[tree, parent], thresholds[tree, parent]
            if child % 2:
                high[feature] = min(high[feature], threshold)
            else:
                low[feature] = max(low[feature], threshold + 1)
        return low, high


@lru_cache(maxsize=REMEMBERED_CELLS)
def _cell_of_leaf(depth: int, cells: tuple[int, ...]) -> Integers:
    nodes = (1 << depth) - 1
    table = np.full(1 << depth, -1, dtype=np.int64)
    for place, cell in enumerate(cells):
        first = last = cell
        while first < nodes:
            first, last = 2 * first + 1, 2 * last + 2
        table[first - nodes : last - nodes + 1] = place
    table.flags.writeable = False
    return table
