"""The cells of the communication template as values: numbers, texts, days, each fault with its sheet and
cell.

Faults are collected, not raised at the first: a person mends a workbook once. `finish` raises them together;
what a method returns for a faulty cell is None or an empty text, and is never used. Two more lists are kept:
cells that this version cannot take (refused, never dropped), and notes for the person who reads the result.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from carbonport.errors import Malformed, Refused
from carbonport.footprint.intake.workbook_cells import Cell, WorkbookCells
from carbonport.footprint.intake.workbook_place import REFERENCE, Area, column_number, within
from carbonport.footprint.ledger import Source

MAX_FAULTS_SHOWN = 20
"""Cells named in one error; the rest is counted."""

FIRST_DAY_1900 = date(1899, 12, 30)
"""Day 0 of the 1900 date system for days after its imagined 29 February 1900 (ECMA-376 part 1, 18.17.4)."""

FIRST_DAY_1904 = date(1904, 1, 1)
LAST_SERIAL = 2_958_465
"""9999-12-31."""

NOT_FILLED_IN = "n.a."
"""What the template's formulas write where nothing applies (CONST_NA)."""


class TemplateCells:
    """The workbook's cells, and what was found wrong with them so far."""

    def __init__(self, cells: WorkbookCells) -> None:
        self._cells = cells
        self._faults: dict[str, Malformed] = {}
        self._refused: list[str] = []
        self._looked_at: set[tuple[str, str]] = set()
        self.notes: list[str] = []
        self._unused: dict[tuple[str, str], list[str]] = {}

    def source(self, sheet: str, cell: str) -> Source:
        """The cell as a record's source (`B_EmInst!F17`)."""
        return Source(self._cells.document, f"{sheet}!{cell}")

    def blank(self, sheet: str, cell: str) -> bool:
        """Whether nothing stands in the cell."""
        return self._cell(sheet, cell) is None

    def text(self, sheet: str, cell: str) -> str:
        """The cell's text on one line; a number is taken as it is written. Empty when blank."""
        found = self._cell(sheet, cell)
        if found is None:
            return ""
        if found.kind in {"text", "number"}:
            text = " ".join(found.text.split())
            return "" if text == NOT_FILLED_IN else text
        self._fault_of_kind(sheet, cell, found, "a text")
        return ""

    def derived_text(self, sheet: str, cell: str) -> str:
        """A text that the template's formula derives from other cells: not missed when its result is not
        stored.
        """
        found = self._cell(sheet, cell)
        return "" if found is None or found.kind == "uncached" else self.text(sheet, cell)

    def listed_value(self, sheet: str, cell: str) -> str:
        """A text, number or truth value that was chosen from a list, as text; empty when blank."""
        found = self._cell(sheet, cell)
        if found is not None and found.kind == "boolean":
            return found.text
        return self.text(sheet, cell)

    def leave(self, sheet: str, cells: list[str], why: str) -> None:
        """Lists filled-in cells that the calculation has no use for, each by name."""
        self._name(sheet, self.filled(sheet, cells), why)

    @property
    def unused(self) -> tuple[str, ...]:
        """The cells listed so far, those of one sheet and reason in one line."""
        return tuple(f"{sheet}!{', '.join(cells)}: {why}" for (sheet, why), cells in self._unused.items())

    def _name(self, sheet: str, cells: Sequence[str], why: str) -> None:
        if cells:
            self._unused.setdefault((sheet, why), []).extend(cells)

    def number(self, sheet: str, cell: str) -> Decimal | None:
        """The cell's number of either sign, the shortest decimal of its binary64; None when blank."""
        found = self._cell(sheet, cell)
        if found is None:
            return None
        if found.kind == "number":
            number = Decimal(found.text)
            return number if number else Decimal(0)
        self._fault_of_kind(sheet, cell, found, "a number")
        return None

    def amount(self, sheet: str, cell: str) -> Decimal | None:
        """A number that is zero or positive."""
        number = self.number(sheet, cell)
        if number is not None and number < 0:
            self.fault(
                Malformed(
                    "intake-negative",
                    found=f"a negative number {number}",
                    expected="zero or a positive number; only an output of a mass balance is negative",
                    remedy="Correct the number, or choose 'Mass balance' for what leaves the process.",
                    where=self._where(sheet, cell),
                )
            )
            return None
        return number

    def percent(self, sheet: str, cell: str) -> Decimal | None:
        """A number of percent between 0 and 100."""
        number = self.amount(sheet, cell)
        if number is not None and number > 100:
            self.fault(
                Malformed(
                    "intake-percent",
                    found=f"{number} %",
                    expected="0 to 100 %",
                    remedy="Correct the percentage.",
                    where=self._where(sheet, cell),
                )
            )
            return None
        return number

    def day(self, sheet: str, cell: str) -> date | None:
        """A calendar day; missing is a fault."""
        found = self._cell(sheet, cell)
        if found is None:
            self.missing(sheet, cell, "a date")
            return None
        if found.kind == "iso-date":
            try:
                return date.fromisoformat(found.text.removesuffix("T00:00:00"))
            except ValueError:
                pass
        elif found.kind in {"date", "number"}:
            serial = Decimal(found.text)
            if serial == serial.to_integral_value() and 60 < serial <= LAST_SERIAL - 1_462:
                first = FIRST_DAY_1904 if self._cells.date_1904 else FIRST_DAY_1900
                return first + timedelta(days=int(serial))
        elif found.kind in {"error", "uncached"}:
            self._fault_of_kind(sheet, cell, found, "a date")
            return None
        self.fault(
            Malformed(
                "intake-date",
                found=f"{found.kind} {found.text[:40]!r}",
                expected="a calendar day",
                remedy="Enter the day as a date, such as 2026-01-01.",
                where=self._where(sheet, cell),
            )
        )
        return None

    def missing(self, sheet: str, cell: str, what: str) -> None:
        """Notes that a cell that must be filled in is blank."""
        if self._where(sheet, cell) not in self._faults:
            self.fault(
                Malformed(
                    "intake-missing-value",
                    found="a blank cell",
                    expected=what,
                    remedy="Fill in the cell.",
                    where=self._where(sheet, cell),
                )
            )

    def unknown(self, sheet: str, cell: str, text: str, expected: str) -> None:
        """Notes a text that is none of those the template offers (a method, a unit, a process, a code)."""
        self.fault(
            Malformed(
                "intake-unknown-entry",
                found=f"{text[:60]!r}",
                expected=expected,
                remedy="Choose one of the entries the template offers.",
                where=self._where(sheet, cell),
            )
        )

    def inconsistent(self, sheet: str, cell: str, found: str, expected: str) -> None:
        """Notes cells that contradict each other."""
        self.fault(
            Malformed(
                "intake-inconsistent",
                found=found,
                expected=expected,
                remedy="Correct it in the spreadsheet program, let it calculate, and save it.",
                where=self._where(sheet, cell),
            )
        )

    def fault(self, error: Malformed) -> None:
        """Keeps the first fault of each cell."""
        self._faults.setdefault(error.where, error)

    def refuse(self, sheet: str, cells: list[str], what: str) -> None:
        """Notes filled-in cells that this version cannot take."""
        if cells:
            shown = ", ".join(cells[:MAX_FAULTS_SHOWN]) + (" ..." if len(cells) > MAX_FAULTS_SHOWN else "")
            self._refused.append(f"{sheet}!{shown} ({what})")

    def filled(self, sheet: str, cells: list[str]) -> list[str]:
        """Those of the cells in which something other than zero or an empty result stands."""
        kept = []
        for cell in cells:
            found = self._cell(sheet, cell)
            if (
                found is None
                or found.text in {"", NOT_FILLED_IN}
                or (found.kind, found.text) == ("boolean", "0")
            ):
                continue
            if found.kind != "number" or Decimal(found.text) != 0:
                kept.append(cell)
        return kept

    def finish(self) -> None:
        """Raises what was found: a single fault as itself, several as one error that names their cells."""
        faults = list(self._faults.values())
        if len(faults) == 1:
            raise faults[0]
        if faults:
            listed = "; ".join(
                f"{fault.where}: {fault.found} ({fault.id})" for fault in faults[:MAX_FAULTS_SHOWN]
            )
            more = f"; and {len(faults) - MAX_FAULTS_SHOWN} more" if len(faults) > MAX_FAULTS_SHOWN else ""
            raise Malformed(
                "intake-several-cells",
                found=f"{len(faults)} cells that cannot be read: {listed}{more}",
                expected="a correctly filled-in communication template",
                remedy="Correct these cells; docs/errors/intake.md explains each id.",
                where=faults[0].where,
            )
        if self._refused:
            raise Refused(
                "intake-not-supported",
                found="; ".join(self._refused),
                expected="a workbook without these entries, which this version cannot calculate yet",
                remedy="Nothing was dropped or guessed. Leave out only what the goods do not need.",
                where=self._cells.document,
            )

    def name_the_rest(self, inputs: Mapping[str, Sequence[Area]]) -> None:
        """Lists every filled cell of the areas `inputs` that nothing has asked for, and what stands outside the
        template: nothing that an operator wrote goes unmentioned."""
        for sheet, areas in inputs.items():
            left = [
                place
                for place in self._cells.sheets.get(sheet, {})
                if (sheet, place) not in self._looked_at and _inside(areas, place)
            ]
            self.leave(sheet, left, "no result depends on it")
        for sheet, places in self._cells.stray.items():
            self._name(sheet, places, "outside the template")

    def _cell(self, sheet: str, cell: str) -> Cell | None:
        self._looked_at.add((sheet, cell))
        return self._cells.sheets.get(sheet, {}).get(cell)

    def _where(self, sheet: str, cell: str) -> str:
        return f"{self._cells.document} {sheet}!{cell}"

    def _fault_of_kind(self, sheet: str, cell: str, found: Cell, wanted: str) -> None:
        where = self._where(sheet, cell)
        if found.kind == "error":
            self.fault(
                Malformed(
                    "intake-error-value",
                    found=f"the error value {found.text}",
                    expected=wanted,
                    remedy="Mend the formula or enter the value, let the spreadsheet calculate, and save it.",
                    where=where,
                )
            )
        elif found.kind == "uncached":
            self.fault(
                Malformed(
                    "intake-formula-uncached",
                    found="a formula whose result is not in the file",
                    expected=wanted,
                    remedy="Open the workbook in the spreadsheet program, let it calculate, and save it.",
                    where=where,
                )
            )
        else:
            self.fault(
                Malformed(
                    "intake-wrong-kind",
                    found=f"{found.kind} {found.text[:40]!r}",
                    expected=wanted,
                    remedy="Correct the cell; enter numbers as numbers, without unit and without quotes.",
                    where=where,
                )
            )


def _inside(areas: Sequence[Area], place: str) -> bool:
    match = REFERENCE.fullmatch(place)
    return match is not None and within(areas, int(match[2]), column_number(match[1]))
