"""The house is what DESIGN and README say: root links, rooms, make targets, and commands that exist."""

import re
import subprocess
from pathlib import Path

import pytest
import typer.main

from carbonport.node.cli.program import app, register_groups

ROOT = Path(__file__).resolve().parents[2]
LINKS = ("attestation", "classification", "crypto", "examples", "federated", "footprint", "node")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("room", LINKS)
def test_root_links_lead_into_the_package(room: str) -> None:
    link = ROOT / room
    if not link.is_symlink():
        pytest.skip("a checkout without symbolic links: the links are for people, nothing depends on them")
    assert link.resolve() == ROOT / "src" / "carbonport" / room


def test_wire_contract_mirrors_the_import_path() -> None:
    protos = {path.stem for path in (ROOT / "proto/carbonport/wire/v1").glob("*.proto")}
    generated = {
        path.name.removesuffix("_pb2.py") for path in (ROOT / "src/carbonport/wire/v1").glob("*_pb2.py")
    }
    assert protos == generated


def test_make_commands_in_the_pages_are_targets() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        word
        for page in PAGES
        for word in re.findall(r"(?:^|`|\$ )make ([a-z]+)", page.read_text(), re.MULTILINE)
    }
    assert {"demo", "test"} <= named, "the README names its two commands"
    assert named <= targets


def test_ci_runs_the_readme_commands() -> None:
    assert re.findall(r"^make (\w+)", (ROOT / ".ci/run").read_text(), re.MULTILINE) == ["test", "check"]


def _commands(group: object, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, command in getattr(group, "commands", {}).items():
        found |= {prefix + name} | _commands(command, prefix + name + " ")
    return found


def test_commands_in_the_pages_exist() -> None:
    register_groups()
    known = _commands(typer.main.get_command(app))
    for page in PAGES:
        for line in re.findall(r"^\s*(?:\$ )?carbonport ([a-z][^\n]*)", page.read_text(), re.MULTILINE):
            words = [word for word in line.split() if re.fullmatch(r"[a-z][a-z-]*", word)]
            assert words, line
            assert words[0] in known, f"{page.name}: carbonport {line}"


def test_nothing_names_a_machine() -> None:
    """No committed file carries a path of a developer's machine or a registry host."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout
    if not tracked:
        pytest.skip("not a git checkout: nothing says which files are the project's")
    pattern = re.compile(rb"/(?:root|home/\w+|work|tmp/\w+)/|files\.pythonhosted")
    guilty = [
        name
        for name in tracked.decode().split("\0")
        if name
        and (ROOT / name).is_file()
        and not name.startswith("tests/house/")
        and pattern.search((ROOT / name).read_bytes())
    ]
    assert guilty == []
