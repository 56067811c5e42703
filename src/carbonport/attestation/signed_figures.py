"""From ledger and goods to what a verifier signs of them: per good the graphs that can be shown, and every figure that
they take or give.

Two forms of each good's graph are signed. The *open* one shows the whole calculation under neutral names; the *sealed*
one takes certain figures on the way as figures of their own, rounded, and shows nothing below them: by default the
emissions attributed to each process (`carbonport.attestation.sealed_form`). A good has no sealed form when its results
would not be the same in it.

The one source of labels: exporter and verifier both call `signed_figures`, each on its own reading of the ledger, and
compare.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from carbonport.attestation.commitments import (
    OUTPUT_BITS,
    OUTPUT_PREFIX,
    ROLE_INPUT,
    ROLE_OUTPUT,
    LabelledValue,
    LeafLabel,
    output_path,
)
from carbonport.attestation.good_graphs import GoodGraph, declared_outputs
from carbonport.attestation.sealed_form import SEALED_PREFIX, Sealing, sealed_form
from carbonport.attestation.shown_graph import numbered_places, shown_graph
from carbonport.errors import Misuse, Refused
from carbonport.footprint.evaluate import declared_values, evaluate
from carbonport.footprint.exact_decimal import exact_context, round_half_up
from carbonport.footprint.graph import Graph, Input
from carbonport.footprint.ledger import Ledger


@dataclass(frozen=True, slots=True)
class SignedGood:
    """A good with the graphs whose digests a statement signs; `sealed` is absent where it would give other results."""

    process: str
    cn: str
    activity_group: str
    open: Graph
    sealed: Graph | None


@dataclass(frozen=True)
class SignedFigures:
    """The goods in the order of process and CN code, and the figures in leaf order.

    `sources` tells of each leaf that is no result where it is from: the ledger's path, or the graph's node that was
    sealed. It is secret, for it holds the names.
    """

    place_key: bytes
    sealing: Sealing
    goods: tuple[SignedGood, ...]
    values: tuple[LabelledValue, ...]
    sources: Mapping[str, str]

    def good(self, process: str, cn: str) -> SignedGood:
        """The good of this process and CN code, which must be among them."""
        return next(good for good in self.goods if (good.process, good.cn) == (process, cn))


def signed_figures(
    ledger: Ledger, goods: Sequence[GoodGraph], place_key: bytes, sealing: Sealing = Sealing.ATTRIBUTED
) -> SignedFigures:
    """Everything a statement about these goods signs, with the ledger's declared values.

    Raises `Refused` (`commitment-width`) for a value that does not fit the declared width, `Misuse` for a graph that
    names a record otherwise than the ledger does.
    """
    declared = declared_values(ledger)
    found: dict[str, LabelledValue] = {}
    inputs = {node.path: node for good in goods for node in good.graph.inputs()}
    places = numbered_places(inputs, place_key)
    sources = {place: path for path, place in places.items()}
    for path, node in inputs.items():
        found[places[path]] = _input_value(ledger, node, places[path])
    signed: list[SignedGood] = []
    for good in sorted(goods, key=lambda good: (good.process, good.cn)):
        numbers = evaluate(good.graph, declared)
        for name, output, decimals in declared_outputs(good.graph):
            path = output_path(good.process, good.cn, name)
            label = LeafLabel(ROLE_OUTPUT, path, output.unit, decimals, OUTPUT_BITS)
            found[path] = _within_width(label, numbers[output.id] * 10**decimals)
        sealed, figures, nodes = _sealed(good.graph, numbers, declared, places, sealing, found)
        found |= figures
        sources |= nodes
        opened = shown_graph(good.graph, places)
        signed.append(SignedGood(good.process, good.cn, good.activity_group, opened, sealed))
    values = tuple(sorted(found.values(), key=lambda item: item.label))
    return SignedFigures(place_key, sealing, tuple(signed), values, sources)


def _sealed(
    graph: Graph,
    numbers: Mapping[str, Fraction],
    declared: Mapping[str, Decimal],
    places: Mapping[str, str],
    sealing: Sealing,
    figures: Mapping[str, LabelledValue],
) -> tuple[Graph | None, Mapping[str, LabelledValue], Mapping[str, str]]:
    """The sealed form with its sealed figures, and the node that each stands for; nothing of them when it would not
    give the declared results."""
    nothing: tuple[None, dict[str, LabelledValue], dict[str, str]] = (None, {}, {})
    form = sealed_form(graph, places, sealing)
    if not form.figures:
        return nothing
    shown = shown_graph(form.graph, places, sealed=form.figures)
    taken = {node.path for node in shown.inputs()}
    exact = evaluate(form.graph, declared)
    values: dict[str, LabelledValue] = {}
    nodes: dict[str, str] = {}
    for node_id, figure in form.figures.items():
        if figure.path not in taken:
            continue
        scaled = Fraction(round_half_up(exact[node_id], figure.decimals)) * 10**figure.decimals
        label = LeafLabel(ROLE_INPUT, figure.path, figure.unit, figure.decimals, figure.bits)
        item = LabelledValue(label, int(scaled))
        if not 0 <= scaled < 1 << figure.bits or figures.get(figure.path, item) != item:
            return nothing
        values[figure.path], nodes[figure.path] = item, node_id
    known = {
        path: Decimal(item.value).scaleb(-item.label.decimals, context=exact_context())
        for path, item in {**figures, **values}.items()
        if path in taken
    }
    given = evaluate(shown, known)
    if any(given[node_id] != numbers[graph.outputs[name]] for name, node_id in shown.outputs.items()):
        return nothing
    return shown, values, nodes


def _input_value(ledger: Ledger, node: Input, place: str) -> LabelledValue:
    record = ledger.records.get(node.path)
    if record is None or node.path.startswith((OUTPUT_PREFIX, SEALED_PREFIX)):
        raise _mismatch(node.path, "an input that is no record of the ledger")
    if (record.unit, record.decimals, record.bits) != (node.unit, node.decimals, node.bits):
        raise _mismatch(node.path, "an input with another unit, number of decimals or width than its record")
    label = LeafLabel(ROLE_INPUT, place, node.unit, node.decimals, node.bits)
    return _within_width(label, Fraction(record.declared_integer), where=node.path)


def _within_width(label: LeafLabel, value: Fraction, *, where: str = "") -> LabelledValue:
    where = where or label.path
    if value.denominator != 1 or not 0 <= value < 1 << label.bits:
        raise Refused(
            "commitment-width",
            found=f"a value of {where} that is no whole number of its last decimal within its width",
            expected=f"an integer from 0 to 2^{label.bits} - 1 in units of 10^-{label.decimals} {label.unit}",
            remedy="Correct the record, or widen the field in the catalogue before the statement is signed.",
            where=where,
        )
    return LabelledValue(label, value.numerator)


def _mismatch(path: str, found: str) -> Misuse:
    return Misuse(
        "commitment-input",
        found=found,
        expected="graphs built from this ledger",
        remedy="Calculate the goods again from the ledger.",
        where=path,
    )
