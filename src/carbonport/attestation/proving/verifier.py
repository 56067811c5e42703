"""Check that results follow from the signed graph and the signed leaves: nothing else is believed.

The relation is derived here, from the graph whose digest the verifier signed and from the labels of the leaves; of
the exporter's making are only the claim's results and the proof. Raises when it does not hold.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from carbonport.attestation.proving.linear_forms import form_commitments
from carbonport.attestation.proving.lowered_claim import LoweredClaim, SignedInteger
from carbonport.attestation.proving.lowering import ProvableGraph
from carbonport.attestation.proving.proof_layout import ProofReader, decode_parts
from carbonport.attestation.proving.relation import ClaimRelation
from carbonport.attestation.proving.result_claim import RELATION_PURPOSE, ResultClaim
from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.group import Point
from carbonport.crypto.pedersen import Opening, check_opening
from carbonport.crypto.proofs.range_verifier import OpenedCommitment, RangeClaim
from carbonport.crypto.proofs.ranges import openings_proof_bytes, verify_range_claims
from carbonport.crypto.proofs.relation_proofs import Form, proof_bytes, relation_tag, verify_relation
from carbonport.errors import FailedVerification
from carbonport.footprint.graph import Graph

NO_SUPPLIERS: Mapping[str, Point] = MappingProxyType({})
"""For graphs without a value that a supplier keeps secret."""


def verify_results(
    claim: ResultClaim,
    graph: Graph,
    commitments: Mapping[SignedInteger, Point],
    proof: bytes,
    *,
    suppliers: Mapping[str, Point] = NO_SUPPLIERS,
    random_bytes: RandomBytes = system_random,
) -> tuple[tuple[SignedInteger, int], ...]:
    """Raise unless `proof` proves `claim`; gives the leaves that it opens, with their values.

    `commitments` are those of the statement's leaves, by their labels; the caller has followed each to the signed
    root. `claim.graph_digest` is the digest that the verifier signed for this good, and `graph` is only used when it
    has this digest. `suppliers` are the commitments in suppliers' leaves that the graph names, by leaf (hex); the
    caller has rebuilt each leaf. Raises `Malformed` for bytes that are no such proof, `FailedVerification` for a claim
    that does not hold, and `Refused` for results that no proof can be made of.
    """
    if graph.digest.hex() != claim.graph_digest:
        raise FailedVerification(
            "proof-graph",
            found="a calculation graph with another digest",
            expected="the graph whose digest the verifier signed for this good",
            remedy="Do not rely on the result; ask for evidence under the signed graph.",
        )
    provable = ProvableGraph(graph, claim.results.keys())
    results = {name: claim.result(name, provable.decimals(name)) for name in claim.results}
    leaves = provable.leaves()
    missing = [leaf.path for leaf in leaves if leaf not in commitments]
    if missing:
        raise FailedVerification(
            "proof-leaf",
            found=f"no signed leaf for {missing[0]} in the unit, decimals and width of the graph",
            expected="a leaf for each input of the signed graph",
            remedy="Do not rely on the result; ask for evidence that shows the statement's leaves.",
            where=missing[0],
        )
    parts = decode_parts(leaves, proof)
    opened_values = {path: one.value for path, one in parts.opened.items()}
    lowered = _lower(provable, results, opened_values, parts.signs, at_most=claim.at_most)
    shown = [(leaf, commitments[leaf], parts.opened[leaf.path]) for leaf in lowered.opened]
    if lowered.contradicted:
        _check_singly(shown)
        raise _false_result(lowered.contradicted[0])

    reader = ProofReader(parts.rest)
    own = reader.points(lowered.committed_by_prover)
    every = [*(commitments[leaf] for leaf in lowered.signed), *own]
    derived = form_commitments([one.form for one in lowered.ranges], every)
    opened = [(leaf, opening.value) for leaf, _, opening in shown]
    theirs = [_supplier_commitment(suppliers, link.leaf) for link in lowered.links]
    context = claim.context(lowered, opened, every, derived, theirs)

    relation = ClaimRelation(lowered)
    built = None if relation.is_empty else relation.build(every, theirs)
    relation_proof = b"" if built is None else reader.take(proof_bytes(built, Form.COMPACT))
    ranges: list[RangeClaim[Point]] = []
    for indices in lowered.range_proofs():
        widths = tuple(lowered.ranges[i].width for i in indices)
        points = tuple(derived[i] for i in indices)
        ranges.append(RangeClaim(points, widths, context, reader.take(openings_proof_bytes(widths))))
    reader.finish()
    together = [OpenedCommitment(point, opening.value, opening.blinding) for _, point, opening in shown]
    try:
        if built is not None:
            verify_relation(built, relation_proof, relation_tag(Form.COMPACT, RELATION_PURPOSE, context))
        verify_range_claims(ranges, together, random_bytes=random_bytes)
    except FailedVerification:
        _check_singly(shown)
        raise
    return tuple(opened)


def _supplier_commitment(suppliers: Mapping[str, Point], leaf: str) -> Point:
    commitment = suppliers.get(leaf)
    if commitment is None:
        raise FailedVerification(
            "proof-supplier-leaf",
            found="no commitment of a supplier for a value that the graph takes from it",
            expected="the leaf of the supplier's statement that the signed graph names",
            remedy="Do not rely on the result; ask the exporter for evidence that shows it.",
        )
    return commitment


def _check_singly(shown: Sequence[tuple[SignedInteger, Point, Opening]]) -> None:
    """Raise for the first false opening by name. What holds is checked with the ranges, in one multiplication."""
    for leaf, point, opening in shown:
        check_opening(point, opening, where=leaf.path)


def _lower(
    provable: ProvableGraph,
    results: Mapping[str, int],
    opened: Mapping[str, int],
    signs: tuple[bool, ...],
    *,
    at_most: bool,
) -> LoweredClaim:
    """Lower with the signs that the proof states: as many as there are floors to decide."""
    stated = iter(signs)

    def sign_of(*_: object) -> bool:
        sign = next(stated, None)
        if sign is None:
            raise _signs()
        return sign

    lowered = provable.lower(results, opened, sign_of, at_most=at_most)
    if len(lowered.signs) != len(signs):
        raise _signs()
    return lowered


def _signs() -> FailedVerification:
    return FailedVerification(
        "proof-signs",
        found="another number of signs than the graph has floors to decide",
        expected="one sign for each",
        remedy="Do not rely on the result; the proof belongs to another graph, or was changed.",
    )


def _false_result(name: str) -> FailedVerification:
    return FailedVerification(
        "proof-false-result",
        found=f"a value of {name} that the opened figures and public numbers disprove",
        expected="the value that the signed graph gives",
        remedy="Do not use the value; ask the exporter for an attestation of the verified one.",
        where=name,
    )
