"""`carbonport aggregate register list | export | rebuild`: what a contributor ever gave, and how it is found again."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.node.cli.home_options import HomeOption, JsonOption, PassphraseFileOption, shown
from carbonport.node.cli.running import perform_and_print

register_app = typer.Typer(
    no_args_is_help=True, help="The register of contributions: a quantity goes into one sum, ever."
)


@register_app.command("list")
def list_entries(
    home: HomeOption = None, passphrase_file: PassphraseFileOption = None, as_json: JsonOption = False
) -> None:
    """As an exporter: show what was ever contributed, and whether a restore may have lost some of it."""

    def words(found: dict[str, Any], console: Console) -> None:
        table = Table("installation", "quantity", "days", "plan", "attempt", "state")
        for one in found["entries"]:
            table.add_row(
                shown(one["installation"]),
                shown(one["quantity"]),
                f"{one['first_day']}/{one['last_day']}",
                one["plan"][:16],
                str(one["attempt"] + 1),
                "free again" if one["closed"] and not one["shown_to_a_releaser"] else "used",
            )
        console.print(table)
        if found["restored_on"]:
            console.print(
                f"restored on {found['restored_on']}: nothing of a period that begins before goes into a sum until "
                "`carbonport aggregate register rebuild --complete`"
            )

    perform_and_print("aggregate-register-list", {}, words, home, passphrase_file, as_json)


@register_app.command()
def export(
    contributor: Annotated[str, typer.Argument(help="The exporter: <jurisdiction>/<LEI>.")],
    out: Annotated[Path, typer.Option(help="Where the file is written.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """As a coordinator: write what an exporter contributed to your sessions, for an exporter that was restored."""

    def words(found: dict[str, Any], console: Console) -> None:
        console.print(
            f"{found['contributions']} contributions of {shown(contributor)} in [bold]{shown(found['out'])}[/bold]"
        )

    arguments: dict[str, Json] = {"contributor": contributor, "out": str(out.resolve())}
    perform_and_print("aggregate-register-export", arguments, words, home, passphrase_file, as_json)


@register_app.command()
def rebuild(
    from_files: Annotated[
        list[Path] | None,
        typer.Option("--from", help="A coordinator's export for this node, or a result file; repeatable."),
    ] = None,
    coordinator: Annotated[
        list[str] | None,
        typer.Option(help="A coordinator to ask itself: <jurisdiction>/<LEI>; repeatable."),
    ] = None,
    complete: Annotated[
        bool,
        typer.Option(
            "--complete",
            help="State that with this the register has everything that was contributed since the backup.",
        ),
    ] = False,
    reason: Annotated[str, typer.Option(help="With --complete: why you know; it is logged.")] = "",
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """As an exporter that was restored from a backup: enter what was contributed since, and state when it is all."""
    files, coordinators = from_files or [], coordinator or []
    if not (files or coordinators or complete) or complete != bool(reason):
        raise Misuse(
            "aggregation-register-usage",
            found="nothing to take in and no statement, or only one of --complete and --reason",
            expected="--from, --coordinator, or --complete with --reason",
            remedy="`carbonport aggregate register rebuild --help` explains each.",
        )

    def words(found: dict[str, Any], console: Console) -> None:
        console.print(
            f"{found['contributions']} contributions shown, {found['added']} quantities were forgotten"
        )
        console.print(
            "the register is complete by your word; contributions go on"
            if found["complete"]
            else "contributions stay refused until you state that this is all: --complete --reason ..."
        )

    arguments: dict[str, Json] = {
        "files": [str(path.resolve()) for path in files],
        "coordinators": list(coordinators),
        "complete": complete,
        "reason": reason,
    }
    perform_and_print("aggregate-register-rebuild", arguments, words, home, passphrase_file, as_json)
