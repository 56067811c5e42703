"""The program: collects the command groups, and turns errors into words and exit codes."""

import gc
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated

import click
import typer
from rich.console import Console

from carbonport import __version__
from carbonport.errors import CarbonportError, Misuse
from carbonport.node.cli import INTERRUPTED_EXIT_CODE
from carbonport.node.cli.home_options import shown
from carbonport.node.file_problem import file_problem

UNEXPECTED_EXIT_CODE = 1
"""A defect of ours is reported as a failed check, never as success."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "demo": ("demo",),
    "footprint": ("calculate",),
    "product_footprint": ("footprint",),
    "obligation": ("obligation",),
    "declaration": ("declaration",),
    "identity": ("init", "card", "key"),
    "trust": ("trust",),
    "exporter": ("intake", "commit", "statement", "requests", "approve", "refuse", "revoke"),
    "verifier": ("verify-data", "sign", "reissue", "withdraw"),
    "importer": ("query", "fetch", "refresh", "verify"),
    "lots": ("lot", "give-back"),
    "regulator": ("audit", "log"),
    "operator": ("status", "backup", "restore", "period", "log"),
    "aggregate": ("aggregate",),
    "serving": ("serve",),
    "federate": ("federate",),
    "plausible": ("plausible",),
    "bench": ("bench",),
}
"""Each module of this folder with a `register`, and the commands that it attaches, in the order of the help."""

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


def register_groups(wanted: str = "") -> None:
    """Attach the groups that have the command `wanted` to the program; every group when none has it, and none for
    the version.

    A command imports its own group and no other: all of them together take a second of processor time.
    """
    if wanted == "--version":
        return
    modules = [module for module, commands in GROUPS.items() if wanted in commands]
    for module in modules or GROUPS:
        import_module(f"carbonport.node.cli.{module}").register(app)


def report(error: CarbonportError, *, as_json: bool) -> None:
    """Say what went wrong: one JSON object on stdout with `--json`, else words on stderr."""
    if as_json:
        # ASCII, for a path on the command line need not be text in any encoding.
        typer.echo(json.dumps({"ok": False, "error": error.as_dict()}))
        return
    console = Console(stderr=True, highlight=False)
    place = f" [dim]({shown(error.where)})[/dim]" if error.where else ""
    console.print(f"[bold red]{shown(error.id)}[/bold red]{place}")
    console.print(f"  found     {shown(error.found)}")
    console.print(f"  expected  {shown(error.expected)}")
    console.print(f"  do        {shown(error.remedy)}")


def main() -> None:
    """Entry point of `carbonport`: every end has its exit code, and words or one JSON object."""
    _write_what_the_terminal_can_show()
    as_json = "--json" in sys.argv
    try:
        # Importing makes many objects and hardly any garbage: looking for it takes a tenth of a short command's time,
        # and would take as much of every later search.
        gc.disable()
        register_groups(sys.argv[1] if len(sys.argv) > 1 else "")
        gc.freeze()
        gc.enable()
        # Not standalone: typer would end Ctrl-C with 1, and say what is wrong with a command line in words only.
        sys.exit(app(standalone_mode=False))
    except (KeyboardInterrupt, click.Abort):
        sys.exit(INTERRUPTED_EXIT_CODE)
    except BrokenPipeError:
        _write_no_more()
        sys.exit(UNEXPECTED_EXIT_CODE)
    except Exception as problem:
        known = isinstance(problem, CarbonportError | click.ClickException | OSError)
        if not known and os.environ.get("CARBONPORT_DEBUG") == "1":
            raise
        sys.exit(_told(problem, as_json=as_json))


def _told(problem: Exception, *, as_json: bool) -> int:
    """Say what went wrong, also where nobody can be told any more; gives the exit code."""
    try:
        if isinstance(problem, click.ClickException) and not as_json:
            from typer import rich_utils  # rich's Markdown takes a tenth of a second to import

            rich_utils.rich_format_error(problem)
            return problem.exit_code
        error = _as_ours(problem)
        report(error, as_json=as_json)
    except OSError as lost:
        # The reader has gone, or what standard output goes to is full.
        _write_no_more()
        with suppress(OSError):
            report(file_problem(lost), as_json=False)
        return UNEXPECTED_EXIT_CODE
    return error.exit_code


def _as_ours(problem: Exception) -> CarbonportError:
    if isinstance(problem, CarbonportError):
        return problem
    if isinstance(problem, click.ClickException):
        return _usage(problem)
    return file_problem(problem) if isinstance(problem, OSError) else _defect(problem)


def _write_what_the_terminal_can_show() -> None:
    """Where the environment names an encoding that lacks a character, its code is written instead."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _write_no_more() -> None:
    """Let what is still buffered go nowhere: writing it would fail once more when the program ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: click.ClickException) -> Misuse:
    return Misuse(
        "usage",
        found=error.format_message(),
        expected="a command line that the program knows",
        remedy="Add --help to the command.",
    )


def _defect(error: Exception) -> CarbonportError:
    return CarbonportError(
        "internal-error",
        found=f"an unexpected {type(error).__name__}",
        expected="a result or a known error",
        remedy="This is a defect in Carbonport; run again with CARBONPORT_DEBUG=1 to see the trace, and report it "
        "without private figures.",
    )
