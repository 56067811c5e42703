"""`carbonport audit` and `carbonport log export`: the regulator's side."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

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
    """Verify a log from its entries, open every body, list what crossed, and check every lot of an exporter; exit code
    1 when something does not hold."""
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
    for entry in result["entries"]:
        console.print(
            f"  [bold]{entry['index']:>4}[/bold]  {_time(entry['time'])}  [bold]{entry['type']}[/bold]  "
            f"{shown(entry['recipient'])}  {shown(entry['purpose'])}  [dim]{shown(entry['reason'])}[/dim]"
        )
        for grade, fields in _by_grade(entry["items"]).items():
            console.print(f"        {grade}: {shown(', '.join(fields))}")
    for finding in result["findings"]:
        console.print(
            f"[bold red]{shown(finding['id'])}[/bold red] {shown(finding['where'])}: {shown(finding['found'])}"
        )
    for lot in result["lots"]:
        _lot(lot, console)
    grades = ", ".join(f"{grade}: {count}" for grade, count in result["by_grade"].items())
    console.print(f"crossed by grade: {grades or 'nothing'}")
    what = "log and lots" if result["lots"] else "log"
    console.print(
        f"[bold green]{what}: all holds[/bold green]"
        if result["ok"]
        else f"[bold red]{what}: something does not hold[/bold red]"
    )


def _lot(lot: dict[str, Any], console: Console) -> None:
    told = [
        f"{len(lot[name])} {name}: {', '.join(map(str, lot[name]))}"
        for name in ("cancelled", "superseded", "unclaimed")
        if lot[name]
    ]
    closed = ["[bold red]closed: more is sold than produced[/bold red]"] if lot["closed"] else []
    outcome = "holds" if lot["ok"] else "[bold red]does not hold[/bold red]"
    console.print(
        f"  lot of [bold]{shown(lot['process'] or lot['origin'])}[/bold], {lot['period']}: "
        f"{lot['entries']} entries, {'; '.join([outcome, *closed, *told])}"
    )
    for check in lot["checks"]:
        if not check["ok"]:
            console.print(f"    [red]{check['id']}[/red]: {shown(check['found'])}")


def _by_grade(items: list[dict[str, str]]) -> dict[str, list[str]]:
    grades: dict[str, list[str]] = {}
    for item in items:
        grades.setdefault(item["grade"], []).append(item["field"])
    return dict(sorted(grades.items()))


def _time(moment: object) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%SZ}" if isinstance(moment, int) else "-"
