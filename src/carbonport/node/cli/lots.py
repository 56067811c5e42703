"""`carbonport lot list | export | restore` and `carbonport give-back`: what is sold of a verified production."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from carbonport.node.cli.home_options import HomeOption, JsonOption, PassphraseFileOption, shown
from carbonport.node.cli.running import perform_and_print

lot_app = typer.Typer(no_args_is_help=True, help="The lots that consignments are sold from.")


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.add_typer(lot_app, name="lot")
    app.command("give-back")(give_back)


@lot_app.command("list")
def list_lots(
    home: HomeOption = None, passphrase_file: PassphraseFileOption = None, as_json: JsonOption = False
) -> None:
    """Show the exporter's lots: how many consignments were sold and returned, and which lots are closed."""

    def words(result: dict[str, Any], console: Console) -> None:
        table = Table("process", "period", "sold", "returned", "entries", "state")
        for lot in result["lots"]:
            table.add_row(
                shown(lot["process"]),
                lot["period"],
                str(lot["consignments"]),
                str(lot["returned"]),
                str(lot["entries"]),
                state_of(lot),
            )
        console.print(table)

    perform_and_print("lot-list", {}, words, home, passphrase_file, as_json)


@lot_app.command()
def export(
    request: Annotated[str, typer.Argument(help="Id of a request that was fetched.")],
    out: Annotated[Path, typer.Option(help="Where the file is written; it opens your own consignment.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what you hold of a consignment's lot, for an exporter whose store was restored from a backup."""

    def words(result: dict[str, Any], console: Console) -> None:
        console.print(
            f"{result['entries']} entries and the opening of consignment {result['k']} in "
            f"[bold]{shown(result['out'])}[/bold]: for the exporter, and nobody else"
        )

    arguments = {"request": request, "out": str(out.resolve())}
    perform_and_print("lot-export", arguments, words, home, passphrase_file, as_json)


@lot_app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The file that an importer wrote with `lot export`.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring back entries and openings that a restored store has lost; the lot sells again when all are there."""

    def words(result: dict[str, Any], console: Console) -> None:
        console.print(f"{result['added']} entries added, consignment {result['restored']} is back")
        console.print(f"the lot of {shown(result['process'])} is {state_of(result)}")

    perform_and_print("lot-restore", {"path": str(file.resolve())}, words, home, passphrase_file, as_json)


def give_back(
    request: Annotated[str, typer.Argument(help="Id of a request that was fetched.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a consignment back to its exporter, once its attestation is revoked; it can be sold again."""

    def words(result: dict[str, Any], console: Console) -> None:
        console.print(
            f"consignment {result['k']} of the lot is given back; attestation {result['attestation']} is cancelled"
        )

    perform_and_print("give-back", {"request": request}, words, home, passphrase_file, as_json)


def state_of(lot: dict[str, Any]) -> str:
    """The state of a lot in words."""
    if lot["missing_openings"]:
        return f"closed: {len(lot['missing_openings'])} openings are missing"
    return "closed: more is sold than the corrected production" if lot["closed"] else "open"
