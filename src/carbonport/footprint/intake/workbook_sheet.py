"""One worksheet, read as a stream: the cells of the wanted areas, as they are written.

A cell is handed on as (kind, text) without judging it: whether a number, a text, an error value or a formula
without a stored result fits its place is the reader's business, who knows the place. What cannot be a
spreadsheet's work (a cell twice, a reference that is none, more cells than a template can have) is refused
here, and so is a cell far out: on such a cell other readers allocate the whole rectangle up to it. A filled cell
just outside the area in which the template has cells is somebody's note: it is named, not read.

Numbers: a cell stores a binary64; its text here is the shortest decimal that reads back as the same binary64.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from carbonport.errors import Malformed
from carbonport.footprint.intake.workbook_bounds import (
    FARTHEST_COLUMN,
    FARTHEST_ROW,
    MAX_CELLS,
    MAX_ROW_ELEMENTS,
    MAX_STRAY_CELLS,
    MAX_TEXT_CHARACTERS,
)
from carbonport.footprint.intake.workbook_place import REFERENCE, Area, column_letters, column_number, within
from carbonport.footprint.intake.workbook_xml import Attributes, stream_part

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?", re.ASCII)

RawCell = tuple[str, str]
"""Kind (number, date, iso-date, text, shared, boolean, error, uncached, unreadable) and text."""


@dataclass
class SheetReader:
    """Reads the sheet named `sheet`: its `areas` are kept, `template` is where the template has cells."""

    sheet: str
    template: Area
    areas: Sequence[Area]
    date_styles: frozenset[int]
    cells: dict[str, RawCell] = field(default_factory=dict)
    last: str = ""
    """The last cell seen: where an oversized sheet goes wrong."""

    stray: list[str] = field(default_factory=list)
    """Filled cells outside the template, at most MAX_STRAY_CELLS of them."""

    def read(self, chunks: Iterable[bytes], *, whole: bool = True) -> None:
        """Reads the part into `cells`. Raises Malformed naming sheet and cell."""
        self._rows = self._count = self._row = self._column = 0
        self._cell: str | None = None
        self._formula = self._has_value = self._collecting = False
        self._kind = self._style = ""
        self._text: list[str] = []
        self._inside: list[str] = []
        stream_part(chunks, self.sheet, self._start, self._end, self._characters, whole=whole)

    def _start(self, tag: str, attributes: Attributes) -> None:
        if tag == "c":
            self._start_cell(attributes)
        elif tag == "row":
            self._start_row(attributes)
        elif self._cell is not None:
            self._inside.append(tag)
            if tag == "f":
                self._formula = True
            elif tag == "v" or (tag == "t" and self._inside[0] == "is" and "rPh" not in self._inside):
                self._has_value = True
                self._collecting = within(self.areas, self._row, self._column)

    def _end(self, tag: str) -> None:
        if tag == "c":
            self._end_cell()
        elif self._cell is not None and self._inside:
            self._inside.pop()
            self._collecting = False

    def _characters(self, text: str) -> None:
        if self._collecting:
            self._text.append(text)

    def _start_row(self, attributes: Attributes) -> None:
        self._rows += 1
        if self._rows > MAX_ROW_ELEMENTS:
            raise self._strange(f"more than {MAX_ROW_ELEMENTS} rows", self.last)
        stated = attributes.get("r", "")
        if stated:
            self._row = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 8 else 0
            if self._row == 0:
                raise self._strange(f"a row numbered {stated[:20]!r}", self.last)
        else:
            self._row += 1
        self._column = 0

    def _start_cell(self, attributes: Attributes) -> None:
        if self._cell is not None:
            raise self._strange("a cell inside a cell", self._cell)
        self._count += 1
        if self._count > MAX_CELLS:
            raise self._strange(f"more than {MAX_CELLS} cells", self.last)
        reference = attributes.get("r", "")
        if reference:
            match = REFERENCE.fullmatch(reference)
            if match is None or int(match[2]) != self._row:
                raise self._strange(f"a cell {reference[:20]!r} in row {self._row}", self.last)
            self._column = column_number(match[1])
        else:
            self._column += 1
            reference = f"{column_letters(self._column)}{self._row}"
        if self._row > FARTHEST_ROW or self._column > FARTHEST_COLUMN:
            raise far_cell(self.sheet, reference, self.template)
        self._cell = self.last = reference
        self._formula = self._has_value = self._collecting = False
        self._kind = attributes.get("t", "n")
        self._style = attributes.get("s", "")
        self._text = []
        self._inside = []

    def _end_cell(self) -> None:
        reference = self._cell
        if reference is None:
            raise self._strange("an end without a cell", self.last)
        self._cell = None
        if not (self._has_value or self._formula):
            return
        if (self._row, self._column) not in self.template:
            if len(self.stray) < MAX_STRAY_CELLS:
                self.stray.append(reference)
            return
        if not within(self.areas, self._row, self._column):
            return
        if reference in self.cells:
            raise self._strange("the same cell twice", reference)
        text = "".join(self._text)
        if len(text) > MAX_TEXT_CHARACTERS:
            raise self._strange(f"a text of {len(text)} characters", reference)
        read = self._value(text)
        if read is not None:
            self.cells[reference] = read

    def _value(self, text: str) -> RawCell | None:
        """What the cell says; None for a blank one."""
        if self._kind == "n":
            return self._number(text.strip())
        if self._kind == "s":
            return ("shared", text.strip())
        if self._kind in {"str", "inlineStr"}:
            if not self._has_value:
                return ("uncached", "")
            return ("text", text) if text else None
        if self._kind == "b":
            return ("boolean", text.strip()) if text.strip() in {"0", "1"} else ("unreadable", text[:40])
        if self._kind == "e":
            return ("error", text.strip()[:40])
        if self._kind == "d":
            return ("iso-date", text.strip()[:40])
        return ("unreadable", text[:40])

    def _number(self, text: str) -> RawCell | None:
        if not text:
            return ("uncached", "") if self._formula else None
        if NUMBER.fullmatch(text) is None or len(text) > 400:
            return ("unreadable", text[:40])
        value = float(text)
        if value in (float("inf"), float("-inf")):
            return ("unreadable", text[:40])
        dated = self._style.isdigit() and int(self._style[:9]) in self.date_styles
        return ("date" if dated else "number", repr(value).removesuffix(".0"))

    def _strange(self, found: str, cell: str) -> Malformed:
        return Malformed(
            "intake-sheet",
            found=found,
            expected="cells as a spreadsheet program writes them",
            remedy="Open the workbook in the spreadsheet program and save it anew.",
            where=f"{self.sheet}!{cell}" if cell else self.sheet,
        )


def far_cell(sheet: str, reference: str, template: Area | None) -> Malformed:
    """A cell outside the area in which the template has cells."""
    bound = f"{column_letters(template.last_column)}{template.last_row}" if template else ""
    return Malformed(
        "intake-far-cell",
        found=f"a cell {reference}",
        expected=f"no cell beyond {bound}, where the template ends" if bound else "no cell so far out",
        remedy=f"Delete the cell {reference} (its row and column) in the sheet {sheet}, and save.",
        where=f"{sheet}!{reference}",
    )
