"""From ledger and goods to what a verifier signs of them: per good the graphs that can be shown, and every figure that
they take or give.

Two forms of each good's graph are signed. The *open* one shows the whole calculation under neutral names; the *sealed*
one takes the emissions attributed to each process as figures of their own, rounded to grams, and shows nothing below
them (`carbonport.attestation.shown_graph`). A good has no sealed form when its results would not be the same in it.

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
from carbonport.attestation.shown_graph import (
    SEALED_BITS,
    SEALED_DECIMALS,
    SEALED_PREFIX,
    is_sealable,
    numbered_places,
    sealed_input,
    shown_graph,
)
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
    goods: tuple[SignedGood, ...]
    values: tuple[LabelledValue, ...]
    sources: Mapping[str, str]

    def good(self, process: str, cn: str) -> SignedGood:
        """The good of this process and CN code, which must be among them."""
        return next(good for good in self.goods if (good.process, good.cn) == (process, cn))


def signed_figures(ledger: Ledger, goods: Sequence[GoodGraph], place_key: bytes) -> SignedFigures:
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
        sealed, figures = _sealed(good.graph, numbers, places, found)
        found |= figures
        sources |= {path: path.removeprefix(SEALED_PREFIX) for path in figures}
        opened = shown_graph(good.graph, places)
        signed.append(SignedGood(good.process, good.cn, good.activity_group, opened, sealed))
    values = tuple(sorted(found.values(), key=lambda item: item.label))
    return SignedFigures(place_key, tuple(signed), values, sources)


def _sealed(
    graph: Graph,
    numbers: Mapping[str, Fraction],
    places: Mapping[str, str],
    figures: Mapping[str, LabelledValue],
) -> tuple[Graph | None, Mapping[str, LabelledValue]]:
    """The sealed form with its sealed figures; nothing of either when it would not give the declared results."""
    sealed = {sealed_input(node).path: node for node in graph if is_sealable(node)}
    values: dict[str, LabelledValue] = {}
    for path, node in sealed.items():
        scaled = Fraction(round_half_up(numbers[node.id], SEALED_DECIMALS)) * 10**SEALED_DECIMALS
        label = LeafLabel(ROLE_INPUT, path, node.unit, SEALED_DECIMALS, SEALED_BITS)
        values[path] = LabelledValue(label, int(scaled))
        if not 0 <= scaled < 1 << SEALED_BITS or figures.get(path, values[path]) != values[path]:
            return None, {}
    if not sealed:
        return None, {}
    shown = shown_graph(graph, places, sealed=is_sealable)
    taken = {node.path for node in shown.inputs()}
    known = {
        path: Decimal(item.value).scaleb(-item.label.decimals, context=exact_context())
        for path, item in {**figures, **values}.items()
        if path in taken
    }
    given = evaluate(shown, known)
    for name, node_id in shown.outputs.items():
        if given[node_id] != numbers[graph.outputs[name]]:
            return None, {}
    return shown, {path: item for path, item in values.items() if path in taken}


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
