"""Specific embedded emissions: attribution, electricity, precursors, scope, default share."""

from fractions import Fraction
from pathlib import Path

import pytest
from small_ledgers import COKE, ledger_text, read

from carbonport.errors import Malformed
from carbonport.footprint.calculation import Calculation, GoodResult, calculate
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.tables.rule_tables import RuleTables

COKE_T = Fraction("3224.32")
"""Direct emissions of the stream COKE."""

IRON = (
    "{id: iron, cn: '72011019', country: UA, process: p1, basis: verified,"
    " amount: 100 t, see_direct: 1.5 tCO2e/t"
)
SINTER = (
    "{id: sinter, cn: '26011200', country: BR, process: p1, basis: default,"
    " amount: 50 t, see_direct: 0.3 tCO2e/t"
)


def one(text: str, scope: Scope | None = None, tables: RuleTables | None = None) -> GoodResult:
    return calculate(read(text), scope, tables).goods[0]


def whole(text: str, scope: Scope | None = None) -> Calculation:
    return calculate(read(text), scope)


def test_direct_and_indirect_per_tonne() -> None:
    good = one(ledger_text())
    assert good.source["see_direct"] == COKE_T / 2000
    assert good.source["see_indirect"] == Fraction("0.605") * 500 / 2000
    assert good.attested("see_direct") == "1.61216"
    assert good.source["default_share"] == 0


def test_waste_gas_heat_and_electricity_are_carried_over_the_boundary() -> None:
    process = (
        "activity_level: 100 t, electricity: 0 MWh,"
        " waste_gas_import: 2 TJ, waste_gas_export: 10 TJ,"
        " heat_import: 3 TJ, heat_import_factor: 60 tCO2/TJ,"
        " heat_export: 5 TJ, heat_export_factor: 70 tCO2/TJ,"
        " electricity_export: 40 MWh, electricity_export_factor: 0.8 tCO2/MWh"
    )
    expected = COKE_T + 2 * Fraction("56.1") - 10 * Fraction("56.1") * Fraction("0.667") + 180 - 350 - 32
    assert one(ledger_text(process=process)).source["attributed_direct"] == expected


def test_attributed_emissions_never_fall_below_zero() -> None:
    process = "activity_level: 100 t, electricity: 1 MWh, heat_export: 900 TJ, heat_export_factor: 70 tCO2/TJ"
    assert one(ledger_text(process=process)).source["attributed_direct"] == 0


def test_the_operators_own_record_takes_the_place_of_streams() -> None:
    process = "activity_level: 100 t, electricity: 1 MWh, direct_emissions: 250 tCO2e"
    assert one(ledger_text(process=process)).source["see_direct"] == Fraction(5, 2)
    both = whole(ledger_text(process=process + ", direct_emissions_from: streams"))
    assert both.goods[0].source["see_direct"] == COKE_T / 100
    assert "direct-emissions-differ" in [notice.id for notice in both.notices]
    with pytest.raises(Malformed) as caught:
        one(ledger_text(process="activity_level: 1 t, direct_emissions_from: record"))
    assert caught.value.id == "process-missing-figure"


def test_an_exported_flow_of_zero_needs_no_factor_and_another_does() -> None:
    assert (
        one(ledger_text(process="activity_level: 1 t, electricity: 1 MWh, heat_export: 0 TJ")).problems == ()
    )
    with pytest.raises(Malformed) as caught:
        one(ledger_text(process="activity_level: 1 t, electricity: 1 MWh, heat_export: 1 TJ"))
    assert caught.value.id == "process-missing-figure"


def test_a_production_of_zero_is_refused() -> None:
    with pytest.raises(Malformed) as caught:
        one(ledger_text(process="activity_level: 0 t, electricity: 1 MWh"))
    assert caught.value.id == "evaluate-division-by-zero"


def test_a_good_outside_cbam_is_refused() -> None:
    with pytest.raises(Malformed) as caught:
        one(ledger_text(cn="84011000"))
    assert caught.value.id == "good-out-of-scope"


def test_the_period_decides_the_scope() -> None:
    assert whole(ledger_text(year=2025)).scope is Scope.TRANSITIONAL
    assert whole(ledger_text(year=2026)).scope is Scope.DEFINITIVE
    assert whole(ledger_text(year=2026), Scope.TRANSITIONAL).scope is Scope.TRANSITIONAL


def test_indirect_emissions_count_by_scope_and_good() -> None:
    steel = one(ledger_text())
    assert not steel.rules.indirect_in_scope
    assert steel.source["see_total"] == steel.source["see_direct"]
    transitional = one(ledger_text(year=2025))
    assert (
        transitional.source["see_total"]
        == transitional.source["see_direct"] + transitional.source["see_indirect"]
    )
    sinter = one(ledger_text(cn="26011200"))
    assert sinter.rules.indirect_in_scope
    assert sinter.source["see_total"] == sinter.source["see_direct"] + sinter.source["see_indirect"]


STATED = "activity_level: 2000 t, electricity: 500 MWh, electricity_factor: 0.9 tCO2/MWh"


@pytest.mark.parametrize(
    ("source", "year", "factor", "basis"),
    [
        ("grid", 2025, "0.9", "ledger"),
        ("grid", 2026, "0.605", "default-table"),
        ("D.4(b)", 2026, "0.605", "default-table"),
        ("Mix", 2026, "0.605", "default-table"),
        ("ppa", 2026, "0.9", "ledger"),
        ("direct-line", 2026, "0.9", "ledger"),
        ("D.4.3.2", 2026, "0.9", "ledger"),
    ],
)
def test_a_stated_electricity_factor_needs_evidence_from_2026_on(
    source: str, year: int, factor: str, basis: str
) -> None:
    good = one(ledger_text(process=f"{STATED}, electricity_source: {source}", year=year))
    assert good.source["see_indirect"] == Fraction(factor) / 4
    assert good.rules.electricity.basis == basis


def test_a_country_without_default_factor_loses_indirect_results_only(tmp_path: Path) -> None:
    text = ledger_text(process=STATED, country="TR", cn="25232900")
    good = one(text)
    assert good.source["see_direct"] == COKE_T / 2000
    assert "see_indirect" not in good.source
    assert "see_total" not in good.source
    assert [problem.result for problem in good.problems] == ["see_indirect", "see_total"]
    assert "--electricity-factors" in good.problems[0].error.remedy
    table = tmp_path / "electricity.csv"
    table.write_text(
        "# title: own\n# version: 7\n# source: test\ncountry,factor,unit\nTürkiye,0.4,tCO2e/MWh\n"
    )
    supplied = calculate(read(text), None, RuleTables.load(table))
    assert supplied.goods[0].source["see_indirect"] == Fraction("0.1")
    assert supplied.table_versions["electricity_factors"] == "electricity.csv 7"


@pytest.mark.parametrize(
    "rows",
    ["Atlantis,1,tCO2e/MWh", "CN,1,t", "CN,-1,tCO2/MWh", "CN,x,tCO2/MWh", "CN,1,tCO2/MWh\nChina,1,tCO2/MWh"],
)
def test_a_broken_electricity_table_is_refused(tmp_path: Path, rows: str) -> None:
    table = tmp_path / "electricity.csv"
    table.write_text(f"# title: own\n# version: 7\n# source: test\ncountry,factor,unit\n{rows}\n")
    with pytest.raises(Malformed):
        RuleTables.load(table)


def test_electricity_that_is_not_stated_is_a_problem_of_indirect_results() -> None:
    good = one(ledger_text(process="activity_level: 2000 t"))
    assert [problem.error.id for problem in good.problems] == ["process-missing-figure"]
    assert "see_total" in good.source


def test_precursors_add_amount_times_specific_emissions() -> None:
    good = one(ledger_text(precursors=(IRON + ", see_indirect: 0.2 tCO2e/t}",)))
    assert good.source["see_direct"] == (COKE_T + 150) / 2000
    assert good.source["see_indirect"] == (Fraction("302.5") + 20) / 2000
    assert good.source["default_share"] == 0


def test_a_precursors_indirect_emissions_follow_from_its_electricity() -> None:
    electricity = ", electricity: 0.5 MWh/t, electricity_factor: 0.6 tCO2/MWh}"
    good = one(ledger_text(precursors=(IRON + electricity,), year=2025))
    assert good.source["see_indirect"] == (Fraction("302.5") + 30) / 2000


def test_unknown_indirect_emissions_of_a_precursor_are_a_problem() -> None:
    good = one(ledger_text(precursors=(IRON + "}",)))
    assert [problem.error.id for problem in good.problems] == ["precursor-indirect-missing"]
    assert good.source["see_total"] == good.source["see_direct"]


def test_the_share_of_default_values_is_that_of_direct_emissions() -> None:
    good = one(
        ledger_text(precursors=(IRON + ", see_indirect: 0 tCO2e/t}", SINTER + ", see_indirect: 0 tCO2e/t}"))
    )
    assert good.source["default_share"] == Fraction(15) / (COKE_T + 165)


def test_a_steel_good_takes_the_indirect_emissions_of_sinter_only() -> None:
    precursors = (IRON + ", see_indirect: 0.2 tCO2e/t}", SINTER + ", see_indirect: 0.04 tCO2e/t}")
    good = one(ledger_text(precursors=precursors))
    assert good.source["see_indirect"] == (Fraction("302.5") + 20 + 2) / 2000
    assert good.source["see_indirect_in_scope"] == Fraction(2, 2000)
    assert good.source["see_total"] == good.source["see_direct"] + Fraction(2, 2000)


def test_sinter_does_not_take_the_indirect_emissions_of_iron() -> None:
    precursors = (IRON + "}", SINTER + ", see_indirect: 0.04 tCO2e/t}")
    good = one(ledger_text(precursors=precursors, cn="26011200"))
    assert good.problems == ()
    assert good.source["see_indirect"] == (Fraction("302.5") + 2) / 2000


@pytest.mark.parametrize(
    ("country", "year", "direct"), [("DE", 2026, 0), ("Norway", 2026, 0), ("DE", 2025, 150)]
)
def test_precursors_of_the_union_carry_nothing_from_2026_on(country: str, year: int, direct: int) -> None:
    iron = IRON.replace("UA", country).replace("verified", "default") + ", see_indirect: 0 tCO2e/t}"
    good = one(ledger_text(precursors=(iron,), year=year))
    assert good.source["see_direct"] == (COKE_T + direct) / 2000
    assert (good.source["default_share"] > 0) is bool(direct)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("UA", "Atlantis", "precursor-country"),
        ("72011019", "84011000", "good-out-of-scope"),
        (", see_direct: 1.5 tCO2e/t", "", "precursor-missing-figure"),
    ],
)
def test_a_precursor_that_cannot_be_counted_is_refused(old: str, new: str, error: str) -> None:
    with pytest.raises(Malformed) as caught:
        one(ledger_text(precursors=((IRON + "}").replace(old, new),)))
    assert caught.value.id == error


def test_declared_values_decide_what_is_attested() -> None:
    # 0.8800000004 tC/t is declared as 0.880000000: the two results round to different fifth decimals.
    coke = COKE.replace("0.88", "0.8800000004").replace("1000 t", "1000.0004 t")
    result = whole(ledger_text(streams=(coke,), process="activity_level: 0.0364 t, electricity: 1 MWh"))
    good = result.goods[0]
    assert good.source["see_direct_rounded"] != good.declared["see_direct_rounded"]
    assert "declared-fifth-decimal" in [notice.id for notice in result.notices]
    assert Fraction(good.attested("see_direct")) == good.declared["see_direct_rounded"]


def test_figures_that_are_not_used_are_named() -> None:
    notices = whole(ledger_text(process=f"{STATED}, electricity_source: grid")).notices
    unused = [notice.text for notice in notices if notice.id == "figures-not-used"]
    assert unused == ["figures that this calculation does not need (1): process/p1/electricity_factor"]


def test_a_good_counted_in_another_unit_says_so() -> None:
    assert "functional-unit" in [notice.id for notice in whole(ledger_text(cn="25232900")).notices]


def test_two_goods_of_one_process_share_their_values_and_differ_in_their_graph() -> None:
    goods = whole(
        ledger_text().replace('[{cn: "72083900"', '[{cn: "72142000", process: p1}, {cn: "72083900"')
    ).goods
    assert goods[0].source == goods[1].source
    assert goods[0].graph.digest != goods[1].graph.digest
    assert [good.cn for good in goods] == ["72083900", "72142000"]
