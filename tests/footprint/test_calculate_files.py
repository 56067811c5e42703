"""`carbonport calculate --html --export`: files for people, private, and errors for endings we do not write."""

import json
import stat
from pathlib import Path

import pytest
import typer
from small_ledgers import ledger_text
from typer.testing import CliRunner

from carbonport.errors import Misuse
from carbonport.node.cli import footprint


def program() -> typer.Typer:
    app = typer.Typer()
    footprint.register(app)
    return app


def calculated(tmp_path: Path, *options: str) -> str:
    path = tmp_path / "ledger.yaml"
    path.write_text(ledger_text())
    result = CliRunner().invoke(program(), [str(path), *options], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("name", ["values.csv", "values.json", "values.xlsx"])
def test_values_are_written_for_their_owner_alone(tmp_path: Path, name: str) -> None:
    page, values = tmp_path / "why.html", tmp_path / name
    calculated(tmp_path, "--html", str(page), "--export", str(values))
    for path in (page, values):
        assert path.stat().st_size > 500
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_ending_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.yaml"
    path.write_text(ledger_text())
    result = CliRunner().invoke(program(), [str(path), "--export", str(tmp_path / "values.pdf")])
    assert isinstance(result.exception, Misuse)
    assert result.exception.id == "calculate-export-suffix"


def test_the_json_states_what_scripts_need(tmp_path: Path) -> None:
    (good,) = json.loads(calculated(tmp_path, "--json"))["goods"]
    assert good["functional_unit"] == "t of CN code"
    assert good["default_share"] == "0"
    assert good["sefa"] == "0.0429"
    assert good["unit"] == "tCO2e/t"
