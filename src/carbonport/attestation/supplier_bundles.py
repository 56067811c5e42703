"""A supplier's attestation as the source of a precursor's value: what of it counts, and whether it fits a ledger.

What ties it to the signed calculation graph is the digest of the attestation
(`carbonport.attestation.credential.attestation_digest`). Reading is `carbonport.attestation.supplier_reading`'s matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from carbonport.attestation.bundle import read_bundle
from carbonport.attestation.commitment_evidence import CommitmentEvidence, Unseal, open_commitments
from carbonport.attestation.commitments import output_path
from carbonport.attestation.committed_leaves import CommittedLeaf
from carbonport.attestation.credential import Attestation, attestation_digest
from carbonport.attestation.presentation import Presentation
from carbonport.attestation.supplier_statements import SupplierStatement
from carbonport.crypto.pedersen import Opening
from carbonport.errors import Malformed
from carbonport.footprint.cbam.categories import same_category
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.ledger import Ledger, Precursor
from carbonport.footprint.tables.rule_tables import RuleTables

MAX_BUNDLES = 100
"""Consignments that one precursor may come from."""


RESULTS = {"direct": "see_direct", "indirect": "see_indirect"}
"""The attested results that a precursor takes."""


@dataclass(frozen=True, slots=True)
class SupplierBundle:
    """A bundle that passed every check: the name of its file, its attestation, that one's digest, and what crossed."""

    document: str
    digest: str
    attestation: Attestation
    presentation: Presentation

    @classmethod
    def of(cls, document: str, data: bytes, attestation: Attestation) -> "SupplierBundle":
        """What counts of the bundle `data`, which holds `attestation` and passed every check."""
        presentation = Presentation.decode(read_bundle(data).presentation)
        return cls(document, attestation_digest(presentation.credential), attestation, presentation)

    @property
    def values(self) -> dict[str, str]:
        """The attested values by field of the precursor; none when the supplier keeps them secret."""
        if self.committed:
            return {}
        values = {"precursor_see_direct": self.attestation.text("see_direct")}
        if "see_indirect" in self.attestation.items:
            values["precursor_see_indirect"] = self.attestation.text("see_indirect")
        return values

    @property
    def committed(self) -> dict[str, CommittedLeaf]:
        """The leaves of values that the supplier keeps secret, by field of the precursor."""
        evidence, header = self.presentation.evidence, self.attestation.header
        if not isinstance(evidence, CommitmentEvidence):
            return {}
        leaves = {leaf.label.path: leaf for leaf in evidence.leaves}
        cn = self.attestation.text("cn")
        paths = {kind: output_path(header.process, cn, result) for kind, result in RESULTS.items()}
        return {f"precursor_committed_{kind}": leaves[path] for kind, path in paths.items() if path in leaves}

    @property
    def statement(self) -> SupplierStatement:
        """The supplier's verification statement, with the leaves of what it keeps secret."""
        shown = self.presentation
        return SupplierStatement(shown.statement, shown.statement_receipt, tuple(self.committed.values()))

    def open(self, customer: str, unseal: Unseal) -> dict[str, Opening]:
        """What opens the values that the supplier keeps secret, by field of the precursor: for its customer alone."""
        evidence = self.presentation.evidence
        if not isinstance(evidence, CommitmentEvidence):
            return {}
        openings = open_commitments(
            evidence, customer=customer, statement=self.statement.digest, unseal=unseal
        )
        return {field: openings[leaf.label.path] for field, leaf in self.committed.items()}


def require_fit(ledger: Ledger, precursor: Precursor, bundles: Sequence[SupplierBundle]) -> None:
    """Raise `Malformed` (`precursor-bundle`) unless the attestations are about the precursor of the ledger (CN code or
    category, country), agree with each other, and their consignments cover the amount consumed."""
    first = bundles[0]
    mass = Decimal(0)
    seen: set[str] = set()
    for item in bundles:
        attestation, cn = item.attestation, item.attestation.text("cn")
        entry = RuleTables.load().goods.get(cn)
        if precursor.cn and precursor.cn != cn:
            raise _other(precursor, item, f"CN {cn}", f"CN {precursor.cn}")
        if not precursor.cn and (entry is None or not same_category(entry.category, precursor.category)):
            raise _other(precursor, item, f"CN {cn}", f"a good of the category {precursor.category}")
        country, stated = attestation.text("country"), RuleTables.load().country(precursor.country)
        if stated is not None and stated.code != country:
            raise _other(precursor, item, f"the country {country}", f"the country {precursor.country}")
        if _agreed(item) != _agreed(first):
            raise _other(
                precursor, item, "other values or another period", "one value: a precursor per supplier"
            )
        if attestation.header.id in seen:
            raise _other(precursor, item, "an attestation given twice", "every consignment once")
        seen.add(attestation.header.id)
        mass += parse_decimal(attestation.text("net_mass"), where=f"{item.document} net_mass")
    amount = ledger.records[precursor.records["precursor_amount"]].value
    if amount > mass:
        raise _other(
            precursor,
            bundles[-1],
            "consignments that do not cover the amount consumed",
            "attested net mass of at least the amount; split the rest off as a precursor of its own",
        )


def _agreed(item: SupplierBundle) -> tuple[object, ...]:
    """What all bundles of one precursor state alike."""
    leaves = {field: leaf.entry for field, leaf in item.committed.items()}
    statement = item.statement.digest if leaves else ""
    return item.values, leaves, statement, item.attestation.period, item.attestation.text("cn")


def _other(precursor: Precursor, item: SupplierBundle, found: str, expected: str) -> Malformed:
    return Malformed(
        "precursor-bundle",
        found=found,
        expected=expected,
        remedy="Give the bundles of what this precursor was made from, or correct the ledger.",
        where=f"precursor {precursor.id}, {item.document}",
    )
