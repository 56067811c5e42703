"""`carbonport federate serve | join`: the processes that carry trainings, beside the node that decides."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from carbonport.errors import Misuse
from carbonport.node.cli.home_options import HomeOption, JsonOption, PassphraseFileOption, open_from
from carbonport.node.training_extra import require_extra

DEFAULT_LISTEN = "127.0.0.1:7453"
"""Ten above a node's own port."""


def attach(group: typer.Typer) -> None:
    """Attach the commands of this module to the group `federate`."""
    group.command("serve")(serve_command)
    group.command("join")(join_command)


def serve_command(
    listen: Annotated[
        str, typer.Option(help="Where members' SuperNodes reach this machine: host:port.")
    ] = DEFAULT_LISTEN,
    address: Annotated[
        str,
        typer.Option(
            help="The host:port that members are told; default: the host of the node's endpoint, this port."
        ),
    ] = "",
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """As a coordinator: carry trainings with Flower, beside the serving node, until Ctrl-C."""
    require_extra()
    from carbonport.node.federation.serving_trainings import serve_trainings

    opened = open_from(home, passphrase_file)
    _require_endpoint(listen)
    stated = address or f"{opened.config.node.endpoint.rpartition(':')[0]}:{listen.rpartition(':')[2]}"
    _require_endpoint(stated)

    def ready(reached: str) -> None:
        _say(as_json, {"participant": str(opened.name), "front": reached}, f"members reach {reached}")

    _until_told(serve_trainings(opened, listen, stated, ready))


def join_command(
    coordinator: Annotated[str, typer.Argument(help="The coordinator: <jurisdiction>/<LEI>.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """As an exporter or key holder: take part in a coordinator's trainings, beside the serving node, until Ctrl-C."""
    require_extra()
    from carbonport.node.federation.joining_trainings import join_trainings

    opened = open_from(home, passphrase_file)

    def ready(reached: str) -> None:
        _say(as_json, {"participant": str(opened.name), "front": reached}, f"joined at {reached}")

    _until_told(join_trainings(opened, coordinator, ready))


def _say(as_json: bool, fields: dict[str, Any], words: str) -> None:
    line = json.dumps({"ok": True, **fields}) if as_json else f"{words}; Ctrl-C stops it"
    print(line, flush=True)


def _require_endpoint(text: str) -> None:
    from carbonport.node.config import ENDPOINT_PATTERN

    if not ENDPOINT_PATTERN.fullmatch(text) or int(text.rpartition(":")[2]) > 65535:
        raise Misuse(
            "federation-endpoint",
            found=repr(text[:60]),
            expected="host:port",
            remedy="Give --listen and --address as host:port; IPv6 addresses in brackets.",
        )


def _until_told(work: Coroutine[Any, Any, None]) -> None:
    """Run until SIGINT or SIGTERM, and end everything in order."""

    async def run() -> None:
        task = asyncio.ensure_future(work)
        cancel: Callable[[], object] = task.cancel
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
