"""`carbonport demo --federate`: the demo of a training, and how its outcome is shown."""

import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from carbonport.federated.judgement import Scores
from carbonport.node.cli.home_options import pasted, print_json, shown
from carbonport.node.cli.plausible import print_assessment
from carbonport.node.demo.aggregate_cast import COORDINATOR
from carbonport.node.demo.training_cast import HELD_OUT_PLANTS, HOLDERS, MEMBERS, MONTHS
from carbonport.node.demo.training_judgement import PLANTED
from carbonport.node.demo.training_play import Tell, TrainingOutcome, TrainingPlay

AFTER: Mapping[str, str] = {
    "": "making homes, trust lists and ledgers ...",
    "stage": "starting nodes and a SuperLink ...",
    "nodes": "waiting for the SuperLink ...",
    "carrier": "starting SuperNodes and executors ...",
    "join": "signing a plan ...",
    "plan": "asking everyone ...",
    "approve": "membership, votes and exchanges: the training takes a quarter of a minute on two idle cores ...",
    "train": "checking the model ...",
    "model": "judging and auditing ...",
}
"""What goes on after a step was told, until the next is."""


def show_training(folder: Path, tell: Tell, console: Console, *, as_json: bool) -> None:
    """Play it, show the outcome, and end with 1 unless all of it held."""
    with console.status(AFTER[""]) as status:

        def tell_and_go_on(heading: str, sentence: str) -> None:
            tell(heading, sentence)
            status.update(AFTER.get(heading, AFTER["model"]))

        outcome = TrainingPlay(folder, tell_and_go_on).perform()
    if as_json:
        print_json(outcome.as_json())
    else:
        print_training(outcome, console)
    if not outcome.ok:
        sys.exit(1)


def print_training(outcome: TrainingOutcome, console: Console) -> None:
    """Show the table of four models, what is said of two claims, memory and checks, and where to look further."""
    judged = outcome.judged
    table = Table(
        "model",
        "R2",
        "MAE (tCO2e/t)",
        "RMSE",
        "AUROC of claims 20 % too low",
        title=f"On {HELD_OUT_PLANTS} plants that are in no training, {MONTHS} months each",
    )
    for name, scores in judged.results.items():
        table.add_row(name, *_figures(scores))
    table.add_section()
    table.add_row("amounts seen, no model", *_figures(judged.amounts_seen))
    console.print()
    console.print(table)
    console.print(
        "The demo alone has all rows, and judges. It shows one cohort of invented plants, one seed. Who sees a plant's "
        "amounts recalculates its claim and needs no model; the model is for an importer, who sees none. The offset "
        "of that recalculation is not learned here: its median takes 20 participants.\n"
    )
    for words, said in (("An honest claim", judged.honest), (f"One of {PLANTED:.0%}", judged.planted)):
        console.print(f"[bold]{words}[/bold], as `carbonport plausible` would score it without amounts:")
        print_assessment(dict(said), console)
        console.print()
    memory = Table("processes", "number", "largest (MB)", "together (MB)", "most ever (MB)")
    for kind, resident in outcome.memory.items():
        figures = (resident.processes, resident.largest_mb, resident.together_mb, resident.peak_mb)
        memory.add_row(kind, *map(str, figures))
    console.print(memory)
    for check in outcome.checks:
        mark = "[green]ok[/green]" if check["ok"] else "[bold red]NO[/bold red]"
        console.print(f"  {mark}  {check['id']}: {shown(check['found'])}")
    console.print(
        f"\n{len(MEMBERS)} exporters, {len(HOLDERS)} key holders, {outcome.exchanges} exchanges in "
        f"{outcome.training_seconds:.1f} s; {outcome.seconds:.1f} s with all that was started. Look further:"
    )
    log = outcome.folder / "logs" / COORDINATOR.key
    console.print(
        f"  carbonport audit {pasted(log)} --home {pasted(outcome.folder / 'regulator')}", soft_wrap=True
    )
    console.print(
        f"  carbonport requests --all --home {pasted(outcome.folder / MEMBERS[0].key)}", soft_wrap=True
    )


def _figures(scores: Scores) -> list[str]:
    return ["-" if value is None else f"{value:.3f}" for value in scores.as_json().values()]
