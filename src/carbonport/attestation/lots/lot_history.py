"""The entries of a lot read together: their order, and what is sold, returned and in force at each of them.

Rules, the same for seller, importer, witness of a dispute and audit: the first entry is a statement; later statements
have higher versions; a consignment's k is its position; no tag and no key stands twice; a give-back names an earlier
consignment that is not returned yet and is signed by that consignment's key. Whatever breaks one makes the lot's log
unusable from there on. A history holds nothing secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from carbonport.attestation.lots.consignment_key import verify_give_back
from carbonport.attestation.lots.lot_identity import Lot
from carbonport.attestation.lots.lot_leaves import (
    MAX_LOT_ENTRIES,
    ConsignmentEntry,
    GiveBackEntry,
    LotEntry,
    StatementEntry,
    decode_entry,
)
from carbonport.crypto.group import Point, sum_points
from carbonport.crypto.merkle import Frontier, leaf_hash, tree_root
from carbonport.errors import FailedVerification, Malformed


@dataclass(frozen=True)
class LotHistory:
    """All entries of one lot from the first on. Made by `begin` or `read`, longer by `extended`."""

    lot: Lot
    encoded: tuple[bytes, ...]
    entries: tuple[LotEntry, ...]
    returned: Mapping[int, int]
    """The position of the give-back of each returned consignment."""

    @classmethod
    def begin(cls, lot: Lot, first: StatementEntry) -> "LotHistory":
        """The history of a lot that has its first statement and nothing else."""
        return cls.read(lot, [first.encode()])

    @classmethod
    def read(cls, lot: Lot, encoded: Sequence[bytes]) -> "LotHistory":
        """All entries of the lot; raises `Malformed` (`lot-entry-format`, `group-point`) or `FailedVerification`
        (`lot-history`, `lot-give-back-signature`)."""
        if not 1 <= len(encoded) <= MAX_LOT_ENTRIES:
            raise Malformed(
                "lot-entry-count",
                found=f"{len(encoded)} entries",
                expected=f"1 to {MAX_LOT_ENTRIES} entries of a lot",
                remedy="Ask the seller for all entries of the lot; a lot that is full continues in no other.",
            )
        reader = _Reader(lot)
        entries = tuple(reader.add(position, decode_entry(data)) for position, data in enumerate(encoded))
        return cls(lot, tuple(encoded), entries, reader.returned)

    def extended(self, entry: LotEntry) -> "LotHistory":
        """The history with one entry more, by the same rules."""
        reader = _Reader(self.lot)
        reader.resume(self)
        reader.add(self.size, entry)
        return LotHistory(
            self.lot, (*self.encoded, entry.encode()), (*self.entries, entry), {**reader.returned}
        )

    @property
    def size(self) -> int:
        """How many entries there are."""
        return len(self.entries)

    @property
    def last(self) -> int:
        """The position of the last entry."""
        return self.size - 1

    @cached_property
    def root(self) -> bytes:
        """The RFC 6962 root over all entries."""
        return self.root_at(self.size)

    def root_at(self, size: int) -> bytes:
        """The root over the first `size` entries."""
        return tree_root(leaf_hash(data) for data in self.encoded[:size])

    def frontier(self) -> Frontier:
        """The right edge of the tree over all entries, for a writer that continues it."""
        edge = Frontier()
        edge.extend(leaf_hash(data) for data in self.encoded)
        return edge

    def consignment(self, k: int) -> ConsignmentEntry:
        """The entry of consignment k; raises `FailedVerification` when none stands there."""
        entry = self.entries[k] if 0 <= k < self.size else None
        if not isinstance(entry, ConsignmentEntry):
            raise FailedVerification(
                "lot-entry-missing",
                found=f"no consignment at position {k} of {self.size}",
                expected="the consignment's own entry in the lot's log",
                remedy="Do not rely on the consignment: what has no entry may be sold again.",
            )
        return entry

    def consignments(self, until: int) -> list[ConsignmentEntry]:
        """Every consignment up to position `until`, this one included, returned or not."""
        return [entry for entry in self.entries[: until + 1] if isinstance(entry, ConsignmentEntry)]

    def sold(self, at: int) -> list[ConsignmentEntry]:
        """The consignments that count at position `at`: sold by then, and not returned by then."""
        return [entry for entry in self.consignments(at) if self.returned.get(entry.k, self.size) > at]

    def remainder(self, at: int, level: Point) -> Point:
        """`R_at`: the (scaled) commitment to the production less all that counts at position `at`."""
        return level - sum_points([entry.commitment for entry in self.sold(at)])

    def statement(self, at: int) -> StatementEntry:
        """The statement in force at position `at`."""
        return next(entry for entry in reversed(self.entries[: at + 1]) if isinstance(entry, StatementEntry))

    def superseded(self, at: int) -> StatementEntry | None:
        """The statement before the one in force at position `at`; None when there was none."""
        earlier = [entry for entry in self.entries[: at + 1] if isinstance(entry, StatementEntry)][:-1]
        return earlier[-1] if earlier else None

    def statements(self) -> list[tuple[int, StatementEntry]]:
        """Every statement with its position."""
        return [(at, entry) for at, entry in enumerate(self.entries) if isinstance(entry, StatementEntry)]


class _Reader:
    """The rules, kept over entries one after the other."""

    def __init__(self, lot: Lot) -> None:
        self._lot = lot
        self._version = 0
        self._keys: dict[int, bytes] = {}
        self._seen: set[bytes] = set()
        self.returned: dict[int, int] = {}

    def resume(self, history: LotHistory) -> None:
        """Continue behind a history that was read."""
        self._version = history.statement(history.last).version
        for entry in history.consignments(history.last):
            self._keys[entry.k] = entry.key
            self._seen |= {entry.key, entry.tag}
        self.returned = dict(history.returned)

    def add(self, position: int, entry: LotEntry) -> LotEntry:
        """Hold the next entry against the rules."""
        if isinstance(entry, StatementEntry):
            if entry.version <= self._version:
                raise _broken(position, "a statement that is not newer than the one before")
            self._version = entry.version
        elif position == 0:
            raise _broken(position, "a lot that does not begin with its statement")
        elif isinstance(entry, ConsignmentEntry):
            self._sell(position, entry)
        else:
            self._give_back(position, entry)
        return entry

    def _sell(self, position: int, entry: ConsignmentEntry) -> None:
        if entry.k != position:
            raise _broken(position, f"consignment {entry.k} at another position than its own")
        if entry.key in self._seen or entry.tag in self._seen:
            raise _broken(position, "a key or recipient tag that stands in an earlier entry")
        self._seen |= {entry.key, entry.tag}
        self._keys[entry.k] = entry.key

    def _give_back(self, position: int, entry: GiveBackEntry) -> None:
        if entry.k not in self._keys or entry.k in self.returned:
            raise _broken(
                position, f"a give-back of {entry.k}, which is no consignment, or was returned before"
            )
        verify_give_back(self._keys[entry.k], self._lot.id, entry.k, entry.signature)
        self.returned[entry.k] = position


def _broken(position: int, found: str) -> FailedVerification:
    return FailedVerification(
        "lot-history",
        found=found,
        expected="entries in the order in which the lot's rules allow them",
        remedy="Do not rely on the lot; keep its entries and checkpoint as evidence and inform the regulator.",
        where=f"entry {position}",
    )
