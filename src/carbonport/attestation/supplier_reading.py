"""Reading suppliers' bundles: believed only whole, offline, and addressed to whoever bought the precursor.

Exporter (at intake) and verifier (on site) read them alike, each under its own anchors.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.checks import ALLOWED_STALENESS_SECONDS, verified_attestation
from carbonport.attestation.supplier_bundles import SupplierBundle
from carbonport.attestation.trust_store import Anchors, SeenList


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A supplier's bundle: the name of the file it was taken in from, and its bytes."""

    document: str
    data: bytes


@dataclass(frozen=True, slots=True)
class BundleReader:
    """Who reads suppliers' bundles, and when: `buyer` is whom they must be addressed to; anchors and seen trust lists
    are the reader's own; `now` is in unix seconds, `allowed_staleness` of status tokens in seconds."""

    buyer: str
    anchors: Anchors
    seen: Mapping[str, SeenList]
    now: int
    allowed_staleness: int = ALLOWED_STALENESS_SECONDS

    def read(self, file: BundleFile) -> SupplierBundle:
        """What counts of a bundle that passes every check; raises whatever the bundle's check raises."""
        attestation = verified_attestation(
            file.data,
            now=self.now,
            anchors=self.anchors,
            importer=self.buyer,
            seen=self.seen,
            allowed_staleness=self.allowed_staleness,
        )
        return SupplierBundle.of(file.document, file.data, attestation)
