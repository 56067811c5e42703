"""Intake: what an operator has (the Commission's workbook, or our own YAML) becomes a ledger.

The readers are imported when they are needed: the process that reads a workbook's cells imports this package
too, and has to start fast.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carbonport.errors import Misuse

if TYPE_CHECKING:
    from carbonport.footprint.catalogue import Catalogue
    from carbonport.footprint.ledger import Ledger

YAML_SUFFIXES = (".yaml", ".yml")
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
"""The same format; macros are never looked at."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A ledger, and what its reader had to decide. Notes may hold protected values: for the operator only.

    `unused` names, cell by cell, what the document holds and the calculation has no use for.
    """

    ledger: "Ledger"
    notes: tuple[str, ...]
    unused: tuple[str, ...] = ()


def read_ledger(path: Path, catalogue: "Catalogue") -> "Ledger":
    """The ledger in the file `path`, read by its suffix. Malformed or Refused names the place in the file."""
    return read_with_notes(path, catalogue).ledger


def read_with_notes(path: Path, catalogue: "Catalogue") -> Reading:
    """The ledger in the file `path` with the reader's notes; errors as `read_ledger`."""
    suffix = path.suffix.lower()
    if suffix in YAML_SUFFIXES:
        from carbonport.footprint.intake.yaml_ledger import read_yaml_ledger

        return Reading(read_yaml_ledger(path, catalogue), ())
    if suffix in WORKBOOK_SUFFIXES:
        from carbonport.footprint.intake.communication_template import read_communication_template

        return read_communication_template(path, catalogue)
    raise Misuse(
        "intake-suffix",
        found=f"a file called *{suffix or path.name}"[:60],
        expected="a workbook (.xlsx) or a ledger file (.yaml)",
        remedy="Give the Commission's communication template or a ledger in Carbonport's own form.",
        where=path.name,
    )
