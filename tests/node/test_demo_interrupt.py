"""Ctrl-C during the demo: exit code 130, every process gone, and the folder good for the next performance."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from carbonport.node.demo.processes import LAUNCHER

PROGRAM = [*LAUNCHER, "demo", "--dir"]
PATIENCE_S = 60


def processes_of(folder: Path) -> list[str]:
    """Command lines of running processes that name a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(folder) in line:
                found.append(line)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are found in /proc")
def test_interrupted_demos_leave_nothing_running(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    for heading in ("stage", "nodes", "query"):
        with subprocess.Popen(
            [*PROGRAM, str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as demo:
            assert demo.stdout is not None
            assert demo.stderr is not None
            for line in demo.stdout:
                if heading in line:
                    break
            demo.send_signal(signal.SIGINT)
            rest, errors = demo.stdout.read(), demo.stderr.read()
            assert demo.wait(PATIENCE_S) == 130, (heading, rest, errors)
        assert "Traceback" not in errors, heading
        assert processes_of(folder) == [], heading
    finished = subprocess.run(
        [*PROGRAM, str(folder), "--json"], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert finished.returncode == 0, finished
    assert json.loads(finished.stdout)["ok"] is True
    assert processes_of(folder) == []


def test_a_folder_of_others_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    finished = subprocess.run(
        [*PROGRAM, str(tmp_path), "--json"], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert json.loads(finished.stdout)["error"]["id"] == "demo-folder"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
