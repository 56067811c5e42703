"""An obligation as a person and as a script see it: text, and the JSON of `carbonport obligation`.

The JSON is a public contract: names stay, numbers are decimal strings (exact, or 34 significant digits where a
rule divides), euros have two decimals, and the versions of all tables stand in it.
"""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from carbonport.crypto.canonical import Json
from carbonport.footprint.obligation.assess import Obligation, explain_obligation, explanation_of
from carbonport.footprint.obligation.calendar_year import YearTotals
from carbonport.footprint.obligation.import_table import euros, plain_number
from carbonport.node.cli.obligation_batch import BatchSummary


def obligation_json(
    obligation: Obligation, versions: Mapping[str, str], *, explained: bool
) -> dict[str, Json]:
    """The contract's object for one line; with `explained` its explanation too."""
    line, rules = obligation.line, obligation.prepared.rules
    benchmark = None if line.sefa is not None else rules.benchmark
    default = rules.default
    against = obligation.against_default
    data: dict[str, Json] = {
        "ok": True,
        "cn": line.cn,
        "origin": rules.origin,
        "year": line.year,
        "tonnes": plain_number(line.tonnes),
        "price_eur": plain_number(line.price),
        "see": plain_number(obligation.see),
        "embedded_t": plain_number(obligation.embedded_t),
        "free_allocation_t": plain_number(obligation.free_allocation_t),
        "reduction_t": plain_number(obligation.reduction_t),
        "certificates": plain_number(obligation.certificates),
        "cost_eur": euros(obligation.cost_eur),
        "default_used": obligation.default_used,
        "default_value": None if default is None else plain_number(default.value.total),
        "default_origin": None if default is None else default.value.country,
        "markup": None if rules.markup is None else plain_number(rules.markup),
        "benchmark": None if benchmark is None else plain_number(benchmark.value),
        "benchmark_column": None if benchmark is None else benchmark.column,
        "benchmark_route": None if benchmark is None else benchmark.route or None,
        "exempt": obligation.prepared.shape.exempt or None,
        "against_default": None
        if against is None
        else {
            "certificates": plain_number(against.certificates),
            "cost_eur": euros(against.cost_eur),
            "saving_eur": euros(against.saving_eur),
        },
        "notes": list(obligation.prepared.notes),
        "tables": dict(versions),
    }
    if explained:
        data["explanation"] = explain_obligation(obligation)
    return data


def print_obligation(
    console: Console, obligation: Obligation, versions: Mapping[str, str], *, explained: bool
) -> None:
    """The line for people."""
    data = obligation_json(obligation, versions, explained=False)
    unit = obligation.prepared.shape.unit
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    rows = [
        ("good", f"{data['cn']} from {data['origin']}, {data['tonnes']} {unit}, {data['year']}"),
        (
            "SEE",
            f"{data['see']} tCO2e/{unit} " + ("default, with mark-up" if data["default_used"] else "actual"),
        ),
        ("embedded", f"{data['embedded_t']} tCO2e"),
        ("free allocation", f"{data['free_allocation_t']} tCO2e"),
        ("carbon price paid", f"{data['reduction_t']} tCO2e"),
        ("certificates", f"{data['certificates']}"),
        ("cost", f"{data['cost_eur']} EUR at {data['price_eur']} EUR each"),
    ]
    against = obligation.against_default
    if against is not None:
        rows.append(("by default value", f"{euros(against.cost_eur)} EUR"))
        rows.append(("actual data save", f"{euros(against.saving_eur)} EUR"))
    for name, text in rows:
        table.add_row(Text(name, style="dim"), Text(text))
    console.print(table)
    for note in obligation.prepared.notes:
        console.print(Text(f"  {note}", style="dim"))
    console.print(Text("  tables: " + "; ".join(versions.values()), style="dim"))
    if explained:
        console.print()
        for text in explanation_of(obligation):
            console.print(Text(text), soft_wrap=True)


def summary_json(summary: BatchSummary, out: str) -> Json:
    """What came of a file of imports."""
    return {
        "ok": summary.errors == 0,
        "out": out,
        "lines": summary.lines,
        "errors": summary.errors,
        "first_errors": [
            {"line": number, "id": error_id, "found": found}
            for number, error_id, found in summary.first_errors
        ],
        "columns_not_used": list(summary.copied),
        "threshold_applied": summary.threshold_applied,
        "years": [_year_json(total) for _, total in sorted(summary.years.items())],
        "tables": dict(summary.versions),
    }


def print_summary(console: Console, summary: BatchSummary, out: str) -> None:
    """The same for people."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in (
        "importer",
        "year",
        "lines",
        "net mass t",
        "embedded t",
        "certificates",
        "cost EUR",
        "saved EUR",
    ):
        table.add_column(heading, justify="left" if heading == "importer" else "right", no_wrap=True)
    for _, total in sorted(summary.years.items()):
        table.add_row(
            Text(total.importer or "-"),
            str(total.year),
            str(total.lines),
            euros(total.net_mass_t),
            euros(total.embedded_t),
            euros(total.certificates),
            euros(total.cost_eur),
            euros(total.saving_eur),
        )
    console.print(table)
    console.print(Text(f"{summary.lines} lines, {summary.errors} with errors, written to {out}"))
    if not summary.threshold_applied:
        console.print(
            Text("The 50 t rule was not applied: the file names no importers (or say --whole-year).", "dim")
        )
    if summary.copied:
        console.print(Text(f"Columns not used: {', '.join(summary.copied)}", "dim"))
    for number, error_id, found in summary.first_errors:
        console.print(Text(f"  line {number}: {error_id}: {found}", "red"))


def _year_json(total: YearTotals) -> Json:
    return {
        "importer": total.importer,
        "year": total.year,
        "lines": total.lines,
        "exempt_lines": total.exempt_lines,
        "default_lines": total.default_lines,
        "net_mass_t": plain_number(total.net_mass_t),
        "embedded_t": plain_number(total.embedded_t),
        "free_allocation_t": plain_number(total.free_allocation_t),
        "certificates": plain_number(total.certificates),
        "cost_eur": euros(total.cost_eur),
        "saving_eur": euros(total.saving_eur),
    }
