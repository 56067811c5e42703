"""Running an operation for a command: progress while it takes long, then words or one JSON object."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from carbonport.crypto.canonical import Json
from carbonport.node.cli.home_options import open_from, print_json

Words = Callable[[dict[str, Any], Console], None]
"""Says the result of an operation to a person."""


def perform_and_print(
    name: str,
    arguments: Mapping[str, Json],
    words: Words,
    home: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> dict[str, object]:
    """Perform an operation on the node of `home` and show its result; gives the result too."""
    # Only here: commands that perform nothing need none of what there is to perform.
    from carbonport.node.operations import perform

    opened = open_from(home, passphrase_file)
    with Console(stderr=True).status(f"{name} ...") if not as_json else nullcontext():
        result = perform(opened, name, arguments)
    assert isinstance(result, dict), "operations give objects"
    shown: dict[str, object] = {"ok": True, **result}
    if as_json:
        print_json(shown)
    else:
        words(shown, Console(highlight=False))
    return shown
