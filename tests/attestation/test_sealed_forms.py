"""What a statement seals: the emissions attributed to a process, those of streams, or streams' effective factors.

Two verifiers, the product's and the plain one, say the same of every proof here.
"""

from dataclasses import replace
from decimal import Decimal
from functools import cache

import pytest
import world as w
from proving_cases import Case, claim_of
from test_proving_second_verifier import plain, product_says

from carbonport.attestation.bench import examine
from carbonport.attestation.proving.lowered_claim import SignedInteger
from carbonport.attestation.proving.lowering import ProvableGraph
from carbonport.attestation.sealed_form import FACTOR_DECIMALS, Sealing, sealed_form
from carbonport.attestation.statement_draft import DraftLeaf, StatementDraft
from carbonport.crypto.pedersen import Opening, commit
from carbonport.footprint.graph import Graph, Input, Product, Sum

FINER = (Sealing.STREAMS, Sealing.FACTORS)
QUANTITY = {Sealing.STREAMS: "emissions", Sealing.FACTORS: "effective_factor"}


@cache
def honest(sealing: Sealing) -> Case:
    """Direct emissions from the sealed form of the example, precursors' values opened."""
    figures, good = w.figures(sealing=sealing), w.calculation().goods[0]
    graph = figures.good(good.process, good.cn).sealed
    assert graph is not None
    leaves = {item.opening.label.path: item.opening for item in w.draft(sealing=sealing).leaves}
    needed = ProvableGraph(graph, ["see_direct"]).leaves()
    openings = {leaf: Opening(leaves[leaf.path].value, leaves[leaf.path].blinding) for leaf in needed}
    opened = [leaf.path for leaf in needed if "/precursor_see_" in leaf.path]
    return Case(graph, openings, claim_of(graph, {"see_direct": good.attested("see_direct")}), opened)


def sealed_leaves(case: Case) -> list[SignedInteger]:
    return [leaf for leaf in case.openings if leaf.path.startswith("sealed/stream/")]


@pytest.mark.parametrize("sealing", FINER)
def test_both_verifiers_accept_what_the_signed_figures_give_and_nothing_else(sealing: Sealing) -> None:
    case = honest(sealing)
    proof = case.prove()
    assert product_says(case, proof)
    assert plain(case, proof)
    first, second = sealed_leaves(case)[:2]
    one, other = case.openings[first], case.openings[second]
    swapped = replace(case, openings={**case.openings, first: other, second: one})
    assert not product_says(swapped, proof)
    assert not plain(swapped, proof)
    for change in (1, -1):
        # So little changes no result: a sound proof, but about another figure than the verifier signed.
        shifted = replace(
            case, openings={**case.openings, first: replace(one, value=one.value + change)}
        ).prove()
        assert not product_says(case, shifted)
        assert not plain(case, shifted)
    neighbour = format(Decimal(case.claim.results["see_direct"]) + Decimal("0.00001"), "f")
    assert not product_says(case, proof, results={"see_direct": neighbour})


@pytest.mark.parametrize("sealing", FINER)
def test_the_bench_computes_every_sealed_figure_itself(sealing: Sealing) -> None:
    draft = w.sealed_and_opened(w.draft(sealing=sealing))
    examination = examine(w.ledger(), draft)
    assert examination.deviations == ()
    assert examination.sealing is sealing
    sources = w.figures(sealing=sealing).sources
    at = [n for n, leaf in enumerate(draft.leaves) if leaf.opening.label.path.startswith("sealed/stream/")]
    assert len(at) == len(w.ledger().streams)
    assert {sources[draft.leaves[n].opening.label.path].rpartition("/")[2] for n in at} == {QUANTITY[sealing]}
    for change in (1, -1):
        item = draft.leaves[at[0]].opening
        shifted = replace(item, value=item.value + change)
        leaf = DraftLeaf(shifted, commit(Opening(shifted.value, shifted.blinding)))
        changed = replace(draft, leaves=(*draft.leaves[: at[0]], leaf, *draft.leaves[at[0] + 1 :]))
        assert deviations(changed) >= {sources[item.label.path], "root of the leaves"}
    assert "good steel/72083900 sealed digest" in deviations(replace(draft, sealing=Sealing.ATTRIBUTED))


def deviations(draft: StatementDraft) -> set[str]:
    return {item.where for item in examine(w.ledger(), draft).deviations}


def test_what_is_no_amount_times_something_is_sealed_whole() -> None:
    """Clinker from stocks, measured stacks: their emissions are no product with one amount."""
    paths = ("stream/kiln/clinker_stock_closing", "stream/coal/activity_data", "stream/coal/carbon_content")
    stock, coal, carbon = (Input(path, "t", "", "", path, 3, 48) for path in paths)
    kiln = Sum("stream/kiln/emissions", "tCO2e", "", "", ((1, stock.id),))
    burnt = Product("stream/coal/emissions", "tCO2e", "", "", (coal.id, carbon.id))
    graph = Graph((stock, coal, carbon, kiln, burnt), {})
    places = {stock.path: "stream/2/clinker_stock_closing", coal.path: "stream/1/activity_data"}
    places[carbon.path] = "stream/1/carbon_content"
    figures = sealed_form(graph, places, Sealing.FACTORS).figures
    assert {node: figure.path for node, figure in figures.items()} == {
        "stream/kiln/emissions": "sealed/stream/2/emissions",
        "stream/coal/effective_factor": "sealed/stream/1/effective_factor",
    }
    assert figures["stream/coal/effective_factor"].decimals == FACTOR_DECIMALS
