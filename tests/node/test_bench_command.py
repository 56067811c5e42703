"""`carbonport bench`: the shape of what it prints, and that its own checks passed. No figure is judged here."""

import os
import re
import sys
from decimal import Decimal
from typing import Any

from warm_programs import Finished, programs

DECIMAL = re.compile(r"(?:0|[1-9]\d*)(?:\.\d+)?")


def run(*arguments: str) -> Finished:
    return programs().run("bench", *arguments, environ={"COLUMNS": "200"})


def test_bench_exchange_prints_fetches_beside_their_echo() -> None:
    done = run("exchange", "--seconds", "1", "--json")
    assert done.code == 0, done.errors
    content: dict[str, Any] = done.json()
    assert set(content) == {"bench", "figures", "machine"}
    assert content["bench"] == "exchange"
    figures = {figure["name"]: figure for figure in content["figures"]}
    for figure in content["figures"]:
        assert list(figure) == ["name", "median", "spread", "unit", "yardstick", "ratio"]
        assert DECIMAL.fullmatch(figure["median"])
        assert DECIMAL.fullmatch(figure["spread"])
    fetch, echo = figures["fetch"], figures["echo"]
    assert fetch["yardstick"] == "echo"
    assert fetch["unit"] == echo["unit"]
    ratio = Decimal(fetch["median"]) / Decimal(echo["median"])
    assert abs(Decimal(fetch["ratio"]) - ratio) <= ratio / 100
    assert {"receive", "verify-bundle", "answer-size"} <= set(figures)
    assert figures["cpu-client"]["yardstick"] == "cpu-client-echo"
    if sys.platform == "linux":
        for name in ("cpu-exporter", "cpu-witness"):
            assert figures[name]["yardstick"] == "cpu-echo"
            assert Decimal(figures[name]["median"]) > 0


def test_the_machine_is_described_without_naming_it() -> None:
    from carbonport.node.bench.figures import machine_facts

    facts = machine_facts()
    assert {"cores", "cpu", "python"} <= set(facts)
    assert os.uname().nodename not in " ".join(facts.values())
    assert not any(value.startswith("/") for value in facts.values())


def test_an_unknown_bench_is_refused_with_the_names_there_are() -> None:
    done = run("no-such-bench", "--json")
    assert done.code != 0
    error = done.json()["error"]
    assert error["id"] == "bench-unknown"
    assert "exchange" in error["expected"]
