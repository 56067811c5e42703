"""The program: collects the command groups, and turns errors into words and exit codes."""

import json
import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from carbonport import __version__
from carbonport.errors import CarbonportError
from carbonport.node.cli import (
    bench,
    demo,
    exporter,
    footprint,
    identity,
    importer,
    obligation,
    operator,
    regulator,
    serving,
    trust,
    verifier,
)

UNEXPECTED_EXIT_CODE = 1
"""A defect of ours is reported as a failed check, never as success."""

app = typer.Typer(
    name="carbonport",
    help="A data port for carbon: raw plant data stay, values that can be checked travel.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"carbonport {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """A data port for carbon: raw plant data stay, values that can be checked travel."""


def register_groups() -> None:
    """Attach every command group to the program."""
    groups = (
        demo,
        footprint,
        obligation,
        identity,
        trust,
        exporter,
        verifier,
        importer,
        regulator,
        operator,
        serving,
        bench,
    )
    for group in groups:
        group.register(app)


def report(error: CarbonportError, *, as_json: bool) -> None:
    """Say what went wrong: one JSON object on stdout with `--json`, else words on stderr."""
    if as_json:
        typer.echo(json.dumps({"ok": False, "error": error.as_dict()}, ensure_ascii=False))
        return
    console = Console(stderr=True, highlight=False)
    place = f" [dim]({error.where})[/dim]" if error.where else ""
    console.print(f"[bold red]{error.id}[/bold red]{place}")
    console.print(f"  found     {error.found}", markup=False)
    console.print(f"  expected  {error.expected}", markup=False)
    console.print(f"  do        {error.remedy}", markup=False)


def main() -> None:
    """Entry point of `carbonport`."""
    register_groups()
    try:
        app()
    except CarbonportError as error:
        report(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(UNEXPECTED_EXIT_CODE)
    except Exception as error:
        if os.environ.get("CARBONPORT_DEBUG") == "1":
            raise
        typer.echo(
            f"internal-error: {type(error).__name__}. This is a defect in Carbonport; run again with "
            "CARBONPORT_DEBUG=1 to see the trace, and report it without private figures.",
            err=True,
        )
        sys.exit(UNEXPECTED_EXIT_CODE)
