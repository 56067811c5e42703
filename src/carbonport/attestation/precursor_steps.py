"""The step of a bundle's check that is about suppliers' attestations: which ones the signed graph names, and whether
bundles of them, where the reader has some, say the same.

The graph names an attestation by its digest alone. The verifier checked it on site; who has the supplier's bundle too
can check it again, and that it is the one.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from carbonport.attestation.credential import Attestation
from carbonport.attestation.proof_checking import ProofFinding
from carbonport.attestation.supplier_bundles import SupplierBundle
from carbonport.attestation.trust_store import Anchors
from carbonport.errors import FailedVerification

ReadSuppliers = Callable[[str, Anchors], Sequence[SupplierBundle]]
"""Reads the suppliers' bundles that the reader has beside the bundle: each must pass every check under these anchors
and be addressed to this buyer."""


def precursor_attestations(
    attestation: Attestation,
    finding: ProofFinding | None,
    bundles: Sequence[SupplierBundle],
) -> str:
    """The digests in the signed graph that the results rest on; each of `bundles` must be one of them, and state
    what the proof opens and the attestation lists."""
    if finding is None:
        if bundles:
            raise FailedVerification(
                "precursor-graph-hidden",
                found="results without a proof, hence without the graph that names suppliers' attestations",
                expected="a proof, to hold the suppliers' bundles against",
                remedy="Check the suppliers' bundles by themselves; ask the exporter for a proof.",
            )
        return "not shown: the results are opened, without the signed graph"
    named = sorted({digest for node in finding.attested for digest in node.attestations})
    found = [_agreed(attestation, finding, bundle) for bundle in bundles]
    if not named:
        return "none: the signed graph takes no value from a supplier's attestation"
    checked = f"; bundles held against it: {', '.join(found)}" if found else ""
    return f"{len(named)} checked by the verifier: {', '.join(named)}{checked}"


def _agreed(attestation: Attestation, finding: ProofFinding, bundle: SupplierBundle) -> str:
    """What was compared of one supplier's bundle."""
    nodes = [node for node in finding.attested if bundle.digest in node.attestations]
    if not nodes:
        raise FailedVerification(
            "precursor-not-named",
            found=f"the attestation {bundle.digest}, which the signed graph does not name",
            expected="the bundle of an attestation that the results rest on",
            remedy="Give the bundle that the exporter's precursor is from; this one says nothing about these results.",
            where=bundle.document,
        )
    opened = 0
    for node in nodes:
        value = bundle.values.get(node.path.rpartition("/")[2])
        shown = finding.opened.get(node.path)
        opened += shown is not None
        if value is None or (shown is not None and Decimal(shown) != Decimal(value)):
            raise _differs(bundle, "another value than the proof opens")
    listed = attestation.items.get("precursors")
    if isinstance(listed, list) and not any(_lists(item, bundle) for item in listed):
        raise _differs(bundle, "no such precursor in the exporter's list")
    how = "its value is the opened one" if opened else "its value stays closed, the verifier compared it"
    return f"{bundle.attestation.header.id} of {bundle.attestation.header.issuer} ({how})"


def _lists(item: object, bundle: SupplierBundle) -> bool:
    """Whether an entry of the exporter's list is what the supplier attests: CN code, country, direct value."""
    if not isinstance(item, Mapping):
        return False
    attestation = bundle.attestation
    same = (item.get("cn"), item.get("basis")) == (attestation.text("cn"), "attested")
    value = item.get("see_direct", "")
    return (
        same
        and item.get("country", attestation.text("country")) == attestation.text("country")
        and isinstance(value, str)
        and value.rstrip("0") == attestation.text("see_direct").rstrip("0")
    )


def _differs(bundle: SupplierBundle, found: str) -> FailedVerification:
    return FailedVerification(
        "precursor-differs",
        found=found,
        expected="what the supplier's attestation states",
        remedy="Do not rely on the result; ask exporter and verifier which of the two is true.",
        where=bundle.document,
    )
