"""The words an operator chooses from the template's lists, in whatever language the template has them.

The template offers its lists in the language that is set, and keeps texts that were chosen before the language
was changed. A word is therefore looked up by its place: in the list in use (Parameters_Constants) and in every
language column of the sheet Translations; without these sheets, in English. Comparison ignores case and
spaces.
"""

from collections.abc import Callable, Mapping
from functools import cached_property

from carbonport.footprint.intake.template_map import PARAMETERS, TRANSLATIONS
from carbonport.footprint.intake.workbook_cells import WorkbookCells

LANGUAGE_COLUMNS = "CDEFGHIJKLM"

Places = tuple[str, tuple[int, ...], tuple[str, ...]]
"""Cell of Parameters_Constants, rows of Translations, English words."""

METHODS: Mapping[str, Places] = {
    "combustion": ("B56", (181,), ("Combustion",)),
    "process": ("C56", (186, 646), ("Process emissions", "Process")),
    "mass-balance": ("D56", (190, 194), ("Mass balance",)),
}

PFC_METHODS: Mapping[str, Places] = {
    "pfc-slope": ("B57", (647,), ("Slope method",)),
    "pfc-overvoltage": ("C57", (203,), ("Overvoltage method",)),
}

BASES: Mapping[str, Places] = {
    "measured": ("B69", (658,), ("Measured",)),
    "default": ("C69", (659,), ("Default",)),
    "unknown": ("D69", (2095,), ("Unknown",)),
}

_CATEGORIES: tuple[tuple[int, tuple[str, ...]], ...] = (
    (664, ("Cement",)),
    (665, ("Cement clinker",)),
    (666, ("Calcined clays", "Calcined clay")),
    (667, ("Aluminous cement",)),
    (611, ("Iron or steel products",)),
    (668, ("Crude steel",)),
    (673, ("Direct reduced iron",)),
    (674, ("Pig iron",)),
    (677, ("Alloys (FeMn, FeCr, FeNi)",)),
    (678, ("Sintered Ore",)),
    (650, ("Hydrogen",)),
    (682, ("Ammonia",)),
    (685, ("Nitric acid",)),
    (686, ("Urea",)),
    (687, ("Mixed fertilisers",)),
    (688, ("Aluminium products",)),
    (689, ("Unwrought aluminium",)),
    (692, ("Electricity (export to EU)", "Electricity")),
)
"""In the order of Parameters_Constants A89:A106: the row of Translations, and the English names."""

CATEGORIES: Mapping[str, Places] = {
    names[0]: (f"A{89 + number}", (row,), names) for number, (row, names) in enumerate(_CATEGORIES)
}


class TemplateWords:
    """The words of one workbook. `lists` reads the template's own lists, a third of all its cells: it is called
    when a word is met that is not English.
    """

    def __init__(self, lists: Callable[[], WorkbookCells]) -> None:
        self._lists = lists

    def method(self, text: str) -> str:
        """The method of a source stream, or empty."""
        return self._meaning(METHODS, text)

    def pfc_method(self, text: str) -> str:
        """The method of perfluorocarbons, or empty."""
        return self._meaning(PFC_METHODS, text)

    def basis(self, text: str) -> str:
        """What a precursor's value rests on: measured, default, unknown, or empty."""
        return self._meaning(BASES, text)

    def category(self, text: str) -> str:
        """The English name of a goods category, or empty."""
        return self._meaning(CATEGORIES, text)

    def _meaning(self, places: Mapping[str, Places], text: str) -> str:
        folded = _folded(text)
        for meaning, (_, _, english) in places.items():
            if folded in map(_folded, english):
                return meaning
        if not folded:
            return ""
        for meaning, (cell, rows, _) in places.items():
            listed = [self._listed(PARAMETERS, cell)]
            listed += [
                self._listed(TRANSLATIONS, f"{column}{row}") for row in rows for column in LANGUAGE_COLUMNS
            ]
            if folded in filter(None, map(_folded, listed)):
                return meaning
        return ""

    @cached_property
    def _read(self) -> WorkbookCells:
        return self._lists()

    def _listed(self, sheet: str, cell: str) -> str:
        """A word of the lists; empty when the sheet or the word is not there."""
        found = self._read.sheets.get(sheet, {}).get(cell)
        return found.text if found is not None and found.kind == "text" else ""


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
