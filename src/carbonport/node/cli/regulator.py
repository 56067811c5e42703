"""`carbonport audit` and `carbonport log export`: the regulator's side."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from carbonport.node.cli.home_options import HomeOption, JsonOption, PassphraseFileOption, shown
from carbonport.node.cli.running import perform_and_print

log_app = typer.Typer(no_args_is_help=True, help="The node's own log: export and check.")


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.command()(audit)
    app.add_typer(log_app, name="log")


def audit(
    target: Annotated[
        str, typer.Argument(help="A participant (<jurisdiction>/<LEI>), or a folder of an exported log.")
    ],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a log from its entries, open every body, and list what crossed; exit code 1 on any change."""
    place = str(Path(target).resolve()) if Path(target).is_dir() else target
    result = perform_and_print("audit", {"target": place}, _words, home, passphrase_file, as_json)
    if not result["ok"]:
        sys.exit(1)


@log_app.command("export")
def export(
    out: Annotated[Path, typer.Option(help="Folder to write: tiles, entries, sealed bodies, checkpoint.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write this node's log as a folder that others can check."""

    def words(result: dict[str, object], console: Console) -> None:
        console.print(f"{result['entries']} entries of {shown(result['origin'])} in {shown(result['out'])}")

    perform_and_print("log-export", {"out": str(out.resolve())}, words, home, passphrase_file, as_json)


def _words(result: dict[str, Any], console: Console) -> None:
    console.print(
        f"[bold]{shown(result['owner'])}[/bold]: {result['size']} entries, root {str(result['root'])[:16]}..., "
        f"cosigned at {_time(result['witnessed_at'])}"
    )
    table = Table("entry", "time", "what", "to or from", "for", "items (grade)")
    for entry in result["entries"]:
        items = ", ".join(f"{item['field']} ({item['grade']})" for item in entry["items"])
        table.add_row(
            str(entry["index"]),
            _time(entry["time"]),
            entry["type"],
            shown(entry["recipient"]),
            shown(entry["purpose"]),
            shown(items or entry["reason"]),
        )
    console.print(table)
    for finding in result["findings"]:
        console.print(
            f"[bold red]{shown(finding['id'])}[/bold red] {shown(finding['where'])}: {shown(finding['found'])}"
        )
    grades = ", ".join(f"{grade}: {count}" for grade, count in result["by_grade"].items())
    console.print(f"crossed by grade: {grades or 'nothing'}")
    console.print(
        "[bold green]the log holds[/bold green]"
        if result["ok"]
        else "[bold red]the log does not hold[/bold red]"
    )


def _time(moment: object) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat() if isinstance(moment, int) else "-"
