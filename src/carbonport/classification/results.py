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
from carbonport.footprint.evaluate import declared_values, evaluate_outputs
from carbonport.footprint.graph import Graph, Round
from carbonport.footprint.ledger import Fact, Good, Record

HIDDEN_PRECISION = 20
"""Digits of an evaluated total that are looked for in what leaves."""


@dataclass(frozen=True, slots=True)
class GradedResult:
    """One output: its exact number, its unit, the decimals it is rounded to (none if it is not), its
    grade."""

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

    `graded` is the ledger they were computed from; a gate takes no results of another.
    """

    graded: GradedLedger
    goods: Mapping[tuple[str, str], GoodResults]
    installation: Mapping[str, GradedResult]
    _hidden: dict[tuple[Role, bool], HiddenValues] = field(default_factory=dict, repr=False, compare=False)

    def hidden_from(self, role: Role, *, approved: bool) -> HiddenValues:
        """The numbers that `role` may not be shown, ready to be recognised in what is about to leave."""
        if (role, approved) not in self._hidden:
            self._hidden[role, approved] = HiddenValues(
                self._hidden_numbers(role, approved=approved), self._hidden_texts(role, approved=approved)
            )
        return self._hidden[role, approved]

    def _hidden_numbers(self, role: Role, *, approved: bool) -> Iterable[Decimal]:
        for entry in self.graded.entries.values():
            record = entry.entry
            if isinstance(record, Record) and not entry.rule.permits(role, Form.RAW, approved=approved):
                yield from (record.source_value, record.value)
                if record.value.is_finite():
                    yield record.declared
        outputs = [self.installation, *(good.outputs for good in self.goods.values())]
        for result in (result for named in outputs for result in named.values()):
            rule = self.graded.table.rule(result.grade.field_class, result.grade.field)
            # A specific result at full precision shares its digits with the rounded one, which may be shown.
            if rule.field_class is not FieldClass.RESULT and not rule.permits(
                role, Form.RAW, approved=approved
            ):
                with localcontext(prec=HIDDEN_PRECISION):
                    yield Decimal(result.value.numerator) / Decimal(result.value.denominator)

    def _hidden_texts(self, role: Role, *, approved: bool) -> Iterable[str]:
        return (
            entry.entry.text
            for entry in self.graded.entries.values()
            if isinstance(entry.entry, Fact) and not entry.rule.permits(role, Form.RAW, approved=approved)
        )


def evaluated_results(
    graded: GradedLedger, goods: Mapping[tuple[str, str], Graph], installation: Graph | None = None
) -> Results:
    """Evaluate and grade each good's graph, keyed (process, CN), and the installation's, from declared
    values.

    Graphs of goods that the ledger does not list are left out: there is nothing to attest for them.
    """
    found: dict[tuple[str, str], GoodResults] = {}
    for good in graded.ledger.goods:
        graph = goods.get((good.process, good.cn))
        if graph is not None:
            paths = frozenset(node.path for node in graph.inputs())
            found[good.process, good.cn] = GoodResults(good, _graded(graph, graded), paths)
    totals = _graded(installation, graded) if installation is not None else MappingProxyType({})
    return Results(graded, MappingProxyType(found), totals)


def calculation_results(graded: GradedLedger, calculation: Calculation) -> Results:
    """The results of a calculation's graphs. Its numbers are not taken over: they are computed again."""
    goods = {(good.process, good.cn): good.graph for good in calculation.goods}
    return evaluated_results(graded, goods, calculation.installation.graph)


def _graded(graph: Graph, graded: GradedLedger) -> Mapping[str, GradedResult]:
    numbers = evaluate_outputs(graph, declared_values(graded.ledger))
    grades = output_grades(graph, graded)
    results: dict[str, GradedResult] = {}
    for name, node_id in graph.outputs.items():
        node = graph[node_id]
        decimals = node.decimals if isinstance(node, Round) else None
        results[name] = GradedResult(numbers[name], node.unit, decimals, grades[name])
    return MappingProxyType(results)
