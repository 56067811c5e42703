"""`carbonport status | backup | restore`, `log fsck | checkpoint | erase | accept-restore`, `period destroy`."""

import asyncio
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.node.cli.home_options import (
    HomeOption,
    JsonOption,
    PassphraseFileOption,
    open_from,
    print_json,
    shown,
)
from carbonport.node.cli.regulator import log_app
from carbonport.node.cli.running import perform_and_print
from carbonport.node.config import find_home
from carbonport.node.operator.accept_restore import accept_restore
from carbonport.node.operator.home_backup import restore_home
from carbonport.node.operator.integrity import check_own_log

ReasonOption = Annotated[str, typer.Option(help="Why, for the record.")]

period_app = typer.Typer(no_args_is_help=True, help="Reporting periods: destroy a period's key.")


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.command()(status)
    app.command()(backup)
    app.command()(restore)
    app.add_typer(period_app, name="period")


def status(
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="The counters of a serving node in Prometheus' text format.")
    ] = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the node's state; exit code 1 when its log is halted or its own trust list does not hold."""

    def words(result: dict[str, Any], console: Console) -> None:
        if prometheus:
            typer.echo(result.get("prometheus", ""), nl=False)
        else:
            _print_status(result, console)

    result = perform_and_print("status", {}, words, home, passphrase_file, as_json)
    if not result["healthy"]:
        sys.exit(1)


def backup(
    out: Annotated[Path, typer.Argument(help="New folder for the backup.")],
    period_keys: Annotated[
        Path | None,
        typer.Option(
            help="New folder for the period keys, to be kept elsewhere; without it they are left out."
        ),
    ] = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up store, keys, trust and configuration, also while the node serves."""

    def words(result: dict[str, Any], console: Console) -> None:
        console.print(f"{result['rows']} rows and {result['files']} files in {shown(result['backup'])}")
        if result["period_keys"] is None:
            console.print("The period keys are not in it: back them up elsewhere with --period-keys.")
        else:
            console.print(
                f"{result['periods']} period keys in {shown(result['period_keys'])}: keep them elsewhere."
            )
        if not result["keys_encrypted"]:
            console.print("The keys in it are not encrypted: keep it as you keep the node itself.")

    arguments = {
        "out": str(out.resolve()),
        "period_keys": "" if period_keys is None else str(period_keys.resolve()),
    }
    perform_and_print("backup", arguments, words, home, passphrase_file, as_json)


def restore(
    backup: Annotated[Path, typer.Argument(help="A folder that `carbonport backup` wrote.")],
    period_keys: Annotated[Path | None, typer.Option(help="The folder of the period keys.")] = None,
    store: Annotated[
        str, typer.Option(help="Another database URL than the backup's; it must be empty.")
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new home from a backup. It signs nothing until its witnesses, or you, have vouched for its state."""
    folder = find_home(home, os.environ)
    made = restore_home(backup, folder, period_keys=period_keys, store_url=store, clock=system_clock)
    result = {
        "ok": True,
        "home": str(folder),
        "participant": made.participant,
        "rows": made.rows,
        "files": made.files,
        "backed_up_at": made.backed_up_at,
        "period_keys": made.period_keys,
    }
    if as_json:
        print_json(result)
        return
    console = Console(highlight=False)
    console.print(
        f"{made.participant} of {_time(made.backed_up_at)} is in {shown(folder)}: {made.rows} rows, "
        f"{made.period_keys} period keys"
    )
    console.print("Stop the old node for good, add the newest trust lists, then start this one.")
    console.print(
        "Approvals given before are void; if a witness has seen more, `carbonport log accept-restore`."
    )


@log_app.command("fsck")
def fsck(
    home: HomeOption = None, passphrase_file: PassphraseFileOption = None, as_json: JsonOption = False
) -> None:
    """Check the node's own log: everything is derived from the entries again. Exit code 1 on any difference."""
    result = check_own_log(open_from(home, passphrase_file))
    assert isinstance(result, dict), "the check gives an object"
    if as_json:
        print_json(result)
    else:
        _print_fsck(result, Console(highlight=False))
    if not result["ok"]:
        sys.exit(1)


@log_app.command("checkpoint")
def checkpoint(
    out: Annotated[Path | None, typer.Option(help="File for the signed note.")] = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the newest signed checkpoint with its cosignatures."""

    def words(result: dict[str, Any], _console: Console) -> None:
        typer.echo(result["checkpoint"], nl=False)

    arguments = {"out": "" if out is None else str(out.resolve())}
    perform_and_print("log-checkpoint", arguments, words, home, passphrase_file, as_json)


@log_app.command("erase")
def erase(
    reason: ReasonOption,
    index: Annotated[int | None, typer.Option(min=0, help="One entry, whatever its age.")] = None,
    before: Annotated[str, typer.Option(help="All bodies of this day (YYYY-MM-DD) and older.")] = "",
    expired: Annotated[bool, typer.Option("--expired", help="All bodies older than the retention.")] = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase what log entries say; the entries stay provable, and redaction entries say what is missing and why."""
    if sum((index is not None, bool(before), expired)) != 1:
        raise Misuse(
            "erase-usage",
            found="none or several of --index, --before and --expired",
            expected="one of them",
            remedy="`carbonport log erase --help` explains each.",
        )

    def words(result: dict[str, Any], console: Console) -> None:
        console.print(f"{result['entries']} bodies erased")

    arguments: dict[str, Json] = {
        "reason": reason,
        "index": index,
        "before": _end_of_day(before) if before else None,
    }
    perform_and_print("log-erase", arguments, words, home, passphrase_file, as_json)


@log_app.command("accept-restore")
def accept(
    reason: ReasonOption,
    nothing_lost: Annotated[
        bool,
        typer.Option(
            "--nothing-lost", help="Where no witness can tell: the backup holds all that was logged."
        ),
    ] = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide about a restored node that refuses to sign; when entries were lost its log goes on under a new origin."""
    opened = open_from(home, passphrase_file)
    result = asyncio.run(
        accept_restore(
            opened, lambda: open_from(home, passphrase_file), reason=reason, nothing_lost=nothing_lost
        )
    )
    assert isinstance(result, dict), "the decision gives an object"
    if as_json:
        print_json({"ok": True, **result})
        return
    console = Console(highlight=False)
    console.print(f"decided: {result['outcome']}; entry {result['entry']} of {result['origin']}")
    if result["origin"] != result["previous_origin"]:
        console.print(
            "Next: `carbonport card --out card.json`; witnesses cosign once a trust list names the new log."
        )


@period_app.command("destroy")
def destroy(
    period: Annotated[str, typer.Argument(help="First and last day: YYYY-MM-DD/YYYY-MM-DD.")],
    reason: ReasonOption,
    ledger: Annotated[bool, typer.Option("--ledger", help="Erase the period's ledgers too.")] = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroy a period's key for good: what was committed can never be opened again. Do the same in every backup."""

    def words(result: dict[str, Any], console: Console) -> None:
        console.print(f"the key of {result['period']} is destroyed (entry {result['entry']})")

    arguments: dict[str, Json] = {"period": period, "reason": reason, "ledger": ledger}
    perform_and_print("period-destroy", arguments, words, home, passphrase_file, as_json)


def _print_status(result: dict[str, Any], console: Console) -> None:
    log, since = result["log"], result["serving_since"]
    console.print(
        f"[bold]{result['participant']}[/bold] ({', '.join(result['roles'])}), version {result['version']}, "
        + (f"serving since {_time(since)}" if since else "not serving")
    )
    state = log["halted"]["id"] if log["halted"] else "provisional" if log["provisional"] else "works"
    console.print(f"log {shown(log['origin'])}: {log['size']} entries, {log['waiting']} waiting, {state}")
    if log["halted"]:
        console.print(f"  {shown(log['halted']['found'])}. {shown(log['halted']['remedy'])}")
    pending = result["requests"].get("pending", 0)
    console.print(
        f"requests: {pending} pending; certificate until {_time(result['certificate']['not_after'])}"
    )
    table = Table("trust list", "number", "state", "next")
    for item in result["trust_lists"]:
        until = _time(item["next_update"]) if "next_update" in item else "-"
        table.add_row(item["jurisdiction"], str(item["seq"]), item["state"], until)
    console.print(table)
    for counted in result.get("counters", {}).get("calls", ()):
        console.print(f"  {counted['method']} {counted['outcome']}: {counted['count']}")
    for warning in result["warnings"]:
        console.print(f"[yellow]![/yellow] {shown(warning)}")
    console.print(
        "[bold green]healthy[/bold green]" if result["healthy"] else "[bold red]not healthy[/bold red]"
    )


def _print_fsck(result: dict[str, Any], console: Console) -> None:
    console.print(
        f"{shown(result['origin'])}: {result['entries']} entries, {result['nodes']} tree nodes, "
        f"{result['bodies']} bodies opened, {result['erased']} erased"
    )
    for finding in result["findings"]:
        console.print(
            f"[bold red]{finding['id']}[/bold red] {shown(finding['where'])}: {shown(finding['found'])}"
        )
    console.print(
        "[bold green]everything follows from the entries[/bold green]"
        if result["ok"]
        else "[bold red]the log is damaged[/bold red]"
    )


def _end_of_day(text: str) -> int:
    """The last second of a day (UTC), in unix seconds."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Misuse(
            "erase-date",
            found=repr(text[:20]),
            expected="a day, YYYY-MM-DD",
            remedy="Correct the option --before.",
        ) from None
    return int(datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC).timestamp())


def _time(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
