"""How a checked result is shown: sums exactly, statistics rounded for the eye and exact in JSON, refusals with
reasons."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from carbonport.errors import Misuse
from carbonport.footprint.exact_decimal import decimal_text, round_half_up
from carbonport.node.aggregation.local.local_cast import LOCAL_REMARK, LOCAL_VERIFIER
from carbonport.node.aggregation.local.session import TOTAL
from carbonport.node.aggregation.result_check import CheckedResult
from carbonport.node.aggregation.result_statement import exact_sums
from carbonport.node.aggregation.statistics import Sums, balances, ratios, shares
from carbonport.node.cli.home_options import print_json, shown

SHOWN_DECIMALS = 4
"""Decimals of a ratio or share in the table; JSON has them exactly, or to 34 digits."""

BALANCED_PREFIXES = ("allocation", "emissions")
"""Columns named so, with the same rest of the name, are balanced unasked: the first less the second."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which statistics are wanted besides the sums: a pair of metrics for the balance (or none), pairs for ratios, and
    whether shares of the total."""

    balance: tuple[str, str] | None = None
    ratios: tuple[tuple[str, str], ...] = ()
    shares: bool = False

    @classmethod
    def read(
        cls, metrics: Sequence[str], *, balance: str = "", ratios: Sequence[str] = (), shares: bool = False
    ) -> "Wanted":
        """From the words of a command."""
        pair = _pair(balance, ",", metrics) if balance else _unasked_balance(metrics)
        return cls(pair, tuple(_pair(text, "/", metrics) for text in ratios), shares)


def aggregate_json(checked: CheckedResult, wanted: Wanted) -> dict[str, Any]:
    """The result for scripts. `released` has nothing but exact sums; `verified` is the outcome of every check."""
    plan, result, sums = checked.plan, checked.result, _sums(checked)
    found: dict[str, Any] = {
        "verified": checked.report.ok,
        "released": {
            cohort: {metric: format(value, "f") for metric, value in one.items()}
            for cohort, one in sums.items()
        },
        "refused": {}
        if result is None
        else {name: refusal.reason for name, refusal in result.refused.items()},
        "members": {} if result is None else {name: one.members for name, one in result.sums.items()},
    }
    if wanted.balance is not None:
        values = balances(sums, *wanted.balance)
        found["balance"] = {
            "of": wanted.balance[0],
            "less": wanted.balance[1],
            "by_group": {cohort: format(value, "f") for cohort, value in values.items()},
        }
    if wanted.ratios:
        found["ratios"] = {
            f"{a}/{b}": {cohort: decimal_text(value) for cohort, value in ratios(sums, a, b).items()}
            for a, b in wanted.ratios
        }
    if wanted.shares:
        found["shares"] = {
            metric: {cohort: decimal_text(value) for cohort, value in shares(sums, metric, TOTAL).items()}
            for metric in _metrics(sums)
        }
    if plan is not None:
        threshold = plan.content.holder_threshold
        found["holders"] = {
            "n": threshold.holders,
            "k": threshold.threshold,
            "votes_needed": threshold.votes_needed,
            "absent_tolerated": threshold.absent_tolerated,
        }
    found["local"] = _remark(checked)
    found["checks"] = [check.as_json() for check in checked.report.checks]
    return found


def show_checked(checked: CheckedResult, as_json: bool, wanted: Wanted | None = None) -> None:
    """Show a checked result, and end with 1 when a check failed."""
    if wanted is None:
        metrics = [] if checked.plan is None else [metric.name for metric in checked.plan.content.metrics]
        wanted = Wanted.read(metrics)
    if as_json:
        print_json({"ok": checked.report.ok, **aggregate_json(checked, wanted)})
    else:
        print_aggregate(checked, wanted, Console(highlight=False))
    if not checked.report.ok:
        sys.exit(1)


def print_aggregate(checked: CheckedResult, wanted: Wanted, console: Console) -> None:
    """The result for a person."""
    result, sums = checked.result, _sums(checked)
    if result is not None:
        _print_sums(sums, {name: one.members for name, one in result.sums.items()}, wanted, console)
        for name, refusal in result.refused.items():
            console.print(f"[bold]{shown(name)}[/bold] is not released: {shown(refusal.reason)}")
    for check in checked.report.checks:
        mark = "[green]ok[/green]" if check.ok else "[bold red]NO[/bold red]"
        console.print(f"  {mark}  {check.id}: {shown(check.found)}")
    remark = _remark(checked)
    if remark:
        console.print(f"[yellow]local[/yellow]: {shown(remark)}")
    if checked.plan is not None and not checked.plan.content.holder_threshold.absent_tolerated:
        console.print("every holder's vote was needed; of 5 holders with threshold 2 one may be absent")


def _print_sums(sums: Sums, members: Mapping[str, int], wanted: Wanted, console: Console) -> None:
    table = Table("released", "contributors", *_metrics(sums))
    extra: list[Mapping[str, str]] = []
    if wanted.balance is not None:
        table.add_column(f"{wanted.balance[0]} less {wanted.balance[1]}")
        extra.append({c: _signed(v) for c, v in balances(sums, *wanted.balance).items()})
    for a, b in wanted.ratios:
        table.add_column(f"{a}/{b}")
        extra.append({c: f"{round_half_up(v, SHOWN_DECIMALS):f}" for c, v in ratios(sums, a, b).items()})
    if wanted.shares:
        for metric in _metrics(sums):
            table.add_column(f"share of {metric}")
            extra.append(
                {
                    c: f"{round_half_up(100 * v, SHOWN_DECIMALS - 2):f} %"
                    for c, v in shares(sums, metric, TOTAL).items()
                }
            )
    for cohort, one in sums.items():
        cells = [format(value, "f") for value in one.values()] + [column.get(cohort, "") for column in extra]
        table.add_row(shown(cohort), str(members[cohort]), *cells)
    console.print(table)


def _sums(checked: CheckedResult) -> Sums:
    """The sums of a checked result with the total last; nothing when a check failed."""
    if not checked.report.ok or checked.plan is None or checked.result is None:
        return {}
    sums = exact_sums(checked.plan, checked.result)
    return {name: sums[name] for name in sorted(sums, key=lambda name: (name == TOTAL, name))}


def _metrics(sums: Sums) -> list[str]:
    return list(next(iter(sums.values()), {}))


def _signed(value: Decimal) -> str:
    return f"{value:+f}"


def _remark(checked: CheckedResult) -> str:
    """What has to be said of a result whose rows no real verifier signed."""
    local = (
        checked.plan is not None and checked.plan.issuer.partition("/")[0] == LOCAL_VERIFIER.partition("/")[0]
    )
    return f"all parties were played on one machine; {LOCAL_REMARK}" if local else ""


def _unasked_balance(metrics: Sequence[str]) -> tuple[str, str] | None:
    first, second = BALANCED_PREFIXES
    for metric in metrics:
        other = second + metric.removeprefix(first)
        if metric.startswith(first) and other in metrics:
            return metric, other
    return None


def _pair(text: str, separator: str, metrics: Sequence[str]) -> tuple[str, str]:
    first, _, second = (part.strip() for part in text.partition(separator))
    if first not in metrics or second not in metrics or first == second:
        raise Misuse(
            "aggregate-pair",
            found=repr(text[:100]),
            expected=f"two different summed columns with {separator!r} between them",
            remedy="Name columns that are given with --sum.",
        )
    return first, second
