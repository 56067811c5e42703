"""Collects the records and facts of a ledger while a document is read, each with its source and quality."""

import re
import unicodedata
from decimal import Decimal

from carbonport.errors import Malformed
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake.template_cells import TemplateCells
from carbonport.footprint.ledger import DataQuality, Fact, Record

MAX_ID_CHARACTERS = 60
"""Of an id made from a name; a number may follow."""

QUALITIES = {
    "1": (DataQuality.MEASURED, DataQuality.MEASURED),
    "2": (DataQuality.MEASURED, DataQuality.STANDARD),
    "3": (DataQuality.MEASURED, DataQuality.STANDARD),
    "4": (DataQuality.MEASURED, DataQuality.STANDARD),
    "5": (DataQuality.DEFAULT, DataQuality.DEFAULT),
}
"""C_Emissions&Energy R40, the operator's own general word on data quality (1 mostly measurements and
analyses, 2-4 mostly measurements and standard factors, 5 mostly default values): quality of amounts, and of
factors.
"""

UNSTATED = (DataQuality.ESTIMATED, DataQuality.ESTIMATED)
"""The worst, so that silence never flatters."""


class RecordKeeper:
    """`records` and `facts` by path; a value that the catalogue refuses becomes a fault of its cell."""

    def __init__(self, cells: TemplateCells, catalogue: Catalogue, general_quality: str) -> None:
        self._cells = cells
        self._catalogue = catalogue
        self._amounts, self._factors = QUALITIES.get(general_quality, UNSTATED)
        self.records: dict[str, Record] = {}
        self.facts: dict[str, Fact] = {}

    def record(self, base: str, field: str, value: Decimal, unit: str, sheet: str, cell: str) -> str:
        """Keeps the figure at `base/field` and tells its path."""
        path = f"{base}/{field}"
        factor = self._catalogue.field(field).field_class == "factor"
        try:
            self.records[path] = self._catalogue.record(
                path,
                field,
                value,
                unit,
                self._cells.source(sheet, cell),
                self._factors if factor else self._amounts,
            )
        except Malformed as error:
            self._cells.fault(error)
        return path

    def fact(self, path: str, field: str, text: str, sheet: str, cell: str) -> None:
        """Keeps the text at `path`; an empty one is no fact."""
        if text:
            try:
                self.facts[path] = self._catalogue.fact(path, field, text, self._cells.source(sheet, cell))
            except Malformed as error:
                self._cells.fault(error)


def plain_id(name: str, fallback: str, taken: set[str]) -> str:
    """A plain id made from a name (`Scrap (external)` -> `scrap-external`), unlike those in `taken`, which it
    joins.
    """
    decomposed = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "-", decomposed).strip("-")[:MAX_ID_CHARACTERS].strip("-") or fallback
    chosen = plain
    while chosen in taken:
        chosen = f"{chosen}-{fallback}"
    taken.add(chosen)
    return chosen
