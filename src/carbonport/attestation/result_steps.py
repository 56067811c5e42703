"""Steps of a bundle's check that are about results: what is attested, whether a bound is published, the evidence.

A threshold claim attests no result but a bound of one. Its value comes from the packaged tables and from what the
verifier signed of the good (CN code, country, year of the period), never from the exporter: with a value of its own
choice an exporter could be made to answer any question.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from carbonport.attestation.commitment_evidence import CommitmentEvidence, check_commitments
from carbonport.attestation.credential import Attestation
from carbonport.attestation.evidence import Evidence, OpeningEvidence, check_evidence
from carbonport.attestation.lots.lot_identity import LotPlace
from carbonport.attestation.proof_checking import ProofBinding, ProofFinding
from carbonport.attestation.proof_evidence import ProofEvidence
from carbonport.attestation.statement import Statement
from carbonport.crypto.canonical import Json
from carbonport.errors import FailedVerification
from carbonport.footprint.obligation.published_values import require_published

_DECIMAL = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?")

HELD_ELSEWHERE = frozenset({"cn", "period", "consignment", "verification_opinion"})
"""Items that are no results and yet held against something: the statement, or the reader's own word."""


def attested_values(attestation: Attestation) -> str:
    """Direct emissions, a bound of them or a commitment to them are attested; says what stands on the exporter's word
    alone."""
    committed = attestation.committed
    if "see_direct" in committed and not attestation.results and not attestation.bounds:
        return f"committed to, not shown: {', '.join(committed)}"
    claimed, threshold = attestation.claimed
    if "see_direct" not in claimed or (threshold and (attestation.results or len(claimed) > 1)):
        raise FailedVerification(
            "attestation-no-result",
            found="no see_direct, or results beside a bound of it",
            expected="specific direct embedded emissions, or a published value that they do not exceed",
            remedy="Ask the exporter for a complete attestation.",
        )
    verb = "at most " if threshold else ""
    shown = ", ".join(f"{name} {verb}{value}" for name, value in claimed.items())
    stated = sorted(attestation.items.keys() - claimed.keys() - HELD_ELSEWHERE)
    return shown + (f"; on the exporter's word alone: {', '.join(stated)}" if stated else "")


def published_threshold(attestation: Attestation, statement: Statement) -> str:
    """Each bound is one of a published table; says so when there are none."""
    found = []
    year = date.fromisoformat(statement.period.partition("/")[2]).year
    for name, bound in attestation.bounds.items():
        require_published(bound, attestation.text("cn"), statement.country, year)
        found.append(f"{name} at most {bound.value}, {bound.place}")
    return ", ".join(found) or "none: results are stated"


def result_proof(
    attestation: Attestation, statement: Statement, evidence: Evidence, *, place: LotPlace
) -> tuple[ProofFinding | None, str]:
    """Takes from the exporter nothing but the results (or bounds) and the proof; gives what a proof was made from (None
    where the results are opened), and says which kind of evidence held.

    `place` is where the consignment stands in its lot, as the lot's own check has it.
    """
    header = attestation.header
    if attestation.committed:
        return None, _committed(attestation, statement, evidence)
    claimed, threshold = attestation.claimed
    if threshold and not isinstance(evidence, ProofEvidence):
        # Openings would show a value, and not this one.
        raise FailedVerification(
            "threshold-unproved",
            found="a bound without a proof",
            expected="a proof that the result does not exceed the published value",
            remedy="Do not rely on the claim; ask the exporter for one that it proves.",
        )
    found = check_evidence(
        evidence,
        statement,
        process=header.process,
        cn=attestation.text("cn"),
        results=claimed,
        binding=ProofBinding(
            statement_digest=header.statement.digest,
            issuer=header.issuer,
            purpose=header.purpose,
            importer=header.importer,
            consignment="" if threshold else attestation.text("consignment"),
            place=place,
            threshold=threshold,
        ),
    )
    results = ("bounds of " if threshold else "") + ", ".join(claimed)
    if isinstance(evidence, ProofEvidence) and found is not None:
        if "precursors" in attestation.items:
            _require_listed(found.opened, attestation.items["precursors"])
        opened = ", ".join(f"{path} {value}" for path, value in found.opened.items())
        text = (
            f"proved: {results} follow from {found.closed} closed commitments by the signed graph "
            f"({found.profile}, {len(evidence.proof)} bytes)" + (f"; opened: {opened}" if opened else "")
        )
        return found, text
    assert isinstance(evidence, OpeningEvidence), "there are two kinds"
    return (
        None,
        f"not proved but opened: {results} are what the verifier signed; no proof for {evidence.reason}",
    )


def _committed(attestation: Attestation, statement: Statement, evidence: Evidence) -> str:
    if not isinstance(evidence, CommitmentEvidence):
        raise FailedVerification(
            "attestation-unshown",
            found="results in the form of commitments, and other evidence",
            expected="the verifier's commitment to each of them",
            remedy="Ask the exporter for the attestation again.",
        )
    check_commitments(
        evidence,
        statement,
        process=attestation.header.process,
        cn=attestation.text("cn"),
        results=attestation.committed,
    )
    return f"not shown but committed to: the verifier signed what {', '.join(attestation.committed)} are"


def _require_listed(opened: Mapping[str, str], precursors: Json) -> None:
    """Specific emissions of precursors that a proof opens are the verifier's: each has to stand in the exporter's list.

    What the list says beyond them (country, basis, precursors that no result rests on) stays the exporter's word.
    """
    for kind in ("see_direct", "see_indirect"):
        signed = Counter(
            Decimal(value) for path, value in opened.items() if path.endswith(f"/precursor_{kind}")
        )
        listed = Counter(
            Decimal(text)
            for item in (precursors if isinstance(precursors, list) else ())
            if isinstance(item, Mapping)
            and isinstance(text := item.get(kind), str)
            and _DECIMAL.fullmatch(text)
        )
        if signed - listed:
            raise FailedVerification(
                "attested-precursors",
                found=f"a list of precursors without a {kind} that the verifier signed and the proof opens",
                expected="every value that the result was calculated with",
                remedy="Do not rely on the list; ask the exporter for an attestation with the verified precursors.",
            )
