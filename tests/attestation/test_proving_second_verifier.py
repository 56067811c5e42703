"""A second verifier, written from the documentation, accepts and rejects the same result proofs."""

import importlib.util
import json
import random
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from plain_verifier import plain_accepts
from proving_cases import Case, case_of, neighbours, steel, steel_proof
from test_proving_attacks import floor_case, mutated, product_case
from test_proving_laws import random_graphs
from test_proving_results import GRAPHS

from carbonport.crypto.canonical import canonical_bytes
from carbonport.crypto.group import Point
from carbonport.crypto.proofs.range_verifier import RangeClaim
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Refused
from carbonport.footprint.graph import Graph

MUTATIONS = 40


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
