"""Evidence by proof: it travels, leads to the signed root, and holds for one attestation under one statement only."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import world as w
from hypothesis import given, settings
from hypothesis import strategies as st
from proving_cases import FACTORS, NONCE_SECRET

from carbonport.attestation.evidence import check_evidence, read_evidence
from carbonport.attestation.lots.lot_identity import LotPlace
from carbonport.attestation.proof_checking import ProofBinding
from carbonport.attestation.proof_evidence import ProofEvidence
from carbonport.attestation.proving.shown_leaves import joint_path, verify_joint_path
from carbonport.attestation.statement import Statement
from carbonport.attestation.statement_draft import StatementGood
from carbonport.attestation.statement_tree import StatementTree
from carbonport.crypto.canonical import Json
from carbonport.crypto.group import G, Point
from carbonport.crypto.merkle import leaf_hash, tree_root
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse

BINDING = ProofBinding("5d" * 32, w.EXPORTER, "cbam-declaration", w.IMPORTER, "LOT-2027-001")
NAMES = ("see_direct", "default_share")


def statement() -> Statement:
    return w.world().statement.statement


def results() -> dict[str, str]:
    good = w.calculation().goods[0]
    return {name: good.attested(name) for name in NAMES}


@cache
def evidence() -> ProofEvidence:
    openings = w.world().openings
    paths = [item.label.path for item in openings if item.label.path.rsplit("/", 1)[-1] in FACTORS]
    good = w.calculation().goods[0]
    return w.proof_task(
        openings,
        w.figures().goods[0].open,
        statement(),
        BINDING,
        process="steel",
        cn=good.cn,
        results=results(),
        open_paths=paths,
        nonce_secret=NONCE_SECRET,
    ).prove()


def check(shown: ProofEvidence, **changes: object) -> None:
    arguments: dict[str, object] = {
        "statement": statement(),
        "process": "steel",
        "cn": w.calculation().goods[0].cn,
        "results": results(),
        "binding": BINDING,
        **changes,
    }
    check_evidence(shown, **arguments)  # type: ignore[arg-type]


def test_the_proof_travels_and_holds() -> None:
    received = read_evidence(evidence().to_json())
    assert received == evidence()
    assert isinstance(received, ProofEvidence)
    check(received)


@pytest.mark.parametrize(
    "other",
    [
        replace(BINDING, statement_digest="5e" * 32),
        replace(BINDING, issuer=w.VERIFIER),
        replace(BINDING, purpose="another purpose"),
        replace(BINDING, importer=w.OTHER_IMPORTER),
        replace(BINDING, consignment="LOT-2027-002"),
        replace(BINDING, place=LotPlace("5d" * 64, 0)),
        replace(BINDING, place=LotPlace("", 1)),
    ],
)
def test_it_holds_for_one_attestation_only(other: ProofBinding) -> None:
    with pytest.raises(FailedVerification):
        check(evidence(), binding=other)


def test_it_holds_with_its_attestation_only() -> None:
    with pytest.raises(FailedVerification, match="evidence-binding"):
        check(evidence(), binding=None)


def test_it_holds_for_one_good_and_period_only() -> None:
    other = w.calculation().goods[1]
    # Goods of one process have one graph: what tells them apart is what the proof is bound to.
    with pytest.raises(FailedVerification, match=r"relation-proof|range-proof"):
        check(evidence(), cn=other.cn)
    with pytest.raises(FailedVerification, match="proof-good"):
        check(evidence(), process="rolling")
    with pytest.raises(FailedVerification):
        check(evidence(), statement=replace(statement(), period="2025-01-01/2025-12-31"))
    with pytest.raises(FailedVerification):
        check(evidence(), statement=replace(statement(), installation="Another works"))


def test_another_good_of_one_graph_does_not_take_its_proof() -> None:
    digest = statement().good("steel", w.calculation().goods[0].cn)
    assert digest is not None
    twin = StatementGood("steel", "72099999", "Iron or steel products", digest.graph_digest, "")
    with pytest.raises(FailedVerification, match=r"relation-proof|range-proof"):
        check(evidence(), statement=replace(statement(), goods=(*statement().goods, twin)), cn="72099999")


def changed_graph(change: Callable[[list[dict[str, Json]]], None]) -> Json:
    graph = w.figures().goods[0].open.canonical()
    assert isinstance(graph, dict)
    nodes = [dict(node) for node in graph["nodes"]]
    change(nodes)
    return {"nodes": nodes, "outputs": graph["outputs"]}


def streams(nodes: list[dict[str, Json]]) -> dict[str, Json]:
    """The sum over source streams, outputs subtracted."""
    return next(item for item in nodes if str(item["equation"]).startswith("2547 Annex II Eq 4:"))


def carbon(nodes: list[dict[str, Json]]) -> dict[str, Json]:
    return next(item for item in nodes if item.get("value") == "3.664")


def flip(nodes: list[dict[str, Json]]) -> None:
    terms = streams(nodes)["terms"]
    streams(nodes)["terms"] = [[-sign, name] for sign, name in terms]  # type: ignore


def drop(nodes: list[dict[str, Json]]) -> None:
    terms = streams(nodes)["terms"]
    streams(nodes)["terms"] = terms[1:]  # type: ignore


def factor(nodes: list[dict[str, Json]]) -> None:
    carbon(nodes)["value"] = "3.663"


def source(nodes: list[dict[str, Json]]) -> None:
    carbon(nodes)["source"] = "hearsay"


@pytest.mark.parametrize("change", [flip, drop, factor, source])
def test_a_graph_that_was_not_signed_is_not_read(change: Callable[[list[dict[str, Json]]], None]) -> None:
    with pytest.raises(FailedVerification, match="proof-graph"):
        check(replace(evidence(), graph=changed_graph(change)))


def test_leaves_are_those_of_the_statement() -> None:
    first, second, *rest = evidence().leaves
    wrong = [
        replace(evidence(), leaves=(second, first, *rest)),
        replace(
            evidence(), leaves=(replace(first, index=second.index), replace(second, index=first.index), *rest)
        ),
        replace(evidence(), leaves=(replace(first, commitment=second.commitment), *evidence().leaves[1:])),
        replace(
            evidence(),
            leaves=(
                replace(first, commitment=(Point.decode(first.commitment) + G).encode()),
                *evidence().leaves[1:],
            ),
        ),
        replace(evidence(), leaves=(replace(first, salt=bytes(32)), *evidence().leaves[1:])),
        replace(evidence(), leaves=(second, *rest)),
        replace(evidence(), path=evidence().path[1:]),
        replace(evidence(), path=(*evidence().path, bytes(32))),
    ]
    for shown in wrong:
        with pytest.raises(FailedVerification, match="proof-leaves"):
            check(shown)
    with pytest.raises(FailedVerification, match="proof-leaves"):
        check(evidence(), statement=replace(statement(), leaf_count=10))


def test_a_list_that_was_reordered_is_another_statement() -> None:
    openings = list(w.world().openings)
    openings[0], openings[1] = openings[1], openings[0]
    root = tree_root(item.leaf().hash() for item in openings)
    with pytest.raises(FailedVerification, match="proof-leaves"):
        check(evidence(), statement=replace(statement(), root=root))


def test_evidence_is_read_strictly() -> None:
    sound = evidence().to_json()
    assert isinstance(sound, dict)
    indices = sound["indices"]
    assert isinstance(indices, list)
    for changed in (
        {**sound, "kind": "belief"},
        {**sound, "extra": 1},
        {**sound, "indices": [*indices[1:], indices[0]]},
        {**sound, "indices": [*indices[:-1]]},
        {**sound, "indices": [True, *indices[1:]]},
        {**sound, "leaves": str(sound["leaves"])[:-4]},
        {**sound, "path": str(sound["path"]) + "AA"},
        {**sound, "proof": 7},
        {**sound, "graph": 7},
    ):
        with pytest.raises((Malformed, FailedVerification)):
            check(read_evidence(changed))  # type: ignore[arg-type]


def test_an_exporter_cannot_prove_other_figures() -> None:
    openings = list(w.world().openings)
    position = next(
        i
        for i, item in enumerate(openings)
        if w.figures().sources.get(item.label.path) == "stream/coke/activity_data"
    )
    openings[position] = replace(openings[position], value=openings[position].value - 1_000_000)
    good = w.calculation().goods[0]
    with pytest.raises(CarbonportError, match="proof-not-true"):
        w.proof_task(
            openings,
            w.figures().goods[0].open,
            statement(),
            BINDING,
            process="steel",
            cn=good.cn,
            results=results(),
            open_paths=[],
            nonce_secret=NONCE_SECRET,
        ).prove()
    with pytest.raises(Misuse, match="proof-opening-missing"):
        w.proof_task(
            openings[1:],
            w.figures().goods[0].open,
            statement(),
            BINDING,
            process="steel",
            cn=good.cn,
            results=results(),
            open_paths=[],
            nonce_secret=NONCE_SECRET,
            tree=StatementTree(openings),
        )


@settings(max_examples=60)
@given(size=st.integers(1, 40), data=st.data())
def test_joint_paths_lead_to_the_root_of_any_tree(size: int, data: st.DataObject) -> None:
    hashes = [leaf_hash(b"%d" % index) for index in range(size)]
    indices = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1)))
    path = joint_path(indices, size, lambda low, high: tree_root(hashes[low:high]))
    shown = {index: hashes[index] for index in indices}
    root = tree_root(hashes)
    verify_joint_path(shown, size, path, root)
    assert len(indices) < size or not path
    at = data.draw(st.sampled_from(indices))
    for leaves, count, given_path in (
        ({**shown, at: leaf_hash(b"other")}, size, path),
        (shown, size, [*path, bytes(32)]),
        (shown, size, path[1:] if path else [bytes(32)]),
        ({**shown, size: hashes[0]}, size, path),
        ({**shown, -1: hashes[0]}, size, path),
        ({}, size, path),
    ):
        with pytest.raises(FailedVerification, match="proof-leaves"):
            verify_joint_path(leaves, count, given_path, root)


def test_the_tree_knows_its_subtrees() -> None:
    openings = w.world().openings
    tree = StatementTree(openings)
    hashes = [item.leaf().hash() for item in openings]
    indices = [0, 5, tree.size - 1]
    assert joint_path(indices, tree.size, tree.subtree) == joint_path(
        indices, tree.size, lambda low, high: tree_root(hashes[low:high])
    )
