"""`carbonport bench`: measure a part of the program on this machine, beside its yardstick."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from carbonport.node.bench.figures import machine_facts, plain
from carbonport.node.bench.footprint import bench_footprint
from carbonport.node.bench.registry import BENCHES, find_bench
from carbonport.node.cli.home_options import JsonOption, print_json

DEFAULT_SECONDS = 20.0
"""Measured time of a bench when nobody says otherwise; setting up comes on top."""


def register(app: typer.Typer) -> None:
    """Attach the command of this module to the program."""
    app.command()(bench)


def bench(
    name: Annotated[str, typer.Argument(help=f"What to measure: {', '.join(sorted(BENCHES))}.")],
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="Measured time.")] = DEFAULT_SECONDS,
    workbook: Annotated[
        Path | None, typer.Option(help="For `footprint`: a filled template in place of an invented one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a part of the program on this machine. Every figure stands beside a yardstick of the same run."""
    measure = find_bench(name)
    figures = bench_footprint(seconds, workbook) if measure is bench_footprint else measure(seconds)
    machine = dict(machine_facts())
    if as_json:
        print_json({"bench": name, "figures": [figure.as_json() for figure in figures], "machine": machine})
        return
    names, yardsticks = (Column(heading, overflow="fold") for heading in ("figure", "of its yardstick"))
    table = Table(names, "median", "spread", "unit", yardsticks, title=f"bench {name}")
    for figure in figures:
        against = "" if figure.ratio is None else f"{plain(figure.ratio)} x {figure.yardstick}"
        table.add_row(figure.name, plain(figure.median), plain(figure.spread), figure.unit, against)
    console = Console(highlight=False)
    console.print(table)
    console.print(", ".join(f"{key} {value}" for key, value in machine.items()), markup=False)
