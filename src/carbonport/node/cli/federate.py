"""`carbonport federate`: models trained over participants that keep their rows."""

from contextlib import nullcontext
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from carbonport.crypto.canonical import Json
from carbonport.crypto.jws import SigningKey
from carbonport.errors import Misuse
from carbonport.node.cli import federate_budget, federate_gaps, federate_processes
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


class ModelKind(StrEnum):
    """Kinds of models that `evaluate` knows."""

    RIDGE = "ridge"
    BOOSTING = "boosting"


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


def evaluate_command(
    data: Annotated[Path, typer.Option(help="A CSV with the rows of all participants.")],
    client: Annotated[str, typer.Option(help="Column that tells participants apart.")],
    group: Annotated[str, typer.Option(help="Column of plants: rows of one never lie on both sides.")],
    target: Annotated[str, typer.Option(help="Column to be predicted.")],
    features: Annotated[str, typer.Option(help="Columns to predict from, separated by commas.")],
    model: Annotated[ModelKind, typer.Option(help="Kind of model.")] = ModelKind.RIDGE,
    splits: Annotated[int, typer.Option(min=1, max=100, help="Random splits into training and test.")] = 10,
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range", help="Public range COLUMN=LOW:HIGH of a feature or the target; default: the table's."
        ),
    ] = None,
    minimum_rows: Annotated[int, typer.Option(min=1, help="Training rows a participant needs.")] = 10,
    minimum_cohort: Annotated[
        int,
        typer.Option(min=1, help="Participants a category's value needs to be learned; a training has 5."),
    ] = 1,
    bucket_size: Annotated[
        int,
        typer.Option(
            min=0,
            help="Train in buckets of so many (5 or more) and take the median: survives poisoned members.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Another number gives other splits.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Judge a model on one table: federated through the secure sum, pooled, each participant alone, plain default."""
    require_extra()
    # Only here, so that the rest of the program starts without numpy and works without the extra.
    from carbonport.federated import evaluation_table
    from carbonport.federated.boosting import BoostingTask
    from carbonport.federated.carried_sum import carried_adder
    from carbonport.federated.evaluation import evaluate
    from carbonport.federated.features import PublicRange
    from carbonport.federated.flower.in_process import InProcessFlower
    from carbonport.federated.ridge import RidgeTask

    columns = evaluation_table.Columns(
        client, group, target, tuple(part.strip() for part in features.split(","))
    )
    stated = {}
    for text in range_ or ():
        name, low, high = _range_parts(text)
        stated[name] = PublicRange(low, high, "log" if name == target and low > 0 else "linear")
    content = read_input(data, max_bytes=evaluation_table.MAX_TABLE_BYTES)
    table = evaluation_table.read_evaluation_table(content, columns, stated, data.name)
    kind: type[RidgeTask] | type[BoostingTask] = RidgeTask if model is ModelKind.RIDGE else BoostingTask
    task = kind(table.numbers, table.categories, table.target, minimum_cohort=minimum_cohort)
    with Progress(
        TextColumn("splits"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=as_json,
    ) as progress:
        bar = progress.add_task("splits", total=splits)
        result = evaluate(
            task,
            table,
            carried_adder(InProcessFlower),
            splits=splits,
            minimum_cohort=minimum_cohort,
            minimum_rows=minimum_rows,
            bucket_size=bucket_size,
            seed=seed,
            progress=lambda done: progress.update(bar, completed=done),
        )
    answer: dict[str, Any] = {
        "ok": True,
        "rows": result.rows,
        "left_out": result.left_out,
        "clients": result.clients,
        "results": {
            name: getattr(result, name).as_json() for name in ("federated", "pooled", "local", "default")
        },
        "max_weight_difference": result.max_weight_difference,
        "max_prediction_difference": result.max_prediction_difference,
        "model": model.value,
        "splits": splits,
        "exchanges": result.exchanges,
        "minimum_rows": minimum_rows,
        "minimum_cohort": minimum_cohort,
        "bucket_size": bucket_size,
        "ranges": {
            name: public.as_json() for name, public in {**table.numbers, target: table.target}.items()
        },
        "ranges_stated": sorted(stated),
    }
    if as_json:
        print_json(answer)
    else:
        _print(answer, target)


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
    from carbonport.federated import evaluation_table
    from carbonport.federated.plausibility_model import PlausibilityModel
    from carbonport.federated.plausibility_tasks import CLAIM, CLAIMS, RECALCULATED, ROUTE, SEE_INDIRECT
    from carbonport.federated.plausibility_training import train_plausibility
    from carbonport.federated.secure_sum import InProcessHolders
    from carbonport.node.plausibility.model_files import write_model

    opened = open_from(home, passphrase_file)
    require_place(out)
    columns = evaluation_table.Columns(client, client, CLAIM, (ROUTE, RECALCULATED, SEE_INDIRECT))
    content = read_input(data, max_bytes=evaluation_table.MAX_TABLE_BYTES)
    table = evaluation_table.read_evaluation_table(content, columns, {CLAIM: CLAIMS}, data.name)
    if set(table.categories) != {ROUTE}:
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
    as_json: JsonOption = False,
) -> None:
    """Write forty invented plants: monthly ledgers, a table of claims and features, meter readings."""
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
        bar = progress.add_task("plants", total=sum(count for _, count in COHORT))
        written = write_plants(out, seed, months=months, days=days, progress=lambda _: progress.advance(bar))
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


def _range_parts(text: str) -> tuple[str, float, float]:
    name, _, ends = text.rpartition("=")
    low, _, high = ends.partition(":")
    try:
        return name, float(low), float(high)
    except ValueError:
        raise Misuse(
            "evaluation-range-text",
            found=f"{text[:60]!r}",
            expected="COLUMN=LOW:HIGH with two numbers, such as mw=5:1000",
            remedy="Write the range like that.",
        ) from None


def _print(answer: dict[str, Any], target: str) -> None:
    console = Console(highlight=False)
    table = Table("model", "R2", f"MAE of {shown(target)}", "RMSE", "AUROC of claims 20 % too low")
    for name, scores in answer["results"].items():
        table.add_row(name, *("-" if value is None else f"{value:.4g}" for value in scores.values()))
    console.print(table)
    console.print(
        f"{answer['rows']} rows ({answer['left_out']} left out), {answer['clients']} participants, "
        f"{answer['splits']} splits, {answer['exchanges']} secure sums a training; "
        f"largest difference between a federated and a pooled weight: {answer['max_weight_difference']}"
    )
    drawn = sorted(set(answer["ranges"]) - set(answer["ranges_stated"]))
    if drawn:
        console.print(
            f"ranges drawn from the table, where a training has public ones: {shown(', '.join(drawn))}"
        )
