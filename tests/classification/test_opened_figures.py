"""What a proof may open: table and policy decide for each figure, and together the opened ones must tell no other."""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from classified_plant import Plant, asked, gate_over, graded_with_results, policy, rule_tables

from carbonport.classification.derivability import tells_closed
from carbonport.classification.egress import EgressRefused, OpenedFigure
from carbonport.classification.forms import Form
from carbonport.classification.gate import MAX_OPENED_FIGURES, Gate
from carbonport.classification.grades import Grade
from carbonport.footprint.calculation import calculate
from carbonport.footprint.graph import Graph, Input, Product, Quotient, Round, Sum
from carbonport.footprint.ledger import DataQuality, Fact, Ledger, Record, Source, SupplierCommitment

SEE = ("see_direct",)


def graph_of(ledger: Ledger) -> Graph:
    return calculate(ledger, None, rule_tables()).goods[0].graph


def opened(gate: Gate, ledger: Ledger, *results: str) -> set[str]:
    graph = graph_of(ledger)
    sources = {path: path for path in (node.path for node in graph.inputs())}
    found = gate.opened_in_proof(asked(*results), graph, results, sources)
    assert all(figure.place == figure.source for figure in found)
    return {figure.place for figure in found}


def published_factor(ledger: Ledger) -> Ledger:
    """The carbon content is a standard value, which anybody may know."""
    path = "stream/coke/carbon_content"
    record = replace(ledger.records[path], quality=DataQuality.STANDARD)
    return replace(ledger, records={**ledger.records, path: record})


def test_only_what_may_leave_by_itself_is_opened() -> None:
    ledger = Plant().ledger()
    suppliers = {"precursor/pig-iron/precursor_see_direct", "precursor/pig-iron/precursor_see_indirect"}
    assert opened(gate_over(ledger), ledger, *SEE) == suppliers
    published = published_factor(ledger)
    # With the factor known too, amounts of coke, iron and steel stay: three of them for one result.
    assert opened(gate_over(published), published, *SEE) == {*suppliers, "stream/coke/carbon_content"}


def test_nothing_is_opened_when_it_would_tell_what_stays_closed() -> None:
    ledger = published_factor(Plant().ledger())
    alone = replace(ledger, precursors=())
    # One fuel, its factor, and the specific emissions: the coke rate follows.
    assert opened(gate_over(alone), alone, *SEE) == set()


def test_a_figure_that_may_not_even_be_proved_about_keeps_the_graph_from_being_used() -> None:
    ledger = Plant().ledger()
    graded, results = graded_with_results(ledger, raised={"stream/coke/activity_data": Grade.CORE})
    gate = Gate(
        policy(), graded, results, home="CN", clock=lambda: 1, random_bytes=lambda count: bytes(count)
    )
    graph = graph_of(ledger)
    sources = {node.path: node.path for node in graph.inputs()}
    request = asked("country")
    with pytest.raises(EgressRefused) as caught:
        gate.opened_in_proof(request, graph, SEE, {**sources})
    refused = [item for item in caught.value.decision.items if not item.allowed]
    assert [item.name for item in refused] == ["stream/coke/activity_data"]
    unknown: Mapping[str, str] = {**sources, "stream/coke/carbon_content": "stream/none/carbon_content"}
    with pytest.raises(EgressRefused):
        gate_over(ledger).opened_in_proof(request, graph, SEE, unknown)
    with pytest.raises(EgressRefused, match="KeyError"):
        gate_over(ledger).opened_in_proof(request, graph, SEE, {})


def test_a_sealed_figure_is_never_opened_and_may_be_proved_about() -> None:
    ledger = Plant().ledger()
    figure = Input("s", "tCO2e", "", "", "s", 6, 64)
    graph = Graph((figure, Round("r", "t", "", "", "s", 5)), {"see_direct_rounded": "r"})
    sources = {"s": "process/steel/attributed_direct"}
    assert gate_over(ledger).opened_in_proof(asked(*SEE), graph, SEE, sources) == ()
    with pytest.raises(EgressRefused):
        gate_over(ledger).opened_in_proof(asked(*SEE), graph, SEE, {"s": "process/steel/country"})


@pytest.mark.parametrize("figure", ["emissions", "effective_factor"])
def test_a_streams_sealed_figure_is_as_sensitive_as_its_most_sensitive_record(figure: str) -> None:
    ledger = published_factor(Plant().ledger())
    sealed = Input("s", "tCO2e", "", "", "s", 6, 64)
    graph = Graph((sealed, Round("r", "t", "", "", "s", 5)), {"see_direct_rounded": "r"})
    sources = {"s": f"stream/coke/{figure}"}
    assert gate_over(ledger).opened_in_proof(asked(*SEE), graph, SEE, sources) == ()
    graded, results = graded_with_results(ledger, raised={"stream/coke/activity_data": Grade.CORE})
    strict = Gate(
        policy(), graded, results, home="CN", clock=lambda: 1, random_bytes=lambda count: bytes(count)
    )
    with pytest.raises(EgressRefused) as caught:
        strict.opened_in_proof(asked("country"), graph, SEE, sources)
    assert [item.name for item in caught.value.decision.items if not item.allowed] == ["s"]
    for nothing in (f"stream/none/{figure}", f"process/steel/{figure}"):
        with pytest.raises(EgressRefused):
            gate_over(ledger).opened_in_proof(asked(*SEE), graph, SEE, {"s": nothing})
    with pytest.raises(EgressRefused):
        gate_over(ledger).release(asked(f"stream/coke/{figure}"))


def test_opened_figures_are_decided_listed_and_bound_to_the_disclosure() -> None:
    gate = gate_over(Plant().ledger())
    known = OpenedFigure("precursor/1/precursor_see_direct", "precursor/pig-iron/precursor_see_direct")
    request = replace(asked("see_direct"), opened=(known,))
    disclosure = gate.release(request)
    assert [item.name for item in disclosure.items] == ["see_direct", known.place]
    assert known.source.encode() not in disclosure.payload
    assert gate.decide(request, disclosure).allowed
    with pytest.raises(EgressRefused, match="another request"):
        gate.decide(asked("see_direct"), disclosure)
    secret = OpenedFigure("stream/1/activity_data", "stream/coke/activity_data")
    for wrong in (secret, OpenedFigure("stream/1/none", "")):
        with pytest.raises(EgressRefused):
            gate.release(replace(request, opened=(known, wrong)))
    with pytest.raises(EgressRefused, match="opens at most"):
        gate.release(replace(request, opened=(known,) * (MAX_OPENED_FIGURES + 1)))


def secret_pig_iron() -> Ledger:
    """The plant whose pig iron has a value that its supplier shows to it alone."""
    ledger = Plant().ledger()
    (pig_iron,) = ledger.precursors
    base = f"precursor/{pig_iron.id}"
    value = Decimal("1.79766")
    field, see, source = "precursor_committed_direct", "tCO2e/t", Source("bundle.json", "attestation")
    record = Record(
        f"{base}/{field}", field, "precursor", value, see, value, see, 5, 48, source, DataQuality.SUPPLIER
    )
    statement = Fact(f"{base}/precursor_statement", "precursor_statement", "precursor", "5a" * 32, source)
    records = {"precursor_amount": pig_iron.records["precursor_amount"], field: record.path}
    stated = replace(
        pig_iron,
        basis="attested",
        records=records,
        attestations=("ab" * 32,),
        commitments={field: SupplierCommitment("5a" * 32, "1f" * 64, "00" * 32)},
    )
    return replace(
        ledger,
        records={**ledger.records, record.path: record},
        facts={**ledger.facts, statement.path: statement},
        precursors=(stated,),
    )


def test_a_suppliers_secret_stays_closed_and_its_statement_is_shown_where_that_may_leave() -> None:
    ledger = secret_pig_iron()
    statement = "precursor/pig-iron/precursor_statement"
    assert opened(gate_over(ledger), ledger, *SEE) == {statement}
    graded, results = graded_with_results(ledger, raised={statement: Grade.G3})
    strict = Gate(
        policy(), graded, results, home="CN", clock=lambda: 1, random_bytes=lambda count: bytes(count)
    )
    with pytest.raises(EgressRefused) as caught:
        opened(strict, ledger, *SEE)
    assert [item.name for item in caught.value.decision.items if not item.allowed] == [statement]
    with pytest.raises(EgressRefused):
        gate_over(ledger).release(asked("precursor/pig-iron/precursor_committed_direct"))
    shown = gate_over(ledger).release(asked("precursors")).payload
    assert b"1.79766" not in shown
    assert b"attested" in shown


def test_a_result_leaves_as_a_commitment_and_opening_it_is_a_decision_of_its_own() -> None:
    gate = gate_over(Plant().ledger())
    value = gate.release(asked("see_direct")).payload
    place = OpenedFigure("good/steel/72083900/see_direct", "see_direct")
    request = replace(asked("country", "see_direct"), committed=("see_direct",), opened=(place,))
    disclosure = gate.release(request)
    assert [(item.name, item.form) for item in disclosure.items] == [
        ("country", Form.RAW),
        ("see_direct", Form.COMMITMENT),
        (place.place, Form.RAW),
    ]
    (stated,) = re.findall(rb'"see_direct":"([0-9.]+)"', value)
    assert stated not in disclosure.payload
    assert b'"see_direct":{"form":"commitment"}' in disclosure.payload
    # The activity level may be committed to; to open it is another matter.
    level = replace(asked("activity_level"), committed=("activity_level",))
    assert gate.assess(level).allowed
    known = OpenedFigure("process/steel/activity_level", "activity_level")
    assert not gate.assess(replace(level, opened=(known,))).allowed
    for wrong in (
        replace(asked("country"), committed=("see_direct",)),
        replace(request, form=Form.BANDED),
        replace(request, form=Form.PROOF),
    ):
        with pytest.raises(EgressRefused):
            gate.release(wrong)


def small(*nodes: Sum | Product | Quotient, results: Mapping[str, str]) -> Graph:
    inputs = [Input(name, "t", "", "", name, 3, 48) for name in "abcdp"]
    rounded = [Round(f"{name} rounded", "t", "", "", target, 5) for name, target in results.items()]
    return Graph((*inputs, *nodes, *rounded), {f"{name}_rounded": f"{name} rounded" for name in results})


def test_counting_equations_and_figures() -> None:
    per_tonne = Quotient("q", "t", "", "", "s", "p")
    three = small(Sum("s", "t", "", "", ((1, "a"), (1, "b"), (1, "c"))), per_tonne, results={"x": "q"})
    assert not tells_closed(three, ["x"], [])
    assert not tells_closed(three, ["x"], ["a"])
    assert tells_closed(three, ["x"], ["a", "b"]), "c per p follows"
    assert tells_closed(three, ["x"], ["a", "b", "p"]), "c follows"
    second = Quotient("q2", "t", "", "", "a", "p")
    two = small(Sum("s", "t", "", "", ((1, "a"), (1, "b"))), per_tonne, second, results={"x": "q", "y": "q2"})
    assert tells_closed(two, ["x", "y"], []), "a and b per p follow"
    assert tells_closed(two, ["y"], [])
    assert not tells_closed(two, ["x"], [])
    # The same result under two names is one equation; what nothing closed is behind is none.
    twice = small(
        Sum("s", "t", "", "", ((1, "a"), (1, "b"), (1, "c"))), per_tonne, results={"x": "q", "y": "q"}
    )
    assert not tells_closed(twice, ["x", "y"], ["a"])
    assert not tells_closed(two, ["y"], ["a", "p"])
    names = {f"r{number}": "q" for number in range(3)}
    assert not tells_closed(
        small(Sum("s", "t", "", "", ((1, "a"), (1, "b"))), per_tonne, results=names), names, []
    )
