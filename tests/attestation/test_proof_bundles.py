"""A lying exporter with a real statement: everything in the bundle holds but the proof, and the proof does not.

The exporter signs what it likes, logs it, and has the log witnessed: only `result-proof` stands between a wrong number
and the importer.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
import world as w
from proving_cases import neighbours

from carbonport.attestation.check_report import Report
from carbonport.attestation.checks import verify_bundle
from carbonport.attestation.commitments import LeafOpening
from carbonport.attestation.evidence import check_evidence, read_evidence
from carbonport.attestation.lots.lot_identity import LotPlace
from carbonport.attestation.presentation import Presentation
from carbonport.attestation.proof_checking import ProofBinding
from carbonport.attestation.proof_evidence import ProofEvidence
from carbonport.attestation.proving.lowered_claim import SignedInteger
from carbonport.attestation.proving.prover import prove_results
from carbonport.attestation.statement_tree import StatementTree
from carbonport.crypto.canonical import Json
from carbonport.crypto.pedersen import Opening
from carbonport.errors import CarbonportError
from carbonport.footprint.evaluate import evaluate
from carbonport.footprint.exact_decimal import round_half_up
from carbonport.footprint.graph import Constant, Graph, Input, Quotient, Round, Sum

CN = "72083900"
OTHER_CN = "72142000"
NAMES = ("default_share", "see_direct")
MUTATIONS = 10_000
SLOW_MUTATIONS = 40
"""Mutations that only the arithmetic at the end of a check finds; others fall to a hash, a length or an encoding."""


def check(data: bytes) -> Report:
    anchors = {"EU": [w.keys().eu_list.public_jwk]}
    return verify_bundle(data, now=w.NOW, anchors=anchors, importer=w.IMPORTER)


def failed_by_proof_alone(data: bytes, error: str = "") -> None:
    report = check(data)
    assert report.failed() == ("result-proof", "precursor-attestations"), report.checks
    if error:
        assert report.check("result-proof").error == error


@cache
def sound() -> ProofEvidence:
    """The proof of the world's bundle."""
    evidence = Presentation.decode(w.world().bundle.presentation).evidence
    assert isinstance(evidence, ProofEvidence)
    return evidence


@cache
def open_evidence() -> ProofEvidence:
    """The same results from the open graph."""
    figures = w.figures()
    good = w.calculation().goods[0]
    return w.proof_task(
        w.world().openings,
        figures.good("steel", CN).open,
        w.world().statement.statement,
        binding(),
        process="steel",
        cn=CN,
        results={name: good.attested(name) for name in NAMES},
        open_paths=[path for path in figures.sources if path.endswith("carbon_content")],
        nonce_secret=w.NONCE_SECRET,
    ).prove()


def binding(**changes: object) -> ProofBinding:
    made_for = ProofBinding(
        w.world().statement.digest, w.EXPORTER, "cbam-declaration", w.IMPORTER, "LOT-2027-001"
    )
    return replace(made_for, **changes)  # type: ignore[arg-type]


def bundle_with(evidence: ProofEvidence, **items: Json) -> bytes:
    return w.build_world(evidence=evidence, claims=w.gate_claims(**items)).data


def test_both_forms_of_the_graph_hold_in_a_bundle() -> None:
    for evidence, profile in ((sound(), "sealed"), (open_evidence(), "open")):
        report = check(bundle_with(evidence))
        assert report.ok
        assert f"({profile}, {len(evidence.proof)} bytes)" in report.check("result-proof").found


def test_a_neighbouring_value_is_not_proved() -> None:
    good = w.calculation().goods[0]
    for name in NAMES:
        for value in neighbours(good.attested(name)):
            for evidence in (sound(), open_evidence()):
                failed_by_proof_alone(bundle_with(evidence, **{name: value}))


@pytest.mark.parametrize(
    "made_for",
    [
        {"importer": w.OTHER_IMPORTER},
        {"consignment": "LOT-2027-002"},
        {"purpose": "another"},
        {"issuer": w.VERIFIER},
        {"statement_digest": "5d" * 32},
        {"place": LotPlace("5d" * 64, 1)},
    ],
)
def test_a_proof_that_was_made_for_another_attestation_is_none(made_for: dict[str, object]) -> None:
    good = w.calculation().goods[0]
    task = w.proof_task(
        w.world().openings,
        w.figures().good("steel", CN).open,
        w.world().statement.statement,
        binding(**made_for),
        process="steel",
        cn=CN,
        results={"see_direct": good.attested("see_direct")},
        open_paths=[],
        nonce_secret=w.NONCE_SECRET,
    )
    claims = w.gate_claims()
    items = {name: value for name, value in dict(claims["items"]).items() if name != "default_share"}  # type: ignore[arg-type]
    lying = w.build_world(evidence=task.prove(), claims={**claims, "items": items})
    failed_by_proof_alone(lying.data)


def test_a_proof_of_another_good_or_period_is_none() -> None:
    failed_by_proof_alone(bundle_with(sound(), cn=OTHER_CN))
    other = replace(w.world().statement.statement, period="2025-01-01/2025-12-31")
    with pytest.raises(CarbonportError):
        check_evidence(sound(), other, process="steel", cn=CN, results=results(), binding=binding())


def results() -> dict[str, str]:
    good = w.calculation().goods[0]
    return {name: good.attested(name) for name in NAMES}


def forged(change: Callable[[Graph], Graph]) -> tuple[ProofEvidence, dict[str, str]]:
    """An exporter's own formula, proved soundly: the evidence, and the results that this formula gives."""
    graph = change(w.figures().good("steel", CN).open)
    by_label = {
        SignedInteger(item.label.path, item.label.unit, item.label.decimals, item.label.bits): item
        for item in w.world().openings
    }
    values = {leaf.path: Decimal(item.value).scaleb(-leaf.decimals) for leaf, item in by_label.items()}
    numbers = evaluate(graph, values)
    stated = {
        name: format(round_half_up(numbers[graph.outputs[f"{name}_rounded"]], 5), "f") for name in NAMES
    }
    honest = w.proof_task(
        w.world().openings,
        w.figures().good("steel", CN).open,
        w.world().statement.statement,
        binding(),
        process="steel",
        cn=CN,
        results=results(),
        open_paths=[],
        nonce_secret=w.NONCE_SECRET,
    )
    claim = replace(honest.claim, graph_digest=graph.digest.hex(), results=stated)
    openings = {leaf: Opening(item.value, item.blinding) for leaf, item in by_label.items()}
    proof = prove_results(claim, graph, openings, nonce_secret=w.NONCE_SECRET)
    used = {node.path for node in graph.inputs()}
    shown = [leaf for leaf in sorted(by_label, key=lambda leaf: leaf.path) if leaf.path in used]
    tree = StatementTree(w.world().openings)
    leaves = [by_label[leaf].leaf() for leaf in shown]
    indices = [tree.position(leaf.path) for leaf in shown]
    evidence = replace(
        open_evidence(),
        graph=graph.canonical(),
        leaves=tuple(
            replace(
                open_evidence().leaves[0], index=index, salt=leaf.salt, commitment=leaf.commitment.encode()
            )
            for index, leaf in zip(indices, leaves, strict=True)
            if index is not None
        ),
        proof=proof,
    )
    return evidence, stated


def streams(graph: Graph) -> Sum:
    return next(
        node for node in graph if isinstance(node, Sum) and node.equation.startswith("2547 Annex II Eq 4:")
    )


def with_node(graph: Graph, old: Sum | Constant | Quotient, new: Sum | Constant | Quotient) -> Graph:
    return Graph(tuple(new if node is old else node for node in graph), graph.outputs)


def without_a_stream(graph: Graph) -> Graph:
    return with_node(graph, streams(graph), replace(streams(graph), terms=streams(graph).terms[1:]))


def with_a_flipped_sign(graph: Graph) -> Graph:
    (sign, first), *rest = streams(graph).terms
    return with_node(graph, streams(graph), replace(streams(graph), terms=((-sign, first), *rest)))


def with_another_factor(graph: Graph) -> Graph:
    carbon = next(node for node in graph if isinstance(node, Constant) and str(node.value) == "3.664")
    return with_node(graph, carbon, replace(carbon, value=Decimal("3.663")))


def with_another_activity_level(graph: Graph) -> Graph:
    """Tonnes of another thing below the fraction bar."""
    rounding = graph[graph.outputs["see_direct_rounded"]]
    assert isinstance(rounding, Round)
    quotient = graph[rounding.of]
    assert isinstance(quotient, Quotient)
    other = max(
        (node for node in graph.inputs() if node.path.endswith("activity_data")), key=lambda node: node.path
    )
    return with_node(graph, quotient, replace(quotient, denominator=other.id))


@pytest.mark.parametrize(
    "change", [without_a_stream, with_a_flipped_sign, with_another_factor, with_another_activity_level]
)
def test_a_formula_of_the_exporters_own_is_no_formula(change: Callable[[Graph], Graph]) -> None:
    evidence, stated = forged(change)
    assert stated != results()
    failed_by_proof_alone(bundle_with(evidence, **stated), "proof-graph")
    # The signed graph put in its place: then the proof is of something else.
    relabelled = replace(evidence, graph=open_evidence().graph)
    assert check(bundle_with(relabelled, **stated)).check("result-proof").error


def test_listed_precursors_are_those_that_the_verifier_signed() -> None:
    """The values that the proof opens have to stand in the list; what else is listed is the exporter's word."""
    signed: list[Json] = [
        {"basis": "default", "cn": "72021180", "see_direct": "1.690000000"},
        {"basis": "verified", "cn": "72011019", "see_direct": "1.814263957"},
    ]
    assert check(bundle_with(sound(), precursors=signed)).ok
    assert check(bundle_with(sound(), precursors=[*signed, {"see_direct": "0.5"}])).ok
    smaller: Json = {"basis": "verified", "cn": "72011019", "see_direct": "1.014263957"}
    lies: list[Json] = [
        [signed[0], smaller],
        signed[:1],
        [signed[0], signed[0]],
        [],
        "none",
        [1, {"see_direct": "x"}],
    ]
    for lie in lies:
        failed_by_proof_alone(bundle_with(sound(), precursors=lie), "attested-precursors")


def test_another_leaf_in_the_place_of_the_activity_level_is_found() -> None:
    level = next(
        index
        for index, node in enumerate(sorted(signed_inputs(), key=lambda node: node.path))
        if node.path == "process/steel/activity_level"
    )
    leaves = list(open_evidence().leaves)
    for other in (level - 1, level + 1):
        swapped = list(leaves)
        swapped[level] = replace(leaves[other], index=leaves[level].index)
        failed_by_proof_alone(bundle_with(replace(open_evidence(), leaves=tuple(swapped))), "proof-leaves")
        swapped[level] = leaves[other]
        assert not check(bundle_with(replace(open_evidence(), leaves=tuple(swapped)))).ok


def signed_inputs() -> list[Input]:
    graph = w.figures().good("steel", CN).open
    names = {graph.outputs[f"{name}_rounded"] for name in NAMES}
    needed: list[Input] = []
    for node in reversed(graph.nodes):
        if node.id in names:
            names.update(node.operands())
            if isinstance(node, Input):
                needed.append(node)
    return needed


def test_a_statement_over_a_reordered_list_is_not_the_one_that_was_signed() -> None:
    openings: list[LeafOpening] = list(w.world().openings)
    openings[0], openings[1] = openings[1], openings[0]
    swapped = list(sound().leaves)
    swapped[0], swapped[1] = (
        replace(swapped[1], index=swapped[0].index),
        replace(swapped[0], index=swapped[1].index),
    )
    failed_by_proof_alone(bundle_with(replace(sound(), leaves=tuple(swapped))), "proof-leaves")


def test_every_region_of_the_proof_counts() -> None:
    """Through the whole bundle; every byte and every mutation is tried on the evidence below and in the library."""
    proof = sound().proof
    for position in range(0, len(proof), 97):
        changed = proof[:position] + bytes([proof[position] ^ 1]) + proof[position + 1 :]
        failed_by_proof_alone(bundle_with(replace(sound(), proof=changed)))


def mutated(value: Any, random_: random.Random) -> Any:
    """One thing in a piece of JSON changed, dropped, doubled or put in another's place."""
    match value:
        case dict() if value:
            name = random_.choice(sorted(value))
            change = random_.randrange(8)
            if change == 0:
                return {key: item for key, item in value.items() if key != name}
            if change == 1:
                return {**value, f"{name}x": value[name]}
            if change == 2:
                return {**value, name: value[random_.choice(sorted(value))]}
            return {**value, name: mutated(value[name], random_)}
        case list() if value:
            at = random_.randrange(len(value))
            change = random_.randrange(8)
            if change == 0:
                return value[:at] + value[at + 1 :]
            if change == 1:
                return [*value[:at], value[at], *value[at:]]
            if change == 2:
                other = random_.randrange(len(value))
                swapped = list(value)
                swapped[at], swapped[other] = swapped[other], swapped[at]
                return swapped
            return [*value[:at], mutated(value[at], random_), *value[at + 1 :]]
        case str():
            at = random_.randrange(len(value) + 1)
            new = random_.choice(["", "A", "0", "-", "_", "\u0000", "\ud7ff", value])
            return value[:at] + new + value[at + random_.randrange(2) :]
        case bool() | None:
            return random_.choice([0, "", [], {}])
        case int():
            return random_.choice([value + 1, value - 1, -value, 2**53 - 1, 0, True, str(value), None])
        case _:
            return random_.choice([None, 0, "x", [0], {"x": 0}])


def test_ten_thousand_mutations_of_the_evidence_none_accepted_none_crashing() -> None:
    """Seeded: the seed stands in the failure. Nothing but errors of our own may come out."""
    for seed in range(MUTATIONS):
        random_ = random.Random(seed)
        evidence = open_evidence() if seed % 100 == 0 else sound()
        bad = mutated_evidence(evidence, random_, slow=seed % (MUTATIONS // SLOW_MUTATIONS) == 0)
        if bad == evidence.to_json():
            continue
        try:
            check_evidence(
                read_evidence(bad),
                w.world().statement.statement,
                process="steel",
                cn=CN,
                results=results(),
                binding=binding(),
            )
        except CarbonportError:
            continue
        except Exception as error:
            raise AssertionError(f"mutation {seed} crashes the check") from error
        raise AssertionError(f"mutation {seed} is accepted")


def mutated_evidence(evidence: ProofEvidence, random_: random.Random, *, slow: bool) -> Json:
    """One thing changed: mostly in what falls to a hash, a length or an encoding, so that ten thousand are tried."""
    if slow:
        changed = bytearray(evidence.proof)
        changed[random_.randrange(len(changed))] ^= 1 << random_.randrange(8)
        return replace(evidence, proof=bytes(changed)).to_json()
    at = random_.randrange(len(evidence.leaves))
    leaf = evidence.leaves[at]
    kind = random_.randrange(10)
    if kind == 0:
        cut = random_.randrange(len(evidence.proof))
        return replace(evidence, proof=evidence.proof[:cut]).to_json()
    if kind < 4:
        salt, commitment = bytearray(leaf.salt), bytearray(leaf.commitment)
        (salt if kind == 1 else commitment)[random_.randrange(32)] ^= 1 << random_.randrange(8)
        other = replace(leaf, salt=bytes(salt), commitment=bytes(commitment))
        return replace(evidence, leaves=(*evidence.leaves[:at], other, *evidence.leaves[at + 1 :])).to_json()
    if kind == 4:
        path = [bytearray(node) for node in evidence.path]
        path[random_.randrange(len(path))][random_.randrange(32)] ^= 1 << random_.randrange(8)
        return replace(evidence, path=tuple(map(bytes, path))).to_json()
    bad: Json = mutated(evidence.to_json(), random_)
    return bad
