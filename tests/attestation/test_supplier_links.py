"""Proofs over a value that a supplier keeps secret: it is what the supplier's signed commitment hides, no other.

Two verifiers, the product's and the plain one, say the same of every proof here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest
from plain_verifier import plain_accepts
from proving_cases import NONCE_SECRET, case_of, constant, neighbours, number, rounded_graph
from test_proving_second_verifier import RANGES

from carbonport.attestation.proving import prover
from carbonport.attestation.proving.prover import prove_results
from carbonport.attestation.proving.result_claim import ResultClaim
from carbonport.attestation.proving.verifier import verify_results
from carbonport.crypto.canonical import canonical_bytes
from carbonport.crypto.group import G, H, Point
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs import relation_proofs
from carbonport.crypto.proofs.linear_relation import LinearRelation
from carbonport.crypto.proofs.range_verifier import RangeClaim
from carbonport.errors import FailedVerification, Malformed, Misuse, Refused
from carbonport.footprint.graph import Committed, Graph, Product, Quotient, Sum

LEAF, OTHER_LEAF = "1f" * 64, "2e" * 64
STATEMENT = "5a" * 32
VALUES = {"coil": "1.79766", "steel": "2.10000", "amount": "1200.125", "rest": "3.500", "level": "1000.000"}


def secret(path: str, leaf: str, decimals: int = 5) -> Committed:
    return Committed(path, "tCO2e/t", "", "", path, decimals, 48, ("ab" * 32,), STATEMENT, leaf)


def tubes(coil_leaf: str = LEAF, steel_leaf: str = OTHER_LEAF, decimals: int = 5) -> Graph:
    """Two suppliers' values, each multiplied by an amount: (amount * coil + rest * steel) / level."""
    nodes = [
        number("amount"),
        secret("coil", coil_leaf, decimals),
        number("level"),
        number("rest"),
        secret("steel", steel_leaf),
        Product("p", "t", "", "", ("amount", "coil")),
        Product("q", "t", "", "", ("rest", "steel")),
        Sum("e", "t", "", "", ((1, "p"), (1, "q"))),
        Quotient("see", "tCO2e/t", "", "", "e", "level"),
    ]
    return rounded_graph(nodes, "see")


CASE = case_of(tubes(), VALUES)
SUPPLIERS = {LEAF: Opening(179766, 1234567), OTHER_LEAF: Opening(210000, 7654321)}
POINTS = {leaf: commit(opening) for leaf, opening in SUPPLIERS.items()}


def proved(suppliers: Mapping[str, Opening] = SUPPLIERS, graph: Graph = CASE.graph, **claim: Any) -> bytes:
    return prove_results(
        replace(CASE.claim, graph_digest=graph.digest.hex(), **claim),
        graph,
        CASE.openings,
        suppliers=suppliers,
        nonce_secret=NONCE_SECRET,
    )


PROOF = proved()


def holds(
    proof: bytes,
    points: Mapping[str, Point] = POINTS,
    graph: Graph = CASE.graph,
    claim: ResultClaim = CASE.claim,
) -> bool:
    """What both verifiers say, which must be the same."""
    claim = replace(claim, graph_digest=graph.digest.hex())
    try:
        verify_results(claim, graph, CASE.commitments, proof, suppliers=points)
    except (FailedVerification, Malformed, Refused):
        said = False
    else:
        said = True
    leaves = {(one.path, one.unit, one.decimals, one.bits): point for one, point in CASE.commitments.items()}

    def ranges_hold(given: list[Point], widths: list[int], context: bytes, data: bytes) -> bool:
        return RANGES(RangeClaim(tuple(given), tuple(widths), context, data))

    content = json.loads(canonical_bytes(graph.canonical()))
    assert plain_accepts(asdict(claim), content, leaves, proof, ranges_hold, points) == said
    return said


def test_a_secret_value_is_proved_to_be_the_suppliers() -> None:
    assert holds(PROOF)
    assert len(PROOF) < 4096
    for other in neighbours(CASE.claim.results["see_direct"]):
        assert not holds(PROOF, claim=replace(CASE.claim, results={"see_direct": other}))
    for field, value in (("importer", "EU/529900OTHERIMPO0010"), ("consignment", "B"), ("cn", "72142000")):
        assert not holds(PROOF, claim=replace(CASE.claim, **{field: value}))  # type: ignore[arg-type]


def test_another_commitment_is_another_value_or_another_proof() -> None:
    same_value = commit(Opening(179766, 999))
    for points in (
        {**POINTS, LEAF: POINTS[OTHER_LEAF], OTHER_LEAF: POINTS[LEAF]},
        {**POINTS, LEAF: same_value},
        {**POINTS, LEAF: POINTS[LEAF] + G},
        {**POINTS, LEAF: POINTS[LEAF] - G},
        {**POINTS, LEAF: POINTS[LEAF] + H},
        {**POINTS, LEAF: -POINTS[LEAF]},
        {**POINTS, LEAF: POINTS[LEAF] + G, OTHER_LEAF: POINTS[OTHER_LEAF] - G},
        {LEAF: POINTS[LEAF]},
        {},
    ):
        assert not holds(PROOF, points)


def test_a_prover_that_skips_its_checks_proves_no_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    """One unit in the fifth decimal beside what the supplier committed to."""

    def unchecked(claimed: LinearRelation[Point], witness: Sequence[int], tag: bytes, **_: object) -> bytes:
        nonces = [number * number for number in range(7, 7 + len(witness))]
        return relation_proofs._prove(claimed, witness, tag, relation_proofs.Form.COMPACT, nonces)

    monkeypatch.setattr(prover, "_refuse_false", lambda *_: None)
    monkeypatch.setattr(prover, "prove_relation", unchecked)
    assert holds(proved())
    for step in (-1, 1):
        beside = Opening(179766 + step, 1234567)
        proof = proved({**SUPPLIERS, LEAF: beside})
        assert not holds(proof, {**POINTS, LEAF: commit(beside)})
        assert not holds(proof)


def test_the_graph_says_whose_commitment_it_is() -> None:
    swapped = tubes(OTHER_LEAF, LEAF)
    assert not holds(PROOF, graph=swapped)
    with pytest.raises(Refused, match="proof-not-true"):
        proved(graph=swapped)
    open_graph = case_of(
        rounded_graph(
            [number("coil", 5), constant("two", "2"), Product("p", "t", "", "", ("coil", "two"))], "p"
        ),
        {"coil": "1.79766"},
    )
    assert not holds(PROOF, graph=open_graph.graph)


def test_no_proof_without_the_opening_and_none_that_opens_the_secret() -> None:
    with pytest.raises(Misuse, match="proof-supplier-opening"):
        proved({LEAF: SUPPLIERS[LEAF]})
    with pytest.raises(Refused, match="proof-not-true"):
        proved({**SUPPLIERS, LEAF: Opening(179767, 1234567)})
    with pytest.raises(Refused, match="proof-committed"):
        replace(CASE, open_paths=["coil"]).prove()
    with pytest.raises(Refused, match="proof-committed"):
        case_of(tubes(decimals=4), VALUES | {"coil": "1.7976"}).prove()


def test_two_amounts_of_one_suppliers_good_share_its_commitment() -> None:
    case = case_of(tubes(LEAF, LEAF), VALUES | {"steel": "1.79766"})
    proof = prove_results(
        case.claim, case.graph, case.openings, suppliers=SUPPLIERS, nonce_secret=NONCE_SECRET
    )
    verify_results(case.claim, case.graph, case.commitments, proof, suppliers={LEAF: POINTS[LEAF]})


def test_every_byte_of_a_linked_proof_counts() -> None:
    for at in range(0, len(PROOF), 149):
        assert not holds(PROOF[:at] + bytes([PROOF[at] ^ 1]) + PROOF[at + 1 :])


@pytest.mark.parametrize(
    ("statement", "leaf"), [("", LEAF), ("5A" * 32, LEAF), (STATEMENT, ""), (STATEMENT, "1f" * 32)]
)
def test_a_committed_figure_names_statement_and_leaf(statement: str, leaf: str) -> None:
    with pytest.raises(Malformed, match="graph-commitment"):
        Committed("coil", "t", "", "", "coil", 5, 48, ("ab" * 32,), statement, leaf)
