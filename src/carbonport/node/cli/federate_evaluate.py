"""`carbonport federate evaluate`: what a training would give, judged on one table of many participants' rows."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from carbonport.errors import Misuse
from carbonport.node.cli.home_options import JsonOption, print_json, read_input, shown
from carbonport.node.training_extra import require_extra

if TYPE_CHECKING:
    from carbonport.federated.evaluation import Adder


class ModelKind(StrEnum):
    """Kinds of models that `evaluate` knows: two that learn from whatever columns are named, and the two scores of
    plausibility, whose columns and public ranges are their tasks' own."""

    RIDGE = "ridge"
    BOOSTING = "boosting"
    RECALCULATION = "recalculation"
    INDEPENDENT = "independent"


def evaluate_command(
    data: Annotated[Path, typer.Option(help="A CSV with the rows of all participants.")],
    client: Annotated[str, typer.Option(help="Column that tells participants apart.")],
    group: Annotated[str, typer.Option(help="Column of plants: rows of one never lie on both sides.")],
    target: Annotated[str, typer.Option(help="Column to be predicted.")],
    features: Annotated[str, typer.Option(help="Columns to predict from, separated by commas.")],
    model: Annotated[
        ModelKind,
        typer.Option(
            help="Kind of model; recalculation reads route,recalculated and independent route,see_indirect."
        ),
    ] = ModelKind.RIDGE,
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
    epsilon: Annotated[
        float | None,
        typer.Option(
            help="Train with record-level noise besides: all its sums tell at most so much of a row."
        ),
    ] = None,
    delta: Annotated[
        float | None, typer.Option(help="Chance with which that may fail; default 0.00001.")
    ] = None,
    noise_tolerance: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Participants that may be dishonest or absent without less noise than promised; default half.",
        ),
    ] = None,
    typical: Annotated[
        list[str] | None,
        typer.Option(
            help="Public typical target VALUE=NUMBER of a value of the first category, or of other; with noise a ridge "
            "learns the ratio to it."
        ),
    ] = None,
    ratio: Annotated[str, typer.Option(help="Range LOW:HIGH of that ratio; default 0.6:1.7.")] = "",
    seed: Annotated[int, typer.Option(help="Another number gives other splits.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Judge a model on one table: federated through the secure sum, pooled, each participant alone, plain default."""
    require_extra()
    from carbonport.federated import plant_table
    from carbonport.federated.evaluation import evaluate
    from carbonport.federated.evaluation_table import evaluation_table
    from carbonport.federated.features import PublicRange
    from carbonport.federated.judgement import Scores
    from carbonport.node.cli.evaluated_task import NoiseOptions, evaluated_task, public_ranges

    columns = plant_table.Columns(client, group, target, tuple(part.strip() for part in features.split(",")))
    stated = {}
    for text in range_ or ():
        name, low, high = _range_parts(text)
        stated[name] = PublicRange(low, high, "log" if name == target and low > 0 else "linear")
    ranges = public_ranges(model.value, columns.features, target, stated)
    noise = NoiseOptions(
        epsilon,
        delta,
        noise_tolerance,
        dict(_typical_part(text) for text in typical or ()),
        PublicRange(*_range_parts(f"ratio={ratio}")[1:], "log") if ratio else None,
    )
    noise.require_sense(minimum_rows=minimum_rows, bucket_size=bucket_size)
    content = read_input(data, max_bytes=plant_table.MAX_TABLE_BYTES)
    table = evaluation_table(plant_table.read_plant_table(content, columns, data.name), target, ranges)
    judgement = noise.judgement(model.value, table)
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
            evaluated_task(model.value, table, minimum_cohort),
            table,
            _adder(),
            splits=splits,
            minimum_cohort=minimum_cohort,
            minimum_rows=minimum_rows,
            bucket_size=bucket_size,
            beside=judgement,
            seed=seed,
            progress=lambda done: progress.update(bar, completed=done),
        )
    scores = {name: getattr(result, name) for name in ("federated", "pooled", "local", "default")}
    if judgement is not None:
        scores["noised"] = Scores.mean(judgement.scores)
    answer: dict[str, Any] = {
        "ok": True,
        "rows": result.rows,
        "left_out": result.left_out,
        "clients": result.clients,
        "results": {name: found.as_json() for name, found in scores.items()},
        "max_weight_difference": result.max_weight_difference,
        "max_prediction_difference": result.max_prediction_difference,
        "privacy": None if judgement is None else judgement.as_json(),
        "model": model.value,
        "splits": splits,
        "exchanges": result.exchanges,
        "minimum_rows": minimum_rows,
        "minimum_cohort": minimum_cohort,
        "bucket_size": bucket_size,
        "ranges": {
            name: public.as_json() for name, public in {**table.numbers, target: table.target}.items()
        },
        "ranges_stated": sorted(ranges),
        "categories": {name: list(category.values) for name, category in table.categories.items()},
        "filled": dict(table.filled),
        "without_use": list(table.without_use),
    }
    if as_json:
        print_json(answer)
    else:
        _print(answer, target)


def _adder() -> "Adder":
    """The secure sum, carried by Flower's apps; of more participants than a relay takes, by calls."""
    from carbonport.federated.carried_sum import carried_adder
    from carbonport.federated.flower.in_process import InProcessFlower
    from carbonport.federated.relay import MAX_PARTICIPANTS
    from carbonport.federated.secure_sum import InProcessHolders

    carried, called = carried_adder(InProcessFlower), InProcessHolders().add
    return lambda question, vectors: (carried if len(vectors) <= MAX_PARTICIPANTS else called)(
        question, vectors
    )


def _typical_part(text: str) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    try:
        return name, float(value)
    except ValueError:
        raise Misuse(
            "evaluation-typical",
            found=f"{text[:60]!r}",
            expected="VALUE=NUMBER, such as coal=1.0",
            remedy="Write the typical target like that.",
        ) from None


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
    privacy = answer["privacy"]
    if privacy is not None:
        whole, alone = privacy["rmse_ratio"], privacy["rmse_ratio_of_noise_alone"]
        console.print(
            f"noised: epsilon {privacy['epsilon']:g}, delta {privacy['delta']:g} for {privacy['unit']}, in "
            f"{privacy['releases']} sums at most, if {privacy['tolerated']} of {privacy['participants']} participants "
            f"are dishonest or absent; RMSE over that of the federated model: median {whole['median']:.3f} "
            f"({whole['least']:.3f} to {whole['most']:.3f}); of the noise alone: {alone['median']:.3f}"
        )
    drawn = sorted(set(answer["ranges"]) - set(answer["ranges_stated"]))
    if drawn:
        console.print(
            f"ranges drawn from the table, where a training has public ones: {shown(', '.join(drawn))}"
        )
    for name, count in answer["filled"].items():
        console.print(f"{shown(name)} is not given in {count} rows: the middle of its range, and a mark")
    if answer["without_use"]:
        console.print(
            f"without use, the same everywhere or never twice: {shown(', '.join(answer['without_use']))}"
        )
