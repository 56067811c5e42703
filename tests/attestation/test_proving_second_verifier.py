"""A second verifier, written from the documentation, accepts and rejects the same result proofs."""

import ast
import importlib.util
import json
import random
from collections.abc import Callable
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import world
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from plain_verifier import plain_accepts
from proving_cases import (
    Case,
    case_of,
    claim_of,
    leaf_of,
    neighbours,
    number,
    rounded_graph,
    steel,
    steel_proof,
)
from test_proving_attacks import floor_case, mutated, product_case
from test_proving_laws import random_graphs
from test_proving_results import GRAPHS

from carbonport.attestation.proving.lowering import ProvableGraph
from carbonport.attestation.proving.proof_layout import decode_parts
from carbonport.crypto.canonical import canonical_bytes
from carbonport.crypto.group import Point
from carbonport.crypto.pedersen import Opening
from carbonport.crypto.proofs.range_verifier import RangeClaim
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Refused
from carbonport.footprint.calculation import calculate
from carbonport.footprint.graph import Attested, Graph, Product, Quotient

MUTATIONS = 40

PRODUCT_ROOMS = {"carbonport.crypto.group", "carbonport.errors"}
"""What the second verifiers may take from the product: the group, and what its decoder raises."""

RESULTS = ("see_direct", "see_indirect", "default_share")


def plain_range_verifier() -> Callable[[RangeClaim[Point]], bool]:
    """The plain verifier of range proofs, which lives with the tests of the crypto room."""
    path = Path(__file__).parents[1] / "crypto" / "test_range_proofs_second_verifier.py"
    spec = importlib.util.spec_from_file_location("second_range_verifier", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.plain_verify  # type: ignore[no-any-return]


RANGES = plain_range_verifier()


def plain(case: Case, proof: bytes, **changes: Any) -> bool:
    claim = asdict(replace(case.claim, **changes))
    graph = json.loads(canonical_bytes(case.graph.canonical()))
    leaves = {
        (leaf.path, leaf.unit, leaf.decimals, leaf.bits): point for leaf, point in case.commitments.items()
    }

    def ranges_hold(points: list[Point], widths: list[int], context: bytes, data: bytes) -> bool:
        return RANGES(RangeClaim(tuple(points), tuple(widths), context, data))

    return plain_accepts(claim, graph, leaves, proof, ranges_hold)


def product_says(case: Case, proof: bytes, **changes: Any) -> bool:
    try:
        case.verify(proof, **changes)
    except (FailedVerification, Malformed, Refused):
        return False
    return True


@pytest.mark.parametrize("name", sorted(GRAPHS.keys() - {"wider than one range"}))
def test_both_accept_every_kind_of_node(name: str) -> None:
    graph, values = GRAPHS[name]
    case = case_of(graph, values, open_paths=["b"])
    proof = case.prove()
    assert plain(case, proof)
    assert not plain(case, proof, results={"see_direct": neighbours(case.claim.results["see_direct"])[0]})
    assert not plain(case, proof, importer="EU/529900OTHERIMPO0010")


def test_both_accept_what_a_supplier_attested() -> None:
    """A precursor's value with the digest of its attestation, opened and closed."""
    amount, level = number("amount"), number("level")
    coil = Attested("coil", "tCO2e/t", "", "", "coil", 5, 40, ("ab" * 32, "cd" * 32))
    nodes = [
        amount,
        level,
        coil,
        Product("p", "t", "", "", ("amount", "coil")),
        Quotient("q", "t", "", "", "p", "level"),
    ]
    for opened in ([], ["coil"]):
        values = {"amount": "1200.125", "level": "1000", "coil": "1.79766"}
        case = case_of(rounded_graph(nodes, "q"), values, open_paths=opened)
        proof = case.prove()
        assert plain(case, proof)
        assert product_says(case, proof)
        other = {"results": {"see_direct": neighbours(case.claim.results["see_direct"])[0]}}
        assert not plain(case, proof, **other)
        assert not product_says(case, proof, **other)


def test_both_accept_the_example() -> None:
    assert plain(steel("see_direct"), steel_proof("see_direct"))


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(random_graphs())
def test_both_agree_on_random_graphs(drawn: tuple[Graph, dict[str, str], set[str]]) -> None:
    graph, values, opened = drawn
    try:
        case = case_of(graph, values, open_paths=opened)
        proof = case.prove()
    except CarbonportError:
        reject()
    assert plain(case, proof)
    assert product_says(case, proof)


def test_both_reject_every_mutation() -> None:
    for seed, case in enumerate((product_case(), floor_case("3", "5"))):
        proof = case.prove()
        draw = random.Random(seed)
        for _ in range(MUTATIONS // 2):
            changed = mutated(proof, draw)
            assert not plain(case, changed)
            assert not product_says(case, changed)


@st.composite
def works(draw: st.DrawFn) -> tuple[Case, dict[str, Any]]:
    """A part of the example's works under the real rules: some of its streams and precursors, some results, some open
    factors, amounts that a plant of any size may have; with or without a bound in the place of the results."""
    ledger = world.ledger()
    streams = draw(st.sets(st.sampled_from([one.id for one in ledger.streams]), min_size=1))
    precursors = draw(st.sets(st.sampled_from([one.id for one in ledger.precursors])))
    scale = Decimal(draw(st.integers(1, 10**6))).scaleb(-6)
    part = replace(
        ledger,
        streams=tuple(one for one in ledger.streams if one.id in streams),
        precursors=tuple(one for one in ledger.precursors if one.id in precursors),
        records={
            path: replace(one, value=(one.value * scale).quantize(Decimal(1).scaleb(-one.decimals)))
            if one.field == "activity_data"
            else one
            for path, one in ledger.records.items()
        },
    )
    good = draw(st.sampled_from(calculate(part).goods))
    names = draw(st.lists(st.sampled_from(RESULTS), min_size=1, unique=True))
    openings = {
        leaf_of(node): Opening(part.records[node.path].declared_integer, 10 + at)
        for at, node in enumerate(good.graph.inputs())
    }
    paths = sorted({leaf.path for leaf in openings})
    claim = replace(
        claim_of(good.graph, {name: good.attested(name) for name in names}),
        cn=good.cn,
        threshold=draw(st.sampled_from(["", "", "default-values/2026/CN 7208"])),
    )
    opened = draw(st.sets(st.sampled_from(paths)))
    moved = draw(st.sampled_from(names))
    other = draw(st.sampled_from(neighbours(claim.results[moved])))
    return Case(good.graph, openings, claim, opened), {**claim.results, moved: other}


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(works(), st.randoms(use_true_random=False))
def test_both_agree_on_works_of_every_kind(drawn: tuple[Case, dict[str, Any]], source: random.Random) -> None:
    case, others = drawn
    try:
        proof = case.prove()
    except CarbonportError:
        reject()
    assert product_says(case, proof)
    assert plain(case, proof)
    leaves = ProvableGraph(case.graph, case.claim.results.keys()).leaves()
    nothing_hidden = not decode_parts(leaves, proof).rest
    for changes in ({"results": others}, {"consignment": "LOT-2027-002"}):
        # What public and opened figures decide alone needs no proof: there is nothing to be bound to a consignment.
        # And a bound that they keep is kept by the next higher one too.
        higher = bool(case.claim.threshold) and all(
            Decimal(value) >= Decimal(case.claim.results[name]) for name, value in others.items()
        )
        holds = nothing_hidden and ("consignment" in changes or higher)
        assert product_says(case, proof, **changes) == holds
        assert plain(case, proof, **changes) == holds
    changed = mutated(proof, source)
    assert plain(case, changed) == product_says(case, changed) == (changed == proof)


@pytest.mark.parametrize("name", ["plain_verifier.py", "plain_lowering.py"])
def test_the_second_verifier_shares_no_code_but_the_group(name: str) -> None:
    tree = ast.parse((Path(__file__).parent / name).read_text())
    taken = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    taken |= {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
    assert {one for one in taken if one.startswith("carbonport")} <= PRODUCT_ROOMS
