"""Checking evidence by proof: hashes first, then points, then the proof, against the signed graph alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from carbonport.attestation.commitments import ROLE_INPUT, LeafLabel, leaf_entry
from carbonport.attestation.lots.lot_identity import NO_PLACE, LotPlace
from carbonport.attestation.proof_evidence import ProofEvidence
from carbonport.attestation.proving.lowered_claim import SignedInteger
from carbonport.attestation.proving.lowering import ProvableGraph
from carbonport.attestation.proving.result_claim import ResultClaim
from carbonport.attestation.proving.shown_leaves import verify_joint_path
from carbonport.attestation.proving.signed_graph import read_signed_graph
from carbonport.attestation.proving.verifier import verify_results
from carbonport.attestation.statement import Statement
from carbonport.attestation.statement_draft import StatementGood
from carbonport.attestation.supplier_statements import (
    SupplierValue,
    supplier_commitments,
    supplier_values,
)
from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.group import Point
from carbonport.crypto.merkle import leaf_hash
from carbonport.errors import FailedVerification
from carbonport.footprint.exact_decimal import exact_context
from carbonport.footprint.graph import Attested

OPEN = "open"
"""Profile of a proof from the whole graph under neutral names."""

SEALED = "sealed"
"""Profile of a proof from the graph that shows nothing below the emissions attributed to a process."""


@dataclass(frozen=True, slots=True)
class ProofBinding:
    """What a proof is bound to beside the statement: the statement's token digest (hex), who attests, to whom, what
    for and which consignment, all as the attestation states them; and `place`, where the consignment stands in the lot
    that the statement names. Where `threshold` is not empty the results are upper bounds, and it is the published
    table, version and row that they are from."""

    statement_digest: str
    issuer: str
    purpose: str
    importer: str
    consignment: str
    place: LotPlace = NO_PLACE
    threshold: str = ""


@dataclass(frozen=True, slots=True)
class ProofFinding:
    """What a proof that holds was made from: the form of the signed graph, how many commitments stayed closed, and
    the opened leaves by path, as plain decimals. `attested` are the figures that suppliers' attestations state,
    `suppliers` those whose values stay secret: that a verifier signed their leaves is still to be checked."""

    profile: str
    closed: int
    opened: Mapping[str, str]
    attested: tuple[Attested, ...] = ()
    suppliers: tuple[SupplierValue, ...] = ()


def check_proof_evidence(
    evidence: ProofEvidence,
    statement: Statement,
    binding: ProofBinding,
    *,
    process: str,
    cn: str,
    results: Mapping[str, str],
    random_bytes: RandomBytes = system_random,
) -> ProofFinding:
    """Raise unless the results are those of the signed graph over the signed inputs, for exactly this binding."""
    good = _good(statement, process, cn)
    graph = read_signed_graph(evidence.graph, good.graph_digests)
    digest = graph.digest.hex()
    provable = ProvableGraph(graph, results.keys())
    labels = provable.leaves()
    if len(labels) != len(evidence.leaves):
        raise FailedVerification(
            "proof-leaves",
            found=f"{len(evidence.leaves)} leaves",
            expected=f"{len(labels)}, one for each input that the results rest on",
            remedy="Do not rely on the result; ask the exporter for evidence under the current statement.",
        )
    shown = list(zip(labels, evidence.leaves, strict=True))
    hashes = {
        leaf.index: leaf_hash(leaf_entry(_leaf_label(label), leaf.salt, leaf.commitment))
        for label, leaf in shown
    }
    if hashes or evidence.path:
        verify_joint_path(hashes, statement.leaf_count, evidence.path, statement.root)
    commitments = {label: Point.decode(leaf.commitment) for label, leaf in shown}
    claim = claim_under(statement, binding, process=process, cn=cn, results=results, digest=digest)
    suppliers = supplier_values(provable.committed(), evidence.suppliers)
    opened = verify_results(
        claim,
        graph,
        commitments,
        evidence.proof,
        suppliers=supplier_commitments(suppliers),
        random_bytes=random_bytes,
    )
    return ProofFinding(
        profile=SEALED if digest == good.sealed_digest else OPEN,
        closed=len(labels) - len(opened),
        opened={leaf.path: _decimal_text(value, leaf.decimals) for leaf, value in opened},
        attested=tuple(node for node in provable.nodes() if isinstance(node, Attested)),
        suppliers=suppliers,
    )


def claim_under(
    statement: Statement,
    binding: ProofBinding,
    *,
    process: str,
    cn: str,
    results: Mapping[str, str],
    digest: str,
) -> ResultClaim:
    """The claim that `results` (plain decimals by name) of a good follow from the graph of this digest."""
    return ResultClaim(
        statement_digest=binding.statement_digest,
        graph_digest=digest,
        issuer=binding.issuer,
        installation=statement.installation,
        process=process,
        cn=cn,
        period=statement.period,
        purpose=binding.purpose,
        importer=binding.importer,
        consignment=binding.consignment,
        results=results,
        lot=binding.place.lot,
        lot_index=binding.place.k,
        threshold=binding.threshold,
    )


def _good(statement: Statement, process: str, cn: str) -> StatementGood:
    good = statement.good(process, cn)
    if good is None:
        raise FailedVerification(
            "proof-good",
            found=f"{process}/{cn}, which the statement is not about",
            expected="a good of the statement",
            remedy="Do not rely on the result; ask for evidence under the statement about this good.",
        )
    return good


def _leaf_label(label: SignedInteger) -> LeafLabel:
    return LeafLabel(ROLE_INPUT, label.path, label.unit, label.decimals, label.bits)


def _decimal_text(value: int, decimals: int) -> str:
    return format(Decimal(value).scaleb(-decimals, context=exact_context()), "f")
