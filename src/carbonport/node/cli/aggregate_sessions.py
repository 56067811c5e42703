"""`carbonport aggregate plan | sessions | join | hold | release | result`, and `run --session`: sessions between nodes.

A command takes its node's part as far as it goes, waits, and goes on, until the session is over; it may be ended and
begun again at any time. `--once` takes one step and says what is waited for.
"""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from carbonport.crypto.canonical import Json
from carbonport.errors import Unavailable
from carbonport.node.aggregation.ending import WITHOUT_RESULT
from carbonport.node.cli.home_options import (
    HomeOption,
    JsonOption,
    PassphraseFileOption,
    open_from,
    print_json,
    shown,
)
from carbonport.node.cli.running import perform_and_print
from carbonport.node.home import NodeHome
from carbonport.node.operations import perform

STEP_EVERY_S = 1.0
"""Pause between two steps while others are waited for."""

CoordinatorArgument = Annotated[str, typer.Argument(help="The coordinator: <jurisdiction>/<LEI>.")]
SessionArgument = Annotated[
    str, typer.Argument(help="Name of the session, as `aggregate sessions` lists it.")
]
OnceOption = Annotated[bool, typer.Option("--once", help="Take one step, do not wait for others.")]


def attach(app: typer.Typer) -> None:
    """Attach the commands of this module to the group `aggregate`."""
    app.command("plan")(plan)
    app.command("sessions")(sessions)
    app.command("join")(join)
    app.command("hold")(hold)
    app.command("release")(release)
    app.command("result")(result)


def plan(
    plan_file: Annotated[Path, typer.Argument(help="The plan (TOML), as docs/sessions.md shows.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """As a coordinator: begin a session. Its holders and contributors find it here."""

    def words(found: dict[str, Any], console: Console) -> None:
        console.print(f"session [bold]{found['session']}[/bold]", soft_wrap=True)
        console.print(
            f"{len(found['holders'])} holders make their keys now (carbonport aggregate hold), then "
            f"{len(found['invited'])} exporters are invited (carbonport aggregate join)"
        )

    arguments = {"path": str(plan_file.resolve())}
    perform_and_print("aggregate-plan", arguments, words, home, passphrase_file, as_json)


def sessions(
    coordinator: Annotated[
        str, typer.Argument(help="Another coordinator: the sessions it has for this node.")
    ] = "",
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List sessions: this coordinator's own, or those that another has for this node."""

    def words(found: dict[str, Any], console: Console) -> None:
        table = Table("session", "phase", "attempt")
        for one in found["sessions"]:
            phase = f"{one['phase']} ({one['problem']['id']})" if "problem" in one else one["phase"]
            table.add_row(shown(one["session"]), shown(phase), str(one["attempt"]))
        console.print(table)

    arguments: dict[str, Json] = {"coordinator": coordinator}
    perform_and_print("aggregate-sessions", arguments, words, home, passphrase_file, as_json)


def run_session(
    session: str,
    *,
    go_without: bool,
    left_out: list[str],
    kept: list[str],
    once: bool,
    home: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Take a session to its end as its coordinator."""
    opened = open_from(home, passphrase_file)
    arguments: dict[str, Json] = {
        "session": session,
        "go_without": go_without,
        "left_out": list(left_out),
        "kept": list(kept),
    }

    def words(state: Mapping[str, Any]) -> str:
        counts = state["counts"]
        return (
            f"{state['phase']}, attempt {state['attempt'] + 1} of 3: {counts['keys']} of {state['holders']} keys, "
            f"{counts['contribution']} of {state['invited']} contributions, {counts['vote']} votes, "
            f"{counts['answer']} answers"
            + "".join(
                f"; {contributor} or {' or '.join(holders)} spoilt an attempt: --leave-out or --keep {contributor}"
                for contributor, holders in state["named"].items()
                if contributor not in (*left_out, *kept)
            )
            + "".join(f"; the answer of {holder} is false and left out" for holder in state["lied"])
            + "".join(f"; {ended}" for ended in _ending(state))
        )

    final = _until_over(opened, "aggregate-run", arguments, words, once=once, as_json=as_json)
    _end(final, words(final), as_json)


def join(
    coordinator: CoordinatorArgument,
    session: SessionArgument,
    agree: Annotated[
        bool, typer.Option("--agree", help="Consent to the plan and contribute; without it you only look.")
    ] = False,
    small_cohort: Annotated[
        list[str] | None,
        typer.Option(help="A cohort you consent to although only three or four may be in it; repeatable."),
    ] = None,
    releaser: Annotated[
        str,
        typer.Option(
            help="The plan's releaser, if it has one: you consent that it is shown your values, to test the rule."
        ),
    ] = "",
    once: OnceOption = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """As an exporter: look at a plan, consent, contribute once, and wait for the checked result."""
    opened = open_from(home, passphrase_file)
    arguments: dict[str, Json] = {
        "coordinator": coordinator,
        "session": session,
        "agree": agree,
        "small_cohorts": list(small_cohort or ()),
        "releaser": releaser,
    }

    def words(state: Mapping[str, Any]) -> str:
        sums = [
            f"{cohort}: " + ", ".join(f"{metric} {value}" for metric, value in one.items())
            for cohort, one in state.get("released", {}).items()
        ]
        return "; ".join((f"{state['phase']}, attempt {state['attempt'] + 1} of 3", *sums, *_ending(state)))

    looked = perform(opened, "aggregate-join", arguments)
    assert isinstance(looked, dict), "operations give objects"
    if not as_json:
        _show_plan(looked["plan"], Console(highlight=False))
    if looked["phase"] == "invited":
        if as_json:
            print_json({"ok": True, **looked})
        else:
            Console(highlight=False).print("you only looked; with --agree you consent and contribute")
        return
    final = _until_over(opened, "aggregate-join", arguments, words, once=once, as_json=as_json)
    _end(final, words(final), as_json)


def hold(
    coordinator: CoordinatorArgument,
    once: OnceOption = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """As a key holder: make keys, check, vote and answer in every session the coordinator has for this node."""
    _in_every_session("aggregate-hold", coordinator, once, home, passphrase_file, as_json)


def release(
    coordinator: CoordinatorArgument,
    once: OnceOption = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """As a releaser (a regulator): test a plan's rule on the true values in every session the coordinator has for this
    node, and say one signed bit."""
    _in_every_session("aggregate-release", coordinator, once, home, passphrase_file, as_json)


def _in_every_session(
    operation: str,
    coordinator: str,
    once: bool,
    home: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    opened = open_from(home, passphrase_file)

    def words(state: Mapping[str, Any]) -> str:
        return "; ".join(
            " ".join((f"{one['session'][:8]}...", one["phase"], one.get("said", ""), *_ending(one))).strip()
            + (f" ({one['problem']['id']} {one['problem'].get('where', '')})" if "problem" in one else "")
            for one in state["sessions"]
            if not one["done"] or one.get("said") or one.get("why")
        )

    final = _until_over(
        opened,
        operation,
        {"coordinator": coordinator},
        words,
        once=once,
        as_json=as_json,
        over=lambda state: bool(state["sessions"]) and all(one["done"] for one in state["sessions"]),
    )
    if as_json:
        print_json({"ok": True, **final})
    else:
        Console(highlight=False).print(shown(words(final) or "nothing to do any more"))


def result(
    session: SessionArgument,
    out: Annotated[
        Path, typer.Option(help="Where the result file is written; check it with `carbonport verify`.")
    ],
    coordinator: Annotated[
        str, typer.Option(help="Whose session it is, when it is not this node's own.")
    ] = "",
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the result of a session with everything to check it, from this node or from its coordinator."""

    def words(found: dict[str, Any], console: Console) -> None:
        console.print(f"{found['bytes']} bytes in [bold]{shown(found['result'])}[/bold]; check it with")
        console.print(f"  carbonport verify {shown(found['result'])}", soft_wrap=True)

    arguments: dict[str, Json] = {
        "session": session,
        "out": str(out.resolve()),
        "coordinator": coordinator,
    }
    perform_and_print("aggregate-result", arguments, words, home, passphrase_file, as_json)


def _until_over(
    opened: NodeHome,
    operation: str,
    arguments: Mapping[str, Json],
    words: Callable[[Mapping[str, Any]], str],
    *,
    once: bool,
    as_json: bool,
    over: Callable[[Mapping[str, Any]], bool] = lambda state: bool(state["done"]),
) -> dict[str, Any]:
    """Step until it is over; a coordinator that does not answer for a while is waited for."""
    with Console(stderr=True).status(f"{operation} ...") if not as_json else nullcontext() as status:
        while True:
            try:
                state = perform(opened, operation, arguments)
            except Unavailable:
                if once:
                    raise
                time.sleep(STEP_EVERY_S)
                continue
            assert isinstance(state, dict), "operations give objects"
            if status is not None:
                status.update(shown(words(state)))
            if once or over(state):
                return dict(state)
            time.sleep(STEP_EVERY_S)


def _ending(state: Mapping[str, Any]) -> list[str]:
    """Why a session ended without a result, or why a holder votes abort; nothing else has a reason."""
    who = f"{state['refused_by']} refused it: " if "refused_by" in state else ""
    return [f"{who}{state['why']}"] if state.get("why") else []


def _end(state: Mapping[str, Any], words: str, as_json: bool) -> None:
    """Show the last state; a session that ended without a result is a refusal."""
    if as_json:
        print_json({"ok": state["phase"] not in WITHOUT_RESULT, **state})
    else:
        Console(highlight=False).print(shown(words))
    if state["phase"] in WITHOUT_RESULT:
        sys.exit(3)


def _show_plan(plan: Any, console: Console) -> None:
    console.print(
        f"[bold]{shown(plan['purpose'])}[/bold], {shown(plan['period'])}, by {shown(plan['coordinator'])}"
    )
    for metric in plan["metrics"]:
        console.print(f"  sum of {shown(metric)}")
    cohorts = ", ".join(f"{name} ({count})" for name, count in plan["cohorts"].items())
    console.print(
        f"  released over: {shown(cohorts)}; at least {plan['minimum_cohort']} independent contributors"
    )
    console.print(f"  invited: {shown(', '.join(plan['invited']))}")
    if plan["releaser"]:
        console.print(
            f"  {shown(plan['releaser'])} would be shown [bold]your values[/bold], to test the rule {plan['rule']}; "
            f"consent with --releaser {shown(plan['releaser'])}"
        )
    console.print(
        f"  any {plan['threshold']} of {len(plan['holders'])} holders read sums: {shown(', '.join(plan['holders']))}; "
        f"{plan['votes_needed']} votes needed, {plan['absent_tolerated']} may be absent"
    )
