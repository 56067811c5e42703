"""What an exporter has of suppliers that keep their values secret: shown beside its own proofs, and opened in them.

Statement, receipt and leaf come from the supplier's bundle, value and blinding from the ledger; the graph that the
verifier signed names statement and leaf, so that nothing else can take their place.
"""

from collections.abc import Iterator, Mapping, Sequence

from carbonport.attestation.bundle import read_bundle
from carbonport.attestation.commitment_evidence import CommitmentEvidence
from carbonport.attestation.presentation import Presentation
from carbonport.attestation.supplier_reading import BundleFile
from carbonport.attestation.supplier_statements import OpenedSupplier, SupplierStatement
from carbonport.crypto.group import decode_scalar
from carbonport.crypto.pedersen import Opening
from carbonport.footprint.ledger import Ledger, Precursor


def opened_suppliers(
    ledger: Ledger, bundles: Mapping[str, Sequence[BundleFile]]
) -> tuple[OpenedSupplier, ...]:
    """The suppliers' statements behind a ledger's committed precursors, from the bundles kept with it, by precursor."""
    return tuple(
        opened
        for precursor in ledger.precursors
        if precursor.commitments
        for opened in _opened(ledger, precursor, bundles.get(precursor.id, ()))
    )


def _opened(ledger: Ledger, precursor: Precursor, files: Sequence[BundleFile]) -> Iterator[OpenedSupplier]:
    openings = {
        stated.leaf: Opening(
            ledger.records[precursor.records[field]].declared_integer,
            decode_scalar(bytes.fromhex(stated.blinding)),
        )
        for field, stated in precursor.commitments.items()
    }
    for file in files:
        shown = Presentation.decode(read_bundle(file.data).presentation)
        if isinstance(shown.evidence, CommitmentEvidence):
            statement = SupplierStatement(shown.statement, shown.statement_receipt, shown.evidence.leaves)
            yield OpenedSupplier(statement, openings)
