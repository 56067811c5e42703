"""Graphs, openings and claims for the tests of proofs: small ones of every kind of node, and the example's."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

import world

from carbonport.attestation.proving.lowered_claim import SignedInteger
from carbonport.attestation.proving.prover import prove_results
from carbonport.attestation.proving.result_claim import ResultClaim
from carbonport.attestation.proving.verifier import verify_results
from carbonport.crypto.group import ORDER, Point
from carbonport.crypto.pedersen import Opening, commit
from carbonport.footprint.evaluate import evaluate_outputs
from carbonport.footprint.exact_decimal import round_half_up
from carbonport.footprint.graph import Constant, Graph, Input, Node, Round

NONCE_SECRET = hashlib.sha256(b"nonce secret of the tests").digest()

FACTORS = frozenset(
    {
        "carbon_content",
        "emission_factor",
        "conversion_factor",
        "net_calorific_value",
        "oxidation_factor",
        "biomass_fraction",
        "precursor_see_direct",
        "precursor_see_indirect",
    }
)
"""Fields that the open profile opens."""


@dataclass(frozen=True)
class Case:
    """A graph with the openings of its leaves, and a claim about it."""

    graph: Graph
    openings: Mapping[SignedInteger, Opening]
    claim: ResultClaim
    open_paths: Collection[str] = ()

    @property
    def commitments(self) -> dict[SignedInteger, Point]:
        """What the statement commits to."""
        return {leaf: commit(opening) for leaf, opening in self.openings.items()}

    def prove(self) -> bytes:
        """An honest proof of the claim."""
        return prove_results(
            self.claim, self.graph, self.openings, open_paths=self.open_paths, nonce_secret=NONCE_SECRET
        )

    def verify(self, proof: bytes, **changes: object) -> None:
        """Check a proof of the claim, or of another one."""
        verify_results(replace(self.claim, **changes), self.graph, self.commitments, proof)  # type: ignore[arg-type]


def claim_of(graph: Graph, results: Mapping[str, str]) -> ResultClaim:
    """A claim about `graph` for the importer of the tests."""
    return ResultClaim(
        statement_digest="5d" * 32,
        graph_digest=graph.digest.hex(),
        issuer=world.EXPORTER,
        installation="Works of the tests",
        process="steel",
        cn="72083900",
        period="2026-01-01/2026-12-31",
        purpose="cbam-declaration",
        importer=world.IMPORTER,
        consignment="LOT-2027-001",
        results=results,
    )


def number(path: str, decimals: int = 3, bits: int = 48) -> Input:
    """An input node."""
    return Input(path, "t", path, "", path, decimals, bits)


def constant(node_id: str, value: str) -> Constant:
    """A public number."""
    return Constant(node_id, "1", node_id, "", Decimal(value), "the tests")


def rounded_graph(nodes: list[Node], last: str, decimals: int = 5) -> Graph:
    """`nodes` and the rounding of `last` as the result `see_direct`."""
    rounding = Round("result", "tCO2e/t", "", "", last, decimals)
    return Graph((*nodes, rounding), {"see_direct": last, "see_direct_rounded": "result"})


def case_of(
    graph: Graph, values: Mapping[str, str], *, open_paths: Collection[str] = (), result: str | None = None
) -> Case:
    """The graph over these values: the result is what `evaluate` gives, or `result`."""
    openings = {}
    for node in graph.inputs():
        scaled = Decimal(values[node.path]).scaleb(node.decimals)
        blinding = int.from_bytes(hashlib.sha512(node.path.encode()).digest(), "big") % ORDER
        openings[leaf_of(node)] = Opening(int(scaled), blinding)
    if result is None:
        decimals = {path: Decimal(value) for path, value in values.items()}
        exact = evaluate_outputs(graph, decimals)["see_direct_rounded"]
        rounding = graph["result"]
        assert isinstance(rounding, Round)
        result = format(round_half_up(exact, rounding.decimals), "f")
    return Case(graph, openings, claim_of(graph, {"see_direct": result}), open_paths)


def mutated_everywhere(proof: bytes, *, step: int) -> list[bytes]:
    """The proof with one byte changed, at every `step`-th position."""
    return [
        proof[:at] + bytes([proof[at] ^ (1 + at % 255)]) + proof[at + 1 :]
        for at in range(0, len(proof), step)
    ]


def leaf_of(node: Input) -> SignedInteger:
    """The leaf of an input."""
    return SignedInteger(node.path, node.unit, node.decimals, node.bits)


def neighbours(text: str) -> list[str]:
    """The values one unit of the last decimal above and below."""
    value = Decimal(text)
    step = Decimal(1).scaleb(int(value.as_tuple().exponent))
    return [format(other, "f") for other in (value + step, value - step) if other >= 0]


@cache
def steel(*results: str, opened: bool = True) -> Case:
    """The example's first good, with open or closed factors."""
    good = world.calculation().goods[0]
    graph = world.figures().good(good.process, good.cn).open
    openings = {}
    for item in world.draft().leaves:
        label = item.opening.label
        leaf = SignedInteger(label.path, label.unit, label.decimals, label.bits)
        openings[leaf] = Opening(item.opening.value, item.opening.blinding)
    claim = replace(
        claim_of(graph, {name: good.attested(name) for name in results}),
        cn=good.cn,
    )
    paths = [leaf.path for leaf in openings if leaf.path.rsplit("/", 1)[-1] in FACTORS]
    return Case(graph, openings, claim, paths if opened else ())


@cache
def steel_proof(*results: str, opened: bool = True) -> bytes:
    """Its proof, made once."""
    return steel(*results, opened=opened).prove()
