"""What a result is made of, and how good the data behind each part are: a reader of the graph for footprints.

A result is followed down through sums, floors and the division by the activity level; what is reached below
is a contribution (one stream, the electricity of one process, one precursor). A contribution is as good as
the worst figure in it. Shares are by amount; a contribution that is subtracted counts with its amount.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from carbonport.footprint.evaluate import Values, evaluate
from carbonport.footprint.graph import Constant, Floor, Graph, Input, Node, Product, Quotient, Round, Sum
from carbonport.footprint.ledger import DataQuality, Ledger

PRIMARY = frozenset({DataQuality.MEASURED, DataQuality.CALCULATED, DataQuality.SUPPLIER})
"""Data of the specific plant or supplier; standard factors, defaults and estimates are secondary."""

RANK = {quality: number for number, quality in enumerate(DataQuality)}
"""Best first, as `DataQuality` lists them."""

LAW_CONSTANTS = ("constant/",)
"""Constants that say nothing about the data: stoichiometry, warming potentials, definitions."""

SECONDARY_CONSTANTS = ("constant/electricity_factor/",)
"""Constants among them that stand for data: factors of a whole country."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """One part of a result: its node, its amount (in the result's unit, signed), the worst quality in it."""

    node: str
    label: str
    amount: Fraction
    quality: DataQuality


def contributions(graph: Graph, output: str, ledger: Ledger, values: Values) -> tuple[Contribution, ...]:
    """The parts of the result called `output`. They add up to it unless a floor cut something off."""
    numbers = evaluate(graph, values)
    worst = _worst_qualities(graph, ledger)
    return tuple(
        Contribution(node_id, graph[node_id].label, scale * numbers[node_id], worst[node_id])
        for node_id, scale in part_scales(graph, output, numbers).items()
        if scale * numbers[node_id]
    )


def part_scales(graph: Graph, output: str, numbers: Mapping[str, Fraction]) -> Mapping[str, Fraction]:
    """The nodes that the result called `output` is made of, and how much of the result one unit of each is."""
    parts: dict[str, Fraction] = {}
    pending: list[tuple[str, Fraction]] = [(graph.outputs[output], Fraction(1))]
    while pending:
        node_id, scale = pending.pop()
        node = graph[node_id]
        if isinstance(node, Sum):
            pending.extend((term, scale * sign) for sign, term in node.terms)
        elif isinstance(node, Floor | Round):
            pending.append((node.of, scale))
        elif isinstance(node, Quotient) and _divides_a_total(graph, node) and numbers[node.denominator]:
            pending.append((node.numerator, scale / numbers[node.denominator]))
        elif isinstance(node, Product) and (below := _passed_on(graph, node)) is not None:
            others = Fraction(1)
            for factor in node.factors:
                if factor != below:
                    others *= numbers[factor]
            pending.append((below, scale * others))
        else:
            parts[node_id] = parts.get(node_id, Fraction(0)) + scale
    return parts


def primary_share(parts: tuple[Contribution, ...]) -> Fraction:
    """The share of contributions that rest on primary data alone; 0 when there is nothing."""
    whole = sum((abs(part.amount) for part in parts), Fraction(0))
    primary = sum((abs(part.amount) for part in parts if part.quality in PRIMARY), Fraction(0))
    return primary / whole if whole else Fraction(0)


def mean_score(parts: tuple[Contribution, ...], scores: Mapping[DataQuality, int]) -> Fraction:
    """The mean of `scores` over contributions by amount; the worst score when there is nothing."""
    whole = sum((abs(part.amount) for part in parts), Fraction(0))
    if not whole:
        return Fraction(max(scores.values()))
    return sum((abs(part.amount) * scores[part.quality] for part in parts), Fraction(0)) / whole


def _divides_a_total(graph: Graph, node: Quotient) -> bool:
    return isinstance(graph[node.numerator], Sum | Floor)


def _passed_on(graph: Graph, node: Product) -> str | None:
    """The SEE of another process in `M × SEE`: its own parts are the contributions."""
    for factor in node.factors:
        if (
            isinstance(below := graph[factor], Quotient)
            and _divides_a_total(graph, below)
            and (below.id.startswith("process/"))
        ):
            return factor
    return None


def _worst_qualities(graph: Graph, ledger: Ledger) -> Mapping[str, DataQuality]:
    worst: dict[str, DataQuality] = {}
    for node in graph:
        worst[node.id] = _own_quality(node, ledger) or max(
            (worst[operand] for operand in node.operands()),
            key=lambda quality: RANK[quality],
            default=DataQuality.MEASURED,
        )
    return worst


def _own_quality(node: Node, ledger: Ledger) -> DataQuality | None:
    if isinstance(node, Input):
        return ledger.records[node.path].quality
    if isinstance(node, Constant):
        secondary = node.id.startswith(SECONDARY_CONSTANTS) or not node.id.startswith(LAW_CONSTANTS)
        return DataQuality.STANDARD if secondary else DataQuality.MEASURED
    return None
