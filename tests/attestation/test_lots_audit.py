"""What a regulator finds in a lot, and what it is told without its being wrong."""

from dataclasses import replace

import pytest
from lots_world import NODE_KEYS, SECRET, Seller, Version, participant
from test_lots_attacks import forge, prove_forged_remainder

from carbonport.attestation.lots.lot_audit import AttestedSale, AuditedLot, LotAudit, audit_lot
from carbonport.attestation.lots.seller import prove_remainder


def audited(seller: Seller, *versions: Version, cosigners: int | None = None) -> AuditedLot:
    """What an honest node of this seller hands over; `versions` are the statement's older ones."""
    state = seller.state
    stated = [(each.stated, each.shown) for each in (*versions, seller.version)]

    def sale(k: int) -> AttestedSale:
        own = seller.bought[k].own
        in_force = state.history.statement(k).digest.hex()
        returned = k in state.history.returned
        return AttestedSale(k, own.importer, own.consignment, state.openings[k].salt, in_force, returned)

    return AuditedLot(
        statements=tuple(stated),
        note=seller.note(cosigners),
        entries=state.history.encoded,
        proofs=state.proofs,
        remainders=state.remainders,
        sales=tuple(sale(k) for k in seller.bought),
    )


def run(lot: AuditedLot) -> LotAudit:
    return audit_lot(lot, node_keys=NODE_KEYS, participant=participant)


def finds(lot: AuditedLot, check_id: str, error_id: str) -> None:
    check = run(lot).report.check(check_id)
    assert (check.ok, check.error) == (False, error_id)


def test_an_honest_lot_has_no_findings() -> None:
    seller = Seller(tonnes=100)
    first, second = seller.sell(60), seller.sell(0)
    del seller.bought[second]
    seller.give_back(first)
    before = seller.version
    third = seller.sell(100)
    seller.correct(120)
    seller.sell(20)
    found = run(audited(seller, before))
    assert found.report.ok, found.report.failed()
    assert (found.closed, found.cancelled, found.superseded, found.unclaimed) == (
        False,
        (first,),
        (third,),
        (second,),
    )


def test_a_new_lot_is_not_closed() -> None:
    found = run(audited(Seller()))
    assert (found.report.ok, found.closed) == (True, False)


def test_a_closed_lot_is_listed() -> None:
    seller = Seller(tonnes=100)
    k = seller.sell(60)
    before = seller.version
    seller.correct(50)
    found = run(audited(seller, before))
    assert found.report.ok
    assert (found.closed, found.superseded) == (True, (k,))
    seller.give_back(k)
    seller.state = prove_remainder(seller.state, nonce_secret=SECRET)
    assert not run(audited(seller, before)).closed


def test_a_negative_consignment_is_found() -> None:
    seller = Seller(tonnes=100, level_bits=10)
    forge(seller, -100)
    seller.sell(200)
    finds(audited(seller), "lot-ranges", "range-proof")


def test_an_oversold_lot_is_found() -> None:
    seller = Seller(tonnes=100)
    k = forge(seller, 101)
    finds(audited(seller), "lot-ranges", "lot-audit-remainder")
    # A correction does not hide it.
    before = seller.version
    seller.correct(200)
    finds(audited(seller, before), "lot-ranges", "lot-audit-remainder")
    seller.state = replace(seller.state, remainders={**seller.state.remainders, k: b"\x00" * 608})
    assert not run(audited(seller, before)).report.ok


def test_a_missing_proof_is_found() -> None:
    seller = Seller()
    k = seller.sell(10)
    seller.sell(10)
    lot = audited(seller)
    finds(
        replace(lot, proofs={each: proof for each, proof in lot.proofs.items() if each != k}),
        "lot-ranges",
        "lot-audit-proof",
    )


def test_a_version_that_the_log_does_not_name_is_found() -> None:
    seller = Seller(tonnes=100)
    seller.sell(10)
    lot = audited(seller)
    hidden = seller.state_production(5, 2)
    both = (*lot.statements, (hidden.stated, hidden.shown))
    finds(replace(lot, statements=both), "lot-statements", "lot-audit-statements")
    before = seller.version
    seller.correct(50)
    unchained = replace(seller.version.stated, supersedes="")
    lot = audited(seller, before)
    both = (lot.statements[0], (unchained, seller.version.shown))
    finds(replace(lot, statements=both), "lot-statements", "lot-correction-chain")
    other = Seller(decimals=1).version
    mixed = ((other.stated, other.shown), *lot.statements)
    finds(replace(lot, statements=mixed), "lot-statements", "lot-audit-terms")


def test_one_entry_for_two_importers_is_found() -> None:
    seller = Seller()
    seller.sell(10)
    lot = audited(seller)
    (sale,) = lot.sales
    other = replace(sale, importer="EU/529900IMPORTER000020")
    finds(replace(lot, sales=(sale, other)), "lot-sales", "lot-audit-shared")
    finds(replace(lot, sales=(other,)), "lot-sales", "lot-audit-recipient")
    finds(replace(lot, sales=(replace(sale, k=9),)), "lot-sales", "lot-entry-missing")


def test_a_give_back_without_revocation_is_found() -> None:
    seller = Seller()
    seller.give_back(seller.sell(10))
    lot = audited(seller)
    standing = tuple(replace(sale, revoked=False) for sale in lot.sales)
    finds(replace(lot, sales=standing), "lot-give-backs", "lot-audit-unrevoked")


@pytest.mark.parametrize(
    ("witnesses", "cosigners", "error_id"), [(2, 1, "witness-quorum"), (0, 0, "lot-unwitnessed")]
)
def test_a_lot_without_its_quorum_is_found(witnesses: int, cosigners: int, error_id: str) -> None:
    seller = Seller(witnesses=witnesses)
    seller.sell(10)
    finds(audited(seller, cosigners=cosigners), "lot-quorum", error_id)


def test_entries_that_give_another_root_end_the_audit() -> None:
    seller = Seller()
    seller.sell(10)
    found = run(replace(audited(seller), entries=seller.state.history.encoded[:1]))
    assert found.report.check("lot-log").error == "lot-root"
    assert len(found.report.failed()) == len(found.report.checks)


def test_a_remainder_proved_by_a_forger_does_not_help() -> None:
    seller = Seller(tonnes=100)
    forge(seller, 50)
    seller.state = prove_forged_remainder(seller.state)
    larger = seller.state_production(200, 1)
    lot = audited(seller)
    finds(replace(lot, statements=((seller.version.stated, larger.shown),)), "lot-ranges", "lot-level")
