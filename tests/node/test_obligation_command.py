"""`carbonport obligation`: the JSON contract, files of imports, errors and exit codes, as a script sees them."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner
from warm_programs import Finished, programs

from carbonport.errors import Malformed
from carbonport.footprint.obligation.import_table import ForAllLines
from carbonport.footprint.obligation.obligation_tables import TableChoice
from carbonport.node.cli import obligation_batch
from carbonport.node.cli.obligation import register
from carbonport.node.cli.obligation_batch import BatchRequest, run_batch

LINE = ("--cn", "72071111", "--origin", "TR", "--tonnes", "100", "--year", "2026")


def run(*arguments: str) -> Finished:
    return programs().run("obligation", *arguments)


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    program = typer.Typer()
    register(program)
    program.command("other")(lambda: None)  # a program of one command has no command names
    return program


def answer(app: typer.Typer, *arguments: str) -> Any:
    done = CliRunner().invoke(app, ["obligation", *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_json_contract_through_the_program() -> None:
    done = run(*LINE, "--price", "80", "--tables", "2025-12", "--json")
    assert done.code == 0, done.errors
    data = json.loads(done.output)
    assert (data["embedded_t"], data["free_allocation_t"]) == ("254.1", "132.99")
    assert (data["certificates"], data["cost_eur"]) == ("121.11", "9688.80")
    assert data["default_used"] is True
    assert (data["markup"], data["benchmark"]) == ("0.1", "1.364")
    assert data["tables"]["default_values"] == "default_values.csv 2025-12"


def test_usage_and_unreadable_input_have_their_exit_codes(tmp_path: Path) -> None:
    missing = run("--cn", "72071111", "--json")
    assert missing.code == 2
    assert json.loads(missing.output)["error"]["id"] == "obligation-options"
    unknown = run("--batch", str(tmp_path / "none.csv"), "--out", str(tmp_path / "out.csv"), "--json")
    assert unknown.code == 1
    assert json.loads(unknown.output)["error"]["id"] == "obligation-file"


def test_the_newest_state_is_used_and_named(app: typer.Typer) -> None:
    data = answer(app, *LINE, "--quarter", "Q1")
    assert data["price_eur"] == "75.36"
    assert data["tables"]["default_values"].endswith("default_values_2026_1740.csv 2026-1740")


def test_actual_values_and_their_explanation(app: typer.Typer) -> None:
    data = answer(
        app,
        *LINE,
        "--price",
        "80",
        "--see-direct",
        "1.9",
        "--route",
        "C",
        "--precursor",
        "72061000:1.02:A:C",
        "--carbon-price-paid",
        "800",
        "--carbon-price-document",
        "D1",
        "--carbon-price-certifier",
        "Auditor",
        "--explain",
    )
    assert data["default_used"] is False
    assert data["reduction_t"] == "10"
    assert data["benchmark_column"] == "A"
    assert data["against_default"]["certificates"] == "111.11"
    assert {node["id"] for node in data["explanation"]["nodes"]} >= {"sefa", "certificates", "benchmark/own"}
    text = CliRunner().invoke(app, ["obligation", *LINE, "--price", "80", "--explain"])
    assert "rounded half up" in text.stdout


def test_the_fifty_tonnes_of_a_single_line(app: typer.Typer) -> None:
    assert answer(app, *LINE, "--price", "80", "--year-tonnes", "50")["exempt"] == "threshold"
    assert answer(app, *LINE, "--price", "80", "--year-tonnes", "50.1")["certificates"] != "0"


IMPORTS = """consignment,importer,cn,origin,tonnes,year,price,see_direct,route,note
C1,DE1,72071111,TR,100,2026,80,,,first
C2,DE1,72071111,TR,100,2026,80,1.5,C,
C3,DE1,99999999,TR,100,2026,80,,,
C4,DE2,72071111,TR,50,2026,80,,,
C5,DE1,72071111,TR,abc,2026,80,,,
"""


def batch(folder: Path, text: str, out: str = "out.csv", **more: Any) -> tuple[Any, Path]:
    imports = folder / "imports.csv"
    imports.write_text(text, encoding="utf-8")
    seen: list[int] = []
    request = BatchRequest(
        imports, folder / out, TableChoice("2025-12"), more.pop("for_all", ForAllLines()), **more
    )
    summary = run_batch(request, lambda lines, _read: seen.append(lines))
    assert seen[-1] == summary.lines
    assert [path.name for path in folder.glob("*.part")] == []
    return summary, folder / out


def test_a_file_of_imports_with_errors_per_line(tmp_path: Path) -> None:
    summary, out = batch(tmp_path, IMPORTS)
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    assert [row["consignment"] for row in rows] == ["C1", "C2", "C3", "C4", "C5"]
    assert (rows[0]["certificates"], rows[0]["cost_eur"]) == ("121.11", "9688.80")
    assert rows[1]["default_cost_eur"] == "9688.80"
    assert [row["error"] for row in rows] == ["", "", "obligation-code-out-of-scope", "", "number-unreadable"]
    assert (rows[3]["exempt"], rows[3]["certificates"]) == ("threshold", "0")
    assert rows[0]["note"] == "first"
    assert (summary.lines, summary.errors, summary.copied) == (5, 2, ("note",))
    assert summary.years["DE1", 2026].lines == 2


def test_a_file_without_importers_has_no_threshold_unless_it_is_a_whole_year(tmp_path: Path) -> None:
    text = "cn;origin;tonnes\n72071111;TR;40\n"
    for_all = ForAllLines(year="2026", price="80")
    summary, out = batch(tmp_path, text, for_all=for_all)
    assert not summary.threshold_applied
    assert next(csv.DictReader(out.open()))["exempt"] == ""
    summary, out = batch(tmp_path, text, for_all=for_all, whole_year=True)
    assert next(csv.DictReader(out.open()))["exempt"] == "threshold"


def test_json_out_has_versions_and_lines(tmp_path: Path) -> None:
    _, out = batch(tmp_path, IMPORTS, "out.json")
    data = json.loads(out.read_text(encoding="utf-8"))
    assert data["lines"][0]["certificates"] == "121.11"
    assert (data["count"], data["errors"]) == (5, 2)
    assert "benchmarks" in data["tables"]


def test_worker_processes_give_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"C{number},DE{number % 3},72071111,TR,{number + 1},2026,80,,,\n" for number in range(5000)]
    text = IMPORTS + "".join(lines)
    _, out = batch(tmp_path, text, "one.csv")
    monkeypatch.setattr(obligation_batch, "PARALLEL_BYTES", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    _, parallel = batch(tmp_path, text, "two.csv")
    assert parallel.read_bytes() == out.read_bytes()


def test_errors_of_lines_end_the_command_with_one(tmp_path: Path, app: typer.Typer) -> None:
    imports, out = tmp_path / "imports.csv", tmp_path / "out.csv"
    imports.write_text(IMPORTS)
    done = CliRunner().invoke(app, ["obligation", "--batch", str(imports), "--out", str(out), "--json"])
    assert done.exit_code == 1
    data = json.loads(done.stdout)
    assert (data["ok"], data["lines"], data["errors"]) == (False, 5, 2)
    assert data["columns_not_used"] == ["note"]
    text = CliRunner().invoke(app, ["obligation", "--batch", str(imports), "--out", str(out)])
    assert "5 lines, 2 with errors" in text.stdout


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe,x\n", b"cn,origin,tonnes\n" + b"9" * 200_000, b'cn,origin,tonnes\n"72', b"\n\n"],
)
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, content: bytes) -> None:
    imports = tmp_path / "imports.csv"
    imports.write_bytes(content)
    request = BatchRequest(imports, tmp_path / "out.csv", TableChoice(), ForAllLines("2026", "80"))
    with pytest.raises(Malformed) as caught:
        run_batch(request, lambda _lines, _read: None)
    assert caught.value.id in ("obligation-file", "obligation-header")
    assert not (tmp_path / "out.csv").exists()
