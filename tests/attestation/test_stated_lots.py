"""The lots of a statement: one for each activity level in tonnes, with witnesses that make a quorum."""

from dataclasses import replace

import pytest
from world import EXPORTER, NOW, REGULATOR, draft, ledger, signed_examination

from carbonport.attestation.bench import EarlierStatement, SignedStatement, examine, sign_examined
from carbonport.attestation.lots.lot_identity import Lot
from carbonport.attestation.lots.stated_lots import LOT_DECIMALS, LotWitnessing, stated_lot, stated_lots
from carbonport.attestation.statement import (
    AccreditationReference,
    StatusReference,
    sign_statement,
    verify_statement,
)
from carbonport.classification.graded_ledger import NET_MASS_DECIMALS
from carbonport.crypto.jws import SigningKey
from carbonport.errors import Malformed, Refused

ORIGIN = "exporter.example/log"


def signed(key: SigningKey, witnessing: LotWitnessing) -> SignedStatement:
    return sign_examined(
        examine(ledger(), draft()),
        key=key,
        verifier="CN/529900VERIFIER000010",
        accreditation=AccreditationReference("CNAS", "CNAS V0123", "ISO 14065"),
        opinion="satisfactory",
        status=StatusReference("https://verifier.example/status/statements/1", 5),
        clock=lambda: NOW,
        lots=witnessing,
    )


def test_the_bench_names_a_lot_for_every_activity_level_in_tonnes() -> None:
    key = SigningKey.generate()
    done = signed(key, LotWitnessing.by(ORIGIN, [REGULATOR]))
    statement = verify_statement(done.token, key.public_jwk)
    assert {terms.process for terms in statement.lots} == {good.process for good in statement.goods}
    for each in stated_lots(statement, done.digest):
        lot = Lot.of(ledger().installation, each.lot.process, statement.period)
        assert each.terms.origin == f"{ORIGIN}/lot/{lot.id.hex()}"
        record = ledger().records[each.terms.path]
        assert (each.terms.unit, record.field) == ("t", "activity_level")
        assert each.terms.decimals == LOT_DECIMALS == NET_MASS_DECIMALS
        # A production of 2^bits - 1 of its last decimal fits, scaled, and not one bit is wasted.
        scale = 10 ** (LOT_DECIMALS - record.decimals)
        assert ((1 << record.bits) * scale - 1).bit_length() == each.terms.bits
        assert (each.terms.quorum, each.terms.witnesses) == (1, (REGULATOR,))
    assert stated_lot(statement, done.digest, "nothing of this name") is None


@pytest.mark.parametrize(
    ("witnesses", "quorum", "dishonest"), [(0, 0, 0), (1, 1, 0), (2, 2, 1), (3, 3, 1), (4, 3, 1), (7, 5, 1)]
)
def test_the_quorum_is_the_smallest_that_two_logs_cannot_both_reach(
    witnesses: int, quorum: int, dishonest: int
) -> None:
    by = LotWitnessing.by(ORIGIN, [f"CN/5299000000000000{n:04d}" for n in range(witnesses)])
    assert (by.quorum, by.dishonest) == (quorum, dishonest)
    signed(SigningKey.generate(), by)
    if witnesses > 1:
        with pytest.raises(Malformed) as problem:
            signed(SigningKey.generate(), replace(by, quorum=quorum - 1))
        assert problem.value.id == "lot-quorum-rule"


def test_one_production_is_not_stated_for_a_second_exporter() -> None:
    """The same period is a correction for the exporter whose it is, and a second sale of the tonnes for another."""
    first = signed_examination(examine(ledger(), draft()))
    earlier = [EarlierStatement(first.digest, first.statement)]
    examination = replace(
        examine(ledger(), draft(nonce=b"\x05" * 32)), exporter=EXPORTER.replace("EXPORTER", "ANOTHER0")
    )
    with pytest.raises(Refused) as problem:
        signed_examination(examination, earlier=earlier)
    assert problem.value.id == "lot-period-overlap"


def test_a_statement_with_two_lots_of_a_process_is_not_signed() -> None:
    done = signed(SigningKey.generate(), LotWitnessing.by(ORIGIN, [REGULATOR]))
    doubled = replace(done.statement, lots=(*done.statement.lots, done.statement.lots[0]))
    stranger = replace(done.statement, lots=(replace(done.statement.lots[0], process="another"),))
    for wrong in (doubled, stranger):
        with pytest.raises(Malformed) as problem:
            sign_statement(wrong, SigningKey.generate())
        assert problem.value.id == "statement-lots"
