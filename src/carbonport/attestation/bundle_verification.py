"""The steps of a bundle's offline check: what each reads, verifies and leaves for the next.

Each step returns what it found or raises; `carbonport.attestation.checks` runs them in order and knows which
rests on which. Nothing is believed before its signature held with a key of a believed trust list, and names
inside unverified parts lead nowhere.
"""

from collections.abc import Mapping

from carbonport.attestation.bundle import Bundle, read_bundle
from carbonport.attestation.bundled_lot import LotSteps
from carbonport.attestation.credential import Attestation, attestation_kid, verify_attestation
from carbonport.attestation.listed_log import receipt_log_key
from carbonport.attestation.lots.consignment_check import VerifyRanges
from carbonport.attestation.lots.stated_lots import stated_lot
from carbonport.attestation.precursor_steps import ReadSuppliers, precursor_attestations, supplier_statements
from carbonport.attestation.presentation import Presentation
from carbonport.attestation.proof_checking import ProofFinding
from carbonport.attestation.result_steps import attested_values, published_threshold, result_proof
from carbonport.attestation.statement import (
    Statement,
    StatusReference,
    statement_digest,
)
from carbonport.attestation.statement_verification import StatementVerification, differs, unknown_key
from carbonport.attestation.trust_list import TrustedKey
from carbonport.attestation.trust_store import Anchors, SeenList, TrustStore
from carbonport.attestation.witness_rules import known_note_keys
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.crypto.receipt import Receipt
from carbonport.errors import CarbonportError, FailedVerification


class BundleVerification:
    """One run over one bundle; the steps are called in the order of their dependence."""

    _bundle: Bundle
    _presentation: Presentation
    _receipt: Receipt
    _store: TrustStore
    _attestation: Attestation
    _statement: Statement
    _statement_key: TrustedKey
    _log_key: TrustedKey
    _crossed_at: int
    _signed_at: int
    _problem: CarbonportError | None
    _lot: LotSteps
    _finding: ProofFinding | None

    def __init__(
        self,
        data: bytes,
        *,
        now: int,
        anchors: Anchors | None,
        importer: str | None,
        consignment: str | None,
        allowed_staleness: int,
        seen: Mapping[str, SeenList],
        verify_ranges: VerifyRanges,
        read_suppliers: ReadSuppliers,
    ) -> None:
        self._read_suppliers = read_suppliers
        self._verify_ranges = verify_ranges
        self._data, self._now, self._anchors = data, now, anchors
        self._importer, self._consignment = importer, consignment
        self._allowed_staleness, self._seen = allowed_staleness, seen

    @property
    def verified(self) -> Attestation:
        """The attestation, for whoever has seen every check hold."""
        return self._attestation

    def read(self) -> str:
        self._bundle = read_bundle(self._data)
        self._presentation = Presentation.decode(self._bundle.presentation)
        self._receipt = Receipt.decode(self._bundle.receipt)
        return f"{len(self._data)} bytes"

    def anchor(self) -> str:
        """Lists of anchored jurisdictions come in first: what they recognise decides about the others."""
        chosen = self._bundle.anchors if self._anchors is None else self._anchors
        self._store = TrustStore(chosen)
        kids = self._store.anchor_kids()
        self._problem = self._add_lists()
        if not any(
            held.signer_kid in kids.get(held.trust_list.jurisdiction, ()) for held in self._store.held_lists()
        ):
            raise self._problem or FailedVerification(
                "bundle-anchor-unused",
                found="no trust list signed by a pinned key",
                expected="a trust list in the bundle signed by one of the anchors",
                remedy="Do not rely on the bundle: it rests on keys that are not yours.",
            )
        named = "; ".join(f"{name} {', '.join(keys)}" for name, keys in kids.items())
        return f"{named}, {'pinned in the bundle' if self._anchors is None else 'given by the reader'}"

    def _add_lists(self) -> CarbonportError | None:
        """Add what can be added, in whatever order they stand; gives the error of the first that cannot."""
        waiting = list(self._bundle.trust_lists)
        problem: CarbonportError | None = None
        for _ in range(len(waiting)):
            problem, left = None, []
            for token in waiting:
                try:
                    self._store.add(token, now=self._now)
                except CarbonportError as error:
                    problem = problem or error
                    left.append(token)
            if len(left) == len(waiting) or not left:
                return problem
            waiting = left
        return problem

    def lists(self) -> str:
        if self._problem is not None:
            raise self._problem
        found = []
        for held in self._store.held_lists():
            content = held.trust_list
            newest = self._seen.get(content.jurisdiction, held.seen)
            if newest.seq > content.seq or (newest.seq == content.seq and newest != held.seen):
                raise FailedVerification(
                    "bundle-older-list",
                    found=f"list {content.seq} of {content.jurisdiction}",
                    expected=f"list {newest.seq} or a newer one: it has been seen here",
                    remedy="Ask the importer for a bundle with the current trust lists.",
                )
            age = self._now - content.issued_at
            found.append(
                f"{content.jurisdiction} list {content.seq}, {age} s old, due at {content.next_update}"
            )
        return "; ".join(found)

    def seal(self) -> str:
        bundle = self._bundle
        if self._importer is not None and bundle.importer != self._importer:
            raise differs("importer of the bundle", bundle.importer, self._importer)
        kid, at = bundle.seal_kid(), bundle.received_at
        listed = self._store.participant(bundle.importer, now=self._now).key(kid, "seal")
        if listed is not None and at < listed.valid_from <= self._now:
            # A bundle is sealed again whenever its status tokens are refreshed, also with a key that began since.
            at = listed.valid_from
        key = self._store.signing_key(bundle.importer, kid, "seal", at=at, now=self._now)
        bundle.verify_seal(key.jwk)
        return f"sealed by {bundle.importer}"

    def attestation_signature(self) -> str:
        """The issuer is whoever's key it is: an unverified name leads nowhere."""
        credential = self._presentation.credential
        kid = attestation_kid(credential)
        owners = {owner.id: key for owner, key in self._statements.owners(kid, "seal")}
        if not owners:
            raise unknown_key(kid)
        # The kid is the key's thumbprint: whoever lists it lists the same key.
        attestation = verify_attestation(credential, next(iter(owners.values())).jwk)
        issuer = attestation.header.issuer
        if issuer not in owners:
            raise differs("attestation issuer", issuer, " or ".join(sorted(owners)))
        self._attestation = attestation
        return f"attestation {attestation.header.id} of {issuer}"

    def exporter_receipt(self) -> str:
        header = self._attestation.header
        self._log_key = receipt_log_key(
            self._store,
            self._receipt,
            header.issuer,
            payload=self._bundle.presentation,
            expected={FieldName.RECIPIENT: header.importer.encode()},
            entry_type=EntryType.CROSSING,
            now=self._now,
        )
        known = {(key.name, key.key_id) for key in known_note_keys(self._store)}
        unknown = [
            line.name for line in self._receipt.checkpoint.signatures if (line.name, line.key_id) not in known
        ]
        if unknown:
            raise FailedVerification(
                "bundle-unknown-cosignature",
                found=f"{len(unknown)} signature lines of keys in none of the trust lists",
                expected="lines of listed logs and witnesses only",
                remedy="Ask the importer for a bundle written by the program, which drops such lines.",
            )
        return f"entry {self._receipt.index} of the log of {header.issuer}"

    def exporter_witnessed(self) -> str:
        witnessed = self._statements.witnessed_time(
            self._receipt, self._attestation.header.issuer, self._log_key
        )
        self._crossed_at = self._bundle.received_at if witnessed is None else witnessed
        source = "the importer's own log" if witnessed is None else "its witnesses"
        return f"crossed by {self._crossed_at}, as {source} have it"

    def issuer_key(self) -> str:
        issuer = self._store.participant(self._attestation.header.issuer, now=self._now)
        kid = attestation_kid(self._presentation.credential)
        self._store.signing_key(issuer.id, kid, "seal", at=self._crossed_at, now=self._now)
        if "exporter" not in issuer.roles:
            raise differs(
                "attestation issuer role", f"{issuer.id}, no exporter", "an exporter of the trust list"
            )
        return f"{issuer.name}, key {kid}, valid at {self._crossed_at}"

    def attestation_status(self) -> str:
        header = self._attestation.header
        return self._status(self._bundle.attestation_status, header.issuer, header.status, "seal")

    def importer_binding(self) -> str:
        found, expected = self._attestation.header.importer, self._importer or self._bundle.importer
        if found != expected:
            raise differs("attestation importer", found, expected)
        return found

    def consignment_binding(self) -> str:
        if self._attestation.bounds and self._consignment is None:
            return "none: a claim about the good, whatever consignment"
        found = self._attestation.text("consignment")
        if self._consignment is not None and found != self._consignment:
            raise differs("attestation consignment", found, self._consignment)
        return f"{found}, net mass {self._attestation.text('net_mass')} t"

    def statement_signature(self) -> str:
        token, pointer = self._presentation.statement, self._attestation.header.statement
        digest = statement_digest(token)
        if digest != pointer.digest:
            raise FailedVerification(
                "statement-swapped",
                found=f"statement {digest}",
                expected=f"statement {pointer.digest}, which the attestation names",
                remedy="Ask the exporter for the statement that the attestation rests on.",
            )
        statement, key = self._statements.signature(token, pointer.issuer)
        self._statement, self._statement_key = statement, key
        return f"version {statement.version} of {statement.issuer}, {statement.leaf_count} commitments"

    def statement_receipt(self) -> str:
        receipt, issuer = self._presentation.statement_receipt, self._statement.issuer
        witnessed = self._statements.receipt(receipt, self._presentation.statement, issuer)
        self._signed_at = self._bundle.received_at if witnessed is None else witnessed
        source = "as received" if witnessed is None else "witnessed"
        return f"entry {receipt.index} of the log of {issuer}, signed by {self._signed_at} ({source})"

    def verifier_accredited(self) -> str:
        statement = self._statement
        held = self._statements.accredited(statement, self._statement_key, self._signed_at)
        return (
            f"{held.body} {held.certificate} for {', '.join(statement.activity_groups)} at {self._signed_at}"
        )

    def statement_status(self) -> str:
        statement = self._statement
        return self._status(
            self._bundle.statement_status, statement.issuer, statement.status, "verifier-seal"
        )

    def statement_opinion(self) -> str:
        statement = self._statement
        self._statements.opinion(statement)
        if "verification_opinion" in self._attestation.items:
            stated = self._attestation.text("verification_opinion")
            if stated != statement.opinion:
                raise differs("opinion in the attestation", stated, statement.opinion)
        return f"{statement.opinion}, largest difference {statement.materiality.largest_percent} %"

    def statement_scope(self) -> str:
        statement, header = self._statement, self._attestation.header
        cn, period = self._attestation.text("cn"), self._attestation.period
        if statement.exporter != header.issuer:
            raise differs("statement exporter", statement.exporter, header.issuer)
        if statement.period != period:
            raise differs("statement period", statement.period, period)
        if statement.good(header.process, cn) is None:
            raise differs("statement good", "no such good", f"{header.process}/{cn}")
        is_claim = bool(self._attestation.bounds)
        stated = None if is_claim else stated_lot(statement, header.statement.digest, header.process)
        self._lot = LotSteps(self._bundle.lot, stated, self._attestation, self._store, self._now)
        return f"{statement.installation}, {period}, {statement.scope}, {header.process}/{cn}"

    def attested_values(self) -> str:
        return attested_values(self._attestation)

    def published_threshold(self) -> str:
        return published_threshold(self._attestation, self._statement)

    def result_proof(self) -> str:
        self._finding, text = result_proof(
            self._attestation, self._statement, self._presentation.evidence, place=self._lot.place
        )
        return text

    def precursor_attestations(self) -> str:
        buyer = self._attestation.header.issuer
        anchors = self._bundle.anchors if self._anchors is None else self._anchors
        suppliers = self._read_suppliers(buyer, anchors)
        found = precursor_attestations(self._attestation, self._finding, suppliers)
        secret = supplier_statements(
            self._attestation, self._finding, self._bundle.supplier_status, self._statements
        )
        return found + (f"; kept secret by their suppliers: {secret}" if secret else "")

    def lot_entries(self) -> str:
        return self._lot.entries()

    def lot_own_entry(self) -> str:
        return self._lot.own_entry()

    def lot_within_production(self) -> str:
        return self._lot.within_production(self._verify_ranges)

    def lot_standing(self) -> str:
        return self._lot.standing()

    @property
    def _statements(self) -> StatementVerification:
        return StatementVerification(
            self._store,
            now=self._now,
            reader=self._importer or self._bundle.importer,
            received_at=self._bundle.received_at,
            allowed_staleness=self._allowed_staleness,
        )

    def _status(self, token: str, issuer: str, reference: StatusReference, seal_usage: str) -> str:
        as_of = self._statements.status(token, issuer, reference, seal_usage)
        return f"valid as of {as_of}, {self._now - as_of} s ago"
