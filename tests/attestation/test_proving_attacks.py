"""Attacks on result proofs: provers that skip their own checks, replays, swapped commitments, changed bytes."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from proving_cases import Case, case_of, neighbours, number, rounded_graph, steel, steel_proof

from carbonport.attestation.proving import prover, relation
from carbonport.attestation.proving.lowered_claim import ProductOf, SignedInteger, Variable
from carbonport.attestation.proving.result_claim import ResultClaim
from carbonport.attestation.proving.verifier import verify_results
from carbonport.crypto.group import ORDER, G, H, Point, random_scalar
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs import relation_proofs
from carbonport.crypto.proofs.linear_relation import LinearRelation
from carbonport.crypto.proofs.ranges import prove_openings
from carbonport.errors import FailedVerification, Malformed
from carbonport.footprint.graph import Floor, Graph, Input, Product, Quotient, Sum

MUTATIONS = 600
STEEL_MUTATIONS = 25
IDENTITY = bytes([0xC0]) + bytes(47)

AL = number("al", 1, 12)
A = number("a", 1, 12)
B = number("b", 1, 12)


def see(numerator: str) -> Quotient:
    return Quotient("see", "tCO2e/t", "", "", numerator, "al")


def product_case(result: str | None = None) -> Case:
    graph = rounded_graph([AL, A, B, Product("p", "t", "", "", ("a", "b")), see("p")], "see")
    return case_of(graph, {"al": "100.3", "a": "81.7", "b": "1.9"}, result=result)


def floor_case(a: str, b: str, result: str | None = None) -> Case:
    nodes = [
        AL,
        A,
        B,
        Sum("s", "t", "", "", ((1, "a"), (-1, "b"))),
        Floor("f", "t", "", "", "s"),
        Sum("e", "t", "", "", ((1, "f"), (1, "b"))),
        see("e"),
    ]
    return case_of(rounded_graph(nodes, "see"), {"al": "100.3", "a": a, "b": b}, result=result)


@pytest.fixture
def reckless(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A prover that proves whatever it is told: no check of its own, the low bits of what is out of range."""

    def low_bits(
        openings: Sequence[Opening], widths: Sequence[int], context: bytes, **kwargs: object
    ) -> bytes:
        cut = [
            Opening(opening.value % (1 << width), opening.blinding)
            for opening, width in zip(openings, widths, strict=True)
        ]
        return prove_openings(cut, widths, context, **kwargs)  # type: ignore[arg-type]

    def unchecked(claimed: LinearRelation[Point], witness: Sequence[int], tag: bytes, **_: object) -> bytes:
        nonces = [random_scalar(hashed) for _ in witness]
        return relation_proofs._prove(claimed, witness, tag, relation_proofs.Form.COMPACT, nonces)

    monkeypatch.setattr(prover, "_refuse_false", lambda *_: None)
    monkeypatch.setattr(prover, "prove_openings", low_bits)
    monkeypatch.setattr(prover, "prove_relation", unchecked)
    return monkeypatch


def hashed(length: int) -> bytes:
    return hashlib.shake_256(str(length).encode()).digest(length)


def test_the_reckless_prover_proves_what_is_true(reckless: pytest.MonkeyPatch) -> None:
    for case in (product_case(), floor_case("5", "3"), floor_case("3", "5")):
        case.verify(case.prove())
    assert reckless


@pytest.mark.usefixtures("reckless")
def test_wrap_around_does_not_prove_a_neighbour() -> None:
    for case in (product_case(), floor_case("5", "3")):
        for other in neighbours(case.claim.results["see_direct"]):
            wrong = replace(case, claim=replace(case.claim, results={"see_direct": other}))
            with pytest.raises(FailedVerification, match="range-proof"):
                wrong.verify(wrong.prove())


@pytest.mark.parametrize(("a", "b", "false"), [("5", "3", "0.02991"), ("3", "5", "0.02991")])
def test_the_sign_of_a_floor_is_proved(reckless: pytest.MonkeyPatch, a: str, b: str, false: str) -> None:
    """Stating the other sign changes the result; the result it would give is not proved either."""
    honest = prover._Witness.is_nonnegative

    def lying(witness: prover._Witness, form: object, variables: list[Variable]) -> bool:
        return not honest(witness, form, variables)  # type: ignore[arg-type]

    reckless.setattr(prover._Witness, "is_nonnegative", lying)
    for result in (false, floor_case(a, b).claim.results["see_direct"]):
        case = floor_case(a, b, result=result)
        with pytest.raises(FailedVerification):
            case.verify(case.prove())


def test_a_product_is_proved(reckless: pytest.MonkeyPatch) -> None:
    """Half of the true product is committed: the ranges hold, the relation does not."""

    def compute(witness: prover._Witness, variable: Variable) -> int:
        assert isinstance(variable.origin, ProductOf)
        return variable.origin.left.value(witness.values) * variable.origin.right.value(witness.values) // 2

    reckless.setattr(prover._Witness, "_compute", compute)
    case = product_case(result="0.77383")
    with pytest.raises(FailedVerification, match="relation-proof"):
        case.verify(case.prove())


@pytest.mark.usefixtures("reckless")
def test_a_negative_divisor_is_not_proved_to_be_one() -> None:
    """Divided by 3 - 5: the relation holds, the range of the divisor does not."""
    nodes = [
        AL,
        A,
        B,
        Sum("d", "t", "", "", ((1, "a"), (-1, "b"))),
        Quotient("q", "t", "", "", "b", "d"),
        Product("p", "t", "", "", ("q", "q")),
        see("p"),
    ]
    case = case_of(rounded_graph(nodes, "see"), {"al": "100.3", "a": "3", "b": "5"})
    with pytest.raises(FailedVerification, match="range-proof"):
        case.verify(case.prove())


def test_a_divisor_of_zero_has_no_inverse(reckless: pytest.MonkeyPatch) -> None:
    """a / b * b is a, whatever b is: but b must not be 0."""
    nodes = [A, B, Quotient("q", "t", "", "", "a", "b"), Product("p", "t", "", "", ("q", "b"))]
    sound = case_of(rounded_graph(nodes, "p"), {"a": "1", "b": "0.1"})
    sound.verify(sound.prove())
    reckless.setattr(relation, "pow", lambda *_: 1, raising=False)
    case = case_of(rounded_graph(nodes, "p"), {"a": "1", "b": "0"}, result="1.00000")
    with pytest.raises(FailedVerification, match="relation-proof"):
        case.verify(case.prove())


REPLAYS = [
    {"statement_digest": "00" * 32},
    {"issuer": "CN/529900OTHEREXPORT010"},
    {"installation": "Another works"},
    {"process": "rolling"},
    {"cn": "72142000"},
    {"period": "2025-01-01/2025-12-31"},
    {"purpose": "another purpose"},
    {"importer": "EU/529900OTHERIMPO0010"},
    {"consignment": "LOT-2027-002"},
    {"lot": "aa"},
    {"lot_index": 1},
    {"plan": "aa"},
    {"contributor": "aa"},
]


@pytest.mark.parametrize("change", REPLAYS, ids=lambda change: next(iter(change)))
@pytest.mark.parametrize("kind", ["ranges only", "with a relation"])
def test_a_proof_is_of_one_claim(change: dict[str, object], kind: str) -> None:
    case = floor_case("5", "3") if kind == "ranges only" else product_case()
    proof = case.prove()
    with pytest.raises(FailedVerification):
        case.verify(proof, **change)


def test_commitments_do_not_change_places() -> None:
    case = product_case()
    proof, commitments = case.prove(), case.commitments
    al, a, b = (next(leaf for leaf in commitments if leaf.path == path) for path in ("al", "a", "b"))
    for left, right in ((al, a), (a, b), (al, b)):
        swapped = {**commitments, left: commitments[right], right: commitments[left]}
        with pytest.raises(FailedVerification):
            verify_results(case.claim, case.graph, swapped, proof)
    for shift in (G, H, -G):
        moved = {**commitments, a: commitments[a] + shift, b: commitments[b] - shift}
        with pytest.raises(FailedVerification):
            verify_results(case.claim, case.graph, moved, proof)


def other_graph(*nodes: Input | Product | Quotient | Sum) -> Graph:
    return rounded_graph(list(nodes), "see")


def test_another_formula_is_another_graph() -> None:
    case = floor_case("5", "3")
    proof = case.prove()
    dropped = other_graph(AL, A, see("a"))
    flipped = other_graph(AL, A, B, Sum("e", "t", "", "", ((1, "a"), (1, "b"))), see("e"))
    level = other_graph(AL, A, B, Quotient("see", "tCO2e/t", "", "", "a", "b"))
    for graph in (dropped, flipped, level):
        with pytest.raises(FailedVerification, match="proof-graph"):
            verify_results(case.claim, graph, case.commitments, proof)
        claim = replace(case.claim, graph_digest=graph.digest.hex())
        with pytest.raises((FailedVerification, Malformed)):
            verify_results(claim, graph, case.commitments, proof)


@pytest.mark.parametrize("change", [{"unit": "kg"}, {"decimals": 2}, {"bits": 13}, {"path": "c"}])
def test_leaves_carry_the_labels_of_the_graph(change: dict[str, str | int]) -> None:
    case = product_case()
    proof = case.prove()
    relabelled = {
        replace(leaf, **change) if leaf.path == "a" else leaf: point  # type: ignore[arg-type]
        for leaf, point in case.commitments.items()
    }
    with pytest.raises(FailedVerification, match="proof-leaf"):
        verify_results(case.claim, case.graph, relabelled, proof)


def test_an_opened_factor_opens_the_signed_leaf() -> None:
    case = replace(product_case(), open_paths=["b"])
    proof = case.prove()
    case.verify(proof)
    leaf = next(leaf for leaf in case.openings if leaf.path == "b")
    other = {**case.openings, leaf: Opening(case.openings[leaf].value + 1, case.openings[leaf].blinding)}
    with pytest.raises(FailedVerification, match="commitment-opening"):
        verify_results(case.claim, case.graph, {**case.commitments, leaf: commit(other[leaf])}, proof)
    with pytest.raises(FailedVerification):
        case.verify(replace(case, openings=other, claim=_restated(case, other)).prove())


def _restated(case: Case, openings: dict[SignedInteger, Opening]) -> ResultClaim:
    values = {leaf.path: f"{opening.value / 10:.1f}" for leaf, opening in openings.items()}
    return case_of(case.graph, values).claim


def test_identity_points_are_refused() -> None:
    case = product_case()
    proof = case.prove()
    start = 1 + 1 + 2
    assert Point.decode(proof[start : start + 48]) is not None
    with pytest.raises(Malformed, match="group-point"):
        case.verify(proof[:start] + IDENTITY + proof[start + 48 :])
    commitments = {leaf: point - point for leaf, point in case.commitments.items()}
    with pytest.raises((FailedVerification, Malformed)):
        verify_results(case.claim, case.graph, commitments, proof)


def mutated(proof: bytes, draw: random.Random) -> bytes:
    """One change of a kind drawn at random; never the proof itself."""
    changed = bytearray(proof)
    at = draw.randrange(len(proof))
    match draw.randrange(7):
        case 0:
            changed[at] ^= 1 << draw.randrange(8)
        case 1:
            changed[at] = draw.randrange(256)
        case 2:
            del changed[at : at + draw.randrange(1, 60)]
        case 3:
            changed[at:at] = draw.randbytes(draw.randrange(1, 60))
        case 4:
            length = draw.choice([32, 48])
            other = draw.randrange(len(proof))
            changed[at : at + length], changed[other : other + length] = (
                proof[other : other + length],
                proof[at : at + length],
            )
        case 5:
            length = draw.choice([32, 48])
            changed[at : at + length] = draw.choice(
                [bytes(length), b"\xff" * length, ORDER.to_bytes(32, "big")]
            )
        case _:
            changed += draw.randbytes(1)
    return bytes(changed) if bytes(changed) != proof else proof + b"\x00"


def all_rejected(case: Case, proof: bytes, count: int, seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(count):
        changed = mutated(proof, draw)
        with pytest.raises((Malformed, FailedVerification)):
            case.verify(changed)


def test_no_mutation_is_accepted_and_none_crashes() -> None:
    for seed, case in enumerate(
        (product_case(), floor_case("5", "3"), replace(product_case(), open_paths=["b"]))
    ):
        all_rejected(case, case.prove(), MUTATIONS // 3, seed)


def test_no_mutation_of_the_examples_proof_is_accepted() -> None:
    all_rejected(steel("see_direct"), steel_proof("see_direct"), STEEL_MUTATIONS, 7)


def test_every_byte_counts() -> None:
    case = replace(product_case(), open_paths=["b"])
    proof = case.prove()
    for at in range(0, len(proof), 3):
        changed = bytearray(proof)
        changed[at] ^= 1
        with pytest.raises((Malformed, FailedVerification)):
            case.verify(bytes(changed))


def test_signs_are_as_many_as_floors() -> None:
    case = floor_case("5", "3")
    proof = case.prove()
    for count, bits in ((0, b""), (2, b"\xc0"), (9, b"\xff\x80"), (65535, b"\xff" * 8191 + b"\xfe")):
        changed = proof[:2] + count.to_bytes(2, "big") + bits + proof[5:]
        with pytest.raises((Malformed, FailedVerification)):
            case.verify(changed)
    with pytest.raises(Malformed, match="padding"):
        case.verify(proof[:4] + b"\x81" + proof[5:])
