"""`carbonport federate gaps-train | gaps-fill`: missing meter readings, estimated from what other plants show."""

import csv
import io
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from carbonport.crypto.ambient import system_clock
from carbonport.crypto.jws import SigningKey
from carbonport.errors import Malformed
from carbonport.node.cli.home_options import (
    HomeOption,
    JsonOption,
    PassphraseFileOption,
    open_from,
    print_json,
    read_input,
    shown,
)
from carbonport.node.file_problem import require_place
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.private_files import write_private, write_public
from carbonport.node.training_extra import require_extra

if TYPE_CHECKING:
    from carbonport.federated.features import Floats

MAX_READINGS_BYTES = 64 * 1024 * 1024
"""The largest file of readings."""

SLOTS_PER_DAY = 96
"""Readings of a day."""

MAX_DAYS = 4000
"""Days of a history."""


def register(group: typer.Typer) -> None:
    """Attach the commands to the group `federate`."""
    group.command("gaps-train")(train_command)
    group.command("gaps-fill")(fill_command)


def train_command(
    data: Annotated[
        Path, typer.Option(help="A CSV with columns exporter, day, slot, kwh; complete histories.")
    ],
    out: Annotated[Path, typer.Option(help="Where the signed model is written.")],
    number: Annotated[int, typer.Option(min=1, help="Number of the issue.")] = 1,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the gap-filling model on meter readings of many plants, through the secure sum in process."""
    require_extra()
    from carbonport.federated.gap_filling import training_rows
    from carbonport.federated.gap_model import GapModel, sign_gap_model
    from carbonport.federated.gap_training import train_gap_filling
    from carbonport.federated.secure_sum import InProcessHolders

    opened = open_from(home, passphrase_file)
    require_place(out)
    histories = _histories(data)
    with Console(stderr=True).status("training ...") if not as_json else nullcontext():
        rows = {name: training_rows(history) for name, history in histories.items()}
        trained = train_gap_filling(rows, InProcessHolders().add)
    key = SigningKey.from_pem(opened.identity.signing_pem(KeyUse.SEAL))
    model = GapModel(str(opened.name), number, opened.identity.clock(), trained.model, trained.card)
    write_public(out, sign_gap_model(model, key).encode())
    if as_json:
        print_json({"ok": True, "out": str(out), "number": number, "card": trained.card.as_json()})
        return
    console = Console(highlight=False)
    console.print(f"model {number} in [bold]{shown(out)}[/bold], {trained.card.participants} participants")
    for name, value in trained.card.scores.items():
        console.print(f"  {name} {value}")


def fill_command(
    readings: Annotated[
        Path, typer.Argument(help="A CSV with columns day, slot, kwh; empty kwh where missing.")
    ],
    model: Annotated[Path, typer.Option(help="The gap-filling model.")],
    out: Annotated[Path, typer.Option(help="Where the filled readings go (CSV, each marked).")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill gaps of at most four hours in a meter's readings; what is estimated is marked so."""
    require_extra()
    from carbonport.federated.gap_filling import fill_gaps
    from carbonport.federated.gap_model import verify_gap_model
    from carbonport.node.plausibility.model_files import read_listed

    opened = open_from(home)
    require_place(out)
    believed = read_listed(
        model, opened.trust.store(), verify_gap_model, own=str(opened.name), now=system_clock()
    )
    (history,) = _histories(readings, single=True).values()
    filled = fill_gaps(history, believed.model)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["day", "slot", "kwh", "quality"])
    for reading in filled:
        day, slot = divmod(reading.slot, SLOTS_PER_DAY)
        writer.writerow([day, slot, f"{reading.kwh:.3f}", "estimated" if reading.estimated else "measured"])
    write_private(out, text.getvalue().encode())
    estimated = sum(reading.estimated for reading in filled)
    if as_json:
        print_json({"ok": True, "out": str(out), "readings": len(filled), "estimated": estimated})
    else:
        Console(highlight=False).print(
            f"{estimated} of {len(filled)} readings estimated, each marked; in [bold]{shown(out)}[/bold]"
        )


def _histories(path: Path, *, single: bool = False) -> Mapping[str, "Floats"]:
    import numpy as np

    texts = read_input(path, max_bytes=MAX_READINGS_BYTES).decode("utf-8-sig", errors="replace")
    reader = csv.DictReader(io.StringIO(texts, newline=""))
    found: dict[str, dict[int, float]] = {}
    try:
        for row in reader:
            name = "" if single else row["exporter"]
            day, slot = int(row["day"]), int(row["slot"])
            if not (0 <= day < MAX_DAYS and 0 <= slot < SLOTS_PER_DAY):
                raise ValueError
            kwh = float(row["kwh"]) if row["kwh"].strip() else float("nan")
            if np.isinf(kwh) or kwh < 0:
                raise ValueError
            found.setdefault(name, {})[day * SLOTS_PER_DAY + slot] = kwh
    except (KeyError, ValueError, TypeError, AttributeError, csv.Error):
        raise _malformed(path, f"line {reader.line_num}") from None
    if not found:
        raise _malformed(path, "no readings")
    histories = {}
    for name, listed in found.items():
        history = np.full(max(listed) + 1, np.nan)
        history[list(listed)] = list(listed.values())
        histories[name] = history
    return histories


def _malformed(path: Path, found: str) -> Malformed:
    return Malformed(
        "readings-malformed",
        found=found,
        expected="columns day (from 0, a Monday), slot (0 to 95), kwh (not negative, or empty where missing)",
        remedy="Correct the file; for training, a column exporter too.",
        where=str(path),
    )
