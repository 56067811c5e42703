"""The *grade* reader of the calculation graph: an output is as sensitive as its inputs unless shown
otherwise.

A constant is public, an input has the grade of its record, and every other node has the highest grade among
its operands. So totals of an installation or a process stay as sensitive as the fuel amounts behind them. Few
results are shown otherwise, each by a rule with a reason: the specific embedded emissions and the share of
default values, rounded to five decimals, because they divide one secret by another and the declaration is
about them.

Not covered: what several outputs tell together (derivability), and what the same output tells over several
periods.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from carbonport.classification.field_classes import FieldClass, FieldRule, unknown_field
from carbonport.classification.graded_ledger import GradedLedger
from carbonport.classification.grades import Grade
from carbonport.footprint.graph import Constant, Floor, Graph, Input, Node, Quotient, Round, Sum

RESULT_DECIMALS = 5
"""Implementing Regulation (EU) 2025/2547: specific embedded emissions have at most five decimals."""

ROUNDED = "_rounded"
"""A result's rounded output is called by the result's name and this ending."""

SPECIFIC_RESULTS = ("see_direct", "see_indirect", "see_indirect_in_scope", "see_total")
"""Results that the rule `specific emissions` may open."""

SHARE_RESULTS = ("default_share",)
"""Results that the rule `share of a total` may open."""


@dataclass(frozen=True, slots=True)
class NodeGrade:
    """The grade of a node and why; `shown_otherwise` when a rule opened it below its inputs."""

    grade: Grade
    reason: str
    shown_otherwise: bool = False


@dataclass(frozen=True, slots=True)
class OutputGrade:
    """An output of a graph as the gate meets it: the table's field and class, and the grade with its
    reason."""

    output: str
    field: str
    field_class: FieldClass
    grade: Grade
    reason: str
    shown_otherwise: bool


def graph_grades(graph: Graph, graded: GradedLedger) -> Mapping[str, NodeGrade]:
    """The grade of every node by its id; an input that the graded ledger lacks is unknown, hence
    important."""
    grades: dict[str, NodeGrade] = {}
    for node in graph:
        grades[node.id] = _node_grade(node, graded, grades)
    return MappingProxyType(grades)


def output_grades(graph: Graph, graded: GradedLedger) -> Mapping[str, OutputGrade]:
    """The outputs of a graph by name, with the rules for results applied.

    The class is the table's for the field of that name (`see_direct_rounded` is the field `see_direct`); an
    output that the table does not know has the class `unknown`.
    """
    nodes = graph_grades(graph, graded)
    return MappingProxyType(
        {
            name: _output_grade(name, graph[node_id], graph, graded, nodes)
            for name, node_id in graph.outputs.items()
        }
    )


def _node_grade(node: Node, graded: GradedLedger, grades: Mapping[str, NodeGrade]) -> NodeGrade:
    if isinstance(node, Constant):
        return NodeGrade(Grade.G1, "A published number.")
    if isinstance(node, Input):
        entry = graded.entries.get(node.path)
        if entry is None:
            return NodeGrade(Grade.IMPORTANT, "An input that the graded ledger does not hold.")
        return NodeGrade(entry.grade, entry.reason)
    worst = max(node.operands(), key=lambda operand: grades[operand].grade.rank, default=None)
    if worst is None:
        return NodeGrade(Grade.G1, "Computed from nothing.")
    return NodeGrade(grades[worst].grade, f"As sensitive as {worst}, which it is computed from.")


def _output_grade(
    name: str, node: Node, graph: Graph, graded: GradedLedger, nodes: Mapping[str, NodeGrade]
) -> OutputGrade:
    field = name.removesuffix(ROUNDED)
    inherited = nodes[node.id]
    rule = _result_rule(field, graded)
    if rule.field_class is FieldClass.RESULT and name.endswith(ROUNDED):
        shown = _shown_otherwise(field, node, graph, graded, nodes)
        if shown:
            return OutputGrade(name, field, rule.field_class, rule.grade, f"{rule.reason}. {shown}", True)
    if rule.grade.rank >= inherited.grade.rank:
        return OutputGrade(name, field, rule.field_class, rule.grade, rule.reason, False)
    return OutputGrade(name, field, rule.field_class, inherited.grade, inherited.reason, False)


def _result_rule(field: str, graded: GradedLedger) -> FieldRule:
    """The table's row for a result or total of that name; unknown when there is none, or one of each."""
    found = [
        graded.table.rule(field_class, field) for field_class in (FieldClass.RESULT, FieldClass.RESULT_TOTAL)
    ]
    known = [rule for rule in found if rule.field_class is not FieldClass.UNKNOWN]
    return known[0] if len(known) == 1 else unknown_field(field)


def _shown_otherwise(
    field: str, node: Node, graph: Graph, graded: GradedLedger, nodes: Mapping[str, NodeGrade]
) -> str:
    """The reason why this output may be opened, or nothing: the name alone never opens it, its structure
    does."""
    if not isinstance(node, Round) or node.decimals > RESULT_DECIMALS:
        return ""
    if nodes[node.id].grade.rank > Grade.G4.rank:
        return ""  # no rule speaks for important or core inputs
    if field in SPECIFIC_RESULTS and _per_tonne(graph[node.of], graph, graded, nodes):
        return (
            "Shown otherwise: divided by the activity level and rounded to five decimals, it tells neither."
        )
    if field in SHARE_RESULTS and _share(graph[node.of], graph, nodes):
        return (
            "Shown otherwise: the ratio of two totals of one unit, rounded to five decimals, tells neither."
        )
    return ""


def _per_tonne(node: Node, graph: Graph, graded: GradedLedger, nodes: Mapping[str, NodeGrade]) -> bool:
    """Whether every secret in `node` has been divided by an amount produced."""
    if nodes[node.id].grade.rank <= Grade.G2.rank:
        return True
    match node:
        case Quotient():
            below = graph[node.denominator]
            entry = graded.entries.get(below.path) if isinstance(below, Input) else None
            return entry is not None and entry.field_class is FieldClass.PRODUCTION
        case Sum():
            return all(_per_tonne(graph[term], graph, graded, nodes) for term in node.operands())
        case Floor() | Round():
            return _per_tonne(graph[node.of], graph, graded, nodes)
        case _:
            return False


def _share(node: Node, graph: Graph, nodes: Mapping[str, NodeGrade]) -> bool:
    """Whether `node` is a dimensionless quotient whose two sides have one unit and whose whole is secret
    itself."""
    if not isinstance(node, Quotient) or node.unit != "1":
        return False
    part, whole = graph[node.numerator], graph[node.denominator]
    return part.unit == whole.unit and nodes[whole.id].grade.rank > Grade.G2.rank
