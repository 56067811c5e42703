"""Many multiples of one known point: a table of its multiples, then additions only.

Eight bits of the scalar pick one entry of one row, so a multiplication costs at most 32 additions instead of
a double-and-add of 255 steps, and a commitment about a fifth of the time. The table (2 MB, about 10 ms) is
made at the first use. Not constant time, like the arithmetic below it: which entries are read depends on the
scalar.
"""

from functools import cached_property

from carbonport.crypto.group import IDENTITY, ORDER, SCALAR_BYTES, Point, sum_points

ENTRIES_PER_ROW = 256
"""One row per byte of the scalar."""


class FixedBase:
    """A point that is multiplied often."""

    def __init__(self, point: Point) -> None:
        """Cheap: the table waits for the first multiplication."""
        self.point = point

    @cached_property
    def _rows(self) -> list[list[Point]]:
        """`_rows[i][j] = j * 256^i * point`."""
        rows = []
        step = self.point
        for _ in range(SCALAR_BYTES):
            row = [IDENTITY]
            for _ in range(ENTRIES_PER_ROW - 1):
                row.append(row[-1] + step)
            rows.append(row)
            step = row[-1] + step
        return rows

    def times(self, scalar: int) -> Point:
        """`scalar * point`, the scalar reduced modulo the order."""
        return sum_points(self.terms(scalar))

    def terms(self, scalar: int) -> list[Point]:
        """Entries whose sum is `scalar * point`, for adding several multiplications up at once."""
        digits = (scalar % ORDER).to_bytes(SCALAR_BYTES, "little")
        return [row[digit] for row, digit in zip(self._rows, digits, strict=True) if digit]
