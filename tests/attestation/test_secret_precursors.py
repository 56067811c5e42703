"""A supplier that keeps its value secret: the customer proves with it, and importers see whose commitment it is."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import cache

import mill_world as m
import pytest
import world as w

from carbonport.attestation.bench import SignedStatement
from carbonport.attestation.bundle import read_bundle
from carbonport.attestation.check_report import Report
from carbonport.attestation.checks import verify_bundle
from carbonport.attestation.commitment_evidence import commit_results
from carbonport.attestation.opened_suppliers import opened_suppliers
from carbonport.attestation.presentation import Presentation
from carbonport.attestation.proof_evidence import ProofEvidence
from carbonport.attestation.statement import Statement, sign_statement, statement_digest
from carbonport.attestation.supplier_statements import SupplierStatement
from carbonport.attestation.trust_list import Accreditation, issue_trust_list
from carbonport.crypto.canonical import Json
from carbonport.crypto.group import encode_scalar
from carbonport.crypto.jws import SigningKey
from carbonport.crypto.log_entry import EntryType
from carbonport.crypto.notes import NoteSigner
from carbonport.errors import CarbonportError, Refused
from carbonport.footprint.graph import Committed
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.ledger_json import ledger_from_json, ledger_to_json

FIELD = "precursor_committed_direct"
SEE = w.calculation().goods[0].attested("see_direct")


@cache
def signed() -> SignedStatement:
    return m.secret_mill().signed(m.secret_bundle())


@cache
def proof() -> ProofEvidence:
    evidence = m.secret_mill().evidence(signed(), secrets=[m.secret_bundle()])
    assert isinstance(evidence, ProofEvidence)
    return evidence


@cache
def sound() -> bytes:
    """The customer's bundle of tubes from coil whose value it does not see."""
    return m.secret_mill().bundle(signed(), proof())


def as_the_mill(bundle: bytes) -> Report:
    """What the mill's own `verify` says of the supplier's bundle."""
    return verify_bundle(bundle, now=w.NOW, anchors=m.ANCHORS, importer=m.MILL)


def failed(bundle: bytes, *suppliers: bytes) -> dict[str, str]:
    report = m.checked(bundle, *suppliers)
    return {check.id: check.error for check in report.checks if not check.ok}


def test_the_supplier_shows_a_commitment_and_the_customer_alone_opens_it() -> None:
    report = as_the_mill(m.secret_bundle())
    assert report.ok, report.failed()
    assert report.check("attested-values").found == "committed to, not shown: default_share, see_direct"
    assert SEE.encode() not in m.secret_bundle()
    ledger = m.secret_mill().ledger
    (coil,) = ledger.precursors
    assert format(ledger.records[coil.records[FIELD]].value, "f") == SEE
    assert "precursor_see_direct" not in coil.records
    assert ledger_from_json(ledger_to_json(ledger)) == ledger
    assert coil.commitments[FIELD].blinding not in repr(coil)


def test_the_importer_sees_whose_commitment_it_is_and_not_the_value() -> None:
    report = m.checked(sound())
    assert report.ok, report.checks
    found = report.check("precursor-attestations").found
    assert f"good/steel/72083900/see_direct of {w.EXPORTER} for 2026-01-01/2026-12-31" in found
    assert w.CERTIFICATE in found
    assert len(proof().proof) < 4096
    assert m.checked(sound(), m.secret_bundle()).ok
    # 1.79766, 179766 as a number, and its opening stand nowhere in what the customer gets.
    shown = Presentation.decode(read_bundle(sound()).presentation).encode()
    assert SEE.encode() not in shown
    assert encode_scalar(int(Decimal(SEE).scaleb(5))).hex().encode() not in shown
    (node,) = [node for node in m.secret_mill().figures.goods[0].open if isinstance(node, Committed)]
    assert node.statement == w.world().statement.digest


def with_suppliers(change: Callable[[SupplierStatement], SupplierStatement]) -> bytes:
    """A bundle whose exporter shows something else of its supplier."""
    evidence = proof()
    changed = replace(evidence, suppliers=tuple(map(change, evidence.suppliers)))
    return m.secret_mill().bundle(signed(), changed)


def test_another_leaf_is_refused() -> None:
    """Another good's, another result's, one beside, none, one twice, one with a neighbouring value."""
    leaves = {leaf.label.path: leaf for leaf in m.commitments().leaves}
    other_good = m.commitments(cn="72142000").leaves
    (own,) = proof().suppliers[0].leaves
    share = leaves["good/steel/72083900/default_share"]
    for changed in (
        (other_good[1],),
        (share,),
        (own, share),
        (),
        (own, own),
        (replace(own, salt=bytes(32)),),
        (replace(own, commitment=share.commitment),),
        (replace(own, label=replace(own.label, path="good/steel/72142000/see_direct")),),
    ):
        bundle = with_suppliers(lambda one, changed=changed: replace(one, leaves=changed))  # type: ignore[misc]
        assert failed(bundle)["result-proof"] in ("supplier-leaf", "document-field")
    for moved in (replace(own, index=own.index + 1), replace(own, path=own.path[:-1])):
        bundle = with_suppliers(lambda one, moved=moved: replace(one, leaves=(moved,)))  # type: ignore[misc]
        assert failed(bundle) == {"precursor-attestations": "committed-leaf"}


def test_the_suppliers_statement_is_shown_once_and_not_left_out() -> None:
    for suppliers in ((), proof().suppliers * 2):
        bundle = m.secret_mill().bundle(signed(), replace(proof(), suppliers=suppliers))
        assert failed(bundle)["result-proof"] == "supplier-leaf"


@cache
def unaccredited() -> tuple[SigningKey, NoteSigner]:
    return SigningKey.generate(), NoteSigner.generate("careless.example/log")


def under(changes: Callable[[Statement], Statement], held: Accreditation | None) -> Report:
    """What the customer sees when a colluding verifier let the mill take its coil from a statement of another verifier,
    who has the accreditation `held`; `changes` are made to that statement before it is signed."""
    key, log = unaccredited()
    verifier = "CN/529900CARELESSV0010"
    good = w.world().statement.statement
    content = changes(replace(good, issuer=verifier))
    token = sign_statement(content, key)
    mill = m.Mill.of(changed_ledger(statement=statement_digest(token)))
    careless = w.signed_examination(replace(mill.examined(m.secret_bundle()), deviations=()))
    receipt = w.log_receipt(
        log,
        {},
        token.encode(),
        entry_type=EntryType.STATEMENT,
        time=w.NOW - 20 * w.DAY,
        witnesses=[w.keys().witness],
    )
    shown = opened_suppliers(mill.ledger, m.on_site(m.secret_bundle()).bundles)
    evidence = mill.evidence(
        careless,
        suppliers=[
            replace(one, statement=replace(one.statement, token=token, receipt=receipt)) for one in shown
        ],
    )
    listed = w.chinese_list()
    entry = w.participant(
        verifier, "verifier", w.listed(key, "verifier-seal"), w.listed_note(log, "log"), accreditation=held
    )
    chinese = replace(listed, participants=(*listed.participants, entry))
    status = w.status(key, w.STATEMENT_STATUS_URI, verifier)
    return m.checked(
        mill.bundle(
            careless,
            evidence,
            trust_lists=(m.lists()[0], issue_trust_list(chinese, w.keys().cn_list)),
            supplier_status={statement_digest(token): status},
        )
    )


def test_the_suppliers_verifier_must_have_been_accredited_and_satisfied() -> None:
    def as_it_is(statement: Statement) -> Statement:
        return statement

    held = w.accreditation()
    assert under(as_it_is, held).ok
    for changes, accreditation, error in (
        (as_it_is, None, "verifier-not-accredited"),
        (as_it_is, w.accreditation(valid_from=w.NOW - 10 * w.DAY), "accreditation-not-valid-then"),
        (as_it_is, w.accreditation(activity_groups=("Cement",)), "accreditation-scope"),
        (as_it_is, w.accreditation(certificate="CNAS V9"), "bundle-mismatch"),
        (lambda one: replace(one, opinion="not-satisfactory"), held, "statement-opinion"),
        (lambda one: replace(one, exporter=w.IMPORTER, issuer=w.IMPORTER), held, ""),
        (lambda one: replace(one, exporter="CN/529900CARELESSV0010"), held, "verifier-not-independent"),
        (lambda one: replace(one, goods=one.goods[1:]), held, "bundle-mismatch"),
        (lambda one: replace(one, root=bytes(32)), held, "committed-leaf"),
    ):
        report = under(changes, accreditation)
        assert report.failed() == ("precursor-attestations",)
        assert not error or report.check("precursor-attestations").error == error


def test_a_withdrawn_or_stale_statement_of_the_supplier_is_refused() -> None:
    k, digest = w.keys(), w.world().statement.digest
    for status in (
        {digest: w.status(k.verifier, w.STATEMENT_STATUS_URI, w.VERIFIER, revoked=[5])},
        {digest: w.status(k.verifier, w.STATEMENT_STATUS_URI, w.VERIFIER, issued_at=w.NOW - 8 * w.DAY)},
        {digest: w.status(k.stranger, w.STATEMENT_STATUS_URI, w.VERIFIER)},
        {},
        {digest: w.status(k.verifier, w.STATEMENT_STATUS_URI, w.VERIFIER), "ab" * 32: "x"},
    ):
        bundle = m.secret_mill().bundle(signed(), proof(), supplier_status=status)
        assert failed(bundle).keys() == {"precursor-attestations"}


def test_the_suppliers_statement_must_be_logged_and_signed_by_a_listed_verifier() -> None:
    one = proof().suppliers[0]
    forged = w.signed_statement(w.sealed_and_opened(w.draft()), key=w.keys().stranger)
    for changed in (
        replace(one, token=forged.token),
        replace(one, receipt=w.presentation_seal(signed(), proof()).statement_receipt),
    ):
        assert failed(with_suppliers(lambda _, changed=changed: changed))  # type: ignore[misc]


def changed_ledger(**changes: object) -> Ledger:
    ledger = m.secret_mill().ledger
    (coil,) = ledger.precursors
    stated = replace(coil.commitments[FIELD], **changes)  # type: ignore[arg-type]
    return replace(ledger, precursors=(replace(coil, commitments={FIELD: stated}),))


def neighbour(step: str) -> Ledger:
    ledger = m.secret_mill().ledger
    path = ledger.precursors[0].records[FIELD]
    value = ledger.records[path].value + Decimal(step)
    record = replace(ledger.records[path], value=value, source_value=value)
    return replace(ledger, records={**ledger.records, path: record})


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: neighbour("0.00001"), "another value"),
        (lambda: neighbour("-0.00001"), "another value"),
        (lambda: neighbour("0.000001"), "another value"),
        (lambda: changed_ledger(blinding="00" * 32), "another value"),
        (lambda: changed_ledger(blinding="ff" * 32), "another value"),
        (lambda: changed_ledger(leaf="ab" * 64), "a leaf of another statement or value"),
        (lambda: changed_ledger(statement="ab" * 32), "a leaf of another statement or value"),
    ],
)
def test_the_bench_opens_the_commitment_itself(make: Callable[[], Ledger], problem: str) -> None:
    examination = m.Mill.of(make()).examined(m.secret_bundle())
    assert problem in {item.found for item in examination.deviations}
    with pytest.raises(Refused, match="bench-deviations"):
        w.signed_examination(examination)


def test_a_shown_value_and_a_secret_one_do_not_stand_for_each_other() -> None:
    assert m.secret_mill().examined(m.supplier_bundle()).deviations
    assert m.mill().examined(m.secret_bundle()).deviations
    assert "precursor-attestations" in failed(sound(), m.supplier_bundle())


def test_what_is_sealed_opens_for_the_customer_and_this_statement_alone() -> None:
    good = m.commitments()
    for changes in ({"customer": w.OTHER_IMPORTER}, {"statement": "ab" * 32}):
        arguments: dict[str, object] = {
            "process": "steel",
            "cn": "72083900",
            "results": ["see_direct", "default_share"],
            "customer": m.MILL,
            "hpke_kid": "hpke-mill",
            "hpke_public": m.mill_hpke().public,
            "statement": w.world().statement.digest,
            **changes,
        }
        evidence = commit_results(w.world().openings, **arguments)  # type: ignore[arg-type]
        bundle = w.build_world(claims=w.gate_claims(**m.COMMITTED_CLAIMS), evidence=evidence).data
        with pytest.raises(CarbonportError):
            m.taken(bundle)
    other = m.commitments(cn="72142000")
    mixed = replace(good, sealed=other.sealed)
    bundle = w.build_world(claims=w.gate_claims(**m.COMMITTED_CLAIMS), evidence=mixed).data
    with pytest.raises(CarbonportError, match="evidence-openings"):
        m.taken(bundle)


def test_the_list_of_precursors_names_what_the_supplier_committed_to() -> None:
    coil: dict[str, Json] = {"basis": "attested", "cn": "72083900", "country": "CN"}
    for changes, holds in (({}, True), ({"cn": "72142000"}, False), ({"basis": "verified"}, False)):
        claims = m.secret_mill().claims(precursors=[{**coil, **changes}])
        bundle = m.secret_mill().bundle(signed(), proof(), claims)
        assert failed(bundle) == ({} if holds else {"precursor-attestations": "precursor-not-listed"})


def test_committed_results_need_their_commitments_and_nothing_beside() -> None:
    stated = w.gate_claims()
    committed = w.gate_claims(**m.COMMITTED_CLAIMS)
    half = w.gate_claims(see_direct=m.COMMITTED_CLAIMS["see_direct"])
    for claims, evidence in (
        (stated, m.commitments()),
        (committed, w.opened_evidence(w.world().openings)),
        (half, m.commitments()),
        (committed, m.commitments(cn="72142000")),
    ):
        assert not as_the_mill(w.build_world(claims=claims, evidence=evidence).data).check("result-proof").ok
