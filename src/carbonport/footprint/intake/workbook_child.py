"""The process that reads a workbook: `python -I -m carbonport.footprint.intake.workbook_child REQUEST <
WORKBOOK`.

It limits itself, reads the file on its standard input, answers with one line of canonical JSON and ends. The
request is JSON: per sheet the area in which the template has cells and the areas that are wanted. The answer
is either the wanted cells, or an error's id, family and sentences. Nothing else of the file leaves this
process.

It imports little, so that it starts fast: keep the package's `__init__` free of imports.
"""

import json
import re
import sys
from typing import Any, BinaryIO

from carbonport.crypto.canonical import canonical_bytes
from carbonport.errors import CarbonportError, Malformed
from carbonport.footprint.intake.workbook_archive import Archive
from carbonport.footprint.intake.workbook_bounds import (
    FARTHEST_COLUMN,
    FARTHEST_ROW,
    MAX_PART_BYTES,
    PROBE_BYTES,
)
from carbonport.footprint.intake.workbook_limits import apply_limits
from carbonport.footprint.intake.workbook_package import (
    Package,
    read_date_styles,
    read_package,
    read_shared_texts,
)
from carbonport.footprint.intake.workbook_place import REFERENCE, Area, column_number
from carbonport.footprint.intake.workbook_sheet import SheetReader, far_cell

SUSPICIOUS_REFERENCE = re.compile(rb"\sr\s*=\s*[\"']([A-Z]{3}[0-9]{1,7}|[A-Z]{1,2}[0-9]{4,7})[\"']")
"""A cell reference that may lie beyond FARTHEST_ROW or FARTHEST_COLUMN, in the bytes of a sheet that is not
read.
"""

SEARCH_OVERLAP_BYTES = 64
"""Kept of one chunk for the next, so that a reference on the seam is seen."""

EXHAUSTED = "memory"
"""What the child answers when its memory does not suffice."""


def read_cells(file: BinaryIO, request: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The wanted cells of the workbook, per sheet: reference -> [kind, text]. Raises Malformed."""
    archive = Archive(file)
    package = read_package(archive)
    there = {sheet for sheet, part in package.sheets.items() if part in archive}
    request = {
        sheet: wanted for sheet, wanted in request.items() if sheet in there or not wanted.get("optional")
    }
    for sheet in request:
        if sheet not in there:
            raise Malformed(
                "intake-missing-sheet",
                found=f"no sheet {sheet}",
                expected=f"the sheets {', '.join(request)} of the communication template",
                remedy="Fill in the unaltered template and do not delete sheets.",
                where=sheet,
            )
    _refuse_oversized(archive, package, request)
    for sheet, part in package.sheets.items():
        if sheet not in request and part in archive:
            _search_far_cell(archive, sheet, part)
    date_styles = read_date_styles(archive, package.styles)
    readers = []
    for sheet, wanted in request.items():
        reader = _reader(sheet, wanted, date_styles)
        reader.read(archive.chunks(package.sheets[sheet], MAX_PART_BYTES))
        readers.append(reader)
    indices = {
        int(text)
        for reader in readers
        for kind, text in reader.cells.values()
        if kind == "shared" and text.isascii() and text.isdigit() and len(text) < 9
    }
    texts = {
        str(index): text for index, text in read_shared_texts(archive, package.shared_texts, indices).items()
    }
    return {
        "date_1904": package.date_1904,
        "sheets": {reader.sheet: _resolved(reader, texts) for reader in readers},
        "stray": {reader.sheet: reader.stray for reader in readers if reader.stray},
    }


def _reader(sheet: str, wanted: dict[str, Any], date_styles: frozenset[int]) -> SheetReader:
    areas = [Area.parse(area) for area in wanted["areas"]]
    return SheetReader(sheet, Area.parse(wanted["template"]), areas, date_styles)


def _resolved(reader: SheetReader, texts: dict[str, str]) -> dict[str, list[str]]:
    """The sheet's cells with the shared texts put in; blank texts are left out, as blank cells are."""
    cells: dict[str, list[str]] = {}
    for reference, (kind, text) in reader.cells.items():
        if kind != "shared":
            cells[reference] = [kind, text]
        elif text in texts:
            if texts[text]:
                cells[reference] = ["text", texts[text]]
        else:
            cells[reference] = ["unreadable", f"shared text {text[:20]}"]
    return cells


def _refuse_oversized(archive: Archive, package: Package, request: dict[str, dict[str, Any]]) -> None:
    """Raises for a part that breaks a size bound, naming the sheet and, for a sheet we read, the cell."""
    oversized = archive.oversized()
    if oversized is None:
        return
    part, found = oversized
    where = next((name for name, target in package.sheets.items() if target == part), part)
    if where in request:
        reader = _reader(where, request[where], frozenset())
        reader.areas = ()
        try:
            reader.read(archive.chunks(part, PROBE_BYTES), whole=False)
        except Malformed as error:
            if error.id in {"intake-far-cell", "intake-document-type"}:
                raise
        where = f"{where}!{reader.last or 'A1'}"
    raise Malformed(
        "intake-part-size",
        found=found,
        expected=f"at most {MAX_PART_BYTES} bytes per part, as a filled template has",
        remedy="Delete what stands there (blank rows and columns too), save the workbook, and try again.",
        where=where,
    )


def _search_far_cell(archive: Archive, sheet: str, part: str) -> None:
    """Raises for a cell far out in a sheet that is not read: other programs would choke on it."""
    seam = b""
    for chunk in archive.chunks(part, MAX_PART_BYTES):
        for match in SUSPICIOUS_REFERENCE.finditer(seam + chunk):
            reference = match[1].decode("ascii")
            parts = REFERENCE.fullmatch(reference)
            if parts and (int(parts[2]) > FARTHEST_ROW or column_number(parts[1]) > FARTHEST_COLUMN):
                raise far_cell(sheet, reference, None)
        seam = chunk[-SEARCH_OVERLAP_BYTES:]


def answer(request: str, file: BinaryIO) -> dict[str, Any]:
    """What `main` prints, as data."""
    limits = apply_limits()
    try:
        return {"limits": limits, "workbook": read_cells(file, json.loads(request))}
    except CarbonportError as error:
        return {"limits": limits, "error": error.as_dict()}
    except (MemoryError, RecursionError):
        return {"limits": limits, "exhausted": EXHAUSTED}


def main() -> None:
    """Reads the workbook on standard input and answers on standard output."""
    with open(0, "rb", closefd=False) as file:
        reply = answer(sys.argv[1], file)
    sys.stdout.buffer.write(canonical_bytes(reply))


if __name__ == "__main__":
    main()
