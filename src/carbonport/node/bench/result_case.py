"""The case of `bench proofs`: a good whose direct emissions rest on exactly 20 inputs of the packaged steelworks.

Three of the example's streams are left out. Factors are open, amounts stay closed; or the results are proved from a
sealed form, one case for each way of sealing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from carbonport.attestation.good_graphs import good_graphs
from carbonport.attestation.proving.lowered_claim import SignedInteger
from carbonport.attestation.proving.lowering import ProvableGraph
from carbonport.attestation.proving.prover import prove_results
from carbonport.attestation.proving.result_claim import ResultClaim
from carbonport.attestation.proving.verifier import verify_results
from carbonport.attestation.sealed_form import Sealing
from carbonport.attestation.shown_graph import PLACE_KEY_BYTES
from carbonport.attestation.signed_figures import signed_figures
from carbonport.crypto.ambient import system_random
from carbonport.crypto.group import Point, random_scalar
from carbonport.crypto.pedersen import Opening, commit
from carbonport.errors import FailedVerification
from carbonport.footprint.calculation import GoodResult, calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.graph import Graph
from carbonport.footprint.intake import read_ledger
from carbonport.footprint.ledger import Ledger

EXAMPLE = "steelworks.yaml"
"""The packaged ledger."""

LEFT_OUT = frozenset({"limestone", "natural-gas", "plastic-waste"})
"""Streams of the example that the case does without."""

INPUTS = 20
"""Inputs that direct emissions rest on."""

OPEN_FIELDS = frozenset({"carbon_content", "precursor_see_direct", "precursor_see_indirect"})
"""Fields whose values are opened in the proof."""

SECRET_BYTES = 32
"""Length of the secret that hedges nonces."""


@dataclass(frozen=True)
class ResultCase:
    """A claim with everything that proves it and everything that checks it."""

    claim: ResultClaim
    graph: Graph
    openings: Mapping[SignedInteger, Opening]
    commitments: Mapping[SignedInteger, Point]
    open_paths: Sequence[str]
    secret: bytes

    def prove(self) -> bytes:
        """A proof of the results."""
        return prove_results(
            self.claim, self.graph, self.openings, open_paths=self.open_paths, nonce_secret=self.secret
        )

    def verify(self, proof: bytes) -> None:
        """Raise unless the proof holds."""
        verify_results(self.claim, self.graph, self.commitments, proof)

    def positions(self) -> int:
        """Bit positions of the longest range proof: what a raw multiplication of the same size takes twice."""
        provable = ProvableGraph(self.graph, self.claim.results.keys())
        opened = {
            leaf.path: self.openings[leaf].value for leaf in provable.leaves() if leaf.path in self.open_paths
        }
        results = {name: self.claim.result(name, provable.decimals(name)) for name in self.claim.results}
        lowered = provable.lower(results, opened, lambda *_: True)
        widths = [sum(lowered.ranges[i].width for i in indices) for indices in lowered.range_proofs()]
        return max(1 << (bits - 1).bit_length() for bits in widths)


def result_cases(*groups: Sequence[str]) -> list[ResultCase]:
    """One case for each group of results, over the same ledger."""
    ledger = _example()
    good = calculate(ledger).goods[0]
    if len(ProvableGraph(good.graph, groups[0]).leaves()) != INPUTS:
        raise FailedVerification(
            "bench-case",
            found="an example of another number of inputs than the figures are published for",
            expected=f"{INPUTS} inputs",
            remedy="Believe no figure of this run; this is a defect of the bench.",
        )
    values = {
        SignedInteger(node.path, node.unit, node.decimals, node.bits): ledger.records[
            node.path
        ].declared_integer
        for node in good.graph.inputs()
    }
    open_paths = [path for path, record in ledger.records.items() if record.field in OPEN_FIELDS]
    return [_case(ledger, good, good.graph, values, group, open_paths) for group in groups]


def sealed_case(sealing: Sealing, results: Sequence[str]) -> ResultCase:
    """The same good's results from its sealed form, the precursors' values open."""
    ledger = _example()
    calculation = calculate(ledger)
    good = calculation.goods[0]
    figures = signed_figures(ledger, good_graphs(calculation), system_random(PLACE_KEY_BYTES), sealing)
    graph = figures.good(good.process, good.cn).sealed
    assert graph is not None, "the example has a sealed form"
    needed = {leaf.path: leaf for leaf in ProvableGraph(graph, results).leaves()}
    values = {needed[item.label.path]: item.value for item in figures.values if item.label.path in needed}
    open_paths = [path for path in needed if path.rpartition("/")[2] in OPEN_FIELDS]
    return _case(ledger, good, graph, values, results, open_paths)


def _example() -> Ledger:
    whole = read_ledger(Path(str(files("carbonport") / "examples" / EXAMPLE)), Catalogue.load())
    return replace(whole, streams=tuple(stream for stream in whole.streams if stream.id not in LEFT_OUT))


def _case(
    ledger: Ledger,
    good: GoodResult,
    graph: Graph,
    values: Mapping[SignedInteger, int],
    results: Sequence[str],
    open_paths: Sequence[str],
) -> ResultCase:
    openings = {leaf: Opening(value, random_scalar(system_random)) for leaf, value in values.items()}
    claim = ResultClaim(
        statement_digest="00" * 32,
        graph_digest=graph.digest.hex(),
        issuer="CN/BENCH-EXPORTER",
        installation=ledger.installation,
        process=good.process,
        cn=good.cn,
        period=f"{ledger.period.start.isoformat()}/{ledger.period.end.isoformat()}",
        purpose="cbam-declaration",
        importer="EU/BENCH-IMPORTER",
        consignment="BENCH-1",
        results={name: good.attested(name) for name in results},
    )
    commitments = {leaf: commit(opening) for leaf, opening in openings.items()}
    return ResultCase(claim, graph, openings, commitments, open_paths, system_random(SECRET_BYTES))
