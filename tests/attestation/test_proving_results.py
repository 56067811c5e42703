"""Every kind of node is proved and verified, in the example and in small graphs; what is not so is not."""

from dataclasses import replace

import pytest
from proving_cases import (
    case_of,
    constant,
    neighbours,
    number,
    rounded_graph,
    steel,
    steel_proof,
)

from carbonport.attestation.proving.lowering import ProvableGraph
from carbonport.attestation.proving.verifier import verify_results
from carbonport.crypto.pedersen import Opening, commit
from carbonport.errors import FailedVerification, Refused
from carbonport.footprint.graph import Floor, Graph, Node, Product, Quotient, Root, Round, Sum

ALL = ("see_direct", "see_indirect", "default_share")
MAX_BYTES = 4096


def per_tonne(numerator: str) -> Node:
    return Quotient("see", "tCO2e/t", "", "", numerator, "al")


def summed(node_id: str, *terms: tuple[int, str]) -> Sum:
    return Sum(node_id, "t", "", "", terms)


def product(node_id: str, *factors: str) -> Product:
    return Product(node_id, "t", "", "", factors)


def quotient(node_id: str, above: str, below: str) -> Quotient:
    return Quotient(node_id, "t", "", "", above, below)


AL = number("al")
A = number("a")
B = number("b")
F = number("f", 9, 32)
K = constant("k", "3.664")

GRAPHS: dict[str, tuple[Graph, dict[str, str]]] = {
    "linear": (
        rounded_graph(
            [AL, A, B, K, product("p", "a", "k"), summed("s", (1, "p"), (-1, "b")), per_tonne("s")], "see"
        ),
        {"al": "1000.123", "a": "800.5", "b": "17.001"},
    ),
    "product": (
        rounded_graph([AL, A, F, K, product("p", "a", "f", "k"), per_tonne("p")], "see"),
        {"al": "1000.123", "a": "800.5", "f": "0.876543211"},
    ),
    "square": (
        rounded_graph([AL, A, product("p", "a", "a"), per_tonne("p")], "see"),
        {"al": "1000.123", "a": "800.5"},
    ),
    "nothing divided": (
        rounded_graph([A, F, product("p", "a", "f")], "p"),
        {"a": "800.5", "f": "0.876543211"},
    ),
    "exact sum": (rounded_graph([A, B, summed("s", (1, "a"), (1, "b"))], "s"), {"a": "1.5", "b": "2.25"}),
    "floor above": (
        rounded_graph(
            [
                AL,
                A,
                B,
                summed("s", (1, "a"), (-1, "b")),
                Floor("fl", "t", "", "", "s"),
                summed("e", (1, "fl"), (1, "b")),
                per_tonne("e"),
            ],
            "see",
        ),
        {"al": "77", "a": "10", "b": "9.999"},
    ),
    "floor below": (
        rounded_graph(
            [
                AL,
                A,
                B,
                summed("s", (1, "a"), (-1, "b")),
                Floor("fl", "t", "", "", "s"),
                summed("e", (1, "fl"), (1, "b")),
                per_tonne("e"),
            ],
            "see",
        ),
        {"al": "77", "a": "9.999", "b": "10"},
    ),
    "floor at zero": (
        rounded_graph(
            [AL, A, B, summed("s", (1, "a"), (-1, "b")), Floor("fl", "t", "", "", "s"), per_tonne("fl")],
            "see",
        ),
        {"al": "77", "a": "10", "b": "10"},
    ),
    "two denominators": (
        rounded_graph(
            [AL, A, B, quotient("q", "a", "b"), summed("e", (1, "q"), (1, "a")), per_tonne("e")], "see"
        ),
        {"al": "77.77", "a": "10.01", "b": "3.007"},
    ),
    "sum of quotients": (
        rounded_graph(
            [
                AL,
                A,
                B,
                F,
                quotient("q", "a", "b"),
                quotient("r", "f", "al"),
                summed("e", (1, "q"), (-1, "r")),
            ],
            "e",
        ),
        {"al": "77.77", "a": "10.01", "b": "3.007", "f": "0.25"},
    ),
    "cancelled": (
        rounded_graph([AL, A, quotient("q", "a", "al"), product("e", "q", "al")], "e"),
        {"al": "77.77", "a": "10.01"},
    ),
    "quotient of quotients": (
        rounded_graph(
            [AL, A, B, F, quotient("q", "a", "b"), quotient("r", "f", "al"), quotient("e", "q", "r")], "e", 2
        ),
        {"al": "77.77", "a": "10.01", "b": "3.007", "f": "0.25"},
    ),
    "rounded on the way": (
        rounded_graph(
            [
                AL,
                A,
                B,
                quotient("q", "a", "b"),
                Round("h", "t", "", "", "q", 1),
                product("e", "h", "a"),
                per_tonne("e"),
            ],
            "see",
        ),
        {"al": "77.77", "a": "10.01", "b": "3.007"},
    ),
    "denominator of a difference": (
        rounded_graph(
            [
                AL,
                A,
                B,
                F,
                summed("d", (1, "a"), (-1, "b")),
                quotient("q", "f", "d"),
                product("e", "q", "a"),
                per_tonne("e"),
            ],
            "see",
        ),
        {"al": "77.77", "a": "10.01", "b": "3.007", "f": "0.25"},
    ),
    "wider than one range": (
        rounded_graph(
            [
                AL,
                number("x", 9, 60),
                number("y", 9, 60),
                number("z", 9, 32),
                product("p", "x", "y", "z"),
                per_tonne("p"),
            ],
            "see",
        ),
        {"al": "1000.123", "x": "1.123456789", "y": "2.123456789", "z": "3.123456789"},
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("opened", [(), ("f", "b"), ("a",)])
def test_every_kind_of_node_is_proved_and_neighbours_are_not(name: str, opened: tuple[str, ...]) -> None:
    graph, values = GRAPHS[name]
    case = case_of(graph, values, open_paths=opened)
    proof = case.prove()
    case.verify(proof)
    for other in neighbours(case.claim.results["see_direct"]):
        with pytest.raises(FailedVerification):
            case.verify(proof, results={"see_direct": other})
        with pytest.raises(Refused, match="proof-not-true"):
            case_of(graph, values, open_paths=opened, result=other).prove()


@pytest.mark.parametrize("path", ["al", "a", "b", "f"])
def test_one_unit_in_an_input_is_another_statement(path: str) -> None:
    graph, values = GRAPHS["sum of quotients"]
    case = case_of(graph, values)
    proof = case.prove()
    leaf = next(leaf for leaf in case.openings if leaf.path == path)
    moved = Opening(case.openings[leaf].value + 1, case.openings[leaf].blinding)
    with pytest.raises(FailedVerification):
        verify_results(case.claim, graph, {**case.commitments, leaf: commit(moved)}, proof)


@pytest.mark.parametrize(
    ("half", "result"), [("0.0000049", "0.00000"), ("0.000005", "0.00001"), ("0.0000149", "0.00001")]
)
def test_ties_are_rounded_up(half: str, result: str) -> None:
    case = case_of(rounded_graph([number("x", 9)], "x"), {"x": half})
    assert case.claim.results == {"see_direct": result}
    case.verify(case.prove())


def test_everything_open_leaves_nothing_to_prove() -> None:
    graph, values = GRAPHS["linear"]
    case = case_of(graph, values, open_paths=["al", "a", "b"])
    case.verify(case.prove())
    with pytest.raises(FailedVerification, match="proof-false-result"):
        case.verify(case.prove(), results={"see_direct": "9.00000"})


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_example_is_proved(count: int, opened: bool) -> None:
    case = steel(*ALL[:count], opened=opened)
    proof = steel_proof(*ALL[:count], opened=opened)
    assert not opened or len(proof) <= MAX_BYTES
    case.verify(proof)


@pytest.mark.parametrize("name", ALL)
def test_neighbours_of_the_examples_results_are_not_proved(name: str) -> None:
    case, proof = steel(*ALL), steel_proof(*ALL)
    for other in neighbours(case.claim.results[name]):
        wrong = {**case.claim.results, name: other}
        with pytest.raises(FailedVerification):
            case.verify(proof, results=wrong)
        with pytest.raises(Refused, match="proof-not-true"):
            replace(case, claim=replace(case.claim, results=wrong)).prove()


def test_a_good_without_defaults_states_a_public_share() -> None:
    graph = Graph((constant("none", "0"),), {"default_share_rounded": "none"})
    case = case_of(rounded_graph([A], "a"), {"a": "1"})
    case = replace(
        case,
        graph=graph,
        claim=replace(case.claim, graph_digest=graph.digest.hex(), results={"default_share": "0.00000"}),
    )
    proof = case.prove()
    case.verify(proof)
    with pytest.raises(FailedVerification, match="proof-false-result"):
        case.verify(proof, results={"default_share": "0.00001"})


def refused(graph: Graph, values: dict[str, str], error: str) -> None:
    with pytest.raises(Refused, match=error):
        case_of(graph, values, result="1.00000").prove()


def test_what_cannot_be_proved_says_why() -> None:
    refused(rounded_graph([A, Root("r", "t", "", "", "a", 3)], "r"), {"a": "4"}, "proof-node-kind")
    wide = [number(f"x{i}", 9, 64) for i in range(4)]
    refused(
        rounded_graph([*wide, product("p", *(node.id for node in wide))], "p"),
        {node.path: "1" for node in wide},
        "proof-bound",
    )
    difference = summed("s", (1, "a"), (-1, "b"))
    refused(
        rounded_graph([A, B, AL, difference, Round("h", "t", "", "", "s", 0), product("e", "h", "al")], "e"),
        {"a": "2", "b": "1", "al": "1"},
        "proof-negative-rounding",
    )
    refused(
        rounded_graph([A, constant("zero", "0"), quotient("q", "a", "zero")], "q"),
        {"a": "2"},
        "proof-denominator",
    )
    refused(rounded_graph([A, B, quotient("q", "a", "b")], "q"), {"a": "2", "b": "0"}, "proof-not-true")
    refused(
        rounded_graph([A, B, quotient("q", "a", "b"), product("p", "q", "q")], "p"),
        {"a": "2", "b": "0"},
        "proof-not-true",
    )
    twin = replace(A, id="again", decimals=2)
    refused(rounded_graph([A, twin, summed("s", (1, "a"), (1, "again"))], "s"), {"a": "1"}, "proof-label")
    graph = Graph((A,), {"see_direct": "a", "see_direct_rounded": "a"})
    case = replace(case_of(rounded_graph([A], "a"), {"a": "1"}), graph=graph)
    with pytest.raises(Refused, match="proof-result"):
        replace(case, claim=replace(case.claim, graph_digest=graph.digest.hex())).prove()
    with pytest.raises(Refused, match="proof-result"):
        steel("see_direct").verify(steel_proof("see_direct"), results={"see_other": "1.00000"})


def test_the_proof_hides_what_is_closed_and_the_seeds_of_the_statement() -> None:
    case, proof = steel("see_direct"), steel_proof("see_direct")
    for leaf, opening in case.openings.items():
        shown = opening.blinding.to_bytes(32, "big") in proof
        needed = leaf in ProvableGraph(case.graph, ["see_direct"]).leaves()
        assert shown == (needed and leaf.path in case.open_paths)


def test_two_proofs_of_one_claim_differ() -> None:
    case = steel("see_direct")
    assert case.prove() != steel_proof("see_direct")
