"""`carbonport federate budget`: what noised trainings cost this node, and what is left of the year."""

from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from carbonport.node.cli.home_options import HomeOption, JsonOption, PassphraseFileOption, shown
from carbonport.node.cli.running import perform_and_print


def register(group: typer.Typer) -> None:
    """Attach the command of this module to the group `federate`."""
    group.command("budget")(budget_command)


def budget_command(
    home: HomeOption = None, passphrase_file: PassphraseFileOption = None, as_json: JsonOption = False
) -> None:
    """Show the privacy budget: what trainings with noise were charged, by task and calendar year."""
    perform_and_print("federate-budget", {}, _words, home, passphrase_file, as_json)


def _words(result: dict[str, Any], console: Console) -> None:
    if not result["tasks"]:
        console.print(f"nothing spent; a task may cost epsilon {result['yearly']} a year")
        return
    table = Table("year", "task", "spent", f"left of {result['yearly']}", "trainings")
    for task in result["tasks"]:
        table.add_row(
            str(task["year"]), shown(task["task"]), task["spent"], task["left"], str(len(task["trainings"]))
        )
    console.print(table)
