"""`carbonport demo --aggregate`: the demo of a sum, and how its outcome is shown."""

import sys
from pathlib import Path

from rich.console import Console

from carbonport.node.cli.aggregate_report import Wanted, print_aggregate
from carbonport.node.cli.home_options import pasted, print_json
from carbonport.node.demo.aggregate_play import SumOutcome, SumPlay, Tell


def show_sum(
    folder: Path, tell: Tell, console: Console, *, holders: int, threshold: int, as_json: bool
) -> None:
    """Play it, show the outcome, and end with 1 unless all of it held."""
    outcome = SumPlay(folder, tell, holders, threshold).perform()
    if as_json:
        print_json(outcome.as_json())
    else:
        print_sum(outcome, console)
    if not outcome.ok:
        sys.exit(1)


def print_sum(outcome: SumOutcome, console: Console) -> None:
    """Show the sums, whether they are those of the figures, and where to look further."""
    print_aggregate(outcome.checked, Wanted(), console)
    exact = "exactly the sums of the figures, which only this demo knows" if outcome.exact else "WRONG"
    console.print(f"{exact}; a second sum over the same year was refused: {outcome.again or 'NO'}")
    console.print(f"\n{outcome.seconds:.1f} s. Look further:")
    console.print(f"  carbonport verify {pasted(outcome.result)}", soft_wrap=True)
    console.print(
        f"  carbonport aggregate sessions --home {pasted(outcome.folder / 'coordinator')}", soft_wrap=True
    )
