"""`carbonport calculate`: a workbook or ledger file becomes specific embedded emissions, each number
explained."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.explain_page import explanation_page
from carbonport.footprint.intake import read_with_notes
from carbonport.footprint.tables.rule_tables import RuleTables
from carbonport.node.cli.calculation_files import write_export, write_private
from carbonport.node.cli.calculation_report import calculation_json, print_calculation


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.command("calculate")(calculate_command)


def calculate_command(
    workbook: Annotated[
        Path,
        typer.Argument(help="The Commission's communication template (.xlsx) or a ledger file (.yaml)."),
    ],
    scope: Annotated[
        Scope | None,
        typer.Option(
            help="Rules of the transitional or the definitive period; default: by the reporting period."
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Every number with its equation and source.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write the explanation as one self-contained HTML page to this file."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", help="Write our values to this file: .csv (results), .json or .xlsx (everything)."
        ),
    ] = None,
    electricity_factors: Annotated[
        Path | None,
        typer.Option(
            help="Default emission factors of electricity (CSV: country,factor,unit) in place of ours."
        ),
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="Your own catalogue of fields (CSV) in place of ours.")
    ] = None,
) -> None:
    """Calculate specific embedded emissions of every good, and the installation's totals."""
    fields = Catalogue.load(catalogue)
    tables = RuleTables.load(electricity_factors)
    with Console(stderr=True).status("reading and calculating ...") if not as_json else nullcontext():
        reading = read_with_notes(workbook, fields)
        result = calculate(reading.ledger, scope, tables)
    if html is not None:
        write_private(html, "".join(explanation_page(result)))
    if export is not None:
        write_export(result, export)
    if as_json:
        data = calculation_json(result, workbook.name, reading.notes, reading.unused, explained=explain)
        typer.echo(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        notes = (*reading.notes, *(f"not used: {line}" for line in reading.unused))
        print_calculation(Console(highlight=False), result, notes, explained=explain)
