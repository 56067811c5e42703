"""The evaluated results that the gate may draw from: computed here, from the graphs and the declared values.

Nobody hands a number in. A result is what the graph gives for the graded ledger's own declared values,
together with the grade that the graph reader finds for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from types import MappingProxyType

from carbonport.classification.field_classes import FieldClass
from carbonport.classification.forms import Form, Role
from carbonport.classification.graded_ledger import GradedLedger
from carbonport.classification.graph_grades import OutputGrade, output_grades
from carbonport.classification.hidden_values import HiddenValues
from carbonport.footprint.calculation import Calculation
from carbonport.footprint.evaluate import declared_values, evaluate
from carbonport.footprint.graph import Floor, Graph, Round, Sum
from carbonport.footprint.ledger import Fact, Good, Record

HIDDEN_PRECISION = 20
"""Digits of an evaluated total that are looked for in what leaves."""

TOTAL_FIELD = "direct_emissions"
"""The field of the grading table whose row says who may see a total."""


@dataclass(frozen=True, slots=True)
class GradedResult:
    """One output: its exact number, unit, the decimals it is rounded to (none if it is not), and grade."""

    value: Fraction
    unit: str
    decimals: int | None
    grade: OutputGrade


@dataclass(frozen=True)
class GoodResults:
    """The results of one good by output name, and the paths of the inputs they depend on."""

    good: Good
    outputs: Mapping[str, GradedResult]
    input_paths: frozenset[str]


@dataclass(frozen=True)
class Results:
    """The results of every good by (process, CN), and those of the installation by output name.

    `graded` is the ledger they were computed from; a gate takes no results of another. `totals` are the sums on
    the way (a process's emissions, those of its precursors): never asked for, only kept from showing.
    """

    graded: GradedLedger
    goods: Mapping[tuple[str, str], GoodResults]
    installation: Mapping[str, GradedResult]
    totals: frozenset[Fraction] = field(repr=False)
    _hidden: dict[tuple[Role, bool], HiddenValues] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def hidden_from(self, role: Role, *, approved: bool) -> HiddenValues:
        """The numbers that `role` may not be shown, ready to be recognised in what is about to leave."""
        if (role, approved) not in self._hidden:
            self._hidden[role, approved] = HiddenValues(
                self._hidden_numbers(role, approved=approved), self._hidden_texts(role, approved=approved)
            )
        return self._hidden[role, approved]

    def _hidden_numbers(self, role: Role, *, approved: bool) -> Iterable[Decimal]:
        for entry in self.graded.plant.values():
            record = entry.entry
            if isinstance(record, Record) and entry.hidden_from(role, approved=approved):
                yield from (record.source_value, record.value)
                if record.value.is_finite():
                    yield record.declared
        rule = self.graded.table.rule(FieldClass.RESULT_TOTAL, TOTAL_FIELD)
        if not rule.permits(role, Form.RAW, approved=approved):
            with localcontext(prec=HIDDEN_PRECISION):
                for total in self.totals:
                    yield Decimal(total.numerator) / Decimal(total.denominator)

    def _hidden_texts(self, role: Role, *, approved: bool) -> Iterable[str]:
        return (
            entry.entry.text
            for entry in self.graded.plant.values()
            if isinstance(entry.entry, Fact) and entry.hidden_from(role, approved=approved)
        )


def evaluated_results(
    graded: GradedLedger, goods: Mapping[tuple[str, str], Graph], installation: Graph | None = None
) -> Results:
    """Evaluate and grade, from declared values, each good's graph by (process, CN), and the installation's.

    Graphs of goods that the ledger does not list are left out: there is nothing to attest for them.
    """
    found: dict[tuple[str, str], GoodResults] = {}
    totals: set[Fraction] = set()
    for good in graded.ledger.goods:
        graph = goods.get((good.process, good.cn))
        if graph is not None:
            paths = frozenset(node.path for node in graph.inputs())
            found[good.process, good.cn] = GoodResults(good, _graded(graph, graded, totals), paths)
    whole = _graded(installation, graded, totals) if installation is not None else MappingProxyType({})
    return Results(graded, MappingProxyType(found), whole, frozenset(totals))


def calculation_results(graded: GradedLedger, calculation: Calculation) -> Results:
    """The results of a calculation's graphs. Its numbers are not taken over: they are computed again."""
    goods = {(good.process, good.cn): good.graph for good in calculation.goods}
    return evaluated_results(graded, goods, calculation.installation.graph)


def _graded(graph: Graph, graded: GradedLedger, totals: set[Fraction]) -> Mapping[str, GradedResult]:
    numbers = evaluate(graph, declared_values(graded.ledger))
    grades = output_grades(graph, graded)
    results: dict[str, GradedResult] = {}
    specific: set[str] = set()
    for name, node_id in graph.outputs.items():
        node = graph[node_id]
        decimals = node.decimals if isinstance(node, Round) else None
        results[name] = GradedResult(numbers[node_id], node.unit, decimals, grades[name])
        if grades[name].field_class is FieldClass.RESULT:
            # At full precision it shares its digits with the rounded one, which may be shown.
            specific.add(node_id)
    totals.update(
        numbers[node.id] for node in graph if isinstance(node, Sum | Floor) and node.id not in specific
    )
    return MappingProxyType(results)
