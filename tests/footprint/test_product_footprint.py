"""Product footprints in PACT's form: another scope on the same graph, and data quality by contribution."""

from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import pytest
from small_ledgers import COKE, ledger_text, read

from carbonport.errors import Malformed
from carbonport.footprint.calculation import calculate
from carbonport.footprint.contributions import contributions
from carbonport.footprint.evaluate import evaluate, source_values
from carbonport.footprint.explain import explain, recompute
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.product_footprint import FootprintWord, ProductFootprint, product_footprint

WORD = FootprintWord(Decimal("1.5"), Decimal("0.002"))

MEASURED = COKE.replace("process: p1", "process: p1, quality: measured")
PRECURSOR = (
    "{id: x, cn: '72011019', country: DE, process: p1, basis: verified, quality: supplier, amount: 100 t,"
    " see_direct: 1.5 tCO2e/t, see_indirect: 0.1 tCO2e/t}"
)


def footprint(text: str, word: FootprintWord = WORD) -> tuple[ProductFootprint, dict[str, Any], Ledger]:
    ledger = read(text)
    found = product_footprint(ledger, ledger.goods[0], word)
    return found, cast(dict[str, Any], found.carbon_footprint), ledger


def test_a_footprint_counts_what_cbam_leaves_out() -> None:
    text = ledger_text(streams=(MEASURED,), precursors=(PRECURSOR,))
    found, data, ledger = footprint(text)
    # Electricity at the grid's 0.5306; precursors from the Union count with their emissions.
    expected = (Fraction("3224.32") + 150 + 500 * Fraction("0.5306") + 10) / 2000
    assert found.results["see_direct"] + found.results["see_indirect"] == expected
    assert data["pcfExcludingBiogenicUptake"] == "1.82481"
    assert calculate(ledger).goods[0].source["see_total"] == Fraction("3224.32") / 2000
    values = source_values(ledger)
    assert recompute(explain(found.graph, ledger, values)) == evaluate(found.graph, values)


def test_the_object_has_every_required_field_as_text() -> None:
    _, data, _ = footprint(ledger_text(streams=(MEASURED,)))
    required = {
        "declaredUnitOfMeasurement": "kilogram",
        "declaredUnitAmount": "1",
        "productMassPerDeclaredUnit": "1",
        "referencePeriodStart": "2026-01-01T00:00:00Z",
        "referencePeriodEnd": "2027-01-01T00:00:00Z",
        "fossilCarbonContent": "0.002",
        "exemptedEmissionsPercent": "1.5",
        "geographyCountry": "CN",
    }
    assert required.items() <= data.items()
    assert data["ipccCharacterizationFactors"] == ["AR5"]
    assert Decimal(data["fossilGhgEmissions"]) >= 0
    assert "Not a CBAM value" in data["boundaryProcessesDescription"]


def test_primary_share_and_ratings_follow_the_qualities_of_what_contributes() -> None:
    process = "activity_level: 2000 t, electricity: {value: 500, unit: MWh, quality: measured}"
    _, data, _ = footprint(ledger_text(process=process, streams=(MEASURED,)))
    grid = 500 * Decimal("0.5306")
    share = Decimal("3224.32") / (Decimal("3224.32") + grid) * 100
    assert abs(Decimal(data["primaryDataShare"]) - share) <= Decimal("0.005")
    rating = (Decimal("3224.32") * 1 + grid * 3) / (Decimal("3224.32") + grid)
    assert abs(Decimal(data["dqi"]["technologicalDQR"]) - rating) <= Decimal("0.005")


def test_unstated_quality_is_never_primary() -> None:
    _, data, _ = footprint(ledger_text())
    assert Decimal(data["primaryDataShare"]) == 0
    assert data["dqi"]["technologicalDQR"] == "5.00"


def test_contributions_add_up_through_internal_flows() -> None:
    text = ledger_text(streams=(MEASURED,)).replace(
        "processes: [", "processes: [{id: p0, name: Zero, activity_level: 30 t, electricity: 7 MWh,"
        " direct_emissions: 10 tCO2e, quality: measured}, "
    )  # fmt: skip
    found, _, ledger = footprint(text + "internal_flows: [{from: p0, to: p1, amount: 10 t}]\n")
    parts = contributions(found.graph, "see_direct", ledger, source_values(ledger))
    assert sum(part.amount for part in parts) == found.results["see_direct"]
    assert {part.node for part in parts} == {"stream/coke/emissions", "process/p0/direct_emissions"}


def test_electricity_is_declared_per_kilowatt_hour() -> None:
    text = ledger_text(process="activity_level: 100 MWh, electricity: 0 MWh", cn="27160000")
    _, data, _ = footprint(text)
    assert (data["declaredUnitOfMeasurement"], data["productMassPerDeclaredUnit"]) == ("kilowatt hour", "0")
    assert data["fossilGhgEmissions"] == "32.24320"


@pytest.mark.parametrize(
    ("text", "word", "error"),
    [
        (ledger_text(process="activity_level: 1 t"), WORD, "footprint-gap"),
        (ledger_text(country="BR"), WORD, "footprint-gap"),
        (ledger_text(), FootprintWord(Decimal(6), Decimal(0)), "footprint-word"),
        (ledger_text(), FootprintWord(Decimal(0), Decimal(-1)), "footprint-word"),
    ],
)
def test_a_footprint_has_no_gaps(text: str, word: FootprintWord, error: str) -> None:
    with pytest.raises(Malformed) as caught:
        footprint(text, word)
    assert caught.value.id == error


def test_burnt_biomass_counts_without_its_uptake_and_not_with_it() -> None:
    wood = "{id: wood, method: combustion, process: p1, activity_data: 10 TJ, emission_factor: 112 tCO2/TJ,"
    process = "activity_level: 1000 t, electricity: 0 MWh"
    _, data, _ = footprint(ledger_text(process=process, streams=(wood + " biomass_fraction: 100 %}",)))
    assert data["pcfExcludingBiogenicUptake"] == "1.12000"
    assert data["pcfIncludingBiogenicUptake"] == "0.00000"
    assert data["fossilGhgEmissions"] == "0.00000"
