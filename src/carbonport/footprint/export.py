"""Our values back out: as CSV, as JSON and as a workbook that a spreadsheet program opens.

Four tables: results per good, totals of the installation, every record of the ledger with its source, and
the calculation step by step. CSV is one of them, JSON and the workbook have them all. Numbers in CSV and JSON
are exact decimal strings (quotients that do not end: 34 digits); in the workbook they are the nearest double,
which is what its format can hold, beside the exact text. Texts that a spreadsheet would take for a formula
are written as texts.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from carbonport.crypto.canonical import Json
from carbonport.footprint.calculation import Calculation
from carbonport.footprint.evaluate import evaluate, source_values
from carbonport.footprint.exact_decimal import decimal_text
from carbonport.footprint.explain import formula
from carbonport.footprint.graph import Constant, Graph, Input

Row = tuple[str | Fraction | Decimal, ...]

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet program calculate a CSV text."""

COLUMNS: dict[str, Sequence[str]] = {
    "goods": ("process", "cn", "product", "result", "value", "declared", "unit", "functional_unit"),
    "installation": ("result", "value", "declared", "unit"),
    "records": (
        "path",
        "value",
        "unit",
        "declared",
        "source_value",
        "source_unit",
        "document",
        "place",
        "quality",
    ),
    "steps": ("graph", "step", "label", "value", "unit", "arithmetic", "equation", "source"),
}
"""Every table and its columns."""

MAX_CELL_CHARACTERS = 32_000
"""A spreadsheet cell holds 32,767."""


def export_rows(calculation: Calculation, table: str) -> Iterator[Row]:
    """The rows of one of `COLUMNS`."""
    if table == "goods":
        yield from _goods(calculation)
    elif table == "installation":
        installation = calculation.installation
        for name, value in installation.source.items():
            unit = installation.graph[installation.graph.outputs[name]].unit
            yield name, value, installation.declared[name], unit
    elif table == "records":
        for record in calculation.ledger.records.values():
            yield (
                record.path,
                record.value,
                record.unit,
                record.declared,
                record.source_value,
                record.source_unit,
                record.source.document,
                record.source.location,
                record.quality.value,
            )
    else:
        for good in calculation.goods:
            yield from _steps(f"{good.process} {good.cn}", good.graph, calculation)
        yield from _steps("installation", calculation.installation.graph, calculation)


def export_csv(calculation: Calculation, table: str = "goods") -> str:
    """One table as CSV with a header line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS[table])
    for row in export_rows(calculation, table):
        writer.writerow([_csv_text(value) for value in row])
    return out.getvalue()


def export_json(calculation: Calculation) -> Json:
    """All tables as lists of objects, with scope, period and versions of the tables used."""
    ledger = calculation.ledger
    data: dict[str, Json] = {
        "installation_name": ledger.installation,
        "country": ledger.country,
        "period": {"start": ledger.period.start.isoformat(), "end": ledger.period.end.isoformat()},
        "scope": calculation.scope.value,
        "tables": dict(calculation.table_versions),
    }
    for table, columns in COLUMNS.items():
        data[table] = [
            dict(zip(columns, map(_text, row), strict=True)) for row in export_rows(calculation, table)
        ]
    return data


def export_workbook(calculation: Calculation, path: Path) -> None:
    """All tables as sheets of an .xlsx file at `path`. The file's date is the period's last day."""
    book = Workbook(write_only=True)
    end = calculation.ledger.period.end
    book.properties.created = book.properties.modified = datetime(end.year, end.month, end.day)
    book.properties.creator = "Carbonport"
    for table, columns in COLUMNS.items():
        sheet = book.create_sheet(table.capitalize())
        sheet.freeze_panes = "A2"
        for number, column in enumerate(columns):
            letter = chr(ord("A") + number)
            sheet.column_dimensions[letter].width = 46 if column in ("path", "label", "arithmetic") else 20
        sheet.append([_bold(sheet, column) for column in columns])
        for row in export_rows(calculation, table):
            sheet.append([_cell(sheet, value) for value in row])
    book.save(path)


def _goods(calculation: Calculation) -> Iterator[Row]:
    for good in calculation.goods:
        label = calculation.ledger.process(good.process).label
        for name, value in good.source.items():
            unit = good.graph[good.graph.outputs[name]].unit
            yield (
                label,
                good.cn,
                good.rules.good.label,
                name,
                value,
                good.declared[name],
                unit,
                good.rules.entry.functional_unit,
            )


def _steps(name: str, graph: Graph, calculation: Calculation) -> Iterator[Row]:
    numbers = evaluate(graph, source_values(calculation.ledger))
    for node in graph:
        source = ""
        if isinstance(node, Input):
            source = calculation.ledger.records[node.path].source.place
        elif isinstance(node, Constant):
            source = node.source
        yield (
            name,
            node.id,
            node.label,
            numbers[node.id],
            node.unit,
            formula(node, numbers),
            node.equation,
            source,
        )


def _text(value: str | Fraction | Decimal) -> str:
    return value if isinstance(value, str) else decimal_text(value)


def _csv_text(value: str | Fraction | Decimal) -> str:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_STARTS) else value
    return decimal_text(value)


def _bold(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, text)
    cell.font = Font(bold=True)
    return cell


def _cell(sheet: Any, value: str | Fraction | Decimal) -> Any:
    if isinstance(value, str):
        cell = WriteOnlyCell(sheet, value[:MAX_CELL_CHARACTERS])
        cell.data_type = "s"  # a text that begins with = stays a text
        return cell
    number = WriteOnlyCell(sheet)
    number.value = Decimal(decimal_text(value))
    return number
