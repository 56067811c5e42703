"""`carbonport demo`: the whole exchange on this machine."""

import shutil
import signal
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from carbonport.errors import Misuse
from carbonport.node.cli.home_options import JsonOption, pasted, print_json, shown
from carbonport.node.demo.play import Outcome, Play
from carbonport.node.training_extra import require_extra

DEFAULT_FOLDER = Path("carbonport-demo")
"""Where a demo leaves its files when nobody says otherwise."""

TERMINATED_EXIT_CODE = 143
"""What a shell reports of a process that ended on SIGTERM."""

MARKER = ".carbonport-demo"
"""A file that says a folder was made by a demo, and may be made anew by the next."""


def register(app: typer.Typer) -> None:
    """Attach the command of this module to the program."""
    app.command()(demo)


def demo(
    directory: Annotated[
        Path, typer.Option("--dir", help="Where homes, bundle, logs and trust lists are left.")
    ] = DEFAULT_FOLDER,
    workbook: Annotated[
        Path | None, typer.Option(help="Your own filled communication template (.xlsx) or YAML ledger.")
    ] = None,
    aggregate: Annotated[
        bool,
        typer.Option("--aggregate", help="A sum of five steelworks that nobody's figure can be read from."),
    ] = False,
    federate: Annotated[
        bool,
        typer.Option(
            "--federate", help="A training of five exporters that keep their rows, over a SuperLink."
        ),
    ] = False,
    holders: Annotated[
        int, typer.Option(min=2, max=7, help="With --aggregate: key holders (n); 5 tolerate one absent.")
    ] = 3,
    threshold: Annotated[
        int, typer.Option(min=2, max=7, help="With --aggregate: holders that together read a sum (k).")
    ] = 2,
    as_json: JsonOption = False,
) -> None:
    """Watch the whole exchange happen: exporter, verifier, importer and regulator as processes, TLS between them; or,
    with --aggregate or --federate, exporters, key holders and a coordinator.
    """
    if aggregate and federate:
        raise Misuse(
            "demo-which",
            found="--aggregate and --federate",
            expected="one demo",
            remedy="Leave one of them out.",
        )
    if federate:
        require_extra()
    # Whoever ends the demo politely ends its nodes with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED_EXIT_CODE))
    folder = _fresh_folder(directory)
    console = Console(highlight=False, quiet=as_json)
    started = time.monotonic()

    def tell(heading: str, sentence: str) -> None:
        console.print(
            f"[dim]{time.monotonic() - started:5.1f} s[/dim]  [bold]{heading:8}[/bold] {shown(sentence)}"
        )

    if aggregate:
        # The exchange needs nothing of what adds up under encryption.
        from carbonport.node.cli.demo_of_a_sum import show_sum

        console.print("[bold]Carbonport[/bold]: a sum that anyone can check, of figures that nobody sees.\n")
        show_sum(folder, tell, console, holders=holders, threshold=threshold, as_json=as_json)
        return
    if federate:
        from carbonport.node.cli.demo_of_a_training import show_training

        console.print(
            "[bold]Carbonport[/bold]: a model of what five exporters know, and nobody's row seen.\n"
        )
        show_training(folder, tell, console, as_json=as_json)
        return
    document = workbook or Path(str(files("carbonport") / "examples" / "steelworks.yaml"))
    console.print(
        f"[bold]Carbonport[/bold]: a data port for carbon. The plant's data: {shown(document.name)}\n"
    )
    outcome = Play(folder, document, tell).perform()
    if as_json:
        print_json(outcome.as_json())
    else:
        _show(outcome, console)
    if not outcome.ok:
        sys.exit(1)


def _fresh_folder(directory: Path) -> Path:
    folder = directory.resolve()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise Misuse(
                "demo-folder",
                found="a folder with other files in it",
                expected="a new or empty folder, or that of an earlier demo",
                remedy="Name another folder with --dir.",
                where=str(folder),
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    return folder


def _show(outcome: Outcome, console: Console) -> None:
    attestation = outcome.attestation
    behind = next(str(item["behind"]) for item in outcome.crossed if item["field"] == "see_direct")
    console.print(
        f"\n[bold]Attested, {behind} and verified[/bold]: CN {attestation['cn']}, SEE direct "
        f"[bold]{attestation['see_direct']}[/bold] tCO2e/t, indirect {attestation.get('see_indirect', '-')}, "
        f"share of defaults {attestation.get('default_share', '-')}\n"
    )
    table = Table(
        Column("crossed to the importer", overflow="fold"),
        "grade",
        "behind it",
        "stayed with the exporter",
        "grade",
        title="What crossed, what stayed",
    )
    crossed = [(str(item["field"]), str(item["grade"]), str(item["behind"])) for item in outcome.crossed]
    if outcome.lot:
        crossed.append(
            (
                f"entry {outcome.lot['entry']} of the lot of {shown(outcome.lot['process'])}",
                "hidden",
                "proved",
            )
        )
    stayed = [(f"{count} figures and facts", grade) for grade, count in outcome.stayed.items()]
    for row in range(max(len(crossed), len(stayed))):
        left = crossed[row] if row < len(crossed) else ("", "", "")
        right = stayed[row] if row < len(stayed) else ("", "")
        table.add_row(*left, *right)
    console.print(table)
    for check in outcome.checks:
        mark = "[green]ok[/green]" if check["ok"] else "[bold red]NO[/bold red]"
        console.print(f"  {mark}  {check['id']}: {shown(check['found'])}")
    folder = outcome.folder
    console.print(f"\n{outcome.seconds:.1f} s. Look further:")
    console.print(
        f"  carbonport verify {pasted(outcome.bundle)} --home {pasted(folder / 'importer')}", soft_wrap=True
    )
    console.print(
        f"  carbonport audit {pasted(folder / 'logs' / 'exporter')} --home {pasted(folder / 'regulator')}",
        soft_wrap=True,
    )
    console.print(f"  carbonport statement list --home {pasted(folder / 'exporter')}", soft_wrap=True)
