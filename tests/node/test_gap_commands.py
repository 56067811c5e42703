"""`carbonport federate gaps-train | gaps-fill`: a signed model fills a history, and every estimate is marked."""

import csv
import json
import random
from pathlib import Path

import typer
from played_demo import played_demo
from typer.testing import CliRunner

from carbonport.examples.plants.load_curves import draw_habits, draw_load_curve
from carbonport.node.cli.federate import register


def load(name: str) -> list[float]:
    drawn = random.Random(f"gap command {name}")
    return [reading.kwh for reading in draw_load_curve(draw_habits(drawn), 10, drawn)]


def test_the_commands_train_and_fill(tmp_path: Path) -> None:
    home = played_demo().copy_homes(tmp_path / "homes")["exporter"]
    app = typer.Typer()
    register(app)
    with (tmp_path / "many.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["exporter", "day", "slot", "kwh"])
        for number in range(6):
            for slot, kwh in enumerate(load(str(number))[: 10 * 96]):
                writer.writerow([number, slot // 96, slot % 96, f"{kwh:.3f}"])

    def run(*words: str) -> dict[str, object]:
        done = CliRunner().invoke(app, ["federate", *words, "--json"], catch_exceptions=False)
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    model, torn, out = tmp_path / "gaps.model", tmp_path / "torn.csv", tmp_path / "filled.csv"
    words = ("--data", str(tmp_path / "many.csv"), "--out", str(model), "--home", str(home))
    assert run("gaps-train", *words)["ok"]
    with torn.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["day", "slot", "kwh"])
        for slot, kwh in enumerate(load("other")[: 10 * 96]):
            writer.writerow([slot // 96, slot % 96, "" if 800 <= slot < 808 else f"{kwh:.3f}"])
    answer = run("gaps-fill", str(torn), "--model", str(model), "--out", str(out), "--home", str(home))
    assert (answer["readings"], answer["estimated"]) == (960, 8)
    with out.open(newline="") as stream:
        marked = [row["quality"] for row in csv.DictReader(stream)]
    assert marked.count("estimated") == 8
