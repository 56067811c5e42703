"""`carbonport calculate`: the JSON contract, the report, errors and exit codes, as a script sees them."""

import json
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from warm_programs import Finished, programs

EXAMPLE = Path(str(files("carbonport") / "examples" / "steelworks.yaml"))


def run(*arguments: str) -> Finished:
    return programs().run("calculate", *arguments)


def result(*arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.code == 0, done.errors
    return json.loads(done.output)


def test_the_json_contract() -> None:
    data = result(str(EXAMPLE))
    assert data["scope"] == "definitive"
    good = data["goods"][0]
    assert (good["process"], good["cn"]) == ("Integrated steel route", "72083900")
    for name in ("see_direct", "see_indirect", "see_total"):
        assert isinstance(good[name], str)
        assert len(good[name].replace(".", "").lstrip("0")) >= 20
        assert abs(Fraction(good[name]) - Fraction(good[f"{name}_rounded"])) <= Fraction(1, 200_000)
    assert good["see_direct_rounded"] == "1.79766"
    assert good["declared"]["see_direct_rounded"] == "1.79766"
    assert good["functional_unit"] == "t of CN code"
    assert good["electricity_factor"]["basis"] == "default-table"
    assert data["installation"]["direct_emissions_t"] == "8849155.3348665417538132"
    assert data["installation"]["direct_emissions_t_rounded"] == "8849155"
    assert "electricity_factors" in data["tables"]


def test_an_explanation_comes_with_every_good() -> None:
    data = result(str(EXAMPLE), "--explain", "--scope", "transitional")
    for good in data["goods"]:
        assert good["explanation"]["digest"] == good["graph_digest"]
        assert {node["kind"] for node in good["explanation"]["nodes"]} >= {"input", "constant", "quotient"}


def test_the_report_shows_results_and_explains() -> None:
    done = run(str(EXAMPLE), "--explain")
    assert done.code == 0
    for words in (
        "Yanhai Integrated Steelworks",
        "1.79766",
        "Eq 55",
        "steelworks.yaml, line 62",
        "2186473.915",
    ):
        assert words in done.output


def test_results_that_cannot_be_had_are_null_with_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.yaml"
    path.write_text(EXAMPLE.read_text().replace("country: CN", "country: TR"))
    good = result(str(path))["goods"][0]
    assert good["see_indirect"] is None
    assert good["see_direct_rounded"] == "1.79766"
    assert good["problems"][0]["id"] == "electricity-factor-missing"
    assert "cannot be given" in run(str(path)).output
    factors = tmp_path / "factors.csv"
    factors.write_text("# title: t\n# version: 1\n# source: s\ncountry,factor,unit\nTR,0.5,tCO2e/MWh\n")
    supplied = result(str(path), "--electricity-factors", str(factors))["goods"][0]
    assert supplied["problems"] == []


def test_a_users_catalogue_changes_declared_values_only(tmp_path: Path) -> None:
    from importlib.resources import files

    text = files("carbonport.footprint.tables").joinpath("catalogue.csv").read_text()
    path = tmp_path / "catalogue.csv"
    path.write_text(text.replace("carbon_content,factor,tC/t,9,", "carbon_content,factor,tC/t,3,"))
    good = result(str(EXAMPLE), "--catalogue", str(path))["goods"][0]
    assert good["see_direct_rounded"] == "1.79766"
    assert good["declared"]["see_direct_rounded"] != "1.79766"
    assert Fraction(good["declared_minus_source"]["see_direct"]) != 0


@pytest.mark.parametrize(
    ("text", "code", "error"),
    [
        ("carbonport: ledger/v1\n", 1, "ledger-file"),
        (EXAMPLE.read_text().replace("53718.264 t", "NaN t"), 1, "number-unreadable"),
        (EXAMPLE.read_text().replace("value: 4836291.472", "value: 0"), 1, "evaluate-division-by-zero"),
    ],
)
def test_errors_are_json_with_their_exit_code(tmp_path: Path, text: str, code: int, error: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    done = run(str(path), "--json")
    assert done.code == code
    assert json.loads(done.output)["error"]["id"] == error
    assert "Traceback" not in done.errors


def test_usage_errors_exit_with_two(tmp_path: Path) -> None:
    assert run(str(tmp_path / "none.yaml")).code == 2
    assert run(str(EXAMPLE), "--scope", "eternal").code == 2
    assert run().code == 2
