"""Many lines of imports at once: lines of one shape share one graph, evaluated for all of them column by column.

Gives for each line what `assess.assess` gives, or the error it raises; one bad line spoils no other. The
explanation of a line is made when someone asks for it.
"""

from collections.abc import Sequence
from decimal import Decimal

from carbonport.errors import CarbonportError
from carbonport.footprint.evaluate_columns import evaluate_columns
from carbonport.footprint.obligation.assess import (
    Number,
    Obligation,
    Prepared,
    assess,
    compared,
    default_counterpart,
    prepare,
)
from carbonport.footprint.obligation.carbon_price import DEFAULT_RULE, ReductionRule
from carbonport.footprint.obligation.import_line import ImportLine
from carbonport.footprint.obligation.line_rules import RuleFinder
from carbonport.footprint.obligation.obligation_graph import Shape, obligation_graph

Outcome = Obligation | CarbonportError
"""The answer for a line, or why there is none."""


def assess_lines(
    lines: Sequence[ImportLine], finder: RuleFinder, rule: ReductionRule = DEFAULT_RULE
) -> list[Outcome]:
    """The outcomes of `lines`, in their order. Memory grows with the lines given: pass them in portions."""
    outcomes = _by_shape([_prepared(line, finder, rule) for line in lines], finder, rule)
    actual = [
        (place, counterpart)
        for place, outcome in enumerate(outcomes)
        if isinstance(outcome, Obligation) and not outcome.prepared.shape.exempt
        if (counterpart := default_counterpart(outcome.line)) is not None
    ]
    if actual:
        defaults = _by_shape(
            [_prepared(counterpart, finder, rule) for _, counterpart in actual], finder, rule
        )
        for (place, _), by_default in zip(actual, defaults, strict=True):
            outcome = outcomes[place]
            if isinstance(outcome, Obligation) and isinstance(by_default, Obligation):
                outcomes[place] = compared(outcome, by_default)
    return outcomes


def _prepared(line: ImportLine, finder: RuleFinder, rule: ReductionRule) -> Prepared | CarbonportError:
    try:
        return prepare(line, finder, rule)
    except CarbonportError as error:
        return error


def _by_shape(
    prepared: Sequence[Prepared | CarbonportError], finder: RuleFinder, rule: ReductionRule
) -> list[Outcome]:
    outcomes: list[Outcome | None] = [
        each if isinstance(each, CarbonportError) else None for each in prepared
    ]
    groups: dict[Shape, list[tuple[int, Prepared]]] = {}
    # Lines without anything special share their rules' own shape object: told apart by identity, which is
    # cheaper than comparing shapes.
    by_identity: dict[int, list[tuple[int, Prepared]]] = {}
    for place, each in enumerate(prepared):
        if isinstance(each, CarbonportError):
            continue
        group = by_identity.get(id(each.shape))
        if group is None:
            group = by_identity[id(each.shape)] = groups.setdefault(each.shape, [])
        group.append((place, each))
    for shape, members in groups.items():
        for (place, _), outcome in zip(members, _evaluated(shape, members, finder, rule), strict=True):
            outcomes[place] = outcome
    return [outcome for outcome in outcomes if outcome is not None]


def _evaluated(
    shape: Shape, members: Sequence[tuple[int, Prepared]], finder: RuleFinder, rule: ReductionRule
) -> list[Outcome]:
    graph = obligation_graph(shape)
    columns: dict[str, list[Decimal]] = {
        node.path: [each.values[node.path] for _, each in members] for node in graph.inputs()
    }
    try:
        numbers = evaluate_columns(graph, columns, len(members))
    except CarbonportError:
        return [_alone(each, finder, rule) for _, each in members]
    results: dict[str, Sequence[Number]] = {name: numbers[node_id] for name, node_id in graph.outputs.items()}
    reductions = results.get("reduction_t") or [Decimal(0)] * len(members)
    return [
        Obligation(each, see, embedded, free, reduction, certificates, cost)
        for (_, each), see, embedded, free, reduction, certificates, cost in zip(
            members,
            results["see"],
            results["embedded_t"],
            results["free_allocation_t"],
            reductions,
            results["certificates"],
            results["cost_eur"],
            strict=True,
        )
    ]


def _alone(prepared: Prepared, finder: RuleFinder, rule: ReductionRule) -> Outcome:
    """One line of a group that could not be evaluated together: its own answer or its own error."""
    try:
        return assess(prepared.line, finder, rule)
    except CarbonportError as error:
        return error
