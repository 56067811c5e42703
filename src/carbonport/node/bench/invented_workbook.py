"""A workbook in the layout of the communication template, filled to the brim with invented figures.

Ten processes that supply each other, twenty precursors, every row of source streams, gases and continuous
measurement, a hundred products, and as many other cells as the template has. For measuring only: sheets that
people read are left out, and nothing is calculated by formulas.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from openpyxl import Workbook

from carbonport.footprint.intake.template_map import (
    ANCHORS,
    BALANCE,
    EMISSIONS,
    INSTALLATION,
    MEASURED_ROWS,
    PARAMETERS,
    PFC_ROWS,
    PRECURSORS,
    PROCESS_ROWS,
    PROCESSES,
    PRODUCT_ROWS,
    PRODUCTS,
    PURCHASED_ROWS,
    STREAM_ROWS,
    TRANSLATIONS,
    PrecursorBlock,
    ProcessBlock,
)

FILLERS: Mapping[str, tuple[int, int, int]] = {
    PARAMETERS: (700, 3, 22),
    TRANSLATIONS: (2000, 3, 10),
    PROCESSES: (640, 14, 24),
    PRECURSORS: (890, 14, 26),
    PRODUCTS: (220, 53, 67),
    EMISSIONS: (120, 53, 75),
}
"""Rows, first and last column of what the template prints or calculates there, about; words of ours fill it."""

CATEGORY, CN = "Iron or steel products", "72081000"

Cells = dict[str, dict[str, object]]


def write_invented_workbook(path: Path) -> None:
    """Write the workbook to `path`."""
    cells: Cells = {
        sheet: {} for sheet in (INSTALLATION, EMISSIONS, BALANCE, PROCESSES, PRECURSORS, PRODUCTS, PARAMETERS)
    }
    cells[TRANSLATIONS] = {}
    for sheet, place, text in ANCHORS:
        cells[sheet][place] = text
    cells[INSTALLATION] |= {
        "I9": date(2026, 1, 1), "L9": date(2026, 12, 31), "I20": "Invented Works", "I26": "China", "S26": "CN",
    }  # fmt: skip
    _fill_streams(cells[EMISSIONS])
    for number, row in enumerate(PROCESS_ROWS):
        cells[INSTALLATION] |= {f"E{row}": CATEGORY, f"L{row}": f"Line {number}"}
        _fill_process(cells[PROCESSES], ProcessBlock.numbered(number), number)
    for number, row in enumerate(PURCHASED_ROWS):
        cells[INSTALLATION] |= {f"E{row}": CATEGORY, f"F{row}": "IN", f"L{row}": f"Bought {number}"}
        _fill_precursor(cells[PRECURSORS], PrecursorBlock.numbered(number), number)
    for number, row in enumerate(PRODUCT_ROWS):
        line = number % len(PROCESS_ROWS)
        cells[PRODUCTS] |= {f"D{row}": f"Line {line}", f"F{row}": CN, f"H{row}": f"Product {number}"}
    _write(cells, path)


def _fill_streams(cells: dict[str, object]) -> None:
    for number, row in enumerate(STREAM_ROWS):
        amount = 1000.5 + number
        cells |= {f"D{row}": "Combustion", f"E{row}": f"Fuel {number}", f"F{row}": amount, f"G{row}": "t"}
        cells |= {f"H{row}": 28.2, f"J{row}": 94.6, f"K{row}": "tCO2/TJ", f"N{row}": 98.5, f"R{row}": 2}
    for row in PFC_ROWS:
        cells |= {f"D{row}": "Slope method", f"F{row}": 5000, f"AG{row}": 2.17, f"AH{row}": 1.23}
        cells |= {f"AI{row}": 0.146, f"AM{row}": 0.122, f"AT{row}": 0.98}
    for number, row in enumerate(MEASURED_ROWS):
        cells |= {
            f"D{row}": f"Stack {number}",
            f"E{row}": "CO2",
            f"V{row}": 180.5,
            f"X{row}": 8000,
            f"Z{row}": 5,
        }


def _fill_process(cells: dict[str, object], block: ProcessBlock, number: int) -> None:
    cells |= {
        f"L{block.route_rows.start}": 200_000.25,
        block.cell("K", 5): "t",
        f"L{block.total_row}": 200_000.25,
    }
    cells |= {block.cell("L", 43): 300_000.125, block.cell("L", 46): 10.5, block.cell("L", 47): 62.3}
    cells |= {
        block.cell("M", 50): 100,
        block.cell("L", 54): 9000.5,
        block.cell("L", 55): 0.6,
        block.cell("L", 56): "Mix",
    }
    others = [other for other in range(len(PROCESS_ROWS)) if other != number]
    for row, other in zip(block.internal_rows, others, strict=True):
        if other > number:
            cells[f"L{row}"] = 1000.5


def _fill_precursor(cells: dict[str, object], block: PrecursorBlock, number: int) -> None:
    cells[f"L{block.purchased_rows.start}"] = 5000
    for row in list(block.consumed_rows)[number % 8 : number % 8 + 3]:
        cells[f"L{row}"] = 1500.25
    cells |= {block.cell("L", 35): 1.95, block.cell("M", 35): "Measured", block.cell("L", 36): 0.4}
    cells |= {block.cell("L", 37): 0.7, block.cell("L", 38): 0.28}


def _write(cells: Cells, path: Path) -> None:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, filled in cells.items():
        sheet = workbook.create_sheet(name)
        for place, value in filled.items():
            sheet[place] = value
        rows, first, last = FILLERS.get(name, (0, 0, 0))
        for row in range(1, rows + 1):
            for column in range(first, last + 1):
                sheet.cell(row, column, f"invented words, row {row}, column {column}")
    workbook.save(path)
