"""The *explain* reader as one self-contained HTML page: what a verifier reads and keeps.

Every number stands once, with its equation, its arithmetic and the cell or act it comes from; whoever uses it
links to it. No script, no font, no address outside the page; all texts are escaped. The page shows plant
figures: it is for the operator and the verifier.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from html import escape

from carbonport.footprint.calculation import Calculation
from carbonport.footprint.evaluate import evaluate, source_values
from carbonport.footprint.exact_decimal import decimal_text, round_half_up
from carbonport.footprint.explain import formula, origin, shown_number
from carbonport.footprint.graph import Constant, Graph, Input, Node
from carbonport.footprint.scopes_compared import ScopesCompared, scopes_compared

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1b1f23}
h1{font-size:1.6rem;margin-bottom:0}h2{margin-top:2.2rem;border-bottom:2px solid #2b6a4d;padding-bottom:.2rem}
table{border-collapse:collapse;width:100%;margin:.6rem 0}th,td{text-align:left;padding:.25rem .6rem}
th{font-weight:600;border-bottom:1px solid #999}td.n{text-align:right;font-variant-numeric:tabular-nums}
tr:nth-child(even) td{background:#f6f8f7}.q{color:#57606a;font-size:.9em}
.node{border-left:3px solid #d0d7de;margin:.5rem 0;padding:.15rem .8rem}
.node:target{background:#fff8c5;border-color:#bf8700}.input{border-color:#2b6a4d}.constant{border-color:#5a4fcf}
.v{font-variant-numeric:tabular-nums;font-weight:600}code{font-size:.85em;overflow-wrap:anywhere}
@media print{a{color:inherit;text-decoration:none}.node{break-inside:avoid}}
""".strip()

RESULTS = ("see_direct", "see_indirect", "see_indirect_in_scope", "see_total", "default_share")


def explanation_page(calculation: Calculation) -> Iterator[str]:
    """The page in pieces, so that a large one need not stand in memory twice."""
    ledger = calculation.ledger
    title = f"{ledger.installation}, {ledger.period.start} to {ledger.period.end}"
    yield (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        f"<title>{escape(title)}</title>"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{STYLE}</style></head><body>\n<h1>{escape(ledger.installation)}</h1>\n"
        f"<p>{escape(ledger.country)}, {ledger.period.start} to {ledger.period.end}, "
        f"{escape(calculation.scope.value)} scope. Exact arithmetic; only what is marked so is rounded.</p>\n"
    )
    yield from _summary(calculation)
    seen: dict[bytes, str] = {}
    for number, good in enumerate(calculation.goods, start=1):
        anchor = f"g{number}"
        yield f"<h2>CN {escape(good.cn)}, {escape(ledger.process(good.process).label)}</h2>\n"
        yield f"<p class=q>Graph <code>{good.graph.digest.hex()}</code></p>\n"
        for problem in good.problems:
            yield f"<p>No {escape(problem.result)}: {escape(problem.error.found)}. {escape(problem.error.remedy)}</p>\n"
        if good.graph.digest in seen:
            yield f'<p>The same as <a href="#{seen[good.graph.digest]}">above</a>.</p>\n'
            continue
        seen[good.graph.digest] = anchor
        yield from _graph(good.graph, calculation, anchor)
    yield "<h2>Installation</h2>\n"
    yield from _graph(calculation.installation.graph, calculation, "i")
    yield from _scopes(calculation)
    yield "</body></html>\n"


def _scopes(calculation: Calculation) -> Iterator[str]:
    """How CBAM values and product footprints differ, per good; goods alike in it together."""
    yield "<h2>What this is not: a product carbon footprint</h2>\n"
    alike: dict[ScopesCompared, list[str]] = {}
    for good in calculation.goods:
        alike.setdefault(scopes_compared(calculation, good), []).append(good.cn)
    for compared, codes in alike.items():
        value, *_ = compared.texts()
        yield f"<p>CN {escape(', '.join(codes))}: {escape(value)}.</p>\n"
        yield "<table><tr><th>Subject<th>CBAM<th>Product footprint (ISO 14067, PACT)</tr>\n"
        for line in compared.lines:
            yield f"<tr><td>{escape(line.subject)}<td>{escape(line.cbam)}<td>{escape(line.footprint)}</tr>\n"
        yield "</table>\n"


def _summary(calculation: Calculation) -> Iterator[str]:
    yield "<table><tr><th>CN<th>Process<th>Result<th>Value<th>As stated<th>From declared values</tr>\n"
    for number, good in enumerate(calculation.goods, start=1):
        for name in RESULTS:
            if name not in good.source:
                continue
            target = f"g{number}-{_index(good.graph)[good.graph.outputs[name]]}"
            unit = good.graph[good.graph.outputs[name]].unit
            yield (
                f"<tr><td>{escape(good.cn)}<td>{escape(calculation.ledger.process(good.process).label)}"
                f'<td><a href="#{target}">{escape(name.replace("_", " "))}</a>'
                f"<td class=n>{decimal_text(good.source[name])} {escape('' if unit == '1' else unit)}"
                f"<td class=n>{round_half_up(good.source[name], 5):f}"
                f"<td class=n>{round_half_up(good.declared[name], 5):f}</tr>\n"
            )
    yield "</table>\n"
    if calculation.notices:
        yield "<h2>Worth knowing</h2><ul>\n"
        for notice in calculation.notices:
            where = f"{notice.where}: " if notice.where else ""
            yield f"<li>{escape(where + notice.text)}</li>\n"
        yield "</ul>\n"
    tables = ", ".join(calculation.table_versions.values())
    yield f"<p class=q>Tables: {escape(tables)}</p>\n"


def _graph(graph: Graph, calculation: Calculation, anchor: str) -> Iterator[str]:
    """Results first, then what they are made of: every node once, in reverse order of building."""
    numbers = evaluate(graph, source_values(calculation.ledger))
    index = _index(graph)
    names: dict[str, list[str]] = {}
    for name, node_id in graph.outputs.items():
        names.setdefault(node_id, []).append(name)
    yield f'<div id="{anchor}">\n'
    for node in reversed(graph.nodes):
        yield from _node(node, numbers, index, anchor, names.get(node.id, []), calculation)
    yield "</div>\n"


def _node(
    node: Node,
    numbers: Mapping[str, Fraction],
    index: Mapping[str, int],
    anchor: str,
    names: list[str],
    calculation: Calculation,
) -> Iterator[str]:
    unit = "" if node.unit == "1" else f" {node.unit}"
    called = f" <span class=q>({escape(', '.join(names))})</span>" if names else ""
    yield (
        f'<div class="node {node.kind}" id="{anchor}-{index[node.id]}">{escape(node.label)}: '
        f"<span class=v>{escape(shown_number(numbers[node.id]) + unit)}</span>{called}<br>"
    )
    if isinstance(node, Input):
        yield f"<span class=q>from {escape(origin(node, calculation.ledger))}</span>"
    elif isinstance(node, Constant):
        yield f"<span class=q>from {escape(node.source)}</span>"
    else:
        links = ", ".join(
            f'<a href="#{anchor}-{index[operand]}">{shown_number(numbers[operand])}</a>'
            for operand in node.operands()
        )
        yield f"<code>= {escape(formula(node, numbers))}</code>"
        yield f" <span class=q>{escape(node.equation)}</span><br><span class=q>made of {links or 'nothing'}</span>"
    yield "</div>\n"


def _index(graph: Graph) -> Mapping[str, int]:
    return {node.id: number for number, node in enumerate(graph.nodes)}
