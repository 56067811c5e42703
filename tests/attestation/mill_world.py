"""A second exchange behind the first: a tube mill in the Union buys the steelworks' coil, has its own figures verified,
and attests its tubes to another importer. Keys, lists and logs are those of `world`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import world as w

from carbonport.attestation.bench import Examination, SignedStatement, examine
from carbonport.attestation.bundle import Bundle, write_bundle
from carbonport.attestation.check_report import Report
from carbonport.attestation.checks import verify_bundle
from carbonport.attestation.commitment_evidence import CommitmentEvidence, commit_results
from carbonport.attestation.commitments import LeafOpening
from carbonport.attestation.credential import COMMITTED_FORM
from carbonport.attestation.evidence import Evidence
from carbonport.attestation.examined_precursors import SuppliersOnSite
from carbonport.attestation.good_graphs import good_graphs
from carbonport.attestation.opened_suppliers import opened_suppliers
from carbonport.attestation.presentation import PresentationSeal
from carbonport.attestation.proof_checking import ProofBinding
from carbonport.attestation.proof_evidence import ProofEvidence
from carbonport.attestation.shown_graph import place_key
from carbonport.attestation.signed_figures import SignedFigures, signed_figures
from carbonport.attestation.statement import StatusReference
from carbonport.attestation.statement_draft import StatementDraft, draft_statement
from carbonport.attestation.supplier_reading import BundleFile, BundleReader
from carbonport.attestation.supplier_statements import OpenedSupplier
from carbonport.attestation.trust_list import TrustedKey, issue_trust_list
from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.crypto.notes import NoteSigner
from carbonport.crypto.sealing import HpkeKeyPair, hpke_generate, hpke_open
from carbonport.footprint.calculation import Calculation, calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake.yaml_ledger import parse_yaml_ledger
from carbonport.footprint.ledger import Ledger
from carbonport.node.exporter.attested_precursors import with_attested_precursors

MILL = w.IMPORTER
"""Buys coil as an importer of the first exchange, and sells tubes as an exporter of the second."""

CUSTOMER = w.OTHER_IMPORTER
CN = "73063080"
COIL = "precursor/1/precursor_see_direct"
"""The place of the coil's value in the signed graphs."""

CATALOGUE = Catalogue.load()
NONCE = hashlib.sha256(b"nonce of the mill").digest()
STATUS = "https://mill.example/status/attestations/1"
ANCHORS = {"EU": [w.keys().eu_list.public_jwk], "CN": [w.keys().cn_list.public_jwk]}
READER = BundleReader(MILL, ANCHORS, {}, w.NOW)


@cache
def mill_log() -> NoteSigner:
    """The mill's log key."""
    return NoteSigner.generate("mill.example/log")


@cache
def lists() -> tuple[str, ...]:
    """The trust lists of `world`, with the mill as an exporter too."""
    k = w.keys()
    content = w.european_list()
    log_key: TrustedKey = w.listed_note(mill_log(), "log")
    participants = tuple(
        replace(one, roles=frozenset({"importer", "exporter"}), keys=(*one.keys, log_key))
        if one.id == MILL
        else one
        for one in content.participants
    )
    european = issue_trust_list(replace(content, participants=participants), k.eu_list)
    return european, issue_trust_list(w.chinese_list(), k.cn_list)


def tube_mill(precursor: str = "cn: '72083900', country: CN, amount: 1200 t", period: str = "2026") -> Ledger:
    """A plant that makes tubes from bought coil."""
    text = f"""carbonport: ledger/v1
installation: {{name: Tube Mill, country: CN}}
period: {{start: {period}-01-01, end: {period}-12-31}}
processes: [{{id: mill, name: Mill, category: Iron or steel products, activity_level: 1000 t, electricity: 0 MWh}}]
goods: [{{cn: "{CN}", process: mill}}]
streams: [{{id: gas, method: combustion, process: mill, activity_data: 10 TJ, emission_factor: 56.1 tCO2/TJ}}]
precursors:
  - {{id: coil, process: mill, basis: default, see_direct: 9 tCO2e/t, see_indirect: 3 tCO2e/t, {precursor}}}
"""
    return parse_yaml_ledger(text.encode(), "mill.yaml", CATALOGUE)


@cache
def supplier_bundle() -> bytes:
    """The steelworks' attestation of its coil, as the mill keeps it."""
    return w.world().data


@cache
def mill_hpke() -> HpkeKeyPair:
    """What is sealed to the mill opens with it."""
    return hpke_generate()


def unseal(kid: str, info: bytes, sealed: bytes) -> bytes:
    """The mill opens what was sealed to it."""
    assert kid == "hpke-mill"
    return hpke_open(mill_hpke().private, info, sealed)


def commitments(
    cn: str = "72083900",
    openings: Sequence[LeafOpening] | None = None,
    statement: SignedStatement | None = None,
) -> CommitmentEvidence:
    """What the steelworks shows of its coil when it keeps the value secret."""
    signed = w.world().statement if statement is None else statement
    return commit_results(
        w.world().openings if openings is None else openings,
        process="steel",
        cn=cn,
        results=["see_direct", "default_share"],
        customer=MILL,
        hpke_kid="hpke-mill",
        hpke_public=mill_hpke().public,
        statement=signed.digest,
    )


COMMITTED_CLAIMS: Mapping[str, Json] = {
    "see_direct": dict(COMMITTED_FORM),
    "default_share": dict(COMMITTED_FORM),
}


@cache
def secret_bundle() -> bytes:
    """The steelworks' attestation of its coil with the value committed to, as the mill keeps it."""
    return w.build_world(claims=w.gate_claims(**COMMITTED_CLAIMS), evidence=commitments()).data


def taken(bundle: bytes, plant: Ledger | None = None) -> Ledger:
    """The mill's ledger with the coil's value from a bundle."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "coil.json"
        path.write_bytes(bundle)
        return with_attested_precursors(
            plant or tube_mill(), [("coil", str(path))], CATALOGUE, READER, unseal
        )[0]


def on_site(*bundles: bytes) -> SuppliersOnSite:
    """What the verifier finds with the ledger."""
    files = [BundleFile(f"coil-{number}.json", bundle) for number, bundle in enumerate(bundles)]
    return SuppliersOnSite({"coil": files}, READER)


@dataclass(frozen=True)
class Mill:
    """The mill's ledger, and everything that follows from it."""

    ledger: Ledger
    calculation: Calculation
    figures: SignedFigures
    draft: StatementDraft

    @classmethod
    def of(cls, ledger: Ledger) -> "Mill":
        """Calculated and committed to."""
        calculation = calculate(ledger)
        figures = signed_figures(ledger, good_graphs(calculation), place_key(w.PERIOD_KEY, NONCE))
        draft = draft_statement(
            ledger,
            figures,
            exporter=MILL,
            scope=calculation.scope.value,
            period_key=w.PERIOD_KEY,
            nonce=NONCE,
        )
        return cls(ledger, calculation, figures, draft)

    def examined(self, *bundles: bytes) -> Examination:
        """What the bench finds with these bundles on site."""
        return examine(self.ledger, self.draft, suppliers=on_site(*bundles))

    def signed(self, *bundles: bytes) -> SignedStatement:
        """What the bench signs."""
        return w.signed_examination(self.examined(*bundles))

    def claims(self, **items: Json) -> Mapping[str, Json]:
        """What the mill's gate composes for its customer."""
        good = self.calculation.goods[0]
        values: dict[str, Json] = {
            "country": "CN",
            "cn": CN,
            "period": {"start": "2026-01-01", "end": "2026-12-31"},
            "see_direct": good.attested("see_direct"),
            "consignment": "TUBES-1",
            "net_mass": "10.000000",
            **items,
        }
        return {
            "v": 1,
            "purpose": "cbam-declaration",
            "recipient": CUSTOMER,
            "decision": "ab" * 16,
            "items": values,
        }

    def evidence(
        self,
        statement: SignedStatement,
        *,
        open_paths: Sequence[str] = (COIL,),
        secrets: Sequence[bytes] = (),
        suppliers: Sequence[OpenedSupplier] | None = None,
    ) -> Evidence:
        """The sealed proof of the tubes' specific emissions."""
        good = self.figures.goods[0]
        assert good.sealed is not None
        return w.proof_task(
            [item.opening for item in self.draft.leaves],
            good.sealed,
            statement.statement,
            ProofBinding(statement.digest, MILL, "cbam-declaration", CUSTOMER, "TUBES-1"),
            process="mill",
            cn=CN,
            results={"see_direct": self.calculation.goods[0].attested("see_direct")},
            open_paths=open_paths,
            nonce_secret=w.NONCE_SECRET,
            suppliers=opened_suppliers(self.ledger, on_site(*secrets).bundles)
            if suppliers is None
            else suppliers,
        ).prove()

    def bundle(
        self,
        statement: SignedStatement,
        evidence: Evidence,
        claims: Mapping[str, Json] | None = None,
        **changes: object,
    ) -> bytes:
        """The customer's bundle of the tubes."""
        k = w.keys()
        seal: PresentationSeal = w.presentation_seal(
            statement,
            evidence,
            key=k.importer,
            issuer=MILL,
            process="mill",
            status=StatusReference(STATUS, 9),
        )
        payload = seal(self.claims() if claims is None else claims)
        receipt = w.log_receipt(
            mill_log(),
            {FieldName.RECIPIENT: CUSTOMER.encode()},
            payload,
            entry_type=EntryType.CROSSING,
            time=w.NOW - w.DAY,
            witnesses=[k.witness],
        )
        bundle = Bundle(
            importer=CUSTOMER,
            received_at=w.NOW - w.DAY,
            presentation=payload,
            receipt=receipt.encode(),
            attestation_status=w.status(k.importer, STATUS, MILL),
            statement_status=w.status(k.verifier, w.STATEMENT_STATUS_URI, w.VERIFIER),
            trust_lists=lists(),
            anchors={"EU": (k.eu_list.public_jwk,)},
        )
        if isinstance(evidence, ProofEvidence):
            token = w.status(k.verifier, w.STATEMENT_STATUS_URI, w.VERIFIER)
            bundle = replace(bundle, supplier_status={one.digest: token for one in evidence.suppliers})
        return write_bundle(replace(bundle, **changes), k.other_importer)  # type: ignore[arg-type]


def checked(bundle: bytes, *suppliers: bytes) -> Report:
    """What the customer's `verify` says, with bundles of suppliers beside it."""
    return verify_bundle(
        bundle,
        now=w.NOW,
        anchors=ANCHORS,
        importer=CUSTOMER,
        suppliers=[(f"coil-{number}.json", data) for number, data in enumerate(suppliers)],
    )


@cache
def mill() -> Mill:
    """The sound mill, with the coil from the steelworks' attestation."""
    return Mill.of(taken(supplier_bundle()))


@cache
def secret_mill() -> Mill:
    """The same with the value that the steelworks shows to the mill alone."""
    return Mill.of(taken(secret_bundle()))
