"""`carbonport federate plan | run | serve | join`: trainings between nodes, and the processes that carry them."""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.node.cli.home_options import (
    HomeOption,
    JsonOption,
    PassphraseFileOption,
    open_from,
    print_json,
    shown,
)
from carbonport.node.training_extra import require_extra

RUN_WAIT_S = 3600.0
"""How long one step of a training may take in the serving node."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 15.0
"""Pauses while others are waited for: persons who approve, nodes that are started. Every run asks all who have not
answered, over Flower, so each pause is twice the last until the training moves."""

DEFAULT_LISTEN = "127.0.0.1:7453"
"""Ten above a node's own port."""


def attach(group: typer.Typer) -> None:
    """Attach the commands of this module to the group `federate`."""
    group.command("plan")(plan_command)
    group.command("run")(run_command)
    group.command("serve")(serve_command)
    group.command("join")(join_command)


def plan_command(
    plan: Annotated[Path, typer.Argument(help="The plan of a training (TOML).")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """As a coordinator: sign the plan of a training. Nobody hears of it before `carbonport federate run`."""
    require_extra()
    from carbonport.node.operations import perform

    begun = perform(open_from(home, passphrase_file), "federate-plan", {"path": str(plan.resolve())})
    assert isinstance(begun, dict), "operations give objects"
    if as_json:
        print_json({"ok": True, **begun})
    else:
        print(begun["session"])


def run_command(
    session: Annotated[str, typer.Argument(help="The training, as `carbonport federate plan` named it.")],
    without_absent: Annotated[
        bool, typer.Option("--without-absent", help="Begin although some of the invited have not accepted.")
    ] = False,
    give_up: Annotated[bool, typer.Option("--give-up", help="End the training without a model.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where the signed model is written.")] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Go as far as it goes now, and wait for nobody.")
    ] = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """As a coordinator: take a training as far as it goes, until its members have the model. Ctrl-C loses nothing."""
    require_extra()
    from carbonport.node.operations import perform

    opened = open_from(home, passphrase_file)
    arguments: dict[str, Json] = {
        "session": session,
        "without_absent": without_absent,
        "give_up": give_up,
        "out": "" if out is None else str(out.resolve()),
    }
    with Console(stderr=True).status("training ...") if not as_json else contextlib.nullcontext() as status:
        pauses = Pauses()
        while True:
            state = perform(opened, "federate-run", arguments, wait_seconds=RUN_WAIT_S)
            assert isinstance(state, dict), "operations give objects"
            if once or state["done"]:
                break
            if status is not None:
                status.update(shown(_where(state)))
            time.sleep(pauses.after(state))
    ended = state["phase"] == "ended"
    if as_json:
        print_json({"ok": not ended, **state})
    else:
        Console(highlight=False).print(shown(_where(state)), soft_wrap=True)
    if ended:
        sys.exit(3)


class Pauses:
    """How long to wait before another run."""

    def __init__(self) -> None:
        self._pause = FIRST_PAUSE_S
        self._last: object = None

    def after(self, state: object) -> float:
        """The pause in seconds after a run that left the training in this state."""
        self._pause = min(2 * self._pause, LONGEST_PAUSE_S) if state == self._last else FIRST_PAUSE_S
        self._last = state
        return self._pause


def _where(state: Mapping[str, Any]) -> str:
    """Where a training stands, in words."""
    said = [f"{state['phase']}, {state['exchanges']} exchanges, {state['members']} members"]
    if state["unanswered"]:
        said.append(f"no answer of {', '.join(state['unanswered'])}")
    said += [f"{name}: {error}" for name, error in state["refused"].items()]
    if state["reason"]:
        said.append(f"ended: {state['reason']} {', '.join(state['named'])}".strip())
    if state["model"]:
        said.append(f"model {state['model'][:16]}")
    return "; ".join(said)


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
