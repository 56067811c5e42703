"""A calculation as a person and as a script see it: the text report, and the JSON of `carbonport calculate`.

The JSON is a public contract: names stay, numbers are decimal strings (exact, or 34 significant digits), a
result that cannot be had is null and stands in `problems`. Both show plant figures and belong to the
operator.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from rich.console import Console
from rich.table import Table
from rich.text import Text

from carbonport.crypto.canonical import Json
from carbonport.footprint.calculation import SEE_RESULTS, Calculation, GoodResult
from carbonport.footprint.evaluate import source_values
from carbonport.footprint.exact_decimal import decimal_text, round_half_up
from carbonport.footprint.explain import explain, explanation_lines
from carbonport.footprint.scopes_compared import scopes_compared

SEE_LABELS = {
    "see_direct": "SEE direct",
    "see_indirect": "SEE indirect",
    "see_indirect_in_scope": "of that in scope",
    "see_total": "SEE in scope",
}
"""Results of a good in the order of the report."""

SHOWN_CHARACTERS = 22
"""Of a number at full precision in the text report; the JSON has all of it."""

INSTALLATION_LABELS = {
    "direct_emissions": "direct emissions",
    "biomass_emissions": "biomass, zero-rated",
    "indirect_emissions": "indirect emissions",
}


def calculation_json(
    calculation: Calculation, document: str, notes: Sequence[str], unused: Sequence[str], *, explained: bool
) -> Json:
    """The contract's object; with `explained` each good carries its explanation. `unused` names, sheet by sheet, the
    filled-in cells that no result depends on."""
    ledger, installation = calculation.ledger, calculation.installation
    totals: dict[str, Json] = {"name": ledger.installation, "country": ledger.country}
    for name in INSTALLATION_LABELS:
        number = installation.source.get(name)
        totals[f"{name}_t"] = None if number is None else decimal_text(number)
    totals["direct_emissions_t_rounded"] = decimal_text(installation.source["direct_emissions_rounded"])
    totals["direct_emissions_t_declared"] = decimal_text(installation.declared["direct_emissions"])
    return {
        "ok": True,
        "document": document,
        "scope": calculation.scope.value,
        "period": {"start": ledger.period.start.isoformat(), "end": ledger.period.end.isoformat()},
        "goods": [_good_json(good, calculation, explained=explained) for good in calculation.goods],
        "installation": totals,
        "notices": [
            {"id": notice.id, "text": notice.text, "where": notice.where} for notice in calculation.notices
        ],
        "notes": list(notes),
        "unused": list(unused),
        "tables": dict(calculation.table_versions),
    }


def _good_json(good: GoodResult, calculation: Calculation, *, explained: bool) -> Json:
    ledger = calculation.ledger
    entry = good.rules.entry
    data: dict[str, Json] = {
        "process": ledger.process(good.process).label,
        "process_id": good.process,
        "cn": good.cn,
        "product": good.rules.good.label,
        "category": entry.category,
    }
    for name in SEE_RESULTS:
        data[name] = _text(good.source, name)
        data[f"{name}_rounded"] = _fixed(good.source, name)
    data |= {
        "see_indirect_in_scope": _text(good.source, "see_indirect_in_scope"),
        "see_direct_per_functional_unit": _text(good.source, "see_direct_per_functional_unit"),
        "see_total_per_functional_unit": _text(good.source, "see_total_per_functional_unit"),
        "sefa": _text(good.allocation.source, "sefa") if good.allocation else None,
        "sefa_rounded": _fixed(good.allocation.source, "sefa") if good.allocation else None,
        "sefa_problem": good.allocation.problem.as_dict()
        if good.allocation and good.allocation.problem
        else None,
        "unit": good.graph[good.graph.outputs["see_direct"]].unit,
        "functional_unit": entry.functional_unit,
        "indirect_in_scope": good.rules.indirect_in_scope,
        "default_share": _text(good.source, "default_share"),
        "default_share_rounded": _fixed(good.source, "default_share"),
        "attributed_direct_t": _text(good.source, "attributed_direct"),
        "attributed_indirect_t": _text(good.source, "attributed_indirect"),
        "declared": {f"{name}_rounded": _fixed(good.declared, name) for name in SEE_RESULTS}
        | {name: _text(good.declared, name) for name in SEE_RESULTS},
        "declared_minus_source": {
            name: decimal_text(good.declared[name] - good.source[name])
            for name in SEE_RESULTS
            if name in good.source
        },
        "electricity_factor": {
            "basis": good.rules.electricity.basis,
            "reason": good.rules.electricity.reason,
        },
        "graph_digest": good.graph.digest.hex(),
        "problems": [{"result": problem.result} | problem.error.as_dict() for problem in good.problems],
    }
    if explained:
        data["explanation"] = explain(good.graph, ledger, source_values(ledger))
        data["scopes_compared"] = scopes_compared(calculation, good).to_json()
    return data


def _text(results: Mapping[str, Fraction], name: str) -> str | None:
    return decimal_text(results[name]) if name in results else None


def _fixed(results: Mapping[str, Fraction], name: str) -> str | None:
    """With all 5 decimals, as attestations state it."""
    return format(round_half_up(results[name], 5), "f") if name in results else None


def _shortened(number: Fraction) -> str:
    text = decimal_text(number)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def print_calculation(
    console: Console, calculation: Calculation, notes: Sequence[str], *, explained: bool
) -> None:
    """The text report: goods that share their results together, then the installation, then what to know."""
    ledger = calculation.ledger
    console.print(
        Text.assemble(
            (ledger.installation, "bold"),
            f", {ledger.country}, {ledger.period.start} to {ledger.period.end}, {calculation.scope} scope",
        )
    )
    for group in _alike(calculation.goods):
        _print_group(console, group, calculation)
    _print_installation(console, calculation)
    words = [
        f"{notice.where}: {notice.text}" if notice.where else notice.text for notice in calculation.notices
    ]
    if words or notes:
        console.print(Text("\nWorth knowing", style="bold"))
        lines = Table.grid(padding=(0, 1))
        for line in [*words, *notes]:
            lines.add_row("  ·", Text(line))
        console.print(lines)
    if explained:
        _print_explanations(console, calculation)
    else:
        console.print(Text("\nEach number with its equation and source: --explain", style="dim"))


def _alike(goods: Iterable[GoodResult]) -> list[list[GoodResult]]:
    """Goods of one process with the same results and problems, in order."""
    groups: dict[object, list[GoodResult]] = {}
    for good in goods:
        key = (good.process, tuple(sorted(good.source.items())), good.rules.indirect_in_scope)
        groups.setdefault(key, []).append(good)
    return list(groups.values())


def _print_group(console: Console, group: list[GoodResult], calculation: Calculation) -> None:
    good = group[0]
    console.print(Text(f"\n{calculation.ledger.process(good.process).label}", style="bold cyan"))
    console.print(Text("  CN " + ", ".join(item.cn for item in group)))
    table = Table(box=None, padding=(0, 2), show_header=True, header_style="dim")
    table.add_column("")
    unit = good.graph[good.graph.outputs["see_direct"]].unit
    table.add_column(unit, justify="right", style="bold", no_wrap=True)
    table.add_column("at full precision", no_wrap=True)
    table.add_column("as declared", justify="right", style="dim", no_wrap=True)
    for name, label in SEE_LABELS.items():
        if name in good.source:
            table.add_row(
                label,
                _fixed(good.source, name),
                _shortened(good.source[name]),
                _fixed(good.declared, name),
            )
        elif name in SEE_RESULTS:
            table.add_row(label, Text("absent", style="yellow"), "see below", "")
    table.add_row("share of defaults", _fixed(good.source, "default_share"), "of direct emissions", "")
    console.print(table)
    if not good.rules.indirect_in_scope:
        console.print(Text("  indirect emissions do not count for this good in this scope", style="dim"))
    for error in dict.fromkeys(problem.error for problem in good.problems):
        absent = " and ".join(problem.result for problem in good.problems if problem.error is error)
        console.print(Text(f"  {absent} cannot be given: {error.found}", style="yellow"))
        console.print(Text(f"  {error.remedy}", style="yellow"))


def _print_installation(console: Console, calculation: Calculation) -> None:
    console.print(Text("\nInstallation", style="bold cyan"))
    table = Table(box=None, padding=(0, 2), show_header=True, header_style="dim")
    table.add_column("")
    table.add_column("tCO2e", justify="right", style="bold", no_wrap=True)
    table.add_column("at full precision", no_wrap=True)
    for name, label in INSTALLATION_LABELS.items():
        number = calculation.installation.source.get(name)
        if number is not None:
            table.add_row(label, f"{round_half_up(number, 0):f}", _shortened(number))
    console.print(table)


def _print_explanations(console: Console, calculation: Calculation) -> None:
    values = source_values(calculation.ledger)
    for group in _alike(calculation.goods):
        good = group[0]
        names = [name for name in ("see_total", "see_direct", "see_indirect") if name in good.source]
        shown: set[str] = set()
        for name in names:
            node = good.graph.outputs[name]
            if node in shown:
                continue
            shown.update(item.id for item in good.graph.ancestors(name))
            console.print()
            for line in explanation_lines(good.graph, calculation.ledger, values, name):
                console.print(Text(line), soft_wrap=True)
        console.print(
            Text("\nNot a product carbon footprint: " + ", ".join(item.cn for item in group), style="bold")
        )
        for line in scopes_compared(calculation, good).texts():
            console.print(Text(f"  · {line}"), soft_wrap=True)
