"""The offline check of a bundle: every check by name, each with what was found and what was expected.

`verify_bundle` needs nothing but the file, a time, and, where the reader has them, anchors of its own. It
never raises for a failed check and never crashes on a hostile file: the report says which check failed and
which others could not be made because of it. Times of signatures are taken from log receipts (the time a
quorum of witnesses vouches for), never from the signer's own `iat`.

A report that is ok says: this exporter attested these values for this importer and consignment, the results
among them follow from what an accredited verifier had signed (the check `result-proof` says whether by a proof, or
opened as the verifier's own rounded results; the check `attested-values` names what stands on the exporter's
word alone, such as precursors, route and net mass), neither has withdrawn since (as of the status tokens), the
crossing is in the exporter's log, and the consignment is in the one lot of its production that witnesses have seen,
in which all that is sold is no more than what was verified. It does not say that the plant's figures are physically
true, and under anchors that are merely *pinned in the bundle* it says so only if those keys are compared by another
channel.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from carbonport.attestation.bundle_verification import BundleVerification
from carbonport.attestation.check_report import CheckRun, Report
from carbonport.attestation.credential import Attestation
from carbonport.attestation.lots.consignment_check import VerifyRanges
from carbonport.attestation.supplier_bundles import SupplierBundle
from carbonport.attestation.trust_store import Anchors, SeenList
from carbonport.crypto.proofs.ranges import verify_range_claims
from carbonport.errors import FailedVerification

ALLOWED_STALENESS_SECONDS = 7 * 24 * 3600
"""How old a status token may be unless the reader says otherwise: what was withdrawn since is not seen."""


@dataclass(frozen=True, slots=True)
class _Step:
    id: str
    expected: str
    action: Callable[[BundleVerification], str]
    needs: tuple[str, ...] = ()


_STEPS = (
    _Step("bundle-form", "canonical JSON of the bundle format, nothing else in it", BundleVerification.read),
    _Step(
        "trust-anchor",
        "a list-signing key compared by another channel",
        BundleVerification.anchor,
        ("bundle-form",),
    ),
    _Step(
        "trust-lists", "current lists, signed under the anchors", BundleVerification.lists, ("trust-anchor",)
    ),
    _Step("bundle-seal", "the importer's seal over every byte", BundleVerification.seal, ("trust-lists",)),
    _Step(
        "attestation-signature",
        "the exporter's signature over credential and disclosures",
        BundleVerification.attestation_signature,
        ("trust-lists",),
    ),
    _Step(
        "exporter-receipt",
        "the exporter's log holds a crossing of exactly these bytes to this importer",
        BundleVerification.exporter_receipt,
        ("attestation-signature",),
    ),
    _Step(
        "exporter-receipt-witnessed",
        "the witness quorums of both jurisdictions: not provisional",
        BundleVerification.exporter_witnessed,
        ("exporter-receipt",),
    ),
    _Step(
        "issuer-key",
        "a listed exporter whose key was valid when the attestation crossed",
        BundleVerification.issuer_key,
        ("exporter-receipt-witnessed",),
    ),
    _Step(
        "attestation-status",
        "not revoked, in a fresh status token of the exporter",
        BundleVerification.attestation_status,
        ("attestation-signature",),
    ),
    _Step(
        "importer-binding",
        "the importer it was made for",
        BundleVerification.importer_binding,
        ("attestation-signature",),
    ),
    _Step(
        "consignment-binding",
        "the consignment it was made for",
        BundleVerification.consignment_binding,
        ("attestation-signature",),
    ),
    _Step(
        "statement-signature",
        "the statement that the attestation names, signed by its verifier",
        BundleVerification.statement_signature,
        ("attestation-signature",),
    ),
    _Step(
        "statement-receipt",
        "the verifier's log holds the statement, and a quorum vouches for the time",
        BundleVerification.statement_receipt,
        ("statement-signature",),
    ),
    _Step(
        "verifier-accredited",
        "key and accreditation valid at the signing time, for every activity group",
        BundleVerification.verifier_accredited,
        ("statement-receipt",),
    ),
    _Step(
        "statement-status",
        "not withdrawn, in a fresh status token of the verifier",
        BundleVerification.statement_status,
        ("statement-signature",),
    ),
    _Step(
        "statement-opinion",
        "a satisfactory opinion and no material misstatement",
        BundleVerification.statement_opinion,
        ("statement-signature",),
    ),
    _Step(
        "statement-scope",
        "a statement about this exporter, period and good",
        BundleVerification.statement_scope,
        ("statement-signature",),
    ),
    _Step(
        "attested-values",
        "specific embedded emissions of a good that the statement is about",
        BundleVerification.attested_values,
        ("statement-scope",),
    ),
    _Step(
        "published-threshold",
        "bounds, where there are any, that stand so in a published table",
        BundleVerification.published_threshold,
        ("attested-values",),
    ),
    _Step(
        "result-proof",
        "results that follow from what the verifier signed, by a proof made for exactly this attestation",
        BundleVerification.result_proof,
        ("attested-values",),
    ),
    _Step(
        "precursor-attestations",
        "suppliers' attestations that the signed graph names, and no bundle beside it that says something else",
        BundleVerification.precursor_attestations,
        ("result-proof",),
    ),
    _Step(
        "lot-entries",
        "every entry of the lot's log, up to a checkpoint that it signed",
        BundleVerification.lot_entries,
        ("statement-scope",),
    ),
    _Step(
        "lot-own-entry",
        "an entry of the consignment's own: its key, recipient and quantity",
        BundleVerification.lot_own_entry,
        ("lot-entries",),
    ),
    _Step(
        "lot-within-production",
        "no consignment negative, and all together no more than the verified production",
        BundleVerification.lot_within_production,
        ("lot-own-entry",),
    ),
    _Step(
        "lot-standing",
        "cosigned by the lot's quorum; not cancelled, not superseded",
        BundleVerification.lot_standing,
        ("lot-within-production",),
    ),
)

CHECK_IDS = tuple(step.id for step in _STEPS)
"""The checks of a report, in order; the names are a public contract."""


def verify_bundle(
    data: bytes,
    *,
    now: int,
    anchors: Anchors | None = None,
    importer: str | None = None,
    consignment: str | None = None,
    allowed_staleness: int = ALLOWED_STALENESS_SECONDS,
    seen: Mapping[str, SeenList] | None = None,
    verify_ranges: VerifyRanges = verify_range_claims,
    suppliers: Sequence[tuple[str, bytes]] = (),
) -> Report:
    """Check a bundle as of `now` (unix seconds).

    `anchors` are the reader's own list-signing keys by jurisdiction; without them those pinned in the
    bundle count, and the check `trust-anchor` shows their fingerprints. `importer` and `consignment` are
    whose and which the bundle should be. `allowed_staleness` is in seconds. `seen` are the newest trust
    lists the reader ever accepted: an older one in the bundle fails. `verify_ranges` checks the range proofs of the
    lot; a reader with several processors gives one that uses them. `suppliers` are bundles (name and bytes) that the
    exporter took precursors' values from: each must pass every check too, and be named in the signed graph.
    """

    def read_suppliers(buyer: str, anchors: Anchors) -> list[SupplierBundle]:
        return [
            SupplierBundle.of(
                document,
                bundle,
                verified_attestation(
                    bundle,
                    now=now,
                    anchors=anchors,
                    importer=buyer,
                    allowed_staleness=allowed_staleness,
                    seen=seen,
                    verify_ranges=verify_ranges,
                ),
            )
            for document, bundle in suppliers
        ]

    return _checked(
        BundleVerification(
            data,
            now=now,
            anchors=anchors,
            importer=importer,
            consignment=consignment,
            allowed_staleness=allowed_staleness,
            seen=seen or {},
            verify_ranges=verify_ranges,
            read_suppliers=read_suppliers,
        )
    )


def verified_attestation(
    data: bytes,
    *,
    now: int,
    anchors: Anchors | None = None,
    importer: str | None = None,
    allowed_staleness: int = ALLOWED_STALENESS_SECONDS,
    seen: Mapping[str, SeenList] | None = None,
    verify_ranges: VerifyRanges = verify_range_claims,
) -> Attestation:
    """The attestation in a bundle that passes every check of `verify_bundle`; FailedVerification otherwise."""
    steps = BundleVerification(
        data,
        now=now,
        anchors=anchors,
        importer=importer,
        consignment=None,
        allowed_staleness=allowed_staleness,
        seen=seen or {},
        verify_ranges=verify_ranges,
        read_suppliers=lambda *_: (),
    )
    report = _checked(steps)
    if not report.ok:
        first = next(check for check in report.checks if not check.ok)
        raise FailedVerification(
            "bundle-not-valid",
            found=f"{len(report.failed())} failed checks, the first {first.id}: {first.found}",
            expected="a bundle that passes every check",
            remedy="Run `carbonport verify` on it to see every check.",
        )
    return steps.verified


def _checked(steps: BundleVerification) -> Report:
    run = CheckRun()
    for step in _STEPS:
        run.step(step.id, step.expected, partial(step.action, steps), *step.needs)
    return run.report()
