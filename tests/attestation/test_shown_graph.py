"""The graph as it is signed: what it computes is the ledger's, what it is called is nobody's business."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
import world as w
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.attestation.good_graphs import GoodGraph, good_graphs
from carbonport.attestation.proving.signed_graph import read_signed_graph
from carbonport.attestation.sealed_form import Sealing, sealed_form
from carbonport.attestation.shown_graph import numbered_places, shown_graph
from carbonport.attestation.signed_figures import SignedFigures, signed_figures
from carbonport.crypto.canonical import canonical_bytes
from carbonport.footprint.evaluate import declared_values, evaluate
from carbonport.footprint.graph import Floor, Graph, Input, Node, Product, Quotient, Round, Sum
from carbonport.footprint.ledger import Ledger

INDIRECT = "sealed/process/steel/attributed_indirect"

SHOWN_OF_STREAMS = {
    Sealing.ATTRIBUTED: {INDIRECT, "sealed/process/steel/attributed_direct"},
    Sealing.STREAMS: {INDIRECT, "sealed/stream/n/emissions"},
    Sealing.FACTORS: {INDIRECT, "sealed/stream/n/effective_factor", "stream/n/activity_data"},
}
"""What each sealed form shows of streams, and its sealed figures."""


def exact(figures: SignedFigures) -> dict[str, Decimal]:
    return {
        item.label.path: Decimal(item.value).scaleb(-item.label.decimals)
        for item in figures.values
        if item.label.role == "input"
    }


@settings(max_examples=10)
@given(key=st.binary(min_size=32, max_size=32), sealing=st.sampled_from(Sealing))
def test_both_forms_give_the_ledgers_results_whatever_the_numbers(key: bytes, sealing: Sealing) -> None:
    figures = signed_figures(w.ledger(), good_graphs(w.calculation()), key, sealing)
    values = exact(figures)
    for good, signed in zip(w.calculation().goods, figures.goods, strict=True):
        own = evaluate(good.graph, declared_values(w.ledger()))
        assert signed.sealed is not None
        for form in (signed.open, signed.sealed):
            numbers = evaluate(form, values)
            assert form.outputs.keys() == {name for name in good.graph.outputs if name.endswith("_rounded")}
            for name, node in form.outputs.items():
                assert numbers[node] == own[good.graph.outputs[name]]
            assert read_signed_graph(form.canonical(), [form.digest.hex()]) == form


@pytest.mark.parametrize("sealing", Sealing)
def test_no_name_is_in_it_and_the_sealed_form_ends_at_its_figures(sealing: Sealing) -> None:
    names = [word for stream in w.ledger().streams for word in (stream.id, stream.label)]
    names += [word for precursor in w.ledger().precursors for word in (precursor.id, precursor.label)]
    for good in w.figures(sealing=sealing).goods:
        assert good.sealed is not None
        for form in (good.open, good.sealed):
            text = canonical_bytes(form.canonical()).decode()
            assert [name for name in names if f'"{name}"' in text or f"/{name}/" in text] == []
            assert all(node.label == "" for node in form)
        paths = {re.sub(r"/\d+/", "/n/", node.path) for node in good.sealed.inputs()}
        assert {path for path in paths if path.startswith(("stream/", "sealed/"))} == SHOWN_OF_STREAMS[
            sealing
        ]
        acts = {node.equation for node in good.sealed if "Annex II Eq" in node.equation}
        assert acts <= {"2547 Annex II Eq 4: sum over source streams, outputs of mass balances subtracted"}


def renamed(ledger: Ledger, graph: Graph, names: Mapping[str, str]) -> tuple[Graph, dict[str, str]]:
    """The graph with every stream called something else, and where its paths were."""

    def new(text: str) -> str:
        group, _, rest = text.partition("/")
        name, _, quantity = rest.partition("/")
        return f"{group}/{names[name]}/{quantity}" if group == "stream" else text

    nodes: list[Node] = []
    for node in graph:
        changed = replace(node, id=new(node.id), label=f"another {node.label}")
        match changed:
            case Input():
                changed = replace(changed, path=new(changed.path))
            case Sum():
                terms = [(sign, new(operand)) for sign, operand in changed.terms]
                changed = replace(changed, terms=tuple(sorted(terms, key=lambda term: term[1])))
            case Product():
                changed = replace(changed, factors=tuple(map(new, reversed(changed.factors))))
            case Quotient():
                changed = replace(
                    changed, numerator=new(changed.numerator), denominator=new(changed.denominator)
                )
            case Floor() | Round():
                changed = replace(changed, of=new(changed.of))
        nodes.append(changed)
    outputs = {name: new(target) for name, target in graph.outputs.items()}
    return Graph(tuple(nodes), outputs), {new(path): path for path in ledger.records}


def sealed(graph: Graph, places: Mapping[str, str], sealing: Sealing) -> Graph:
    form = sealed_form(graph, places, sealing)
    return shown_graph(form.graph, places, sealed=form.figures)


@pytest.mark.parametrize("seed", range(3))
def test_names_and_the_order_they_give_change_nothing(seed: int) -> None:
    graph = w.calculation().goods[0].graph
    places = numbered_places([node.path for node in graph.inputs()], bytes(32))
    streams = [stream.id for stream in w.ledger().streams]
    other = [f"s{number}" for number in range(len(streams))]
    random.Random(seed).shuffle(other)
    twin, was = renamed(w.ledger(), graph, dict(zip(streams, other, strict=True)))
    moved = {node.path: places[was[node.path]] for node in twin.inputs()}
    assert shown_graph(twin, moved).digest == shown_graph(graph, places).digest
    for sealing in Sealing:
        assert sealed(twin, moved, sealing).digest == sealed(graph, places, sealing).digest


@pytest.mark.parametrize(
    "change",
    [
        lambda node: (
            replace(node, terms=node.terms[1:]) if isinstance(node, Sum) and len(node.terms) > 5 else node
        ),
        lambda node: (
            replace(node, terms=((-node.terms[0][0], node.terms[0][1]), *node.terms[1:]))
            if isinstance(node, Sum)
            else node
        ),
        lambda node: replace(node, decimals=4) if isinstance(node, Round) else node,
        lambda node: replace(node, unit="kg") if isinstance(node, Input) else node,
        lambda node: replace(node, bits=40) if isinstance(node, Input) and node.bits == 48 else node,
        lambda node: replace(node, equation="hearsay") if isinstance(node, Quotient) else node,
        lambda node: replace(node, numerator=node.denominator) if isinstance(node, Quotient) else node,
    ],
)
def test_another_calculation_is_another_graph(change: Callable[[Node], Node]) -> None:
    graph = w.calculation().goods[0].graph
    places = numbered_places([node.path for node in graph.inputs()], bytes(32))
    other = Graph(tuple(change(node) for node in graph), graph.outputs)
    assert shown_graph(other, places).digest != shown_graph(graph, places).digest


def test_places_are_numbered_by_the_key_alone() -> None:
    paths = [node.path for node in w.calculation().goods[0].graph.inputs()]
    places = numbered_places(paths, bytes(32))
    assert numbered_places(paths[::-1], bytes(32)) == places
    assert numbered_places(paths, b"\x01" * 32) != places
    assert len(set(places.values())) == len(places)
    assert places["process/steel/activity_level"] == "process/steel/activity_level", "lots rest on it"
    numbers = {place.split("/")[1] for path, place in places.items() if path.startswith("stream/")}
    assert numbers == {str(number) for number in range(1, len(w.ledger().streams) + 1)}
    for path, place in places.items():
        assert path.rpartition("/")[2] == place.rpartition("/")[2]


def test_a_good_whose_result_would_differ_has_no_sealed_form() -> None:
    """Attributed emissions so near a tie of the fifth decimal that grams decide it."""
    amount, level = Input("stream/x/a", "t", "", "", "stream/x/a", 9, 40), "process/p/activity_level"
    tonnes = Input(level, "t", "", "", level, 3, 48)
    attributed = Floor("process/p/attributed_direct", "tCO2e", "", "", amount.id)
    see = Quotient("see", "tCO2e/t", "", "", attributed.id, tonnes.id)
    rounded = Round("see as stated", "tCO2e/t", "", "", see.id, 5)
    graph = Graph((amount, tonnes, attributed, see, rounded), {"see_direct_rounded": rounded.id})
    good = GoodGraph("p", "72083900", "Iron or steel products", graph)
    record = w.ledger().records["process/steel/activity_level"]

    def signed(value: str) -> SignedFigures:
        records = {
            amount.path: replace(record, path=amount.path, value=Decimal(value), decimals=9, bits=40),
            level: replace(record, path=level, value=Decimal(1)),
        }
        none = replace(
            w.ledger(),
            records=records,
            streams=(),
            precursors=(),
            goods=(),
            processes=(),
            facts={},
            totals={},
        )
        return signed_figures(none, [good], bytes(32))

    sealed = signed("0.123454000").goods[0].sealed
    assert sealed is not None
    assert {item.label.path for item in signed("0.123454000").values if item.label.role == "input"} == {
        "stream/1/a",
        level,
        "sealed/process/p/attributed_direct",
    }
    near = signed("0.123454999")
    assert near.goods[0].sealed is None
    assert not any(item.label.path.startswith("sealed/") for item in near.values)
    assert evaluate(near.goods[0].open, exact(near))[
        near.goods[0].open.outputs["see_direct_rounded"]
    ] == Fraction(12345, 10**5)
