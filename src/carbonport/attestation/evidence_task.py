"""Making evidence by proof: what it takes, apart from the statement, so that a process of its own can do it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from carbonport.attestation.commitments import LeafLabel, LeafOpening
from carbonport.attestation.proof_evidence import ProofEvidence, ShownLeaf
from carbonport.attestation.proving.lowered_claim import SignedInteger
from carbonport.attestation.proving.lowering import ProvableGraph
from carbonport.attestation.proving.prover import prove_results
from carbonport.attestation.proving.result_claim import ResultClaim
from carbonport.attestation.proving.shown_leaves import joint_path
from carbonport.attestation.statement_tree import StatementTree
from carbonport.attestation.supplier_statements import OpenedSupplier, SupplierStatement, shown_suppliers
from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.canonical import canonical_bytes
from carbonport.crypto.pedersen import Opening
from carbonport.errors import Misuse, Refused
from carbonport.footprint.graph import Graph

MAX_GRAPH_BYTES = 256 * 1024
"""Largest graph that is shown with a proof, as canonical JSON: some 1000 source streams."""


@dataclass(frozen=True, slots=True, repr=False)
class EvidenceTask:
    """All that making the evidence takes, so that another process can make it. Secret.

    `openings` are those of the leaves that the results rest on, `indices` their places in the statement, `path` the
    joint path to its root. The leaves at `open_paths` become public in the proof.
    `suppliers` are shown for the values that suppliers keep secret, `supplier_openings` open them, by leaf (hex).
    """

    claim: ResultClaim
    graph: Graph
    openings: tuple[LeafOpening, ...]
    indices: tuple[int, ...]
    path: tuple[bytes, ...]
    open_paths: frozenset[str]
    nonce_secret: bytes
    suppliers: tuple[SupplierStatement, ...] = ()
    supplier_openings: Mapping[str, Opening] = field(default_factory=dict)

    def require_provable(self) -> None:
        """Raise `Refused` when no proof can be made of the graph, as far as no value decides that: floors count as
        above 0."""
        provable = ProvableGraph(self.graph, self.claim.results.keys())
        results = {name: self.claim.result(name, provable.decimals(name)) for name in self.claim.results}
        opened = {item.label.path: item.value for item in self.openings if item.label.path in self.open_paths}
        provable.lower(results, opened, lambda *_: True, at_most=self.claim.at_most)

    def prove(self, random_bytes: RandomBytes = system_random) -> ProofEvidence:
        """Make the proof. Takes some 100 ms or more of one processor, depending on secrets: not for the event loop."""
        by_label = {_integer(item.label): Opening(item.value, item.blinding) for item in self.openings}
        proof = prove_results(
            self.claim,
            self.graph,
            by_label,
            open_paths=self.open_paths,
            suppliers=self.supplier_openings,
            nonce_secret=self.nonce_secret,
            random_bytes=random_bytes,
        )
        leaves = [item.leaf() for item in self.openings]
        return ProofEvidence(
            graph=self.graph.canonical(),
            leaves=tuple(
                ShownLeaf(index, leaf.salt, leaf.commitment.encode())
                for index, leaf in zip(self.indices, leaves, strict=True)
            ),
            path=self.path,
            proof=proof,
            suppliers=self.suppliers,
        )


def evidence_task(
    openings: Sequence[LeafOpening],
    graph: Graph,
    claim: ResultClaim,
    *,
    open_paths: Collection[str],
    nonce_secret: bytes,
    tree: StatementTree | None = None,
    suppliers: Sequence[OpenedSupplier] = (),
) -> EvidenceTask:
    """What proving `claim` takes (`carbonport.attestation.proof_checking.claim_under`).

    `openings` are all of the statement's, in leaf order; `graph` is the claim's; `tree` is the tree over the openings
    when the caller keeps it; `suppliers` are what suppliers' bundles showed and opened. The gate decides which inputs
    are at `open_paths`. Raises `Refused` for a graph that cannot be proved or is too large to be shown.
    """
    tree = StatementTree(openings) if tree is None else tree
    size = len(canonical_bytes(graph.canonical()))
    if size > MAX_GRAPH_BYTES:
        raise Refused(
            "proof-graph-size",
            found=f"a calculation graph of {size} bytes",
            expected=f"at most {MAX_GRAPH_BYTES} to be shown with a proof",
            remedy="Prove from the sealed graph, which shows the emissions attributed to a process as one figure.",
        )
    indices: list[int] = []
    provable = ProvableGraph(graph, claim.results.keys())
    secret = {node.leaf for node in provable.committed()}
    for label in provable.leaves():
        index = tree.position(label.path)
        if index is None or index >= len(openings) or _integer(openings[index].label) != label:
            raise Misuse(
                "proof-opening-missing",
                found=f"no opening of {label.path}",
                expected="the openings of every input that the results rest on",
                remedy="Use the openings of the statement that the graph was signed in.",
                where=label.path,
            )
        indices.append(index)
    # Leaf order within a role is that of paths: the indices ascend.
    return EvidenceTask(
        claim=claim,
        graph=graph,
        openings=tuple(openings[index] for index in indices),
        indices=tuple(indices),
        path=tuple(joint_path(indices, tree.size, tree.subtree)) if indices else (),
        open_paths=frozenset(open_paths),
        nonce_secret=nonce_secret,
        suppliers=shown_suppliers(suppliers, secret),
        supplier_openings={
            leaf: opening for one in suppliers for leaf, opening in one.openings.items() if leaf in secret
        },
    )


def _integer(label: LeafLabel) -> SignedInteger:
    return SignedInteger(label.path, label.unit, label.decimals, label.bits)
