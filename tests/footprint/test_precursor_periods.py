"""Values of a precursor for another time than the installation's reporting period."""

from dataclasses import replace

import pytest
from small_ledgers import ledger_text, read

from carbonport.errors import Malformed
from carbonport.footprint.calculation import calculate
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.ledger_json import ledger_from_json, ledger_to_json

BOUGHT = "id: pig, cn: '72011019', country: IN, process: p1, amount: 10 t, see_direct: 1.5 tCO2e/t"


def plant(basis: str, start: str, end: str) -> str:
    item = f"{{{BOUGHT}, basis: {basis}, period: {{start: {start}, end: {end}}}}}"
    return ledger_text(precursors=(item,))


@pytest.mark.parametrize("basis", ["verified", "attested"])
@pytest.mark.parametrize(("start", "end"), [("2025-01-01", "2025-12-31"), ("2027-01-01", "2027-12-31")])
def test_a_verified_value_of_another_time_is_refused_from_2026_on(basis: str, start: str, end: str) -> None:
    stated = read(plant(basis, start, end))
    (pig,) = stated.precursors
    digests = ("ab" * 32,) if basis == "attested" else ()
    ledger = replace(stated, precursors=(replace(pig, attestations=digests),))
    with pytest.raises(Malformed) as caught:
        calculate(ledger)
    assert caught.value.id == "precursor-period"
    assert caught.value.where == "precursor pig"
    assert start in caught.value.found
    notices = calculate(ledger, Scope.TRANSITIONAL).notices
    assert "precursor-other-period" in {notice.id for notice in notices}


def test_a_period_that_overlaps_is_told_and_the_same_one_is_not() -> None:
    overlapping = calculate(read(plant("verified", "2025-07-01", "2026-06-30"))).notices
    assert [notice.where for notice in overlapping if notice.id == "precursor-other-period"] == [
        "precursor pig"
    ]
    same = calculate(read(plant("verified", "2026-01-01", "2026-12-31"))).notices
    assert "precursor-other-period" not in {notice.id for notice in same}


def test_default_values_have_no_period_to_match() -> None:
    calculate(read(plant("default", "2025-01-01", "2025-12-31")))


def test_the_period_is_kept_and_must_be_one() -> None:
    ledger = read(plant("verified", "2026-01-01", "2026-12-31"))
    assert ledger_from_json(ledger_to_json(ledger)) == ledger
    with pytest.raises(Malformed):
        read(plant("verified", "2026-12-31", "2026-01-01"))
    with pytest.raises(Malformed):
        read(plant("verified", "yesterday", "2026-01-01"))
