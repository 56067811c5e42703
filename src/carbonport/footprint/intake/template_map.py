"""Where things stand in the Commission's communication template, V2.1 (2024-12-13): sheets, areas, rows,
columns.

Source: the official template, read cell by cell. Places only; what they mean is in the modules that read
them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.footprint.intake.workbook_cells import SheetRequest

INSTALLATION = "A_InstData"
EMISSIONS = "B_EmInst"
BALANCE = "C_Emissions&Energy"
PROCESSES = "D_Processes"
PRECURSORS = "E_PurchPrec"
PRODUCTS = "Summary_Products"
TOOLS = "F_Tools"
PROCESS_SUMMARY = "Summary_Processes"
PARAMETERS = "Parameters_Constants"
TRANSLATIONS = "Translations"


def _moved(area: str, rows: int) -> str:
    """The area so many rows further down."""
    return re.sub(r"[0-9]+", lambda found: str(int(found[0]) + rows), area)


def _blocks(areas: str, first: int, step: int, count: int) -> tuple[str, ...]:
    """The areas of one block, written for a block that starts in row 0, for all blocks of a sheet."""
    return tuple(_moved(area, first + step * number) for number in range(count) for area in areas.split())


INPUTS: Mapping[str, tuple[str, ...]] = {
    INSTALLATION: (
        *("I9:J9", "L9:M9", "I19:N32", "I37:N41", "I45:N48", "I51:N53"),
        *("E62:F71", "I62:N71", "E83:M92", "E102:M121"),
    ),
    EMISSIONS: (
        *("D17:H91", "J17:L91", "N17:N91", "P17:P91", "R17:R91", "T17:T91"),
        *("D98:F107", "AG98:AM107", "AT98:AT107"),
        *("D113:E122", "R113:R122", "V113:V122", "X113:X122", "Z113:Z122", "AX113:AY122"),
    ),
    BALANCE: ("H16:K16", "H26:K26", "M26", "H40:N42"),
    PROCESSES: _blocks("L5:L12 L16 L21:L30 K39:L39 L43 L46:M47 L50:M51 L54:L56 L60:L61", 11, 65, 10),
    PRECURSORS: _blocks("L3:L10 L14:L24 L35:M37 K40:M40", 14, 44, 20),
    TOOLS: (
        "J21:L21",
        "J26:K26",
        "J41:K41",
        "J61:L61",
        "J64:K64",
        "J72:K72",
        "J97",
        "H101:H130",
        "J101:K130",
    ),
    PROCESS_SUMMARY: ("M13:S13", "M16:S16"),
    PRODUCTS: (
        *("D10:D109", "F10:F109", "H10:H109", "P10:AM109"),
        *("AP10:AP109", "AR10:AR109", "AT10:AU109", "AX10:AX109"),
    ),
}
"""Where the template lets an operator write: its unlocked cells."""

SHEETS = (
    SheetRequest(INSTALLATION, "A1:AI125", (*INPUTS[INSTALLATION], "S26", "D83:D92", "D102:D121")),
    SheetRequest(EMISSIONS, "A1:BW124", (*INPUTS[EMISSIONS], "C17:C91", "G17:G91", "C98:C107", "C113:C122")),
    SheetRequest(BALANCE, "A1:X47", (*INPUTS[BALANCE], "R40")),
    SheetRequest(PROCESSES, "A1:X664", ("C11:M660",)),
    SheetRequest(PRECURSORS, "A1:Z897", ("C14:M893",)),
    SheetRequest(
        TOOLS,
        "A1:AZ140",
        (*INPUTS[TOOLS], "J26:M26", "K28:M28", "J64:M64", "K66:M66"),
        optional=True,
    ),
    SheetRequest(PROCESS_SUMMARY, "A1:AO522", INPUTS[PROCESS_SUMMARY], optional=True),
    SheetRequest(PRODUCTS, "A1:BO314", (*INPUTS[PRODUCTS], "C10:C109")),
)
"""The sheets that are read, where the template has cells in them, and the areas that are wanted."""

WORD_SHEETS = (
    SheetRequest(PARAMETERS, "A1:CN3000", ("B56:D57", "B69:D69", "A89:A106"), optional=True),
    SheetRequest(
        TRANSLATIONS,
        "A1:Z4000",
        (
            "C181:M181",
            "C186:M186",
            "C190:M190",
            "C194:M194",
            "C203:M203",
            "C611:M611",
            "C646:M647",
            "C650:M650",
            "C658:M659",
            "C664:M668",
            "C673:M674",
            "C677:M678",
            "C682:M682",
            "C685:M689",
            "C692:M692",
            "C2095:M2095",
        ),
        optional=True,
    ),
)
"""The template's lists and their translations: read only for a word that is not English."""

ANCHORS = (
    (INSTALLATION, "D83", "P1"),
    (INSTALLATION, "D92", "P10"),
    (INSTALLATION, "D102", "PP1"),
    (EMISSIONS, "C17", "1"),
    (EMISSIONS, "C91", "75"),
    (EMISSIONS, "C98", "1"),
    (EMISSIONS, "C113", "1"),
    (PROCESSES, "C11", "1"),
    (PROCESSES, "C76", "2"),
    (PROCESSES, "C596", "10"),
    (PRECURSORS, "C14", "1"),
    (PRECURSORS, "C850", "20"),
    (PRODUCTS, "C10", "1"),
    (PRODUCTS, "C109", "100"),
)
"""Row numbers that the template prints, in no language: if one is elsewhere, the layout is another one."""

STREAM_ROWS = range(17, 92)
PFC_ROWS = range(98, 108)
PFC_INPUTS = ("D", "E", "F", "AG", "AH", "AI", "AJ", "AK", "AL", "AM", "AT")
MEASURED_ROWS = range(113, 123)
MEASURED_INPUTS = ("D", "E", "R", "V", "X", "Z")
"""Continuous measurement (CEMS)."""

PROCESS_ROWS = range(83, 93)
"""A_InstData: category in E, name in L."""

PURCHASED_ROWS = range(102, 122)
"""A_InstData: purchased precursors, category in E, country in F, name in L."""

PRODUCT_ROWS = range(10, 110)
"""Summary_Products: process in D, CN code in F, product name in H."""


@dataclass(frozen=True, slots=True)
class ProcessBlock:
    """The block of one production process in D_Processes, by the row it starts in."""

    start: int

    @classmethod
    def numbered(cls, number: int) -> "ProcessBlock":
        """Block `number`, from 0."""
        return cls(11 + 65 * number)

    @property
    def route_rows(self) -> range:
        """Amounts per production route: name in H, unit in K, amount in L."""
        return range(self.start + 5, self.start + 13)

    @property
    def total_row(self) -> int:
        """Total production, the denominator: L."""
        return self.start + 13

    @property
    def internal_rows(self) -> range:
        """Amounts consumed in other processes of the installation: L."""
        return range(self.start + 21, self.start + 30)

    def cell(self, column: str, offset: int) -> str:
        """The cell in `column`, `offset` rows below the block's first."""
        return f"{column}{self.start + offset}"

    def inputs(self) -> list[str]:
        """Every cell of the block into which an operator writes a figure."""
        return [
            *(f"L{row}" for row in self.route_rows),
            *(f"L{row}" for row in self.internal_rows),
            *(self.cell(column, offset) for offset in (46, 47, 50, 51) for column in "LM"),
            *(self.cell("L", offset) for offset in (30, 54, 55, 60, 61)),
        ]


@dataclass(frozen=True, slots=True)
class ToolBlock:
    """One cogeneration tool in F_Tools: the rows of energies, emissions, efficiencies and references."""

    energy: int
    emissions: int
    efficiency: int
    reference: int


TOOL_BLOCKS = (ToolBlock(21, 26, 28, 41), ToolBlock(61, 64, 66, 72))

CARBON_PRICE_ROWS = range(101, 121)
"""F_Tools: the tool for the carbon price due, inputs in H, J and K."""


@dataclass(frozen=True, slots=True)
class PrecursorBlock:
    """The block of one purchased precursor in E_PurchPrec."""

    start: int

    @classmethod
    def numbered(cls, number: int) -> "PrecursorBlock":
        """Block `number`, from 0."""
        return cls(14 + 44 * number)

    @property
    def purchased_rows(self) -> range:
        """Amounts purchased per production route: L."""
        return range(self.start + 3, self.start + 11)

    @property
    def consumed_rows(self) -> range:
        """Amounts consumed in production processes 1 to 10: L."""
        return range(self.start + 14, self.start + 24)

    def cell(self, column: str, offset: int) -> str:
        """The cell in `column`, `offset` rows below the block's first."""
        return f"{column}{self.start + offset}"

    def inputs(self) -> list[str]:
        """Every cell of the block into which an operator writes a figure."""
        rows = (*range(self.start + 3, self.start + 11), *range(self.start + 14, self.start + 25))
        return [f"L{row}" for row in (*rows, *range(self.start + 35, self.start + 38))]
