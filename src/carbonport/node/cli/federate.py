"""`carbonport federate`: models trained over participants that keep their rows."""

from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from carbonport.crypto.canonical import Json
from carbonport.crypto.jws import SigningKey
from carbonport.errors import Misuse
from carbonport.node.cli import federate_budget, federate_gaps, federate_processes
from carbonport.node.cli.federate_evaluate import evaluate_command
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
from carbonport.node.training_extra import require_extra


def register(app: typer.Typer) -> None:
    """Attach the group of commands to the program."""
    group = typer.Typer(
        name="federate", help="Train models over participants that keep their rows.", no_args_is_help=True
    )
    group.command("evaluate")(evaluate_command)
    group.command("train")(train_command)
    group.command("example")(example_command)
    federate_gaps.register(group)
    federate_processes.attach(group)
    federate_budget.register(group)

    @group.callback()
    def _group() -> None:
        """Train models over participants that keep their rows."""

    app.add_typer(group)


def train_command(
    data: Annotated[
        Path, typer.Option(help="A CSV with columns route, recalculated, see_indirect, see and --client.")
    ],
    out: Annotated[Path, typer.Option(help="Where the signed model is written.")],
    client: Annotated[str, typer.Option(help="Column that tells participants apart.")] = "exporter",
    number: Annotated[
        int, typer.Option(min=1, help="Number of the issue; later ones replace earlier ones.")
    ] = 1,
    epsilon: Annotated[
        float | None,
        typer.Option(help="Add record-level noise: each of the two models tells at most this much of a row."),
    ] = None,
    delta: Annotated[
        float | None, typer.Option(help="Chance with which that may fail; default 0.00001.")
    ] = None,
    noise_tolerance: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Members that may be dishonest or absent without less noise than promised; default half.",
        ),
    ] = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train the plausibility model on one table, through the secure sum in process, and sign it with the node's
    seal."""
    if epsilon is None and (delta is not None or noise_tolerance is not None):
        raise Misuse(
            "training-noise-options",
            found="--delta or --noise-tolerance without --epsilon",
            expected="--epsilon with them, for a training with noise",
            remedy="Add --epsilon, or leave them out.",
        )
    require_extra()
    from carbonport.federated import plant_table
    from carbonport.federated.plausibility_model import PlausibilityModel
    from carbonport.federated.plausibility_tasks import CLAIM, RECALCULATED, ROUTE, SEE_INDIRECT
    from carbonport.federated.plausibility_training import train_plausibility
    from carbonport.federated.secure_sum import InProcessHolders
    from carbonport.node.plausibility.model_files import write_model

    opened = open_from(home, passphrase_file)
    require_place(out)
    columns = plant_table.Columns(client, client, CLAIM, (ROUTE, RECALCULATED, SEE_INDIRECT))
    content = read_input(data, max_bytes=plant_table.MAX_TABLE_BYTES)
    table = plant_table.read_plant_table(content, columns, data.name)
    if set(table.rows.words) != {ROUTE}:
        raise Misuse(
            "training-table",
            found="a route that is a number, or a number that is text",
            expected=f"{ROUTE} in words, {RECALCULATED} and {SEE_INDIRECT} in tCO2e/t",
            remedy="Correct the columns.",
            where=data.name,
        )
    members = {name: table.rows.take(table.clients == name) for name in sorted(set(table.clients.tolist()))}
    with Console(stderr=True).status("training ...") if not as_json else nullcontext():
        if epsilon is None:
            trained = train_plausibility(members, InProcessHolders().add)
        else:
            # Only here: the accountant takes a second to load.
            from carbonport.federated.noise import DELTA
            from carbonport.federated.packaged_tasks import PLAUSIBILITY_FOR_NOISE
            from carbonport.federated.private_plausibility import PrivacyTerms, train_private_plausibility
            from carbonport.node.operations import perform

            terms = PrivacyTerms(epsilon, DELTA if delta is None else delta, noise_tolerance)
            cost = Decimal(repr(epsilon)) * len(PLAUSIBILITY_FOR_NOISE.parts)
            charge: dict[str, Json] = {"task": PLAUSIBILITY_FOR_NOISE.name, "epsilon": format(cost, "f")}
            trained = train_private_plausibility(
                members, InProcessHolders().add, terms, lambda: perform(opened, "federate-charge", charge)
            )
    key = SigningKey.from_pem(opened.identity.signing_pem(KeyUse.SEAL))
    issuer, now = str(opened.name), opened.identity.clock()
    model = PlausibilityModel(issuer, number, now, trained.recalculation, trained.independent, trained.card)
    write_model(out, model, key)
    card = trained.card.as_json()
    if as_json:
        print_json({"ok": True, "out": str(out), "issuer": issuer, "number": number, "card": card})
        return
    console = Console(highlight=False)
    console.print(f"model {number} of {shown(issuer)} in [bold]{shown(out)}[/bold]")
    console.print(
        f"{trained.card.participants} participants, {trained.card.rows} rows; {trained.card.privacy}"
    )
    console.print("on those held out:")
    for name, value in trained.card.scores.items():
        console.print(f"  {name} {value}")


def example_command(
    out: Annotated[Path, typer.Option(help="Folder to write to; made, or empty.")],
    seed: Annotated[str, typer.Option(help="The same seed gives the same plants.")] = "1",
    months: Annotated[int, typer.Option(min=1, max=120, help="Months of each plant.")] = 36,
    days: Annotated[int, typer.Option(min=1, max=400, help="Days of meter readings.")] = 60,
    cohorts: Annotated[int, typer.Option(min=1, max=10, help="Times forty exporters.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Write forty invented plants, or a multiple: monthly ledgers, a table of claims and features, meter readings."""
    from carbonport.examples.plants.routes import COHORT
    from carbonport.examples.plants.written import CURVES_FILE, LEDGER_FOLDER, TABLE_FILE, write_plants

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Misuse(
            "example-folder",
            found="a path that is taken",
            expected="a new or an empty folder",
            remedy="Name another folder.",
            where=str(out),
        )
    with Progress(
        TextColumn("plants"), BarColumn(), console=Console(stderr=True), transient=True, disable=as_json
    ) as progress:
        bar = progress.add_task("plants", total=cohorts * sum(count for _, count in COHORT))
        written = write_plants(
            out, seed, months=months, days=days, cohorts=cohorts, progress=lambda _: progress.advance(bar)
        )
    if as_json:
        print_json(
            {
                "ok": True,
                "out": str(out),
                "plants": written.plants,
                "ledgers": written.ledgers,
                "readings": written.readings,
            }
        )
        return
    console = Console(highlight=False)
    console.print(
        f"{written.plants} plants in [bold]{shown(out)}[/bold]: {written.ledgers} ledgers ({LEDGER_FOLDER}), "
        f"{TABLE_FILE} with a row for each, {written.readings} meter readings ({CURVES_FILE})"
    )
