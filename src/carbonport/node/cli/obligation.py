"""`carbonport obligation`: what the importer owes for a good, or for a file of imports."""

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from carbonport.errors import Misuse
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.obligation.assess import assess
from carbonport.footprint.obligation.calendar_year import THRESHOLD_T
from carbonport.footprint.obligation.carbon_price import CarbonPricePayment
from carbonport.footprint.obligation.default_values import NEWEST_STATE, STATES
from carbonport.footprint.obligation.import_line import ImportLine, PrecursorShare, plain_code
from carbonport.footprint.obligation.import_table import ForAllLines, period_of
from carbonport.footprint.obligation.line_rules import RuleFinder
from carbonport.footprint.obligation.obligation_tables import ObligationTables, TableChoice
from carbonport.node.cli.obligation_batch import BatchRequest, BatchSummary, run_batch
from carbonport.node.cli.obligation_report import (
    obligation_json,
    print_obligation,
    print_summary,
    summary_json,
)

LINE_ERRORS_EXIT_CODE = 1
"""Exit code when lines of a file could not be answered; the result holds the others."""


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.command("obligation")(obligation_command)


def obligation_command(
    cn: Annotated[str, typer.Option(help="CN-8 code; TARIC-10 where default values differ by it.")] = "",
    origin: Annotated[str, typer.Option(help="Country of origin, ISO 3166 alpha-2.")] = "",
    tonnes: Annotated[str, typer.Option("--tonnes", "--mwh", help="Net mass in t (electricity: MWh).")] = "",
    year: Annotated[int, typer.Option(help="Year of import.")] = 0,
    price: Annotated[str, typer.Option(help="EUR per certificate; default: the table's of --quarter.")] = "",
    quarter: Annotated[str, typer.Option(help="Quarter of import (Q1, 2026-Q1) or week (2027-W05).")] = "",
    route: Annotated[str, typer.Option(help="Letter of the production route, such as C.")] = "",
    column: Annotated[str, typer.Option(help="Benchmark column for actual values: A (default) or B.")] = "",
    see_direct: Annotated[str, typer.Option(help="Actual direct emissions, tCO2e per tonne.")] = "",
    see_indirect: Annotated[str, typer.Option(help="Actual indirect emissions, tCO2e per tonne.")] = "",
    sefa: Annotated[
        str, typer.Option(help="Specific embedded free allocation as the operator states it.")
    ] = "",
    precursor: Annotated[
        list[str] | None,
        typer.Option(help="Precursor for the free allocation: CN:t per t[:column A|B[:route]]. Repeatable."),
    ] = None,
    clinker_share: Annotated[str, typer.Option(help="t clinker per t of cement.")] = "",
    nitrogen: Annotated[str, typer.Option(help="kg N per t, when emissions are given per kg N.")] = "",
    production_year: Annotated[int, typer.Option(help="Year of production, when another one.")] = 0,
    year_tonnes: Annotated[
        str, typer.Option(help="The importer's net mass of the whole year, for the 50 t rule.")
    ] = "",
    carbon_price_paid: Annotated[str, typer.Option(help="EUR effectively paid for these goods, net.")] = "",
    carbon_price_document: Annotated[str, typer.Option(help="Proof of that payment.")] = "",
    carbon_price_certifier: Annotated[str, typer.Option(help="Independent person who certified it.")] = "",
    batch: Annotated[Path | None, typer.Option(help="A CSV of imports in place of one line.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the result goes: .csv or .json.")] = None,
    whole_year: Annotated[
        bool, typer.Option("--whole-year", help="The file is one importer's whole year: apply the 50 t rule.")
    ] = False,
    tables: Annotated[
        str, typer.Option(help=f"State of the default values: {', '.join(STATES)}.")
    ] = NEWEST_STATE,
    default_values: Annotated[Path | None, typer.Option(help="Your own table of default values.")] = None,
    benchmarks: Annotated[Path | None, typer.Option(help="Your own table of benchmarks.")] = None,
    year_rules: Annotated[
        Path | None, typer.Option(help="Your own table of free shares, correction factors and mark-ups.")
    ] = None,
    prices: Annotated[Path | None, typer.Option(help="Your own table of certificate prices.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Every number with its source.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell what the importer owes: emissions, free allocation, certificates and euros."""
    choice = TableChoice(
        state=tables, default_values=default_values, benchmarks=benchmarks, years=year_rules, prices=prices
    )
    if batch is not None:
        for_all = ForAllLines(str(year) if year else "", price, quarter, origin, route)
        _batch(batch, out, choice, for_all, whole_year=whole_year, as_json=as_json)
        return
    missing = [
        name
        for name, given in (("--cn", cn), ("--origin", origin), ("--tonnes", tonnes), ("--year", year))
        if not given
    ]
    if missing:
        raise Misuse(
            "obligation-options",
            found=f"no {', '.join(missing)}",
            expected="a good, its origin, its mass and the year of import; or --batch and --out",
            remedy="Add the options; --help lists them.",
        )
    loaded = ObligationTables.load(choice)
    finder = RuleFinder(loaded)
    paid: tuple[CarbonPricePayment, ...] = ()
    if carbon_price_paid:
        amount = parse_decimal(carbon_price_paid, where="--carbon-price-paid")
        paid = (CarbonPricePayment(amount, carbon_price_document, carbon_price_certifier),)
    line = ImportLine(
        cn=plain_code(cn),
        origin=origin,
        tonnes=parse_decimal(tonnes, where="--tonnes"),
        year=year,
        price=parse_decimal(price, where="--price")
        if price
        else loaded.prices.of(period_of(quarter, str(year))),
        route=route,
        column=column,
        precursors=tuple(_precursor(text) for text in precursor or ()),
        production_year=production_year,
        paid=paid,
        below_threshold=bool(year_tonnes)
        and parse_decimal(year_tonnes, where="--year-tonnes") <= THRESHOLD_T,
        see_direct=_optional(see_direct, "--see-direct"),
        see_indirect=_optional(see_indirect, "--see-indirect"),
        sefa=_optional(sefa, "--sefa"),
        clinker_share=_optional(clinker_share, "--clinker-share"),
        nitrogen_kg_per_t=_optional(nitrogen, "--nitrogen"),
    )
    obligation = assess(line, finder)
    if as_json:
        data = obligation_json(obligation, loaded.versions, explained=explain)
        typer.echo(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        print_obligation(Console(highlight=False), obligation, loaded.versions, explained=explain)


def _optional(text: str, option: str) -> Decimal | None:
    return parse_decimal(text, where=option) if text else None


def _precursor(text: str) -> PrecursorShare:
    parts = text.split(":")
    if not 2 <= len(parts) <= 4:
        raise Misuse(
            "obligation-options",
            found=f"--precursor {text[:60]}",
            expected="CN:ratio, CN:ratio:column or CN:ratio:column:route, such as 72061000:1.05:A:C",
            remedy="Write the precursor in one of these forms.",
        )
    ratio = parse_decimal(parts[1], where="--precursor")
    column, route = [*parts[2:], "", ""][:2]
    return PrecursorShare(plain_code(parts[0]), ratio, column or "A", route)


def _batch(
    imports: Path,
    out: Path | None,
    choice: TableChoice,
    for_all: ForAllLines,
    *,
    whole_year: bool,
    as_json: bool,
) -> None:
    if out is None or out.suffix.lower() not in (".csv", ".json"):
        raise Misuse(
            "obligation-options",
            found="--batch without a place for the result",
            expected="--out with a name that ends in .csv or .json",
            remedy="Say where the result goes.",
        )
    summary = _run_with_progress(BatchRequest(imports, out, choice, for_all, whole_year))
    if as_json:
        typer.echo(json.dumps(summary_json(summary, str(out)), ensure_ascii=False, indent=2))
    else:
        print_summary(Console(highlight=False), summary, str(out))
    if summary.errors:
        raise typer.Exit(LINE_ERRORS_EXIT_CODE)


def _run_with_progress(request: BatchRequest) -> BatchSummary:
    """Progress goes to standard error, and only to a terminal."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        return run_batch(request, lambda _lines, _read: None)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("imports", total=None)

        def show(lines: int, read: int) -> None:
            size = request.imports.stat().st_size
            progress.update(task, total=size, completed=read, description=f"{lines} lines")

        return run_batch(request, show)
