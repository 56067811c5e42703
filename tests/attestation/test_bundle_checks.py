"""The offline check of a bundle: what holds, and every way in which it must not."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import world as w
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carbonport.attestation.bench import SignedStatement
from carbonport.attestation.check_report import Report
from carbonport.attestation.checks import CHECK_IDS, verify_bundle
from carbonport.attestation.evidence import OpeningEvidence
from carbonport.attestation.presentation import Presentation
from carbonport.attestation.statement import Materiality, sign_statement, statement_digest
from carbonport.attestation.trust_list import Suspension, TrustList, WitnessRule, issue_trust_list
from carbonport.attestation.trust_store import SeenList
from carbonport.crypto.canonical import Json, canonical_bytes
from carbonport.crypto.jws import SigningKey
from carbonport.crypto.notes import TYPE_COSIGNATURE, NoteSigner
from carbonport.crypto.receipt import Receipt


def check(data: bytes, **options: object) -> Report:
    return verify_bundle(data, **{"now": w.NOW, **options})  # type: ignore[arg-type]


def lists(
    european: TrustList | None = None,
    chinese: TrustList | None = None,
    *,
    eu_key: SigningKey | None = None,
    cn_key: SigningKey | None = None,
) -> tuple[str, str]:
    k = w.keys()
    return (
        issue_trust_list(w.european_list() if european is None else european, eu_key or k.eu_list),
        issue_trust_list(w.chinese_list() if chinese is None else chinese, cn_key or k.cn_list),
    )


def expect_failed(report: Report, check_id: str, error: str = "") -> None:
    assert [item.id for item in report.checks] == list(CHECK_IDS)
    assert not report.ok
    failed = report.check(check_id)
    assert not failed.ok, report.as_json()
    if error:
        assert failed.error == error, failed
    assert "could not read" not in failed.found


def test_a_sound_bundle_passes_every_check() -> None:
    report = check(w.world().data, importer=w.IMPORTER, consignment="LOT-2027-001")
    assert report.failed() == ()
    assert [item.id for item in report.checks] == list(CHECK_IDS)
    assert report.ok
    good = w.calculation().goods[0]
    assert good.attested("see_direct") in report.check("attested-values").found
    assert "pinned in the bundle" in report.check("trust-anchor").found
    assert w.keys().eu_list.kid in report.check("trust-anchor").found
    assert str(w.NOW - 20 * w.DAY) in report.check("verifier-accredited").found


def test_anchors_of_the_readers_own_take_the_place_of_the_bundles() -> None:
    for jurisdiction, key in [("EU", w.keys().eu_list), ("CN", w.keys().cn_list)]:
        report = check(w.world().data, anchors={jurisdiction: [key.public_jwk]})
        assert report.failed() == ()
        assert "given by the reader" in report.check("trust-anchor").found
    for anchors in [
        {"EU": [w.keys().stranger.public_jwk]},
        {"IN": [w.keys().eu_list.public_jwk]},
        {},
        {"EU": []},
    ]:
        expect_failed(check(w.world().data, anchors=anchors), "trust-anchor")


def test_everything_that_rests_on_a_failed_check_fails_with_it() -> None:
    report = check(b"{}")
    assert report.failed() == CHECK_IDS
    assert report.check("attested-values").found.startswith("not checked")
    report = check(w.world().data, now=w.NOW + 40 * w.DAY)
    assert set(CHECK_IDS) - set(report.failed()) == {"bundle-form"}


DATA = w.world().data


@settings(max_examples=60)
@given(position=st.integers(0, len(DATA) - 1), value=st.integers(0, 255))
@example(position=0, value=0)
@example(position=len(DATA) - 1, value=10)
def test_any_changed_byte_fails(position: int, value: int) -> None:
    if DATA[position] == value:
        value ^= 1
    changed = DATA[:position] + bytes([value]) + DATA[position + 1 :]
    assert not check(changed).ok


@settings(max_examples=20)
@given(cut=st.integers(0, len(DATA) - 1), tail=st.binary(max_size=3))
def test_any_truncated_or_extended_file_fails(cut: int, tail: bytes) -> None:
    assert not check(DATA[:cut]).ok
    if tail:
        assert not check(DATA + tail).ok


def leaves_of(value: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves_of(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for index, item in enumerate(value) for leaf in leaves_of(item, (*path, index))]
    return [path]


def changed_at(path: tuple[str | int, ...], change: Callable[[Json], Json]) -> bytes:
    """The bundle with one value changed, still in canonical form."""
    value = json.loads(DATA)
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = change(holder[path[-1]])
    return canonical_bytes(value)


@pytest.mark.parametrize("path", leaves_of(json.loads(DATA)), ids=lambda path: ".".join(map(str, path)))
def test_every_section_is_held(path: tuple[str | int, ...]) -> None:
    """A change in any section that keeps the form: the last and the middle character, an increment, a wrong
    type.
    """

    def nudged(value: Json) -> Json:
        return value + 1 if isinstance(value, int) else _other(str(value), len(str(value)) // 2)

    def last(value: Json) -> Json:
        return value - 1 if isinstance(value, int) else _other(str(value), len(str(value)) - 1)

    wrong: list[Json] = [None, [], {"a": 1}, "", 7]
    changes: list[Callable[[Json], Json]] = [nudged, last, *(partial(_constant, value) for value in wrong)]
    for data in {changed_at(path, change) for change in changes} - {DATA}:
        report = check(data)
        assert not report.ok
        assert not report.check("bundle-form").ok or not report.check("bundle-seal").ok


def _constant(value: Json, _: Json) -> Json:
    return value


def _other(text: str, position: int) -> str:
    return text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]


def test_another_importers_bundle_and_consignment_fail() -> None:
    expect_failed(check(w.world().data, importer=w.OTHER_IMPORTER), "bundle-seal", "bundle-mismatch")
    expect_failed(check(w.world().data, importer=w.OTHER_IMPORTER), "importer-binding", "bundle-mismatch")
    expect_failed(check(w.world().data, consignment="LOT-2027-002"), "consignment-binding", "bundle-mismatch")


def test_a_consignment_of_another_importer_cannot_be_sealed_as_ones_own() -> None:
    """The other importer took the presentation and sealed a bundle of its own around it."""
    stolen = w.world().resealed(w.keys().other_importer, importer=w.OTHER_IMPORTER)
    report = check(stolen)
    assert report.check("bundle-seal").ok
    expect_failed(report, "importer-binding", "bundle-mismatch")


def test_a_receipt_for_another_recipient_fails() -> None:
    world = w.build_world(recipient=w.OTHER_IMPORTER)
    expect_failed(check(world.data), "exporter-receipt", "receipt-field")


def test_a_bundle_resealed_by_an_attacker_fails() -> None:
    attacker = w.keys().stranger
    expect_failed(check(w.world().resealed(attacker)), "bundle-seal", "key-unknown")


def test_a_whole_forged_world_falls_to_anchors_from_outside() -> None:
    """The attacker makes lists, verifier and exporter of its own: only an anchor from elsewhere can tell."""
    attacker = w.keys().stranger
    recognised = {"CN": (attacker.public_jwk,)}
    forged = w.build_world(
        lists=lists(w.european_list(recognised=recognised), eu_key=attacker, cn_key=attacker)
    )
    data = forged.resealed(anchors={"EU": (attacker.public_jwk,)})
    report = check(data)
    assert report.ok
    assert attacker.kid in report.check("trust-anchor").found
    assert w.keys().eu_list.kid not in report.check("trust-anchor").found
    report = check(data, anchors={"EU": [w.keys().eu_list.public_jwk]})
    expect_failed(report, "trust-anchor", "trust-list-signer")
    assert set(report.failed()) == set(CHECK_IDS) - {"bundle-form"}


def test_another_issuer_fails() -> None:
    k = w.keys()
    expect_failed(check(w.build_world(key=k.stranger).data), "attestation-signature", "bundle-unknown-key")
    # A listed participant signs in the exporter's name, with its own key.
    expect_failed(check(w.build_world(key=k.importer).data), "attestation-signature", "bundle-mismatch")
    # An importer's key under the importer's name: listed, but no exporter.
    report = check(w.build_world(key=k.importer, issuer=w.OTHER_IMPORTER).data)
    assert not report.ok
    # A verifier's key is no node seal.
    expect_failed(check(w.build_world(key=k.verifier).data), "attestation-signature", "bundle-unknown-key")


def with_chinese_list(content: TrustList) -> bytes:
    return w.build_world(lists=lists(chinese=content)).data


def test_an_accreditation_that_ended_before_signing_fails_and_one_that_ended_after_holds() -> None:
    signed_at = w.NOW - 20 * w.DAY
    ended = w.chinese_list(accreditation=w.accreditation(valid_until=signed_at))
    expect_failed(check(with_chinese_list(ended)), "verifier-accredited", "accreditation-not-valid-then")
    later = w.chinese_list(accreditation=w.accreditation(valid_until=signed_at + 1))
    assert check(with_chinese_list(later)).ok


def test_the_signing_time_is_the_witnessed_one_and_never_iat() -> None:
    """The statement says it was signed 20 days ago; its log entry was cosigned 2 days ago, after the end."""
    ended = w.chinese_list(accreditation=w.accreditation(valid_until=w.NOW - 10 * w.DAY))
    world = w.build_world(lists=lists(chinese=ended), signed_at=w.NOW - 2 * w.DAY)
    expect_failed(check(world.data), "verifier-accredited", "accreditation-not-valid-then")


def test_a_suspended_verifier_fails_and_a_suspension_outside_the_signing_time_does_not() -> None:
    signed_at = w.NOW - 20 * w.DAY
    held = w.accreditation(suspensions=(Suspension(signed_at - w.DAY, signed_at + 1),))
    data = with_chinese_list(w.chinese_list(accreditation=held))
    expect_failed(check(data), "verifier-accredited", "accreditation-suspended-then")
    held = w.accreditation(suspensions=(Suspension(signed_at - w.DAY, signed_at), Suspension(signed_at + 1)))
    assert check(with_chinese_list(w.chinese_list(accreditation=held))).ok


def test_a_verifier_accredited_for_other_goods_or_under_another_certificate_fails() -> None:
    other = w.chinese_list(accreditation=w.accreditation(activity_groups=("Cement",)))
    expect_failed(check(with_chinese_list(other)), "verifier-accredited", "accreditation-scope")
    other = w.chinese_list(accreditation=w.accreditation(certificate="CNAS V9999"))
    expect_failed(check(with_chinese_list(other)), "verifier-accredited", "bundle-mismatch")


def test_an_expired_or_older_trust_list_fails() -> None:
    expired = w.chinese_list(issued_at=w.NOW - 40 * w.DAY, next_update=w.NOW)
    expect_failed(check(with_chinese_list(expired)), "trust-lists", "trust-list-expired")
    for seen, ok in [
        (SeenList(8, "00" * 32), False),
        (SeenList(7, "00" * 32), False),
        (SeenList(6, "00" * 32), True),
    ]:
        assert check(w.world().data, seen={"CN": seen}).check("trust-lists").ok is ok
    expect_failed(
        check(w.world().data, seen={"CN": SeenList(8, "00" * 32)}), "trust-lists", "bundle-older-list"
    )
    missing = w.world().resealed(trust_lists=w.world().bundle.trust_lists[:1])
    assert not check(missing).ok
    twice = w.world().resealed(trust_lists=w.world().bundle.trust_lists * 2)
    assert check(twice).ok


def test_keys_that_were_not_valid_at_the_time_fail() -> None:
    k = w.keys()
    exporter, verifier = w.chinese_list().participants
    old = replace(exporter, keys=(w.listed(k.exporter, "seal", valid_until=w.NOW - w.DAY), exporter.keys[1]))
    expect_failed(
        check(with_chinese_list(w.chinese_list(participants=(old, verifier)))),
        "issuer-key",
        "key-not-valid-then",
    )
    retired = w.listed(k.verifier, "verifier-seal", status="retired", valid_until=w.NOW - 21 * w.DAY)
    old = replace(verifier, keys=(retired, verifier.keys[1]))
    expect_failed(
        check(with_chinese_list(w.chinese_list(participants=(exporter, old)))),
        "verifier-accredited",
        "key-not-valid-then",
    )


def with_status(part: str, token: str) -> bytes:
    if part == "attestation_status":
        return w.world().resealed(attestation_status=token)
    return w.world().resealed(statement_status=token)


def test_revoked_and_stale_statuses_fail() -> None:
    k = w.keys()
    for part, check_id, key, uri, issuer, index in [
        ("attestation_status", "attestation-status", k.exporter, w.STATUS_URI, w.EXPORTER, 9),
        ("statement_status", "statement-status", k.verifier, w.STATEMENT_STATUS_URI, w.VERIFIER, 5),
    ]:
        revoked = with_status(part, w.status(key, uri, issuer, revoked=[index]))
        expect_failed(check(revoked), check_id, "status-revoked")
        other = with_status(part, w.status(key, uri, issuer, revoked=[index - 1, index + 1]))
        assert check(other).ok
        stale = with_status(part, w.status(key, uri, issuer, issued_at=w.NOW - 8 * w.DAY))
        expect_failed(check(stale), check_id)
        assert check(stale, allowed_staleness=9 * w.DAY).ok
        assert not check(w.world().data, allowed_staleness=3599).check(check_id).ok
        foreign = with_status(part, w.status(key, "https://elsewhere.example/1", issuer))
        expect_failed(check(foreign), check_id)
        forged = with_status(part, w.status(k.stranger, uri, issuer))
        expect_failed(check(forged), check_id, "bundle-unknown-key")
        future = with_status(part, w.status(key, uri, issuer, issued_at=w.NOW + w.DAY))
        expect_failed(check(future), check_id)
    swapped = w.world().resealed(
        attestation_status=w.world().bundle.statement_status,
        statement_status=w.world().bundle.attestation_status,
    )
    expect_failed(check(swapped), "attestation-status")


def rebuilt(change: Callable[[Presentation], Presentation]) -> bytes:
    """A bundle whose presentation the *exporter* changed before it was logged: receipt and seal are sound."""
    return w.build_world(presentation=lambda data: change(Presentation.decode(data)).encode()).data


def test_a_swapped_statement_fails() -> None:
    other = w.signed_statement(w.draft(nonce=bytes(32)))
    report = check(rebuilt(lambda part: replace(part, statement=other.token)))
    assert report.check("exporter-receipt").ok
    expect_failed(report, "statement-signature", "statement-swapped")


def resigned(**changes: object) -> SignedStatement:
    """What the verifier would have signed if its bench were asked nothing: for checks of the reader's
    side.
    """
    statement = replace(w.world().statement.statement, **changes)  # type: ignore[arg-type]
    token = sign_statement(statement, w.keys().verifier)
    return SignedStatement(token, statement_digest(token), statement)


def test_a_statement_for_another_period_good_exporter_or_opinion_fails() -> None:
    statement = w.world().statement.statement
    cases: list[tuple[dict[str, object], str]] = [
        ({"period": "2025-01-01/2025-12-31"}, "statement-scope"),
        ({"exporter": w.IMPORTER}, "statement-scope"),
        ({"goods": tuple(good for good in statement.goods if good.cn != "72083900")}, "statement-scope"),
        ({"issuer": w.IMPORTER}, "statement-signature"),
        ({"opinion": "not-satisfactory"}, "statement-opinion"),
        ({"materiality": Materiality("5", "7.0", "material")}, "statement-opinion"),
        ({"root": bytes(32)}, "result-proof"),
        ({"leaf_count": 2}, "result-proof"),
        ({"opinion": "satisfactory-with-comments"}, "statement-opinion"),
    ]
    for changes, check_id in cases:
        evidence = w.opened_evidence(w.world().openings)
        report = check(w.build_world(statement=resigned(**changes), evidence=evidence).data)
        expect_failed(report, check_id)


def test_a_verifier_that_verifies_itself_fails() -> None:
    report = check(w.build_world(statement=resigned(exporter=w.VERIFIER)).data)
    expect_failed(report, "verifier-accredited", "verifier-not-independent")


def test_a_statement_without_its_own_receipt_fails() -> None:
    other = w.presentation_seal(
        w.signed_statement(w.draft(nonce=bytes(32))), w.opened_evidence(w.world().openings)
    )
    report = check(rebuilt(lambda part: replace(part, statement_receipt=other.statement_receipt)))
    expect_failed(report, "statement-receipt", "receipt-payload")
    assert not report.check("verifier-accredited").ok
    crossing = w.world().bundle.receipt
    report = check(rebuilt(lambda part: replace(part, statement_receipt=Receipt.decode(crossing))))
    assert not report.check("statement-receipt").ok


def test_a_value_one_unit_off_in_the_fifth_decimal_fails() -> None:
    good = w.calculation().goods[0]
    for name in ("see_direct", "default_share"):
        attested = good.attested(name)
        digits = str(int(attested.replace(".", "")) + 1).rjust(6, "0")
        report = check(w.build_world(claims=w.gate_claims(**{name: f"{digits[:-5]}.{digits[-5:]}"})).data)
        expect_failed(report, "result-proof", "range-proof")
    for text in (
        attested + "0",
        attested[:-1],
        "0" + attested,
        "-" + attested,
        "1e5",
        "1",
        "",
        "0x1.00000",
        "NaN",
    ):
        report = check(w.build_world(claims=w.gate_claims(see_direct=text)).data)
        assert not report.check("result-proof").ok


def openings_of(part: Presentation) -> OpeningEvidence:
    """The evidence of a world whose graph cannot be proved."""
    assert isinstance(part.evidence, OpeningEvidence)
    return part.evidence


def opened_world(change: Callable[[Presentation], Presentation] = lambda part: part) -> bytes:
    """The bundle with openings, after a change of the presentation that crossed."""
    return w.build_world(
        evidence=w.opened_evidence(w.world().openings),
        presentation=lambda data: change(Presentation.decode(data)).encode(),
    ).data


def test_openings_hold_and_are_called_so() -> None:
    found = check(opened_world()).check("result-proof")
    assert found.ok
    assert found.found.startswith("not proved but opened")
    assert "proof-node-kind" in found.found
    proved = check(w.world().data).check("result-proof").found
    assert proved.startswith("proved: default_share, see_direct follow from")
    assert "sealed" in proved


def test_openings_swapped_between_results_or_goods_fail() -> None:
    def swap_labels(part: Presentation) -> Presentation:
        first, second = openings_of(part).opened
        swapped = (replace(first, label=second.label), replace(second, label=first.label))
        return replace(part, evidence=replace(openings_of(part), opened=swapped))

    expect_failed(check(opened_world(swap_labels)), "result-proof", "evidence-value")

    def swap_places(part: Presentation) -> Presentation:
        first, second = openings_of(part).opened
        swapped = (
            replace(first, index=second.index, path=second.path),
            replace(second, index=first.index, path=first.path),
        )
        return replace(part, evidence=replace(openings_of(part), opened=swapped))

    expect_failed(check(opened_world(swap_places)), "result-proof", "evidence-value")

    def drop(part: Presentation) -> Presentation:
        return replace(part, evidence=replace(openings_of(part), opened=openings_of(part).opened[:1]))

    expect_failed(check(opened_world(drop)), "result-proof", "evidence-missing")

    def double(part: Presentation) -> Presentation:
        opened = openings_of(part).opened
        return replace(part, evidence=replace(openings_of(part), opened=(*opened, opened[0])))

    expect_failed(check(opened_world(double)), "result-proof", "evidence-missing")
    other_good = w.gate_claims(cn=w.calculation().goods[1].cn)
    assert check(w.build_world(claims=other_good).data).ok  # one process: same activity level, same results
    for evidence in (
        w.opened_evidence(w.world().openings),
        Presentation.decode(w.world().bundle.presentation).evidence,
    ):
        report = check(w.build_world(claims=other_good, evidence=evidence).data)
        assert not report.check("result-proof").ok


def test_reordered_or_exchanged_leaves_fail() -> None:
    """The exporter opens leaves of a tree in another order than the signed one."""
    reordered = tuple(reversed(w.world().openings))
    other_version = tuple(item.opening for item in w.draft(nonce=bytes(32)).leaves)
    for openings in (reordered, other_version):
        report = check(w.build_world(evidence=w.opened_evidence(openings)).data)
        expect_failed(report, "result-proof", "evidence-value")


def test_an_attestation_without_the_direct_emissions_fails() -> None:
    claims = w.gate_claims()
    items = {name: value for name, value in dict(claims["items"]).items() if name != "see_direct"}  # type: ignore[arg-type]
    report = check(w.build_world(claims={**claims, "items": items}).data)
    expect_failed(report, "attested-values", "attestation-no-result")


def test_other_bytes_than_were_logged_fail() -> None:
    other = w.build_world(claims=w.gate_claims(consignment="LOT-2027-002"))
    mixed = w.world().resealed(presentation=other.bundle.presentation)
    expect_failed(check(mixed), "exporter-receipt", "receipt-payload")
    assert check(mixed).check("bundle-seal").ok


def test_a_provisional_receipt_fails_as_such() -> None:
    report = check(w.build_world(witnesses=[]).data)
    assert report.check("exporter-receipt").ok
    expect_failed(report, "exporter-receipt-witnessed", "receipt-provisional")
    assert not report.check("issuer-key").ok


def test_a_cosigner_that_no_list_names_counts_for_nothing_and_may_not_stay() -> None:
    unlisted = [w.keys().unlisted_witness]
    expect_failed(
        check(w.build_world(witnesses=unlisted).data), "exporter-receipt-witnessed", "receipt-provisional"
    )
    both = [w.keys().witness, *unlisted]
    assert check(w.build_world(witnesses=both).data).ok
    kept = w.build_world(witnesses=both, known_lines_only=False).data
    expect_failed(check(kept), "exporter-receipt", "bundle-unknown-cosignature")


def test_both_jurisdictions_ask_for_their_own_witnesses() -> None:
    second = NoteSigner.generate("second.example/witness", TYPE_COSIGNATURE)
    regulator = w.european_list().participants[2]
    other = replace(
        regulator,
        id="CN/529900REGULATOR0020",
        node=None,
        keys=(w.listed_note(second, "witness"),),
    )
    chinese = w.chinese_list(
        participants=(*w.chinese_list().participants, other), witness_rule=WitnessRule(1, (other.id,))
    )
    expect_failed(
        check(w.build_world(lists=lists(chinese=chinese)).data),
        "exporter-receipt-witnessed",
        "receipt-provisional",
    )
    demanding = w.european_list(
        participants=(*w.european_list().participants,), witness_rule=WitnessRule(2, (w.REGULATOR, other.id))
    )
    expect_failed(
        check(w.build_world(lists=lists(demanding, chinese)).data),
        "exporter-receipt-witnessed",
        "receipt-provisional",
    )


def test_a_logs_operator_is_no_witness_of_its_own() -> None:
    chinese = w.chinese_list(witness_rule=WitnessRule(1, (w.EXPORTER,)))
    report = check(w.build_world(lists=lists(chinese=chinese)).data)
    expect_failed(report, "exporter-receipt-witnessed", "witness-rule-unmeetable")


def test_without_a_quorum_the_receivers_own_log_gives_the_time() -> None:
    none = WitnessRule(0, ())
    free = lists(w.european_list(witness_rule=none), w.chinese_list(witness_rule=none))
    report = check(w.build_world(lists=free, witnesses=[]).data)
    assert report.ok
    assert "the importer's own log" in report.check("exporter-receipt-witnessed").found
    # Key and accreditation must be valid then, not when the signer says it signed.
    ended = w.chinese_list(witness_rule=none, accreditation=w.accreditation(valid_until=w.NOW - 5 * w.DAY))
    late = lists(w.european_list(witness_rule=none), ended)
    expect_failed(
        check(w.build_world(lists=late, witnesses=[]).data),
        "verifier-accredited",
        "accreditation-not-valid-then",
    )


hostile = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(data=st.binary(max_size=200) | hostile.map(lambda value: json.dumps(value).encode()))
def test_hostile_files_never_crash_the_check(data: bytes) -> None:
    report = check(data)
    assert report.failed() == CHECK_IDS


@settings(max_examples=60)
@given(path=st.sampled_from(leaves_of(json.loads(DATA))), value=hostile)
def test_hostile_values_inside_never_crash_the_check(path: tuple[str | int, ...], value: Json) -> None:
    report = check(changed_at(path, lambda _: value))
    assert not any("could not read" in item.found for item in report.checks)


@pytest.mark.parametrize("section", ["presentation", "receipt"])
@settings(max_examples=40)
@given(data=st.data())
def test_hostile_inner_documents_never_crash_the_check(section: str, data: st.DataObject) -> None:
    inner = json.loads(json.loads(DATA)[section])
    path = data.draw(st.sampled_from(leaves_of(inner)))
    holder = inner
    for step in path[:-1]:
        holder = holder[step]
    original, holder[path[-1]] = holder[path[-1]], data.draw(hostile)
    report = check(changed_at((section,), lambda _: canonical_bytes(inner).decode()))
    assert not report.ok or holder[path[-1]] == original
    assert not any("could not read" in item.found for item in report.checks)
