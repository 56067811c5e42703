"""Options that every command of a node has, and how their home folder is opened."""

import codecs
import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from carbonport.errors import Malformed, Misuse

if TYPE_CHECKING:
    from carbonport.node.home import NodeHome

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The node's home folder; default CARBONPORT_HOME, else ./carbonport-home."),
]
PassphraseFileOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help="File with the passphrase of the keys; else CARBONPORT_PASSPHRASE."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def open_from(home: Path | None, passphrase_file: Path | None = None) -> "NodeHome":
    """Open the home folder of a command; a person at a terminal is asked for a missing passphrase."""
    # Every command imports this module for its options; those without a home do not wait for grpc and X.509.
    from carbonport.node.home import open_home

    # A program that was started with a closed standard input has none.
    prompt = ask_passphrase if sys.stdin is not None and sys.stdin.isatty() else None
    return open_home(home, passphrase_file=passphrase_file, prompt=prompt)


def ask_passphrase() -> str:
    """Ask at the terminal, without showing it."""
    return str(typer.prompt("Passphrase of the keys", hide_input=True, err=True))


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on standard output; in ASCII where the environment names another encoding than JSON's own."""
    typer.echo(json.dumps(value, ensure_ascii=not _writes_utf8(), indent=2))


def _writes_utf8() -> bool:
    encoding = sys.stdout.encoding if sys.stdout is not None else None
    return encoding is not None and codecs.lookup(encoding).name == "utf-8"


def shown(text: object) -> str:
    """Text that others wrote, fit for a terminal: without control characters, and never read as markup."""
    return escape(re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", " ", str(text)))


def pasted(path: Path) -> str:
    """A path as a command line takes it, for a command that the user is told to type."""
    return shown(shlex.quote(str(path)))


def read_input(path: Path, *, max_bytes: int) -> bytes:
    """A file the user names, bounded."""
    try:
        with path.open("rb") as stream:
            content = stream.read(max_bytes + 1)
    except OSError as problem:
        raise Misuse(
            "input-file",
            found=problem.strerror or type(problem).__name__,
            expected="a file that can be read",
            remedy="Check the path.",
            where=str(path),
        ) from None
    if len(content) > max_bytes:
        raise Malformed(
            "input-size",
            found=f"more than {max_bytes} bytes",
            expected=f"at most {max_bytes} bytes",
            remedy="Check that it is the right file.",
            where=str(path),
        )
    return content
