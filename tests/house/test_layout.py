"""The house is what DESIGN and README say: root links, rooms, make targets, and commands that exist."""

import importlib
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import typer.main

from carbonport.node.cli.program import GROUPS
from whole_program import whole_program
from worker_shares import LONGEST, PERFORMED_DEMO, TESTS, share

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


def command_lines(text: str) -> list[str]:
    """Whole command lines of a page; what stands after two blanks is an explanation."""
    lines = re.findall(r"^\s*(?:\$ )?(carbonport [a-z-][^\n]*)$", text, re.MULTILINE)
    return [re.split(r"  +|\s#\s", line)[0] for line in lines]


def mentioned_commands(text: str) -> list[str]:
    """Commands in running text, between backticks; they need not be complete."""
    return [found for found in re.findall(r"`(carbonport [a-z][^`]*)`", text) if "|" not in found]


def find_command(words: list[str]) -> tuple[click.Command, list[str], click.Context]:
    """The command that these words name, what is left of them, and its context."""
    register = whole_program()
    context = click.Context(register, info_name="carbonport")
    command: click.Command = register
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    return command, words, context


@pytest.mark.parametrize("module", GROUPS)
def test_every_group_attaches_the_commands_that_are_listed(module: str) -> None:
    """A command whose name is missing there would only be found when every group is imported."""
    alone = typer.Typer()
    importlib.import_module(f"carbonport.node.cli.{module}").register(alone)
    alone.callback()(lambda: None)
    assert set(typer.main.get_group(alone).commands) == set(GROUPS[module]) - (
        {"log"} if module == "operator" else set()
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_command_lines_in_the_pages_are_accepted(page: Path) -> None:
    """Each line is parsed by the command itself: its options exist, its values fit, nothing required is missing."""
    for line in command_lines(page.read_text()):
        command, words, context = find_command(shlex.split(line)[1:])
        try:
            command.make_context(command.name, words, parent=context.parent)
        except click.exceptions.Exit:
            continue
        except click.UsageError as error:
            pytest.fail(f"{page.name}: {line}\n{error.format_message()}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_mentioned_in_the_pages_exist(page: Path) -> None:
    for line in mentioned_commands(page.read_text()):
        command, words, context = find_command(line.split()[1:])
        try:
            command.make_parser(context).parse_args(words)
        except click.NoSuchOption as error:
            pytest.fail(f"{page.name}: {line}\n{error.format_message()}")
        except click.UsageError:
            continue


def test_commands_that_errors_advise_exist() -> None:
    """A remedy that names a command names one that there is."""
    for path in (ROOT / "src" / "carbonport").rglob("*.py"):
        for line in mentioned_commands(path.read_text()):
            words = [word.strip(".,:;()") for word in line.split()[1:]]
            try:
                find_command([word for word in words if word])
            except AssertionError as error:
                pytest.fail(f"{path.name}: {line}: {error}")


def test_shares_of_a_parallel_run_are_of_files_that_exist() -> None:
    assert [name for name in LONGEST if not (TESTS / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
    assert share("tests/node/test_demo_bundle.py") == PERFORMED_DEMO
    assert share("tests/node/test_life_backup.py") == "tests/node/test_life_backup.py"


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
