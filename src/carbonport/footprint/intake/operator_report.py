"""The results an operator reported itself, each with its place: what a verifier's recalculation is compared with.

Two forms are read. The Commission's communication template holds the results that its own formulas gave:
specific embedded emissions per product (Summary_Products I and J) and the direct emissions of the
installation (C_Emissions&Energy L27); it states no free allocation. A CSV with the columns `process`, `cn`,
`result`, `value` holds any of `RESULTS`; a line without process and CN is about the installation.

Nothing is calculated here, and no figure of the plant is read.
"""

import csv
import io
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from carbonport.errors import Malformed, Misuse
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.intake.template_cells import TemplateCells
from carbonport.footprint.intake.template_map import BALANCE, PRODUCT_ROWS, PRODUCTS
from carbonport.footprint.intake.workbook_cells import SheetRequest, read_workbook_cells

RESULTS = ("see_direct", "see_indirect", "see_total", "sefa")
"""Results of a good, in tCO2e per unit of production; `see_total` is what is in scope."""

INSTALLATION_RESULT = "direct_emissions"
"""The result of the installation, in tCO2e."""

COLUMNS = ("process", "cn", "result", "value")

MAX_REPORT_BYTES = 4 * 1024 * 1024
MAX_REPORT_LINES = 20_000
"""Lines of a CSV: ten thousand goods with two results each."""

SHEETS = (
    SheetRequest(BALANCE, "A1:X47", ("L27",)),
    SheetRequest(PRODUCTS, "A1:BO314", ("D10:K109",)),
)

TEMPLATE_COLUMNS = (("see_direct", "I"), ("see_indirect", "J"))
"""Column K adds both whatever the scope, so it is not compared."""


@dataclass(frozen=True, slots=True)
class ReportedFigure:
    """One result as the operator states it. `process` is its id or its name; process and `cn` are empty for
    the installation. `place` is the cell or line."""

    process: str
    cn: str
    result: str
    value: Decimal
    place: str


def read_operator_report(path: Path) -> tuple[ReportedFigure, ...]:
    """The figures of the report at `path`, in its order. Malformed names the cell or line."""
    match path.suffix.lower():
        case ".xlsx" | ".xlsm":
            figures = _from_template(path)
        case ".csv":
            figures = _from_table(path)
        case suffix:
            raise Misuse(
                "report-suffix",
                found=f"a file called *{suffix or path.name}"[:60],
                expected="the operator's communication template (.xlsx) or a table of its results (.csv)",
                remedy=f"A table has the columns {', '.join(COLUMNS)}.",
                where=path.name,
            )
    if not figures:
        raise _bad("no result at all", "at least one result of a good", path.name)
    return figures


def _from_template(path: Path) -> tuple[ReportedFigure, ...]:
    cells = TemplateCells(read_workbook_cells(path, SHEETS))
    figures: list[ReportedFigure] = []
    for row in PRODUCT_ROWS:
        process, cn = (cells.text(PRODUCTS, f"{column}{row}") for column in "DF")
        if not (process and cn):
            continue
        for result, column in TEMPLATE_COLUMNS:
            value = cells.number(PRODUCTS, f"{column}{row}")
            if value is not None:
                place = cells.source(PRODUCTS, f"{column}{row}").place
                figures.append(ReportedFigure(process, cn.replace(" ", ""), result, value, place))
    total = cells.number(BALANCE, "L27")
    if total is not None:
        place = cells.source(BALANCE, "L27").place
        figures.append(ReportedFigure("", "", INSTALLATION_RESULT, total, place))
    cells.finish()
    return tuple(figures)


def _from_table(path: Path) -> tuple[ReportedFigure, ...]:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_REPORT_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(type(error).__name__, "a readable UTF-8 table", path.name) from None
    if len(data) > MAX_REPORT_BYTES:
        raise _bad("a file above the size limit", f"at most {MAX_REPORT_BYTES} bytes", path.name)
    reader = csv.DictReader(io.StringIO(text), strict=True)
    figures: list[ReportedFigure] = []
    try:
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise _bad(f"no column {', '.join(missing)}", f"the columns {', '.join(COLUMNS)}", path.name)
        for line in reader:
            where = f"{path.name} line {reader.line_num}"
            if len(figures) >= MAX_REPORT_LINES:
                raise _bad("another line", f"at most {MAX_REPORT_LINES}", where)
            figures.append(_line({column: (line[column] or "").strip() for column in COLUMNS}, where))
    except csv.Error as error:
        raise _bad(str(error), "well-formed CSV", f"{path.name} line {reader.line_num}") from None
    return tuple(figures)


def _line(line: dict[str, str], where: str) -> ReportedFigure:
    process, cn, result = line["process"], line["cn"].replace(" ", ""), line["result"]
    known = RESULTS if process and cn else (INSTALLATION_RESULT,) if not (process or cn) else ()
    if result not in known:
        raise _bad(
            f"the result {result[:40]!r}",
            f"{', '.join(RESULTS)} with process and CN code; {INSTALLATION_RESULT} without both",
            where,
        )
    return ReportedFigure(process, cn, result, parse_decimal(line["value"], where=where), where)


def _bad(found: str, expected: str, where: str) -> Malformed:
    return Malformed(
        "report-unreadable",
        found=found,
        expected=expected,
        remedy="Correct the report, or give the operator's filled communication template.",
        where=where,
    )
