"""Files that `carbonport calculate` writes on request: they show plant figures and are private (mode 0600)."""

import json
import os
from pathlib import Path

from carbonport.errors import Misuse
from carbonport.footprint.calculation import Calculation

PRIVATE = 0o600


def write_private(path: Path, text: str) -> None:
    """`text` as the file `path`, readable by its owner alone."""
    _private(path)
    path.write_text(text, encoding="utf-8")


def write_export(calculation: Calculation, path: Path) -> None:
    """The calculation's values as the file `path`, in the form its suffix names."""
    # Half a second, for openpyxl: only those who export wait for it.
    from carbonport.footprint.export import export_csv, export_json, export_workbook

    match path.suffix.lower():
        case ".csv":
            write_private(path, export_csv(calculation))
        case ".json":
            write_private(path, json.dumps(export_json(calculation), ensure_ascii=False, indent=1))
        case ".xlsx":
            _private(path)
            export_workbook(calculation, path)
        case suffix:
            raise Misuse(
                "calculate-export-suffix",
                found=f"a file called *{suffix or path.name}"[:60],
                expected=".csv, .json or .xlsx",
                remedy="Choose one of these endings.",
                where=path.name,
            )


def _private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE))
        path.chmod(PRIVATE)
    except OSError as error:
        raise Misuse(
            "calculate-file",
            found=type(error).__name__,
            expected="a file that can be written",
            remedy="Check the folder and its permissions.",
            where=path.name,
        ) from None
