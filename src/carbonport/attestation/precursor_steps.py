"""The step of a bundle's check that is about suppliers' attestations: which ones the signed graph names, and whether
bundles of them, where the reader has some, say the same.

The graph names an attestation by its digest alone. The verifier checked it on site; who has the supplier's bundle too
can check it again, and that it is the one. Of a value that the supplier keeps secret it names statement and leaf too:
these are shown, and checked like the good's own statement.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from carbonport.attestation.commitments import output_path
from carbonport.attestation.credential import Attestation
from carbonport.attestation.proof_checking import ProofFinding
from carbonport.attestation.statement_verification import StatementVerification, differs
from carbonport.attestation.supplier_bundles import SupplierBundle
from carbonport.attestation.supplier_statements import SupplierValue
from carbonport.attestation.trust_store import Anchors
from carbonport.errors import FailedVerification
from carbonport.footprint.graph import Committed

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


def supplier_statements(
    attestation: Attestation,
    finding: ProofFinding | None,
    status: Mapping[str, str],
    verification: StatementVerification,
) -> str:
    """Check the statements of suppliers whose values stay secret: each signed and logged by a verifier that was
    accredited for the supplier's goods at that time, satisfactory, not withdrawn (`status` has the status tokens by
    statement), about a good of a listed exporter, and holding the leaf that the proof is tied to."""
    values = () if finding is None else finding.suppliers
    if {value.statement.digest for value in values} != status.keys():
        raise FailedVerification(
            "supplier-status",
            found=f"status tokens of {len(status)} suppliers' statements",
            expected="one for each supplier's statement that the proof rests on",
            remedy="Refresh the bundle: its node asks the suppliers' verifiers.",
        )
    for value in values:
        _require_listed(value, attestation.items.get("precursors"))
    return ", ".join(_verified_value(value, status[value.statement.digest], verification) for value in values)


def _require_listed(value: SupplierValue, precursors: object) -> None:
    """Where the exporter lists its precursors, the supplier's good is one of them, attested."""
    cn = value.leaf.label.path.split("/")[-2]
    entries = precursors if isinstance(precursors, list) else None
    if entries is not None and not any(
        isinstance(item, Mapping) and (item.get("cn"), item.get("basis")) == (cn, "attested")
        for item in entries
    ):
        raise FailedVerification(
            "precursor-not-listed",
            found=f"a list of precursors without an attested one of CN {cn}",
            expected="every precursor whose supplier committed to its value",
            remedy="Do not rely on the list; ask the exporter for an attestation with the verified precursors.",
        )


def _verified_value(value: SupplierValue, token: str, verification: StatementVerification) -> str:
    shown = value.statement
    statement, key = verification.signature(shown.token)
    witnessed = verification.receipt(shown.receipt, shown.token, statement.issuer)
    signed_at = verification.received_at if witnessed is None else witnessed
    held = verification.accredited(statement, key, signed_at)
    verification.opinion(statement)
    as_of = verification.status(token, statement.issuer, statement.status, "verifier-seal")
    if "exporter" not in verification.store.participant(statement.exporter, now=verification.now).roles:
        raise differs(
            "supplier's role", f"{statement.exporter}, no exporter", "an exporter of the trust list"
        )
    path = value.leaf.label.path
    goods = {output_path(good.process, good.cn, path.rpartition("/")[2]) for good in statement.goods}
    if path not in goods:
        raise differs("supplier's good", "a leaf of no good of the statement", "a result of one of its goods")
    value.leaf.require_in(statement)
    return (
        f"{path} of {statement.exporter} for {statement.period}, committed under {held.body} {held.certificate} "
        f"(statement {shown.digest}, valid as of {as_of})"
    )


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
        quantity = node.path.rpartition("/")[2]
        value, leaf = bundle.values.get(quantity), bundle.committed.get(quantity)
        shown = finding.opened.get(node.path)
        opened += shown is not None
        if leaf is not None and isinstance(node, Committed):
            if (node.statement, node.leaf) != (bundle.statement.digest, leaf.entry.hex()):
                raise _differs(bundle, "another commitment than the graph names")
        elif value is None or (shown is not None and Decimal(shown) != Decimal(value)):
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
    if bundle.committed:
        return same and "see_direct" not in item
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
