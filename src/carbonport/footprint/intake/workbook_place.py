"""Cell references: `F17` to row and column, and the rectangles (`D17:AV91`) a reader asks for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from carbonport.errors import Misuse

REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})", re.ASCII)


@cache
def column_number(letters: str) -> int:
    """`A` is 1, `XFD` is 16384."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


@cache
def column_letters(number: int) -> str:
    """1 is `A`, 16384 is `XFD`."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of cells, edges included."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int

    @classmethod
    def parse(cls, text: str) -> "Area":
        """`D17:AV91` or `F17`. Raises Misuse: areas come from our own code."""
        first, _, last = text.partition(":")
        upper, lower = REFERENCE.fullmatch(first), REFERENCE.fullmatch(last or first)
        if upper is None or lower is None:
            raise Misuse(
                "intake-area",
                found=f"the area {text!r}",
                expected="an area like D17:AV91",
                remedy="Mend the table of cells.",
            )
        return cls(int(upper[2]), column_number(upper[1]), int(lower[2]), column_number(lower[1]))

    def __contains__(self, place: tuple[int, int]) -> bool:
        row, column = place
        return self.first_row <= row <= self.last_row and self.first_column <= column <= self.last_column


def within(areas: Iterable[Area], row: int, column: int) -> bool:
    """Whether one of the areas holds the cell."""
    return any((row, column) in area for area in areas)
