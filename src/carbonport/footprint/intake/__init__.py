"""Intake: what an operator has (the Commission's workbook, or our own YAML) becomes a ledger."""

from importlib import import_module
from pathlib import Path
from typing import cast

from carbonport.errors import Misuse
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake.yaml_ledger import read_yaml_ledger
from carbonport.footprint.ledger import Ledger

YAML_SUFFIXES = (".yaml", ".yml")
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")


def read_ledger(path: Path, catalogue: Catalogue) -> Ledger:
    """The ledger in the file `path`, read by its suffix."""
    suffix = path.suffix.lower()
    if suffix in YAML_SUFFIXES:
        return read_yaml_ledger(path, catalogue)
    if suffix in WORKBOOK_SUFFIXES:
        template = import_module("carbonport.footprint.intake.communication_template")
        return cast(Ledger, template.read_communication_template(path, catalogue))
    raise Misuse(
        "intake-suffix",
        found=f"a file called *{suffix or path.name}"[:60],
        expected="a workbook (.xlsx) or a ledger file (.yaml)",
        remedy="Give the Commission's communication template or a ledger in Carbonport's own form.",
        where=str(path),
    )
