"""`carbonport footprint`: product carbon footprints in PACT's form from the same workbook or ledger file."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError, Misuse
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.evaluate import source_values
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.explain import explain, explanation_lines
from carbonport.footprint.intake import read_with_notes
from carbonport.footprint.ledger import Good, Ledger
from carbonport.footprint.product_footprint import (
    FootprintWord,
    ProductFootprint,
    footprint_tables,
    product_footprint,
)

SHOWN = (
    ("pcfExcludingBiogenicUptake", "kgCO2e, without uptake"),
    ("pcfIncludingBiogenicUptake", "kgCO2e, with uptake"),
    ("primaryDataShare", "% primary data"),
    ("exemptedEmissionsPercent", "% exempted"),
)
"""Fields of the text report."""


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.command("footprint")(footprint_command)


def footprint_command(
    workbook: Annotated[
        Path,
        typer.Argument(help="The Commission's communication template (.xlsx) or a ledger file (.yaml)."),
    ],
    cn: Annotated[str | None, typer.Option(help="Only the goods of this CN code; default: all.")] = None,
    exempted_percent: Annotated[
        str, typer.Option(help="Your word: percent of cradle-to-gate emissions that you left out, at most 5.")
    ] = "0",
    fossil_carbon_content: Annotated[
        str | None,
        typer.Option(help="Your word: kilograms of fossil carbon in a declared unit of the product; else 0."),
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="Your own catalogue of fields (CSV) in place of ours.")
    ] = None,
    explained: Annotated[
        bool, typer.Option("--explain", help="Every number with its equation and source.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Product carbon footprints of the goods: a PACT 3 CarbonFootprint for each, decimals as text. Not CBAM values."""
    word = FootprintWord(
        parse_decimal(exempted_percent, where="--exempted-percent"),
        parse_decimal(fossil_carbon_content or "0", where="--fossil-carbon-content"),
    )
    with Console(stderr=True).status("reading and calculating ...") if not as_json else nullcontext():
        reading = read_with_notes(workbook, Catalogue.load(catalogue))
        ledger = reading.ledger
        found = [(good, _footprint(ledger, good, word)) for good in _wanted(ledger, cn)]
    notices = [] if fossil_carbon_content is not None else [NO_CARBON]
    if as_json:
        data: Json = {
            "ok": all(isinstance(item, ProductFootprint) for _, item in found),
            "document": workbook.name,
            "installation": ledger.installation,
            "footprints": [_good_json(ledger, good, item, explained=explained) for good, item in found],
            "notices": [*notices, *reading.notes],
            "tables": dict(footprint_tables().versions),
        }
        typer.echo(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        _print(Console(highlight=False), ledger, found, [*notices, *reading.notes], explained=explained)
    failed = next((item for _, item in found if isinstance(item, CarbonportError)), None)
    if failed is not None:
        raise typer.Exit(failed.exit_code)


NO_CARBON = "fossilCarbonContent is 0, since none was stated: --fossil-carbon-content"

Found = ProductFootprint | CarbonportError
"""A footprint, or why there is none: one good's gap does not hide the others."""


def _wanted(ledger: Ledger, cn: str | None) -> list[Good]:
    goods = [good for good in ledger.goods if cn is None or good.cn == cn.replace(" ", "")]
    if not goods:
        raise Misuse(
            "footprint-unknown-good",
            found=f"the CN code {str(cn)[:20]!r}",
            expected="a good of the document: " + ", ".join(sorted({good.cn for good in ledger.goods}))[:200],
            remedy="Choose one of these.",
        )
    return goods


def _footprint(ledger: Ledger, good: Good, word: FootprintWord) -> Found:
    try:
        return product_footprint(ledger, good, word)
    except CarbonportError as error:
        if error.id == "footprint-word":
            raise
        return error


def _good_json(ledger: Ledger, good: Good, found: Found, *, explained: bool) -> Json:
    data: dict[str, Json] = {
        "process": ledger.process(good.process).label,
        "cn": good.cn,
        "product": good.label,
        "pcf": None,
        "problem": None,
    }
    if isinstance(found, CarbonportError):
        data["problem"] = found.as_dict()
        return data
    data["pcf"] = found.carbon_footprint
    data["graph_digest"] = found.graph.digest.hex()
    if explained:
        data["explanation"] = explain(found.graph, ledger, source_values(ledger))
    return data


def _print(
    console: Console, ledger: Ledger, found: list[tuple[Good, Found]], notices: list[str], *, explained: bool
) -> None:
    console.print(
        Text.assemble(
            (ledger.installation, "bold"), f", {ledger.period.start} to {ledger.period.end}, PACT 3"
        )
    )
    for good, item in found:
        console.print(
            Text(f"\n{ledger.process(good.process).label}, CN {good.cn} {good.label}", style="bold cyan")
        )
        if isinstance(item, CarbonportError):
            console.print(Text(f"  no footprint: {item.found}\n  {item.remedy}", style="yellow"))
            continue
        pcf = cast(dict[str, Json], item.carbon_footprint)
        table = Table(box=None, show_header=False, padding=(0, 2))
        table.add_column(justify="right", style="bold")
        for field, label in SHOWN:
            table.add_row(str(pcf[field]), label)
        ratings = cast(dict[str, Json], pcf["dqi"])
        table.add_row(
            " / ".join(str(rating) for rating in ratings.values()),
            "DQR technological / geographical / temporal",
        )
        console.print(table)
        console.print(
            Text(f"  per {pcf['declaredUnitAmount']} {pcf['declaredUnitOfMeasurement']}", style="dim")
        )
        if explained:
            for name in ("see_direct", "see_indirect"):
                console.print()
                for line in explanation_lines(item.graph, ledger, source_values(ledger), name):
                    console.print(Text(line), soft_wrap=True)
    console.print()
    for line in ["not a CBAM value: the scopes differ (`carbonport calculate --explain` says how)", *notices]:
        console.print(Text(f"  · {line}", style="dim"))
