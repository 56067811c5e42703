"""Evidence of the kind `proof`: results follow from the committed inputs by the signed graph, shown in zero knowledge.

It carries one of the good's two canonical graphs (their digests are in the statement), the leaves of the inputs that
the results rest on (commitment and salt, with one joint path to the signed root) and the proof. The labels of the
leaves are not repeated: path, unit, decimals and width are those of the graph's inputs, and a leaf of another label has
another hash. Nothing else is taken from the exporter. What it says and what not: `docs/proofs.md`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from carbonport.attestation.commitments import ROLE_INPUT, SALT_BYTES, Leaf, LeafLabel, LeafOpening
from carbonport.attestation.proving.lowered_claim import SignedInteger
from carbonport.attestation.proving.lowering import ProvableGraph
from carbonport.attestation.proving.proof_layout import MAX_PROOF_BYTES
from carbonport.attestation.proving.prover import prove_results
from carbonport.attestation.proving.result_claim import ResultClaim
from carbonport.attestation.proving.shown_leaves import joint_path, verify_joint_path
from carbonport.attestation.proving.signed_graph import graph_json_digest, read_signed_graph
from carbonport.attestation.proving.verifier import verify_results
from carbonport.attestation.statement import Statement
from carbonport.attestation.statement_draft import MAX_LEAVES
from carbonport.attestation.statement_tree import StatementTree
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.canonical import Json, b64url_decode, b64url_encode, canonical_bytes
from carbonport.crypto.group import POINT_BYTES, Point
from carbonport.crypto.merkle import HASH_BYTES
from carbonport.crypto.pedersen import Opening
from carbonport.errors import FailedVerification, Malformed, Misuse, Refused
from carbonport.footprint.exact_decimal import exact_context
from carbonport.footprint.graph import Graph

MAX_SHOWN_LEAVES = 100_000
"""Most leaves that one proof is about."""

MAX_GRAPH_BYTES = 256 * 1024
"""Largest graph that is shown with a proof, as canonical JSON: some 1000 source streams."""

OPEN = "open"
"""Profile of a proof from the whole graph under neutral names."""

SEALED = "sealed"
"""Profile of a proof from the graph that shows nothing below the emissions attributed to a process."""


@dataclass(frozen=True, slots=True)
class ProofBinding:
    """What a proof is bound to beside the statement: the statement's token digest (hex), who attests, to whom, what
    for and which consignment, all as the attestation states them. Where `threshold` is not empty the results are upper
    bounds, and it is the published table, version and row that they are from."""

    statement_digest: str
    issuer: str
    purpose: str
    importer: str
    consignment: str
    threshold: str = ""


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


@dataclass(frozen=True, slots=True, repr=False)
class EvidenceTask:
    """All that making the evidence takes, so that another process can make it. Secret.

    `openings` are those of the leaves that the results rest on, `indices` their places in the statement, `path` the
    joint path to its root. The leaves at `open_paths` become public in the proof.
    """

    claim: ResultClaim
    graph: Graph
    openings: tuple[LeafOpening, ...]
    indices: tuple[int, ...]
    path: tuple[bytes, ...]
    open_paths: frozenset[str]
    nonce_secret: bytes

    def prove(self, random_bytes: RandomBytes = system_random) -> ProofEvidence:
        """Make the proof. Takes some 100 ms or more of one processor, depending on secrets: not for the event loop."""
        by_label = {_integer(item.label): Opening(item.value, item.blinding) for item in self.openings}
        proof = prove_results(
            self.claim,
            self.graph,
            by_label,
            open_paths=self.open_paths,
            nonce_secret=self.nonce_secret,
            random_bytes=random_bytes,
        )
        leaves = [item.leaf() for item in self.openings]
        return ProofEvidence(
            graph=self.graph.canonical(),
            leaves=tuple(
                ShownLeaf(index, leaf.salt, leaf.commitment)
                for index, leaf in zip(self.indices, leaves, strict=True)
            ),
            path=self.path,
            proof=proof,
        )


def evidence_task(
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
) -> EvidenceTask:
    """What proving `results` (plain decimals by name) of a good of the statement takes.

    `openings` are all of the statement's, in leaf order; `graph` is one of the good's two; `tree` is the tree over the
    openings when the caller keeps it. The gate decides which inputs are at `open_paths`. Raises `Refused` for a graph
    that cannot be proved or is too large to be shown.
    """
    tree = StatementTree(openings) if tree is None else tree
    claim = _claim(statement, binding, process=process, cn=cn, results=results, digest=graph.digest.hex())
    size = len(canonical_bytes(graph.canonical()))
    if size > MAX_GRAPH_BYTES:
        raise Refused(
            "proof-graph-size",
            found=f"a calculation graph of {size} bytes",
            expected=f"at most {MAX_GRAPH_BYTES} to be shown with a proof",
            remedy="Prove from the sealed graph, which shows the emissions attributed to a process as one figure.",
        )
    indices: list[int] = []
    for label in ProvableGraph(graph, results.keys()).leaves():
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
    )


@dataclass(frozen=True, slots=True)
class ProofFinding:
    """What a proof that holds was made from: the form of the signed graph, how many commitments stayed closed, and
    the opened leaves by path, as plain decimals."""

    profile: str
    closed: int
    opened: Mapping[str, str]


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
    digest = graph_json_digest(evidence.graph)
    claim = _claim(statement, binding, process=process, cn=cn, results=results, digest=digest)
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
    opened = verify_results(claim, graph, commitments, evidence.proof, random_bytes=random_bytes)
    good = statement.good(process, cn)
    sealed = good is not None and digest == good.sealed_digest
    return ProofFinding(
        profile=SEALED if sealed else OPEN,
        closed=len(labels) - len(opened),
        opened={leaf.path: _decimal_text(value, leaf.decimals) for leaf, value in opened},
    )


def _claim(
    statement: Statement,
    binding: ProofBinding,
    *,
    process: str,
    cn: str,
    results: Mapping[str, str],
    digest: str,
) -> ResultClaim:
    """The claim under the graph of this digest, which must be one that the verifier signed for this good."""
    good = statement.good(process, cn)
    if good is None:
        raise FailedVerification(
            "proof-good",
            found=f"{process}/{cn}, which the statement is not about",
            expected="a good of the statement",
            remedy="Do not rely on the result; ask for evidence under the statement about this good.",
        )
    if digest not in (good.graph_digest, good.sealed_digest):
        raise FailedVerification(
            "proof-graph",
            found="a calculation graph with another digest",
            expected="a graph whose digest the verifier signed for this good",
            remedy="Do not rely on the result; ask for evidence under the signed graph.",
        )
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
        threshold=binding.threshold,
    )


def _decimal_text(value: int, decimals: int) -> str:
    return format(Decimal(value).scaleb(-decimals, context=exact_context()), "f")


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
