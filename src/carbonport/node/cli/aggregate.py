"""`carbonport aggregate`: sums over several parties that anyone can check."""

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from carbonport.classification.disclosure_control import DEFAULT_MINIMUM_COHORT, LEAST_COHORT
from carbonport.crypto.ambient import system_clock
from carbonport.errors import Misuse
from carbonport.node.aggregation.contribute_once import interval_of
from carbonport.node.aggregation.local.row_table import read_table
from carbonport.node.aggregation.local.session import LocalOrder, run_local
from carbonport.node.aggregation.plan import COHORT_SIZE, MAX_INVITED, RULES
from carbonport.node.cli.aggregate_register import register_app
from carbonport.node.cli.aggregate_report import Wanted, show_checked
from carbonport.node.cli.aggregate_sessions import OnceOption, attach, run_session
from carbonport.node.cli.home_options import HomeOption, JsonOption, PassphraseFileOption
from carbonport.node.file_problem import require_place
from carbonport.node.identity.private_files import write_public

aggregate_app = typer.Typer(no_args_is_help=True, help="Sums over several parties that anyone can check.")


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    if not aggregate_app.registered_commands[1:]:
        attach(aggregate_app)
        aggregate_app.add_typer(register_app, name="register")
    app.add_typer(aggregate_app, name="aggregate")


@aggregate_app.command("run")
def run(
    local: Annotated[
        Path | None,
        typer.Option(help="Table (CSV), each row a contributor; all parties are played on this machine."),
    ] = None,
    sums: Annotated[
        list[str] | None, typer.Option("--sum", help="With --local: column to sum; repeatable.")
    ] = None,
    by: Annotated[str, typer.Option(help="Column that says which group a row is in.")] = "",
    total: Annotated[bool, typer.Option("--total", help="Also the sum over everyone.")] = False,
    consent: Annotated[
        str,
        typer.Option(
            help="Groups, separated by commas, of which every member consents to being few (3 or 4); or `total`."
        ),
    ] = "",
    minimum_cohort: Annotated[
        int,
        typer.Option(min=LEAST_COHORT, max=MAX_INVITED, help="Fewest contributors of a released sum."),
    ] = DEFAULT_MINIMUM_COHORT,
    rule: Annotated[
        str,
        typer.Option(
            help=f"Rule of disclosure: {', '.join(sorted(RULES))}. All but the first bring a releaser, who tests "
            "it on the true values."
        ),
    ] = COHORT_SIZE,
    holders: Annotated[int, typer.Option(min=2, max=15, help="Key holders (n).")] = 3,
    threshold: Annotated[
        int, typer.Option(min=2, max=15, help="Holders that together can read a sum (k).")
    ] = 2,
    period: Annotated[
        str, typer.Option(help="Period of the figures, YYYY-MM-DD/YYYY-MM-DD; default: last year.")
    ] = "",
    balance: Annotated[
        str,
        typer.Option(
            help="Two columns A,B: A less B of each released group. Default: allocation less emissions."
        ),
    ] = "",
    ratio: Annotated[
        list[str] | None,
        typer.Option(help="A/B: ratio of two sums, the mean weighted by B; repeatable."),
    ] = None,
    shares: Annotated[
        bool, typer.Option("--shares", help="Each released group's share of the total.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the result with everything to check it to this file.")
    ] = None,
    session: Annotated[
        str, typer.Option(help="As a coordinator: take this session between nodes to its end.")
    ] = "",
    without_absent: Annotated[
        bool,
        typer.Option(
            "--without-absent",
            help="With --session: go on without those who did not contribute, or did not search.",
        ),
    ] = False,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="With --session: a contributor to leave out; repeatable.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            help="With --session: a contributor to keep although a holder named its share; repeatable."
        ),
    ] = None,
    once: OnceOption = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a sum: over a table with every party played on this machine (--local), or a session between nodes
    (--session).

    With --local a verifier of this machine signs the rows as they are given, and the result says so.
    """
    if (local is None) == (not session):
        raise Misuse(
            "aggregate-run",
            found="neither or both of --local and --session",
            expected="--local TABLE.csv --sum COLUMN, or --session NAME",
            remedy="Say which of the two is meant.",
        )
    if local is None:
        run_session(
            session,
            go_without=without_absent,
            left_out=leave_out or [],
            kept=keep or [],
            once=once,
            home=home,
            passphrase_file=passphrase_file,
            as_json=as_json,
        )
        return
    sums = sums or []
    if out is not None:
        require_place(out)
    now = system_clock()
    wanted = Wanted.read(sums, balance=balance, ratios=ratio or (), shares=shares)
    order = LocalOrder(
        table=read_table(local, by=by, sums=sums),
        period=period or _last_year(now),
        total=total,
        consents=_names(consent),
        holders=holders,
        threshold=threshold,
        minimum=minimum_cohort,
        rule=_rule(rule),
    )
    interval_of(order.period)
    console = Console(stderr=True)
    with console.status("aggregate ...") if not as_json else nullcontext() as status:

        def tell(step: str, done: int, of: int) -> None:
            if status is not None:
                status.update(f"{step} {done + 1} of {of} ...")

        outcome = run_local(order, now=now, tell=tell)
    if out is not None:
        write_public(out, outcome.data)
    show_checked(outcome.checked, as_json, wanted)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if text and not names:
        raise Misuse(
            "aggregate-consent",
            found=repr(text[:80]),
            expected="names of groups, separated by commas, such as III,V",
            remedy="Leave --consent away when nobody consents.",
        )
    return names


def _rule(text: str) -> str:
    if text not in RULES:
        raise Misuse(
            "aggregate-rule",
            found=repr(text[:80]),
            expected=f"one of {', '.join(sorted(RULES))}",
            remedy="Name a rule of disclosure, or leave --rule away.",
        )
    return text


def _last_year(now: int) -> str:
    year = datetime.fromtimestamp(now, UTC).year - 1
    return f"{year}-01-01/{year}-12-31"
