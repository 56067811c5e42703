"""The bench's look at attested precursors: what the ledger says of them against the suppliers' bundles.

The verifier checks every bundle itself, whole and offline, and computes the digests that stand in the signed graphs
from it. What the ledger takes from a bundle (CN code, country, values, period, an amount that the consignments cover)
must be what the bundle says.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from carbonport.attestation.commitments import period_text
from carbonport.attestation.committed_leaves import CommittedLeaf
from carbonport.attestation.supplier_bundles import MAX_BUNDLES, SupplierBundle, require_fit
from carbonport.attestation.supplier_reading import BundleFile, BundleReader
from carbonport.crypto.group import Point, decode_scalar
from carbonport.crypto.pedersen import Opening, check_opening
from carbonport.errors import CarbonportError
from carbonport.footprint.cbam.precursors import ATTESTED
from carbonport.footprint.ledger import Ledger, Precursor, Record, SupplierCommitment

Problem = tuple[str, str, str]
"""Where, what was found, what was expected. No values."""


@dataclass(frozen=True, slots=True)
class SuppliersOnSite:
    """The bundles that the verifier finds with the ledger, by precursor, and how it reads them."""

    bundles: Mapping[str, Sequence[BundleFile]]
    reader: BundleReader


def precursor_problems(ledger: Ledger, suppliers: SuppliersOnSite | None) -> Iterator[Problem]:
    """Everything in which an attested precursor of the ledger and its bundles disagree."""
    for precursor in ledger.precursors:
        where = f"precursor {precursor.id}"
        if precursor.basis != ATTESTED:
            if precursor.attestations:
                yield where, f"attestations beside the basis {precursor.basis}", "none, or the basis attested"
            continue
        found = () if suppliers is None else suppliers.bundles.get(precursor.id, ())
        if suppliers is None or not 0 < len(found) <= MAX_BUNDLES:
            yield where, f"{len(found)} bundles", "the bundle of each attestation that the value is from"
            continue
        yield from _compared(ledger, precursor, found, suppliers.reader)


def _compared(
    ledger: Ledger, precursor: Precursor, files: Sequence[BundleFile], reader: BundleReader
) -> Iterator[Problem]:
    where = f"precursor {precursor.id}"
    bundles: list[SupplierBundle] = []
    try:
        for file in files:
            bundles.append(reader.read(file))
        require_fit(ledger, precursor, bundles)
    except CarbonportError as error:
        yield error.where or where, error.found, error.expected
        return
    if sorted(item.digest for item in bundles) != sorted(precursor.attestations):
        yield where, "digests of other attestations", "those of the bundles"
    attestation = bundles[0].attestation
    if precursor.cn != attestation.text("cn"):
        yield where, f"CN {precursor.cn or '(none)'}", f"CN {attestation.text('cn')}"
    if precursor.period is None or period_text(precursor.period) != attestation.period:
        yield where, "another period", attestation.period
    values = bundles[0].values
    yield from _committed(ledger, precursor, bundles[0])
    stated = precursor.records.keys() - {"precursor_amount"} - bundles[0].committed.keys()
    for field in sorted(stated | values.keys()):
        path = precursor.records.get(field)
        if path is None or field not in values:
            kept = "in the ledger only" if path is not None else "in the attestation only"
            yield f"{where} {field}", kept, "exactly what is attested"
        elif (ledger.records[path].declared, ledger.records[path].value) != (Decimal(values[field]),) * 2:
            yield path, "another value", "the attested value"


def _committed(ledger: Ledger, precursor: Precursor, bundle: SupplierBundle) -> Iterator[Problem]:
    """Values that the supplier keeps secret: statement and leaf are the bundle's, and its commitment hides the ledger's
    declared value."""
    leaves = bundle.committed
    if precursor.commitments.keys() != leaves.keys():
        yield f"precursor {precursor.id}", "commitments to other values", "those that the supplier commits to"
        return
    for field, leaf in leaves.items():
        stated, path = precursor.commitments[field], precursor.records.get(field)
        if (stated.statement, stated.leaf) != (bundle.statement.digest, leaf.entry.hex()):
            yield f"precursor {precursor.id} {field}", "a leaf of another statement or value", "the bundle's"
        elif path is None or not _opens(leaf, ledger.records[path], stated):
            yield path or f"precursor {precursor.id} {field}", "another value", "the committed value"


def _opens(leaf: CommittedLeaf, record: Record, stated: SupplierCommitment) -> bool:
    if record.decimals != leaf.label.decimals or record.value != record.declared:
        return False
    try:
        opening = Opening(record.declared_integer, decode_scalar(bytes.fromhex(stated.blinding)))
        check_opening(Point.decode(leaf.commitment), opening, where=record.path)
    except (CarbonportError, ValueError):
        return False
    return True
