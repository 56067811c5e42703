"""The verifier's bench: it recomputes everything, lists what does not agree, and refuses to sign then."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
import world as w
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.attestation.bench import EarlierStatement, Examination, examine
from carbonport.attestation.commitments import LeafOpening
from carbonport.attestation.good_graphs import good_graphs
from carbonport.attestation.signed_figures import signed_figures
from carbonport.attestation.statement import statement_kid, verify_statement
from carbonport.attestation.statement_draft import (
    DraftLeaf,
    StatementDraft,
    claimed_leaves,
    open_draft,
    seal_draft,
)
from carbonport.crypto.pedersen import Opening, commit
from carbonport.errors import CarbonportError, Malformed, Refused
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.intake.operator_report import ReportedFigure
from carbonport.footprint.ledger import Ledger


def deviations(draft: StatementDraft, ledger: Ledger | None = None) -> dict[str, str]:
    found = examine(w.ledger() if ledger is None else ledger, draft).deviations
    return {item.where: item.found for item in found}


def with_leaf(index: int, change: Callable[[DraftLeaf], DraftLeaf]) -> StatementDraft:
    draft = w.draft()
    leaves = list(draft.leaves)
    leaves[index] = change(leaves[index])
    return replace(draft, leaves=tuple(leaves))


def recommitted(opening: LeafOpening) -> DraftLeaf:
    """A leaf that is consistent in itself: the exporter lies, but lies well."""
    return DraftLeaf(opening, commit(Opening(opening.value, opening.blinding)))


def named(item: DraftLeaf) -> str:
    """The leaf as the verifier knows it."""
    path = item.opening.label.path
    return w.figures().sources.get(path, path)


def test_a_sound_draft_has_no_deviation_and_is_signed() -> None:
    draft = w.sealed_and_opened(w.draft())
    examination = examine(w.ledger(), draft)
    assert examination.deviations == ()
    assert examination.materiality.outcome in ("none", "not-material")
    signed = w.signed_statement(draft)
    assert statement_kid(signed.token) == w.keys().verifier.kid
    read = verify_statement(signed.token, w.keys().verifier.public_jwk)
    assert read == signed.statement
    assert read.root == draft.root
    assert read.leaf_count == len(draft.leaves)
    assert {good.graph_digest for good in read.goods} == {
        good.open.digest.hex() for good in w.figures().goods
    }
    assert {good.sealed_digest for good in read.goods} == {
        good.sealed.digest.hex() for good in w.figures().goods if good.sealed is not None
    }


def test_every_input_and_every_declared_result_is_committed_once() -> None:
    labels = [item.opening.label for item in w.draft().leaves]
    assert labels == sorted(labels)
    inputs = {node.path for good in w.calculation().goods for node in good.graph.inputs()}
    sources = w.figures().sources
    committed = {label.path for label in labels if label.role == "input"}
    assert committed == sources.keys()
    assert {sources[path] for path in committed if not path.startswith("sealed/")} == inputs
    assert {path for path in committed if path.startswith("sealed/")} == {
        "sealed/process/steel/attributed_direct",
        "sealed/process/steel/attributed_indirect",
    }
    outputs = {label.path for label in labels if label.role == "output"}
    for good in w.calculation().goods:
        assert f"good/{good.process}/{good.cn}/see_direct" in outputs
        assert f"good/{good.process}/{good.cn}/default_share" in outputs
    by_path = {item.opening.label.path: item.opening for item in w.draft().leaves}
    good = w.calculation().goods[0]
    attested = Decimal(good.attested("see_direct"))
    assert by_path[f"good/{good.process}/{good.cn}/see_direct"].value == int(attested.scaleb(5))


def test_commitments_use_declared_values_and_fresh_blindings_per_version() -> None:
    record = w.ledger().records[w.figures().sources[w.draft().leaves[0].opening.label.path]]
    assert w.draft().leaves[0].opening.value == record.declared_integer
    first, second = w.draft(), w.draft(version=2, supersedes="ab" * 32)
    sources = w.figures(second.nonce).sources
    assert sources != w.figures().sources, "places are numbered anew"
    later = {sources.get(item.opening.label.path, ""): item for item in second.leaves}
    for before in first.leaves:
        name = w.figures().sources.get(before.opening.label.path, "")
        if not name:
            continue
        after = later[name]
        assert before.opening.value == after.opening.value
        assert before.opening.blinding != after.opening.blinding
        assert before.opening.salt != after.opening.salt
        assert before.commitment != after.commitment


@settings(max_examples=20)
@given(index=st.integers(0, len(w.draft().leaves) - 1), step=st.sampled_from([-1, 1]))
def test_a_value_one_unit_off_anywhere_is_found(index: int, step: int) -> None:
    def off_by_one(item: DraftLeaf) -> DraftLeaf:
        return recommitted(replace(item.opening, value=max(0, item.opening.value + step) or 1))

    draft = with_leaf(index, off_by_one)
    if draft.leaves[index].opening.value == w.draft().leaves[index].opening.value:
        return
    found = deviations(draft)
    assert found[named(draft.leaves[index])] == "a commitment to another value"
    assert "root of the leaves" in found


@pytest.mark.parametrize(
    "change",
    [
        {"decimals": 9},
        {"bits": 200},
        {"unit": "kg"},
        {"role": "output"},
    ],
)
def test_another_label_is_found(change: dict[str, object]) -> None:
    def relabelled(item: DraftLeaf) -> DraftLeaf:
        label = replace(item.opening.label, **change)  # type: ignore[arg-type]
        return recommitted(replace(item.opening, label=label))

    draft = with_leaf(0, relabelled)
    assert named(draft.leaves[0]) in deviations(draft)


def test_a_left_out_stream_a_stranger_and_another_order_are_found() -> None:
    draft = w.draft()
    first = named(draft.leaves[0])
    assert deviations(replace(draft, leaves=draft.leaves[1:]))[first] == "no commitment"
    extra = recommitted(
        replace(draft.leaves[0].opening, label=replace(draft.leaves[0].opening.label, path="stream/none/x"))
    )
    assert deviations(replace(draft, leaves=(*draft.leaves, extra)))["stream/none/x"] == "in the draft only"
    swapped = (draft.leaves[1], draft.leaves[0], *draft.leaves[2:])
    assert deviations(replace(draft, leaves=swapped))["leaves"] == "another order"
    doubled = (draft.leaves[0], *draft.leaves)
    assert "leaves" in deviations(replace(draft, leaves=doubled))


def test_a_commitment_that_its_opening_does_not_open_is_found() -> None:
    stranger = commit(Opening(1, 2))
    draft = with_leaf(0, lambda item: replace(item, commitment=stranger))
    assert deviations(draft)[named(draft.leaves[0])].startswith("a commitment that its opening")
    assert claimed_leaves(draft)[0].commitment == stranger


def test_another_graph_good_period_scope_or_root_is_found() -> None:
    draft = w.draft()
    good = draft.goods[0]
    where = f"good {good.process}/{good.cn}"
    forged = replace(good, graph_digest="00" * 64)
    assert f"{where} graph digest" in deviations(replace(draft, goods=(forged, *draft.goods[1:])))
    unsealed = replace(good, sealed_digest="")
    assert f"{where} sealed digest" in deviations(replace(draft, goods=(unsealed, *draft.goods[1:])))
    other = replace(good, activity_group="Cement")
    assert f"{where} activity group" in deviations(replace(draft, goods=(other, *draft.goods[1:])))
    assert where in deviations(replace(draft, goods=draft.goods[1:]))
    assert "goods" in deviations(replace(draft, goods=(good, *draft.goods)))
    assert "period" in deviations(replace(draft, period="2025-01-01/2025-12-31"))
    assert "scope" in deviations(replace(draft, scope="transitional"))
    assert "root of the leaves" in deviations(replace(draft, root=bytes(32)))


def test_the_bench_calculates_itself_from_the_ledger_it_reads() -> None:
    ledger = w.ledger()
    path = next(path for path in ledger.records if path.endswith("activity_data"))
    record = ledger.records[path]
    changed = replace(record, value=record.value + 1, source_value=record.source_value + 1)
    other = replace(ledger, records={**ledger.records, path: changed})
    found = deviations(w.draft(), other)
    assert found[path] == "a commitment to another value"


def test_deviations_and_refusals_tell_places_and_no_values() -> None:
    draft = with_leaf(0, lambda item: recommitted(replace(item.opening, value=item.opening.value + 7)))
    with pytest.raises(Refused) as caught:
        w.signed_statement(draft)
    assert caught.value.id == "bench-deviations"
    told = str(caught.value) + str(examine(w.ledger(), draft).deviations)
    value = draft.leaves[0].opening.value
    assert str(value) not in told
    assert str(value - 7) not in told
    assert str(draft.leaves[0].opening.blinding) not in repr(draft) + repr(draft.leaves[0].opening)


def test_a_material_misstatement_is_signed_only_as_such() -> None:
    good = w.calculation().goods[0]
    total = Decimal(good.attested("see_total"))

    def reported(see_total: Decimal) -> Examination:
        figure = ReportedFigure(good.process, good.cn, "see_total", see_total, "report.csv line 2")
        return examine(w.ledger(), w.draft(), report=[figure])

    examination = reported(total * 2)
    assert examination.materiality.outcome == "material"
    assert examination.materiality.largest_percent == "100.000000"
    assert examination.materiality.basis == "operator-report"
    assert reported(total * Decimal("1.049")).materiality.outcome == "not-material"
    with pytest.raises(Refused) as caught:
        w.signed_examination(examination, opinion="satisfactory-with-comments")
    assert caught.value.id == "bench-material-misstatement"
    assert str(total * 2) not in str(caught.value)
    signed = w.signed_examination(examination, opinion="not-satisfactory").statement
    assert signed.opinion == "not-satisfactory"
    assert signed.materiality == examination.materiality


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(CarbonportError) as caught:
        action()
    return caught.value.id


def test_versions_follow_one_another_and_periods_do_not_overlap() -> None:
    first = w.signed_statement()
    before = EarlierStatement(first.digest, first.statement)
    second = w.draft(version=2, supersedes=first.digest)
    signed = w.signed_statement(second, earlier=[before])
    assert signed.statement.supersedes == first.digest
    for draft in [
        w.draft(version=2, supersedes="00" * 32),
        w.draft(version=3, supersedes=first.digest),
        w.draft(version=1, nonce=bytes(32)),
    ]:
        assert refusal(lambda draft=draft: w.signed_statement(draft, earlier=[before])) == "bench-version"  # type: ignore[misc]
    assert refusal(lambda: w.signed_statement(w.draft(version=2), earlier=[])) == "bench-version"
    assert refusal(lambda: w.signed_statement(earlier=[before])) == "bench-nonce-reused"
    overlapping = replace(first.statement, period="2026-06-01/2027-05-31", nonce=bytes(32))
    elsewhere = replace(overlapping, installation="Another works")
    earlier_period = replace(overlapping, period="2025-01-01/2025-12-31")
    assert (
        refusal(lambda: w.signed_statement(earlier=[EarlierStatement("aa" * 32, overlapping)]))
        == "lot-period-overlap"
    )
    for sound in (elsewhere, earlier_period):
        w.signed_statement(earlier=[EarlierStatement("aa" * 32, sound)])


def test_the_scope_can_be_chosen_by_the_verifier() -> None:
    found = examine(w.ledger(), w.draft(), scope=Scope.TRANSITIONAL).deviations
    assert "scope" in {item.where for item in found}


def test_sealed_openings_open_for_the_addressee_only() -> None:
    pair, stranger = w.keys().verifier_hpke, w.keys().exporter
    sealed = seal_draft(w.draft(), verifier=w.VERIFIER, hpke_kid="hpke-1", hpke_public=pair.public)
    assert open_draft(sealed, verifier=w.VERIFIER, hpke_kid="hpke-1", hpke_private=pair.private) == w.draft()
    assert stranger is not None
    for verifier, kid in [(w.IMPORTER, "hpke-1"), (w.VERIFIER, "hpke-2")]:
        with pytest.raises(Malformed) as caught:
            open_draft(sealed, verifier=verifier, hpke_kid=kid, hpke_private=pair.private)
        assert caught.value.id == "openings-addressee"
    # The addressee is bound by the seal itself, not only by the label outside.
    relabelled = sealed.replace(w.VERIFIER.encode(), w.IMPORTER.encode())
    assert (
        refusal(
            lambda: open_draft(relabelled, verifier=w.IMPORTER, hpke_kid="hpke-1", hpke_private=pair.private)
        )
        == "hpke-open"
    )
    for damaged in (sealed[:-20], sealed + b" ", b"{}", b"[]", b""):
        with pytest.raises(CarbonportError):
            open_draft(damaged, verifier=w.VERIFIER, hpke_kid="hpke-1", hpke_private=pair.private)


def test_a_value_beyond_its_width_is_never_committed() -> None:
    ledger = w.ledger()
    path = w.figures().sources[w.draft().leaves[0].opening.label.path]
    record = ledger.records[path]
    wide = replace(record, value=Decimal(2**record.bits), source_value=Decimal(2**record.bits))
    other = replace(ledger, records={**ledger.records, path: wide})
    assert (
        refusal(lambda: signed_figures(other, good_graphs(w.calculation()), bytes(32))) == "commitment-width"
    )
