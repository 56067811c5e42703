"""What a line of imports owes, and what actual values save against the default value.

`assess` answers for one line, `explain_obligation` tells how, `batch.assess_lines` does many. Numbers are
exact; euros are rounded to cents in the graph and nothing else is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError, Misuse
from carbonport.footprint.evaluate import evaluate_outputs
from carbonport.footprint.explain import explain, explanation_lines
from carbonport.footprint.graph import Graph
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.obligation.benchmarks import Benchmark
from carbonport.footprint.obligation.carbon_price import DEFAULT_RULE, ReductionRule
from carbonport.footprint.obligation.import_line import ImportLine, PrecursorShare
from carbonport.footprint.obligation.line_rules import (
    CLINKER,
    CLINKER_CONTAINED,
    LineRules,
    RuleFinder,
    require_indirect,
)
from carbonport.footprint.obligation.obligation_graph import (
    Allocation,
    Shape,
    line_ledger,
    obligation_graph,
)

Number = Decimal | Fraction
"""A result: a decimal where it ends, a fraction where a rule divides."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A line with its rules, its shape, and every input of its graph with the place it comes from."""

    line: ImportLine
    rules: LineRules
    shape: Shape
    values: Mapping[str, Decimal]
    places: Mapping[str, tuple[str, str]]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DefaultComparison:
    """The same line by default value. `saving_eur` is negative where actual values cost more."""

    certificates: Number
    cost_eur: Number
    saving_eur: Number


@dataclass(frozen=True, slots=True)
class Obligation:
    """The answer for one line: tCO2e, certificates and EUR. `against_default` is None for default values, and
    where no default value can be had."""

    prepared: Prepared
    see: Number
    embedded_t: Number
    free_allocation_t: Number
    reduction_t: Number
    certificates: Number
    cost_eur: Number
    against_default: DefaultComparison | None = None

    @property
    def line(self) -> ImportLine:
        """The line that this answers."""
        return self.prepared.line

    @property
    def default_used(self) -> bool:
        """Whether the default value was used."""
        return self.prepared.rules.default is not None


def prepare(line: ImportLine, finder: RuleFinder, rule: ReductionRule = DEFAULT_RULE) -> Prepared:
    """Look up what applies to `line`; no arithmetic yet."""
    rules = finder.rules_for(line)
    values: dict[str, Decimal] = {"line/quantity": line.tonnes, "line/price": line.price, **rules.values}
    shape, notes, places = rules.shape, rules.notes, rules.places
    if shape.exempt:
        return Prepared(line, rules, shape, values, places, notes)
    if line.see_direct is not None:
        require_indirect(line, rules.scope)
        values["line/see_direct"] = line.see_direct
        if line.see_indirect is not None:
            if rules.scope.indirect:
                values["line/see_indirect"] = line.see_indirect
            else:
                notes = (*notes, "indirect emissions of this good do not count")
    needs_clinker = rules.scope.functional_unit == CLINKER_CONTAINED and rules.scope.category != CLINKER
    special = (
        needs_clinker
        or line.sefa is not None
        or line.precursors
        or line.clinker_share is not None
        or line.nitrogen_kg_per_t is not None
        or line.paid
        or line.below_threshold
    )
    if special:
        places = dict(places)
        shape, notes = _special(line, rules, finder, rule, values, places, notes)
    if rules.complex and line.sefa is None and not line.precursors:
        notes = (*notes, "free allocation of the last process alone: precursors, or sefa, would add theirs")
    return Prepared(line, rules, shape, values, places, notes)


def assess(line: ImportLine, finder: RuleFinder, rule: ReductionRule = DEFAULT_RULE) -> Obligation:
    """The obligation of one line."""
    prepared = prepare(line, finder, rule)
    results = evaluate_outputs(obligation_graph(prepared.shape), prepared.values)
    obligation = obligation_of(prepared, results)
    counterpart = default_counterpart(line)
    if counterpart is None or prepared.shape.exempt:
        return obligation
    try:
        by_default = assess(counterpart, finder, rule)
    except CarbonportError:
        return obligation
    return compared(obligation, by_default)


def default_counterpart(line: ImportLine) -> ImportLine | None:
    """The same imports by default value; None when the line uses it already."""
    if not line.actual:
        return None
    return replace(
        line,
        see_direct=None,
        see_indirect=None,
        sefa=None,
        precursors=(),
        nitrogen_kg_per_t=None,
        column="",
        route=line.route if line.route in ("A", "B") else "",
    )


def obligation_of(prepared: Prepared, results: Mapping[str, Number]) -> Obligation:
    """Results of the graph, by name."""
    return Obligation(
        prepared=prepared,
        see=results["see"],
        embedded_t=results["embedded_t"],
        free_allocation_t=results["free_allocation_t"],
        reduction_t=results.get("reduction_t", Decimal(0)),
        certificates=results["certificates"],
        cost_eur=results["cost_eur"],
    )


def compared(actual: Obligation, by_default: Obligation) -> Obligation:
    """`actual` with what the default value would have cost."""
    saving = Fraction(by_default.cost_eur) - Fraction(actual.cost_eur)
    return replace(
        actual,
        against_default=DefaultComparison(by_default.certificates, by_default.cost_eur, saving),
    )


def reading_of(prepared: Prepared) -> tuple[Graph, Ledger]:
    """The graph of a line and the line's own ledger: what every reader takes."""
    ledger = line_ledger(prepared.values, prepared.places, prepared.shape, prepared.line.year)
    return obligation_graph(prepared.shape), ledger


def explain_obligation(obligation: Obligation) -> Json:
    """Every number of the line with equation and source, as data."""
    graph, ledger = reading_of(obligation.prepared)
    return explain(graph, ledger, obligation.prepared.values)


def explanation_of(obligation: Obligation) -> Iterator[str]:
    """The same as a tree, from the cost down to rows of tables."""
    graph, ledger = reading_of(obligation.prepared)
    yield from explanation_lines(graph, ledger, obligation.prepared.values, "cost_eur")


def _special(
    line: ImportLine,
    rules: LineRules,
    finder: RuleFinder,
    rule: ReductionRule,
    values: dict[str, Decimal],
    places: dict[str, tuple[str, str]],
    notes: tuple[str, ...],
) -> tuple[Shape, tuple[str, ...]]:
    """The shape of a line that says more than mass, price and SEE; adds its inputs to `values` and
    `places`."""
    shape = rules.shape
    if line.sefa is not None and shape.allocation is Allocation.BENCHMARK:
        values["line/sefa"] = line.sefa
        shape = replace(shape, allocation=Allocation.STATED)
    elif line.precursors and shape.allocation is Allocation.BENCHMARK:
        for number, precursor in enumerate(line.precursors, 1):
            values[f"precursor/{number}/ratio"] = precursor.ratio
            benchmark = _precursor_benchmark(precursor, line, finder)
            values[f"precursor/{number}/benchmark"] = benchmark.value
            places[f"precursor/{number}/benchmark"] = benchmark.place
        shape = replace(shape, precursors=len(line.precursors))
    if line.clinker_share is not None:
        if rules.scope.functional_unit != CLINKER_CONTAINED:
            raise _unfit("clinker_share", rules, "clinker and cement (2523 10, 21, 29, 90)")
        values["line/clinker_share"] = line.clinker_share
        shape = replace(shape, clinker=True)
    elif rules.scope.functional_unit == CLINKER_CONTAINED and rules.scope.category != CLINKER:
        notes = (
            *notes,
            "values are per tonne of clinker; every tonne counted as clinker: give clinker_share",
        )
    if line.nitrogen_kg_per_t is not None:
        if not rules.scope.functional_unit.startswith(("kg N", "supplementary unit")):
            raise _unfit("nitrogen_kg_per_t", rules, "nitric acid, ammonia and fertilisers")
        values["line/nitrogen"] = line.nitrogen_kg_per_t
        shape = replace(shape, nitrogen=True)
    if line.paid:
        values["line/paid"] = sum((payment.net for payment in line.paid), Decimal(0))
        places["line/paid"] = ("evidence", "; ".join(payment.place for payment in line.paid))
        shape = replace(shape, reduction=rule)
        notes = (*notes, f"carbon price: {rule.name}")
    if line.below_threshold and rules.has_threshold:
        shape = replace(shape, exempt="threshold")
        notes = (*notes, "the importer's year does not exceed 50 t: nothing is owed")
    return shape, notes


def _precursor_benchmark(precursor: PrecursorShare, line: ImportLine, finder: RuleFinder) -> Benchmark:
    production = line.production_year or line.year
    table = finder.tables.benchmarks
    if precursor.column == "B":
        return table.for_default(precursor.cn[:8], (), precursor.route, production)
    return table.for_process(precursor.cn[:8], "A", precursor.route, production)


def _unfit(what: str, rules: LineRules, goods: str) -> Misuse:
    return Misuse(
        "obligation-line",
        found=f"{what} for {rules.scope.cn}",
        expected=f"it only with {goods}",
        remedy="Correct the line of imports.",
        where=what,
    )
