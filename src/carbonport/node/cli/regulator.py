"""`carbonport audit` and `carbonport log export`: the regulator's side."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from carbonport.crypto.canonical import Json
from carbonport.node.cli.home_options import HomeOption, JsonOption, PassphraseFileOption, shown
from carbonport.node.cli.running import perform_and_print

log_app = typer.Typer(no_args_is_help=True, help="The node's own log: export and check.")


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.command()(audit)
    app.add_typer(log_app, name="log")


def audit(
    targets: Annotated[
        list[str],
        typer.Argument(
            help="Participants (<jurisdiction>/<LEI>), or folders of exported logs; several are compared.",
            metavar="TARGET...",
        ),
    ],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a log from its entries, open every body, list what crossed, and check every lot of an exporter; several
    logs also against each other. Exit code 1 when something does not hold."""
    first, *others = [str(Path(each).resolve()) if Path(each).is_dir() else each for each in targets]
    arguments: dict[str, Json] = {"target": first, "others": list[Json](others)}
    words = _words_of_several if others else _words
    result = perform_and_print("audit", arguments, words, home, passphrase_file, as_json)
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


def _words_of_several(result: dict[str, Any], console: Console) -> None:
    for log in result["logs"]:
        _words(log, console)
    for pair in result["reconciled"]:
        console.print(
            f"{shown(pair['sender'])} to {shown(pair['recipient'])}: {pair['matched']} arrived as they left, "
            f"{len(pair['on_the_way'])} on the way, {len(pair['newer'])} newer than the sender's log here"
        )
    _findings(result["findings"], console)
    if result["findings"]:
        console.print("[bold red]the logs do not agree[/bold red]")
    elif len(result["compared"]) < len(result["logs"]):
        console.print("[bold red]a log that does not hold was compared with nothing[/bold red]")
    else:
        console.print("[bold green]the logs agree[/bold green]")


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
    _findings(result["findings"], console)
    for training in result["trainings"]:
        _training(training, console)
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


def _findings(findings: list[dict[str, str]], console: Console) -> None:
    for finding in findings:
        console.print(
            f"[bold red]{shown(finding['id'])}[/bold red] {shown(finding['where'])}: {shown(finding['found'])}"
        )


def _training(training: dict[str, Any], console: Console) -> None:
    noise = f"epsilon {training['epsilon']}" if training["epsilon"] else "no noise"
    model = f"model {training['model'][:16]}" if training["model"] else "no model here"
    console.print(
        f"  training of [bold]{shown(training['task'])}[/bold], plan {training['plan'][:16]}: "
        f"{training['cohort']} independent members, {noise}, app {training['app'][:16]}, {model}"
    )
    for name, error in training["refused"].items():
        console.print(f"    refused: {shown(name)} ({shown(error)})")
    for exchange in training["exchanges"]:
        console.print(
            f"    entry {exchange['entry']}: exchange {exchange['exchange']}, attempt {exchange['attempt']}, "
            f"{len(exchange['contributions'])} sealed contributions"
            + (f", sums {exchange['sums'][:16]}" if exchange["sums"] else "")
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
