"""A small workbook in the communication template's layout, with figures of our own, for tests to break.

Every figure is invented. Only the cells that intake reads, and the printed row numbers, are there.
"""

import zipfile
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from openpyxl import Workbook

Edits = Mapping[tuple[str, str], object]

SHEETS = (
    "a_Contents",
    "A_InstData",
    "B_EmInst",
    "C_Emissions&Energy",
    "D_Processes",
    "E_PurchPrec",
    "Summary_Products",
)

FILLED: dict[tuple[str, str], object] = {
    ("a_Contents", "B2"): "Contents",
    ("A_InstData", "I9"): date(2025, 1, 1),
    ("A_InstData", "L9"): date(2025, 12, 31),
    ("A_InstData", "I20"): "Nordhafen Steel Foundry",
    ("A_InstData", "I21"): "Kaistrasse 7",
    ("A_InstData", "I23"): 20457,
    ("A_InstData", "I25"): "Nordhafen",
    ("A_InstData", "I26"): "China",
    ("A_InstData", "S26"): "CN",
    ("A_InstData", "I27"): "CN NHF",
    ("A_InstData", "I28"): "31.2304417",
    ("A_InstData", "I31"): "carbon@nordhafen.example",
    ("A_InstData", "E83"): "Iron or steel products",
    ("A_InstData", "L83"): "Foundry line",
    ("C_Emissions&Energy", "R40"): 2,
    ("D_Processes", "G11"): "Foundry line",
    ("D_Processes", "L11"): "Iron or steel products",
    ("D_Processes", "H16"): "All production routes",
    ("D_Processes", "K16"): "t",
    ("D_Processes", "L16"): 184_203.512,
    ("D_Processes", "L24"): 184_203.512,
    ("D_Processes", "L61"): 0,
    ("D_Processes", "M61"): 12.375125,
    ("D_Processes", "L65"): 91_377.406,
    ("D_Processes", "L66"): 0.5703,
    ("D_Processes", "L67"): "D.4.3.1",
    ("D_Processes", "L71"): 0,
    ("Summary_Products", "D10"): "Foundry line",
    ("Summary_Products", "F10"): "73071110",
    ("Summary_Products", "H10"): "Cast covers",
    ("Summary_Products", "D11"): "Foundry line",
    ("Summary_Products", "F11"): 73030010,
    ("Summary_Products", "H11"): "Cast pipes",
}
"""Cells that do not belong to a source stream."""

STREAMS: tuple[dict[str, object], ...] = (
    {
        "D": "Combustion",
        "E": "Natural gas",
        "F": 40_117.25,
        "G": "1000Nm3",
        "H": 36.2,
        "J": 55.9,
        "K": "tCO2/TJ",
    },
    {
        "D": "COMBUSTION",
        "E": "Refuse fuel",
        "F": 1_234.567,
        "G": "t",
        "J": 1.9,
        "K": "tCO2/t",
        "N": 98.5,
        "R": 40,
    },
    {
        "D": "Process Emissions",
        "E": "Limestone",
        "F": 6_020.75,
        "G": "t",
        "J": 0.43971,
        "K": "tCO2/t",
        "P": 97,
    },
    {"D": "Mass balance", "E": "Pig iron", "F": 150_211.4, "G": "t", "L": 0.0417},
    {"D": "mass Balance", "E": "Castings", "F": -184_203.512, "G": "t", "L": 0.0331},
)
"""Source streams by column, from row 17 on."""


def anchors() -> dict[tuple[str, str], object]:
    """The row numbers that the template prints."""
    printed: dict[tuple[str, str], object] = {}
    printed |= {("A_InstData", f"D{82 + number}"): f"P{number}" for number in range(1, 11)}
    printed |= {("A_InstData", f"D{101 + number}"): f"PP{number}" for number in range(1, 21)}
    printed |= {("B_EmInst", f"C{16 + number}"): number for number in range(1, 76)}
    printed |= {("B_EmInst", f"C{97 + number}"): number for number in range(1, 11)}
    printed |= {("B_EmInst", f"C{112 + number}"): number for number in range(1, 11)}
    printed |= {("D_Processes", f"C{11 + 65 * number}"): number + 1 for number in range(10)}
    printed |= {("E_PurchPrec", f"C{14 + 44 * number}"): number + 1 for number in range(20)}
    printed |= {("Summary_Products", f"C{9 + number}"): number for number in range(1, 101)}
    return printed


def fill(path: Path, edits: Edits | None = None, *, without: str = "") -> Path:
    """Writes the filled workbook to `path`, with `edits` on top (None blanks a cell) and a sheet left out."""
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    cells = FILLED | anchors()
    for row, stream in enumerate(STREAMS, start=17):
        cells |= {("B_EmInst", f"{column}{row}"): value for column, value in stream.items()}
    cells |= edits or {}
    for name in SHEETS:
        if name != without:
            sheet = workbook.create_sheet(name)
            for (sheet_name, place), value in cells.items():
                if sheet_name == name and value is not None:
                    sheet[place] = value
    workbook.save(path)
    return path


def part_of(sheet: str) -> str:
    """The part in which a workbook made by `fill` keeps a sheet."""
    return f"xl/worksheets/sheet{SHEETS.index(sheet) + 1}.xml"


def rewrite(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """Changes the bytes of one part of a workbook, in place."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path
