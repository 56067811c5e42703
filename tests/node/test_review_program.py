"""The program's ends: whatever is asked of it, there is an exit code of the contract, and words or one JSON object."""

import os
import shlex
import signal
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from rich.text import Text
from warm_programs import programs

from carbonport.node.cli.home_options import pasted

PROGRAM = (sys.executable, "-m", "carbonport")


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("query", "--json"), 2, "usage"),
        (("nosuch", "--json"), 2, "usage"),
        (("calculate", "x.yaml", "--scope", "none", "--json"), 2, "usage"),
        (("verify", "/nowhere/[/x].json", "--json"), 1, "file-unreadable"),
        (("verify", b"\xff\xfe.json", "--json"), 1, "file-unreadable"),
        (("demo", "--dir", "/dev/null/demo", "--json"), 2, "file-problem"),
    ],
)
def test_errors_of_any_kind_are_one_json_object(
    arguments: tuple[str | bytes, ...], code: int, error: str
) -> None:
    ended = programs().run(*arguments)
    assert (ended.code, ended.json()["error"]["id"]) == (code, error)
    assert "Traceback" not in ended.errors


@pytest.mark.parametrize("name", ["/nowhere/[/x].json", b"\xff\xfe.json", "/nowhere/\x1b[31mred.json"])
def test_a_path_is_never_read_as_markup_or_control(name: str | bytes) -> None:
    ended = programs().run("verify", name)
    assert ended.code == 1
    assert "file-unreadable" in ended.errors
    assert "Traceback" not in ended.errors
    assert "\x1b[31m" not in ended.errors


def test_output_that_cannot_be_written_is_no_traceback() -> None:
    """The reader has gone, the disk is full, standard input was closed, the terminal knows no subscripts."""
    ascii_only = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    ledger = str(files("carbonport") / "examples" / "steelworks.yaml")
    for words, code in (
        ("verify /nowhere.json --json >/dev/full", 1),
        ("verify /nowhere.json --json | true; exit ${PIPESTATUS[0]}", 1),
        ("status --home /nowhere --json <&-", 2),
        (f"calculate {ledger}", 0),
    ):
        line = f"{shlex.join(PROGRAM)} {words}"
        ended = subprocess.run(
            ["bash", "-c", line], capture_output=True, timeout=60, env=ascii_only, stdin=subprocess.DEVNULL
        )
        assert ended.returncode == code, (words, ended)
        assert b"Traceback" not in ended.stderr
        assert b"internal-error" not in ended.stdout + ended.stderr
        assert ended.stdout.isascii()


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    pipe = tmp_path / "bundle.json"
    os.mkfifo(pipe)
    process = subprocess.Popen([*PROGRAM, "verify", str(pipe)], stderr=subprocess.PIPE)
    with pipe.open("wb"):  # opens when the program reads, which waits for our bytes
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in told


def test_a_path_in_a_command_to_type_survives_terminal_and_shell() -> None:
    path = Path("/plant data/[bold]it's")
    assert shlex.split(Text.from_markup(f"verify {pasted(path)}").plain) == ["verify", str(path)]
