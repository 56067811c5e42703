"""Sales of a lot: what an importer accepts, what a seller refuses, give-backs, corrections, restores."""

from dataclasses import replace

import pytest
from lots_world import (
    IMPORTER,
    NODE_KEYS,
    SECRET,
    TIME,
    Seller,
    check,
    checkpoint_note,
    lot_of,
    participant,
    terms_of,
)

from carbonport.attestation.lots.consignment_check import LotView, SeenConsignment, check_sale, seen
from carbonport.attestation.lots.consignment_key import new_consignment_key, sign_give_back
from carbonport.attestation.lots.later_checkpoint import confirm, read_seen, seen_to_json
from carbonport.attestation.lots.lot_identity import Lot
from carbonport.attestation.lots.lot_periods import require_no_overlap
from carbonport.attestation.lots.lot_presentation import read_lot_presentation
from carbonport.attestation.lots.lot_terms import LotTerms, read_lot_terms, width_of
from carbonport.attestation.lots.restored_lot import restore_lot, with_opening
from carbonport.attestation.lots.seller import ConsignmentRequest, correct, give_back, prove_remainder, sell
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.crypto.checkpoint import Checkpoint
from carbonport.errors import FailedVerification, Malformed, Misuse, Refused


def test_importers_accept_their_consignments_up_to_the_last_tonne() -> None:
    seller = Seller(tonnes=100)
    first, second = seller.sell(60), seller.sell(40)
    for k in (first, second):
        assert check(seller.present(k), seller.version.stated, seller.bought[k].own) == TIME


def test_a_presentation_survives_its_file_form() -> None:
    seller = Seller()
    k = seller.sell(60)
    written = canonical_bytes(seller.present(k).to_json())
    read = read_lot_presentation(parse_canonical(written, max_bytes=1 << 20))
    assert canonical_bytes(read.to_json()) == written
    check(read, seller.version.stated, seller.bought[k].own)


def test_consignments_may_have_more_decimals_than_the_production() -> None:
    seller = Seller(tonnes=100, decimals=3)
    k = seller.sell(seller.terms.quantity("99.999"))
    check(seller.present(k), seller.version.stated, seller.bought[k].own)
    seller.sell(1)
    with pytest.raises(Refused, match="lot-sold-out"):
        seller.sell(1)


def test_the_last_tonnes_are_sold_once() -> None:
    seller = Seller(tonnes=100)
    seller.sell(60)
    state = seller.state
    _, key = new_consignment_key()
    for name in ("one", "two"):  # prepared from the same state: the store writes one, the other begins again
        step = sell(state, ConsignmentRequest(IMPORTER, name, 40, key), nonce_secret=SECRET)
        assert step.position == 2
    with pytest.raises(Refused, match="lot-sold-out"):
        sell(
            step.state,
            ConsignmentRequest(IMPORTER, "three", 40, new_consignment_key()[1]),
            nonce_secret=SECRET,
        )


def test_requests_that_cannot_be_meant_are_refused() -> None:
    seller = Seller()
    with pytest.raises(Misuse, match="lot-request"):
        seller.sell(-1)
    for text in ("1.5", "-1", "1e3", "01", "256", ""):
        with pytest.raises(Misuse, match="lot-quantity"):
            seller.terms.quantity(text)
    assert seller.terms.quantity("255") == 255


def test_an_entry_of_quantity_zero_can_stand_between_others() -> None:
    seller = Seller(tonnes=100)
    seller.sell(0)
    k = seller.sell(100)
    check(seller.present(k), seller.version.stated, seller.bought[k].own)


def test_a_returned_consignment_is_cancelled_and_can_be_sold_again() -> None:
    seller = Seller(tonnes=100)
    first = seller.sell(100)
    kept = seen(_view(seller, first), first)
    seller.give_back(first)
    second = seller.sell(100)
    stated = seller.version.stated
    check(seller.present(second), stated, seller.bought[second].own)
    with pytest.raises(FailedVerification, match="lot-cancelled"):
        check(seller.present(first), stated, seller.bought[first].own)
    with pytest.raises(FailedVerification, match="lot-cancelled"):
        _confirm(seller, kept)


def test_a_give_back_waits_for_the_revocation_and_happens_once() -> None:
    seller = Seller()
    k = seller.sell(10)
    signature = sign_give_back(seller.bought[k].private, seller.lot.id, k)
    with pytest.raises(Refused, match="lot-give-back-unrevoked"):
        give_back(seller.state, k, signature, attestation_revoked=False)
    seller.give_back(k)
    with pytest.raises(FailedVerification, match="lot-history"):
        seller.give_back(k)


def test_a_sale_is_provisional_until_a_cosigned_checkpoint_continues_it() -> None:
    seller = Seller()
    k = seller.sell(10)
    presentation, stated, own = seller.present(k, cosigners=1), seller.version.stated, seller.bought[k].own
    with pytest.raises(FailedVerification, match="lot-provisional"):
        check(presentation, stated, own)
    kept = seen(check_sale(presentation, stated, own, node_keys=NODE_KEYS), k)
    document = StrictFields(seen_to_json(kept), "kept")
    assert read_seen(document) == kept
    seller.sell(20)
    with pytest.raises(FailedVerification, match="lot-provisional"):
        _confirm(seller, kept, cosigners=0)
    assert _confirm(seller, kept) == TIME


def test_without_witnesses_a_lot_is_unwitnessed() -> None:
    seller = Seller(witnesses=0)
    k = seller.sell(10)
    with pytest.raises(FailedVerification, match="lot-unwitnessed"):
        check(seller.present(k), seller.version.stated, seller.bought[k].own)


def test_one_of_one_witness_is_enough() -> None:
    seller = Seller(witnesses=1)
    k = seller.sell(10)
    assert check(seller.present(k), seller.version.stated, seller.bought[k].own) == TIME


def test_a_correction_supersedes_and_the_same_entry_is_attested_again() -> None:
    seller = Seller(tonnes=100)
    k = seller.sell(60)
    before, own = seller.version, seller.bought[k].own
    old = seller.present(k)
    seller.correct(70)
    late = replace(old, note=seller.note(), entries=seller.state.history.encoded)
    with pytest.raises(FailedVerification, match="lot-superseded"):
        check(late, before.stated, own)
    again = seller.present(k, position=seller.state.history.last)
    assert again.proofs == old.proofs
    check(again, seller.version.stated, own)
    with pytest.raises(Refused, match="lot-sold-out"):
        seller.sell(11)


def test_a_correction_below_what_is_sold_closes_the_lot_until_enough_came_back() -> None:
    seller = Seller(tonnes=100)
    small, large = seller.sell(30), seller.sell(60)
    seller.correct(50)
    assert seller.state.closed
    with pytest.raises(Refused, match="lot-closed"):
        seller.sell(0)
    with pytest.raises(Refused, match="lot-closed"):
        prove_remainder(seller.state, nonce_secret=SECRET)
    with pytest.raises(Misuse, match="lot-presentation"):
        seller.present(small)
    seller.give_back(large)
    assert seller.state.remainder.value == 20
    seller.state = prove_remainder(seller.state, nonce_secret=SECRET)
    check(seller.present(small, position=4), seller.version.stated, seller.bought[small].own)
    with pytest.raises(Refused, match="lot-sold-out"):
        seller.sell(21)


def test_a_correction_leaves_units_and_width_alone() -> None:
    seller = Seller()
    other = Seller(decimals=1)
    in_force = seller.version.stated
    for newer in (
        replace(other.version.stated, version=2, supersedes=in_force.digest),
        replace(in_force, version=2, supersedes=other.version.stated.digest),
    ):
        with pytest.raises(Refused, match="lot-correction-terms"):
            correct(seller.state, newer, seller.version.level, nonce_secret=SECRET)


def test_a_restored_lot_sells_nothing_until_every_opening_is_back() -> None:
    seller = Seller(tonnes=100)
    first, second = seller.sell(60), seller.sell(30)
    truth = seller.state
    witnessed = Checkpoint(seller.terms.origin, truth.history.size, truth.history.root)
    state = restore_lot(
        truth.stated,
        truth.level,
        witnessed=witnessed,
        encoded=truth.history.encoded,
        openings={first: truth.openings[first]},
        proofs=truth.proofs,
    )
    request = ConsignmentRequest(IMPORTER, "new", 10, new_consignment_key()[1])
    assert state.missing == (second,)
    with pytest.raises(Refused, match="lot-openings-missing"):
        sell(state, request, nonce_secret=SECRET)
    with pytest.raises(FailedVerification, match="commitment-opening"):
        with_opening(state, second, truth.openings[first], truth.proofs[second])
    with pytest.raises(FailedVerification, match="lot-proof-digest"):
        with_opening(state, second, truth.openings[second], truth.proofs[first])
    whole = with_opening(state, second, truth.openings[second], truth.proofs[second])
    sell(whole, request, nonce_secret=SECRET)
    with pytest.raises(FailedVerification, match="lot-restore"):
        restore_lot(
            truth.stated,
            truth.level,
            witnessed=witnessed,
            encoded=truth.history.encoded[:-1],
            openings={},
            proofs={},
        )


def test_nothing_secret_shows_in_the_text_form() -> None:
    seller = Seller()
    k = seller.sell(77)
    opening = seller.state.openings[k]
    shown = f"{seller.state!r} {opening!r} {seller.present(k)!r} {seller.bought[k].own!r}"
    assert "quantity" not in shown
    assert str(opening.blinding) not in shown
    assert opening.salt.hex() not in shown
    assert repr(opening.salt) not in shown


@pytest.mark.parametrize(
    ("witnesses", "quorum", "dishonest"),
    [
        (0, 1, 0),
        (1, 0, 0),
        (2, 1, 0),
        (2, 1, 1),
        (2, 2, 0),
        (3, 2, 1),
        (3, 3, 3),
        (2, 0, 0),
        (1, 1, 1),
        (3, 4, 1),
    ],
)
def test_a_quorum_that_two_versions_could_both_have_is_no_quorum(
    witnesses: int, quorum: int, dishonest: int
) -> None:
    names = tuple(f"EU/529900WITNESS00000{n}" for n in range(witnesses))
    with pytest.raises(Malformed, match="lot-quorum-rule"):
        replace(terms_of(lot_of(), level_bits=8), witnesses=names, quorum=quorum, dishonest=dishonest)


@pytest.mark.parametrize(("witnesses", "quorum", "dishonest"), [(2, 2, 1), (3, 3, 1), (4, 3, 1), (5, 4, 2)])
def test_terms_are_read_as_they_are_written(witnesses: int, quorum: int, dishonest: int) -> None:
    names = tuple(f"EU/529900WITNESS00000{n}" for n in range(witnesses))
    terms: LotTerms = replace(
        terms_of(lot_of(), level_bits=48, decimals=3), witnesses=names, quorum=quorum, dishonest=dishonest
    )
    fields = StrictFields(terms.to_json(), "lot")
    assert read_lot_terms(fields) == terms
    fields.finish()


def test_an_exporter_is_no_witness_of_its_own_lot() -> None:
    stated = Seller().version.stated
    with pytest.raises(Malformed, match="lot-terms"):
        replace(stated, exporter=stated.terms.witnesses[0])


def test_the_width_holds_every_quantity_of_the_scaled_production() -> None:
    assert width_of(48, 3, 3) == 48
    assert width_of(8, 0, 3) == 18
    with pytest.raises(Malformed, match="lot-terms"):
        width_of(8, 3, 2)


def test_a_verifier_signs_no_overlapping_periods() -> None:
    year = lot_of("2026-01-01/2026-12-31")
    require_no_overlap(
        [year],
        [year, lot_of("2027-01-01/2027-12-31"), Lot.of("Other", "blast-furnace", "2026-03-01/2026-04-01")],
    )
    for period in ("2026-12-31/2027-12-31", "2026-02-01/2026-03-01", "2025-12-01/2026-01-01"):
        with pytest.raises(Refused, match="lot-period-overlap"):
            require_no_overlap([lot_of(period)], [year])
    with pytest.raises(Malformed, match="lot-period"):
        lot_of("2026")


def _view(seller: Seller, k: int) -> LotView:
    return check_sale(seller.present(k), seller.version.stated, seller.bought[k].own, node_keys=NODE_KEYS)


def _confirm(seller: Seller, kept: SeenConsignment, cosigners: int = 2) -> int:
    return confirm(
        kept,
        checkpoint_note(seller.state, cosigners),
        seller.state.history.encoded,
        seller.version.stated,
        node_keys=NODE_KEYS,
        participant=participant,
    )
