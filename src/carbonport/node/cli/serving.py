"""`carbonport serve`: run the node until it is told to stop."""

import asyncio
import json
import sys
from typing import Annotated

import typer

from carbonport.node.cli.home_options import HomeOption, JsonOption, PassphraseFileOption, open_from
from carbonport.node.services.serving import serve


def register(app: typer.Typer) -> None:
    """Attach the command of this module to the program."""
    app.command("serve")(serve_node)


def serve_node(
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Run the node: services over mutual TLS, and the socket through which other commands reach it."""
    opened = open_from(home, passphrase_file)

    def ready(port: int) -> None:
        if as_json:
            line = json.dumps({"ok": True, "participant": str(opened.name), "port": port})
        else:
            line = f"{opened.name} serves on port {port}; Ctrl-C stops it"
        if not quiet:
            print(line, flush=True)
        sys.stdout.flush()

    asyncio.run(serve(opened, ready))
