"""Evidence of the kind `proof`: results follow from the committed inputs by the signed graph, shown in zero knowledge.

It carries the canonical graph (its digest is in the statement), the leaves of the inputs that the results rest on
(commitment and salt, with one joint path to the signed root) and the proof. The labels of the leaves are not
repeated: path, unit, decimals and width are those of the graph's inputs, and a leaf of another label has another
hash. Nothing else is taken from the exporter. What it says and what not: `docs/proofs.md`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from carbonport.attestation.commitments import ROLE_INPUT, SALT_BYTES, Leaf, LeafLabel, LeafOpening
from carbonport.attestation.proving.lowered_claim import SignedInteger
from carbonport.attestation.proving.lowering import ProvableGraph
from carbonport.attestation.proving.proof_layout import MAX_PROOF_BYTES
from carbonport.attestation.proving.prover import prove_results
from carbonport.attestation.proving.result_claim import ResultClaim
from carbonport.attestation.proving.shown_leaves import joint_path, verify_joint_path
from carbonport.attestation.proving.signed_graph import read_signed_graph
from carbonport.attestation.proving.verifier import verify_results
from carbonport.attestation.statement import Statement
from carbonport.attestation.statement_draft import MAX_LEAVES
from carbonport.attestation.statement_tree import StatementTree
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode
from carbonport.crypto.group import POINT_BYTES, Point
from carbonport.crypto.merkle import HASH_BYTES
from carbonport.crypto.pedersen import Opening
from carbonport.errors import FailedVerification, Malformed
from carbonport.footprint.graph import Graph

MAX_SHOWN_LEAVES = 100_000
"""Most leaves that one proof is about."""


@dataclass(frozen=True, slots=True)
class ProofBinding:
    """What a proof is bound to beside the statement: the statement's token digest (hex), who attests, to whom, what
    for and which consignment, all as the attestation states them."""

    statement_digest: str
    issuer: str
    purpose: str
    importer: str
    consignment: str


@dataclass(frozen=True, slots=True)
class ShownLeaf:
    """A leaf without its label: its index in the statement, its salt and commitment."""

    index: int
    salt: bytes
    commitment: Point


@dataclass(frozen=True, slots=True)
class ProofEvidence:
    """The evidence. `graph` is canonical JSON as read; `leaves` are in the order of index and path alike."""

    kind: ClassVar[str] = "proof"
    graph: Json
    leaves: tuple[ShownLeaf, ...]
    path: tuple[bytes, ...]
    proof: bytes

    def to_json(self) -> Json:
        """As it stands in a presentation: hashes, salts and commitments as one text each."""
        shown = b"".join(leaf.salt + leaf.commitment.encode() for leaf in self.leaves)
        return {
            "kind": self.kind,
            "graph": self.graph,
            "indices": [leaf.index for leaf in self.leaves],
            "leaves": b64url_encode(shown),
            "path": b64url_encode(b"".join(self.path)),
            "proof": b64url_encode(self.proof),
        }


def read_proof_evidence(fields: StrictFields) -> ProofEvidence:
    """The evidence of a presentation, after its kind was read; strict, and nothing of it is believed yet."""
    indices: list[int] = []
    for item in fields.items("indices", max_items=MAX_SHOWN_LEAVES):
        index = StrictFields({"index": item}, "evidence").integer("index", maximum=MAX_LEAVES)
        if indices and index <= indices[-1]:
            raise _malformed("indices that do not ascend")
        indices.append(index)
    step = SALT_BYTES + POINT_BYTES
    shown = _pieces(fields, "leaves", step, len(indices))
    leaves = tuple(
        ShownLeaf(index, piece[:SALT_BYTES], Point.decode(piece[SALT_BYTES:]))
        for index, piece in zip(indices, shown, strict=True)
    )
    path = _pieces(fields, "path", HASH_BYTES, None)
    proof = b64url_decode(fields.text("proof", max_chars=2 * MAX_PROOF_BYTES))
    evidence = ProofEvidence(fields.value("graph"), leaves, tuple(path), proof)
    fields.finish()
    return evidence


def prove_evidence(
    openings: Sequence[LeafOpening],
    graph: Graph,
    statement: Statement,
    binding: ProofBinding,
    *,
    process: str,
    cn: str,
    results: Mapping[str, str],
    open_paths: Collection[str],
    nonce_secret: bytes,
    tree: StatementTree | None = None,
    random_bytes: RandomBytes = system_random,
) -> ProofEvidence:
    """Prove `results` (plain decimals by name) of a good of the statement.

    `openings` are all of the statement's, in leaf order; `graph` is the good's; `tree` is the tree over the openings
    when the caller keeps it. The inputs at `open_paths` become public in the proof: the gate decides which. It takes
    some 100 ms or more of one processor: not for the event loop.
    """
    tree = StatementTree(openings) if tree is None else tree
    claim = _claim(statement, binding, process=process, cn=cn, results=results)
    by_label = {
        _integer(item.label): Opening(item.value, item.blinding)
        for item in openings
        if item.label.role == ROLE_INPUT
    }
    proof = prove_results(
        claim, graph, by_label, open_paths=open_paths, nonce_secret=nonce_secret, random_bytes=random_bytes
    )
    # A leaf without an opening has made prove_results refuse; leaf order within a role is that of paths.
    positions = [tree.position(leaf.path) for leaf in ProvableGraph(graph, results.keys()).leaves()]
    indices = [index for index in positions if index is not None]
    shown = [(index, openings[index].leaf()) for index in indices]
    return ProofEvidence(
        graph=graph.canonical(),
        leaves=tuple(ShownLeaf(index, leaf.salt, leaf.commitment) for index, leaf in shown),
        path=tuple(joint_path(indices, tree.size, tree.subtree)) if indices else (),
        proof=proof,
    )


def check_proof_evidence(
    evidence: ProofEvidence,
    statement: Statement,
    binding: ProofBinding,
    *,
    process: str,
    cn: str,
    results: Mapping[str, str],
    random_bytes: RandomBytes = system_random,
) -> None:
    """Raise unless the results are those of the signed graph over the signed inputs, for exactly this binding."""
    claim = _claim(statement, binding, process=process, cn=cn, results=results)
    graph = read_signed_graph(evidence.graph, claim.graph_digest)
    labels = ProvableGraph(graph, results.keys()).leaves()
    if len(labels) != len(evidence.leaves):
        raise FailedVerification(
            "proof-leaves",
            found=f"{len(evidence.leaves)} leaves",
            expected=f"{len(labels)}, one for each input that the results rest on",
            remedy="Do not rely on the result; ask the exporter for evidence under the current statement.",
        )
    commitments: dict[SignedInteger, Point] = {}
    hashes: dict[int, bytes] = {}
    for label, shown in zip(labels, evidence.leaves, strict=True):
        leaf_label = LeafLabel(ROLE_INPUT, label.path, label.unit, label.decimals, label.bits)
        hashes[shown.index] = Leaf(leaf_label, shown.commitment, shown.salt).hash()
        commitments[label] = shown.commitment
    if hashes or evidence.path:
        verify_joint_path(hashes, statement.leaf_count, evidence.path, statement.root)
    verify_results(claim, graph, commitments, evidence.proof, random_bytes=random_bytes)


def _claim(
    statement: Statement, binding: ProofBinding, *, process: str, cn: str, results: Mapping[str, str]
) -> ResultClaim:
    good = statement.good(process, cn)
    if good is None:
        raise FailedVerification(
            "proof-good",
            found=f"{process}/{cn}, which the statement is not about",
            expected="a good of the statement",
            remedy="Do not rely on the result; ask for evidence under the statement about this good.",
        )
    return ResultClaim(
        statement_digest=binding.statement_digest,
        graph_digest=good.graph_digest,
        issuer=binding.issuer,
        installation=statement.installation,
        process=process,
        cn=cn,
        period=statement.period,
        purpose=binding.purpose,
        importer=binding.importer,
        consignment=binding.consignment,
        results=results,
    )


def _integer(label: LeafLabel) -> SignedInteger:
    return SignedInteger(label.path, label.unit, label.decimals, label.bits)


def _pieces(fields: StrictFields, name: str, length: int, count: int | None) -> list[bytes]:
    """A base64url text cut into pieces of `length` bytes, `count` of them where that is known."""
    most = MAX_SHOWN_LEAVES * length
    data = b64url_decode(fields.text(name, max_chars=2 * most, empty=True))
    if len(data) % length or len(data) > most or count not in (None, len(data) // length):
        raise _malformed(f"{name} of another length than its parts have")
    return [data[start : start + length] for start in range(0, len(data), length)]


def _malformed(found: str) -> Malformed:
    return Malformed(
        "evidence-proof-form",
        found=found,
        expected="the form of evidence by proof",
        remedy="Ask the exporter for the presentation again; it was damaged, or made by another version.",
    )
