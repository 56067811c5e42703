"""Several leaves of a statement with one joint way to the root.

What two paths share is written once, what the shown leaves give by themselves not at all: when all leaves of a tree
are shown, nothing but the leaves is left. The tree is RFC 6962's: n leaves split at the largest power of two below n.
Hashes stand in the order of the leaves under them, so there is one list for a set of leaves.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

from carbonport.crypto.merkle import node_hash
from carbonport.errors import FailedVerification

SubtreeHash = Callable[[int, int], bytes]
"""The hash of the subtree over the leaves from the first index to the second, without the second."""


def joint_path(indices: Sequence[int], size: int, subtree: SubtreeHash) -> list[bytes]:
    """The hashes that lead from the leaves at `indices` (ascending) to the root of a tree of `size` leaves."""
    found: list[bytes] = []

    def walk(low: int, high: int) -> None:
        if bisect_left(indices, low) == bisect_left(indices, high):
            found.append(subtree(low, high))
        elif high - low > 1:
            middle = split(low, high)
            walk(low, middle)
            walk(middle, high)

    walk(0, size)
    return found


def verify_joint_path(leaves: Mapping[int, bytes], size: int, path: Sequence[bytes], root: bytes) -> None:
    """Raise `FailedVerification` unless these leaf hashes by index, with `path`, give `root` over `size` leaves."""
    indices = sorted(leaves)
    given = iter(path)

    def walk(low: int, high: int) -> bytes:
        if bisect_left(indices, low) == bisect_left(indices, high):
            sibling = next(given, None)
            if sibling is None:
                raise _failed()
            return sibling
        if high - low == 1:
            return leaves[low]
        middle = split(low, high)
        return node_hash(walk(low, middle), walk(middle, high))

    if not indices or indices[0] < 0 or indices[-1] >= size:
        raise _failed()
    if walk(0, size) != root or next(given, None) is not None:
        raise _failed()


def split(low: int, high: int) -> int:
    """Where RFC 6962 divides the leaves from `low` to `high`: after the largest power of two below their number."""
    return low + (1 << ((high - low - 1).bit_length() - 1))


def _failed() -> FailedVerification:
    return FailedVerification(
        "proof-leaves",
        found="leaves that do not lead to the statement's root",
        expected="leaves of the statement, as they were signed",
        remedy="Do not rely on the result; ask the exporter for evidence under the current statement.",
    )
