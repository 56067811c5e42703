"""Which evidence an attestation gets: a proof of its results, or openings where none can be made, saying why.

The gate decides what a proof may open and composes the claims, and the proof is made of exactly these, in a process of
its own. In the `sealed` profile only the sealed graph is shown; in the `open` profile the whole one, and the sealed one
where the whole cannot be proved. A graph that cannot be proved is not a failure: its results are opened, which rests on
the verifier's computation instead of mathematics.

Results that are asked for as commitments are shown as such, and what opens them is sealed to who asked.

A threshold claim is proved or refused, never opened: from the sealed graph where there is one, and of the figures below
the result it opens none.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from carbonport.attestation.commitment_evidence import commit_results
from carbonport.attestation.credential import ATTESTED_RESULTS
from carbonport.attestation.evidence import Evidence, open_results, read_evidence
from carbonport.attestation.evidence_task import EvidenceTask, evidence_task
from carbonport.attestation.lots.lot_identity import NO_PLACE, LotPlace
from carbonport.attestation.presentation import MAX_EVIDENCE_BYTES
from carbonport.attestation.proof_checking import OPEN, ProofBinding, claim_under
from carbonport.attestation.signed_figures import SignedGood
from carbonport.attestation.strict_fields import StrictFields
from carbonport.attestation.trust_list import TrustedKey
from carbonport.classification.egress import Composed, EgressRefused
from carbonport.classification.thresholds import Threshold
from carbonport.crypto.canonical import b64url_decode, parse_canonical
from carbonport.errors import Misuse, Refused
from carbonport.footprint.graph import Graph
from carbonport.node.exporter.composition import Composition
from carbonport.node.proving.proving_worker import ProvingWorker
from carbonport.node.proving.tasks import EVIDENCE

UNPROVABLE = frozenset(
    {
        "egress-refused",
        "proof-bound",
        "proof-committed",
        "proof-denominator",
        "proof-graph-size",
        "proof-label",
        "proof-negative-rounding",
        "proof-node-kind",
        "proof-not-sealed",
        "proof-result",
        "proof-too-large",
    }
)
"""Refusals that say that no proof can be made of a graph, or none for this recipient."""


@dataclass(frozen=True)
class EvidencedClaims:
    """What the gate composed, and the evidence that was made of it."""

    composed: Composed
    evidence: Evidence


@dataclass(frozen=True)
class EvidenceMaker:
    """Makes evidence for one exporter (`issuer`) in the profile of its configuration. `sealing_key` gives the key that
    is sealed to for a participant."""

    issuer: str
    profile: str
    worker: ProvingWorker
    sealing_key: Callable[[str], TrustedKey]

    async def make(self, composition: Composition, place: LotPlace) -> EvidencedClaims:
        """Compose and prove, for the consignment at this place in its lot. `EgressRefused` when the gate refuses the
        request, `Unavailable` when no proof can be made now."""
        if composition.egress.threshold is not None:
            return await self._bounded(composition, composition.egress.threshold)
        if composition.egress.committed:
            return self._committed(composition)
        prepared, subject = composition.prepared, composition.egress.subject
        reason = ""
        for graph in self._graphs(prepared.figures.good(subject.process, subject.cn)):
            try:
                return await self._proved(composition, graph, place)
            except Refused as refusal:
                if refusal.id not in UNPROVABLE:
                    raise
                reason = reason or refusal.id
        composed = composition.gate.compose(replace(composition.egress, opened=()))
        evidence = open_results(
            prepared.openings,
            process=subject.process,
            cn=subject.cn,
            results=sorted(_stated(composed)),
            reason=reason or "proof-not-sealed",
            tree=prepared.tree,
        )
        return EvidencedClaims(composed, evidence)

    def _committed(self, composition: Composition) -> EvidencedClaims:
        """The verifier's commitments to the results, and what opens them sealed to the recipient."""
        prepared, egress = composition.prepared, composition.egress
        composed = composition.gate.compose(egress)
        try:
            key = self.sealing_key(egress.recipient.id)
        except Misuse as error:
            reason = f"Nothing can be sealed to the recipient: {error.id}."
            raise EgressRefused(replace(composed.decision, allowed=False, reason=reason)) from None
        evidence = commit_results(
            prepared.openings,
            process=egress.subject.process,
            cn=egress.subject.cn,
            results=egress.committed,
            customer=egress.recipient.id,
            hpke_kid=key.kid,
            hpke_public=b64url_decode(key.text),
            statement=prepared.version.digest,
            tree=prepared.tree,
        )
        return EvidencedClaims(composed, evidence)

    async def _bounded(self, composition: Composition, threshold: Threshold) -> EvidencedClaims:
        """A proof that the result is at most the published value.

        Whether one can be made is found out before the gate looks at the result: what cannot be proved is refused as
        what does not hold is, and in no other time.
        """
        task = await self._bounding_task(composition, threshold)
        composed = composition.gate.compose(composition.egress)
        return EvidencedClaims(composed, await self._made(task))

    async def _bounding_task(self, composition: Composition, threshold: Threshold) -> EvidenceTask:
        """From the graph that shows least; raises `EgressRefused` when none can be proved."""
        prepared, egress, gate = composition.prepared, composition.egress, composition.gate
        good = prepared.figures.good(egress.subject.process, egress.subject.cn)
        bounds = {threshold.item: threshold.value.value}
        reason = "proof-not-sealed"
        for graph in reversed(list(self._graphs(good))):
            try:
                # What a figure may be opened for does not matter: whether it may be proved about does.
                gate.opened_in_proof(egress, graph, [threshold.item], prepared.figures.sources)
                task = self._task(composition, graph, bounds, threshold=threshold.value.place)
                await asyncio.to_thread(task.require_provable)
                return task
            except Refused as refusal:
                if refusal.id not in UNPROVABLE:
                    raise
                reason = refusal.id
        decision = gate.assess(egress)
        raise EgressRefused(replace(decision, allowed=False, reason=f"It could not be proved: {reason}."))

    def _graphs(self, good: SignedGood) -> Iterator[Graph]:
        if self.profile == OPEN:
            yield good.open
        if good.sealed is not None:
            yield good.sealed

    async def _proved(self, composition: Composition, graph: Graph, place: LotPlace) -> EvidencedClaims:
        prepared, egress, gate = composition.prepared, composition.egress, composition.gate
        results = sorted(ATTESTED_RESULTS & set(egress.items))
        opened = gate.opened_in_proof(egress, graph, results, prepared.figures.sources)
        composed = gate.compose(replace(egress, opened=opened))
        task = self._task(
            composition,
            graph,
            _stated(composed),
            open_paths=[figure.place for figure in opened],
            place=place,
        )
        return EvidencedClaims(composed, await self._made(task))

    def _task(
        self,
        composition: Composition,
        graph: Graph,
        results: Mapping[str, str],
        *,
        open_paths: Sequence[str] = (),
        place: LotPlace = NO_PLACE,
        threshold: str = "",
    ) -> EvidenceTask:
        """What proving takes: `results`, or bounds from the place `threshold`."""
        prepared, egress = composition.prepared, composition.egress
        claim = claim_under(
            prepared.statement,
            ProofBinding(
                statement_digest=prepared.version.digest,
                issuer=self.issuer,
                purpose=str(egress.purpose),
                importer=egress.recipient.id,
                consignment=egress.subject.consignment,
                place=place,
                threshold=threshold,
            ),
            process=egress.subject.process,
            cn=egress.subject.cn,
            results=results,
            digest=graph.digest.hex(),
        )
        return evidence_task(
            prepared.openings,
            graph,
            claim,
            open_paths=open_paths,
            nonce_secret=prepared.nonce_secret,
            tree=prepared.tree,
            suppliers=prepared.suppliers,
        )

    async def _made(self, task: EvidenceTask) -> Evidence:
        """The evidence, made in the other process."""
        answer = await self.worker.run(EVIDENCE, task)
        return read_evidence(parse_canonical(answer, max_bytes=MAX_EVIDENCE_BYTES))


def _stated(composed: Composed) -> dict[str, str]:
    """The results among the claims: plain decimals by name."""
    items = StrictFields(composed.claims["items"], "items")
    return {name: items.text(name) for name in sorted(ATTESTED_RESULTS & set(composed.request.items))}
