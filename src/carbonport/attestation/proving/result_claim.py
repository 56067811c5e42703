"""What a proof is about: results of one good, for one importer and consignment, under one signed statement.

A proof absorbs all of it before its first challenge (`docs/proofs.md`, transcript): the same bytes prove nothing
under another importer, good, period, purpose or statement version. Values are plain decimals as the attestation
writes them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbonport.attestation.proving.lowered_claim import LoweredClaim, SignedInteger
from carbonport.crypto.group import GENERATOR_DERIVATION, SUITE, Point
from carbonport.crypto.proofs.relation_proofs import SUITE_ID
from carbonport.crypto.tuplehash import HashField, tuple_hash
from carbonport.errors import FailedVerification

RESULT_PROOF_DOMAIN = "carbonport/result-proof/v1"
"""Protocol and version: domain string of the context digest."""

THRESHOLD_PROOF_DOMAIN = "carbonport/threshold-proof/v1"
"""The same for a claim that results do not exceed published values."""

RELATION_PURPOSE = "result"
"""Purpose in the tag of the relation's proof."""

MAX_RESULTS = 16
"""Most results of one claim."""

MAX_RESULT_BITS = 64
"""Width of a stated result in units of its last decimal."""

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,19})(?:\.([0-9]{1,18}))?")


@dataclass(frozen=True, slots=True)
class ResultClaim:
    """The claim. Digests are hex; `issuer` and `importer` are participant ids, `period` an ISO 8601 interval,
    `results` plain decimals by name (`see_direct`: `1.79766`). Where `threshold` is not empty the values are no results
    but upper bounds of them, and it names the published table, version and row that they are from. The four fields
    before it stay empty where no lot and no aggregation plan is concerned.
    """

    statement_digest: str
    graph_digest: str
    issuer: str
    installation: str
    process: str
    cn: str
    period: str
    purpose: str
    importer: str
    consignment: str
    results: Mapping[str, str]
    lot: str = ""
    lot_index: int = 0
    plan: str = ""
    contributor: str = ""
    threshold: str = ""

    @property
    def at_most(self) -> bool:
        """Whether the claim bounds results instead of stating them."""
        return bool(self.threshold)

    def result(self, name: str, decimals: int) -> int:
        """The stated value in units of the last of `decimals` decimals; raises unless it is written exactly so."""
        match = _DECIMAL.fullmatch(self.results[name])
        value = -1 if match is None else int(match[1] + (match[2] or ""))
        if match is None or len(match[2] or "") != decimals or value >= 1 << MAX_RESULT_BITS:
            raise FailedVerification(
                "proof-result-decimals",
                found=f"a value of {name} that is no plain decimal with {decimals} decimals",
                expected="the declared number of decimals, no sign, no exponent, no leading zero",
                remedy="Ask the exporter for an attestation at the declared decimals.",
                where=name,
            )
        return value

    def context(
        self,
        lowered: LoweredClaim,
        opened: Sequence[tuple[SignedInteger, int]],
        commitments: Sequence[Point],
        derived: Sequence[Point],
        suppliers: Sequence[Point] = (),
    ) -> bytes:
        """The 64-byte digest that the relation's proof and the range proofs both absorb.

        `opened` are the opened leaves with their values, `commitments` those of all variables, `derived` those of
        the ranges' forms, `suppliers` suppliers' commitments, each in the order of `lowered`.
        """
        fields: list[HashField] = [
            SUITE,
            SUITE_ID,
            GENERATOR_DERIVATION,
            self.statement_digest,
            self.graph_digest,
            self.issuer,
            self.installation,
            self.process,
            self.cn,
            self.period,
            self.purpose,
            self.importer,
            self.consignment,
            self.lot,
            self.lot_index,
            self.plan,
            self.contributor,
            *([self.threshold] if self.at_most else []),
            len(self.results),
        ]
        for name, value in sorted(self.results.items()):
            fields += [name, value]
        fields.append(len(opened))
        for leaf, number in opened:
            fields += [leaf.path, leaf.unit, leaf.decimals, leaf.bits, number]
        fields.append(len(lowered.signs))
        fields += [int(sign) for sign in lowered.signs]
        fields.append(len(lowered.signed))
        for leaf in lowered.signed:
            fields += [leaf.path, leaf.unit, leaf.decimals, leaf.bits]
        fields.append(len(commitments))
        fields += [commitment.encode() for commitment in commitments]
        fields.append(len(lowered.ranges))
        for obligation, commitment in zip(lowered.ranges, derived, strict=True):
            fields += [obligation.width, commitment.encode()]
        if lowered.links:
            fields.append(len(lowered.links))
        for link, commitment in zip(lowered.links, suppliers, strict=True):
            fields += [link.leaf, commitment.encode()]
        return tuple_hash(THRESHOLD_PROOF_DOMAIN if self.at_most else RESULT_PROOF_DOMAIN, *fields)
